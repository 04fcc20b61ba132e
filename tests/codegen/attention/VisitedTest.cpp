//===- VisitedTest.cpp - The tiles that compiled loops visit, by count ----===//
//
// The kernel is emitted as for a build, with the tile bounds that the compiler
// found; its tile ops then become entries in a log, and what is left of it, its
// loops, is compiled and run. The log is compared with the pairs that the mask
// allows, counted one by one.
//
//===----------------------------------------------------------------------===//
#include "codegen/attention/AttentionKernel.h"
#include "passes/Passes.h"
#include "tests/codegen/attention/KernelRunner.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/IR/OwningOpRef.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Pass/PassManager.h"

#include <catch2/catch.hpp>
#include <functional>
#include <map>

using namespace heed::attn;
using namespace heed::test;
using namespace mlir;

namespace {
struct Mask {
  std::string text; // the disjuncts
  std::function<bool(int64_t q, int64_t kv)> allows;
};

/// A query tile and the keys [from, from + count) of one block.
struct Visit {
  int64_t q0, queries, from, count, keyTile;
};

/// Writes (kind, a, b, where the queries lie) behind the entries of the log:
/// log[0] is their number.
void record(Operation *op, Value log, int64_t kind, Value a, Value b,
            Value queries) {
  OpBuilder builder(op);
  Location loc = op->getLoc();
  auto index = [&](int64_t n) -> Value {
    return arith::ConstantIndexOp::create(builder, loc, n);
  };
  auto load = memref::LoadOp::create(builder, loc, log, ValueRange{index(0)});
  Value n =
      arith::IndexCastOp::create(builder, loc, builder.getIndexType(), load);
  Value at = arith::MulIOp::create(builder, loc, n, index(4));
  auto tile =
      memref::ExtractAlignedPointerAsIndexOp::create(builder, loc, queries);
  auto put = [&](Value value, Value where) {
    Value number =
        arith::IndexCastOp::create(builder, loc, builder.getI64Type(), value);
    memref::StoreOp::create(builder, loc, number, log, ValueRange{where});
  };
  int64_t i = 0;
  for (Value value : {index(kind), a, b, Value(tile)})
    put(value, arith::AddIOp::create(builder, loc, at, index(++i)));
  put(arith::AddIOp::create(builder, loc, n, index(1)), index(0));
}

class Loops {
public:
  Loops(const std::string &mask, const Machine &machine)
      : context(makeContext()) {
    context->loadAllAvailableDialects();
    const std::string cache = "!attn.cache<1 by 16, f32>",
                      type = "tensor<?x1x16xf32, #attn.axes<[token, heads, "
                             "head]>>";
    module = parseSourceString<ModuleOp>(
        "func.func @model(%q: " + type + ", %c: " + cache +
            ", %rows: !attn.ragged<token>) -> " + type +
            " {\n  %o = attn.attention %q, %c, %c q_rows(%rows : "
            "!attn.ragged<token>) mask <(q, kv) : " +
            mask + "> {scale = 0.25, q_axis = \"token\", kv_axis = \"kv\"} : " +
            type + ", " + cache + ", " + cache + " -> " + type +
            "\n  return %o : " + type + "\n}\n",
        context.get());
    REQUIRE(module);
    PassManager passes(context.get());
    passes.addPass(heed::createTileBounds());
    REQUIRE(succeeded(passes.run(*module)));
    AttentionOp op;
    module->walk([&](AttentionOp found) { op = found; });
    arguments = attentionArguments(op);
    TargetAttr target = machine.attribute(context.get());
    scratch.assign(attentionScratchBytes(op, target) + 64, 0);

    OwningOpRef<ModuleOp> kernels(ModuleOp::create(op.getLoc()));
    OpBuilder b = OpBuilder::atBlockEnd(kernels->getBody());
    func::FuncOp compute =
        emitAttentionKernels(b, op, target, "attention").compute;
    for (auto func :
         llvm::make_early_inc_range(kernels->getOps<func::FuncOp>()))
      if (func != compute)
        func.erase();
    auto logType = MemRefType::get({ShapedType::kDynamic}, b.getI64Type());
    REQUIRE(succeeded(compute.insertArgument(compute.getNumArguments(), logType,
                                             {}, op.getLoc())));
    Value log = compute.getArguments().back();
    SmallVector<Operation *> tileOps;
    compute.walk([&](Operation *inner) {
      if (auto start = dyn_cast<TileLoadQueriesOp>(inner))
        record(inner, log, 0, start.getRow(), start.getRows(), start.getQt());
      else if (auto scores = dyn_cast<TileScoresOp>(inner))
        record(inner, log, scores.getKeyTile(), scores.getFrom(),
               scores.getCount(), scores.getQt());
      if (inner->getName().getStringRef().starts_with("attn.tile_"))
        tileOps.push_back(inner);
    });
    for (Operation *inner : tileOps)
      inner->erase();
    compiled = std::make_unique<CompiledModule>(*kernels, machine);
  }

