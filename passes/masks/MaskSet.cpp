#include "passes/masks/MaskSet.h"

#include "passes/masks/Affine.h"

#include "llvm/ADT/SmallVectorExtras.h"
#include "llvm/Support/raw_ostream.h"

using namespace heed::masks;
using namespace mlir;

static std::string inWords(AffineExpr expr, bool equality,
                           ArrayRef<MaskSymbol> symbols) {
  std::string text;
  llvm::raw_string_ostream os(text);
  printAffine(
      os, expr, {"q", "kv"},
      llvm::map_to_vector(symbols, [](const MaskSymbol &s) { return s.name; }));
  os << (equality ? " == 0" : " >= 0");
  return text;
}

/// The name of an opaque symbol that `expr` reads, or nothing.
static std::string opaqueSymbol(AffineExpr expr, ArrayRef<MaskSymbol> symbols) {
  for (auto [i, symbol] : llvm::enumerate(symbols))
    if (symbol.kind == MaskSymbol::Opaque && expr.isFunctionOfSymbol(i))
      return symbol.name;
  return "";
}

std::optional<MaskSet> MaskSet::get(MLIRContext *context,
                                    ArrayRef<IntegerSet> sets,
                                    ArrayRef<MaskSymbol> symbols,
                                    std::string &error) {
  MaskSet mask(context, symbols);
  for (IntegerSet set : sets) {
    if (set.getNumDims() != 2 || set.getNumSymbols() != symbols.size()) {
      error = "a mask's set has dims (q, kv) and " +
              std::to_string(symbols.size()) + " symbols, this one has " +
              std::to_string(set.getNumDims()) + " dims and " +
              std::to_string(set.getNumSymbols()) + " symbols";
      return std::nullopt;
    }
    Conjunct known(2, symbols.size());
    std::string unknown;
    for (auto [expr, equality] :
         llvm::zip(set.getConstraints(), set.getEqFlags())) {
      std::string lookup = opaqueSymbol(expr, symbols);
      if (!lookup.empty()) {
        unknown = lookup + " is looked up per token";
        continue;
      }
      std::string why;
      std::optional<Row> row = known.flatten(expr, why);
      if (!why.empty()) {
        error = "in `" + inWords(expr, equality, symbols) + "`: " + why;
        return std::nullopt;
      }
      if (!row)
        unknown = "`" + inWords(expr, equality, symbols) + "` is not affine";
      else
        (equality ? known.equalities : known.inequalities).push_back(*row);
    }
    bool overflow = false, possible = known.normalize(overflow);
    if (overflow) {
      error = "a coefficient is larger than 2^30";
      return std::nullopt;
    }
    if (!possible)
      continue;
    mask.upper.disjuncts.push_back(known);
    if (unknown.empty())
      mask.lower.disjuncts.push_back(known);
    else
      mask.reason = unknown;
  }
  return mask;
}

MaskSet MaskSet::between(MLIRContext *context, ArrayRef<MaskSymbol> symbols,
                         IntegerUnion lower, IntegerUnion upper,
                         std::string reason) {
  MaskSet mask(context, symbols);
  mask.lower = std::move(lower);
  mask.upper = std::move(upper);
  mask.reason = std::move(reason);
  return mask;
}

Conjunct MaskSet::knownOfSymbols(unsigned numDims, unsigned skipped,
                                 std::optional<unsigned> length) const {
  Conjunct known(numDims, skipped + symbols.size());
  for (auto [i, symbol] : llvm::enumerate(symbols)) {
    Row value = known.variable(numDims + skipped + i);
    if (symbol.min)
      known.inequalities.push_back(add(value, known.constant(*symbol.min), -1));
    if (symbol.kind == MaskSymbol::KeyLength && length)
      known.equalities.push_back(
          add(value, known.variable(numDims + *length), -1));
    if (symbol.max)
      known.inequalities.push_back(add(known.constant(*symbol.max), value, -1));
  }
  return known;
}
