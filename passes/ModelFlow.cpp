#include "passes/ModelFlow.h"

#include "ir/Axes.h"
#include "passes/FlowBuilder.h"

using namespace heed;
using namespace heed::attn;
using namespace mlir;
using masks::FlowGraph;

static bool isPromised(Operation *module) {
  auto model = module->getAttrOfType<DictionaryAttr>("attn.model");
  auto promises = model ? model.getAs<ArrayAttr>("promises") : ArrayAttr();
  return promises && !promises.empty();
}

/// The axis of the entries' arguments that has any size; empty where there is
/// none or another one.
static std::string onlyOpenAxis(Operation *module) {
  llvm::StringSet<> open;
  module->walk([&](func::FuncOp function) {
    if (function.isPrivate())
      return;
    for (Type type : function.getArgumentTypes())
      if (isa<RankedTensorType>(type))
        for (StringAttr name : axisNames(type))
          if (ShapedType::isDynamic(axisSize(type, name)))
            open.insert(name.getValue());
  });
  return open.size() == 1 ? open.begin()->getKey().str() : "";
}

heed::ModelFlow::ModelFlow(Operation *module) {
  llvm::StringSet<> axes;
  module->walk([&](Operation *op) {
    for (StringRef name : {"q_axis", "kv_axis"})
      if (auto axis = op->getAttrOfType<StringAttr>(name))
        axes.insert(axis.getValue());
    if (auto function = dyn_cast<func::FuncOp>(op))
      for (Type type : function.getArgumentTypes())
        if (auto ragged = dyn_cast<RaggedType>(type))
          axes.insert(ragged.getAxis().getValue());
  });
  if (axes.empty() && isPromised(module))
    if (std::string axis = onlyOpenAxis(module); !axis.empty())
      axes.insert(axis);
  module->walk([&](func::FuncOp function) {
    if (function.isPrivate() || function.isExternal() ||
        !llvm::hasSingleElement(function.getBody()))
      return;
    flows.push_back(
        {function, FlowGraph(module->getContext()), {}, {}, {}, {}});
    FlowBuilder(flows.back(), axes).build();
  });
}
