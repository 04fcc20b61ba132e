#include "tests/passes/masks/TestMasks.h"

#include "mlir/AsmParser/AsmParser.h"

#include <cstdlib>
#include <random>

using namespace heed::masks;
using namespace heed::masks::test;

std::vector<mlir::IntegerSet>
heed::masks::test::parse(mlir::MLIRContext &context,
                         const std::vector<std::string> &disjuncts,
                         const std::string &symbols) {
  std::vector<mlir::IntegerSet> sets;
  for (const std::string &text : disjuncts) {
    sets.push_back(mlir::parseIntegerSet(
        "(q, kv)[" + symbols + "] : (" + text + ")", &context));
    if (!sets.back())
      abort();
  }
  return sets;
}

MaskSet heed::masks::test::toMask(mlir::MLIRContext &context,
                                  const NamedMask &mask) {
  std::string error;
  auto set =
      MaskSet::get(&context, parse(context, mask.disjuncts),
                   {{"X", MaskSymbol::Parameter, mask.minX, mask.maxX}}, error);
  if (!set)
    abort();
  return *set;
}

static int64_t floorDiv(int64_t a, int64_t b) {
  return a >= 0 ? a / b : -((-a + b - 1) / b);
}
static int64_t mod(int64_t a, int64_t b) { return a - b * floorDiv(a, b); }

const std::vector<NamedMask> &heed::masks::test::commonMasks() {
  using I = int64_t;
  static const std::vector<NamedMask> masks = {
      {"all", {"0 == 0"}, [](I, I, I) { return true; }},
      {"none", {}, [](I, I, I) { return false; }},
      {"causal", {"q - kv >= 0"}, [](I q, I k, I) { return k <= q; }},
      {"causal at an offset",
       {"q + X - kv >= 0"},
       [](I q, I k, I x) { return k <= q + x; },
       -60,
       60},
      {"window",
       {"q - kv >= 0, kv - q + X - 1 >= 0"},
       [](I q, I k, I x) { return k <= q && k > q - x; },
       1,
       150},
      {"window and sinks",
       {"q - kv >= 0, kv - q + X - 1 >= 0", "3 - kv >= 0, q - kv >= 0"},
       [](I q, I k, I x) { return k <= q && (k > q - x || k < 4); },
       1,
       150},
      {"prefix",
       {"q - kv >= 0", "X - 1 - kv >= 0"},
       [](I q, I k, I x) { return k <= q || k < x; },
       0,
       150},
      {"dilated",
       {"q - kv >= 0, (q - kv) mod 4 == 0"},
       [](I q, I k, I) { return k <= q && (q - k) % 4 == 0; }},
      {"dilated and local",
       {"q - kv >= 0, (q - kv) mod 4 == 0", "q - kv >= 0, kv - q + 15 >= 0"},
       [](I q, I k, I) { return k <= q && ((q - k) % 4 == 0 || q - k < 16); }},
      {"blocks",
       {"q - kv >= 0, q floordiv 64 - kv floordiv 64 == 0"},
       [](I q, I k, I) { return k <= q && q / 64 == k / 64; }},
      {"blocks and the block before",
       {"q - kv >= 0, 1 + kv floordiv 64 - q floordiv 64 >= 0"},
       [](I q, I k, I) { return k <= q && q / 64 - k / 64 <= 1; }},
      {"global and window",
       {"X - 1 - kv >= 0", "X - 1 - q >= 0", "q - kv >= 0, kv - q + 31 >= 0"},
       [](I q, I k, I x) { return k < x || q < x || (k <= q && q - k < 32); },
       0,
       100},
      {"window to both sides",
       {"q - kv + X - 1 >= 0, kv - q + X - 1 >= 0"},
       [](I q, I k, I x) { return std::abs(q - k) < x; },
       1,
       100},
      {"causal with a global prefix",
       {"X - 1 - kv >= 0, q - kv >= 0", "q - kv >= 0, kv - q + 31 >= 0"},
       [](I q, I k, I x) { return k <= q && (k < x || q - k < 32); },
       0,
       100},
  };
  return masks;
}

namespace {
using Allows = std::function<bool(int64_t, int64_t, int64_t)>;

std::pair<std::string, Allows> randomAtom(std::mt19937 &random) {
  using I = int64_t;
  auto between = [&](I a, I b) { return a + I(random() % (b - a + 1)); };
  I c = between(-6, 6), m = between(2, 5), r = between(0, m - 1);
  std::string C = std::to_string(c), M = std::to_string(m),
              R = std::to_string(r);
  switch (between(0, 10)) {
  case 0:
    return {"q - kv + " + C + " >= 0",
            [=](I q, I k, I) { return q - k + c >= 0; }};
  case 1:
    return {"kv - q + " + C + " + 4 >= 0",
            [=](I q, I k, I) { return k - q + c + 4 >= 0; }};
  case 2:
    return {"(q - kv + " + C + ") mod " + M + " - " + R + " >= 0",
            [=](I q, I k, I) { return mod(q - k + c, m) >= r; }};
  case 3:
    return {
        "q floordiv " + M + " - kv floordiv " + M + " + " + R + " >= 0",
        [=](I q, I k, I) { return floorDiv(q, m) - floorDiv(k, m) + r >= 0; }};
  case 4:
    return {"(kv + " + C + ") mod " + M + " - " + R + " == 0",
            [=](I, I k, I) { return mod(k + c, m) == r; }};
  case 5:
    return {"X - 1 - kv >= 0", [](I, I k, I x) { return k < x; }};
  case 6:
    return {"kv - q + X >= 0", [](I q, I k, I x) { return k - q + x >= 0; }};
  case 7:
    return {R + " - q mod " + M + " >= 0",
            [=](I q, I, I) { return mod(q, m) <= r; }};
  case 8:
    return {"q mod " + M + " - kv mod " + M + " >= 0",
            [=](I q, I k, I) { return mod(q, m) >= mod(k, m); }};
  case 9:
    return {"2 * q - 3 * kv + " + C + " >= 0",
            [=](I q, I k, I) { return 2 * q - 3 * k + c >= 0; }};
  default:
    return {"kv floordiv " + M + " - q floordiv " + M + " == 0",
            [=](I q, I k, I) { return floorDiv(k, m) == floorDiv(q, m); }};
  }
}
} // namespace

unsigned heed::masks::test::randomCases(unsigned quick) {
  const char *times = std::getenv("HEED_RANDOM_TIMES");
  return quick * std::max(1, times ? std::atoi(times) : 1);
}

NamedMask heed::masks::test::randomMask(unsigned seed, unsigned maxDisjuncts) {
  std::mt19937 random(seed);
  NamedMask mask;
  mask.name = "random " + std::to_string(seed) + ":";
  mask.minX = 0;
  mask.maxX = 12;
  std::vector<Allows> disjuncts;
  for (unsigned i = 0, n = 1 + random() % maxDisjuncts; i < n; ++i) {
    auto [text, allows] = randomAtom(random);
    if (random() % 2) {
      auto [more, also] = randomAtom(random);
      text += ", " + more;
      allows = [first = allows, also = also](int64_t q, int64_t k, int64_t x) {
        return first(q, k, x) && also(q, k, x);
      };
    }
    mask.name += " {" + text + "}";
    mask.disjuncts.push_back(text);
    disjuncts.push_back(allows);
  }
  mask.allows = [disjuncts](int64_t q, int64_t k, int64_t x) {
    for (const Allows &d : disjuncts)
      if (d(q, k, x))
        return true;
    return false;
  };
  return mask;
}
