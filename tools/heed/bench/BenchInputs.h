//===- BenchInputs.h - What heed bench runs a model on --------------------===//
#pragma once

#include "ir/Attn.h"
#include "runtime/support/Result.h"

#include <map>
#include <string>
#include <vector>

namespace heed {

struct BenchInputs {
  std::map<std::string, int64_t> sizes; // of open axes, by name
  /// Integer inputs out of files, by name.
  std::map<std::string, std::vector<int64_t>> tables;
};

/// Of "NAME=N" words. Errors: another form, an axis that the model lacks.
Result<BenchInputs> inputsOfSizes(const std::vector<std::string> &words,
                                  mlir::ModuleOp module);

/// Of "NAME=FILE.npy" words: sizes, and the values of integer inputs. Errors:
/// another form, an input that the model lacks, those of the file, axes of
/// other sizes.
Result<BenchInputs> inputsOfFiles(const std::vector<std::string> &words,
                                  mlir::ModuleOp module);

} // namespace heed
