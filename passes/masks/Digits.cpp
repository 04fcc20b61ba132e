#include "passes/masks/Digits.h"

#include "llvm/Support/MathExtras.h"

#include <numeric>

using namespace heed::masks;
using namespace mlir;
using mlir::presburger::Fraction;

std::optional<Moduli> heed::masks::moduliOf(ArrayRef<Conjunct> conjuncts,
                                            int64_t most) {
  Moduli moduli;
  int64_t multiple = 1;
  for (const Conjunct &c : conjuncts)
    for (const FloorDiv &division : c.divisions) {
      moduli.push_back(division.denominator);
      multiple = std::lcm(multiple, division.denominator);
      if (multiple > most)
        return std::nullopt;
    }
  llvm::sort(moduli);
  moduli.erase(std::unique(moduli.begin(), moduli.end()), moduli.end());
  for (unsigned i = 1; i < moduli.size(); ++i)
    if (moduli[i] % moduli[i - 1] != 0)
      return Moduli{multiple};
  return moduli;
}

SmallVector<int64_t> heed::masks::digitsOf(int64_t v, const Moduli &moduli) {
  SmallVector<int64_t> digits;
  for (int64_t m : llvm::reverse(moduli)) {
    digits.push_back(llvm::divideFloorSigned(v, m));
    v -= m * digits.back();
  }
  digits.push_back(v);
  return digits;
}

SmallVector<std::string> heed::masks::digitNames(const std::string &name,
                                                 const Moduli &moduli) {
  if (moduli.empty())
    return {name};
  SmallVector<std::string> names;
  std::string rest = name;
  for (int64_t m : llvm::reverse(moduli)) {
    std::string by = std::to_string(m);
    names.push_back("(" + rest + " floordiv " + by + ")");
    rest = "(" + name + " mod " + by + ")";
  }
  names.push_back(rest);
  return names;
}

namespace {
/// One step of digits: v = radix * coarse + fine.
struct Expansion {
  const Conjunct &c;
  int64_t radix;
  /// Which columns are split; the others are fine digits of earlier steps.
  ArrayRef<bool> isSplit;
  unsigned maxCases;
  /// Of each column its first new one: the coarse digit of those that are
  /// split.
  SmallVector<unsigned> columns;
  /// Cases of carries so far; each with the value of each division.
  struct Case {
    Conjunct conjunct;
    SmallVector<Row> divisions;
  };
  std::vector<Case> cases;

  /// radix * coarse + fine, the constant in `fine`; where nothing is fine, the
  /// row itself in `coarse`, and the scale 1.
  struct Digits {
    Row coarse, fine;
    int64_t scale;
  };

  Conjunct digitSpace() {
    unsigned numDims = 0, next = 0;
    for (unsigned v = 0; v < c.numVars(); ++v) {
      columns.push_back(next);
      next += isSplit[v] ? 2 : 1;
      if (v + 1 == c.numDims)
        numDims = next;
    }
    Conjunct digits(numDims, next - numDims);
    for (unsigned v = 0; v < c.numVars(); ++v) {
      if (!isSplit[v])
        continue;
      Row fine = digits.variable(columns[v] + 1);
      digits.inequalities.push_back(fine);
      digits.inequalities.push_back(add(digits.constant(radix - 1), fine, -1));
    }
    return digits;
  }

  /// A row of `c` in a case; nullopt when it mixes coarse and fine digits other
  /// than radix to 1.
  std::optional<Digits> expand(const Row &row, const Case &in) const {
    const Conjunct &space = in.conjunct;
    Row value = space.constant(at(row, c.constantColumn()));
    for (unsigned v = 0; v < c.numVars(); ++v)
      if (isSplit[v]) {
        value[columns[v]] += radix * at(row, v);
        value[columns[v] + 1] += at(row, v);
      } else {
        value[columns[v]] += at(row, v);
      }
    for (unsigned d = 0; d < in.divisions.size(); ++d)
      value = add(value, in.divisions[d], at(row, c.divisionColumn(d)));
    Digits digits{space.constant(0), value, radix};
    digits.coarse.resize(value.size(), 0);
    bool divides = true, isFine = false;
    SmallVector<bool> isCoarse(value.size(), true); // divisions are
    for (unsigned v = 0; v < c.numVars(); ++v) {
      isCoarse[columns[v]] = isSplit[v];
      if (isSplit[v])
        isCoarse[columns[v] + 1] = false;
    }
    isCoarse[space.constantColumn()] = false;
    for (unsigned i = 0; i < value.size(); ++i) {
      if (isCoarse[i]) {
        divides &= value[i] % radix == 0;
        digits.coarse[i] = value[i] / radix;
        digits.fine[i] = 0;
      } else if (i != space.constantColumn()) {
        isFine |= value[i] != 0;
      }
    }
    if (divides)
      return digits;
    if (isFine)
      return std::nullopt;
    return Digits{value, space.constant(0), 1};
  }

