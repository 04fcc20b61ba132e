//===- AttentionViews.cpp - Where an attention's operands lie in memory ---===//
#include "codegen/attention/AttentionViews.h"
#include "ir/Axes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"

using namespace mlir;

namespace heed::attn {

using Kind = AttentionArgKind;

AttentionViews::AttentionViews(AttentionOp op, ArrayRef<AttentionArg> args,
                               ValueRange values, OpBuilder &b)
    : op(op), args(args), values(values), b(b), loc(op.getLoc()) {}

//===----------------------------------------------------------------------===//
// Arguments and arithmetic
//===----------------------------------------------------------------------===//

Value AttentionViews::get(Kind kind) const {
  for (auto [arg, value] : llvm::zip(args, values))
    if (arg.kind == kind)
      return value;
  return {};
}
Value AttentionViews::named(Kind kind, StringAttr name) const {
  for (auto [arg, value] : llvm::zip(args, values))
    if (arg.kind == kind && arg.name == name)
      return value;
  llvm_unreachable("attentionArguments gives every name");
}
Value AttentionViews::tableArgument(Kind kind, Value table) const {
  for (auto [arg, value] : llvm::zip(args, values))
    if (arg.kind == kind && arg.value == table)
      return value;
  llvm_unreachable("attentionArguments gives every table");
}

Value AttentionViews::index(int64_t value) {
  return arith::ConstantIndexOp::create(b, loc, value);
}
Value AttentionViews::value(OpFoldResult result) {
  return getValueOrCreateConstantIndexOp(b, loc, result);
}
Value AttentionViews::add(Value x, Value y) {
  return b.createOrFold<arith::AddIOp>(loc, x, y);
}
Value AttentionViews::multiply(Value x, Value y) {
  return b.createOrFold<arith::MulIOp>(loc, x, y);
}
OpFoldResult AttentionViews::multiply(OpFoldResult x, OpFoldResult y) {
  std::optional<int64_t> a = getConstantIntValue(x), c = getConstantIntValue(y);
  if (a && c)
    return b.getIndexAttr(*a * *c);
  if (a == 1)
    return y;
  if (c == 1)
    return x;
  return multiply(value(x), value(y));
}
Value AttentionViews::loadIndex(Value memref, Value at) {
  Value loaded = memref::LoadOp::create(b, loc, memref, at);
  return arith::IndexCastOp::create(b, loc, b.getIndexType(), loaded);
}

//===----------------------------------------------------------------------===//
// Layout
//===----------------------------------------------------------------------===//

OpFoldResult AttentionViews::axisLength(StringAttr name, int64_t size) {
  if (ShapedType::isDynamic(size))
    return named(Kind::AxisSize, name);
  return b.getIndexAttr(size);
}

SmallVector<OpFoldResult> AttentionViews::strides(RankedTensorType type) {
  SmallVector<OpFoldResult> result(type.getRank(), b.getIndexAttr(1));
  for (int64_t i = type.getRank() - 2; i >= 0; --i)
    result[i] = multiply(result[i + 1], axisLength(axisNames(type)[i + 1],
                                                   type.getDimSize(i + 1)));
  return result;
}

OpFoldResult AttentionViews::strideOf(RankedTensorType type, StringRef axis) {
  std::optional<unsigned> at = findAxis(type, axis);
  return at ? strides(type)[*at] : OpFoldResult(b.getIndexAttr(0));
}

/// The axes of q that are no role: each of their elements is a segment.
SmallVector<StringAttr> AttentionViews::batchAxes() {
  SmallVector<StringAttr> batch;
  for (StringAttr name : axisNames(op.getQ().getType()))
    if (name != axis::Heads && name != axis::Head &&
        name.getValue() != op.getQAxis())
      batch.push_back(name);
  return batch;
}

int64_t AttentionViews::keyHeads() {
  if (auto cache = dyn_cast<CacheType>(op.getK().getType()))
    return cache.getKvHeads();
  Type k = op.getK().getType();
  return axisSize(k, axis::KvHeads, axisSize(k, axis::Heads));
}

Value AttentionViews::segments() {
  if (op.getQRows())
    return memref::DimOp::create(b, loc, get(Kind::QueryPast), 0);
  OpFoldResult count = b.getIndexAttr(1);
  for (StringAttr name : batchAxes())
    count =
        multiply(count, axisLength(name, axisSize(op.getQ().getType(), name)));
  return value(count);
}

Segment AttentionViews::segment(Value number) {
  Segment segment;
  segment.number = number;
  Value zero = index(0);
  if (!op.getQRows()) {
    auto length = [&](Value tensor, StringRef axis) {
      return value(
          axisLength(b.getStringAttr(axis), axisSize(tensor.getType(), axis)));
    };
    segment.queryLength = length(op.getQ(), op.getQAxis());
    segment.keyLength = length(op.getK(), op.getKvAxis());
    segment.past = segment.firstQuery = segment.firstKey = zero;
    return segment;
  }
  Value next = add(number, index(1));
  auto rows = [&](Kind starts, Value &first) -> Value {
    first = loadIndex(get(starts), number);
    return arith::SubIOp::create(b, loc, loadIndex(get(starts), next), first);
  };
  segment.queryLength = rows(Kind::QueryStarts, segment.firstQuery);
  segment.keyLength = rows(Kind::KeyStarts, segment.firstKey);
  segment.past = loadIndex(get(Kind::QueryPast), number);
  if (get(Kind::Cache)) {
    segment.keyLength =
        add(segment.keyLength, loadIndex(get(Kind::KeyPast), number));
    segment.slot = loadIndex(get(Kind::KeySlots), number);
  }
  return segment;
}

Value AttentionViews::segmentOffset(RankedTensorType type,
                                    const Segment &segment, StringRef rowAxis,
                                    Value firstRow) {
  if (op.getQRows())
    return multiply(firstRow, value(strideOf(type, rowAxis)));
  // The segment's number counts the batch axes of q, the last fastest.
  Value offset = index(0), rest = segment.number;
  SmallVector<StringAttr> batch = batchAxes();
  for (auto [i, name] : llvm::enumerate(llvm::reverse(batch))) {
    Value coordinate = rest;
    if (i + 1 < batch.size()) {
      Value size = value(axisLength(name, axisSize(op.getQ().getType(), name)));
      coordinate = arith::RemUIOp::create(b, loc, rest, size);
      rest = arith::DivUIOp::create(b, loc, rest, size);
    }
    offset = add(offset, multiply(coordinate, value(strideOf(type, name))));
  }
  return offset;
}

/// A view of `base` from `offset`, whose last stride is 1.
static Value view(OpBuilder &b, Location loc, Value base, Value offset,
                  ArrayRef<OpFoldResult> sizes,
                  ArrayRef<OpFoldResult> strides) {
  SmallVector<int64_t> shape, steps;
  // A constant may come as a value; the type and the op must both know it.
  auto fold = [&](ArrayRef<OpFoldResult> given, SmallVector<int64_t> &known) {
    SmallVector<OpFoldResult> out;
    for (OpFoldResult one : given) {
      std::optional<int64_t> constant = getConstantIntValue(one);
      known.push_back(constant.value_or(ShapedType::kDynamic));
      out.push_back(constant ? OpFoldResult(b.getIndexAttr(*constant)) : one);
    }
    return out;
  };
  SmallVector<OpFoldResult> folded = fold(sizes, shape),
                            steppedBy = fold(strides, steps);
  auto layout =
      StridedLayoutAttr::get(b.getContext(), ShapedType::kDynamic, steps);
  auto type = MemRefType::get(
      shape, cast<MemRefType>(base.getType()).getElementType(), layout);
  return memref::ReinterpretCastOp::create(
      b, loc, type, base, OpFoldResult(offset), folded, steppedBy);
}

Value AttentionViews::grouped(Value base, const Segment &segment,
                              Value firstHead, int64_t group) {
  auto type = cast<RankedTensorType>(op.getQ().getType());
  OpFoldResult row = strideOf(type, op.getQAxis());
  OpFoldResult head =
      findAxis(type, axis::Heads) ? strideOf(type, axis::Heads) : row;
  Value offset =
      segmentOffset(type, segment, op.getQAxis(), segment.firstQuery);
  offset = add(offset, multiply(firstHead, value(head)));
  OpFoldResult sizes[] = {segment.queryLength, b.getIndexAttr(group),
                          b.getIndexAttr(type.getShape().back())};
  return view(b, loc, base, offset, sizes, {row, head, b.getIndexAttr(1)});
}
Value AttentionViews::queries(const Segment &segment, Value firstHead,
                              int64_t group) {
  return grouped(get(Kind::Query), segment, firstHead, group);
}
Value AttentionViews::outputs(const Segment &segment, Value firstHead,
                              int64_t group) {
  return grouped(get(Kind::Out), segment, firstHead, group);
}

std::pair<Value, Value> AttentionViews::keysAndValues(const Segment &segment,
                                                      Value keyHead) {
  int64_t head = axisSize(op.getQ().getType(), axis::Head);
  OpFoldResult one = b.getIndexAttr(1),
               sizes[] = {segment.keyLength, b.getIndexAttr(head)};
  if (Value cache = get(Kind::Cache)) {
    Value capacity = get(Kind::Capacity);
    Value layer = add(multiply(segment.slot, get(Kind::SlotStride)),
                      get(Kind::LayerOffset));
    Value keyOffset =
        add(layer, multiply(multiply(keyHead, capacity), index(head)));
    Value valueOffset =
        add(keyOffset, multiply(capacity, index(keyHeads() * head)));
    OpFoldResult row = b.getIndexAttr(head);
    return {view(b, loc, cache, keyOffset, sizes, {row, one}),
            view(b, loc, cache, valueOffset, sizes, {row, one})};
  }
  auto viewOf = [&](Kind kind, Value tensor) {
    auto type = cast<RankedTensorType>(tensor.getType());
    StringRef heads =
        findAxis(type, axis::KvHeads) ? axis::KvHeads : axis::Heads;
    Value offset =
        segmentOffset(type, segment, op.getKvAxis(), segment.firstKey);
    offset = add(offset, multiply(keyHead, value(strideOf(type, heads))));
    return view(b, loc, get(kind), offset, sizes,
                {strideOf(type, op.getKvAxis()), one});
  };
  Value keys = viewOf(Kind::Key, op.getK());
  return {keys, viewOf(Kind::Value, op.getV())};
}

Value AttentionViews::sinks(Value firstHead, int64_t group) {
  return view(b, loc, get(Kind::Sinks), firstHead,
              {OpFoldResult(b.getIndexAttr(group))},
              {OpFoldResult(b.getIndexAttr(1))});
}

Value AttentionViews::scratch(Value offset, ArrayRef<int64_t> sizes,
                              Type element) {
  auto type = MemRefType::get(sizes, element ? element : b.getF32Type());
  return memref::ViewOp::create(b, loc, type, get(Kind::Scratch), offset,
                                ValueRange{});
}

//===----------------------------------------------------------------------===//
// Tables
//===----------------------------------------------------------------------===//

Value AttentionViews::maskTable(MaskSymbolAttr symbol) {
  auto names = op.getTableNames()->getAsRange<StringAttr>();
  return op.getTables()[std::distance(names.begin(),
                                      llvm::find(names, symbol.getTable()))];
}

Value AttentionViews::maskSymbol(MaskSymbolAttr symbol, const Segment &segment,
                                 Value headIndex) {
  if (symbol.getIndex() == SymbolIndex::Head)
    return loadIndex(tableArgument(Kind::MaskTable, maskTable(symbol)),
                     headIndex);
  if (symbol.getIndex() == SymbolIndex::Batch)
    return loadIndex(tableArgument(Kind::MaskTable, maskTable(symbol)),
                     segment.number);
  StringRef name = symbol.getName().getValue();
  return name == "q_len"    ? segment.queryLength
         : name == "kv_len" ? segment.keyLength
         : name == "h"      ? headIndex
         : name == "b"      ? segment.number
                            : named(Kind::MaskSymbol, symbol.getName());
}

Value AttentionViews::opaqueSymbol(MaskSymbolAttr symbol,
                                   const Segment &segment, Value q, Value kv) {
  bool byKey = symbol.getIndex() == SymbolIndex::Key;
  Value table = maskTable(symbol), at = byKey ? kv : q;
  auto type = cast<RankedTensorType>(table.getType());
  // A table over the rows of this call is indexed by row; any other by absolute
  // position.
  if (StringRef rows = byKey ? op.getKvAxis() : op.getQAxis();
      findAxis(type, rows)) {
    if (!byKey)
      at = arith::SubIOp::create(b, loc, q, segment.past);
    at = add(at, segmentOffset(type, segment, rows,
                               byKey ? segment.firstKey : segment.firstQuery));
  }
  return loadIndex(tableArgument(Kind::MaskTable, table), at);
}

Value AttentionViews::lookup(LookupOp lookup, IRMapping &values) {
  ArrayRef<int64_t> shape =
      cast<WeightType>(lookup.getTable().getType()).getShape();
  Value at = index(0);
  int64_t elements = 1;
  for (auto [i, size] : llvm::zip(lookup.getIndices(), shape)) {
    at = add(multiply(at, index(size)), values.lookupOrDefault(i));
    elements *= size;
  }
  at = arith::MaxSIOp::create(b, loc, at, index(0));
  at = arith::MinSIOp::create(b, loc, at, index(elements - 1));
  return memref::LoadOp::create(
      b, loc, tableArgument(Kind::LookupTable, lookup.getTable()), at);
}

} // namespace heed::attn
