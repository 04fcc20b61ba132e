//===- Emulate.cpp - Code for AVX-512 on machines without it --------------===//
//
// Intel 64 and IA-32 Architectures Software Developer's Manual, volume 2: the
// instructions VCVTNE2PS2BF16, VDPBF16PS, VPDPBUSD, VPERMPS, VRANGEPS,
// VRCP14PS, VREDUCEPS, VSCALEFPS. MXCSR is as a program begins with.
//
//===----------------------------------------------------------------------===//
#include "codegen/Emulate.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/IR/IRBuilder.h"
#include "llvm/IR/InstIterator.h"
#include "llvm/IR/IntrinsicInst.h"
#include "llvm/IR/IntrinsicsX86.h"
#include "llvm/IR/Module.h"
#include "llvm/Support/ErrorHandling.h"

using namespace llvm;

namespace heed {
namespace {

constexpr uint32_t signBit = 0x80000000, exponentBits = 0x7f800000;

/// Writes what stands for one instruction before it.
class Emulation {
public:
  explicit Emulation(Instruction &at) : at(at), b(&at) {}

  /// Null where the instruction may stay as it is.
  Value *replacement();

private:
  Value *intrinsic(IntrinsicInst &call);
  Value *scalef(Value *x, Value *power);
  Value *smallerMagnitude(Value *x, Value *y);
  Value *fraction(Value *x);
  Value *permute(Value *table, Value *index);
  Value *dotBytes(Value *sum, Value *unsignedBytes, Value *signedBytes);
  Value *dotPairs(Value *sum, Value *x, Value *y);
  Value *toBf16(Value *x);
  Value *fromBf16(Value *x);

  /// The type of `like` with other elements.
  static Type *with(Type *element, Type *like) {
    auto *vector = dyn_cast<VectorType>(like);
    return vector ? VectorType::get(element, vector) : element;
  }
  static bool isBf16(Type *type) { return type->getScalarType()->isBFloatTy(); }
  Value *words(Value *x) { // of 16 bits
    return b.CreateBitCast(x, with(b.getInt16Ty(), x->getType()));
  }
  Value *bits(Value *x) {
    return b.CreateBitCast(x, with(b.getInt32Ty(), x->getType()));
  }
  Value *floats(Value *x) {
    return b.CreateBitCast(x, with(b.getFloatTy(), x->getType()));
  }
  Value *asBf16(Value *x) {
    return b.CreateBitCast(x, with(b.getBFloatTy(), x->getType()));
  }
  static Constant *number(Value *like, double value) {
    return ConstantFP::get(like->getType(), value);
  }
  static Constant *integer(Value *like, uint64_t value) {
    return ConstantInt::get(like->getType(), value);
  }
  Value *isNan(Value *x) { return b.CreateFCmpUNO(x, x); }
  Value *isInfinite(Value *x) {
    Value *size = b.CreateUnaryIntrinsic(Intrinsic::fabs, x);
    return b.CreateFCmpOEQ(size, ConstantFP::getInfinity(x->getType()));
  }
  /// x, and zero of its sign where x is denormal.
  Value *flushed(Value *x) {
    Value *raw = bits(x);
    Value *isSmall =
        b.CreateICmpEQ(b.CreateAnd(raw, exponentBits), integer(raw, 0));
    return floats(b.CreateSelect(isSmall, b.CreateAnd(raw, signBit), raw));
  }
  /// The lanes of the mask, 16 bits; those of `others` elsewhere.
  Value *masked(Value *mask, Value *lanes, Value *others) {
    auto *type = with(b.getInt1Ty(), lanes->getType());
    return b.CreateSelect(b.CreateBitCast(mask, type), lanes, others);
  }
  /// Part of the meaning of an intrinsic that is a constant in generated code.
  void expect(Value *operand, uint64_t value) const {
    auto *constant = dyn_cast<ConstantInt>(operand);
    if (!constant || constant->getZExtValue() != value)
      unknown();
  }
  [[noreturn]] void unknown() const {
    std::string text;
    raw_string_ostream(text) << "no emulation of " << at;
    reportFatalInternalError(StringRef(text));
  }

