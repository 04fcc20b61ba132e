//===- Compare.cpp - Values side by side, and in print --------------------===//
#include "tests/oracle/Compare.h"

#include "llvm/Support/Format.h"

#include <cmath>

using namespace heed::oracle;

namespace {

/// The largest element and the largest difference so far.
struct Measure {
  double most = 1, apart = 0;

  void add(double expected, double found) {
    if (std::isnan(expected) || std::isnan(found))
      apart = INFINITY;
    most = std::max(most, std::fabs(expected));
    apart = std::max(apart, std::fabs(expected - found));
  }
  void addVectors(const Cache::Vectors &expected, const Cache::Vectors &found) {
    if (expected.size() != found.size())
      apart = INFINITY;
    for (size_t s = 0; s < std::min(expected.size(), found.size()); ++s) {
      if (expected[s].size() != found[s].size())
        apart = INFINITY;
      for (size_t p = 0; p < std::min(expected[s].size(), found[s].size()); ++p)
        for (size_t d = 0; d < expected[s][p].size(); ++d)
          add(expected[s][p][d], found[s][p][d]);
    }
  }
  double relative() const { return apart / most; }
};

template <typename T> const T *held(const Datum &datum) {
  auto pointer = std::get_if<std::shared_ptr<const T>>(&datum);
  return pointer ? pointer->get() : nullptr;
}

double differenceOfTensors(const Tensor &a, const Tensor &b) {
  if (a.axes != b.axes || a.sizes != b.sizes)
    return INFINITY;
  Measure measure;
  for (int64_t i = 0; i < a.count(); ++i) {
    if (a.exists(i) != b.exists(i))
      return INFINITY;
    if (a.exists(i))
      measure.add(a.values[i], b.values[i]);
  }
  return measure.relative();
}

void printFrom(llvm::raw_ostream &os, const Tensor &tensor, size_t axis,
               int64_t &next) {
  if (axis == tensor.sizes.size()) {
    int64_t i = next++;
    double value = tensor.values[i];
    if (!tensor.exists(i))
      os << '-';
    else
      os << llvm::format("%.6g", std::fabs(value) < 1e-12 ? 0.0 : value);
    return;
  }
  os << '[';
  for (int64_t i = 0; i < tensor.sizes[axis]; ++i) {
    os << (i ? ", " : "");
    printFrom(os, tensor, axis + 1, next);
  }
  os << ']';
}

} // namespace

double heed::oracle::difference(const Datum &expected, const Datum &found) {
  if (auto a = held<Tensor>(expected), b = held<Tensor>(found); a && b)
    return differenceOfTensors(*a, *b);
  if (auto a = held<Cache>(expected), b = held<Cache>(found); a && b) {
    Measure measure;
    measure.addVectors(a->k, b->k);
    measure.addVectors(a->v, b->v);
    return measure.relative();
  }
  return INFINITY;
}

void heed::oracle::print(llvm::raw_ostream &os, const Datum &value) {
  if (auto tensor = held<Tensor>(value)) {
    os << '[';
    for (size_t i = 0; i < tensor->axes.size(); ++i)
      os << (i ? ", " : "") << tensor->axes[i] << '=' << tensor->sizes[i];
    os << "] ";
    int64_t next = 0;
    printFrom(os, *tensor, 0, next);
  } else if (auto cache = held<Cache>(value)) {
    os << "cache of";
    for (const auto &sequence : cache->k)
      os << ' ' << sequence.size();
    os << " keys";
  } else {
    os << "no tensor";
  }
}
