//===- AttentionArguments.cpp - What an attention kernel is called with ---===//
#include "codegen/attention/AttentionArguments.h"
#include "ir/Axes.h"

#include "llvm/ADT/SetVector.h"

using namespace mlir;

namespace heed::attn {

/// Symbols that the kernel knows by itself.
static bool isDerived(MaskSymbolAttr symbol) {
  return !symbol.getTable().getValue().empty() ||
         llvm::is_contained({"q_len", "kv_len", "h", "b"},
                            symbol.getName().getValue());
}

SmallVector<AttentionArg> attentionArguments(AttentionOp op) {
  MLIRContext *context = op.getContext();
  auto buffer = [&](Type element) {
    return MemRefType::get({ShapedType::kDynamic}, element);
  };
  Type f32 = buffer(Float32Type::get(context)),
       i32 = buffer(IntegerType::get(context, 32));
  Type i64 = buffer(IntegerType::get(context, 64)),
       index = IndexType::get(context);
  using Kind = AttentionArgKind;
  SmallVector<AttentionArg> args;
  auto add = [&](Kind kind, Type type, Value value = {}, StringAttr name = {}) {
    args.push_back({kind, type, value, name});
  };

  auto memoryOf = [&](Value tensor) {
    return buffer(cast<RankedTensorType>(tensor.getType()).getElementType());
  };
  bool cached = isa<CacheType>(op.getK().getType());
  add(Kind::Query, memoryOf(op.getQ()), op.getQ());
  if (cached) {
    add(Kind::Cache, f32, op.getK());
    add(Kind::LayerOffset, index, op.getK());
    add(Kind::SlotStride, index, op.getK());
    add(Kind::Capacity, index, op.getK());
  } else {
    add(Kind::Key, memoryOf(op.getK()), op.getK());
    add(Kind::Value, memoryOf(op.getV()), op.getV());
  }
  add(Kind::Out, memoryOf(op.getResult()), op.getResult());

  llvm::SetVector<StringAttr> dynamic;
  auto addAxes = [&](Value tensor) {
    auto type = dyn_cast<RankedTensorType>(tensor.getType());
    if (!type)
      return;
    for (auto [name, size] : llvm::zip(axisNames(type), type.getShape()))
      if (ShapedType::isDynamic(size))
        dynamic.insert(name);
  };
  addAxes(op.getQ());
  addAxes(op.getK());
  addAxes(op.getV());
  llvm::for_each(op.getTables(), addAxes);
  for (StringAttr axis : dynamic)
    add(Kind::AxisSize, index, {}, axis);

  if (Value rows = op.getQRows()) {
    add(Kind::QueryStarts, i64, rows);
    add(Kind::QueryPast, i64, rows);
    Value keyRows = op.getKvRows() ? op.getKvRows() : op.getQRows();
    add(Kind::KeyStarts, i64, keyRows);
    if (cached) {
      add(Kind::KeyPast, i64, keyRows);
      add(Kind::KeySlots, i64, keyRows);
    }
  }
  if (op.getSinks())
    add(Kind::Sinks, f32, op.getSinks());
  for (Value table : op.getTables())
    add(Kind::MaskTable, i32, table);
  for (MaskSymbolAttr symbol : op.getMask().getSymbols())
    if (!isDerived(symbol))
      add(Kind::MaskSymbol, index, {}, symbol.getName());
  llvm::SetVector<Value> lookups;
  op.getScore().walk(
      [&](LookupOp lookup) { lookups.insert(lookup.getTable()); });
  for (Value table : lookups)
    add(Kind::LookupTable, f32, table);
  add(Kind::Scratch, buffer(IntegerType::get(context, 8)));
  add(Kind::ScratchStride, index);
  add(Kind::Thread, index);
  add(Kind::Threads, index);
  return args;
}

} // namespace heed::attn
