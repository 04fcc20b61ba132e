//===- MaskSet.h - A mask as a union of integer sets ----------------------===//
//
// Which (q, kv) pairs attend: a union of mlir::IntegerSets over d0 = q and d1 =
// kv, absolute positions >= 0. A symbol is a parameter (one integer for a whole
// tile: a length, a window, a per-head table entry) or opaque (looked up per
// token, as doc[q]). Constraints that read an opaque symbol, or that are not
// affine, cannot be analysed; the mask is then known between two sets:
// `atLeast` drops the disjuncts that have such constraints, `atMost` drops the
// constraints.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "passes/masks/Exact.h"

#include "mlir/IR/IntegerSet.h"

namespace heed::masks {

/// A symbol of a mask, with what is known of a parameter's value.
struct MaskSymbol {
  enum Kind {
    Parameter, ///< one value for a whole tile
    Opaque,    ///< looked up per token
    KeyLength, ///< L, the number of keys
    QueryLength
  };
  std::string name;
  Kind kind = Parameter;
  std::optional<int64_t> min = std::nullopt, max = std::nullopt;
};

class MaskSet {
public:
  /// `sets` have 2 dims and `symbols.size()` symbols. Without sets nothing
  /// attends. On nullopt `error` says which constraint has no meaning.
  static std::optional<MaskSet> get(mlir::MLIRContext *context,
                                    llvm::ArrayRef<mlir::IntegerSet> sets,
                                    llvm::ArrayRef<MaskSymbol> symbols,
                                    std::string &error);

  /// A set known only between two others, `lower` within `upper` (both over
  /// (q, kv) and `symbols`); `reason` is empty when they are the same.
  static MaskSet between(mlir::MLIRContext *context,
                         llvm::ArrayRef<MaskSymbol> symbols, IntegerUnion lower,
                         IntegerUnion upper, std::string reason);

  mlir::MLIRContext *getContext() const { return context; }
  llvm::ArrayRef<MaskSymbol> getSymbols() const { return symbols; }
  /// Dims (q, kv), all symbols of the mask in their order.
  const IntegerUnion &atLeast() const { return lower; }
  const IntegerUnion &atMost() const { return upper; }
  /// atLeast and atMost are the same.
  bool isExact() const { return reason.empty(); }
  /// Why it is not exact, in words.
  const std::string &whyNotExact() const { return reason; }

  /// What is known of the symbols, as constraints over `numDims` dims and
  /// [`skipped` symbols of the caller, the mask's]. `length` is the caller's
  /// symbol for the number of keys, if it has one.
  Conjunct knownOfSymbols(unsigned numDims, unsigned skipped = 0,
                          std::optional<unsigned> length = std::nullopt) const;

private:
  MaskSet(mlir::MLIRContext *context, llvm::ArrayRef<MaskSymbol> symbols)
      : context(context), symbols(symbols), lower(2, symbols.size()),
        upper(2, symbols.size()) {}

  mlir::MLIRContext *context;
  llvm::SmallVector<MaskSymbol> symbols;
  IntegerUnion lower, upper;
  std::string reason;
};

} // namespace heed::masks
