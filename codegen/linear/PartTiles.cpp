//===- PartTiles.cpp - f32 products out of products of shorter numbers ----===//
//
//   into[i, j] += sum over k of x[i, k] W[j, k]
//
// as up to six products of AMX for each tile product: x in three parts of bf16
// and W in as many as its storage needs, or x in one or two of f16 and W as it
// is.
//
//===----------------------------------------------------------------------===//
#include "codegen/linear/PartTiles.h"

#include "codegen/AmxTiles.h"
#include "codegen/Pairs.h"
#include "codegen/linear/TileMatmul.h"
#include "codegen/linear/WeightCodec.h"
#include "ir/Bf16Parts.h"

using namespace mlir;
using namespace heed::attn;

namespace heed {

namespace {

/// Which part of x and of W are multiplied. The largest come last, when most
/// of what is smaller is in the sum; each product has an operand of the one
/// before it, which is loaded once for both.
constexpr std::pair<int64_t, int64_t> kProducts[] = {{0, 2}, {0, 1}, {1, 1},
                                                     {1, 0}, {2, 0}, {0, 0}};
static_assert(std::size(kProducts) == productsOfParts(kPartsOfF32));

bool inF16(LinearScheduleAttr schedule) {
  return multipliesF16(schedule.getAtom());
}
int64_t partsOfX(LinearScheduleAttr schedule) {
  StringRef atom = schedule.getAtom();
  return atom == kAmxF16 ? 1 : atom == kAmxInTwoF16 ? 2 : kPartsOfF32;
}

/// Parts of two vectors of f32, each as pairs of their elements (Pairs.h).
SmallVector<Value> splitInParts(Emit &e, int64_t count, Value first,
                                Value second) {
  VectorBuilder v{e.b, e.loc, kLanes};
  SmallVector<Value> parts;
  for (int64_t part = 0; part < count; ++part) {
    parts.push_back(Pairs{v}.of(first, second));
    // A bf16 is the upper half of an f32.
    Value words = vector::BitCastOp::create(e.b, e.loc, v.i32(), parts.back());
    Value lower = arith::ShLIOp::create(e.b, e.loc, words, v.constantInt(16)),
          upper =
              arith::AndIOp::create(e.b, e.loc, words, v.constantInt(~0xffff));
    first = v.sub(first, v.asFloat(lower));
    second = v.sub(second, v.asFloat(upper));
  }
  return parts;
}

class PartTiles {
public:
  PartTiles(Emit &e, TileMatmulOp op, TargetAttr target, int64_t depth)
      : e(e), op(op), weight(op.getWeight().getDefiningOp<WeightAtOp>()),
        codec(e, weight.getType().getElement(), target), depth(depth),
        in(weight.getType().getShape()[1]), stride(packedRowStride(in)),
        panel(panelBytes(weight.getType().getElement(), in)),
        width(op.getSchedule().getBlockPanels() * kPanel),
        panels(op.getSchedule().getPanels()),
        parts(isF16() ? 1 : partsOf(weight.getType().getElement())) {}

  void multiply(Value number, Value k0, Value k1, int64_t count);

private:
  bool isF16() { return inF16(op.getSchedule()); }
  /// Memory holds pairs that the atom reads.
  bool isStored() { return isF16() || codec.storesBf16(); }
  bool inPlace() { return isStored() && in % AmxTiles::kDepth == 0; }
  Value panelAt(Value number) {
    return e.add(weight.getOffset(), e.mul(number, panel));
  }
  /// Scratch, of 16 bits: the decoded panels [part][count][k / 2][16][2].
  Value decoded() {
    return e.view(op.getScratch(), e.index(0), e.b.getBF16Type(),
                  e.index(parts * panels * depth * kPanel));
  }
  /// The element of it for k of a panel's part.
  Value decodedAt(int64_t part, int64_t p, Value k0, Value k) {
    return e.add(e.mul(e.sub(k, k0), kPanel),
                 (part * panels + p) * depth * kPanel);
  }

