//===- BenchInputs.h - What heed bench runs a model on --------------------===//
#pragma once

#include "ir/Attn.h"
#include "runtime/step/Ragged.h"
#include "runtime/support/Result.h"

#include <map>
#include <string>
#include <vector>

namespace heed {

struct BenchInputs {
  std::map<std::string, int64_t> sizes;     // of open axes, by name
  static constexpr int64_t otherwise = 512; // of others; as OUT bench
  /// Integer inputs out of files, by name.
  std::map<std::string, std::vector<int64_t>> tables;
  /// Of a model of tokens: the rows of each sequence.
  std::vector<RaggedPiece> pieces;

  /// The size of a tensor's axis; 1 where it has none of that name.
  double sizeOf(mlir::Value tensor, llvm::StringRef axis) const;
  double elementsOf(mlir::Value tensor) const;

private:
  double sizeOf(mlir::StringAttr axis, int64_t size) const;
};

/// What is timed of a model: calls of its entry, one after the other.
struct BenchCase {
  std::string name; // "decode after 512 tokens", as OUT bench has it
  std::vector<BenchInputs> calls;
};

/// Of "NAME=N" words. Errors: another form, an axis that the model lacks.
Result<BenchInputs> inputsOfSizes(const std::vector<std::string> &words,
                                  mlir::ModuleOp module);

/// Of "NAME=FILE.npy" words: sizes, and the values of integer inputs. Errors:
/// another form, an input that the model lacks, those of the file, axes of
/// other sizes.
Result<BenchInputs> inputsOfFiles(const std::vector<std::string> &words,
                                  mlir::ModuleOp module);

/// What OUT bench times of a model of tokens: a prompt of `prompt` tokens and
/// one token behind it; an encoder's sentences. Cut into calls as the runtime
/// cuts them.
std::vector<BenchCase> casesOfTokens(const ModelInfo &info, int64_t prompt);

} // namespace heed
