//===- EmulateTest.cpp - What stands for AVX-512 gives its bits -----------===//
//
// Each intrinsic, emulated, against plain code for one lane; where the CPU has
// the instruction, that too.
//
//===----------------------------------------------------------------------===//
#include "tests/codegen/attention/KernelRunner.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

#include <catch2/catch.hpp>

#include <bit>
#include <cmath>
#include <random>

using namespace heed::test;

namespace {

/// 16 lanes of 32 bits: what any operand is, seen as words.
using Words = std::vector<uint32_t>;
constexpr int kLanes = 16;

float asFloat(uint32_t bits) { return std::bit_cast<float>(bits); }
uint32_t asBits(float value) { return std::bit_cast<uint32_t>(value); }
float ofBf16(uint32_t word) { return asFloat(word << 16); }
float flushed(float x) {
  return std::fpclassify(x) == FP_SUBNORMAL ? std::copysign(0.f, x) : x;
}

uint32_t scalef(float x, float power) {
  if (std::isinf(power) && std::isnan(x))
    return asBits(power > 0 ? INFINITY : 0.f);
  if (std::isinf(power))
    return asBits(x * (power > 0 ? INFINITY : 0.f));
  if (std::isnan(power))
    return asBits(power);
  double bounded = std::min(std::max<double>(power, -1000), 1000.);
  return asBits(std::ldexp(x, int(std::floor(bounded))));
}

uint32_t smallerMagnitude(float x, float y) {
  float size = std::isnan(y)   ? x
               : std::isnan(x) ? y
                               : std::min(std::abs(x), std::abs(y));
  return asBits(std::copysign(size, x));
}

/// The largest number that is not above x - floor(x).
uint32_t fraction(float x) {
  if (std::isinf(x))
    return asBits(0.f);
  float floor = std::floor(x), rest = x - floor;
  if (rest + double(floor) > x)
    rest = std::nextafter(rest, 0.f);
  return asBits(rest == 0 ? -0.f : rest);
}

/// The nearer of the two neighbours.
uint32_t toBf16(float x) {
  uint32_t bits = asBits(flushed(x)), below = bits >> 16;
  if (std::isnan(x))
    return below | 0x40;
  if (std::isinf(x))
    return below;
  double size = std::abs(flushed(x)), lower = std::abs(ofBf16(below)),
         step = std::ldexp(
             1., std::max(std::ilogb(std::max(lower, 1e-38)), -126) - 7),
         upper = lower + step;
  bool up = size - lower > upper - size ||
            (size - lower == upper - size && below % 2 == 1);
  return below + up;
}

uint32_t dotPairs(uint32_t sum, uint32_t x, uint32_t y) {
  float total = flushed(asFloat(sum));
  for (uint32_t shift : {16, 0})
    total = flushed(std::fma(flushed(ofBf16(x >> shift & 0xffff)),
                             flushed(ofBf16(y >> shift & 0xffff)), total));
  return asBits(total);
}

uint32_t dotBytes(uint32_t sum, uint32_t x, uint32_t y) {
  for (int byte = 0; byte < 4; ++byte)
    sum += uint32_t(int32_t(uint8_t(x >> 8 * byte)) *
                    int32_t(int8_t(y >> 8 * byte)));
  return sum;
}

/// Equal bits, or NaN both.
bool isSame(uint32_t found, uint32_t expected) {
  return found == expected ||
         (std::isnan(asFloat(found)) && std::isnan(asFloat(expected)));
}

struct Call {
  const uint32_t *x, *y, *z; // 16 lanes each
};
struct Instruction {
  const char *name, *operands; // see `build`
  uint32_t (*model)(Call call, int lane);
  /// Whether `found` will do, of the instruction itself where `isReal`.
  bool (*accepts)(uint32_t found, uint32_t expected, Call call, int lane,
                  bool isReal) = [](uint32_t found, uint32_t expected, Call,
                                    int,
                                    bool) { return isSame(found, expected); };
  bool isFloat = true; // operands are drawn as numbers, not as any bits
};

// Operands: x, y, z as floats, X, Y, Z as words, p, q as pairs of bf16 of y and
// z, b, c as bytes of y and z; 0 none, m all lanes, digits of immediates.
const Instruction kInstructions[] = {
    {"llvm.x86.avx512.mask.scalef.ps.512", "x y x m 4",
     [](Call c, int i) { return scalef(asFloat(c.x[i]), asFloat(c.y[i])); }},
    {"llvm.x86.avx512.mask.range.ps.512", "x y 2 x m 4",
     [](Call c, int i) {
       return smallerMagnitude(asFloat(c.x[i]), asFloat(c.y[i]));
     }},
    {"llvm.x86.avx512.mask.reduce.ps.512", "x 9 x m 4",
     [](Call c, int i) { return fraction(asFloat(c.x[i])); }},
    {"llvm.x86.avx512.rcp14.ps.512", "x x m",
     [](Call c, int i) { return asBits(1 / asFloat(c.x[i])); },
     [](uint32_t found, uint32_t expected, Call, int, bool) {
       float right = asFloat(expected);
       return isSame(found, expected) || !std::isnormal(right) ||
              std::abs(asFloat(found) / right - 1) < 0x1p-14;
     }},
    {"llvm.x86.avx512bf16.cvtne2ps2bf16.512", "x y",
     [](Call c, int i) {
       const uint32_t *from = i < 8 ? c.y + 2 * i : c.x + 2 * (i - 8);
       return toBf16(asFloat(from[0])) | toBf16(asFloat(from[1])) << 16;
     },
     [](uint32_t found, uint32_t expected, Call, int, bool) {
       return found == expected;
     }},
    {"llvm.x86.avx512bf16.dpbf16ps.512", "x p q",
     [](Call c, int i) { return dotPairs(c.x[i], c.y[i], c.z[i]); },
     [](uint32_t found, uint32_t expected, Call c, int i, bool isReal) {
       // The order of the two sums is from Intel's manual alone.
       double size = std::abs(asFloat(c.x[i]));
       for (uint32_t shift : {16, 0})
         size += std::abs(double(ofBf16(c.y[i] >> shift & 0xffff)) *
                          ofBf16(c.z[i] >> shift & 0xffff));
       return isSame(found, expected) ||
              (isReal &&
               !(std::abs(double(asFloat(found)) - asFloat(expected)) >
                 0x1p-22 * size + 0x1p-125));
     }},
    {"llvm.x86.avx512.vpdpbusd.512", "X b c",
     [](Call c, int i) { return dotBytes(c.x[i], c.y[i], c.z[i]); },
     [](uint32_t found, uint32_t expected, Call, int, bool) {
       return found == expected;
     },
     false},
    {"llvm.x86.avx512.permvar.sf.512", "x Y",
     [](Call c, int i) { return c.x[c.y[i] % kLanes]; }},
};

/// func call(x, y, z, out) of memrefs of i32: out[i] for each 16 lanes.
mlir::OwningOpRef<mlir::ModuleOp> build(mlir::MLIRContext *context,
                                        const Instruction &instruction) {
  mlir::OpBuilder b(context);
  mlir::Location loc = b.getUnknownLoc();
  mlir::OwningOpRef<mlir::ModuleOp> module(mlir::ModuleOp::create(loc));
  b.setInsertionPointToEnd(module->getBody());
  auto memref =
      mlir::MemRefType::get({mlir::ShapedType::kDynamic}, b.getI32Type());
  auto function = mlir::func::FuncOp::create(
      b, loc, "call", b.getFunctionType({memref, memref, memref, memref}, {}));
  b.setInsertionPointToStart(function.addEntryBlock());
  auto number = [&](int64_t value) -> mlir::Value {
    return mlir::arith::ConstantIndexOp::create(b, loc, value);
  };
  auto loop = mlir::scf::ForOp::create(
      b, loc, number(0),
      mlir::memref::DimOp::create(b, loc, function.getArgument(0), 0),
      number(kLanes));
  mlir::func::ReturnOp::create(b, loc);
  b.setInsertionPoint(loop.getBody()->getTerminator());
  auto words = mlir::VectorType::get(kLanes, b.getI32Type());
  auto load = [&](unsigned argument, mlir::Type element, int64_t lanes) {
    mlir::Value loaded = mlir::vector::LoadOp::create(
        b, loc, words, function.getArgument(argument), loop.getInductionVar());
    return mlir::vector::BitCastOp::create(
               b, loc, mlir::VectorType::get(lanes, element), loaded)
        .getResult();
  };
  std::vector<mlir::Value> operands;
  auto constant = [&](mlir::IntegerAttr value) {
    operands.push_back(mlir::LLVM::ConstantOp::create(b, loc, value));
  };
  for (char operand : std::string_view(instruction.operands))
    switch (operand) {
    case ' ':
      break;
    case 'x':
    case 'y':
      operands.push_back(load(operand - 'x', b.getF32Type(), kLanes));
      break;
    case 'X':
    case 'Y':
      operands.push_back(load(operand - 'X', b.getI32Type(), kLanes));
      break;
    case 'p':
    case 'q':
      operands.push_back(load(1 + operand - 'p', b.getBF16Type(), 2 * kLanes));
      break;
    case 'b':
    case 'c':
      operands.push_back(load(1 + operand - 'b', b.getI8Type(), 4 * kLanes));
      break;
    case 'm':
      constant(b.getI16IntegerAttr(-1));
      break;
    default:
      constant(b.getI32IntegerAttr(operand - '0'));
    }
  mlir::Type type = operands[0].getType();
  if (std::string_view(instruction.name).find("ps2bf16") != std::string::npos)
    type = mlir::VectorType::get(2 * kLanes, b.getBF16Type());
  mlir::Value result =
      mlir::LLVM::CallIntrinsicOp::create(
          b, loc, type, b.getStringAttr(instruction.name), operands)
          .getResult(0);
  mlir::vector::StoreOp::create(
      b, loc, mlir::vector::BitCastOp::create(b, loc, words, result),
      function.getArgument(3), loop.getInductionVar());
  return module;
}

/// Numbers where roundings, signs and ends show.
std::vector<float> edges() {
  std::vector<float> all = {0,
                            0x1p-149f,
                            0x1.8p-127f,
                            0x1p-126f,
                            0x1p-30f,
                            1e-10f,
                            0.25f,
                            0.5f,
                            1,
                            0x1.01p0f,
                            0x1.03p0f,
                            0x1.028p0f,
                            1.5f,
                            2,
                            2.5f,
                            126.3f,
                            149.5f,
                            151,
                            0x1.fffffep0f,
                            0x1.fffffep22f,
                            0x1p24f,
                            3e38f,
                            0x1.fffffep127f,
                            INFINITY,
                            NAN};
  for (size_t i = 0, n = all.size(); i < n; ++i)
    all.push_back(-all[i]);
  return all;
}

/// Every pair of edges as x and y, then any bits.
void fill(const Instruction &instruction, Words &x, Words &y, Words &z) {
  std::mt19937 draw(7);
  for (float a : edges())
    for (float c : edges()) {
      x.push_back(asBits(a)), y.push_back(asBits(c));
      // A pair of bf16: a number in each half.
      z.push_back(draw());
    }
  for (int i = 0; i < 20000; ++i)
    for (Words *words : {&x, &y, &z})
      words->push_back(draw());
  // Bytes of every sign at their ends.
  for (uint32_t left : {0u, 0xffffffffu, 0x80ff7f01u})
    for (uint32_t right : {0x80808080u, 0x7f7f7f7fu, 0xff80017fu})
      for (uint32_t sum : {0u, 0x7fffffffu, 0x80000000u})
        x.push_back(sum), y.push_back(left), z.push_back(right);
  size_t size = (x.size() + kLanes - 1) / kLanes * kLanes;
  for (Words *words : {&x, &y, &z}) {
    words->resize(size);
    // Signalling NaN is not what arithmetic makes.
    for (uint32_t &word : *words)
      if (instruction.isFloat && std::isnan(asFloat(word)))
        word |= 0x400000;
  }
}

} // namespace

