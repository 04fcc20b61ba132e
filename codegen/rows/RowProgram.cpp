//===- RowProgram.cpp - Model ops on rows become vectors ------------------===//
#include "codegen/rows/RowProgram.h"

#include "codegen/rows/Activation.h"
#include "codegen/pack/PackedLayout.h"
#include "codegen/rows/PackedElement.h"
#include "codegen/rows/RopeTable.h"

#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace heed::attn;

namespace heed {

RowShape::RowShape(Type tensor) {
  auto type = cast<RankedTensorType>(tensor);
  ArrayRef<StringAttr> names = axisNames(type);
  unsigned rank = type.getRank();
  bool heads = rank >= 2 && names.size() == rank && names[rank - 1] == axis::Head &&
               (names[rank - 2] == axis::Heads || names[rank - 2] == axis::KvHeads);
  rowAxes = rank ? rank - (heads ? 2 : 1) : 0;
  columns = 1;
  for (int64_t size : type.getShape().drop_front(rowAxes))
    columns *= size;
}

/// The size of an axis of a tensor, wherever a tensor from memory in this kernel tells it.
static Value sizeOfAxis(Emit &e, StringRef name) {
  auto kernel = e.b.getInsertionBlock()->getParentOp();
  if (!isa<func::FuncOp>(kernel))
    kernel = kernel->getParentOfType<func::FuncOp>();
  Value found;
  kernel->walk([&](FromMemoryOp op) {
    unsigned dynamic = 0;
    auto type = cast<RankedTensorType>(op.getType());
    for (auto [axis, size] : llvm::zip(axisNames(type), type.getShape())) {
      bool here = axis == name;
      if (ShapedType::isDynamic(size)) {
        if (here)
          found = op.getSizes()[dynamic];
        ++dynamic;
      } else if (here) {
        OpBuilder::InsertionGuard guard(e.b);
        e.b.setInsertionPointToStart(&cast<func::FuncOp>(kernel).getBody().front());
        found = e.index(size);
      }
      if (here)
        return WalkResult::interrupt();
    }
    return WalkResult::advance();
  });
  return found;
}

Value rowCount(Emit &e, FromMemoryOp tensor) {
  auto type = cast<RankedTensorType>(tensor.getType());
  Value count = e.index(1);
  unsigned dynamic = 0;
  for (int64_t size : type.getShape().take_front(RowShape(type).rowAxes))
    count = ShapedType::isDynamic(size) ? e.mul(count, tensor.getSizes()[dynamic++]) : e.mul(count, size);
  return count;
}

//===----------------------------------------------------------------------===//
// What stands once before a row's columns
//===----------------------------------------------------------------------===//

int64_t RowProgram::scratchBytes(Operation *op) {
  if (auto rope = dyn_cast<RopeOp>(op)) {
    int64_t head = cast<RankedTensorType>(rope.getX().getType()).getShape().back();
    return (2 * ropeTableSize(head) + llvm::alignTo(RowShape(rope.getX().getType()).columns, kLanes)) * 4;
  }
  if (isa<EmbedOp, PositionEmbedOp>(op))
    return llvm::alignTo(RowShape(op->getResult(0).getType()).columns, kLanes) * 4;
  if (auto append = dyn_cast<CacheAppendOp>(op))
    return llvm::alignTo(RowShape(append.getK().getType()).columns, kLanes) * 4;
  return 0;
}

int64_t RowProgram::scratchBytes(Region &region) {
  int64_t bytes = 0;
  region.walk([&](Operation *op) { bytes += scratchBytes(op); });
  return bytes;
}

Value RowProgram::reserve(int64_t floats) {
  Value memory = e.view(scratch, e.index(nextScratch), e.b.getF32Type(), e.index(floats));
  nextScratch += floats * 4;
  return memory;
}

void RowProgram::prepare(Value value, Value row, Value first, Value last) {
  Operation *op = value.getDefiningOp();
  if (!op || places.contains(value) || isa<FromMemoryOp>(op) || prepared.contains(op))
    return;
  if (auto take = dyn_cast<TakeRowsOp>(op)) {
    // Rows of x are other rows: nothing of x is prepared for this one.
    return;
  }
  for (Value operand : op->getOperands())
    if (isa<RankedTensorType>(operand.getType()))
      prepare(operand, row, first, last);
  prepared[op] = {};
  if (auto norm = dyn_cast<NormOp>(op))
    prepareNorm(norm, row);
  else if (auto l2 = dyn_cast<L2NormalizeOp>(op))
    prepareL2(l2, row);
  else if (auto rope = dyn_cast<RopeOp>(op))
    prepareRope(rope, row, first, last);
  else if (auto embed = dyn_cast<EmbedOp>(op)) {
    auto ids = embed.getIds().getDefiningOp<FromMemoryOp>();
    prepareTableRow(op, embed.getTable(), e.toIndex(e.loadScalar(ids.getMemory(), row)));
  } else if (auto embed = dyn_cast<PositionEmbedOp>(op)) {
    Value where = position(op, embed.getX(), embed.getRows(), embed.getAxis(), row);
    prepareTableRow(op, embed.getTable(), e.add(where, embed.getOffset()));
  }
}

/// Row `number` of a packed two-size table, decoded to scratch.
void RowProgram::prepareTableRow(Operation *op, Value table, Value number) {
  auto weight = table.getDefiningOp<WeightAtOp>();
  int64_t columns = weight.getType().getShape()[1];
  Value memory = reserve(llvm::alignTo(columns, kLanes));
  nextScratch -= llvm::alignTo(columns, kLanes) * 4;
  PackedElement element(e, weight);
  element.row(number, memory);
  prepared[op].table = memory;
}

/// Sums over the whole row, 16 columns at a time.
void RowProgram::prepareNorm(NormOp op, Value row) {
  int64_t n = RowShape(op.getX().getType()).columns;
  auto sumOver = [&](function_ref<Value(Value x, Value valid)> term) {
    Value zero = e.splat(0);
    Value sum = e.loop(e.index(0), e.index(n), kLanes, zero, [&](Value column, ValueRange carried) {
      Value valid;
      if (n % kLanes)
        valid = vector::CreateMaskOp::create(e.b, e.loc, VectorType::get({kLanes}, e.b.getI1Type()),
                                             e.sub(e.index(n), column));
      Value t = term(at(op.getX(), row, column), valid);
      if (valid)
        t = e.select(valid, t, zero);
      return SmallVector<Value>{e.addf(carried[0], t)};
    })[0];
    return e.mulf(e.sumLanes(sum), e.constant(1.0 / n));
  };
  Prepared &out = prepared[op];
  Value mean;
  if (op.getKind() == NormKind::Layer)
    mean = e.broadcast(sumOver([&](Value x, Value) { return x; }));
  Value variance = sumOver([&](Value x, Value) {
    Value d = mean ? e.subf(x, mean) : x;
    return e.mulf(d, d);
  });
  Value root = math::SqrtOp::create(e.b, e.loc, e.addf(variance, e.constant(op.getEps().convertToDouble())));
  out.mean = mean;
  out.factor = e.broadcast(e.divf(e.constant(1), root));
}

void RowProgram::prepareL2(L2NormalizeOp op, Value row) {
  int64_t n = RowShape(op.getX().getType()).columns;
  Value sum = e.loop(e.index(0), e.index(n), kLanes, e.splat(0), [&](Value column, ValueRange carried) {
    Value x = at(op.getX(), row, column);
    if (n % kLanes)
      x = e.select(vector::CreateMaskOp::create(e.b, e.loc, VectorType::get({kLanes}, e.b.getI1Type()),
                                                e.sub(e.index(n), column)),
                   x, e.splat(0));
    return SmallVector<Value>{e.fma(x, x, carried[0])};
  })[0];
  Value length = math::SqrtOp::create(e.b, e.loc, e.sumLanes(sum));
  length = arith::MaximumFOp::create(e.b, e.loc, length, e.constant(op.getEps().convertToDouble()));
  prepared[op].factor = e.broadcast(e.divf(e.constant(1), length));
}

/// True when an element and its partner lie at the same lane of two vectors.
static bool partnersAlign(RopeOp op, int64_t head) {
  return op.getPairs() == RopePairs::Halves && head % kLanes == 0 && op.getDims() / 2 % kLanes == 0;
}

void RowProgram::prepareRope(RopeOp op, Value row, Value first, Value last) {
  int64_t head = cast<RankedTensorType>(op.getX().getType()).getShape().back();
  Value table = reserve(2 * ropeTableSize(head));
  Value where = position(op, op.getX(), op.getRows(), op.getAxis(), row);
  emitRopeTable(e, op, where, table);
  prepared[op].table = table;
  if (partnersAlign(op, head) || op.getPairs() == RopePairs::Adjacent)
    return;
  Value staged = reserve(llvm::alignTo(RowShape(op.getX().getType()).columns, kLanes));
  e.loop(first, last, kLanes, [&](Value column) { e.store(at(op.getX(), row, column), staged, column); });
  prepared[op].staged = staged;
}

Value RowProgram::position(Operation *op, Value x, Value rows, std::optional<StringRef> axis, Value row) {
  if (rows)
    return e.toIndex(e.loadScalar(rows.getDefiningOp<RowsAtOp>().getPositions(), row));
  // The index along a named axis: drop the row axes behind it, then those before it.
  auto type = cast<RankedTensorType>(x.getType());
  unsigned number = *findAxis(type, *axis), rowAxes = RowShape(type).rowAxes;
  auto size = [&](unsigned i) -> Value {
    int64_t fixed = type.getDimSize(i);
    return ShapedType::isDynamic(fixed) ? sizeOfAxis(e, axisNames(type)[i]) : e.index(fixed);
  };
  Value behind = e.index(1);
  for (unsigned i = number + 1; i < rowAxes; ++i)
    behind = e.mul(behind, size(i));
  Value index = e.div(row, behind);
  return number ? e.rem(index, size(number)) : index;
}

//===----------------------------------------------------------------------===//
// 16 columns of a value
//===----------------------------------------------------------------------===//

/// Columns of a 1-D weight; lanes past its end read as zero.
Value RowProgram::weightAt(Value weight, Value column) {
  auto bound = weight.getDefiningOp<WeightAtOp>();
  int64_t n = bound.getType().getShape()[0];
  Value memory = e.view(bound.getWeights(), bound.getOffset(), e.b.getF32Type(), e.index(n));
  return e.load(memory, column, n % kLanes ? e.sub(e.index(n), column) : Value());
}

Value RowProgram::ropeAt(RopeOp op, Value row, Value column) {
  int64_t head = cast<RankedTensorType>(op.getX().getType()).getShape().back(), size = ropeTableSize(head);
  const Prepared &from = prepared.find(op)->second;
  Value x = at(op.getX(), row, column), inTable = e.rem(column, size), partner;
  if (op.getPairs() == RopePairs::Adjacent) {
    SmallVector<int64_t> exchange;
    for (int64_t i = 0; i < kLanes; ++i)
      exchange.push_back(i ^ 1);
    partner = vector::ShuffleOp::create(e.b, e.loc, x, x, exchange);
  } else if (partnersAlign(op, head)) {
    int64_t half = op.getDims() / 2;
    Value inHead = e.rem(column, head);
    Value other = e.select(e.less(inHead, e.index(half)), e.add(column, half), e.sub(column, e.index(half)));
    if (op.getDims() < static_cast<uint64_t>(head))
      other = e.select(e.less(inHead, e.index(op.getDims())), other, column);
    partner = at(op.getX(), row, other);
  } else {
    // Partners lie across lanes: gather them from the staged row.
    auto i32 = VectorType::get({kLanes}, e.b.getI32Type());
    SmallVector<int32_t> all = ropePartners(op, head);
    Value offsets;
    for (int64_t i = 0; i < size; i += kLanes) {
      SmallVector<int32_t> part(all.begin() + i, all.begin() + i + kLanes);
      for (int64_t lane = 0; lane < kLanes; ++lane)
        part[lane] += lane;
      Value constant = arith::ConstantOp::create(e.b, e.loc, DenseElementsAttr::get(i32, ArrayRef<int32_t>(part)));
      offsets = offsets ? e.select(e.equal(inTable, e.index(i)), constant, offsets) : constant;
    }
    Value mask = vector::CreateMaskOp::create(e.b, e.loc, VectorType::get({kLanes}, e.b.getI1Type()),
                                              e.sub(e.index(RowShape(op.getX().getType()).columns), column));
    partner = vector::GatherOp::create(e.b, e.loc, e.vector(), from.staged, column, offsets, mask, x);
  }
  Value cosine = e.load(from.table, inTable), sine = e.load(from.table, e.add(inTable, size));
  return e.fma(partner, sine, e.mulf(x, cosine));
}

Value RowProgram::at(Value value, Value row, Value column) {
  if (auto place = places.find(value); place != places.end())
    return e.load(place->second.memory, e.add(place->second.start(row), column),
                  place->second.columns % kLanes ? e.sub(e.index(place->second.columns), column) : Value());
  Operation *op = value.getDefiningOp();
  return llvm::TypeSwitch<Operation *, Value>(op)
      .Case([&](FromMemoryOp from) {
        int64_t n = RowShape(from.getType()).columns;
        return e.load(from.getMemory(), e.add(e.mul(row, n), column), n % kLanes ? e.sub(e.index(n), column) : Value());
      })
      .Case([&](BiasOp bias) { return e.addf(at(bias.getX(), row, column), weightAt(bias.getWeight(), column)); })
      .Case([&](AddOp add) { return e.addf(at(add.getLhs(), row, column), at(add.getRhs(), row, column)); })
      .Case([&](MulOp mul) { return e.mulf(at(mul.getLhs(), row, column), at(mul.getRhs(), row, column)); })
      .Case([&](ScaleOp scale) {
        return e.mulf(at(scale.getX(), row, column), e.splat(scale.getFactor().convertToDouble()));
      })
      .Case([&](ActivationOp activation) {
        return vectorActivation(e, activation.getKind(), at(activation.getX(), row, column));
      })
      .Case<SplitHeadsOp, MergeHeadsOp>([&](auto view) { return at(view.getX(), row, column); })
      .Case([&](SliceOp slice) { return at(slice.getX(), row, e.add(column, slice.getLo())); })
      .Case([&](RopeOp rope) { return ropeAt(rope, row, column); })
      .Case([&](NormOp norm) {
        const Prepared &from = prepared.find(op)->second;
        Value x = at(norm.getX(), row, column);
        if (from.mean)
          x = e.subf(x, from.mean);
        x = e.mulf(x, from.factor);
        if (norm.getWeight()) {
          Value weight = weightAt(norm.getWeight(), column);
          x = e.mulf(x, norm.getUnitOffset() ? e.addf(weight, e.splat(1)) : weight);
        }
        return norm.getBias() ? e.addf(x, weightAt(norm.getBias(), column)) : x;
      })
      .Case([&](L2NormalizeOp l2) {
        return e.mulf(at(l2.getX(), row, column), prepared.find(op)->second.factor);
      })
      .Case([&](EmbedOp) { return e.load(prepared.find(op)->second.table, column); })
      .Case([&](PositionEmbedOp embed) {
        return e.addf(at(embed.getX(), row, column), e.load(prepared.find(op)->second.table, column));
      })
      .Case([&](TakeRowsOp take) {
        auto rows = take.getRows().getDefiningOp<FromMemoryOp>();
        return at(take.getX(), e.toIndex(e.loadScalar(rows.getMemory(), row)), column);
      })
      .Default([&](Operation *other) -> Value {
        llvm::report_fatal_error("no row code for " + Twine(other->getName().getStringRef()));
      });
}

//===----------------------------------------------------------------------===//
// Stores
//===----------------------------------------------------------------------===//

void RowProgram::storeTo(Value value, Value memory, Value to, Value row, Value first, Value last) {
  int64_t kept = nextScratch;
  prepared.clear();
  prepare(value, row, first, last);
  if (auto concat = value.getDefiningOp<ConcatOp>()) {
    int64_t start = 0;
    for (Value part : concat.getParts()) {
      int64_t n = RowShape(part.getType()).columns;
      e.loop(e.index(0), e.index(n), kLanes, [&](Value column) {
        e.store(at(part, row, column), memory, e.add(to, e.add(column, start)),
                n % kLanes ? e.sub(e.index(n), column) : Value());
      });
      start += n;
    }
  } else {
    bool tail = RowShape(value.getType()).columns % kLanes;
    e.loop(first, last, kLanes, [&](Value column) {
      e.store(at(value, row, column), memory, e.add(to, column), tail ? e.sub(last, column) : Value());
    });
  }
  nextScratch = kept;
}

void RowProgram::store(Value value, Value target, Value row, Value first, Value last) {
  if (auto append = value.getDefiningOp<CacheAppendOp>()) {
    storeCache(append, target, row, first, last);
    return;
  }
  auto place = target.getDefiningOp<FromMemoryOp>();
  storeTo(value, place.getMemory(), e.mul(row, RowShape(value.getType()).columns), row, first, last);
}

/// Keys and values of one row, head by head, at its position in its slot.
void RowProgram::storeCache(CacheAppendOp op, Value target, Value row, Value first, Value last) {
  auto cache = target.getDefiningOp<CacheAtOp>();
  CacheType type = cache.getType();
  auto rows = op.getRows().getDefiningOp<RowsAtOp>();
  Value sequence = e.toIndex(e.loadScalar(rows.getSequences(), row));
  Value slot = e.toIndex(e.loadScalar(rows.getSlots(), sequence));
  Value where = e.toIndex(e.loadScalar(rows.getPositions(), row));
  Value keys = e.add(e.mul(slot, cache.getSlotStride()), cache.getLayer());
  Value values = e.add(keys, e.mul(cache.getCapacity(), type.getKvHeads() * type.getHead()));
  auto address = [&](Value base, Value column) {
    Value head = e.div(column, type.getHead()), inHead = e.rem(column, type.getHead());
    Value line = e.add(e.mul(head, cache.getCapacity()), where);
    return e.add(base, e.add(e.mul(line, type.getHead()), inHead));
  };
  for (auto [value, base] : {std::pair(op.getK(), keys), std::pair(op.getV(), values)}) {
    if (type.getHead() % kLanes == 0) {
      int64_t kept = nextScratch;
      prepared.clear();
      prepare(value, row, first, last);
      e.loop(first, last, kLanes, [&, value = value, base = base](Value column) {
        e.store(at(value, row, column), cache.getPool(), address(base, column));
      });
      nextScratch = kept;
      continue;
    }
    // Heads begin inside vectors: stage the row, then copy element by element.
    int64_t kept = nextScratch;
    Value staged = reserve(llvm::alignTo(RowShape(value.getType()).columns, kLanes));
    storeTo(value, staged, e.index(0), row, first, last);
    nextScratch = kept;
    e.loop(first, last, [&, base = base](Value column) {
      e.storeScalar(e.loadScalar(staged, column), cache.getPool(), address(base, column));
    });
  }
}

} // namespace heed
