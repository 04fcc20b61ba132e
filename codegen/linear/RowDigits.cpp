//===- RowDigits.cpp - A row of x in digits, for products of integers -----===//
#include "codegen/linear/RowDigits.h"

#include <array>

using namespace mlir;

namespace heed {

namespace {

/// A group in the making.
struct Group {
  Emit &e;
  Value x, to;

  VectorType words() { return VectorType::get({kLanes}, e.b.getI32Type()); }
  Value asWords(Value floats) {
    return vector::BitCastOp::create(e.b, e.loc, words(), floats);
  }
  Value reduce(vector::CombiningKind kind, Value vector) {
    return vector::ReductionOp::create(e.b, e.loc, kind, vector);
  }
  Value integer(int64_t value) {
    return arith::ConstantIntOp::create(e.b, e.loc, value, 32);
  }
  Value asFloat(Value word) {
    return arith::BitcastOp::create(e.b, e.loc, e.b.getF32Type(), word);
  }
  void put(Value scalar, int64_t word) {
    e.storeScalar(scalar, x, e.add(to, word));
  }

  /// 32 elements over their scale, rounded; puts the scale.
  std::array<Value, 2> rounded(Value half[2]);
  /// Three digits from the lowest bytes of words.
  void putBytes(int64_t h, Value words);
  void digits(Value half[2], bool offsets);
};

std::array<Value, 2> Group::rounded(Value half[2]) {
  // Positive floats are ordered as their bits are, NaN above all.
  Value largest;
  for (int64_t h = 0; h < 2; ++h) {
    Value bits = arith::AndIOp::create(e.b, e.loc, asWords(half[h]),
                                       e.splatI32(0x7fffffff));
    largest = h ? arith::MaxUIOp::create(e.b, e.loc, largest, bits).getResult()
                : bits;
  }
  Value tiny =
      arith::BitcastOp::create(e.b, e.loc, e.b.getI32Type(), e.constant(1e-30));
  Value most = asFloat(arith::MaxUIOp::create(
      e.b, e.loc, reduce(vector::CombiningKind::MAXUI, largest), tiny));
  // The top digit stays within 127.
  constexpr double range = 127.0 * 65536;
  Value inverse = e.broadcast(e.divf(e.constant(range), most));
  put(e.mulf(most, e.constant(1 / range)), RowDigits::kScale);
  std::array<Value, 2> out;
  for (int64_t h = 0; h < 2; ++h)
    out[h] = LLVM::CallIntrinsicOp::create(e.b, e.loc, words(),
                                           e.b.getStringAttr("llvm.lrint"),
                                           ValueRange{e.mulf(half[h], inverse)})
                 .getResult(0);
  return out;
}

void Group::putBytes(int64_t h, Value words) {
  for (int64_t digit = 0; digit < 3; ++digit) {
    Value low =
        digit ? arith::ShRUIOp::create(e.b, e.loc, words, e.splatI32(8 * digit))
                    .getResult()
              : words;
    low = arith::TruncIOp::create(
        e.b, e.loc, VectorType::get({kLanes}, e.b.getI8Type()), low);
    Value four = vector::BitCastOp::create(e.b, e.loc, e.vector(4), low);
    vector::StoreOp::create(e.b, e.loc, four, x,
                            e.add(to, RowDigits::word(digit, h * kLanes)));
  }
}

void Group::digits(Value half[2], bool offsets) {
  // With 128 added to each digit they are bytes that borrow nothing from each
  // other.
  std::array<Value, 2> biased = rounded(half);
  for (int64_t h = 0; h < 2; ++h) {
    biased[h] =
        arith::AddIOp::create(e.b, e.loc, biased[h], e.splatI32(0x808080));
    putBytes(
        h, arith::XOrIOp::create(e.b, e.loc, biased[h], e.splatI32(0x808080)));
  }
  for (int64_t digit = 0; offsets && digit < 3; ++digit) {
    Value both;
    for (Value half : biased) {
      Value byte = arith::AndIOp::create(
          e.b, e.loc,
          arith::ShRUIOp::create(e.b, e.loc, half, e.splatI32(8 * digit)),
          e.splatI32(255));
      both = both ? arith::AddIOp::create(e.b, e.loc, both, byte).getResult()
                  : byte;
    }
    Value sum =
        arith::SubIOp::create(e.b, e.loc, integer(128 * RowDigits::kGroup),
                              reduce(vector::CombiningKind::ADD, both));
    put(asFloat(arith::MulIOp::create(e.b, e.loc, sum, integer(128))),
        RowDigits::kOffsets + digit);
  }
}

} // namespace

void rowToDigits(Emit &e, Value x, Value count, Value to, DigitsFor purpose) {
  e.loop(e.index(0), count, RowDigits::kGroup, [&](Value k) {
    Group group{e, x, e.add(to, k)};
    Value half[2] = {e.load(x, k), e.load(x, e.add(k, kLanes))};
    group.put(e.sumLanes(e.addf(half[0], half[1])), RowDigits::kSum);
    if (purpose.products)
      group.digits(half, purpose.signedBytes);
  });
}

void rowsToDigits(Emit &e, Value rows, Value count) {
  e.loop(e.index(0), count, RowDigits::kGroup, [&](Value k) {
    Group group{e, rows, k};
    Value half[2] = {e.load(rows, k), e.load(rows, e.add(k, kLanes))};
    group.put(e.sumLanes(e.addf(half[0], half[1])), RowDigits::kSum);
    for (auto [h, words] : llvm::enumerate(group.rounded(half)))
      group.putBytes(
          h, arith::AddIOp::create(e.b, e.loc, words, e.splatI32(kDigitBias)));
  });
}

} // namespace heed
