//===- TileMatmul.cpp - attn.tile_matmul in registers ---------------------===//
//
//   into[i, j] = sum over k of x[i, k] W[j, k], k ascending
//
// Outputs lie in the lanes: a register tile is `rows` x `panels` accumulators of 16 outputs; each k loads a vector a panel
// and broadcasts an element a row. One row alone (decode) reads the weights once, decoding them in registers, with more
// panels side by side to hide the latency of the chains.
//
//===----------------------------------------------------------------------===//
#include "codegen/linear/TileMatmul.h"

#include "codegen/linear/WeightCodec.h"

using namespace mlir;
using namespace heed::attn;

namespace heed {

int64_t packedRowStride(int64_t in) { return llvm::alignTo(in, 32); }

static int64_t depthOf(WeightType weight, LinearScheduleAttr schedule) {
  // A pass ends at the end of a group of every storage type.
  return llvm::alignTo(std::min(schedule.getBlockK(), packedRowStride(weight.getShape()[1])), 32);
}

int64_t tileMatmulScratch(WeightType weight, LinearScheduleAttr schedule) {
  int64_t decoded = weight.getElement() == WeightElement::F32
                        ? 0
                        : schedule.getPanels() * depthOf(weight, schedule) * kPanel * 4;
  int64_t split = packedRowStride(weight.getShape()[1]) / 32 * WeightCodec::kSplitBytes;
  return llvm::alignTo(std::max(decoded, split), 64);
}

namespace {

/// What the pieces of one lowering share.
struct Matmul {
  Emit &e;
  TileMatmulOp op;
  WeightCodec codec;
  Value bytes, base;             // the weights, and where this one begins
  int64_t in, stride, panel, width; // k's, elements between rows of x, bytes of a panel, columns of `into`
  int64_t rows, panels, depth;   // the register tile, and the depth of one pass

  Matmul(Emit &e, TileMatmulOp op, TargetAttr target, WeightAtOp weight, int64_t width)
      : e(e), op(op), codec(e, weight.getType().getElement(), target), bytes(weight.getWeights()), base(weight.getOffset()),
        in(weight.getType().getShape()[1]), stride(packedRowStride(in)),
        panel(panelBytes(weight.getType().getElement(), in)), width(width), rows(op.getSchedule().getRows()),
        panels(op.getSchedule().getPanels()), depth(depthOf(weight.getType(), op.getSchedule())) {}

  Value panelAt(Value number) { return e.add(base, e.mul(number, panel)); }
  Value intoAt(Value row, Value panelNumber) {
    return e.add(e.mul(row, width), e.mul(e.sub(panelNumber, op.getFirst()), kPanel));
  }