  /// The least and greatest value of the fine digits.
  std::optional<std::pair<int64_t, int64_t>>
  range(const Row &fine, const Conjunct &space) const {
    int64_t low = fine[space.constantColumn()], high = low;
    for (unsigned v = 0; v < c.numVars(); ++v) {
      if (!isSplit[v]) {
        if (at(fine, columns[v]) != 0)
          return std::nullopt; // an earlier step's, mixed with this one's
        continue;
      }
      int64_t end = at(fine, columns[v] + 1) * (radix - 1);
      (end < 0 ? low : high) += end;
    }
    return std::pair(low, high);
  }

  /// Hands each case on by k = floor(fine / divisor), where k divisor <= fine
  /// <= k divisor + divisor - 1; `rest` is fine - k divisor.
  bool split(const Row &row, int64_t divisor,
             llvm::function_ref<void(Case &, const Digits &, int64_t k,
                                     const Row &rest)>
                 finish) {
    std::vector<Case> result;
    for (const Case &old : cases) {
      std::optional<Digits> digits = expand(row, old);
      if (!digits)
        return false;
      auto keep = [&](Case part, int64_t k, const Row &rest) {
        finish(part, *digits, k, rest);
        // Rows of values name divisions by column: those stay as they are.
        bool overflow = false;
        Conjunct reduced = part.conjunct;
        if (!reduced.normalize(overflow))
          return !overflow;
        if (part.conjunct.divisions.empty())
          part.conjunct = std::move(reduced);
        result.push_back(std::move(part));
        return result.size() <= maxCases;
      };
      if (digits->scale == 1) {
        if (!keep(old, 0, old.conjunct.constant(0)))
          return false;
        continue;
      }
      auto bounds = range(digits->fine, old.conjunct);
      if (!bounds)
        return false;
      for (int64_t k = llvm::divideFloorSigned(bounds->first, divisor),
                   last = llvm::divideFloorSigned(bounds->second, divisor);
           k <= last; ++k) {
        Case part = old;
        Row rest = add(digits->fine, part.conjunct.constant(k * divisor), -1);
        part.conjunct.inequalities.push_back(rest);
        part.conjunct.inequalities.push_back(
            add(part.conjunct.constant(divisor - 1), rest, -1));
        if (!keep(std::move(part), k, rest))
          return false;
      }
    }
    cases = std::move(result);
    return true;
  }

  /// floor((radix coarse + fine) / divisor) is (radix / divisor) coarse + k, or
  /// floor((coarse + k) / (divisor / radix)).
  bool divide(const FloorDiv &division) {
    int64_t divisor = division.denominator;
    bool isLinear = radix % divisor == 0;
    if (!isLinear && divisor % radix != 0)
      return false;
    return split(division.dividend, isLinear ? divisor : radix,
                 [&](Case &part, const Digits &digits, int64_t k, const Row &) {
                   Row sum = add(digits.coarse, part.conjunct.constant(k));
                   if (digits.scale == 1)
                     sum = part.conjunct.divide(digits.coarse, divisor);
                   else if (isLinear)
                     sum = add(part.conjunct.constant(k), digits.coarse,
                               radix / divisor);
                   else
                     sum = part.conjunct.divide(sum, divisor / radix);
                   part.divisions.push_back(sum);
                 });
  }

  bool run() {
    cases.push_back({digitSpace(), {}});
    for (const FloorDiv &division : c.divisions)
      if (!divide(division))
        return false;
    // radix coarse + fine >= 0 iff coarse + floor(fine / radix) >= 0.
    for (const Row &row : c.inequalities)
      if (!constrain(row, false))
        return false;
    for (const Row &row : c.equalities)
      if (!constrain(row, true))
        return false;
    return true;
  }

