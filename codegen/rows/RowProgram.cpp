//===- RowProgram.cpp - Model ops on rows become vectors ------------------===//
#include "codegen/rows/RowProgram.h"

#include "codegen/pack/PackedLayout.h"
#include "codegen/rows/Activation.h"
#include "codegen/rows/PackedElement.h"
#include "codegen/rows/RopeTable.h"
#include "ir/Views.h"

#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace heed::attn;

namespace heed {

RowShape::RowShape(Type tensor) {
  auto type = cast<RankedTensorType>(tensor);
  ArrayRef<StringAttr> names = axisNames(type);
  unsigned rank = type.getRank();
  bool heads =
      rank >= 2 && names.size() == rank && !type.isDynamicDim(rank - 1) &&
      (names[rank - 2] == axis::Heads || names[rank - 2] == axis::KvHeads);
  rowAxes = rank ? rank - (heads ? 2 : 1) : 0;
  columns = 1;
  for (int64_t size : type.getShape().drop_front(rowAxes))
    columns *= size;
  last = rank ? type.getShape().back() : 1;
}

/// The size of an axis of a tensor, wherever a tensor from memory in this
/// kernel tells it.
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
        e.b.setInsertionPointToStart(
            &cast<func::FuncOp>(kernel).getBody().front());
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
    count = ShapedType::isDynamic(size)
                ? e.mul(count, tensor.getSizes()[dynamic++])
                : e.mul(count, size);
  return count;
}

//===----------------------------------------------------------------------===//
// What stands once before a row's columns
//===----------------------------------------------------------------------===//

int64_t RowProgram::scratchBytes(Operation *op) {
  if (auto rope = dyn_cast<RopeOp>(op)) {
    int64_t head =
        cast<RankedTensorType>(rope.getX().getType()).getShape().back();
    return (2 * ropeTableSize(head) +
            llvm::alignTo(RowShape(rope.getX().getType()).columns, kLanes)) *
           4;
  }
  if (isa<EmbedOp, PositionEmbedOp>(op))
    return llvm::alignTo(RowShape(op->getResult(0).getType()).columns, kLanes) *
           4;
  if (auto append = dyn_cast<CacheAppendOp>(op))
    return llvm::alignTo(RowShape(append.getK().getType()).columns, kLanes) * 4;
  auto staged = [](Value value) {
    return llvm::alignTo(RowShape(value.getType()).columns, kLanes) * 4;
  };
  if (auto merge = dyn_cast<MergeHeadsOp>(op))
    return isView(op) ? 0 : staged(merge);
  if (op->getNumOperands() &&
      isa<NormOp, L2NormalizeOp, SliceOp, ConcatOp>(op) &&
      RowShape(op->getOperand(0).getType()).hasHeads()) {
    int64_t bytes = isa<SliceOp>(op) ? staged(op->getResult(0)) : 0;
    for (Value operand : op->getOperands())
      if (isa<RankedTensorType>(operand.getType()))
        bytes += staged(operand);
    return bytes;
  }
  return 0;
}

int64_t RowProgram::scratchBytes(Region &region) {
  int64_t bytes = 0;
  region.walk([&](Operation *op) { bytes += scratchBytes(op); });
  return bytes;
}

Value RowProgram::reserve(int64_t floats) {
  Value memory =
      e.view(scratch, e.index(nextScratch), e.b.getF32Type(), e.index(floats));
  nextScratch += floats * 4;
  return memory;
}

