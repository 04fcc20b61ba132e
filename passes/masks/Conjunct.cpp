#include "passes/masks/Conjunct.h"

#include "mlir/Analysis/Presburger/Utils.h"
#include "llvm/Support/MathExtras.h"
#include "llvm/Support/raw_ostream.h"

#include <map>
#include <numeric>

using namespace heed::masks;
using namespace mlir;
using llvm::DynamicAPInt;
using mlir::presburger::IntegerRelation;
using mlir::presburger::PresburgerSpace;

static int64_t floorDiv(int64_t a, int64_t b) {
  return llvm::divideFloorSigned(a, b);
}

Row heed::masks::add(const Row &a, const Row &b, int64_t scaleB) {
  Row sum(std::max(a.size(), b.size()), 0);
  for (unsigned i = 0, e = sum.size(); i < e; ++i)
    sum[i] = at(a, i) + scaleB * at(b, i);
  return sum;
}

Row heed::masks::scale(const Row &a, int64_t factor) {
  Row product = a;
  for (int64_t &c : product)
    c *= factor;
  return product;
}

Row heed::masks::negate(const Row &row, unsigned constantColumn) {
  Row result = scale(row, -1);
  result[constantColumn] -= 1;
  return result;
}

Row Conjunct::constant(int64_t value) const {
  Row row(numVars() + 1, 0);
  row.back() = value;
  return row;
}

Row Conjunct::variable(unsigned column) const {
  Row row(std::max(numVars() + 1, column + 1), 0);
  row[column] = 1;
  return row;
}

Row Conjunct::divide(Row dividend, int64_t denominator) {
  unsigned one = constantColumn();
  dividend.resize(std::max<size_t>(dividend.size(), one + 1), 0);
  // floor((floor(n / a) + c) / m) = floor((n + a c) / (a m)).
  for (unsigned d = 0; d < divisions.size(); ++d) {
    Row rest = dividend;
    if (at(dividend, divisionColumn(d)) != 1)
      continue;
    rest[divisionColumn(d)] = rest[one] = 0;
    int64_t inner = divisions[d].denominator, product;
    if (llvm::any_of(rest, [](int64_t k) { return k != 0; }) ||
        llvm::MulOverflow(inner, denominator, product) ||
        product > maxCoefficient)
      continue;
    rest[one] = inner * dividend[one];
    return divide(add(divisions[d].dividend, rest), product);
  }
  Row whole = constant(0);
  whole.resize(dividend.size(), 0);

  // floor((m t + r) / m) = t + floor(r / m), coefficient by coefficient; r in
  // (-m/2, m/2] for the variables.
  auto takeOutMultiples = [&] {
    for (unsigned i = 0; i < dividend.size(); ++i) {
      int64_t times =
          i == one ? floorDiv(dividend[i], denominator)
                   : -floorDiv(-2 * dividend[i] + denominator, 2 * denominator);
      whole[i] += times;
      dividend[i] -= times * denominator;
    }
  };
  takeOutMultiples();

  // floor((g n + c) / (g m)) = floor((n + floor(c / g)) / m).
  int64_t g = denominator;
  for (unsigned i = 0; i < dividend.size(); ++i)
    if (i != one)
      g = std::gcd(g, dividend[i]);
  for (unsigned i = 0; i < dividend.size(); ++i)
    dividend[i] = floorDiv(dividend[i], g);
  denominator /= g;
  if (denominator == 1)
    return add(whole, dividend);

  // floor(-n / m) = -floor((n + m - 1) / m): the first coefficient becomes
  // positive.
  int64_t sign = 1;
  for (unsigned i = 0; i < dividend.size(); ++i) {
    if (i == one || dividend[i] == 0)
      continue;
    if (dividend[i] < 0) {
      sign = -1;
      dividend = scale(dividend, -1);
      dividend[one] += denominator - 1;
      Row before = whole;
      whole = constant(0);
      whole.resize(dividend.size(), 0);
      takeOutMultiples();
      whole = add(before, whole, -1);
    }
    break;
  }

  // floor((floor(n / a) + c) / b) = floor((n + a c) / (a b)).
  int nested = -1;
  bool alone = true;
  for (unsigned i = 0; i < dividend.size(); ++i) {
    if (i == one || dividend[i] == 0)
      continue;
    alone &= nested < 0 && i > one && dividend[i] == 1;
    nested = i;
  }
  if (alone && nested >= 0) {
    FloorDiv inner = divisions[nested - one - 1];
    if (inner.denominator <= maxCoefficient / denominator) {
      Row flat = inner.dividend;
      flat[one] += inner.denominator * dividend[one];
      return add(whole, divide(flat, inner.denominator * denominator), sign);
    }
  }

  while (dividend.size() > one + 1 && dividend.back() == 0)
    dividend.pop_back();
  FloorDiv division{dividend, denominator};
  unsigned index = llvm::find(divisions, division) - divisions.begin();
  if (index == divisions.size())
    divisions.push_back(division);
  return add(whole, variable(divisionColumn(index)), sign);
}

