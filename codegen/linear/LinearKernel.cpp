//===- LinearKernel.cpp - A fused linear in tiles -------------------------===//
//
//   for each block of rows:      x through the prologue, packed
//     for each block of panels:  products of the weights, then the epilogue
//
// Work items are (block of rows, unit of panels) in that order; a thread takes
// a run of them, so a result never depends on who computed its neighbour.
//
//===----------------------------------------------------------------------===//
#include "codegen/linear/LinearKernel.h"

#include "codegen/linear/IntegerTiles.h"
#include "codegen/linear/PartTiles.h"
#include "codegen/linear/RowDigits.h"
#include "codegen/linear/TileMatmul.h"
#include "codegen/pack/PackedLayout.h"
#include "codegen/rows/RowProgram.h"

#include "mlir/Analysis/SliceAnalysis.h"
#include "llvm/ADT/EquivalenceClasses.h"

#include <numeric>

using namespace mlir;
using namespace heed::attn;

namespace heed {

namespace {

/// Linears whose products meet in the epilogue (gate and up; k and v for one
/// cache) are computed side by side.
struct Together {
  SmallVector<unsigned> products, results;
};

/// Splits an epilogue into the parts that share no product.
SmallVector<Together> splitEpilogue(FusedLinearOp op) {
  Block &body = op.getEpilogue().front();
  unsigned products = body.getNumArguments();
  llvm::EquivalenceClasses<unsigned> classes; // products, then results
  for (unsigned i = 0; i < products; ++i)
    classes.insert(i);
  for (auto [i, yielded] :
       llvm::enumerate(body.getTerminator()->getOperands())) {
    classes.insert(products + i);
    SmallVector<Value> open = {yielded};
    while (!open.empty()) {
      Value value = open.pop_back_val();
      if (auto argument = dyn_cast<BlockArgument>(value);
          argument && argument.getOwner() == &body)
        classes.unionSets(products + i, argument.getArgNumber());
      else if (Operation *producer = value.getDefiningOp();
               producer && producer->getBlock() == &body)
        llvm::append_range(open, producer->getOperands());
    }
  }
  SmallVector<Together> out;
  llvm::DenseMap<unsigned, unsigned> numberOf;
  for (unsigned member = 0; member < products + op.getNumResults(); ++member) {
    unsigned leader = classes.getLeaderValue(member);
    auto [it, added] = numberOf.try_emplace(leader, out.size());
    if (added)
      out.emplace_back();
    if (member < products)
      out[it->second].products.push_back(member);
    else
      out[it->second].results.push_back(member - products);
  }
  return out;
}

LinearScheduleAttr scheduleOf(FusedLinearOp op) {
  if (auto schedule = op.getScheduleAttr())
    return schedule;
  return LinearScheduleAttr::get(op.getContext(),
                                 StringAttr::get(op.getContext(), "fma_f32"), 8,
                                 3, 96, 12, 128);
}

/// Panels that one thread takes at least: whole register tiles, and whole heads
/// where the epilogue turns them.
int64_t unitPanels(FusedLinearOp op) {
  int64_t unit = 1;
  op.getEpilogue().walk([&](RopeOp rope) {
    int64_t head =
        cast<RankedTensorType>(rope.getX().getType()).getShape().back();
    unit = std::lcm(unit, std::lcm(head, kPanel) / kPanel);
  });
  int64_t tile = scheduleOf(op).getPanels();
  return tile <= unit ? unit : std::lcm(unit, tile);
}

/// Panels of the longest of a part's linears.
int64_t panelsOf(FusedLinearOp op, const Together &part) {
  int64_t out = 0;
  for (unsigned product : part.products)
    out = std::max(
        out,
        cast<WeightType>(op.getWeights()[product].getType()).getShape()[0]);
  return llvm::divideCeil(out, kPanel);
}

/// Where a thread's run of `total` items begins. Every other part is cut at the
/// item above, so that who gets less of one part gets more of the next.
Value beginOf(Emit &e, Value total, Value thread, Value threads, size_t part) {
  Value at = e.mul(total, thread);
  return e.div(part % 2 ? e.sub(e.add(at, threads), e.index(1)) : at, threads);
}

/// The byte at which panel `panel` of a linear's weight begins.
Value panelAt(Emit &e, FusedLinearOp op, unsigned product, Value offset,
              Value panel) {
  auto type = cast<WeightType>(op.getWeights()[product].getType());
  return e.add(offset,
               e.mul(panel, panelBytes(type.getElement(), type.getShape()[1])));
}

/// Where a thread begins to read part `number` for a row alone: the first of
/// its linears, whose weight lies at `offset`.
Value partAt(Emit &e, FusedLinearOp op, const Together &part, size_t number,
             Value offset, const CallContext &context) {
  int64_t unit = unitPanels(op),
          units = llvm::divideCeil(panelsOf(op, part), unit);
  Value begin =
      beginOf(e, e.index(units), context.thread, context.threads, number);
  return panelAt(e, op, part.products.front(), offset, e.mul(begin, unit));
}

/// An encoder's sequences keep their bits whether they come alone or with
/// others, and one may be a single row.
bool isEncoder(Operation *op) {
  auto model = op->getParentOfType<ModuleOp>()->getAttrOfType<DictionaryAttr>(
      "attn.model");
  auto kind = model ? model.getAs<StringAttr>("kind") : StringAttr();
  return kind && kind.getValue() == "encoder";
}

/// The tensor that holds a part's products as they are, where register tiles
/// can write it: no epilogue, whole panels. A tile of AMX writes rows that the
/// result may not have, integers add to what they wrote.
Value resultOf(FusedLinearOp op, const Together &part, const Kernel &kernel,
               LinearScheduleAttr schedule) {
  Operation *yield = op.getEpilogue().front().getTerminator();
  if (part.products.size() != 1 || part.results.size() != 1 ||
      yield->getOperand(part.results[0]) !=
          op.getEpilogue().getArgument(part.products[0]) ||
      schedule.getAtom().getValue().starts_with("amx") ||
      multipliesDigits(schedule))
    return {};
  Value target = kernel.targets[part.results[0]];
  auto type = cast<RankedTensorType>(target.getType());
  return type.getElementType().isF32() && RowShape(type).columns % kPanel == 0
             ? target
             : Value();
}

/// Clones a region's ops that lead to some of its yielded values.
void cloneEpilogue(Emit &e, FusedLinearOp op, const Together &part,
                   IRMapping mapping, Region &into) {
  OpBuilder::InsertionGuard guard(e.b);
  Block &from = op.getEpilogue().front();
  Block *body = e.b.createBlock(&into);
  for (unsigned product : part.products) {
    BlockArgument argument = from.getArgument(product);
    mapping.map(argument,
                body->addArgument(argument.getType(), argument.getLoc()));
  }
  llvm::SmallPtrSet<Operation *, 16> needed;
  SmallVector<Value> open, yielded;
  for (unsigned result : part.results)
    open.push_back(from.getTerminator()->getOperand(result));
  while (!open.empty())
    if (Operation *producer = open.pop_back_val().getDefiningOp();
        producer && producer->getBlock() == &from)
      if (needed.insert(producer).second)
        llvm::append_range(open, producer->getOperands());
  for (Operation &inner : from.without_terminator())
    if (needed.contains(&inner))
      e.b.clone(inner, mapping);
  for (unsigned result : part.results)
    yielded.push_back(
        mapping.lookupOrDefault(from.getTerminator()->getOperand(result)));
  YieldOp::create(e.b, e.loc, yielded);
}

} // namespace

void emitLinearKernel(Emit &e, Kernel &kernel, FusedLinearOp op) {
  Value afterwards =
      kernel.function.getBody().front().addArgument(e.b.getIndexType(), e.loc);
  kernel.function.setType(e.b.getFunctionType(
      kernel.function.getBody().front().getArgumentTypes(), {}));
  auto x = kernel.bound.lookup(op.getX()).getDefiningOp<FromMemoryOp>();
  int64_t in = RowShape(x.getType()).columns, stride = packedRowStride(in);
  LinearScheduleAttr schedule = scheduleOf(op);
  int64_t unit = unitPanels(op);
  int64_t blockPanels = llvm::alignTo(schedule.getBlockPanels(), unit);
  schedule = LinearScheduleAttr::get(
      op.getContext(), schedule.getAtom(), schedule.getRows(),
      schedule.getPanels(),
      llvm::alignTo(schedule.getBlockRows(), schedule.getRows()), blockPanels,
      schedule.getBlockK());
  int64_t blockRows = schedule.getBlockRows(), width = blockPanels * kPanel;
  Value rows = rowCount(e, x), rowBlocks = e.ceilDiv(rows, blockRows);

  // Scratch: packed rows, products, then what the matmuls and row programs
  // need.
  bool inParts = multipliesParts(schedule, in);
  int64_t rowsBytes = inParts ? rowsOfPartsBytes(schedule, stride)
                              : std::max<int64_t>(blockRows, 2) * stride * 4,
          productBytes = blockRows * width * 4, workBytes = 0, most = 1;
  SmallVector<Together> parts = splitEpilogue(op);
  for (Value weight : op.getWeights())
    workBytes = std::max(
        workBytes,
        tileMatmulScratch(cast<WeightType>(weight.getType()), schedule));
  workBytes = std::max({workBytes, RowProgram::scratchBytes(op.getEpilogue()),
                        RowProgram::scratchBytes(op.getPrologue())});
  for (const Together &part : parts)
    most = std::max<int64_t>(most, part.products.size());
  kernel.scratchBytes =
      rowsBytes + most * productBytes + llvm::alignTo(workBytes, 64);
  Value packed = e.view(kernel.scratch, e.index(0), e.b.getF32Type(),
                        e.index(rowsBytes / 4));
  Value work = e.view(kernel.scratch, e.index(rowsBytes + most * productBytes),
                      e.b.getI8Type(), e.index(llvm::alignTo(workBytes, 64)));
  SmallVector<Value> products;
  for (int64_t i = 0; i < most; ++i)
    products.push_back(e.view(kernel.scratch,
                              e.index(rowsBytes + i * productBytes),
                              e.b.getF32Type(), e.index(blockRows * width)));

  auto offsetOf = [&](unsigned product) -> Value {
    return kernel.bound.lookup(op.getWeights()[product])
        .getDefiningOp<WeightAtOp>()
        .getOffset();
  };
  auto pack = [&](Value row, Value lastRow) {
    auto tile = TileRowsOp::create(e.b, e.loc, x, row, lastRow, packed,
                                   schedule.getRows());
    IRMapping mapping = kernel.bound;
    op.getPrologue().cloneInto(&tile.getPrologue(), mapping);
  };
  auto digits = [&] {
    SmallVector<WeightType> weights;
    for (Value weight : op.getWeights())
      weights.push_back(cast<WeightType>(weight.getType()));
    aloneToDigits(e, packed, weights,
                  op->getParentOfType<ModuleOp>()->getAttrOfType<TargetAttr>(
                      "attn.target"));
  };
  // A row that comes alone is packed once for all parts.
  bool mayBeAlone = !isEncoder(op) && schedule.getRows() > 1;
  if (mayBeAlone)
    e.when(e.equal(rows, e.index(1)), [&] {
      pack(e.index(0), rows);
      digits();
    });
  for (auto [number, part] : llvm::enumerate(parts)) {
    int64_t panels = panelsOf(op, part), units = llvm::divideCeil(panels, unit);
    Value result = resultOf(op, part, kernel, schedule);
    Value total = e.mul(rowBlocks, units);
    Value thread = kernel.context.thread, threads = kernel.context.threads;
    Value begin = beginOf(e, total, thread, threads, number),
          end = beginOf(e, total, e.add(thread, 1), threads, number);
    Value afterPart = number + 1 < parts.size()
                          ? partAt(e, op, parts[number + 1], number + 1,
                                   offsetOf(parts[number + 1].products.front()),
                                   kernel.context)
                          : afterwards;
    e.when(e.less(begin, end), [&] {
      Value firstBlock = e.div(begin, units), lastBlock = e.ceilDiv(end, units);
      e.loop(firstBlock, lastBlock, [&](Value block) {
        Value row = e.mul(block, blockRows),
              lastRow = e.min(e.add(row, blockRows), rows);
        if (mayBeAlone)
          e.when(e.less(e.index(1), rows), [&] { pack(row, lastRow); });
        else
          pack(row, lastRow);
        Value before = e.mul(block, units);
        Value u0 = e.max(e.sub(begin, before), e.index(0)),
              u1 = e.min(e.sub(end, before), e.index(units));
        Value lastPanel = e.min(e.mul(u1, unit), e.index(panels));
        // A row alone has code of its own, with other rounding: where rows have
        // neighbours, the last of them, alone in its block, goes with the
        // padding behind it.
        Value count = e.sub(lastRow, row);
        if (schedule.getRows() > 1) {
          Value padded = TileHeights(schedule).padded(e, count);
          count = mayBeAlone
                      ? e.select(e.equal(rows, e.index(1)), count, padded)
                      : padded;
        } else {
          e.when(e.equal(count, e.index(1)), digits);
        }
        if (multipliesPairs(schedule, in))
          e.when(e.less(e.index(1), count),
                 [&] { rowsToPairs(e, packed, e.mul(count, stride)); });
        if (multipliesDigits(schedule))
          e.when(e.less(e.index(1), count),
                 [&] { rowsToDigits(e, packed, e.mul(count, stride)); });
        if (inParts)
          e.when(e.less(e.index(1), count), [&] {
            rowsToParts(e, schedule, stride, packed, e.mul(count, stride));
          });
        // One row alone fills the products' memory with as many panels as the
        // rows of a block would.
        int64_t alone = blockRows * blockPanels / unit * unit;
        Value step = e.select(e.equal(count, e.index(1)), e.index(alone),
                              e.index(blockPanels));
        e.loop(e.mul(u0, unit), lastPanel, step, [&](Value panel) {
          Value panelEnd = e.min(e.add(panel, step), lastPanel);
          SmallVector<Value> at;
          for (auto [i, product] : llvm::enumerate(part.products)) {
            at.push_back(products[i]);
            Value next = i + 1 < part.products.size()
                             ? panelAt(e, op, part.products[i + 1],
                                       offsetOf(part.products[i + 1]), panel)
                             : e.select(e.less(panelEnd, lastPanel),
                                        panelAt(e, op, part.products.front(),
                                                offsetOf(part.products.front()),
                                                panelEnd),
                                        afterPart);
            TileMatmulOp::create(e.b, e.loc, packed, count,
                                 kernel.bound.lookup(op.getWeights()[product]),
                                 panel, panelEnd, next, products[i], work,
                                 result, result ? row : Value(),
                                 result ? lastRow : Value(), schedule);
          }
          if (result)
            return;
          SmallVector<Value> targets;
          for (unsigned result : part.results)
            targets.push_back(kernel.targets[result]);
          auto tile =
              TileEpilogueOp::create(e.b, e.loc, at, row, lastRow, panel,
                                     panelEnd, targets, blockPanels, work);
          cloneEpilogue(e, op, part, kernel.bound, tile.getEpilogue());
        });
      });
    });
  }
}

Value firstRead(Emit &e, FusedLinearOp op,
                llvm::function_ref<Value(Value)> offsetOf,
                const CallContext &context) {
  Together part = splitEpilogue(op).front();
  return partAt(e, op, part, 0,
                offsetOf(op.getWeights()[part.products.front()]), context);
}

void emitRowKernel(Emit &e, Kernel &kernel, Operation *op) {
  Value rows;
  int64_t columns;
  if (auto target = kernel.targets[0].getDefiningOp<FromMemoryOp>()) {
    rows = rowCount(e, target);
    columns = RowShape(target.getType()).columns;
  } else {
    auto append = cast<CacheAppendOp>(op);
    rows = rowCount(
        e, kernel.bound.lookup(append.getK()).getDefiningOp<FromMemoryOp>());
    columns = RowShape(append.getK().getType()).columns;
  }
  kernel.scratchBytes =
      llvm::alignTo(std::max<int64_t>(RowProgram::scratchBytes(op), 64), 64);
  Value thread = kernel.context.thread, threads = kernel.context.threads;
  Value begin = beginOf(e, rows, thread, threads, 0),
        end = beginOf(e, rows, e.add(thread, 1), threads, 0);
  int64_t panels = llvm::divideCeil(columns, kPanel);
  auto tile = TileEpilogueOp::create(e.b, e.loc, ValueRange(), begin, end,
                                     e.index(0), e.index(panels),
                                     kernel.targets, panels, kernel.scratch);
  OpBuilder::InsertionGuard guard(e.b);
  e.b.createBlock(&tile.getEpilogue());
  IRMapping mapping = kernel.bound;
  Operation *copy = e.b.clone(*op, mapping);
  YieldOp::create(e.b, e.loc, copy->getResults());
}

} // namespace heed
