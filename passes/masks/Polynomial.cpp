#include "passes/masks/Polynomial.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/raw_ostream.h"

#include <utility>

using namespace heed::masks;
using llvm::DynamicAPInt;
using mlir::presburger::Fraction;
using mlir::presburger::reduce;

void Polynomial::add(Powers powers, Fraction coefficient) {
  while (!powers.empty() && powers.back() == 0)
    powers.pop_back();
  Fraction &term = terms[powers];
  term = reduce(term + coefficient);
  if (term == 0)
    terms.erase(powers);
}

Polynomial::Polynomial(llvm::ArrayRef<Fraction> coefficients,
                       Fraction constant) {
  add({}, constant);
  for (unsigned i = 0; i < coefficients.size(); ++i) {
    Powers powers(i + 1, 0);
    powers.back() = 1;
    add(powers, coefficients[i]);
  }
}

Polynomial Polynomial::operator+(const Polynomial &other) const {
  Polynomial sum = *this;
  for (const auto &[powers, coefficient] : other.terms)
    sum.add(powers, coefficient);
  return sum;
}

Polynomial Polynomial::operator*(const Polynomial &other) const {
  Polynomial product;
  for (const auto &[a, x] : terms)
    for (const auto &[b, y] : other.terms) {
      Powers powers(std::max(a.size(), b.size()), 0);
      for (unsigned i = 0; i < powers.size(); ++i)
        powers[i] = (i < a.size() ? a[i] : 0) + (i < b.size() ? b[i] : 0);
      product.add(powers, x * y);
    }
  return product;
}

/// The power of a variable, which is taken out.
static unsigned takePower(Polynomial::Powers &powers, unsigned variable) {
  return variable < powers.size() ? std::exchange(powers[variable], 0) : 0;
}

Polynomial Polynomial::substitute(unsigned variable,
                                  const Polynomial &value) const {
  Polynomial result;
  for (const auto &[original, coefficient] : terms) {
    Powers powers = original;
    unsigned power = takePower(powers, variable);
    Polynomial term;
    term.add(powers, coefficient);
    for (unsigned p = 0; p < power; ++p)
      term = term * value;
    result = result + term;
  }
  return result;
}

Polynomial Polynomial::without(unsigned variable) const {
  Polynomial result;
  for (const auto &[original, coefficient] : terms) {
    Powers powers = original;
    if (variable < powers.size())
      powers.erase(powers.begin() + variable);
    result.add(powers, coefficient);
  }
  return result;
}

Polynomial Polynomial::sum(unsigned variable, const Polynomial &first,
                           const Polynomial &last) const {
  unsigned degree = 0;
  for (const auto &[powers, coefficient] : terms)
    if (variable < powers.size())
      degree = std::max(degree, powers[variable]);
  // powerSums[k](x) = 1^k + ... + x^k, from the telescope (x + 1)^(k + 1) - 1
  // = sum over j <= k of (k + 1 choose j) powerSums[j](x). The identity
  // powerSums[k](x) - powerSums[k](x - 1) = x^k holds for negative x as well.
  auto powerSums = [&](const Polynomial &x) {
    std::vector<Polynomial> sums;
    Polynomial next = x + Polynomial({}, Fraction(1)), power = next;
    for (unsigned k = 0; k <= degree; ++k, power = power * next) {
      Polynomial sum = power + Polynomial({}, Fraction(-1));
      int64_t choose = 1;
      for (unsigned j = 0; j < k; ++j) {
        sum = sum + sums[j] * Polynomial({}, Fraction(-choose));
        choose = choose * (k + 1 - j) / (j + 1);
      }
      sums.push_back(sum * Polynomial({}, Fraction(1, k + 1)));
    }
    return sums;
  };
  std::vector<Polynomial> upTo = powerSums(last),
                          before =
                              powerSums(first + Polynomial({}, Fraction(-1)));
  Polynomial result;
  for (const auto &[original, coefficient] : terms) {
    Powers powers = original;
    unsigned power = takePower(powers, variable);
    Polynomial others;
    others.add(powers, coefficient);
    result = result + others * (upTo[power] +
                                before[power] * Polynomial({}, Fraction(-1)));
  }
  return result;
}

static DynamicAPInt
commonDenominator(const std::map<Polynomial::Powers, Fraction> &terms) {
  DynamicAPInt denominator(1);
  for (const auto &[powers, coefficient] : terms)
    denominator = llvm::lcm(denominator, coefficient.den);
  return denominator;
}

int64_t Polynomial::evaluate(llvm::ArrayRef<int64_t> variables) const {
  DynamicAPInt denominator = commonDenominator(terms), sum(0);
  for (const auto &[powers, coefficient] : terms) {
    DynamicAPInt term = coefficient.num * (denominator / coefficient.den);
    for (unsigned i = 0; i < powers.size(); ++i)
      for (unsigned p = 0; p < powers[i]; ++p)
        term *= DynamicAPInt(variables[i]);
    sum += term;
  }
  return int64_t(sum / denominator);
}

void Polynomial::print(llvm::raw_ostream &os,
                       llvm::ArrayRef<std::string> names) const {
  DynamicAPInt denominator = commonDenominator(terms);
  bool fraction = denominator != 1, first = true;
  if (fraction)
    os << "(";
  // The highest powers come first.
  llvm::SmallVector<std::pair<Powers, Fraction>> order(terms.begin(),
                                                       terms.end());
  auto degree = [](const Powers &powers) {
    unsigned sum = 0;
    for (unsigned p : powers)
      sum += p;
    return sum;
  };
  llvm::sort(order, [&](const auto &a, const auto &b) {
    return std::pair(degree(a.first), a.first) >
           std::pair(degree(b.first), b.first);
  });
  for (const auto &[powers, coefficient] : order) {
    DynamicAPInt k = coefficient.num * (denominator / coefficient.den);
    os << (first ? (k < 0 ? "-" : "") : (k < 0 ? " - " : " + "));
    first = false;
    bool factor = llvm::abs(k) != 1 || powers.empty();
    if (factor)
      os << llvm::abs(k);
    for (unsigned i = 0; i < powers.size(); ++i)
      for (unsigned p = 0; p < powers[i]; ++p) {
        os << (factor ? " * " : "") << names[i];
        factor = true;
      }
  }
  if (first)
    os << "0";
  if (fraction)
    os << ") / " << denominator;
}