TEST_CASE("emulated instructions give the documented bits", "[emulate]") {
  Machine machine = bf16Machine();
  machine.features.push_back("+avx512vnni");
  if (!machine.runsHere()) {
    WARN("skipped: this CPU cannot run " << machine.name);
    return;
  }
  for (const Instruction &instruction : kInstructions) {
    Words x, y, z;
    fill(instruction, x, y, z);
    for (bool emulated : {true, false}) {
      if (!emulated && !machine.isHere())
        continue;
      auto context = makeContext();
      context->loadAllAvailableDialects();
      auto module = build(context.get(), instruction);
      CompiledModule compiled(*module, machine, emulated);
      Words out(x.size());
      compiled.call("call", {Argument::of(x), Argument::of(y), Argument::of(z),
                             Argument::of(out)});
      int wrong = 0;
      for (size_t at = 0; at < x.size(); ++at) {
        size_t lane = at % kLanes, first = at - lane;
        Call call{&x[first], &y[first], &z[first]};
        uint32_t expected = instruction.model(call, int(lane));
        if (instruction.accepts(out[at], expected, call, int(lane), !emulated))
          continue;
        INFO(instruction.name << (emulated ? " emulated" : "") << " of "
                              << std::hex << x[at] << ", " << y[at] << ", "
                              << z[at] << " gives " << out[at] << ", not "
                              << expected);
        CHECK(false);
        if (++wrong == 5)
          break;
      }
    }
    CHECK(x.size() > 20000);
  }
}
