//===- TileMatmul.cpp - attn.tile_matmul in registers ---------------------===//
//
//   into[i, j] = sum over k of x[i, k] W[j, k], k ascending
//
// Outputs lie in the lanes: a register tile is `rows` x `panels` accumulators
// of 16 outputs; each k loads a vector a panel and broadcasts an element a row.
// One row alone (decode) reads the weights once, decoding them in registers,
// with more panels side by side to hide the latency of the chains.
//
//===----------------------------------------------------------------------===//
#include "codegen/linear/TileMatmul.h"

#include "codegen/AmxTiles.h"
#include "codegen/Pairs.h"
#include "codegen/linear/IntegerTiles.h"
#include "codegen/linear/PartTiles.h"
#include "codegen/linear/WeightCodec.h"
#include "codegen/rows/RowProgram.h"

using namespace mlir;
using namespace heed::attn;

namespace heed {

int64_t packedRowStride(int64_t in) {
  // A tile reads one column of its rows at a time: rows that lie a multiple of
  // 2 KB apart would share a few sets of L1.
  int64_t whole = llvm::alignTo(in, 32);
  return whole % 512 ? whole : whole + 32;
}

TileHeights::TileHeights(LinearScheduleAttr schedule)
    : whole(schedule.getRows()) {
  bool onTiles = schedule.getAtom().getValue().starts_with("amx");
  // Four rows hide the latency of multiply-adds with two vectors of outputs.
  few = std::min<int64_t>(onTiles ? AmxTiles::kSide : 4, whole);
}

Value TileHeights::padded(Emit &e, Value count) const {
  Value left = e.rem(count, whole);
  Value taken = e.min(e.mul(e.ceilDiv(left, few), few), e.index(whole));
  return e.add(e.sub(count, left), taken);
}

void TileHeights::forEach(Emit &e, Value count,
                          llvm::function_ref<void(Value, int64_t)> body) const {
  Value end = e.mul(e.div(count, whole), whole);
  e.loop(e.index(0), end, whole, [&](Value row) { body(row, whole); });
  if (few < whole)
    e.loop(end, count, few, [&](Value row) { body(row, few); });
}

static int64_t depthOf(WeightType weight, LinearScheduleAttr schedule) {
  // A pass ends at the end of a group of every storage type.
  return llvm::alignTo(std::min(schedule.getBlockK(), weight.getShape()[1]),
                       32);
}

bool multipliesPairs(LinearScheduleAttr schedule, int64_t in) {
  StringRef atom = schedule.getAtom();
  return (atom == "dpbf16" || atom == "amx_bf16") && in % 2 == 0;
}

void rowsToPairs(Emit &e, Value rows, Value count) {
  // Front to back: half as wide, a vector never reaches what is still to be
  // read.
  auto bf16 = VectorType::get({kLanes}, e.b.getBF16Type());
  e.loop(e.index(0), count, kLanes, [&](Value at) {
    Value narrow = arith::TruncFOp::create(e.b, e.loc, bf16, e.load(rows, at));
    e.store(vector::BitCastOp::create(e.b, e.loc, e.vector(kLanes / 2), narrow),
            rows, e.div(at, 2));
  });
}

int64_t tileMatmulScratch(WeightType weight, LinearScheduleAttr schedule) {
  if (multipliesDigits(schedule))
    return integerTilesScratch(schedule, depthOf(weight, schedule));
  if (multipliesParts(schedule, weight.getShape()[1]))
    return partTilesScratch(schedule, depthOf(weight, schedule));
  int64_t decoded =
      weight.getElement() == WeightElement::F32
          ? 0
          : schedule.getPanels() * depthOf(weight, schedule) * kPanel * 4;
  if (multipliesPairs(schedule, weight.getShape()[1]))
    decoded = schedule.getPanels() * depthOf(weight, schedule) * kPanel * 2;
  return llvm::alignTo(decoded, 64);
}

namespace {

/// What the pieces of one lowering share.
struct Matmul {
  Emit &e;
  TileMatmulOp op;
  TargetAttr target;
  WeightCodec codec;
  Value bytes, base;                // the weights, and where this one begins
  int64_t in, stride, panel, width; // k's, elements between rows of x, bytes of
                                    // a panel, columns of `into`
  TileHeights heights;
  int64_t panels, depth; // of the register tile, and of one pass
  bool manyRegisters;

