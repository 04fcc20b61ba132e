#include "passes/masks/EachPair.h"

#include "llvm/Support/MathExtras.h"

using namespace heed::masks;
using namespace mlir;

namespace {
using Values = std::vector<int64_t>; // one for each key

/// The keys of one row q after the other in one conjunction.
class RowCounter {
public:
  RowCounter(const Conjunct &c, ArrayRef<int64_t> symbols, int64_t keys)
      : c(c), symbols(symbols), value(keys), divisions(c.divisions.size()) {
    for (auto [d, division] : llvm::enumerate(c.divisions)) {
      bool readsQuery = division.dividend[0] != 0;
      for (size_t inner = 0; inner < d; ++inner)
        readsQuery |=
            ofRow[inner] && at(division.dividend, c.divisionColumn(inner)) != 0;
      ofRow.push_back(readsQuery);
      divisions[d].resize(keys);
      if (!readsQuery)
        divide(d, 0);
    }
  }

  /// Sets `allowed` where q sees the key.
  void mark(int64_t q, std::vector<uint8_t> &allowed) {
    for (size_t d = 0; d < divisions.size(); ++d)
      if (ofRow[d])
        divide(d, q);
    here.assign(allowed.size(), 1);
    for (const Row &row : c.equalities) {
      evaluate(row, q);
      for (size_t k = 0; k < here.size(); ++k)
        here[k] &= value[k] == 0;
    }
    for (const Row &row : c.inequalities) {
      evaluate(row, q);
      for (size_t k = 0; k < here.size(); ++k)
        here[k] &= value[k] >= 0;
    }
    for (size_t k = 0; k < here.size(); ++k)
      allowed[k] |= here[k];
  }

private:
  void divide(size_t d, int64_t q) {
    const FloorDiv &division = c.divisions[d];
    evaluate(division.dividend, q);
    for (auto [result, dividend] : llvm::zip(divisions[d], value))
      result = llvm::divideFloorSigned(dividend, division.denominator);
  }

  /// The row's value at (q, kv), into `value`.
  void evaluate(const Row &row, int64_t q) {
    int64_t constant = at(row, 0) * q + at(row, c.constantColumn());
    for (auto [s, symbol] : llvm::enumerate(symbols))
      constant += at(row, c.numDims + s) * symbol;
    const int64_t step = at(row, 1);
    for (size_t k = 0; k < value.size(); ++k)
      value[k] = constant + step * int64_t(k);
    for (size_t d = 0; d < divisions.size(); ++d)
      if (const int64_t factor = at(row, c.divisionColumn(d)))
        for (size_t k = 0; k < value.size(); ++k)
          value[k] += factor * divisions[d][k];
  }

  const Conjunct &c;
  ArrayRef<int64_t> symbols;
  Values value;
  std::vector<Values> divisions;
  SmallVector<bool> ofRow; ///< of a division: it reads q
  std::vector<uint8_t> here;
};
} // namespace

int64_t heed::masks::countEachPair(const IntegerUnion &set, int64_t queries,
                                   int64_t keys, ArrayRef<int64_t> symbols) {
  std::vector<RowCounter> counters;
  for (const Conjunct &c : set.disjuncts)
    counters.emplace_back(c, symbols, keys);
  int64_t count = 0;
  std::vector<uint8_t> allowed;
  for (int64_t q = 0; q < queries; ++q) {
    allowed.assign(keys, 0);
    for (RowCounter &counter : counters)
      counter.mark(q, allowed);
    count += llvm::count(allowed, 1);
  }
  return count;
}