Row Conjunct::import(const Row &row, ArrayRef<Row> rows) const {
  Row result(row.begin(),
             row.begin() + std::min<size_t>(row.size(), numVars() + 1));
  for (unsigned i = numVars() + 1; i < row.size(); ++i)
    if (row[i] != 0)
      result = add(result, rows[i - numVars() - 1], row[i]);
  return result;
}

SmallVector<Row> Conjunct::importDivisions(const Conjunct &other) {
  SmallVector<Row> rows;
  for (const FloorDiv &division : other.divisions)
    rows.push_back(
        divide(import(division.dividend, rows), division.denominator));
  return rows;
}

void Conjunct::intersect(const Conjunct &other) {
  SmallVector<Row> rows = importDivisions(other);
  for (const Row &row : other.equalities)
    equalities.push_back(import(row, rows));
  for (const Row &row : other.inequalities)
    inequalities.push_back(import(row, rows));
}

void Conjunct::substituteDivision(unsigned index, const Row &value) {
  unsigned column = divisionColumn(index);
  auto apply = [&](Row &row) {
    int64_t k = at(row, column);
    if (k == 0)
      return;
    row[column] = 0;
    row = add(row, value, k);
  };
  for (Row &row : equalities)
    apply(row);
  for (Row &row : inequalities)
    apply(row);
  for (FloorDiv &division : divisions)
    apply(division.dividend);
}

/// An equality d == e, with e of earlier columns only, replaces d by e and
/// keeps 0 <= n - m e <= m - 1.
bool Conjunct::substitutePinnedDivision() {
  for (unsigned i = 0; i < equalities.size(); ++i) {
    Row row = equalities[i];
    int last = -1;
    for (unsigned d = 0; d < divisions.size(); ++d)
      if (at(row, divisionColumn(d)) != 0)
        last = d;
    if (last < 0 || std::abs(row[divisionColumn(last)]) != 1)
      continue;
    int64_t sign = row[divisionColumn(last)];
    row[divisionColumn(last)] = 0;
    Row value = scale(row, -sign);
    FloorDiv division = divisions[last];
    equalities.erase(equalities.begin() + i);
    Row remainder = add(division.dividend, value, -division.denominator);
    substituteDivision(last, value);
    inequalities.push_back(remainder);
    remainder = scale(remainder, -1);
    remainder[constantColumn()] += division.denominator - 1;
    inequalities.push_back(remainder);
    return true;
  }
  return false;
}

void Conjunct::dropUnusedDivisions() {
  SmallVector<bool> used(divisions.size(), false);
  auto mark = [&](const Row &row) {
    for (unsigned d = 0; d < divisions.size(); ++d)
      if (at(row, divisionColumn(d)) != 0)
        used[d] = true;
  };
  for (const Row &row : equalities)
    mark(row);
  for (const Row &row : inequalities)
    mark(row);
  for (int d = int(divisions.size()) - 1; d >= 0; --d)
    if (used[d])
      mark(divisions[d].dividend);
  if (llvm::all_of(used, [](bool u) { return u; }))
    return;
  Conjunct kept(numDims, numSymbols);
  SmallVector<Row> rows;
  for (unsigned d = 0; d < divisions.size(); ++d)
    rows.push_back(used[d]
                       ? kept.divide(kept.import(divisions[d].dividend, rows),
                                     divisions[d].denominator)
                       : kept.constant(0));
  for (const Row &row : equalities)
    kept.equalities.push_back(kept.import(row, rows));
  for (const Row &row : inequalities)
    kept.inequalities.push_back(kept.import(row, rows));
  *this = std::move(kept);
}