  Matmul(Emit &e, TileMatmulOp op, TargetAttr target, WeightAtOp weight,
         int64_t width)
      : e(e), op(op), target(target),
        codec(e, weight.getType().getElement(), target),
        bytes(weight.getWeights()), base(weight.getOffset()),
        in(weight.getType().getShape()[1]), stride(packedRowStride(in)),
        panel(panelBytes(weight.getType().getElement(), in)), width(width),
        heights(op.getSchedule()), panels(op.getSchedule().getPanels()),
        depth(depthOf(weight.getType(), op.getSchedule())),
        manyRegisters(target.getRegisters() >= 32) {}

  Value panelAt(Value number) { return e.add(base, e.mul(number, panel)); }
  Value intoAt(Value row, Value panelNumber) {
    return e.add(e.mul(row, width),
                 e.mul(e.sub(panelNumber, op.getFirst()), kPanel));
  }

  void block();
  void zeroProducts();
  bool inBf16() { return multipliesPairs(op.getSchedule(), in); }
  bool inIntegers() { return multipliesDigits(op.getSchedule()); }
  bool inParts() { return multipliesParts(op.getSchedule(), in); }
  bool onTiles() { return op.getSchedule().getAtom().getValue() == "amx_bf16"; }
  bool pairsInPlace();
  Value pairs();
  /// The k behind the last group of a panel.
  int64_t lastK() { return llvm::alignTo(in, codec.group().depth); }
  bool isOnePass() { return depth >= lastK(); }
  SmallVector<Value> beginSums(Value row, int64_t rows, Value number, Value k0,
                               int64_t count);
  void endSums(Value row, int64_t rows, Value number, Value k1, int64_t count,
               ValueRange sums);
  void storeResult(Value row, Value number, ValueRange products);
  void decodePairs(Value number, Value k0, Value k1, int64_t count);
  void registerTileBf16(Value row, int64_t rows, Value panelNumber, Value k0,
                        Value k1, int64_t count, Value ask);
  void registerTileAmx(Value row, int64_t rows, Value panelNumber, Value k0,
                       Value k1, int64_t count);
  void passOverPanels(Value k0, Value k1, Value first, Value last,
                      int64_t count);
  /// Bytes of a panel for one k; not of the block formats, whose groups are no
  /// smaller than 32.
  int64_t bytesOfK() { return codec.group().bytes / codec.group().depth; }
  void eachTile(Value number, Value last, Value k0, Value k1, int64_t count,
                llvm::function_ref<void(Value, int64_t, Value)> body);
  Value afterwards(Value number, Value last, Value k0, Value k1, int64_t count);
  void registerTile(Value row, int64_t rows, Value panelNumber, Value k0,
                    Value k1, int64_t count, Value ask);
  void oneRow();
  void prefetchLine(Value at);
  void prefetch(Value number, Value from, int64_t count);
  void oneRowPanels(Value first, Value last, int64_t count);
};

/// Decodes `count` panels of k0..k1 into scratch as [panel][k - k0][16] f32.
/// then every register tile of rows reads them there; f32 panels are read where
/// they lie.
void Matmul::passOverPanels(Value k0, Value k1, Value first, Value last,
                            int64_t count) {
  e.loop(first, last, count, [&](Value number) {
    if (inIntegers())
      return addIntegerProducts(e, op, target, depth, number, k0, k1, count);
    if (inParts())
      return addPartProducts(e, op, target, depth, number, k0, k1, count);
    if (inBf16()) {
      if (!pairsInPlace())
        decodePairs(number, k0, k1, count);
      eachTile(number, last, k0, k1, count,
               [&](Value row, int64_t rows, Value ask) {
                 if (onTiles())
                   registerTileAmx(row, rows, number, k0, k1, count);
                 else
                   registerTileBf16(row, rows, number, k0, k1, count, ask);
               });
      return;
    }
    if (!codec.isPlain()) {
      PackedGroup group = codec.group();
      Value scratch = e.view(op.getScratch(), e.index(0), e.b.getF32Type(),
                             e.index(panels * depth * kPanel));
      for (int64_t p = 0; p < count; ++p) {
        Value from = panelAt(e.add(number, p));
        e.loop(k0, k1, group.depth, [&](Value k) {
          SmallVector<Value> w = codec.decode(
              bytes, e.add(from, e.mul(e.div(k, group.depth), group.bytes)));
          Value to = e.mul(e.sub(k, k0), kPanel);
          for (auto [i, value] : llvm::enumerate(w))
            e.store(value, scratch, e.add(to, p * depth * kPanel + i * kPanel));
        });
      }
    }
    eachTile(number, last, k0, k1, count,
             [&](Value row, int64_t rows, Value ask) {
               registerTile(row, rows, number, k0, k1, count, ask);
             });
  });
}

/// Calls body(row, rows, what this tile asks for ahead) for every tile of rows.
/// A tile asks for one panel, the first few for all. Not for blocks of few
/// bits: they are read in less time than it takes to ask.
void Matmul::eachTile(Value number, Value last, Value k0, Value k1,
                      int64_t count,
                      llvm::function_ref<void(Value, int64_t, Value)> body) {
  Value next =
      codec.isQuantised() ? Value() : afterwards(number, last, k0, k1, count);
  heights.forEach(e, op.getRows(), [&](Value row, int64_t rows) {
    Value tile = e.min(e.div(row, heights.whole), e.index(count - 1));
    body(row, rows, next ? e.add(next, e.mul(tile, panel)) : Value());
  });
}

/// Where the panels lie that are read after k0..k1 of `count` panels: with few
/// rows, memory would wait while they are multiplied, and the multiplications
/// while these are fetched.
Value Matmul::afterwards(Value number, Value last, Value k0, Value k1,
                         int64_t count) {
  Value inBlock = e.add(panelAt(e.add(number, count)), e.mul(k0, bytesOfK()));
  Value deeper = e.add(panelAt(op.getFirst()), e.mul(k1, bytesOfK())),
        nextBlock = panelAt(op.getLast());
  return e.select(e.less(e.add(number, count), last), inBlock,
                  e.select(e.less(k1, e.index(in)), deeper, nextBlock));
}

/// What the passes before k0 have summed of rows x count products.
SmallVector<Value> Matmul::beginSums(Value row, int64_t rows, Value number,
                                     Value k0, int64_t count) {
  if (isOnePass())
    return SmallVector<Value>(rows * count, e.splat(0));
  Value isFirst = vector::BroadcastOp::create(
      e.b, e.loc, VectorType::get({kLanes}, e.b.getI1Type()),
      e.equal(k0, e.index(0)));
  SmallVector<Value> sums;
  for (int64_t i = 0; i < rows; ++i)
    for (int64_t p = 0; p < count; ++p)
      sums.push_back(
          e.select(isFirst, e.splat(0),
                   e.load(op.getInto(),
                          e.add(intoAt(e.add(row, i), number), p * kPanel))));
  return sums;
}

/// Keeps them for the next pass, the epilogue, or as the result.
void Matmul::endSums(Value row, int64_t rows, Value number, Value k1,
                     int64_t count, ValueRange sums) {
  auto keep = [&] {
    for (int64_t i = 0; i < rows; ++i)
      for (int64_t p = 0; p < count; ++p)
        e.store(sums[i * count + p], op.getInto(),
                e.add(intoAt(e.add(row, i), number), p * kPanel));
  };
  auto finish = [&] {
    for (int64_t i = 0; i < rows; ++i) {
      Value resultRow = e.add(op.getResultFirst(), e.add(row, i));
      e.when(e.less(resultRow, op.getResultLast()), [&] {
        storeResult(resultRow, number, sums.slice(i * count, count));
      });
    }
  };
  if (!op.getResult())
    keep();
  else if (isOnePass())
    finish();
  else
    e.when(e.equal(k1, e.index(lastK())), finish, keep);
}

/// Products of a row's panels from `number` on become a part of the result.
void Matmul::storeResult(Value row, Value number, ValueRange products) {
  auto result = op.getResult().getDefiningOp<FromMemoryOp>();
  Value at = e.add(e.mul(row, RowShape(result.getType()).columns),
                   e.mul(number, kPanel));
  for (auto [p, product] : llvm::enumerate(products))
    e.store(product, result.getMemory(), e.add(at, p * kPanel));
}

/// rows x count accumulators over k0..k1, added to what the passes before have
/// summed.
void Matmul::registerTile(Value row, int64_t rows, Value number, Value k0,
                          Value k1, int64_t count, Value ask) {
  SmallVector<Value> sums = beginSums(row, rows, number, k0, count);
  Value scratch;
  if (!codec.isPlain())
    scratch = e.view(op.getScratch(), e.index(0), e.b.getF32Type(),
                     e.index(panels * depth * kPanel));
  Value end = codec.isPlain() ? e.min(k1, e.index(in)) : k1;
  sums = e.loop(k0, end, 1, sums, [&](Value k, ValueRange carried) {
    SmallVector<Value> w, next;
    if (ask)
      prefetchLine(e.add(ask, e.mul(e.sub(k, k0), bytesOfK())));
    for (int64_t p = 0; p < count; ++p)
      w.push_back(codec.isPlain()
                      ? codec.decode(bytes, e.add(panelAt(e.add(number, p)),
                                                  e.mul(k, 64)))[0]
                      : e.load(scratch, e.add(e.mul(e.sub(k, k0), kPanel),
                                              p * depth * kPanel)));
    for (int64_t i = 0; i < rows; ++i) {
      Value x = e.broadcast(
          e.loadScalar(op.getX(), e.add(e.mul(e.add(row, i), stride), k)));
      for (int64_t p = 0; p < count; ++p)
        next.push_back(e.fma(x, w[p], carried[i * count + p]));
    }
    return next;
  });
  endSums(row, rows, number, k1, count, sums);
}

//===--- bf16: pairs of k in one issue, sums in f32 ---===//
// Rows of x are in pairs already.

/// Weights of bf16 lie in memory as the atoms read them.
bool Matmul::pairsInPlace() {
  return codec.storesBf16() && in % (onTiles() ? AmxTiles::kDepth : 2) == 0;
}

/// Scratch as bf16: the decoded panels [count][k / 2][16][2].
Value Matmul::pairs() {
  return e.view(op.getScratch(), e.index(0), e.b.getBF16Type(),
                e.index(panels * depth * kPanel));
}

void Matmul::decodePairs(Value number, Value k0, Value k1, int64_t count) {
  PackedGroup group = codec.group();
  VectorBuilder v{e.b, e.loc, kLanes};
  Value to = pairs();
  int64_t turn = std::max<int64_t>(group.depth, 2);
  for (int64_t p = 0; p < count; ++p) {
    Value from = panelAt(e.add(number, p));
    auto place = [&](Value k) {
      return e.add(e.mul(e.sub(k, k0), kPanel), p * depth * kPanel);
    };
    e.loop(k0, k1, turn, [&](Value k) {
      SmallVector<Value> w = codec.decodeSteps(bytes, from, k, turn);
      for (size_t i = 0; i < w.size(); i += 2)
        Pairs{v}.store(Pairs{v}.of(w[i], w[i + 1]), to, place(e.add(k, i)));
    });
    // A tile is 32 deep: zeros behind the last k.
    if (onTiles() && in % AmxTiles::kDepth)
      e.loop(k1, e.mul(e.ceilDiv(k1, AmxTiles::kDepth), AmxTiles::kDepth), 2,
             [&](Value k) {
               Value zeros = arith::ConstantOp::create(
                   e.b, e.loc, e.b.getZeroAttr(Pairs{v}.type()));
               Pairs{v}.store(zeros, to, place(k));
             });
  }
}

void Matmul::registerTileBf16(Value row, int64_t rows, Value number, Value k0,
                              Value k1, int64_t count, Value ask) {
  SmallVector<Value> sums = beginSums(row, rows, number, k0, count);
  VectorBuilder v{e.b, e.loc, kLanes};
  Value memory = pairsInPlace() ? Value() : pairs();
  auto asPairs = [&](Value bits) -> Value {
    return vector::BitCastOp::create(e.b, e.loc, Pairs{v}.type(), bits);
  };
  sums = e.loop(k0, k1, 2, sums, [&](Value k, ValueRange carried) {
    SmallVector<Value> w, next;
    for (int64_t line = 0; ask && line < 2 * bytesOfK(); line += 64)
      prefetchLine(e.add(ask, e.add(e.mul(e.sub(k, k0), bytesOfK()), line)));
    for (int64_t p = 0; p < count; ++p)
      w.push_back(
          memory
              ? Pairs{v}.load(memory, e.add(e.mul(e.sub(k, k0), kPanel),
                                            p * depth * kPanel))
              : asPairs(codec.rawWords(bytes, e.add(panelAt(e.add(number, p)),
                                                    e.mul(k, 2 * kPanel)))));
    for (int64_t i = 0; i < rows; ++i) {
      // A pair is as wide as an f32.
      Value from = e.div(e.add(e.mul(e.add(row, i), stride), k), 2);
      Value x = asPairs(e.broadcast(e.loadScalar(op.getX(), from)));
      for (int64_t p = 0; p < count; ++p)
        next.push_back(Pairs{v}.dot(carried[i * count + p], w[p], x));
    }
    return next;
  });
  endSums(row, rows, number, k1, count, sums);
}

/// Tiles of 16 rows by a panel.
void Matmul::registerTileAmx(Value row, int64_t rows, Value number, Value k0,
                             Value k1, int64_t count) {
  AmxTiles tiles{e.b, e.loc};
  int64_t tall = rows / AmxTiles::kSide;
  SmallVector<Value> at, sums;
  Value into = op.getInto(), intoRow = e.index(width * 4);
  for (int64_t i = 0; i < tall; ++i)
    for (int64_t p = 0; p < count; ++p) {
      at.push_back(e.mul(
          e.add(intoAt(e.add(row, i * AmxTiles::kSide), number), p * kPanel),
          4));
      sums.push_back(tiles.load(into, at.back(), intoRow));
    }
  Value memory = pairsInPlace() ? bytes : pairs();
  sums =
      e.loop(k0, k1, AmxTiles::kDepth, sums, [&](Value k, ValueRange carried) {
        SmallVector<Value> x, w, next;
        for (int64_t i = 0; i < tall; ++i)
          x.push_back(tiles.load(
              op.getX(),
              e.mul(e.add(e.mul(e.add(row, i * AmxTiles::kSide), stride), k),
                    2),
              e.index(stride * 2)));
        for (int64_t p = 0; p < count; ++p)
          w.push_back(tiles.load(
              memory,
              pairsInPlace()
                  ? e.add(panelAt(e.add(number, p)), e.mul(k, 2 * kPanel))
                  : e.mul(
                        e.add(e.mul(e.sub(k, k0), kPanel), p * depth * kPanel),
                        2),
              e.index(4 * kPanel)));
        for (int64_t i = 0; i < tall; ++i)
          for (int64_t p = 0; p < count; ++p)
            next.push_back(tiles.dotBf16(carried[i * count + p], x[i], w[p]));
        return next;
      });
  for (auto [value, where] : llvm::zip(sums, at))
    tiles.store(value, into, where, intoRow);
}

/// A tile of AMX cannot choose between zeros and what it loads, and sums of
/// integers are added in memory.
void Matmul::zeroProducts() {
  Value count = e.mul(e.sub(op.getLast(), op.getFirst()), kPanel);
  e.loop(e.index(0), op.getRows(), [&](Value row) {
    e.loop(e.index(0), count, kPanel, [&](Value column) {
      e.store(e.splat(0), op.getInto(), e.add(e.mul(row, width), column));
    });
  });
}

void Matmul::block() {
  if ((onTiles() && inBf16()) || inIntegers() || inParts())
    zeroProducts();
  Value whole =
      e.mul(e.div(e.sub(op.getLast(), op.getFirst()), panels), panels);
  Value middle = e.add(op.getFirst(), whole);
  e.loop(e.index(0), e.index(lastK()), depth, [&](Value k0) {
    Value k1 = e.min(e.add(k0, depth), e.index(lastK()));
    passOverPanels(k0, k1, op.getFirst(), middle, panels);
    if (panels > 1)
      passOverPanels(k0, k1, middle, op.getLast(), 1);
  });
  if (inParts())
    unscaleSums(e, op);
}

void Matmul::prefetchLine(Value at) {
  memref::PrefetchOp::create(e.b, e.loc, bytes, ValueRange{at},
                             /*isWrite=*/false, /*localityHint=*/3,
                             /*isDataCache=*/true);
}

/// One row waits for memory: it is asked well before its turn for what is read
/// a while after byte `from` of `count` panels, across the ends of pages and of
/// panels, and behind the last panel where this thread reads on, maybe in the
/// next kernel.
void Matmul::prefetch(Value number, Value from, int64_t count) {
  constexpr int64_t inFlight = 16384, line = 64;
  Value ahead = e.add(from, inFlight / count), at;
  if (count == 1) {
    at = e.add(panelAt(number), ahead);
    Value end = panelAt(op.getLast());
    at = e.select(e.less(at, end), at, e.add(op.getNext(), e.sub(at, end)));
  } else {
    Value after = e.add(number, count);
    Value beyond =
        e.select(e.less(after, op.getLast()), panelAt(after), op.getNext());
    at = e.select(e.less(ahead, e.index(panel)), e.add(panelAt(number), ahead),
                  e.add(beyond, e.sub(ahead, e.index(panel))));
  }
  for (int64_t p = 0; p < count; ++p)
    for (int64_t byte = 0; byte < codec.group().bytes; byte += line)
      prefetchLine(e.add(at, p * panel + byte));
}

/// One row: `count` panels side by side, k in groups.
void Matmul::oneRowPanels(Value first, Value last, int64_t count) {
  e.loop(first, last, count, [&](Value number) {
    SmallVector<Value> sums(count, e.splat(0));
    sums = e.loop(e.index(0), e.index(lastK()), codec.group().depth, sums,
                  [&](Value k, ValueRange carried) {
                    Value group = e.div(k, codec.group().depth),
                          from = e.mul(group, codec.group().bytes);
                    SmallVector<Value> at, next(carried);
                    for (int64_t p = 0; p < count; ++p)
                      at.push_back(e.add(panelAt(e.add(number, p)), from));
                    prefetch(number, from, count);
                    codec.dot(bytes, at, op.getX(), k, e.add(k, stride), next);
                    return next;
                  });
    if (op.getResult())
      storeResult(op.getResultFirst(), number, sums);
    else
      for (int64_t p = 0; p < count; ++p)
        e.store(sums[p], op.getInto(),
                e.add(intoAt(e.index(0), number), p * kPanel));
  });
}

void Matmul::oneRow() {
  // Quantised panels one after another: one stream runs at the memory's speed,
  // several do not (measured).
  int64_t count = codec.isQuantised() ? 1 : manyRegisters ? 8 : 4;
  Value whole = e.mul(e.div(e.sub(op.getLast(), op.getFirst()), count), count);
  Value middle = e.add(op.getFirst(), whole);
  oneRowPanels(op.getFirst(), middle, count);
  if (count > 1)
    oneRowPanels(middle, op.getLast(), 1);
}

} // namespace

void aloneToDigits(Emit &e, Value row, ArrayRef<WeightType> weights,
                   TargetAttr target) {
  DigitsFor purpose;
  bool any = false;
  for (WeightType weight : weights) {
    WeightCodec codec(e, weight.getElement(), target);
    any |= codec.isQuantised();
    purpose.products |= codec.digitsFor().products;
    purpose.signedBytes |= codec.digitsFor().signedBytes;
  }
  if (!any)
    return;
  Value stride = e.index(packedRowStride(weights.front().getShape()[1]));
  rowToDigits(e, row, stride, stride, purpose);
}

void lowerTileMatmul(IRRewriter &rewriter, TileMatmulOp op, TargetAttr target) {
  rewriter.setInsertionPoint(op);
  Emit e(rewriter, op.getLoc());
  auto weight = op.getWeight().getDefiningOp<WeightAtOp>();
  Matmul matmul(e, op, target, weight,
                op.getSchedule().getBlockPanels() * kPanel);
  e.when(
      e.equal(op.getRows(), e.index(1)), [&] { matmul.oneRow(); },
      [&] { matmul.block(); });
  rewriter.eraseOp(op);
}

} // namespace heed