  /// What one thread visits of `queries` rows behind `past` kept ones.
  std::vector<Visit> run(int64_t queries, int64_t past) {
    std::vector<int64_t> starts = {0, queries}, pasts = {past}, slots = {0};
    std::vector<float> data(16);
    std::vector<int64_t> log(3'000'000);
    std::vector<Argument> values;
    for (const AttentionArg &arg : arguments) {
      using Kind = AttentionArgKind;
      switch (arg.kind) {
      case Kind::QueryStarts:
      case Kind::KeyStarts:
        values.push_back(Argument::of(starts));
        break;
      case Kind::QueryPast:
      case Kind::KeyPast:
        values.push_back(Argument::of(pasts));
        break;
      case Kind::KeySlots:
        values.push_back(Argument::of(slots));
        break;
      case Kind::Scratch:
        values.push_back(Argument::of(scratch));
        break;
      case Kind::Query:
      case Kind::Out:
      case Kind::Cache:
        values.push_back(Argument::of(data));
        break;
      case Kind::AxisSize:
        values.push_back(Argument::of(arg.name == "token" ? queries : 1));
        break;
      case Kind::Capacity:
        values.push_back(Argument::of(int64_t(1) << 20));
        break;
      case Kind::Threads:
        values.push_back(Argument::of(1));
        break;
      default: // offsets, and this thread
        values.push_back(Argument::of(int64_t(0)));
      }
    }
    values.push_back(Argument::of(log));
    compiled->call("attention", values);
    std::vector<Visit> blocks;
    std::map<int64_t, Visit> tiles; // by where their queries lie
    for (int64_t i = 0; i < log[0]; ++i) {
      const int64_t *entry = &log[1 + 4 * i];
      Visit &tile = tiles[entry[3]];
      if (entry[0] == 0) {
        tile.q0 = past + entry[1];
        tile.queries = entry[2];
        continue;
      }
      tile.keyTile = entry[0];
      tile.from = entry[1];
      tile.count = entry[2];
      blocks.push_back(tile);
    }
    return blocks;
  }

private:
  std::unique_ptr<MLIRContext> context;
  OwningOpRef<ModuleOp> module;
  llvm::SmallVector<AttentionArg> arguments;
  std::vector<uint8_t> scratch;
  std::unique_ptr<CompiledModule> compiled;
};

const std::vector<Mask> &masks() {
  using I = int64_t;
  static const std::vector<Mask> all = {
      {R"("")", [](I, I) { return true; }},
      {R"("q - kv >= 0")", [](I q, I k) { return k <= q; }},
      {R"("q - kv >= 0, kv - q + 99 >= 0")",
       [](I q, I k) { return k <= q && q - k < 100; }},
      {R"("q - kv >= 0, kv - q + 99 >= 0" or "q - kv >= 0, 3 - kv >= 0")",
       [](I q, I k) { return k <= q && (q - k < 100 || k < 4); }},
      {R"("q - kv >= 0" or "69 - kv >= 0")",
       [](I q, I k) { return k <= q || k < 70; }},
      {R"("q - kv >= 0, q floordiv 64 - kv floordiv 64 == 0")",
       [](I q, I k) { return k <= q && q / 64 == k / 64; }},
      // Strides.
      {R"("q - kv >= 0, (q - kv) mod 128 == 0")",
       [](I q, I k) { return k <= q && (q - k) % 128 == 0; }},
      {R"("q - kv >= 0, (q - kv) mod 4 == 0")",
       [](I q, I k) { return k <= q && (q - k) % 4 == 0; }},
      {R"("q - kv >= 0, (q - kv) mod 100 == 0" or "q - kv >= 0, kv - q + 99 >= 0")",
       [](I q, I k) { return k <= q && ((q - k) % 100 == 0 || q - k < 100); }},
      {R"("q - kv >= 0, q floordiv 128 - kv floordiv 128 == 0" or "q - kv >= 0, kv mod 128 - 120 >= 0")",
       [](I q, I k) {
         return k <= q && (q / 128 == k / 128 || k % 128 >= 120);
       }},
      {R"("q - kv >= 0, (q floordiv 64 - kv floordiv 64) mod 4 == 0")",
       [](I q, I k) { return k <= q && (q / 64 - k / 64) % 4 == 0; }},
      // Blocks within blocks.
      {R"("q - kv >= 0, q floordiv 64 - kv floordiv 64 == 0" or "q - kv >= 0, q floordiv 512 - kv floordiv 512 == 0, kv mod 64 - 60 >= 0")",
       [](I q, I k) {
         return k <= q &&
                (q / 64 == k / 64 || (q / 512 == k / 512 && k % 64 >= 60));
       }},
      // Global rows and columns, and a band of blocks.
      {R"("q floordiv 64 - kv floordiv 64 + 1 >= 0, kv floordiv 64 - q floordiv 64 + 1 >= 0" or "63 - kv >= 0" or "63 - q >= 0")",
       [](I q, I k) {
         return std::abs(q / 64 - k / 64) <= 1 || k < 64 || q < 64;
       }},
      // An image of 56 columns: windows of 7 by 7, moved by 3, and the
      // neighbours within 3.
      {R"("q floordiv 392 - kv floordiv 392 == 0, (q mod 56) floordiv 7 - (kv mod 56) floordiv 7 == 0")",
       [](I q, I k) { return q / 392 == k / 392 && q % 56 / 7 == k % 56 / 7; }},
      {R"("(q floordiv 56 + 3) floordiv 7 - (kv floordiv 56 + 3) floordiv 7 == 0, (q mod 56 + 3) floordiv 7 - (kv mod 56 + 3) floordiv 7 == 0")",
       [](I q, I k) {
         return (q / 56 + 3) / 7 == (k / 56 + 3) / 7 &&
                (q % 56 + 3) / 7 == (k % 56 + 3) / 7;
       }},
      {R"("q floordiv 56 - kv floordiv 56 + 3 >= 0, kv floordiv 56 - q floordiv 56 + 3 >= 0, q mod 56 - kv mod 56 + 3 >= 0, kv mod 56 - q mod 56 + 3 >= 0")",
       [](I q, I k) {
         return std::abs(q / 56 - k / 56) <= 3 &&
                std::abs(q % 56 - k % 56) <= 3;
       }},
      {R"("q floordiv 56 - kv floordiv 56 == 0" or "q mod 56 - kv mod 56 == 0")",
       [](I q, I k) { return q / 56 == k / 56 || q % 56 == k % 56; }},
      // As the frontend writes `kv <= q and q mod 128 == kv mod 128`, `(q
      // floordiv 8) mod 20 == (kv floordiv 8) mod 20`, and so on: MLIR's
      // simplification spreads remainders over sums.
      {R"("q - kv >= 0, q + (kv floordiv 128) * 128 - kv - q floordiv 128 * 128 == 0")",
       [](I q, I k) { return k <= q && q % 128 == k % 128; }},
      {R"("q - kv >= 0, (q floordiv 8) mod 20 + ((kv floordiv 8) floordiv 20) * 20 - kv floordiv 8 == 0")",
       [](I q, I k) { return k <= q && q / 8 % 20 == k / 8 % 20; }},
      {R"("q - kv >= 0, (q floordiv 8) mod 20 + ((kv floordiv 8) floordiv 20) * 20 - kv floordiv 8 - 3 == 0")",
       [](I q, I k) { return k <= q && q / 8 % 20 == k / 8 % 20 + 3; }},
      {R"("q - kv >= 0, q + (kv floordiv 128) * 128 - kv - (q + 3) floordiv 128 * 128 - 4 == 0")",
       [](I q, I k) { return k <= q && (q + 3) % 128 == k % 128 + 7; }},
      {R"("q - kv >= 0, q - kv - (q - kv + 5) floordiv 128 * 128 + 5 == 0")",
       [](I q, I k) { return k <= q && (q + 5 - k) % 128 == 0; }},
      {R"("q - kv >= 0, kv + ((q - kv) floordiv 128) * 128 - q + 3 >= 0")",
       [](I q, I k) { return k <= q && (q - k) % 128 <= 3; }},
      {R"("q - kv >= 0, kv - (kv + 5) floordiv 128 * 128 + 5 == 0")",
       [](I q, I k) { return k <= q && (k + 5) % 128 == 0; }},
      {R"("q floordiv 56 - kv floordiv 56 == 0" or "q + (kv floordiv 56) * 56 - kv - q floordiv 56 * 56 == 0")",
       [](I q, I k) { return q / 56 == k / 56 || q % 56 == k % 56; }},
      {R"("q floordiv 56 - kv floordiv 56 + 3 >= 0, kv floordiv 56 - q floordiv 56 + 3 >= 0, q + (kv floordiv 56) * 56 - kv - q floordiv 56 * 56 + 3 >= 0, kv + (q floordiv 56) * 56 - q - kv floordiv 56 * 56 + 3 >= 0")",
       [](I q, I k) {
         return std::abs(q / 56 - k / 56) <= 3 &&
                std::abs(q % 56 - k % 56) <= 3;
       }},
  };
  return all;
}
} // namespace