  void block();
  void passOverPanels(Value k0, Value k1, Value first, Value last, int64_t count);
  void registerTile(Value row, Value panelNumber, Value k0, Value k1, int64_t count);
  void oneRow();
  void oneRowPanels(Value first, Value last, int64_t count);
};

/// Decodes `count` panels of k0..k1 into scratch as [panel][k - k0][16] f32.
/// then every register tile of rows reads them there; f32 panels are read where they lie.
void Matmul::passOverPanels(Value k0, Value k1, Value first, Value last, int64_t count) {
  e.loop(first, last, count, [&](Value number) {
    if (!codec.isPlain()) {
      PackedGroup group = codec.group();
      Value scratch = e.view(op.getScratch(), e.index(0), e.b.getF32Type(), e.index(panels * depth * kPanel));
      for (int64_t p = 0; p < count; ++p) {
        Value from = panelAt(e.add(number, p));
        e.loop(k0, k1, group.depth, [&](Value k) {
          SmallVector<Value> w = codec.decode(bytes, e.add(from, e.mul(e.div(k, group.depth), group.bytes)));
          Value to = e.mul(e.sub(k, k0), kPanel);
          for (auto [i, value] : llvm::enumerate(w))
            e.store(value, scratch, e.add(to, p * depth * kPanel + i * kPanel));
        });
      }
    }
    e.loop(e.index(0), op.getRows(), rows, [&](Value row) { registerTile(row, number, k0, k1, count); });
  });
}

/// rows x count accumulators over k0..k1, added to what `into` holds.
void Matmul::registerTile(Value row, Value number, Value k0, Value k1, int64_t count) {
  SmallVector<Value> at, sums;
  for (int64_t i = 0; i < rows; ++i)
    for (int64_t p = 0; p < count; ++p) {
      at.push_back(e.add(intoAt(e.add(row, i), number), p * kPanel));
      sums.push_back(e.load(op.getInto(), at.back()));
    }
  Value scratch;
  if (!codec.isPlain())
    scratch = e.view(op.getScratch(), e.index(0), e.b.getF32Type(), e.index(panels * depth * kPanel));
  Value end = codec.isPlain() ? e.min(k1, e.index(in)) : k1;
  sums = e.loop(k0, end, 1, sums, [&](Value k, ValueRange carried) {
    SmallVector<Value> w, next;
    for (int64_t p = 0; p < count; ++p)
      w.push_back(codec.isPlain()
                      ? codec.decode(bytes, e.add(panelAt(e.add(number, p)), e.mul(k, 64)))[0]
                      : e.load(scratch, e.add(e.mul(e.sub(k, k0), kPanel), p * depth * kPanel)));
    for (int64_t i = 0; i < rows; ++i) {
      Value x = e.broadcast(e.loadScalar(op.getX(), e.add(e.mul(e.add(row, i), stride), k)));
      for (int64_t p = 0; p < count; ++p)
        next.push_back(e.fma(x, w[p], carried[i * count + p]));
    }
    return next;
  });
  for (auto [value, where] : llvm::zip(sums, at))
    e.store(value, op.getInto(), where);
}

void Matmul::block() {
  // Zero first, then add pass after pass: one code for every pass.
  Value count = e.mul(e.sub(op.getLast(), op.getFirst()), kPanel);
  Value padded = e.mul(e.ceilDiv(op.getRows(), rows), rows);
  e.loop(e.index(0), padded, [&](Value row) {
    e.loop(e.index(0), count, kPanel,
           [&](Value column) { e.store(e.splat(0), op.getInto(), e.add(e.mul(row, width), column)); });
  });
  Value whole = e.mul(e.div(e.sub(op.getLast(), op.getFirst()), panels), panels);
  Value middle = e.add(op.getFirst(), whole);
  int64_t end = llvm::alignTo(in, codec.group().depth);
  e.loop(e.index(0), e.index(end), depth, [&](Value k0) {
    Value k1 = e.min(e.add(k0, depth), e.index(end));
    passOverPanels(k0, k1, op.getFirst(), middle, panels);
    if (panels > 1)
      passOverPanels(k0, k1, middle, op.getLast(), 1);
  });
}

/// One row: `count` panels side by side, k in groups.
void Matmul::oneRowPanels(Value first, Value last, int64_t count) {
  int64_t end = llvm::alignTo(in, codec.group().depth);
  e.loop(first, last, count, [&](Value number) {
    SmallVector<Value> sums(count, e.splat(0));
    sums = e.loop(e.index(0), e.index(end), codec.group().depth, sums, [&](Value k, ValueRange carried) {
      Value group = e.div(k, codec.group().depth), from = e.mul(group, codec.group().bytes);
      SmallVector<Value> at, next(carried);
      for (int64_t p = 0; p < count; ++p)
        at.push_back(e.add(panelAt(e.add(number, p)), from));
      codec.dot(bytes, at, op.getX(), k, op.getScratch(), e.mul(group, WeightCodec::kSplitBytes), next);
      return next;
    });
    for (int64_t p = 0; p < count; ++p)
      e.store(sums[p], op.getInto(), e.add(e.mul(e.sub(number, op.getFirst()), kPanel), p * kPanel));
  });
}

void Matmul::oneRow() {
  if (codec.isQuantised())
    e.loop(e.index(0), e.index(stride), 32, [&](Value k) {
      codec.splitGroup(op.getX(), k, op.getScratch(), e.mul(e.div(k, 32), WeightCodec::kSplitBytes));
    });
  // Quantised panels one after another: one stream runs at the memory's speed, several do not (measured).
  int64_t count = codec.isQuantised() ? 1 : 8;
  Value whole = e.mul(e.div(e.sub(op.getLast(), op.getFirst()), count), count);
  Value middle = e.add(op.getFirst(), whole);
  oneRowPanels(op.getFirst(), middle, count);
  if (count > 1)
    oneRowPanels(middle, op.getLast(), 1);
}

} // namespace

void lowerTileMatmul(IRRewriter &rewriter, TileMatmulOp op, TargetAttr target) {
  rewriter.setInsertionPoint(op);
  Emit e(rewriter, op.getLoc());
  auto weight = op.getWeight().getDefiningOp<WeightAtOp>();
  Matmul matmul(e, op, target, weight, op.getSchedule().getBlockPanels() * kPanel);
  e.when(e.equal(op.getRows(), e.index(1)), [&] { matmul.oneRow(); }, [&] { matmul.block(); });
  rewriter.eraseOp(op);
}

} // namespace heed
