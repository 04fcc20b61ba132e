//===- VectorMathTest.cpp - The documented errors hold --------------------===//
#include "codegen/VectorMath.h"
#include "codegen/VectorBuilder.h"
#include "tests/codegen/attention/KernelRunner.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

#include <catch2/catch.hpp>
#include <cmath>

using namespace heed;
using namespace heed::test;

namespace {
struct Function {
  const char *name;
  mlir::Value (*build)(mlir::OpBuilder &, mlir::Location, mlir::Value);
  double (*reference)(double);
  double lo, hi, maxUlp;
};

double sigmoidReference(double x) { return 1 / (1 + std::exp(-x)); }
double siluReference(double x) { return x / (1 + std::exp(-x)); }
double geluReference(double x) {
  return x * 0.5 * std::erfc(-x * std::sqrt(0.5));
}
double geluTanhReference(double x) {
  return x * 0.5 *
         (1 + std::tanh(std::sqrt(2 / M_PI) * (x + 0.044715 * x * x * x)));
}

// The last two cancel for x < 0: their error is counted against |x|, not
// against the result.
const Function kFunctions[] = {
    {"exp2", vecmath::exp2, std::exp2, -125.9, 127.9, 2},
    {"exp2_non_positive", vecmath::exp2NonPositive, std::exp2, -125.9, 0, 3},
    {"exp", vecmath::exp, std::exp, -87, 88.7, 2},
    {"log", vecmath::log, std::log, 1e-30, 1e30, 2},
    {"tanh", vecmath::tanh, std::tanh, -12, 12, 6},
    {"tanh_of_scores", vecmath::tanhOfScores, std::tanh, -12, 12, 6},
    {"erf", vecmath::erf, std::erf, -6, 6, 7},
    {"sigmoid", vecmath::sigmoid, sigmoidReference, -80, 80, 4},
    {"silu", vecmath::silu, siluReference, -80, 80, 5},
    {"gelu", vecmath::gelu, geluReference, -8, 8, 8},
    {"gelu_tanh", vecmath::geluTanh, geluTanhReference, -8, 8, 8},
};

/// func NAME(x, y): y[i] = f(x[i]).
void addFunction(mlir::OpBuilder &b, const Function &function, int64_t lanes) {
  mlir::Location loc = b.getUnknownLoc();
  auto buffer =
      mlir::MemRefType::get({mlir::ShapedType::kDynamic}, b.getF32Type());
  auto func = mlir::func::FuncOp::create(
      b, loc, function.name, b.getFunctionType({buffer, buffer}, {}));
  mlir::OpBuilder body = mlir::OpBuilder::atBlockBegin(func.addEntryBlock());
  VectorBuilder v{body, loc, lanes};
  mlir::Value x = func.getArgument(0), y = func.getArgument(1);
  mlir::scf::ForOp::create(
      body, loc, v.index(0), mlir::memref::DimOp::create(body, loc, x, 0),
      v.index(lanes), mlir::ValueRange{},
      [&](mlir::OpBuilder &inner, mlir::Location, mlir::Value i,
          mlir::ValueRange) {
        VectorBuilder w{inner, loc, lanes};
        w.store(function.build(inner, loc, w.load(x, i)), y, i);
        mlir::scf::YieldOp::create(inner, loc);
      });
  mlir::func::ReturnOp::create(body, loc);
}

std::unique_ptr<CompiledModule> compile(const Machine &machine) {
  auto context = makeContext();
  context->loadAllAvailableDialects();
  mlir::OpBuilder b(context.get());
  mlir::OwningOpRef<mlir::ModuleOp> module(
      mlir::ModuleOp::create(b.getUnknownLoc()));
  b.setInsertionPointToEnd(module->getBody());
  for (const Function &function : kFunctions)
    addFunction(b, function, machine.lanes);
  return std::make_unique<CompiledModule>(*module, machine);
}

std::vector<float> samples(const Function &function) {
  std::vector<float> x;
  constexpr int n = 1 << 17;
  for (int i = 0; i < n; ++i) {
    double t = (i + 0.5) / n;
    // A logarithm is sampled by order of magnitude; the others uniformly, and
    // densely around zero.
    if (function.lo > 0) {
      x.push_back(static_cast<float>(function.lo *
                                     std::pow(function.hi / function.lo, t)));
    } else {
      x.push_back(
          static_cast<float>(function.lo + (function.hi - function.lo) * t));
      float small = static_cast<float>(std::pow(10.0, -6 + 6 * t));
      x.push_back(i % 2 && function.hi > 0 ? small : -small);
    }
  }
  return x;
}
} // namespace

