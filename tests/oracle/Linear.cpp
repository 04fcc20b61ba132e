//===- Linear.cpp - y = x W^T in f64 --------------------------------------===//
#include "tests/oracle/Linear.h"

using namespace heed::oracle;

Tensor heed::oracle::multiply(const Tensor &x, const Weight &weight,
                              std::string axis) {
  int64_t outputs = weight.shape()[0], inputs = weight.shape()[1];
  Weight::Values w = weight.values();
  std::vector<std::string> axes = x.axes;
  std::vector<int64_t> sizes = x.sizes;
  axes.back() = std::move(axis);
  sizes.back() = outputs;
  Tensor y(std::move(axes), std::move(sizes));
  int64_t rows = inputs ? x.count() / inputs : 0;
  for (int64_t n = 0; n < outputs; ++n)
    for (int64_t row = 0; row < rows; ++row) {
      const double *a = &x.values[row * inputs], *b = &(*w)[n * inputs];
      // Four sums, so that models of real size take seconds, not minutes.
      double sum[4] = {0, 0, 0, 0};
      int64_t k = 0;
      for (; k + 4 <= inputs; k += 4)
        for (int64_t j = 0; j < 4; ++j)
          sum[j] += a[k + j] * b[k + j];
      for (; k < inputs; ++k)
        sum[0] += a[k] * b[k];
      y.values[row * outputs + n] = (sum[0] + sum[1]) + (sum[2] + sum[3]);
    }
  return y;
}
