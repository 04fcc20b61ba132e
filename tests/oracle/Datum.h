//===- Datum.h - The values that the oracle computes with -----------------===//
#pragma once

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/LogicalResult.h"

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace heed::oracle {

/// Dense, row-major, each axis named.
struct Tensor {
  std::vector<std::string> axes;
  std::vector<int64_t> sizes;
  std::vector<double> values;
  /// Scores only: the elements that do not exist (past a row's own sequence) or
  /// that a mask forbids. Empty when all are there.
  std::vector<bool> absent;

  Tensor() = default;
  /// Zeros.
  Tensor(std::vector<std::string> axes, std::vector<int64_t> sizes);

  int64_t count() const { return int64_t(values.size()); }
  bool has(llvm::StringRef axis) const { return stride(axis) >= 0; }
  /// The size of an axis, or `none` where there is no such axis.
  int64_t size(llvm::StringRef axis, int64_t none = 1) const;
  /// How far apart neighbours along an axis lie; -1 where there is no such
  /// axis.
  int64_t stride(llvm::StringRef axis) const;
  /// The size of the last axis: elements of one row.
  int64_t width() const { return sizes.empty() ? 1 : sizes.back(); }
  bool exists(int64_t i) const { return absent.empty() || !absent[i]; }
};

/// The rows of a ragged axis: those of a sequence are adjacent, their positions
/// run from `past` upwards.
struct Rows {
  std::string axis;
  std::vector<int64_t> positions, sequences; // one a row
  std::vector<int64_t> starts;               // sequences + 1
  std::vector<int64_t> past;                 // one a sequence

  /// Sequences of (past, rows).
  Rows(std::string axis,
       llvm::ArrayRef<std::pair<int64_t, int64_t>> pastAndRows);

  int64_t count() const { return int64_t(positions.size()); }
  int64_t sequenceCount() const { return int64_t(past.size()); }
  /// One past the last position of a sequence.
  int64_t end(int64_t sequence) const {
    return past[sequence] + starts[sequence + 1] - starts[sequence];
  }
  /// The row of a position of a sequence, if this call has it.
  std::optional<int64_t> rowOf(int64_t sequence, int64_t position) const;
};

/// Keys and values of one layer: [sequence][position][kv_heads * head].
struct Cache {
  using Vectors = std::vector<std::vector<std::vector<double>>>;
  int64_t kvHeads = 0, head = 0;
  Vectors k, v;
};

/// A weight, decoded when it is asked for (a model's weights in f64 at once
/// would not fit a small machine); small ones stay decoded.
class Weight {
public:
  using Decode = std::function<std::vector<double>()>;
  using Values = std::shared_ptr<const std::vector<double>>;

  Weight(std::vector<int64_t> shape, Decode decode)
      : sizes(std::move(shape)), decode(std::move(decode)) {}

  llvm::ArrayRef<int64_t> shape() const { return sizes; }
  /// Row-major.
  Values values() const;

private:
  std::vector<int64_t> sizes;
  Decode decode;
  mutable Values kept;
};

/// Any of them, or a number of a score rule: a float, or an integer or index.
using Datum =
    std::variant<std::monostate, std::shared_ptr<const Tensor>,
                 std::shared_ptr<const Rows>, std::shared_ptr<const Cache>,
                 std::shared_ptr<const Weight>, double, int64_t>;

template <typename T> Datum datum(T value) {
  return std::make_shared<const T>(std::move(value));
}

} // namespace heed::oracle