/// The range of k r + c for r in [0, m - 1], when `row` is k (n - m d) + c for
/// the last division d it reads.
static std::optional<std::pair<int64_t, int64_t>>
rangeOfRemainder(const Conjunct &c, const Row &row) {
  unsigned one = c.constantColumn();
  for (int d = int(c.divisions.size()) - 1; d >= 0; --d) {
    int64_t k = at(row, c.divisionColumn(d));
    if (k == 0)
      continue;
    const FloorDiv &division = c.divisions[d];
    if (k % division.denominator != 0)
      return std::nullopt;
    k /= -division.denominator;
    Row rest = add(row, division.dividend, -k);
    rest[c.divisionColumn(d)] = 0;
    for (unsigned i = 0; i < rest.size(); ++i)
      if (i != one && rest[i] != 0)
        return std::nullopt;
    int64_t end = k * (division.denominator - 1);
    return std::pair{rest[one] + std::min<int64_t>(0, end),
                     rest[one] + std::max<int64_t>(0, end)};
  }
  return std::nullopt;
}

bool Conjunct::normalize(bool &overflow, bool substitute) {
  unsigned one = constantColumn();
  while (true) {
    // Coefficients without the constant -> the least constant of an inequality.
    std::map<Row, int64_t> least;
    SmallVector<Row, 8> oldEqualities, newEqualities;
    std::swap(oldEqualities, equalities);
    auto reduce = [&](Row &row, bool equality, bool &keep) {
      row.resize(width(), 0);
      int64_t g = 0;
      for (unsigned i = 0; i < row.size(); ++i) {
        if (std::abs(row[i]) > maxCoefficient)
          overflow = true;
        if (i != one)
          g = std::gcd(g, row[i]);
      }
      if (overflow)
        return false;
      keep = g != 0;
      if (g == 0)
        return equality ? row[one] == 0 : row[one] >= 0;
      if (equality && row[one] % g != 0)
        return false;
      for (int64_t &c : row)
        c = floorDiv(c, g);
      return true;
    };
    for (Row &row : oldEqualities) {
      bool keep;
      if (!reduce(row, true, keep))
        return false;
      if (!keep)
        continue;
      if (auto range = rangeOfRemainder(*this, row);
          range && (range->first > 0 || range->second < 0))
        return false;
      unsigned first = 0;
      while (first == one || row[first] == 0)
        ++first;
      if (row[first] < 0)
        row = scale(row, -1);
      if (!llvm::is_contained(newEqualities, row))
        newEqualities.push_back(row);
    }
    SmallVector<Row, 8> order;
    for (Row &row : inequalities) {
      bool keep;
      if (!reduce(row, false, keep))
        return false;
      if (!keep)
        continue;
      if (auto range = rangeOfRemainder(*this, row)) {
        if (range->second < 0)
          return false;
        if (range->first >= 0)
          continue;
      }
      Row key = row;
      key[one] = 0;
      auto [it, inserted] = least.try_emplace(key, row[one]);
      if (inserted)
        order.push_back(key);
      else
        it->second = std::min(it->second, row[one]);
    }
    inequalities.clear();
    for (const Row &key : order) {
      Row row = key;
      row[one] = least[key];
      auto opposite = least.find(scale(key, -1));
      if (opposite != least.end()) {
        int64_t slack = row[one] + opposite->second;
        if (slack < 0)
          return false;
        if (slack == 0) {
          if (key < opposite->first)
            newEqualities.push_back(row);
          continue;
        }
      }
      inequalities.push_back(row);
    }
    equalities = std::move(newEqualities);
    if (!substitute || !substitutePinnedDivision())
      break;
  }
  dropUnusedDivisions();
  for (Row &row : equalities)
    row.resize(width(), 0);
  for (Row &row : inequalities)
    row.resize(width(), 0);
  return true;
}

