//===- Npy.h - numpy arrays in files --------------------------------------===//
//
// The .npy format, versions 1 to 3: magic, version, header length, a Python
// dictionary with descr, fortran_order and shape, the elements.
//
// Source: numpy.lib.format in numpy's documentation.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "runtime/formats/TensorView.h"

namespace heed {

/// An array read from a file: f32, f64, i32, i64 or bool, little-endian, C
/// order.
class Npy {
public:
  /// Errors: those of the file, another element type or byte order, Fortran
  /// order, more or fewer bytes than the shape takes.
  static Result<Npy> open(const std::string &path);
  /// Reads bytes that the caller keeps alive; `label` stands for the file's
  /// name in messages.
  static Result<Npy> parse(Bytes bytes, const std::string &label);

  /// Named as the file; bytes may start at any alignment.
  const TensorView &view() const { return tensor; }
  ElementType type() const { return tensor.type; }
  const std::vector<int64_t> &shape() const { return tensor.shape; }

  /// The elements of an integer or bool array.
  Result<std::vector<int64_t>> integers() const;
  /// The elements of a floating-point array, f64 rounded to f32.
  Result<std::vector<float>> floats() const;

private:
  std::optional<MappedFile> file;
  TensorView tensor;
};

/// Writes row-major elements as a version 1 file, whole or not at all
/// (AtomicFile.h). Errors: those of writing, and a shape that does not have as
/// many elements as are given.
Status writeNpy(const std::string &path, std::span<const int64_t> shape,
                std::span<const float> elements);
Status writeNpy(const std::string &path, std::span<const int64_t> shape,
                std::span<const int32_t> elements);
Status writeNpy(const std::string &path, std::span<const int64_t> shape,
                std::span<const int64_t> elements);

} // namespace heed
