// Composition of flows against closures of finite relations.
#include "passes/masks/FlowRelation.h"
#include "passes/masks/Causality.h"
#include "tests/passes/masks/TestMasks.h"

#include "llvm/Support/raw_ostream.h"
#include <catch2/catch.hpp>

using namespace heed::masks;
using namespace heed::masks::test;

namespace {
template <typename T> std::string print(const T &result) {
  std::string text;
  llvm::raw_string_ostream os(text);
  result.print(os);
  return text;
}

/// relation[out][in] on positions [0, n).
using Matrix = std::vector<std::vector<bool>>;

Matrix composed(const Matrix &outer, const Matrix &inner) {
  size_t n = outer.size();
  Matrix result(n, std::vector<bool>(n, false));
  for (size_t out = 0; out < n; ++out)
    for (size_t mid = 0; mid < n; ++mid)
      if (outer[out][mid])
        for (size_t in = 0; in < n; ++in)
          if (inner[mid][in])
            result[out][in] = true;
  return result;
}

Matrix matrixOf(const NamedMask &mask, int64_t x, int64_t n) {
  Matrix result(n, std::vector<bool>(n, false));
  for (int64_t q = 0; q < n; ++q)
    for (int64_t kv = 0; kv < n; ++kv)
      result[q][kv] = mask.allows(q, kv, x);
  return result;
}
} // namespace

TEST_CASE("layers composed") {
  constexpr int64_t n = 40;
  for (const NamedMask &named : commonMasks()) {
    mlir::MLIRContext context;
    MaskSet mask = toMask(context, named);
    for (unsigned layers : {2u, 3u, 6u}) {
      MaskSet flow = repeat(mask, layers);
      INFO(named.name << " x " << layers);
      // Six layers of two patterns cost too much, and say so.
      CHECK(flow.isExact() ==
            !(layers == 6 && named.name == "dilated and local"));
      if (!flow.isExact())
        continue;
      ReceptiveField field = computeReceptiveField(flow);
      for (int64_t x : {named.minX, std::min<int64_t>(named.maxX, 3),
                        std::min<int64_t>(named.maxX, 7)}) {
        // Positions in the middle may lie beyond n, so the matrices are larger
        // than what is compared; a path never needs to go further than one more
        // step of the mask.
        Matrix one = matrixOf(named, x, 4 * n), all = one;
        for (unsigned i = 1; i < layers; ++i)
          all = composed(all, one);
        for (int64_t out = 0; out < n; ++out)
          for (int64_t in = 0; in < n; ++in) {
            int64_t point[] = {out, in, x};
            int64_t symbols[] = {out, x};
            int visits = 0;
            for (const KeyRange &range : field.ranges)
              visits += range.contains(in, symbols);
            if (flow.atMost().contains(point) != all[out][in] ||
                visits != all[out][in]) {
              CAPTURE(out, in, x, visits, bool(all[out][in]));
              FAIL("wrong flow");
            }
          }
      }
    }
  }
}