TEST_CASE("vector functions keep their error bounds", "[vecmath]") {
  for (const Machine &machine : machines()) {
    if (!machine.runsHere()) {
      WARN("skipped: this CPU cannot run " << machine.name);
      continue;
    }
    auto compiled = compile(machine);
    for (const Function &function : kFunctions) {
      std::vector<float> x = samples(function), y(x.size());
      compiled->call(function.name, {Argument::of(x), Argument::of(y)});
      double worst = 0;
      float at = 0;
      bool cancels = std::string(function.name).starts_with("gelu");
      for (size_t i = 0; i < x.size(); ++i) {
        double exact = function.reference(x[i]);
        float scale = static_cast<float>(
            cancels ? std::max<double>(std::abs(x[i]), std::abs(exact))
                    : std::abs(exact));
        double ulp = std::nextafter(scale, INFINITY) - scale,
               error = std::abs(y[i] - exact) / ulp;
        if (!(error <= worst))
          worst = error, at = x[i];
      }
      INFO(machine.name << " " << function.name << ": " << worst << " ulp at "
                        << at);
      CHECK(worst <= function.maxUlp);
    }
  }
}

TEST_CASE("vector functions at the ends of their range", "[vecmath]") {
  for (const Machine &machine : machines()) {
    if (!machine.runsHere())
      continue;
    auto compiled = compile(machine);
    const float inf = INFINITY;
    auto check = [&](const char *name, std::vector<float> x,
                     std::vector<float> expected) {
      size_t n = x.size();
      x.resize(16), expected.resize(16);
      std::vector<float> y(16);
      compiled->call(name, {Argument::of(x), Argument::of(y)});
      for (size_t i = 0; i < n; ++i) {
        INFO(machine.name << " " << name << "(" << x[i] << ")");
        // The saturating functions end within their error of 1, never past it.
        if (std::abs(expected[i]) == 1 && std::string(name) != "exp2")
          CHECK((std::abs(y[i] - expected[i]) < 5e-7f && std::abs(y[i]) <= 1));
        else
          CHECK(y[i] == expected[i]);
      }
    };
    check("exp2", {0, 1, -1, -126, -126.01f, -inf, 128, inf, 10},
          {1, 2, .5f, 0x1p-126f, 0, 0, inf, inf, 1024});
    check("exp2_non_positive", {0, -1, -126, -127, -1e30f, -inf, -3e38f},
          {1, .5f, 0x1p-126f, 0, 0, 0, 0});
    std::vector<float> low = {-126.01f, -126.49f, -126.5f, -126.51f, -126.99f},
                       tiny(16);
    low.resize(16, -1);
    compiled->call("exp2_non_positive",
                   {Argument::of(low), Argument::of(tiny)});
    for (size_t i = 0; i < 5; ++i)
      CHECK((tiny[i] >= 0 && tiny[i] <= 0x1p-126f));
    check("exp", {0, -88, -1e30f, -inf, 89, inf}, {1, 0, 0, 0, inf, inf});
    check("log", {1, 0, inf}, {0, -inf, inf});
    for (const char *name : {"tanh", "tanh_of_scores"})
      check(name, {0, 20, -20, inf, -inf}, {0, 1, -1, 1, -1});
    check("erf", {0, 9, -9, inf, -inf}, {0, 1, -1, 1, -1});
    check("sigmoid", {0, 100, -200}, {.5f, 1, 0});
    check("silu", {0, 100, -200}, {0, 100, 0});
  }
}