  Instruction &at;
  IRBuilder<> b;
};

/// x 2^floor(power). In f64 no product of the two needs rounding, so that there
/// is but one, to f32.
Value *Emulation::scalef(Value *x, Value *power) {
  constexpr int most = 400; // f32 is 0 or infinite long before
  Value *floor = b.CreateUnaryIntrinsic(Intrinsic::floor, power);
  Value *bounded = b.CreateMinNum(b.CreateMaxNum(floor, number(floor, -most)),
                                  number(floor, most));
  Value *exponent =
      b.CreateSExt(b.CreateFPToSI(bounded, with(b.getInt32Ty(), x->getType())),
                   with(b.getInt64Ty(), x->getType()));
  exponent = b.CreateShl(b.CreateAdd(exponent, integer(exponent, 1023)), 52);
  Type *wide = with(b.getDoubleTy(), x->getType());
  Value *scale = b.CreateBitCast(exponent, wide);
  // 2^infinity itself: times 0 it gives NaN. 2^-infinity likewise.
  Value *infinite = isInfinite(power);
  Value *end = b.CreateMaxNum(power, number(power, 0));
  scale = b.CreateSelect(infinite, b.CreateFPExt(end, wide), scale);
  Value *product = b.CreateFPTrunc(b.CreateFMul(b.CreateFPExt(x, wide), scale),
                                   x->getType());
  product = b.CreateSelect(isNan(power), power, product);
  return b.CreateSelect(b.CreateAnd(isNan(x), infinite), end, product);
}

/// The smaller magnitude of the two, or that which is a number, with the sign
/// of x.
Value *Emulation::smallerMagnitude(Value *x, Value *y) {
  Value *a = b.CreateUnaryIntrinsic(Intrinsic::fabs, x);
  Value *c = b.CreateUnaryIntrinsic(Intrinsic::fabs, y);
  Value *takeX = b.CreateOr(b.CreateFCmpOLT(a, c), isNan(y));
  return b.CreateCopySign(b.CreateSelect(takeX, a, c), x);
}

/// x - floor(x), rounded down: that is inexact for small negative x only, where
/// what rounding added is found exactly (Dekker 1971) and the result, positive
/// then, is taken to the number below.
Value *Emulation::fraction(Value *x) {
  Value *up = b.CreateFNeg(b.CreateUnaryIntrinsic(Intrinsic::floor, x));
  Value *sum = b.CreateFAdd(up, x);
  Value *lost = b.CreateFSub(x, b.CreateFSub(sum, up));
  Value *isAbove = b.CreateFCmpOLT(lost, number(lost, 0));
  Value *raw = bits(sum);
  sum = floats(b.CreateSelect(isAbove, b.CreateSub(raw, integer(raw, 1)), raw));
  Value *isZero = b.CreateFCmpOEQ(sum, number(sum, 0));
  sum = b.CreateSelect(isZero, ConstantFP::getNegativeZero(x->getType()), sum);
  return b.CreateSelect(isInfinite(x), number(x, 0), sum);
}

/// Lane i is lane index[i] mod 16 of the table: AVX2 permutes 8.
Value *Emulation::permute(Value *table, Value *index) {
  auto half = [&](Value *vector, int first) {
    return b.CreateShuffleVector(
        vector, llvm::to_vector<8>(llvm::seq(first, first + 8)));
  };
  SmallVector<Value *, 2> halves;
  for (int first : {0, 8}) {
    Value *lanes = half(index, first);
    auto of = [&](int part) {
      return b.CreateIntrinsic(Intrinsic::x86_avx2_permps,
                               {half(table, part), lanes});
    };
    Value *isHigh = b.CreateICmpNE(b.CreateAnd(lanes, integer(lanes, 8)),
                                   integer(lanes, 0));
    halves.push_back(b.CreateSelect(isHigh, of(8), of(0)));
  }
  return b.CreateShuffleVector(halves[0], halves[1],
                               llvm::to_vector<16>(llvm::seq(0, 16)));
}

/// sum[i] + the products of bytes 4 i to 4 i + 3, without saturation.
Value *Emulation::dotBytes(Value *sum, Value *unsignedBytes,
                           Value *signedBytes) {
  Value *x = b.CreateBitCast(unsignedBytes, sum->getType()),
        *y = b.CreateBitCast(signedBytes, sum->getType());
  for (uint64_t byte = 0; byte < 4; ++byte) {
    Value *left = b.CreateAnd(b.CreateLShr(x, 8 * byte), 255),
          *right = b.CreateAShr(b.CreateShl(y, 24 - 8 * byte), 24);
    sum = b.CreateAdd(sum, b.CreateMul(left, right));
  }
  return sum;
}

/// sum[i] + x[2 i + 1] y[2 i + 1], rounded, + x[2 i] y[2 i], rounded; denormals
/// are zeros on both sides.
Value *Emulation::dotPairs(Value *sum, Value *x, Value *y) {
  auto *type = with(b.getInt32Ty(), sum->getType());
  Value *left = b.CreateBitCast(x, type), *right = b.CreateBitCast(y, type);
  auto add = [&](Value *a, Value *c) {
    Value *next = b.CreateIntrinsic(
        Intrinsic::fma, {sum->getType()},
        {flushed(floats(a)), flushed(floats(c)), flushed(sum)});
    sum = flushed(next);
  };
  add(b.CreateAnd(left, 0xffff0000), b.CreateAnd(right, 0xffff0000));
  add(b.CreateShl(left, 16), b.CreateShl(right, 16));
  return sum;
}

/// To the nearest, ties to even; denormals are zeros. As words of 16 bits.
Value *Emulation::toBf16(Value *x) {
  Value *raw = bits(flushed(x));
  Value *high = b.CreateLShr(raw, 16);
  // Up to half less one: the last bit that stays decides a tie.
  Value *rounded = b.CreateLShr(
      b.CreateAdd(raw, b.CreateAdd(b.CreateAnd(high, 1), integer(raw, 0x7fff))),
      16);
  constexpr uint64_t quiet = 0x40;
  Value *word = b.CreateSelect(isNan(x), b.CreateOr(high, quiet), rounded);
  return b.CreateTrunc(word, with(b.getInt16Ty(), x->getType()));
}

Value *Emulation::fromBf16(Value *x) {
  Value *raw = words(x);
  return floats(
      b.CreateShl(b.CreateZExt(raw, with(b.getInt32Ty(), raw->getType())), 16));
}

Value *Emulation::intrinsic(IntrinsicInst &call) {
  auto operand = [&](unsigned i) { return call.getArgOperand(i); };
  constexpr uint64_t roundAsSet = 4;
  switch (call.getIntrinsicID()) {
  case Intrinsic::x86_avx512_mask_scalef_ps_512:
    expect(operand(4), roundAsSet);
    return masked(operand(3), scalef(operand(0), operand(1)), operand(2));
  case Intrinsic::x86_avx512_mask_range_ps_512:
    // The smaller magnitude, the first one's sign.
    expect(operand(2), 2);
    expect(operand(5), roundAsSet);
    return masked(operand(4), smallerMagnitude(operand(0), operand(1)),
                  operand(3));
  case Intrinsic::x86_avx512_rcp14_ps_512:
    return masked(operand(2), b.CreateFDiv(number(operand(0), 1), operand(0)),
                  operand(1));
  case Intrinsic::x86_avx512_mask_reduce_ps_512:
    // No bits after the point, down, without an exception.
    expect(operand(1), 9);
    expect(operand(4), roundAsSet);
    return masked(operand(3), fraction(operand(0)), operand(2));
  case Intrinsic::x86_avx512_permvar_sf_512:
    return permute(operand(0), operand(1));
  case Intrinsic::x86_avx512_vpdpbusd_512:
    return dotBytes(operand(0), operand(1), operand(2));
  case Intrinsic::x86_avx512bf16_dpbf16ps_512:
    return dotPairs(operand(0), operand(1), operand(2));
  case Intrinsic::x86_avx512bf16_cvtne2ps2bf16_512:
    return asBf16(b.CreateShuffleVector(toBf16(operand(1)), toBf16(operand(0)),
                                        llvm::to_vector<32>(llvm::seq(0, 32))));
  // LLVM splits vectors of bf16 into numbers where the target has none.
  case Intrinsic::masked_load:
    if (!isBf16(call.getType()))
      return nullptr;
    return asBf16(b.CreateMaskedLoad(with(b.getInt16Ty(), call.getType()),
                                     operand(0), *call.getParamAlign(0),
                                     operand(1), words(operand(2))));
  case Intrinsic::masked_store:
    if (!isBf16(operand(0)->getType()))
      return nullptr;
    return b.CreateMaskedStore(words(operand(0)), operand(1),
                               *call.getParamAlign(1), operand(2));
  default:
    if (call.getCalledFunction()->getName().starts_with("llvm.x86.avx512"))
      unknown();
    return nullptr;
  }
}

Value *Emulation::replacement() {
  if (auto *call = dyn_cast<IntrinsicInst>(&at))
    return intrinsic(*call);
  if (auto *store = dyn_cast<StoreInst>(&at)) {
    Value *value = store->getValueOperand();
    if (!isBf16(value->getType()))
      return nullptr;
    return b.CreateAlignedStore(words(value), store->getPointerOperand(),
                                store->getAlign());
  }
  if (isa<FPExtInst>(at) && isBf16(at.getOperand(0)->getType()))
    return fromBf16(at.getOperand(0));
  if (!isBf16(at.getType()))
    return nullptr;
  if (isa<FPTruncInst>(at))
    return asBf16(toBf16(at.getOperand(0)));
  if (auto *load = dyn_cast<LoadInst>(&at))
    return asBf16(b.CreateAlignedLoad(with(b.getInt16Ty(), load->getType()),
                                      load->getPointerOperand(),
                                      load->getAlign()));
  if (auto *shuffle = dyn_cast<ShuffleVectorInst>(&at))
    return asBf16(b.CreateShuffleVector(words(shuffle->getOperand(0)),
                                        words(shuffle->getOperand(1)),
                                        shuffle->getShuffleMask()));
  if (isa<SelectInst>(at))
    return asBf16(b.CreateSelect(at.getOperand(0), words(at.getOperand(1)),
                                 words(at.getOperand(2))));
  return nullptr;
}

} // namespace

void emulateAvx512(Module &module) {
  for (Function &function : module)
    for (Instruction &at : make_early_inc_range(instructions(function)))
      if (Value *value = Emulation(at).replacement()) {
        at.replaceAllUsesWith(value);
        at.eraseFromParent();
      }
}

std::string withoutAvx512(StringRef features) {
  SmallVector<StringRef> all;
  features.split(all, ',', -1, false);
  erase_if(all,
           [](StringRef feature) { return feature.starts_with("+avx512"); });
  return join(all, ",");
}

} // namespace heed
