//===- WeightReader.h - A declared weight, row by row ---------------------===//
#pragma once

#include "ir/Attn.h"
#include "runtime/formats/RandomWeights.h"
#include "runtime/formats/TensorView.h"
#include "runtime/support/Result.h"

#include <optional>

namespace heed {

class WeightSource;

/// Reads a declared weight through its transforms.
class WeightReader {
public:
  static Result<WeightReader> open(attn::DeclareOp declare,
                                   const WeightSource *source);

  /// The raw bytes of row n, when the transforms leave the rows of the file as
  /// they are; else empty.
  Bytes rawRow(int64_t n) const;
  ElementType type() const { return view ? view->type : ElementType::F32; }
  /// Row n as f32, [in].
  Status row(int64_t n, llvm::MutableArrayRef<float> out);

private:
  std::string name;
  std::optional<RandomWeight> random;
  std::optional<TensorView> view;
  int64_t rows = 0, columns = 0;         // after the transforms
  int64_t firstRow = 0, firstColumn = 0; // in the file
  bool transposed = false, wholeRows = true;
};

} // namespace heed
