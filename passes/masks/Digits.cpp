#include "passes/masks/Digits.h"

#include "llvm/Support/MathExtras.h"

#include <numeric>

using namespace heed::masks;
using namespace mlir;

std::optional<int64_t> heed::masks::commonModulus(ArrayRef<Conjunct> conjuncts,
                                                  int64_t most) {
  int64_t m = 1;
  for (const Conjunct &c : conjuncts)
    for (const FloorDiv &division : c.divisions) {
      m = std::lcm(m, division.denominator);
      if (m > most)
        return std::nullopt;
    }
  return m;
}

namespace {
/// m * coarse + fine: the coarse digits, and the fine ones with the constant.
struct Digits {
  Row coarse, fine;
};

struct Expansion {
  const Conjunct &c;
  int64_t m;
  unsigned maxCases;
  /// Cases of carries so far; each with the value of each division.
  struct Case {
    Conjunct conjunct;
    SmallVector<Row> divisions;
  };
  std::vector<Case> cases;

  Conjunct digitSpace() const {
    Conjunct digits(2 * c.numDims, 2 * c.numSymbols);
    for (unsigned v = 0; v < c.numVars(); ++v) {
      Row fine = digits.variable(2 * v + 1);
      digits.inequalities.push_back(fine);
      digits.inequalities.push_back(add(digits.constant(m - 1), fine, -1));
    }
    return digits;
  }

  /// A row of `c` in a case; nullopt when it reads coarse digits other than m
  /// times.
  std::optional<Digits> expand(const Row &row, const Case &in) const {
    Row value = in.conjunct.constant(at(row, c.constantColumn()));
    for (unsigned v = 0; v < c.numVars(); ++v) {
      value[2 * v] += m * at(row, v);
      value[2 * v + 1] += at(row, v);
    }
    for (unsigned d = 0; d < in.divisions.size(); ++d)
      value = add(value, in.divisions[d], at(row, c.divisionColumn(d)));
    Digits digits{in.conjunct.constant(0), value};
    for (unsigned v = 0; v < c.numVars(); ++v) {
      if (value[2 * v] % m != 0)
        return std::nullopt;
      digits.coarse[2 * v] = value[2 * v] / m;
      digits.fine[2 * v] = 0;
    }
    return digits;
  }

  /// Splits each case by k = floor(fine / divisor), and hands each part on.
  template <typename Finish>
  bool split(const Row &row, int64_t divisor, Finish finish) {
    std::vector<Case> result;
    for (const Case &old : cases) {
      std::optional<Digits> digits = expand(row, old);
      if (!digits)
        return false;
      int64_t low = digits->fine[old.conjunct.constantColumn()], high = low;
      for (unsigned v = 0; v < c.numVars(); ++v) {
        int64_t end = digits->fine[2 * v + 1] * (m - 1);
        (end < 0 ? low : high) += end;
      }
      for (int64_t k = llvm::divideFloorSigned(low, divisor),
                   last = llvm::divideFloorSigned(high, divisor);
           k <= last; ++k) {
        Case part = old;
        // k divisor <= fine <= k divisor + divisor - 1
        Row rest = add(digits->fine, part.conjunct.constant(k * divisor), -1);
        part.conjunct.inequalities.push_back(rest);
        part.conjunct.inequalities.push_back(
            add(part.conjunct.constant(divisor - 1), rest, -1));
        finish(part, *digits, k, rest);
        bool overflow = false;
        if (part.conjunct.normalize(overflow))
          result.push_back(std::move(part));
        if (overflow || result.size() > maxCases)
          return false;
      }
    }
    cases = std::move(result);
    return true;
  }

  bool run() {
    cases.push_back({digitSpace(), {}});
    for (const FloorDiv &division : c.divisions) {
      // floor((m coarse + fine) / divisor) = (m / divisor) coarse + k.
      int64_t divisor = division.denominator;
      if (!split(division.dividend, divisor,
                 [&](Case &part, const Digits &digits, int64_t k, const Row &) {
                   part.divisions.push_back(add(part.conjunct.constant(k),
                                                digits.coarse, m / divisor));
                 }))
        return false;
    }
    // m coarse + fine >= 0 iff coarse + floor(fine / m) >= 0.
    for (const Row &row : c.inequalities)
      if (!split(row, m,
                 [&](Case &part, const Digits &digits, int64_t k, const Row &) {
                   part.conjunct.inequalities.push_back(
                       add(digits.coarse, part.conjunct.constant(k)));
                 }))
        return false;
    for (const Row &row : c.equalities)
      if (!split(row, m,
                 [&](Case &part, const Digits &digits, int64_t k,
                     const Row &rest) {
                   part.conjunct.equalities.push_back(rest);
                   part.conjunct.equalities.push_back(
                       add(digits.coarse, part.conjunct.constant(k)));
                 }))
        return false;
    return true;
  }
};
} // namespace

bool heed::masks::expandDigits(const Conjunct &c, int64_t m, unsigned maxCases,
                               llvm::function_ref<void(Conjunct)> emit) {
  Expansion expansion{c, m, maxCases, {}};
  if (!expansion.run())
    return false;
  for (Expansion::Case &part : expansion.cases)
    emit(std::move(part.conjunct));
  return true;
}
