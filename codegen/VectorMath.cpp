//===- VectorMath.cpp - Functions of f32 vectors, as arithmetic -----------===//
//
// Polynomials are minimax fits (Remez), rationals in x^2 likewise by weighted
// least squares; all in relative error.
//
//===----------------------------------------------------------------------===//
#include "codegen/VectorMath.h"
#include "codegen/VectorBuilder.h"
#include "ir/Attn.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

#include <cmath>
#include <limits>

using namespace mlir;

namespace heed::vecmath {

namespace {
constexpr double kLog2E = 1.4426950408889634074, kLn2 = 0.69314718055994530942;
/// ln 2 in two parts, the first with few bits, so that n kLn2High is exact
/// (Cody and Waite 1980).
constexpr double kLn2High = 0.693145751953125, kLn2Low = kLn2 - kLn2High;
constexpr float kInfinity = std::numeric_limits<float>::infinity();
/// 2^x - 1 over x on [-1/2, 1/2], error of the whole 2.6e-9.
constexpr double kExp2[] = {0.6931472420692444,    0.24022652208805084,
                            0.055503103882074356,  0.009617692790925503,
                            0.0013406643411144614, 0.00015594677824992687};
using Predicate = arith::CmpFPredicate;

VectorBuilder builderFor(OpBuilder &b, Location loc, Value x) {
  return {b, loc, cast<VectorType>(x.getType()).getDimSize(0)};
}

/// c0 + c1 x + c2 x^2 …, by Horner's rule.
Value polynomial(const VectorBuilder &v, Value x,
                 ArrayRef<double> coefficients) {
  Value sum = v.constant(coefficients.back());
  for (double coefficient : llvm::reverse(coefficients.drop_back()))
    sum = v.fma(sum, x, v.constant(coefficient));
  return sum;
}

/// Whether the target of the module that is built has AVX-512; where the
/// module is out of reach (a region whose op is still being built) or has no
/// target it is taken to.
bool hasWideVectors(OpBuilder &b) {
  Operation *at = b.getInsertionBlock()->getParentOp();
  while (at && !isa<ModuleOp>(at))
    at = at->getParentOp();
  auto target =
      at ? at->getAttrOfType<attn::TargetAttr>("attn.target") : nullptr;
  return !target || target.getVector() >= 512;
}

bool isWide(const VectorBuilder &v) {
  return v.lanes == 16 && hasWideVectors(v.b);
}

Value wideIntrinsic(const VectorBuilder &v, StringRef name,
                    ValueRange operands) {
  return LLVM::CallIntrinsicOp::create(v.b, v.loc, v.f32(),
                                       v.b.getStringAttr(name), operands)
      .getResult(0);
}
/// Operands of such intrinsics: no lane is masked; rounding is MXCSR's.
Value allLanes(const VectorBuilder &v) {
  return LLVM::ConstantOp::create(v.b, v.loc, v.b.getI16IntegerAttr(-1));
}
Value asSet(const VectorBuilder &v) {
  return LLVM::ConstantOp::create(v.b, v.loc, v.b.getI32IntegerAttr(4));
}

/// p 2^n where `keep`, else 0; n is whole. p lies in [0.7, 1.42] and p 2^n is
/// normal where `keep`.
Value scaleWhere(const VectorBuilder &v, Value keep, Value p, Value n) {
  if (isWide(v)) {
    Value bits = LLVM::BitcastOp::create(v.b, v.loc, v.b.getI16Type(), keep);
    return wideIntrinsic(v, "llvm.x86.avx512.mask.scalef.ps.512",
                         {p, n, v.constant(0), bits, asSet(v)});
  }
  Value shift =
      arith::ShLIOp::create(v.b, v.loc, v.toInt(n), v.constantInt(23));
  Value scaled =
      v.asFloat(arith::AddIOp::create(v.b, v.loc, v.asInt(p), shift));
  return v.select(keep, scaled, v.constant(0));
}

/// x with its magnitude, where larger, `limit`.
Value clampMagnitude(const VectorBuilder &v, Value x, double limit) {
  if (!isWide(v))
    return v.min(v.max(x, v.constant(-limit)), v.constant(limit));
  // The smaller magnitude with the sign of x; all lanes, rounding as set.
  Value imm = LLVM::ConstantOp::create(v.b, v.loc, v.b.getI32IntegerAttr(2));
  return wideIntrinsic(v, "llvm.x86.avx512.mask.range.ps.512",
                       {x, v.constant(limit), imm, x, allLanes(v), asSet(v)});
}

/// p / q within 1 unit in the last place, for q of usual size: a division holds
/// the multipliers up for longer than the five operations that do without.
Value quotient(const VectorBuilder &v, Value p, Value q) {
  if (!isWide(v))
    return v.div(p, q);
  Value inverse =
      wideIntrinsic(v, "llvm.x86.avx512.rcp14.ps.512", {q, q, allLanes(v)});
  Value y = v.mul(p, inverse);
  Value rest = v.fma(arith::NegFOp::create(v.b, v.loc, y), q, p);
  return v.fma(rest, inverse, y);
}

/// x P(x^2) / Q(x^2) with |x| clamped to `limit`, then to 1: odd functions that
/// saturate at 1.
Value saturatingRational(const VectorBuilder &v, Value x, double limit,
                         ArrayRef<double> p, ArrayRef<double> q) {
  x = clampMagnitude(v, x, limit);
  Value z = v.mul(x, x);
  Value y = quotient(v, v.mul(x, polynomial(v, z, p)), polynomial(v, z, q));
  return clampMagnitude(v, y, 1);
}
} // namespace

Value exp2NonPositive(OpBuilder &b, Location loc, Value x) {
  VectorBuilder v = builderFor(b, loc, x);
  // Degree 5, error 1.5e-7 with the first coefficient held at 1, so that 2^0
  // = 1.
  constexpr double coefficients[] = {1.0,
                                     0.6931469440460205,
                                     0.24022120237350464,
                                     0.05550713092088699,
                                     0.009675540961325169,
                                     0.0013276472454890609};
  if (isWide(v)) {
    Value keep = v.compare(Predicate::OGE, x, v.constant(-126));
    Value n = v.round(x);
    return scaleWhere(v, keep, polynomial(v, v.sub(x, n), coefficients), n);
  }
  // Added to 1.5 2^23 a number is rounded, and its last bits are those of n:
  // they become the exponent. 2^-127 comes out as 0, for its p is 1, and so
  // does all that is less; what lies between it and 2^-126 is no larger than
  // that.
  Value magic = v.constant(0x1.8p23);
  x = v.max(x, v.constant(-127));
  Value shifted = v.add(x, magic);
  Value p = polynomial(v, v.sub(x, v.sub(shifted, magic)), coefficients);
  Value exponent =
      arith::ShLIOp::create(b, loc, v.asInt(shifted), v.constantInt(23));
  return v.asFloat(arith::AddIOp::create(b, loc, v.asInt(p), exponent));
}

// x - floor(x) and 2^floor(x) are an instruction each, which know -infinity.
// Degree 3, error 8.6e-5 with the first coefficient held at 1.
Value exp2NonPositiveCoarse(OpBuilder &b, Location loc, Value x) {
  VectorBuilder v = builderFor(b, loc, x);
  constexpr int32_t downQuietly = 9;
  Value zero = v.constant(0),
        how =
            LLVM::ConstantOp::create(b, loc, b.getI32IntegerAttr(downQuietly));
  Value rest = wideIntrinsic(v, "llvm.x86.avx512.mask.reduce.ps.512",
                             {x, how, zero, allLanes(v), asSet(v)});
  Value p = polynomial(
      v, rest,
      {1.0, 0.6951168205976493, 0.2276448393546192, 0.07706718151125005});
  return wideIntrinsic(v, "llvm.x86.avx512.mask.scalef.ps.512",
                       {p, x, zero, allLanes(v), asSet(v)});
}

Value exp2(OpBuilder &b, Location loc, Value x) {
  VectorBuilder v = builderFor(b, loc, x);
  Value keep = v.compare(Predicate::OGE, x, v.constant(-126));
  Value overflow = v.compare(Predicate::OGE, x, v.constant(128));
  Value bounded = v.min(v.max(x, v.constant(-126)), v.constant(127.99999));
  Value n = v.round(bounded);
  SmallVector<double> coefficients{1.0};
  coefficients.append(std::begin(kExp2), std::end(kExp2));
  Value result =
      scaleWhere(v, keep, polynomial(v, v.sub(bounded, n), coefficients), n);
  return v.select(overflow, v.constant(kInfinity), result);
}

Value exp(OpBuilder &b, Location loc, Value x) {
  VectorBuilder v = builderFor(b, loc, x);
  Value keep = v.compare(Predicate::OGE, x, v.constant(-126 * kLn2));
  Value overflow = v.compare(Predicate::OGT, x, v.constant(88.72283));
  Value bounded =
      v.min(v.max(x, v.constant(-126 * kLn2)), v.constant(88.72283));
  Value n = v.round(v.mul(bounded, v.constant(kLog2E)));
  Value r =
      v.fma(n, v.constant(-kLn2Low), v.fma(n, v.constant(-kLn2High), bounded));
  // e^r = 2^(r log2 e).
  double scale = 1;
  SmallVector<double> coefficients{1.0};
  for (double c : kExp2)
    coefficients.push_back(c * (scale *= kLog2E));
  Value result = scaleWhere(v, keep, polynomial(v, r, coefficients), n);
  return v.select(overflow, v.constant(kInfinity), result);
}

Value log(OpBuilder &b, Location loc, Value x) {
  VectorBuilder v = builderFor(b, loc, x);
  // x = 2^n (1 + f) with 1 + f in [sqrt(1/2), sqrt(2)): take sqrt(1/2)'s bits
  // off, keep the exponent of the rest.
  constexpr int32_t rootHalf = 0x3f3504f3;
  Value bits =
      arith::SubIOp::create(b, loc, v.asInt(x), v.constantInt(rootHalf));
  Value n = v.toFloat(arith::ShRSIOp::create(b, loc, bits, v.constantInt(23)));
  Value mantissa =
      arith::AndIOp::create(b, loc, bits, v.constantInt(0x007fffff));
  Value f = v.sub(v.asFloat(arith::AddIOp::create(b, loc, mantissa,
                                                  v.constantInt(rootHalf))),
                  v.constant(1));
  Value f2 = v.mul(f, f);
  // log(1 + f) = f - f^2 / 2 + f^3 P(f), error 5.8e-9.
  Value tail = v.mul(v.mul(f, f2),
                     polynomial(v, f,
                                {0.3333333134651184, -0.2500081956386566,
                                 0.20001226663589478, -0.16623356938362122,
                                 0.14201758801937103, -0.13160182535648346,
                                 0.12761574983596802, -0.07634493708610535}));
  Value small =
      v.fma(n, v.constant(kLn2Low), v.fma(f2, v.constant(-0.5), tail));
  Value result = v.fma(n, v.constant(kLn2High), v.add(f, small));
  result =
      v.select(v.compare(Predicate::OEQ, x, v.constant(kInfinity)), x, result);
  Value tiny = v.compare(Predicate::OLT, x,
                         v.constant(std::numeric_limits<float>::min()));
  return v.select(tiny, v.constant(-kInfinity), result);
}

Value log2(OpBuilder &b, Location loc, Value x) {
  VectorBuilder v = builderFor(b, loc, x);
  return v.mul(log(b, loc, x), v.constant(kLog2E));
}

Value tanh(OpBuilder &b, Location loc, Value x) {
  return saturatingRational(builderFor(b, loc, x), x, 9.02,
                            {1.0, 0.13379716873168945, 0.0034940335899591446,
                             2.0583465811796486e-05, 1.3319053415727922e-08},
                            {1.0, 0.4671303331851959, 0.025871070101857185,
                             0.0003283091355115175, 7.76201147800748e-07});
}

Value tanhOfScores(OpBuilder &b, Location loc, Value x) {
  VectorBuilder v = builderFor(b, loc, x);
  Value isLarge = v.compare(Predicate::OGT, math::AbsFOp::create(b, loc, x),
                            v.constant(0.8));
  Value z = v.mul(x, x);
  // Error 6.5e-8.
  Value p = polynomial(v, z,
                       {-0.3333286643028259, 0.1332276612520218,
                        -0.053176313638687134, 0.01919076219201088,
                        -0.004410885740071535});
  Value ofSmall = v.fma(v.mul(x, z), p, x);
  Type bits = b.getIntegerType(static_cast<unsigned>(v.lanes));
  Value anyLarge = arith::CmpIOp::create(
      b, loc, arith::CmpIPredicate::ne,
      LLVM::BitcastOp::create(b, loc, bits, isLarge),
      arith::ConstantOp::create(b, loc, b.getIntegerAttr(bits, 0)));
  // Built once the branch stands in its function: tanh looks around there.
  auto branch = scf::IfOp::create(b, loc, x.getType(), anyLarge,
                                  /*withElseRegion=*/true);
  OpBuilder inside = branch.getThenBodyBuilder();
  // A lane's bits depend on no other lane: threads and batches set rows beside
  // each other as it falls out.
  scf::YieldOp::create(inside, loc,
                       builderFor(inside, loc, x)
                           .select(isLarge, tanh(inside, loc, x), ofSmall));
  OpBuilder otherwise = branch.getElseBodyBuilder();
  scf::YieldOp::create(otherwise, loc, ofSmall);
  return branch.getResult(0);
}

Value erf(OpBuilder &b, Location loc, Value x) {
  return saturatingRational(
      builderFor(b, loc, x), x, 3.93,
      {1.1283791065216064, 0.19078178703784943, 0.05279003083705902,
       0.003779526799917221, 0.00028480764012783766, 2.0419965949258767e-06},
      {1.0, 0.5024086833000183, 0.11425668746232986, 0.014997269958257675,
       0.00116519455332309, 3.800429476541467e-05});
}

Value sigmoid(OpBuilder &b, Location loc, Value x) {
  VectorBuilder v = builderFor(b, loc, x);
  return v.div(v.constant(1),
               v.add(v.constant(1), exp(b, loc, v.sub(v.constant(0), x))));
}

Value silu(OpBuilder &b, Location loc, Value x) {
  VectorBuilder v = builderFor(b, loc, x);
  return v.div(x, v.add(v.constant(1), exp(b, loc, v.sub(v.constant(0), x))));
}

Value gelu(OpBuilder &b, Location loc, Value x) {
  VectorBuilder v = builderFor(b, loc, x);
  Value half = v.mul(x, v.constant(0.5));
  return v.fma(half, erf(b, loc, v.mul(x, v.constant(std::sqrt(0.5)))), half);
}

Value geluTanh(OpBuilder &b, Location loc, Value x) {
  VectorBuilder v = builderFor(b, loc, x);
  double c = std::sqrt(2 / M_PI);
  Value half = v.mul(x, v.constant(0.5));
  Value inner =
      v.mul(x, v.fma(v.mul(x, x), v.constant(0.044715 * c), v.constant(c)));
  return v.fma(half, tanh(b, loc, inner), half);
}

Value pow(OpBuilder &b, Location loc, Value x, Value y) {
  VectorBuilder v = builderFor(b, loc, x);
  return exp2(b, loc, v.mul(y, log2(b, loc, x)));
}

} // namespace heed::vecmath
