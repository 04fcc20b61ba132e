//===- ScoreExprTest.cpp - Buckets of relative positions ------------------===//
#include "frontend/ScoreExpr.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/IR/Matchers.h"

#include <catch2/catch.hpp>
#include <cmath>

using namespace heed;
using namespace mlir;

/// The bucket as T5 computes it (Raffel et al. 2020, in f32 as mesh-tensorflow
/// and transformers do): bucket 0 is distance 0, half the buckets exact, the
/// rest logarithmic.
static int64_t t5Bucket(int64_t relative, bool both, int64_t buckets,
                        int64_t most) {
  int64_t bucket = 0;
  if (both) {
    buckets /= 2;
    bucket += relative > 0 ? buckets : 0;
    relative = std::abs(relative);
  } else {
    relative = -std::min<int64_t>(relative, 0);
  }
  int64_t exact = buckets / 2;
  if (relative < exact)
    return bucket + relative;
  float large = std::log(float(relative) / float(exact)) /
                float(std::log(double(most) / double(exact))) *
                float(buckets - exact);
  return bucket + std::min<int64_t>(exact + int64_t(large), buckets - 1);
}

/// Runs the integer ops of a rule on constants.
static int64_t fold(Value value, const llvm::DenseMap<Value, int64_t> &known) {
  if (auto it = known.find(value); it != known.end())
    return it->second;
  Operation *op = value.getDefiningOp();
  REQUIRE(op);
  APInt constant;
  if (matchPattern(value, m_ConstantInt(&constant)))
    return constant.getSExtValue();
  std::vector<int64_t> x;
  for (Value operand : op->getOperands())
    x.push_back(fold(operand, known));
  if (isa<arith::AddIOp>(op))
    return x[0] + x[1];
  if (isa<arith::SubIOp>(op))
    return x[0] - x[1];
  if (isa<arith::MaxSIOp>(op))
    return std::max(x[0], x[1]);
  if (isa<arith::MinSIOp>(op))
    return std::min(x[0], x[1]);
  if (auto compare = dyn_cast<arith::CmpIOp>(op)) {
    REQUIRE(compare.getPredicate() == arith::CmpIPredicate::sge);
    return x[0] >= x[1];
  }
  if (isa<arith::SelectOp>(op))
    return x[0] ? x[1] : x[2];
  if (isa<arith::IndexCastOp, arith::SIToFPOp>(op))
    return x[0];
  FAIL("unexpected op " << op->getName().getStringRef().str());
  return 0;
}

TEST_CASE("buckets are T5's") {
  MLIRContext context;
  context
      .loadDialect<attn::AttnDialect, arith::ArithDialect, math::MathDialect>();
  OpBuilder builder(&context);
  Location loc = builder.getUnknownLoc();
  OwningOpRef<ModuleOp> module = ModuleOp::create(loc);
  struct Setting {
    const char *text;
    bool both;
    int64_t buckets, most;
  };
  for (Setting setting :
       {Setting{"bucket(kv - q)", true, 32, 128},
        Setting{"bucket(kv - q, 32, 128, 0)", false, 32, 128},
        Setting{"bucket(kv - q, 16, 40)", true, 16, 40},
        Setting{"bucket(kv - q, 9, 300, 0)", false, 9, 300}}) {
    Block block;
    Type index = builder.getIndexType();
    block.addArguments({builder.getF32Type(), index, index, index, index},
                       SmallVector<Location>(5, loc));
    builder.setInsertionPointToStart(&block);
    Diagnostics diags;
    ExprNames names;
    Node node;
    node.kind = Node::Scalar;
    node.text = setting.text;
    auto rule = parseExpr(node, "a score rule", diags);
    REQUIRE(rule);
    Value result = emitScore(
        builder, loc, *rule, block.getArguments(),
        [](const Expr &) { return Value(); }, names, diags);
    INFO(diags.str());
    REQUIRE(result);
    for (int64_t q : {0, 500})
      for (int64_t kv = 0; kv < 1000; ++kv) {
        llvm::DenseMap<Value, int64_t> known = {{block.getArgument(1), q},
                                                {block.getArgument(2), kv}};
        INFO(setting.text << " at kv - q = " << kv - q);
        REQUIRE(fold(result, known) ==
                t5Bucket(kv - q, setting.both, setting.buckets, setting.most));
      }
  }
}
