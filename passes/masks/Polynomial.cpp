#include "passes/masks/Polynomial.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/raw_ostream.h"

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

Polynomial Polynomial::substitute(unsigned variable,
                                  const Polynomial &value) const {
  Polynomial result;
  for (const auto &[original, coefficient] : terms) {
    Powers powers = original;
    unsigned power = 0;
    if (variable < powers.size())
      std::swap(power, powers[variable]);
    Polynomial term;
    term.add(powers, coefficient);
    for (unsigned p = 0; p < power; ++p)
      term = term * value;
    result = result + term;
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
