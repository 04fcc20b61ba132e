//===- ScoreAxes.cpp - What the axes of stored scores are elsewhere -------===//
#include "codegen/ScoreAxes.h"

#include "ir/Axes.h"

using namespace mlir;
using namespace heed::attn;

namespace heed {

llvm::DenseMap<StringAttr, StringAttr> scoreAxes(ModuleOp module) {
  llvm::DenseMap<StringAttr, StringAttr> names;
  module.walk([&](ScoresOp op) {
    if (op.getQRows())
      return;
    for (auto [role, name] : {std::pair(axis::Query, op.getQAxisAttr()),
                              std::pair(axis::Key, op.getKvAxisAttr())})
      if (name != role)
        names[StringAttr::get(op.getContext(), role)] = name;
  });
  return names;
}

} // namespace heed
