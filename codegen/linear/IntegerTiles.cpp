//===- IntegerTiles.cpp - Rows in digits times quantised weights ----------===//
//
//   into[i, j] += d[j] scale[i] sum over k of q[k, j] x[i, k] + m[j] sum[i]
//
// for each group of 32 of k, where x is three unsigned bytes less 2^23, and q a
// signed byte. The sums of digits are exact. dpbusd begins the top digit's at
// -2^7 times the sum of q, which is the bias, and shifts them by 8 bits from
// digit to digit: one sum in 32 bits holds all of a group of 4-bit weights, and
// becomes f32 once. Weights of 8 bits leave room for two digits. AMX cannot
// shift: there each digit has a tile of sums.
//
//===----------------------------------------------------------------------===//
#include "codegen/linear/IntegerTiles.h"

#include "codegen/AmxTiles.h"
#include "codegen/linear/TileMatmul.h"
#include "codegen/linear/WeightCodec.h"

using namespace mlir;
using namespace heed::attn;

namespace heed {

namespace {

/// A group of a panel in scratch: 8 vectors of 64 bytes, then what the sums
/// begin with (i32), d and m (f32), 16 each.
constexpr int64_t kStart = 512, kD = kStart + 64, kM = kD + 64,
                  kGroupBytes = kM + 64;
constexpr int64_t kDigits = 3, kWords = 8;

bool onTiles(LinearScheduleAttr schedule) {
  return schedule.getAtom().getValue() == "amx_int8";
}

class IntegerTiles {
public:
  IntegerTiles(Emit &e, TileMatmulOp op, TargetAttr target, int64_t depth)
      : e(e), op(op), weight(op.getWeight().getDefiningOp<WeightAtOp>()),
        codec(e, weight.getType().getElement(), target), depth(depth),
        in(llvm::alignTo(weight.getType().getShape()[1], RowDigits::kGroup)),
        stride(packedRowStride(in)),
        panel(panelBytes(weight.getType().getElement(), in)),
        width(op.getSchedule().getBlockPanels() * kPanel),
        panels(op.getSchedule().getPanels()) {}

  void multiply(Value number, Value k0, Value k1, int64_t count);

private:
  using Values = SmallVector<Value>;
  VectorType words() { return VectorType::get({kLanes}, e.b.getI32Type()); }
  VectorType bytes() { return VectorType::get({64}, e.b.getI8Type()); }
  Value number(Value integers) {
    return arith::SIToFPOp::create(e.b, e.loc, e.vector(), integers);
  }
  Value dot(Value sum, Value x, Value q) {
    return LLVM::CallIntrinsicOp::create(
               e.b, e.loc, words(),
               e.b.getStringAttr("llvm.x86.avx512.vpdpbusd.512"),
               ValueRange{sum, x, q})
        .getResult(0);
  }
  Value load(VectorType type, Value at) {
    return vector::LoadOp::create(e.b, e.loc, type, op.getScratch(), at);
  }
  void put(Value value, Value at) {
    Value raw = value.getType() == bytes()
                    ? value
                    : vector::BitCastOp::create(e.b, e.loc, bytes(), value);
    vector::StoreOp::create(e.b, e.loc, raw, op.getScratch(), at);
  }
  Value floats(Value at) {
    return vector::BitCastOp::create(e.b, e.loc, e.vector(), load(bytes(), at));
  }
  Value integers(Value at) {
    return vector::BitCastOp::create(e.b, e.loc, words(), load(bytes(), at));
  }
  bool hasOffsets() {
    return weight.getType().getElement() == WeightElement::Q4_1;
  }
  /// The byte of scratch of panel p's group at k.
  Value groupAt(int64_t p, Value k0, Value k) {
    return e.add(e.mul(e.div(e.sub(k, k0), RowDigits::kGroup), kGroupBytes),
                 p * depth / RowDigits::kGroup * kGroupBytes);
  }
  Value rowAt(Value row, Value k) { return e.add(e.mul(row, stride), k); }
  Value intoAt(Value row, Value number, int64_t p) {
    return e.add(
        e.add(e.mul(row, width), e.mul(e.sub(number, op.getFirst()), kPanel)),
        p * kPanel);
  }

  void unpack(Value number, Value k0, Value k1, int64_t count);
  void vectorTile(Value row, int64_t rows, Value number, Value k0, Value k1,
                  int64_t count);
  void amxTile(Value row, int64_t rows, Value number, Value k0, Value k1,
               int64_t count);
  Values products(ArrayRef<Value> x, ArrayRef<Value> groups, int64_t digit,
                  Values sums);
  void addTo(Value at, Value sum, Value scale, Value d, Value xSum, Value m);

