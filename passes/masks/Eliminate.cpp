#include "passes/masks/Eliminate.h"

using namespace heed::masks;
using namespace mlir;

namespace {
/// The variables to eliminate are the last dims, from `numKept` on; no division
/// reads them.
class Elimination {
public:
  Elimination(unsigned numKept, llvm::function_ref<bool(int64_t)> pay,
              llvm::function_ref<void(Conjunct)> emit)
      : numKept(numKept), pay(pay), emit(emit) {}

  bool run(Conjunct c);

private:
  bool substituteEquality(Conjunct &c);
  /// The bounds of one variable: rows with a positive coefficient, rows with a
  /// negative one.
  struct Bounds {
    SmallVector<Row> lower, upper;
    bool exactShadow = true; ///< each pair has a coefficient of 1 or -1
    bool alone = true;       ///< the rows read no other variable that is to go
    int64_t pairs() const { return int64_t(lower.size() * upper.size()); }
  };
  Bounds boundsOf(const Conjunct &c, unsigned column) const;
  /// Removes the column; takes out the rows that read it, which the caller has
  /// dealt with.
  static void removeDim(Conjunct &c, unsigned column);
  static Row without(Row row, unsigned column) {
    row.erase(row.begin() + column);
    return row;
  }

  unsigned numKept;
  llvm::function_ref<bool(int64_t)> pay;
  llvm::function_ref<void(Conjunct)> emit;
};
} // namespace

void Elimination::removeDim(Conjunct &c, unsigned column) {
  auto reads = [&](const Row &row) { return row[column] != 0; };
  llvm::erase_if(c.equalities, reads);
  llvm::erase_if(c.inequalities, reads);
  for (Row &row : c.equalities)
    row = without(row, column);
  for (Row &row : c.inequalities)
    row = without(row, column);
  for (FloorDiv &division : c.divisions)
    division.dividend = without(division.dividend, column);
  --c.numDims;
}

/// Eliminates one variable through an equality; false when no equality reads
/// one.
bool Elimination::substituteEquality(Conjunct &c) {
  // The equality with the smallest coefficient on a variable that is to go.
  int best = -1;
  unsigned column = 0;
  for (auto [i, row] : llvm::enumerate(c.equalities))
    for (unsigned v = numKept; v < c.numDims; ++v)
      if (row[v] != 0 &&
          (best < 0 ||
           std::abs(row[v]) < std::abs(c.equalities[best][column]))) {
        best = i;
        column = v;
      }
  if (best < 0)
    return false;

  // Euclid on the columns of that equality leaves one of them: e := e' - k f
  // maps the integers to themselves.
  auto columnStep = [&](unsigned from, unsigned to, int64_t k) {
    for (Row &row : c.equalities)
      row[to] -= k * row[from];
    for (Row &row : c.inequalities)
      row[to] -= k * row[from];
  };
  for (unsigned v = numKept;
       v < c.numDims && std::abs(c.equalities[best][column]) != 1; ++v) {
    unsigned other = v;
    while (other != column && c.equalities[best][other] != 0) {
      columnStep(column, other,
                 c.equalities[best][other] / c.equalities[best][column]);
      if (c.equalities[best][other] != 0)
        std::swap(column, other);
    }
  }
  Row row = c.equalities[best];
  c.equalities.erase(c.equalities.begin() + best);
  int64_t a = row[column];
  Row rest = row;
  rest[column] = 0;
  if (a < 0)
    rest = scale(rest, -1);
  int64_t m = std::abs(a); // m e + rest == 0
  if (m != 1)
    c.equalities.push_back(add(rest, c.divide(rest, m), -m));
  auto substitute = [&](Row &other) {
    int64_t k = at(other, column);
    if (k == 0)
      return;
    other[column] = 0;
    other = add(scale(other, m), rest, -k);
  };
  for (Row &other : c.equalities)
    substitute(other);
  for (Row &other : c.inequalities)
    substitute(other);
  removeDim(c, column);
  return true;
}

Elimination::Bounds Elimination::boundsOf(const Conjunct &c,
                                          unsigned column) const {
  Bounds bounds;
  bool unitLower = true, unitUpper = true;
  for (const Row &row : c.inequalities) {
    if (row[column] == 0)
      continue;
    bool isLower = row[column] > 0;
    (isLower ? bounds.lower : bounds.upper).push_back(row);
    (isLower ? unitLower : unitUpper) &= std::abs(row[column]) == 1;
    for (unsigned v = numKept; v < c.numDims; ++v)
      bounds.alone &= v == column || row[v] == 0;
  }
  bounds.exactShadow = unitLower || unitUpper || bounds.pairs() == 0;
  return bounds;
}

