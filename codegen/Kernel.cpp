//===- Kernel.cpp - One op as a function on memory ------------------------===//
#include "codegen/Kernel.h"

#include "mlir/Transforms/RegionUtils.h"
#include "llvm/ADT/SetVector.h"

using namespace mlir;
using namespace heed::attn;

namespace heed {

static MemRefType memory(Type element) {
  return MemRefType::get({ShapedType::kDynamic}, element);
}

SmallVector<Type> CallContext::types(MLIRContext *context, bool hasCache) {
  Builder b(context);
  SmallVector<Type> out = {memory(b.getI8Type()),  memory(b.getI8Type()),
                           memory(b.getI64Type()), memory(b.getI8Type()),
                           b.getIndexType(),       b.getIndexType()};
  if (hasCache)
    out.push_back(memory(b.getF32Type()));
  return out;
}

SmallVector<Value> CallContext::values() const {
  SmallVector<Value> out = {weights, arena, sizes, sync, thread, threads};
  if (pool)
    out.push_back(pool);
  return out;
}

CallContext CallContext::of(Block &entry, bool hasCache) {
  return {entry.getArgument(0),
          entry.getArgument(1),
          entry.getArgument(2),
          entry.getArgument(3),
          hasCache ? Value(entry.getArgument(6)) : Value(),
          entry.getArgument(4),
          entry.getArgument(5)};
}

SmallVector<Type> memoryTypes(Type type) {
  Builder b(type.getContext());
  if (auto tensor = dyn_cast<RankedTensorType>(type)) {
    SmallVector<Type> out = {memory(tensor.getElementType())};
    out.append(tensor.getNumDynamicDims(), b.getIndexType());
    return out;
  }
  if (isa<WeightType>(type))
    return {b.getIndexType()};
  if (isa<RaggedType>(type))
    return {memory(b.getI32Type()), memory(b.getI32Type()),
            memory(b.getI64Type()), memory(b.getI64Type()),
            memory(b.getI64Type())};
  if (isa<CacheType>(type))
    return {b.getIndexType(), b.getIndexType(), b.getIndexType()};
  llvm_unreachable("no memory for this type");
}

Value bindMemory(Emit &e, Type type, ValueRange memory,
                 const CallContext &context) {
  if (isa<RankedTensorType>(type))
    return FromMemoryOp::create(e.b, e.loc, type, memory[0],
                                memory.drop_front());
  if (isa<WeightType>(type))
    return WeightAtOp::create(e.b, e.loc, type, context.weights, memory[0]);
  if (isa<RaggedType>(type))
    return RowsAtOp::create(e.b, e.loc, type, memory[0], memory[1], memory[2],
                            memory[3], memory[4]);
  return CacheAtOp::create(e.b, e.loc, type, context.pool, memory[0], memory[1],
                           memory[2]);
}

Kernel beginKernel(OpBuilder &builder, Operation *op, StringRef name,
                   bool hasCache, SmallVectorImpl<Value> &inputs) {
  llvm::SetVector<Value> outer(op->getOperands().begin(),
                               op->getOperands().end());
  for (Region &region : op->getRegions())
    getUsedValuesDefinedAbove(region, outer);
  inputs.assign(outer.begin(), outer.end());

  MLIRContext *context = op->getContext();
  SmallVector<Type> types = CallContext::types(context, hasCache);
  unsigned leading = types.size();
  types.push_back(memory(builder.getI8Type()));
  for (Value value : inputs)
    llvm::append_range(types, memoryTypes(value.getType()));
  for (Type result : op->getResultTypes())
    llvm::append_range(types, memoryTypes(result));

  Kernel kernel;
  kernel.function = func::FuncOp::create(builder, op->getLoc(), name,
                                         builder.getFunctionType(types, {}));
  kernel.function.setPrivate();
  Block *body = kernel.function.addEntryBlock();
  kernel.context = CallContext::of(*body, hasCache);
  kernel.scratch = body->getArgument(leading);
  builder.setInsertionPointToStart(body);
  Emit e(builder, op->getLoc());
  ValueRange rest = body->getArguments().drop_front(leading + 1);
  auto take = [&](Type type) {
    unsigned count = memoryTypes(type).size();
    Value value = bindMemory(e, type, rest.take_front(count), kernel.context);
    rest = rest.drop_front(count);
    return value;
  };
  for (Value value : inputs)
    kernel.bound.map(value, take(value.getType()));
  for (Type result : op->getResultTypes())
    kernel.targets.push_back(take(result));
  return kernel;
}

} // namespace heed