/// [dims, symbols, 1, divisions] -> [dims, symbols, locals, 1].
static SmallVector<DynamicAPInt, 8> toLibrary(const Conjunct &c,
                                              const Row &row) {
  SmallVector<DynamicAPInt, 8> result;
  for (unsigned i = 0; i < c.width(); ++i)
    if (i != c.constantColumn())
      result.push_back(DynamicAPInt(at(row, i)));
  result.push_back(DynamicAPInt(at(row, c.constantColumn())));
  return result;
}

IntegerRelation Conjunct::toRelation() const {
  IntegerRelation relation(
      PresburgerSpace::getSetSpace(numDims, numSymbols, divisions.size()));
  for (auto [i, division] : llvm::enumerate(divisions)) {
    SmallVector<DynamicAPInt, 8> dividend = toLibrary(*this, division.dividend);
    DynamicAPInt denominator(division.denominator);
    relation.addInequality(
        presburger::getDivLowerBound(dividend, denominator, numVars() + i));
    relation.addInequality(
        presburger::getDivUpperBound(dividend, denominator, numVars() + i));
  }
  for (const Row &row : equalities)
    relation.addEquality(toLibrary(*this, row));
  for (const Row &row : inequalities)
    relation.addInequality(toLibrary(*this, row));
  return relation;
}

std::optional<Row> Conjunct::flatten(AffineExpr expr, std::string &why) {
  if (auto c = dyn_cast<AffineConstantExpr>(expr)) {
    if (std::abs(c.getValue()) > maxCoefficient) {
      why = "the constant " + std::to_string(c.getValue()) +
            " is larger than 2^30";
      return std::nullopt;
    }
    return constant(c.getValue());
  }
  if (auto d = dyn_cast<AffineDimExpr>(expr))
    return variable(d.getPosition());
  if (auto s = dyn_cast<AffineSymbolExpr>(expr))
    return variable(numDims + s.getPosition());

  auto binary = cast<AffineBinaryOpExpr>(expr);
  std::optional<Row> lhs = flatten(binary.getLHS(), why);
  if (!lhs)
    return std::nullopt;
  if (expr.getKind() == AffineExprKind::Add) {
    std::optional<Row> rhs = flatten(binary.getRHS(), why);
    return rhs ? std::optional(add(*lhs, *rhs)) : std::nullopt;
  }
  auto rhs = dyn_cast<AffineConstantExpr>(binary.getRHS());
  if (!rhs)
    return std::nullopt;
  int64_t value = rhs.getValue();
  if (std::abs(value) > maxCoefficient) {
    why = "the constant " + std::to_string(value) + " is larger than 2^30";
    return std::nullopt;
  }
  if (expr.getKind() == AffineExprKind::Mul)
    return scale(*lhs, value);
  if (value <= 0) {
    why = "a floordiv, ceildiv or mod by " + std::to_string(value) +
          ": the divisor must be positive";
    return std::nullopt;
  }
  switch (expr.getKind()) {
  case AffineExprKind::FloorDiv:
    return divide(*lhs, value);
  case AffineExprKind::CeilDiv:
    (*lhs)[constantColumn()] += value - 1;
    return divide(*lhs, value);
  default:
    return add(*lhs, divide(*lhs, value), -value);
  }
}

Conjunct Conjunct::withColumns(unsigned column, unsigned count) const {
  Conjunct wide = *this;
  auto widen = [&](Row &row) { row.insert(row.begin() + column, count, 0); };
  for (FloorDiv &division : wide.divisions)
    widen(division.dividend);
  llvm::for_each(wide.equalities, widen);
  llvm::for_each(wide.inequalities, widen);
  return wide;
}

Conjunct Conjunct::withDims(unsigned first, unsigned count) const {
  Conjunct wide = withColumns(first, count);
  wide.numDims += count;
  return wide;
}

Conjunct Conjunct::withSymbols(unsigned first, unsigned count) const {
  Conjunct wide = withColumns(numDims + first, count);
  wide.numSymbols += count;
  return wide;
}