TEST_CASE("random flows composed") {
  constexpr int64_t n = 12;
  int exact = 0;
  for (unsigned seed = 0; seed < randomCases(2000); ++seed) {
    // Causal masks, so that all positions between lie below n.
    NamedMask a = randomMask(2 * seed, 1), b = randomMask(2 * seed + 1, 1);
    for (NamedMask *mask : {&a, &b}) {
      for (std::string &disjunct : mask->disjuncts)
        disjunct += ", q - kv >= 0";
      mask->allows = [old = mask->allows](int64_t q, int64_t kv, int64_t x) {
        return kv <= q && old(q, kv, x);
      };
    }
    mlir::MLIRContext context(mlir::MLIRContext::Threading::DISABLED);
    MaskSet flow = compose(toMask(context, a), toMask(context, b), 60'000);
    INFO(a.name << " after " << b.name);
    exact += flow.isExact();
    CHECK(computeCausality(flow).verdict ==
          (flow.isExact() ? Verdict::Holds : Verdict::Unknown));
    for (int64_t x : {0, 3, 11}) {
      Matrix both = composed(matrixOf(a, x, n), matrixOf(b, x, n));
      for (int64_t out = 0; out < n; ++out)
        for (int64_t in = 0; in < n; ++in) {
          int64_t point[] = {out, in, x};
          bool most = flow.atMost().contains(point),
               least = flow.atLeast().contains(point);
          if (least > both[out][in] || both[out][in] > most ||
              (flow.isExact() && least != most)) {
            CAPTURE(out, in, x);
            FAIL_CHECK("wrong flow");
          }
        }
    }
  }
  CAPTURE(exact);
  CHECK(exact > 1200);
}

TEST_CASE("flows in words") {
  mlir::MLIRContext context;
  std::string error;
  auto mask = [&](const std::vector<std::string> &disjuncts,
                  MaskSymbol symbol = {"W", MaskSymbol::Parameter, 1}) {
    return *MaskSet::get(&context, parse(context, disjuncts, symbol.name),
                         symbol, error);
  };
  MaskSet causal = mask({"q - kv >= 0"}),
          window = mask({"q - kv >= 0, kv - q + W - 1 >= 0"});
  MaskSet prefix =
      mask({"q - kv >= 0", "P - 1 - kv >= 0"}, {"P", MaskSymbol::Parameter, 0});

  CHECK(print(computeReceptiveField(repeat(window, 6))) ==
        "[max(out - W * 6 + 6, 0), out + 1)");
  CHECK(print(computeReceptiveField(identityFlow(&context))) ==
        "[out, out + 1)");
  CHECK(print(computeReceptiveField(everythingFlow(&context))) == "[0, ∞)");

  // A residual, and a window that meets another symbol.
  CHECK(print(computeCausality(unite(causal, identityFlow(&context)))) ==
        "causal");
  CHECK(print(computeCausality(compose(window, prefix))) ==
        "not causal: q = 0 sees kv = 1, W = 1, P = 2; cacheable when the first "
        "chunk reaches P");
  // One step ahead, undone by one step back; and not undone.
  MaskSet ahead = shiftFlow(&context, 1), back = shiftFlow(&context, -1);
  CHECK(print(computeCausality(compose(ahead, back))) == "causal");
  CHECK(print(computeCausality(compose(causal, ahead))) ==
        "not causal: q = 0 sees kv = 1, W = 1");
  CHECK(print(computeCausality(everythingFlow(&context))) ==
        "not causal: q = 0 sees kv = 1");
}

TEST_CASE("per-token look-ups stay between two flows") {
  mlir::MLIRContext context;
  std::string error;
  MaskSymbol doc{"doc", MaskSymbol::Opaque};
  MaskSet packed = *MaskSet::get(
      &context, parse(context, {"q - kv >= 0, doc == 0"}, "doc"), doc, error);
  MaskSet open =
      *MaskSet::get(&context, parse(context, {"doc == 0"}, "doc"), doc, error);
  CHECK(print(computeCausality(compose(packed, packed))) == "causal");
  CHECK(print(computeCausality(compose(packed, open))) ==
        "not proved causal, doc is looked up per token");
  CHECK(print(computeReceptiveField(packed)) ==
        "[0, out + 1) (at most; doc is looked up per token)");
}

TEST_CASE("the path of a leak") {
  mlir::MLIRContext context;
  std::string error;
  MaskSet causal = toMask(context, commonMasks()[2]),
          ahead = shiftFlow(&context, 2);
  MaskSymbol w{"W", MaskSymbol::Parameter, 1};
  MaskSet window = *MaskSet::get(
      &context, parse(context, {"q - kv >= 0, kv - q + W - 1 >= 0"}, "W"), w,
      error);
  std::vector<MaskSet> layers = {window, ahead, window, causal};
  using Path = llvm::SmallVector<int64_t>;
  CHECK(findPath(layers, 3, 5, {{"W", 1}}) == Path{3, 3, 5, 5, 5});
  CHECK(findPath(layers, 3, 5, {{"W", 4}}) == Path{3, 3, 5, 5, 5});
  CHECK(findPath(layers, 9, 5, {{"W", 4}}) == Path{9, 6, 8, 5, 5});
  CHECK_FALSE(findPath(layers, 3, 6, {{"W", 4}}).has_value());
  CHECK_FALSE(findPath(layers, 3, 5, {{"W", 4}}, 50).has_value());
}

TEST_CASE("flows that cost too much are between nothing and everything") {
  mlir::MLIRContext context;
  MaskSet window = toMask(context, commonMasks()[4]);
  MaskSet flow = compose(window, window, 20);
  CHECK_FALSE(flow.isExact());
  CHECK(print(computeCausality(flow)) ==
        "not proved causal, the composition of masks is too complex");
  CHECK(print(computeReceptiveField(flow)) ==
        "[0, ∞) (at most; the composition of masks is too complex)");
}