void RowProgram::prepare(Value value, Value row, Value first, Value last) {
  Operation *op = value.getDefiningOp();
  if (!op || places.contains(value) || isa<FromMemoryOp>(op) ||
      prepared.contains(op))
    return;
  if (auto take = dyn_cast<TakeRowsOp>(op)) {
    // Rows of x are other rows: nothing of x is prepared for this one.
    return;
  }
  for (Value operand : op->getOperands())
    if (isa<RankedTensorType>(operand.getType()))
      prepare(operand, row, first, last);
  prepared[op] = {};
  bool hasHeads = isa<RankedTensorType>(op->getOperand(0).getType()) &&
                  RowShape(op->getOperand(0).getType()).hasHeads();
  if (isa<NormOp, L2NormalizeOp>(op) && hasHeads)
    prepareHeadNorm(op, row);
  else if (auto slice = dyn_cast<SliceOp>(op); slice && hasHeads)
    prepareHeadSlice(slice, row);
  else if (auto merge = dyn_cast<MergeHeadsOp>(op); merge && !isView(op))
    prepareMerge(merge, row);
  else if (auto norm = dyn_cast<NormOp>(op))
    prepareNorm(norm, row);
  else if (auto l2 = dyn_cast<L2NormalizeOp>(op))
    prepareL2(l2, row);
  else if (auto rope = dyn_cast<RopeOp>(op))
    prepareRope(rope, row, first, last);
  else if (auto embed = dyn_cast<EmbedOp>(op)) {
    auto ids = embed.getIds().getDefiningOp<FromMemoryOp>();
    prepareTableRow(op, embed.getTable(),
                    e.toIndex(e.loadScalar(ids.getMemory(), row)));
  } else if (auto embed = dyn_cast<PositionEmbedOp>(op)) {
    Value where =
        position(op, embed.getX(), embed.getRows(), embed.getAxis(), row);
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
    Value sum =
        e.loop(e.index(0), e.index(n), kLanes, zero,
               [&](Value column, ValueRange carried) {
                 Value valid;
                 if (n % kLanes)
                   valid = vector::CreateMaskOp::create(
                       e.b, e.loc, VectorType::get({kLanes}, e.b.getI1Type()),
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
  Value root = math::SqrtOp::create(
      e.b, e.loc, e.addf(variance, e.constant(op.getEps().convertToDouble())));
  out.mean = mean;
  out.factor = e.broadcast(e.divf(e.constant(1), root));
}

void RowProgram::prepareL2(L2NormalizeOp op, Value row) {
  int64_t n = RowShape(op.getX().getType()).columns;
  Value sum =
      e.loop(e.index(0), e.index(n), kLanes, e.splat(0),
             [&](Value column, ValueRange carried) {
               Value x = at(op.getX(), row, column);
               if (n % kLanes)
                 x = e.select(vector::CreateMaskOp::create(
                                  e.b, e.loc,
                                  VectorType::get({kLanes}, e.b.getI1Type()),
                                  e.sub(e.index(n), column)),
                              x, e.splat(0));
               return SmallVector<Value>{e.fma(x, x, carried[0])};
             })[0];
  Value length = math::SqrtOp::create(e.b, e.loc, e.sumLanes(sum));
  length = arith::MaximumFOp::create(e.b, e.loc, length,
                                     e.constant(op.getEps().convertToDouble()));
  prepared[op].factor = e.broadcast(e.divf(e.constant(1), length));
}

//===----------------------------------------------------------------------===//
// What works head by head: heads lie side by side in the columns, so a vector
// may hold parts of several
//===----------------------------------------------------------------------===//

/// All columns of a value, in scratch.
Value RowProgram::stage(Value value, Value row) {
  int64_t n = RowShape(value.getType()).columns;
  Value memory = reserve(llvm::alignTo(n, kLanes));
  e.loop(e.index(0), e.index(n), kLanes, [&](Value column) {
    e.store(at(value, row, column), memory, column);
  });
  return memory;
}

/// attn.norm or attn.l2_normalize over each head.
void RowProgram::prepareHeadNorm(Operation *op, Value row) {
  Value x = op->getOperand(0);
  RowShape shape(x.getType());
  Value memory = stage(x, row), head = e.index(shape.last);
  prepared[op].staged = memory;
  auto norm = dyn_cast<NormOp>(op);
  auto element = [&](Value weight, Value d) {
    auto bound = weight.getDefiningOp<WeightAtOp>();
    return e.loadScalar(
        e.view(bound.getWeights(), bound.getOffset(), e.b.getF32Type(), head),
        d);
  };
  e.loop(e.index(0), e.index(shape.columns), shape.last, [&](Value start) {
    auto sumOver = [&](function_ref<Value(Value)> term) {
      return e.loop(
          e.index(0), head, 1, e.constant(0), [&](Value d, ValueRange carried) {
            return SmallVector<Value>{e.addf(
                carried[0], term(e.loadScalar(memory, e.add(start, d))))};
          })[0];
    };
    Value mean, factor;
    if (norm && norm.getKind() == NormKind::Layer)
      mean = e.mulf(sumOver([](Value v) { return v; }),
                    e.constant(1.0 / shape.last));
    Value squares = sumOver([&](Value v) {
      Value d = mean ? e.subf(v, mean) : v;
      return e.mulf(d, d);
    });
    if (norm) {
      Value variance = e.mulf(squares, e.constant(1.0 / shape.last));
      factor = math::SqrtOp::create(
          e.b, e.loc,
          e.addf(variance, e.constant(norm.getEps().convertToDouble())));
    } else {
      factor = math::SqrtOp::create(e.b, e.loc, squares);
      factor = arith::MaximumFOp::create(
          e.b, e.loc, factor,
          e.constant(cast<L2NormalizeOp>(op).getEps().convertToDouble()));
    }
    e.loop(e.index(0), head, [&](Value d) {
      Value at = e.add(start, d), v = e.loadScalar(memory, at);
      v = e.divf(mean ? e.subf(v, mean) : v, factor);
      if (norm && norm.getWeight()) {
        Value weight = element(norm.getWeight(), d);
        v = e.mulf(v, norm.getUnitOffset() ? e.addf(weight, e.constant(1))
                                           : weight);
      }
      if (norm && norm.getBias())
        v = e.addf(v, element(norm.getBias(), d));
      e.storeScalar(v, memory, at);
    });
  });
}

/// The same elements of each head.
void RowProgram::prepareHeadSlice(SliceOp op, Value row) {
  RowShape from(op.getX().getType()), to(op.getType());
  Value x = stage(op.getX(), row),
        memory = reserve(llvm::alignTo(to.columns, kLanes));
  e.loop(e.index(0), e.index(to.columns), [&](Value column) {
    Value start = e.mul(e.div(column, to.last), from.last);
    Value where = e.add(start, e.add(e.rem(column, to.last), op.getLo()));
    e.storeScalar(e.loadScalar(x, where), memory, column);
  });
  prepared[op].staged = memory;
}

/// Parts joined within each head.
void RowProgram::storeHeadConcat(ConcatOp op, Value memory, Value to,
                                 Value row) {
  int64_t start = 0, width = RowShape(op.getType()).last;
  for (Value part : op.getParts()) {
    RowShape shape(part.getType());
    Value x = stage(part, row);
    e.loop(e.index(0), e.index(shape.columns), [&](Value column) {
      Value where = e.add(e.mul(e.div(column, shape.last), width),
                          e.rem(column, shape.last));
      e.storeScalar(e.loadScalar(x, column), memory,
                    e.add(to, e.add(where, start)));
    });
    start += shape.last;
  }
}

/// The heads of a row, where other axes lie between them and their elements:
/// [heads, q, head].
void RowProgram::prepareMerge(MergeHeadsOp op, Value row) {
  auto from = op.getX().getDefiningOp<FromMemoryOp>();
  if (!from)
    llvm::report_fatal_error(
        "attn.merge_heads of heads that lie apart needs its operand in memory");
  auto type = cast<RankedTensorType>(from.getType());
  SmallVector<Value> sizes;
  unsigned dynamic = 0;
  for (int64_t size : type.getShape())
    sizes.push_back(ShapedType::isDynamic(size) ? from.getSizes()[dynamic++]
                                                : e.index(size));
  Value base = e.index(0), stride = e.index(1), left = row, headsStride,
        headStride;
  for (int64_t i = type.getRank() - 1; i >= 0; --i) {
    StringRef name = axisNames(type)[i].getValue();
    if (name == axis::Heads) {
      headsStride = stride;
    } else if (name == axis::Head) {
      headStride = stride;
    } else {
      base = e.add(base, e.mul(e.rem(left, sizes[i]), stride));
      left = e.div(left, sizes[i]);
    }
    stride = e.mul(stride, sizes[i]);
  }
  int64_t columns = RowShape(op.getType()).columns,
          head = axisSize(type, axis::Head);
  Value memory = reserve(llvm::alignTo(columns, kLanes));
  e.loop(e.index(0), e.index(columns), [&](Value column) {
    Value where = e.add(base, e.mul(e.rem(column, head), headStride));
    if (headsStride)
      where = e.add(where, e.mul(e.div(column, head), headsStride));
    e.storeScalar(e.loadScalar(from.getMemory(), where), memory, column);
  });
  prepared[op].staged = memory;
}

/// True when an element and its partner lie at the same lane of two vectors.
static bool partnersAlign(RopeOp op, int64_t head) {
  return op.getPairs() == RopePairs::Halves && head % kLanes == 0 &&
         op.getDims() / 2 % kLanes == 0;
}

void RowProgram::prepareRope(RopeOp op, Value row, Value first, Value last) {
  int64_t head = cast<RankedTensorType>(op.getX().getType()).getShape().back();
  Value table = reserve(2 * ropeTableSize(head));
  Value where = position(op, op.getX(), op.getRows(), op.getAxis(), row);
  emitRopeTable(e, op, where, table);
  prepared[op].table = table;
  if (partnersAlign(op, head) || op.getPairs() == RopePairs::Adjacent)
    return;
  Value staged =
      reserve(llvm::alignTo(RowShape(op.getX().getType()).columns, kLanes));
  e.loop(first, last, kLanes, [&](Value column) {
    e.store(at(op.getX(), row, column), staged, column);
  });
  prepared[op].staged = staged;
}

Value RowProgram::position(Operation *op, Value x, Value rows,
                           std::optional<StringRef> axis, Value row) {
  if (rows)
    return e.toIndex(
        e.loadScalar(rows.getDefiningOp<RowsAtOp>().getPositions(), row));
  // The index along a named axis: drop the row axes behind it, then those
  // before it.
  auto type = cast<RankedTensorType>(x.getType());
  unsigned number = *findAxis(type, *axis), rowAxes = RowShape(type).rowAxes;
  auto size = [&](unsigned i) -> Value {
    int64_t fixed = type.getDimSize(i);
    return ShapedType::isDynamic(fixed) ? sizeOfAxis(e, axisNames(type)[i])
                                        : e.index(fixed);
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
  Value memory = e.view(bound.getWeights(), bound.getOffset(), e.b.getF32Type(),
                        e.index(n));
  return e.load(memory, column,
                n % kLanes ? e.sub(e.index(n), column) : Value());
}

Value RowProgram::ropeAt(RopeOp op, Value row, Value column) {
  int64_t head = cast<RankedTensorType>(op.getX().getType()).getShape().back(),
          size = ropeTableSize(head);
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
    Value other = e.select(e.less(inHead, e.index(half)), e.add(column, half),
                           e.sub(column, e.index(half)));
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
      Value constant = arith::ConstantOp::create(
          e.b, e.loc, DenseElementsAttr::get(i32, ArrayRef<int32_t>(part)));
      offsets = offsets
                    ? e.select(e.equal(inTable, e.index(i)), constant, offsets)
                    : constant;
    }
    Value mask = vector::CreateMaskOp::create(
        e.b, e.loc, VectorType::get({kLanes}, e.b.getI1Type()),
        e.sub(e.index(RowShape(op.getX().getType()).columns), column));
    partner = vector::GatherOp::create(e.b, e.loc, e.vector(), from.staged,
                                       column, offsets, mask, x);
  }
  Value cosine = e.load(from.table, inTable),
        sine = e.load(from.table, e.add(inTable, size));
  return e.fma(partner, sine, e.mulf(x, cosine));
}

Value RowProgram::at(Value value, Value row, Value column) {
  if (auto place = places.find(value); place != places.end())
    return e.load(place->second.memory, e.add(place->second.start(row), column),
                  place->second.columns % kLanes
                      ? e.sub(e.index(place->second.columns), column)
                      : Value());
  Operation *op = value.getDefiningOp();
  if (auto found = prepared.find(op);
      found != prepared.end() && found->second.staged && !isa<RopeOp>(op))
    return e.load(found->second.staged, column);
  return llvm::TypeSwitch<Operation *, Value>(op)
      .Case([&](FromMemoryOp from) {
        int64_t n = RowShape(from.getType()).columns;
        return e.load(from.getMemory(), e.add(e.mul(row, n), column),
                      n % kLanes ? e.sub(e.index(n), column) : Value());
      })
      .Case([&](BiasOp bias) {
        return e.addf(at(bias.getX(), row, column),
                      weightAt(bias.getWeight(), column));
      })
      .Case([&](AddOp add) {
        return e.addf(at(add.getLhs(), row, column),
                      at(add.getRhs(), row, column));
      })
      .Case([&](MulOp mul) {
        return e.mulf(at(mul.getLhs(), row, column),
                      at(mul.getRhs(), row, column));
      })
      .Case([&](ScaleOp scale) {
        return e.mulf(at(scale.getX(), row, column),
                      e.splat(scale.getFactor().convertToDouble()));
      })
      .Case([&](ActivationOp activation) {
        return vectorActivation(e, activation.getKind(),
                                at(activation.getX(), row, column));
      })
      .Case<SplitHeadsOp, MergeHeadsOp>(
          [&](auto view) { return at(view.getX(), row, column); })
      .Case([&](SliceOp slice) {
        return at(slice.getX(), row, e.add(column, slice.getLo()));
      })
      .Case([&](RopeOp rope) { return ropeAt(rope, row, column); })
      .Case([&](NormOp norm) {
        const Prepared &from = prepared.find(op)->second;
        Value x = at(norm.getX(), row, column);
        if (from.mean)
          x = e.subf(x, from.mean);
        x = e.mulf(x, from.factor);
        if (norm.getWeight()) {
          Value weight = weightAt(norm.getWeight(), column);
          x = e.mulf(x, norm.getUnitOffset() ? e.addf(weight, e.splat(1))
                                             : weight);
        }
        return norm.getBias() ? e.addf(x, weightAt(norm.getBias(), column)) : x;
      })
      .Case([&](L2NormalizeOp l2) {
        return e.mulf(at(l2.getX(), row, column),
                      prepared.find(op)->second.factor);
      })
      .Case([&](EmbedOp) {
        return e.load(prepared.find(op)->second.table, column);
      })
      .Case([&](PositionEmbedOp embed) {
        return e.addf(at(embed.getX(), row, column),
                      e.load(prepared.find(op)->second.table, column));
      })
      .Case([&](TakeRowsOp take) {
        auto rows = take.getRows().getDefiningOp<FromMemoryOp>();
        return at(take.getX(), e.toIndex(e.loadScalar(rows.getMemory(), row)),
                  column);
      })
      .Default([&](Operation *other) -> Value {
        llvm::report_fatal_error("no row code for " +
                                 Twine(other->getName().getStringRef()));
      });
}

//===----------------------------------------------------------------------===//
// Stores
//===----------------------------------------------------------------------===//

void RowProgram::storeTo(Value value, Value memory, Value to, Value row,
                         Value first, Value last) {
  int64_t kept = nextScratch;
  prepared.clear();
  prepare(value, row, first, last);
  auto concat = value.getDefiningOp<ConcatOp>();
  if (concat && RowShape(concat.getType()).hasHeads()) {
    storeHeadConcat(concat, memory, to, row);
  } else if (concat) {
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
      e.store(at(value, row, column), memory, e.add(to, column),
              tail ? e.sub(last, column) : Value());
    });
  }
  nextScratch = kept;
}

void RowProgram::store(Value value, Value target, Value row, Value first,
                       Value last) {
  if (auto append = value.getDefiningOp<CacheAppendOp>()) {
    storeCache(append, target, row, first, last);
    return;
  }
  auto place = target.getDefiningOp<FromMemoryOp>();
  storeTo(value, place.getMemory(),
          e.mul(row, RowShape(value.getType()).columns), row, first, last);
}

/// Keys and values of one row, head by head, at its position in its slot.
void RowProgram::storeCache(CacheAppendOp op, Value target, Value row,
                            Value first, Value last) {
  auto cache = target.getDefiningOp<CacheAtOp>();
  CacheType type = cache.getType();
  auto rows = op.getRows().getDefiningOp<RowsAtOp>();
  Value sequence = e.toIndex(e.loadScalar(rows.getSequences(), row));
  Value slot = e.toIndex(e.loadScalar(rows.getSlots(), sequence));
  Value where = e.toIndex(e.loadScalar(rows.getPositions(), row));
  Value keys = e.add(e.mul(slot, cache.getSlotStride()), cache.getLayer());
  Value values = e.add(
      keys, e.mul(cache.getCapacity(), type.getKvHeads() * type.getHead()));
  auto address = [&](Value base, Value column) {
    Value head = e.div(column, type.getHead()),
          inHead = e.rem(column, type.getHead());
    Value line = e.add(e.mul(head, cache.getCapacity()), where);
    return e.add(base, e.add(e.mul(line, type.getHead()), inHead));
  };
  for (auto [value, base] :
       {std::pair(op.getK(), keys), std::pair(op.getV(), values)}) {
    if (type.getHead() % kLanes == 0) {
      int64_t kept = nextScratch;
      prepared.clear();
      prepare(value, row, first, last);
      e.loop(first, last, kLanes,
             [&, value = value, base = base](Value column) {
               e.store(at(value, row, column), cache.getPool(),
                       address(base, column));
             });
      nextScratch = kept;
      continue;
    }
    // Heads begin inside vectors: stage the row, then copy element by element.
    int64_t kept = nextScratch;
    Value staged =
        reserve(llvm::alignTo(RowShape(value.getType()).columns, kLanes));
    storeTo(value, staged, e.index(0), row, first, last);
    nextScratch = kept;
    e.loop(first, last, [&, base = base](Value column) {
      e.storeScalar(e.loadScalar(staged, column), cache.getPool(),
                    address(base, column));
    });
  }
}

} // namespace heed
