//===- Inputs.h - Arguments for a function: random, or from files ---------===//
#pragma once

#include "tests/oracle/State.h"

#include <map>
#include <random>

namespace heed::oracle {

struct InputOptions {
  uint64_t seed = 1;
  /// Sizes of dynamic axes, and values of the named integers of masks.
  llvm::StringMap<int64_t> sizes;
  /// (past, rows) of each sequence of a ragged axis.
  std::map<std::string, std::vector<std::pair<int64_t, int64_t>>> rows;
  /// .npy files by argument name.
  std::map<std::string, std::string> files;
};

/// The name of an argument: its `attn.name`, else arg0, arg1, …
std::string argumentName(mlir::func::FuncOp function, unsigned i);
/// The same for a result: result0, result1, …
std::string resultName(mlir::func::FuncOp function, unsigned i);

/// Makes the arguments of a call. What the options leave open is drawn by the
/// seed: sizes of dynamic axes from 1 to 9, one to three sequences, past only
/// where there is a cache; ids within their table, f32 with variance 1. Caches
/// hold what came before these rows. With `tokens` from a file [n] or [batch,
/// n] each row of the file is a sequence without a past, and all rows are
/// wanted.
class Inputs {
public:
  Inputs(mlir::func::FuncOp function, const InputOptions &options);

  /// Fails after a diagnostic: a file that does not fit its argument.
  llvm::FailureOr<std::vector<Datum>> make();

private:
  struct Array {
    std::vector<int64_t> shape;
    std::vector<double> values;
  };

  llvm::LogicalResult readFiles();
  llvm::LogicalResult noteSizes(unsigned i, const Array &array);
  void drawRows();
  const Rows *rowsOf(llvm::StringRef axis) const;
  int64_t sizeOf(llvm::StringRef axis);
  llvm::FailureOr<Datum> tensor(unsigned i);
  Datum cache(unsigned i);
  int64_t between(int64_t lo, int64_t hi);
  double real();

  mlir::func::FuncOp function;
  const InputOptions &options;
  std::mt19937_64 random;
  std::map<unsigned, Array> given;
  llvm::StringMap<int64_t> sizes;
  std::map<std::string, std::shared_ptr<const Rows>> ragged;
  bool allWanted = false;
};

} // namespace heed::oracle