TEST_CASE("compiled loops visit the tiles that the mask needs, and no other",
          "[visited]") {
  for (const Machine &machine : machines()) {
    if (!machine.runsHere())
      continue;
    for (const Mask &mask : masks()) {
      Loops loops(mask.text, machine);
      int64_t needed = 0, spare = 0;
      for (auto [queries, past] : {std::pair<int64_t, int64_t>(1, 0),
                                   {1, 777},
                                   {200, 0},
                                   {100, 300},
                                   {47, 1000},
                                   {700, 0}}) {
        INFO(machine.name << " " << mask.text << " " << queries
                          << " queries after " << past);
        int64_t keys = past + queries;
        std::vector<int> visits(queries * keys, 0);
        for (const Visit &block : loops.run(queries, past)) {
          for (int64_t from = block.from; from < block.from + block.count;
               from += block.keyTile) {
            bool some = false;
            int64_t to =
                std::min(from + block.keyTile, block.from + block.count);
            for (int64_t q = block.q0; q < block.q0 + block.queries; ++q)
              for (int64_t kv = from; kv < to; ++kv) {
                some |= mask.allows(q, kv);
                ++visits[(q - past) * keys + kv];
              }
            ++(some ? needed : spare);
          }
        }
        int64_t wrong = 0;
        for (int64_t q = 0; q < queries; ++q)
          for (int64_t kv = 0; kv < keys; ++kv) {
            int n = visits[q * keys + kv];
            wrong += n > 1 || (n == 0 && mask.allows(past + q, kv));
          }
        CHECK(wrong == 0);
      }
      INFO(machine.name << " " << mask.text << ": " << spare
                        << " tiles without an allowed pair, " << needed
                        << " with one");
      CHECK(spare == 0);
    }
  }
}