bool Elimination::run(Conjunct c) {
  while (true) {
    if (!pay(int64_t(c.equalities.size() + c.inequalities.size() + 1) *
             c.width()))
      return false;
    bool overflow = false;
    if (!c.normalize(overflow, /*substitute=*/c.numDims == numKept))
      return !overflow;
    if (c.numDims == numKept) {
      emit(std::move(c));
      return true;
    }
    if (substituteEquality(c))
      continue;

    // The cheapest variable of the simplest kind.
    std::optional<Bounds> best;
    unsigned column = 0;
    auto price = [](const Bounds &b) {
      return std::pair(b.exactShadow ? 0 : b.alone ? 1 : 2, b.pairs());
    };
    for (unsigned v = numKept; v < c.numDims; ++v) {
      Bounds bounds = boundsOf(c, v);
      if (!best || price(bounds) < price(*best)) {
        best = std::move(bounds);
        column = v;
      }
    }

    // a e + s >= 0 is e >= -floor(s / a) when s reads no other variable that
    // goes, and likewise for upper bounds. One side with coefficients 1 is
    // enough.
    if (!best->exactShadow && best->alone) {
      auto divisions = [&](ArrayRef<Row> rows) {
        return llvm::count_if(
            rows, [&](const Row &row) { return std::abs(row[column]) != 1; });
      };
      for (Row &row : divisions(best->lower) < divisions(best->upper)
                          ? best->lower
                          : best->upper) {
        int64_t a = row[column];
        row[column] = 0;
        row = c.divide(row, std::abs(a));
        row[column] = a > 0 ? 1 : -1;
      }
      best->exactShadow = true;
    }

    if (!best->exactShadow) {
      // What the dark shadow misses lies close above some lower bound: a e + s
      // == i.
      int64_t largest = 1;
      for (const Row &row : best->upper)
        largest = std::max(largest, -row[column]);
      for (const Row &row : best->lower) {
        int64_t a = row[column];
        if (a == 1)
          continue;
        for (int64_t i = 0, last = (a * largest - a - largest) / largest;
             i <= last; ++i) {
          Conjunct splinter = c;
          splinter.equalities.push_back(add(row, c.constant(i), -1));
          if (!run(std::move(splinter)))
            return false;
        }
      }
    }
    Conjunct shadow = c;
    for (const Row &lower : best->lower)
      for (const Row &upper : best->upper) {
        int64_t a = lower[column], b = -upper[column];
        Row row = add(scale(upper, a), lower, b);
        row[c.constantColumn()] -= (a - 1) * (b - 1);
        row.resize(shadow.width(), 0);
        shadow.inequalities.push_back(row);
      }
    removeDim(shadow, column);
    c = std::move(shadow);
  }
}

bool heed::masks::eliminateDims(const Conjunct &original, unsigned first,
                                unsigned count,
                                llvm::function_ref<bool(int64_t)> pay,
                                llvm::function_ref<void(Conjunct)> emit) {
  // Divisions that read the dims become variables themselves: d = floor(n / m)
  // iff 0 <= n - m d <= m - 1.
  unsigned numDims = original.numDims, numKept = numDims - count;
  SmallVector<bool> moves;
  auto readsGoing = [&](const Row &row) {
    for (unsigned v = first; v < first + count; ++v)
      if (row[v] != 0)
        return true;
    for (unsigned d = 0; d < moves.size(); ++d)
      if (moves[d] && at(row, original.divisionColumn(d)) != 0)
        return true;
    return false;
  };
  for (const FloorDiv &division : original.divisions)
    moves.push_back(readsGoing(division.dividend));

  unsigned numMoved = llvm::count(moves, true);
  Conjunct c(numDims + numMoved, original.numSymbols);
  SmallVector<Row> divisions;
  auto convert = [&](const Row &row) {
    Row result = c.constant(at(row, original.constantColumn()));
    for (unsigned v = 0, kept = 0, going = numKept; v < numDims; ++v)
      result[v >= first && v < first + count ? going++ : kept++] = row[v];
    for (unsigned s = 0; s < original.numSymbols; ++s)
      result[c.numDims + s] = row[numDims + s];
    for (unsigned d = 0; d < divisions.size(); ++d)
      if (int64_t k = at(row, original.divisionColumn(d)))
        result = add(result, divisions[d], k);
    return result;
  };
  unsigned next = numDims;
  for (auto [d, division] : llvm::enumerate(original.divisions)) {
    Row dividend = convert(division.dividend);
    if (!moves[d]) {
      divisions.push_back(c.divide(dividend, division.denominator));
      continue;
    }
    divisions.push_back(c.variable(next++));
    Row remainder = add(dividend, divisions.back(), -division.denominator);
    c.inequalities.push_back(remainder);
    c.inequalities.push_back(
        add(c.constant(division.denominator - 1), remainder, -1));
  }
  for (const Row &row : original.equalities)
    c.equalities.push_back(convert(row));
  for (const Row &row : original.inequalities)
    c.inequalities.push_back(convert(row));
  return Elimination(numKept, pay, emit).run(std::move(c));
}
