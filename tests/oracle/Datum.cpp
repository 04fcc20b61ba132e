//===- Datum.cpp - The values that the oracle computes with ---------------===//
#include "tests/oracle/Datum.h"

#include "llvm/ADT/STLExtras.h"

using namespace heed::oracle;

Tensor::Tensor(std::vector<std::string> axes, std::vector<int64_t> sizes)
    : axes(std::move(axes)), sizes(std::move(sizes)) {
  int64_t count = 1;
  for (int64_t size : this->sizes)
    count *= size;
  values.assign(count, 0.0);
}

int64_t Tensor::size(llvm::StringRef axis, int64_t none) const {
  for (auto [name, size] : llvm::zip(axes, sizes))
    if (axis == name)
      return size;
  return none;
}

int64_t Tensor::stride(llvm::StringRef axis) const {
  int64_t stride = 1;
  for (size_t i = axes.size(); i-- > 0;) {
    if (axis == axes[i])
      return stride;
    stride *= sizes[i];
  }
  return -1;
}

Rows::Rows(std::string axis,
           llvm::ArrayRef<std::pair<int64_t, int64_t>> pastAndRows)
    : axis(std::move(axis)), starts{0} {
  for (auto [before, rows] : pastAndRows) {
    for (int64_t i = 0; i < rows; ++i) {
      positions.push_back(before + i);
      sequences.push_back(int64_t(past.size()));
    }
    past.push_back(before);
    starts.push_back(int64_t(positions.size()));
  }
}

std::optional<int64_t> Rows::rowOf(int64_t sequence, int64_t position) const {
  if (position < past[sequence] || position >= end(sequence))
    return std::nullopt;
  return starts[sequence] + position - past[sequence];
}

Weight::Values Weight::values() const {
  if (kept)
    return kept;
  auto decoded = std::make_shared<const std::vector<double>>(decode());
  if (decoded->size() <= 1 << 18)
    kept = decoded;
  return decoded;
}