  void decode(Value number, Value k0, Value k1, int64_t count);
  void tile(Value row, int64_t rows, Value number, Value k0, Value k1,
            int64_t count);
  SmallVector<Value> loadRows(int64_t part, ArrayRef<Value> strips, Value k);
  SmallVector<Value> loadPanels(int64_t part, Value number, int64_t count,
                                Value k0, Value k);

  Emit &e;
  TileMatmulOp op;
  WeightAtOp weight;
  WeightCodec codec;
  int64_t depth, in, stride, panel, width, panels, parts;
};

void PartTiles::decode(Value number, Value k0, Value k1, int64_t count) {
  PackedGroup group = codec.group();
  VectorBuilder v{e.b, e.loc, kLanes};
  Value to = decoded();
  int64_t turn = std::max<int64_t>(group.depth, 2);
  for (int64_t p = 0; p < count; ++p) {
    Value from = panelAt(e.add(number, p));
    e.loop(k0, k1, turn, [&](Value k) {
      if (isStored()) {
        Value words = codec.rawWords(weight.getWeights(),
                                     e.add(from, e.mul(k, 2 * kPanel)));
        Pairs{v}.store(
            vector::BitCastOp::create(e.b, e.loc, Pairs{v}.type(), words), to,
            decodedAt(0, p, k0, k));
        return;
      }
      SmallVector<Value> w =
          codec.decodeSteps(weight.getWeights(), from, k, turn);
      for (size_t i = 0; i < w.size(); i += 2)
        for (auto [part, pairs] :
             llvm::enumerate(splitInParts(e, parts, w[i], w[i + 1])))
          Pairs{v}.store(pairs, to, decodedAt(part, p, k0, e.add(k, i)));
    });
    // A tile is 32 deep: zeros behind the last k.
    if (in % AmxTiles::kDepth == 0)
      continue;
    Value zeros =
        arith::ConstantOp::create(e.b, e.loc, e.b.getZeroAttr(Pairs{v}.type()));
    e.loop(k1, e.mul(e.ceilDiv(k1, AmxTiles::kDepth), AmxTiles::kDepth), 2,
           [&](Value k) {
             for (int64_t part = 0; part < parts; ++part)
               Pairs{v}.store(zeros, to, decodedAt(part, p, k0, k));
           });
  }
}

/// A tile for each strip of 16 rows, by 32 of k.
SmallVector<Value> PartTiles::loadRows(int64_t part, ArrayRef<Value> strips,
                                       Value k) {
  AmxTiles tiles{e.b, e.loc};
  SmallVector<Value> loaded;
  for (Value row : strips) {
    Value element = e.add(e.mul(row, stride), k);
    bool isLast = part == kPartsOfF32 - 1;
    int64_t bytes = isLast ? 2 : 4,
            from = isLast ? op.getSchedule().getBlockRows() * stride * 4
                          : part * AmxTiles::kDepth * 2;
    loaded.push_back(tiles.load(op.getX(), e.add(e.mul(element, bytes), from),
                                e.index(stride * bytes)));
  }
  return loaded;
}

/// A tile for each panel, of 32 of k.
SmallVector<Value> PartTiles::loadPanels(int64_t part, Value number,
                                         int64_t count, Value k0, Value k) {
  AmxTiles tiles{e.b, e.loc};
  SmallVector<Value> loaded;
  for (int64_t p = 0; p < count; ++p) {
    Value at = inPlace()
                   ? e.add(panelAt(e.add(number, p)), e.mul(k, 2 * kPanel))
                   : e.mul(decodedAt(part, p, k0, k), 2);
    loaded.push_back(tiles.load(inPlace() ? weight.getWeights() : decoded(), at,
                                e.index(4 * kPanel)));
  }
  return loaded;
}

void PartTiles::tile(Value row, int64_t rows, Value number, Value k0, Value k1,
                     int64_t count) {
  AmxTiles tiles{e.b, e.loc};
  SmallVector<Value> strips, at, sums;
  Value into = op.getInto(), intoRow = e.index(width * 4);
  for (int64_t i = 0; i < rows; i += AmxTiles::kSide) {
    strips.push_back(e.add(row, i));
    Value column = e.mul(e.sub(number, op.getFirst()), kPanel);
    for (int64_t p = 0; p < count; ++p) {
      at.push_back(e.mul(
          e.add(e.add(e.mul(strips.back(), width), column), p * kPanel), 4));
      sums.push_back(tiles.load(into, at.back(), intoRow));
    }
  }
  sums =
      e.loop(k0, k1, AmxTiles::kDepth, sums, [&](Value k, ValueRange carried) {
        SmallVector<Value> x, w, next(carried);
        int64_t lastX = -1, lastW = -1;
        for (auto [ofX, ofW] : kProducts) {
          if (ofX >= partsOfX(op.getSchedule()) || ofW >= parts)
            continue;
          bool newX = ofX != lastX, newW = ofW != lastW;
          if (newX)
            x = loadRows(ofX, strips, k);
          if (newW)
            w = loadPanels(ofW, number, count, k0, k);
          // The next product mostly keeps what is new here and replaces the
          // other, whose tiles are done with one after the other: sums and
          // operands then fit in eight tiles.
          int64_t outer = newW ? x.size() : count,
                  inner = newW ? count : x.size();
          for (int64_t o = 0; o < outer; ++o)
            for (int64_t n = 0; n < inner; ++n) {
              int64_t i = newW ? o : n, p = newW ? n : o;
              Value &sum = next[i * count + p];
              sum = isF16() ? tiles.dotF16(sum, x[i], w[p])
                            : tiles.dotBf16(sum, x[i], w[p]);
            }
          lastX = ofX, lastW = ofW;
        }
        return next;
      });
  for (auto [value, where] : llvm::zip(sums, at))
    tiles.store(value, into, where, intoRow);
}

void PartTiles::multiply(Value number, Value k0, Value k1, int64_t count) {
  if (!inPlace())
    decode(number, k0, k1, count);
  TileHeights(op.getSchedule())
      .forEach(e, op.getRows(), [&](Value row, int64_t rows) {
        tile(row, rows, number, k0, k1, count);
      });
}

} // namespace

bool multipliesParts(LinearScheduleAttr schedule, int64_t in) {
  return (schedule.getAtom().getValue() == kAmxInParts || inF16(schedule)) &&
         in % 2 == 0;
}

int64_t rowsOfPartsBytes(LinearScheduleAttr schedule, int64_t stride) {
  int64_t rows = schedule.getBlockRows();
  return rows * stride * 4 +
         (inF16(schedule) ? llvm::alignTo(rows * 4, 64) : rows * stride * 2);
}

/// A power of two that takes the largest of x[at, at + stride) to 2^14 and
/// above, below 2^15, as far as f32 has it and its inverse; puts the inverse at
/// `inverseAt`.
static Value scaleOfRow(Emit &e, Value x, Value at, int64_t stride,
                        Value inverseAt) {
  auto words = VectorType::get({kLanes}, e.b.getI32Type());
  // Positive floats are ordered as their bits are.
  Value most =
      e.loop(e.index(0), e.index(stride), kLanes, {e.splatI32(0)},
             [&](Value k, ValueRange carried) {
               Value bits = vector::BitCastOp::create(e.b, e.loc, words,
                                                      e.load(x, e.add(at, k)));
               bits = arith::AndIOp::create(e.b, e.loc, bits,
                                            e.splatI32(0x7fffffff));
               return SmallVector<Value>{
                   arith::MaxUIOp::create(e.b, e.loc, carried.front(), bits)};
             })
          .front();
  auto integer = [&](int64_t value) -> Value {
    return arith::ConstantIntOp::create(e.b, e.loc, value, 32);
  };
  auto powerOfTwo = [&](Value exponent) -> Value {
    Value bits = arith::ShLIOp::create(e.b, e.loc, exponent, integer(23));
    return arith::BitcastOp::create(e.b, e.loc, e.b.getF32Type(), bits);
  };
  constexpr int64_t bias = 127, wanted = 14;
  Value exponent = arith::ShRUIOp::create(
      e.b, e.loc,
      vector::ReductionOp::create(e.b, e.loc, vector::CombiningKind::MAXUI,
                                  most),
      integer(23));
  Value scale = arith::MinUIOp::create(
      e.b, e.loc,
      arith::SubIOp::create(e.b, e.loc, integer(2 * bias + wanted), exponent),
      integer(2 * bias - 1));
  e.storeScalar(
      powerOfTwo(arith::SubIOp::create(e.b, e.loc, integer(2 * bias), scale)),
      x, inverseAt);
  return powerOfTwo(scale);
}

static void rowsToF16(Emit &e, LinearScheduleAttr schedule, int64_t stride,
                      Value rows, Value count) {
  auto f16 = VectorType::get({kLanes}, e.b.getF16Type());
  e.loop(e.index(0), e.div(count, stride), [&](Value row) {
    Value first = e.mul(row, stride);
    Value scale = e.broadcast(scaleOfRow(
        e, rows, first, stride, e.add(row, schedule.getBlockRows() * stride)));
    e.loop(e.index(0), e.index(stride), AmxTiles::kDepth, [&](Value k) {
      Value at = e.add(first, k);
      // Both are read before they are written over.
      Value halves[] = {e.mulf(e.load(rows, at), scale),
                        e.mulf(e.load(rows, e.add(at, kLanes)), scale)};
      for (int64_t part = 0; part < partsOfX(schedule); ++part)
        for (auto [h, rest] : llvm::enumerate(halves)) {
          Value half = arith::TruncFOp::create(e.b, e.loc, f16, rest);
          e.store(
              vector::BitCastOp::create(e.b, e.loc, e.vector(kLanes / 2), half),
              rows, e.add(at, part * kLanes + int64_t(h) * kLanes / 2));
          rest =
              e.subf(rest, arith::ExtFOp::create(e.b, e.loc, e.vector(), half));
        }
    });
  });
}

void unscaleSums(Emit &e, TileMatmulOp op) {
  LinearScheduleAttr schedule = op.getSchedule();
  if (!inF16(schedule))
    return;
  auto weight = cast<WeightType>(op.getWeight().getType());
  int64_t stride = packedRowStride(weight.getShape()[1]),
          width = schedule.getBlockPanels() * kPanel;
  Value columns = e.mul(e.sub(op.getLast(), op.getFirst()), kPanel);
  e.loop(e.index(0), op.getRows(), [&](Value row) {
    Value inverse = e.broadcast(
        e.loadScalar(op.getX(), e.add(row, schedule.getBlockRows() * stride)));
    e.loop(e.index(0), columns, kLanes, [&](Value column) {
      Value at = e.add(e.mul(row, width), column);
      e.store(e.mulf(e.load(op.getInto(), at), inverse), op.getInto(), at);
    });
  });
}

void rowsToParts(Emit &e, LinearScheduleAttr schedule, int64_t stride,
                 Value rows, Value count) {
  if (inF16(schedule))
    return rowsToF16(e, schedule, stride, rows, count);
  int64_t last = schedule.getBlockRows() * stride;
  e.loop(e.index(0), count, AmxTiles::kDepth, [&](Value at) {
    // All are read before they are written over.
    Value lower = e.load(rows, at), upper = e.load(rows, e.add(at, kLanes));
    auto everySecond = [&](int64_t from) -> Value {
      SmallVector<int64_t> order;
      for (int64_t i = from; i < 2 * kLanes; i += 2)
        order.push_back(i);
      return vector::ShuffleOp::create(e.b, e.loc, lower, upper, order);
    };
    Value even = everySecond(0), odd = everySecond(1);
    for (auto [part, pairs] :
         llvm::enumerate(splitInParts(e, kPartsOfF32, even, odd)))
      e.store(vector::BitCastOp::create(e.b, e.loc, e.vector(), pairs), rows,
              part == kPartsOfF32 - 1 ? e.add(e.div(at, 2), last)
                                      : e.add(at, part * kLanes));
  });
}

int64_t partTilesScratch(LinearScheduleAttr schedule, int64_t depth) {
  return kPartsOfF32 * schedule.getPanels() * depth * kPanel * 2;
}

void addPartProducts(Emit &e, TileMatmulOp op, TargetAttr target, int64_t depth,
                     Value panel, Value k0, Value k1, int64_t count) {
  PartTiles(e, op, target, depth).multiply(panel, k0, k1, count);
}

} // namespace heed