  Emit &e;
  TileMatmulOp op;
  WeightAtOp weight;
  WeightCodec codec;
  int64_t depth, in, stride, panel, width, panels;
};

/// The weights of `count` panels as the atoms read them.
void IntegerTiles::unpack(Value first, Value k0, Value k1, int64_t count) {
  for (int64_t p = 0; p < count; ++p) {
    Value from = e.add(weight.getOffset(), e.mul(e.add(first, p), panel));
    e.loop(k0, k1, RowDigits::kGroup, [&](Value k) {
      WeightCodec::Integers w = codec.integers(
          weight.getWeights(),
          e.add(from, e.mul(e.div(k, RowDigits::kGroup), codec.group().bytes)));
      Value to = groupAt(p, k0, k), sum = e.splatI32(0);
      Value ones = vector::BitCastOp::create(e.b, e.loc, bytes(),
                                             e.splatI32(0x01010101));
      for (auto [g, q] : llvm::enumerate(w.q)) {
        put(q, e.add(to, g * 64));
        sum = dot(sum, ones, q);
      }
      put(arith::MulIOp::create(e.b, e.loc, sum,
                                e.splatI32(-(kDigitBias >> 16))),
          e.add(to, kStart));
      put(w.d, e.add(to, kD));
      if (w.m)
        put(w.m, e.add(to, kM));
    });
  }
}

/// into += d scale sum (+ m xSum).
void IntegerTiles::addTo(Value at, Value sum, Value scale, Value d, Value xSum,
                         Value m) {
  Value next = e.fma(d, e.mulf(sum, scale), e.load(op.getInto(), at));
  e.store(m ? e.fma(m, xSum, next) : next, op.getInto(), at);
}

/// Adds the products of one digit to rows by panels of sums.
IntegerTiles::Values IntegerTiles::products(ArrayRef<Value> x,
                                            ArrayRef<Value> groups,
                                            int64_t digit, Values sums) {
  return e.loop(
      e.index(0), e.index(kWords), 1, sums,
      [&](Value word, ValueRange carried) {
        Values q, next;
        for (Value group : groups)
          q.push_back(load(bytes(), e.add(group, e.mul(word, 64))));
        for (auto [i, at] : llvm::enumerate(x)) {
          Value four = arith::BitcastOp::create(
              e.b, e.loc, e.b.getI32Type(),
              e.loadScalar(op.getX(),
                           e.add(e.add(at, word), RowDigits::word(digit, 0))));
          four =
              vector::BitCastOp::create(e.b, e.loc, bytes(), e.broadcast(four));
          for (size_t p = 0; p < q.size(); ++p)
            next.push_back(dot(carried[i * q.size() + p], four, q[p]));
        }
        return next;
      });
}

/// rows x count sums in registers, group by group.
void IntegerTiles::vectorTile(Value row, int64_t rows, Value first, Value k0,
                              Value k1, int64_t count) {
  // Digits that share a sum in 32 bits, and what that sum counts.
  SmallVector<std::pair<SmallVector<int64_t>, double>> steps = {{{2, 1, 0}, 1}};
  if (weight.getType().getElement() == WeightElement::Q8_0)
    steps = {{{2, 1}, 256}, {{0}, 1}};
  e.loop(k0, k1, RowDigits::kGroup, [&](Value k) {
    Values x, groups;
    for (int64_t i = 0; i < rows; ++i)
      x.push_back(rowAt(e.add(row, i), k));
    for (int64_t p = 0; p < count; ++p)
      groups.push_back(groupAt(p, k0, k));
    for (const auto &[digits, unit] : steps) {
      Values sums;
      for (int64_t i = 0; i < rows; ++i)
        for (Value group : groups)
          sums.push_back(digits.front() == kDigits - 1
                             ? integers(e.add(group, kStart))
                             : e.splatI32(0));
      for (int64_t digit : digits) {
        if (digit != digits.front())
          for (Value &sum : sums)
            sum = arith::ShLIOp::create(e.b, e.loc, sum, e.splatI32(8));
        sums = products(x, groups, digit, std::move(sums));
      }
      bool last = digits.back() == 0;
      Values d, m;
      for (Value group : groups) {
        d.push_back(floats(e.add(group, kD)));
        if (unit != 1)
          d.back() = e.mulf(d.back(), e.splat(unit));
        m.push_back(last && hasOffsets() ? floats(e.add(group, kM)) : Value());
      }
      for (int64_t i = 0; i < rows; ++i) {
        Value scale = e.broadcast(
                  e.loadScalar(op.getX(), e.add(x[i], RowDigits::kScale))),
              xSum = e.broadcast(
                  e.loadScalar(op.getX(), e.add(x[i], RowDigits::kSum)));
        for (int64_t p = 0; p < count; ++p)
          addTo(intoAt(e.add(row, i), first, p), number(sums[i * count + p]),
                scale, d[p], xSum, m[p]);
      }
    }
  });
}

/// A tile of sums for each digit, panel and strip of 16 rows, in memory as
/// [panel][digit][row][16]; then row by row.
void IntegerTiles::amxTile(Value row, int64_t rows, Value first, Value k0,
                           Value k1, int64_t count) {
  AmxTiles tiles{e.b, e.loc};
  auto sumsAt = [&](Value i, int64_t p, int64_t digit) {
    return e.add(e.mul(i, kPanel * 4),
                 integerTilesScratch(op.getSchedule(), depth) -
                     ((p * kDigits + digit) + 1) * rows * kPanel * 4);
  };
  e.loop(k0, k1, RowDigits::kGroup, [&](Value k) {
    Values groups, q, d, m;
    for (int64_t p = 0; p < count; ++p) {
      groups.push_back(groupAt(p, k0, k));
      q.push_back(tiles.loadRightBytes(op.getScratch(), groups[p]));
      d.push_back(floats(e.add(groups[p], kD)));
      m.push_back(hasOffsets() ? floats(e.add(groups[p], kM)) : Value());
    }
    e.loop(e.index(0), e.index(rows), AmxTiles::kSide, [&](Value strip) {
      for (int64_t digit = kDigits - 1; digit >= 0; --digit) {
        Value x = tiles.loadLeftBytes(
            op.getX(),
            e.mul(e.add(rowAt(e.add(row, strip), k), RowDigits::word(digit, 0)),
                  4),
            e.index(stride * 4));
        for (int64_t p = 0; p < count; ++p) {
          // Every row of the top digit's sums begins with the same.
          Value sums = digit == kDigits - 1
                           ? tiles.load(op.getScratch(),
                                        e.add(groups[p], kStart), e.index(0))
                           : tiles.zero();
          tiles.store(tiles.dotBytes(sums, x, q[p]), op.getScratch(),
                      sumsAt(strip, p, digit), e.index(kPanel * 4));
        }
      }
    });
    e.loop(e.index(0), e.index(rows), [&](Value i) {
      Value x = rowAt(e.add(row, i), k);
      Value scale = e.broadcast(
                e.loadScalar(op.getX(), e.add(x, RowDigits::kScale))),
            xSum =
                e.broadcast(e.loadScalar(op.getX(), e.add(x, RowDigits::kSum)));
      for (int64_t p = 0; p < count; ++p) {
        auto digit = [&](int64_t n) {
          return number(integers(sumsAt(i, p, n)));
        };
        Value sum = e.fma(digit(2), e.splat(65536),
                          e.fma(digit(1), e.splat(256), digit(0)));
        addTo(intoAt(e.add(row, i), first, p), sum, scale, d[p], xSum, m[p]);
      }
    });
  });
}

void IntegerTiles::multiply(Value number, Value k0, Value k1, int64_t count) {
  unpack(number, k0, k1, count);
  TileHeights(op.getSchedule())
      .forEach(e, op.getRows(), [&](Value row, int64_t rows) {
        if (onTiles(op.getSchedule()))
          amxTile(row, rows, number, k0, k1, count);
        else
          vectorTile(row, rows, number, k0, k1, count);
      });
}

} // namespace

bool multipliesDigits(LinearScheduleAttr schedule) {
  return schedule.getAtom().getValue() == "dpbusd" || onTiles(schedule);
}

int64_t integerTilesScratch(LinearScheduleAttr schedule, int64_t depth) {
  int64_t groups =
      schedule.getPanels() * depth / RowDigits::kGroup * kGroupBytes;
  int64_t sums = schedule.getPanels() * schedule.getRows() * kPanel * kDigits;
  return onTiles(schedule) ? groups + sums * 4 : groups;
}

void addIntegerProducts(Emit &e, TileMatmulOp op, TargetAttr target,
                        int64_t depth, Value panel, Value k0, Value k1,
                        int64_t count) {
  IntegerTiles(e, op, target, depth).multiply(panel, k0, k1, count);
}

} // namespace heed
