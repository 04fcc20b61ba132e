//===- ScheduleFile.h - Schedules by the name of an op --------------------===//
//
// A schedule file is one dictionary attribute in MLIR's syntax (comments too):
//
//   { "layer.attention.0" = #attn.attention_schedule<…>,
//     "layer.linear.1" = #attn.linear_schedule<…> }
//
// An op's name is its function, its kind, and its number among that function's
// ops of the kind.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "ir/Attn.h"

#include "mlir/IR/BuiltinOps.h"
#include "llvm/ADT/StringMap.h"

namespace heed {

/// Calls `visit(op, name)` for each op that has a schedule, in the module's
/// order.
void forEachScheduled(
    mlir::ModuleOp module,
    llvm::function_ref<void(mlir::Operation *, llvm::StringRef)> visit);

/// What a schedule file says, and where.
struct ScheduleFile {
  mlir::DictionaryAttr schedules;
  llvm::StringMap<mlir::Location> places; // of the names

  mlir::Location placeOf(llvm::StringRef name) const;
};

/// Reads the file; what is wrong with it is emitted as an error at its line.
mlir::FailureOr<ScheduleFile> readScheduleFile(mlir::MLIRContext *context,
                                               llvm::StringRef path);

/// The schedules of all ops of a module, as a file.
void writeScheduleFile(mlir::ModuleOp module, llvm::raw_ostream &os);

} // namespace heed