Conjunct
Conjunct::withSymbolsAt(unsigned count,
                        llvm::function_ref<unsigned(unsigned)> position) const {
  Conjunct result = *this;
  result.numSymbols = count;
  auto move = [&](Row &row) {
    Row moved(row.begin(), row.begin() + numDims);
    moved.resize(numDims + count, 0);
    for (unsigned s = 0; s < numSymbols; ++s)
      if (row[numDims + s] != 0)
        moved[numDims + position(s)] += row[numDims + s];
    moved.append(row.begin() + constantColumn(), row.end());
    row = std::move(moved);
  };
  for (FloorDiv &division : result.divisions)
    move(division.dividend);
  llvm::for_each(result.equalities, move);
  llvm::for_each(result.inequalities, move);
  return result;
}

Conjunct Conjunct::withSymbolsAsDims() const {
  Conjunct result = *this;
  result.numDims += numSymbols;
  result.numSymbols = 0;
  return result;
}

Conjunct Conjunct::withFirstDimAsSymbol() const {
  Conjunct result = *this;
  auto rotate = [&](Row &row) {
    std::rotate(row.begin(), row.begin() + 1, row.begin() + numDims);
  };
  for (FloorDiv &division : result.divisions)
    rotate(division.dividend);
  llvm::for_each(result.equalities, rotate);
  llvm::for_each(result.inequalities, rotate);
  --result.numDims;
  ++result.numSymbols;
  return result;
}

static int64_t evaluate(const Row &row, ArrayRef<int64_t> values) {
  int64_t sum = 0;
  for (unsigned i = 0, e = std::min(row.size(), values.size()); i < e; ++i)
    sum += row[i] * values[i];
  return sum;
}

bool Conjunct::contains(ArrayRef<int64_t> dimsAndSymbols) const {
  SmallVector<int64_t, 16> values(dimsAndSymbols);
  values.push_back(1);
  for (const FloorDiv &division : divisions)
    values.push_back(
        floorDiv(evaluate(division.dividend, values), division.denominator));
  return llvm::all_of(
             equalities,
             [&](const Row &row) { return evaluate(row, values) == 0; }) &&
         llvm::all_of(inequalities, [&](const Row &row) {
           return evaluate(row, values) >= 0;
         });
}

static void printRow(llvm::raw_ostream &os, const Conjunct &c, const Row &row,
                     ArrayRef<std::string> names) {
  bool first = true;
  for (unsigned i = 0; i < row.size(); ++i) {
    int64_t k = row[i];
    if (k == 0 || i == c.constantColumn())
      continue;
    os << (first ? (k < 0 ? "-" : "") : (k < 0 ? " - " : " + "));
    first = false;
    if (std::abs(k) != 1)
      os << std::abs(k) << " * ";
    if (i < c.numVars()) {
      os << names[i];
    } else {
      const FloorDiv &division = c.divisions[i - c.numVars() - 1];
      os << "((";
      printRow(os, c, division.dividend, names);
      os << ") floordiv " << division.denominator << ")";
    }
  }
  int64_t k = at(row, c.constantColumn());
  if (first)
    os << k;
  else if (k != 0)
    os << (k < 0 ? " - " : " + ") << std::abs(k);
}

/// A row as a relation between what it adds and what it takes away.
static void printRelation(llvm::raw_ostream &os, const Conjunct &c,
                          const Row &row, bool equality,
                          ArrayRef<std::string> names) {
  Row added(row.size()), taken(row.size());
  bool adds = false;
  for (unsigned i = 0; i < row.size(); ++i) {
    adds |= row[i] > 0 && i != c.constantColumn();
    (row[i] > 0 ? added : taken)[i] = row[i] < 0 ? -row[i] : row[i];
  }
  bool strict = !equality && taken[c.constantColumn()] == 1;
  if (strict)
    taken[c.constantColumn()] = 0;
  // Numbers alone go to the right.
  printRow(os, c, adds ? added : taken, names);
  os << (equality ? " == "
         : adds   ? (strict ? " > " : " >= ")
                  : (strict ? " < " : " <= "));
  printRow(os, c, adds ? taken : added, names);
}

void Conjunct::print(llvm::raw_ostream &os, ArrayRef<std::string> names) const {
  bool first = true;
  auto list = [&](ArrayRef<Row> rows, bool equality) {
    for (const Row &row : rows) {
      os << (first ? "" : " and ");
      first = false;
      printRelation(os, *this, row, equality, names);
    }
  };
  list(equalities, true);
  list(inequalities, false);
  if (first)
    os << "true";
}
