//===- InputFiles.h - Input tensors from numpy files ----------------------===//
#pragma once

#include "runtime/formats/Npy.h"
#include "runtime/main/NamedFiles.h"
#include "runtime/step/Session.h"

namespace heed {

/// Inputs of a model of plain tensors, read from files, in the types that the
/// model takes.
class InputFiles {
public:
  /// An input that the model does not have is kept without data:
  /// Session::run names those that there are. Errors: those of a file, elements
  /// of a type that the model does not take.
  static Result<InputFiles> read(const ModelInfo &info,
                                 const std::vector<NamedFile> &files);

  std::span<const TensorRef> tensors() const { return refs; }

private:
  struct Array {
    Npy file;
    // Copies where the type differs or the elements are not aligned.
    std::vector<float> floats;
    std::vector<uint16_t> halves; // bf16
    std::vector<int32_t> small;
    std::vector<int64_t> large;
  };
  static Result<Array> readArray(const NamedFile &named, ElementType wanted);

  std::vector<Array> arrays;
  std::vector<TensorRef> refs;
};

} // namespace heed