  bool constrain(const Row &row, bool isEquality) {
    // What no digit is split in stays.
    bool isSplitRow = false;
    for (unsigned i = 0; i < row.size(); ++i)
      isSplitRow |= row[i] != 0 && i != c.constantColumn() &&
                    (i > c.numVars() || isSplit[i]);
    if (!isSplitRow) {
      for (Case &part : cases) {
        Row same = part.conjunct.constant(at(row, c.constantColumn()));
        for (unsigned v = 0; v < c.numVars(); ++v)
          same[columns[v]] += at(row, v);
        (isEquality ? part.conjunct.equalities : part.conjunct.inequalities)
            .push_back(same);
      }
      return true;
    }
    return split(
        row, radix,
        [&](Case &part, const Digits &digits, int64_t k, const Row &rest) {
          Row sum = add(digits.coarse, part.conjunct.constant(k));
          if (isEquality) {
            part.conjunct.equalities.push_back(rest);
            part.conjunct.equalities.push_back(sum);
          } else {
            part.conjunct.inequalities.push_back(sum);
          }
        });
  }
};

/// Splits the columns by the radix of one step after the other.
bool expandFrom(const Conjunct &c, ArrayRef<int64_t> moduli, int64_t done,
                ArrayRef<bool> isSplit, unsigned maxCases,
                llvm::function_ref<void(Conjunct)> emit) {
  if (moduli.empty()) {
    if (!c.divisions.empty())
      return false;
    emit(c);
    return true;
  }
  Expansion expansion{c, moduli.front() / done, isSplit, maxCases, {}, {}};
  if (!expansion.run() || expansion.cases.size() > maxCases)
    return false;
  // Coarse digits are split on.
  SmallVector<bool> next;
  for (bool split : isSplit) {
    next.push_back(split);
    if (split)
      next.push_back(false);
  }
  return llvm::all_of(expansion.cases, [&](Expansion::Case &part) {
    return expandFrom(part.conjunct, moduli.drop_front(), moduli.front(), next,
                      maxCases, emit);
  });
}
} // namespace

bool heed::masks::expandDigits(const Conjunct &c, const Moduli &moduli,
                               unsigned maxCases,
                               llvm::function_ref<void(Conjunct)> emit) {
  return expandFrom(c, moduli, 1, SmallVector<bool>(c.numVars(), true),
                    maxCases, emit);
}

/// The digits of one number to `from` as rows over its digits to `to`.
static SmallVector<Row> digitRows(const Moduli &from, const Moduli &to) {
  SmallVector<Row> rows;
  unsigned last = to.size(); // the column of v mod to[0]
  auto weight = [&](unsigned digit) { return digit ? to[digit - 1] : 1; };
  // Digit i of `from` counts multiples of the modulus below, up to its own.
  for (unsigned i = from.size() + 1; i-- > 0;) {
    int64_t below = i ? from[i - 1] : 1;
    Row row(to.size() + 1, 0);
    for (unsigned digit = 0; digit <= to.size(); ++digit)
      if (weight(digit) >= below &&
          (i == from.size() || weight(digit) < from[i]))
        row[last - digit] = weight(digit) / below;
    rows.push_back(row);
  }
  return rows;
}

Conjunct heed::masks::withDigits(const Conjunct &c, const Moduli &from,
                                 const Moduli &to) {
  SmallVector<Row> rows = digitRows(from, to);
  unsigned each = rows.size(), more = to.size() + 1;
  Conjunct result(0, c.numSymbols / each * more);
  auto convert = [&](const Row &row) {
    Row value = result.constant(at(row, c.constantColumn()));
    for (unsigned s = 0; s < c.numSymbols; ++s)
      for (unsigned digit = 0; digit < more; ++digit)
        value[s / each * more + digit] += at(row, s) * rows[s % each][digit];
    return value;
  };
  for (const Row &row : c.equalities)
    result.equalities.push_back(convert(row));
  for (const Row &row : c.inequalities)
    result.inequalities.push_back(convert(row));
  return result;
}

Polynomial heed::masks::withDigits(Polynomial polynomial, unsigned numSymbols,
                                   const Moduli &from, const Moduli &to) {
  SmallVector<Row> rows = digitRows(from, to);
  unsigned each = rows.size(), more = to.size() + 1;
  // The new digits come behind the old ones, whose columns then go.
  for (unsigned s = 0; s < numSymbols; ++s) {
    SmallVector<Fraction> value(numSymbols + s / each * more, Fraction(0));
    for (int64_t k : rows[s % each])
      value.push_back(Fraction(k));
    polynomial = polynomial.substitute(s, Polynomial(value, Fraction(0)));
  }
  for (unsigned s = 0; s < numSymbols; ++s)
    polynomial = polynomial.without(0);
  return polynomial;
}
