//===- CacheCapacity.cpp - How many past keys a later query can see -------===//
#include "passes/masks/CacheCapacity.h"
#include "passes/MaskAnalysis.h"
#include "passes/Passes.h"
#include "passes/Remarks.h"

using namespace mlir;
using namespace heed::attn;

namespace heed {
#define GEN_PASS_DEF_CACHECAPACITY
#include "passes/Passes.h.inc"

namespace {
constexpr llvm::StringLiteral Name = "cache-capacity";

struct CacheCapacity : impl::CacheCapacityBase<CacheCapacity> {
  void runOnOperation() override {
    auto &analysis = getAnalysis<MaskAnalysis>();
    markAllAnalysesPreserved();
    getOperation()->walk([&](AttentionOp op) {
      if (!isa<CacheType>(op.getK().getType()))
        return;
      MaskFacts *facts = analysis.known(op, Name);
      if (!facts)
        return;
      std::string text = "later queries see ";
      llvm::raw_string_ostream os(text);
      facts->cacheCapacity().print(os);
      found(op, Name, text);
    });
  }
};
} // namespace
} // namespace heed
