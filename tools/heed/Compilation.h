//===- Compilation.h - One model on its way through the stages ------------===//
#pragma once

#include "ir/Attn.h"
#include "runtime/model/ModelInfo.h"
#include "tools/heed/Options.h"

#include "mlir/IR/MLIRContext.h"
#include "mlir/IR/OwningOpRef.h"

namespace heed {

enum class Stage { Model, Fused, Scheduled, Tiled, Vector, Llvm };

/// Runs the stages in order and keeps what later steps need. Every failure has
/// been printed when it returns.
class Compilation {
public:
  /// For one of the targets that the options name.
  Compilation(const Options &options, std::string target);
  explicit Compilation(const Options &options)
      : Compilation(options, options.target) {}

  /// Reads the model file. Prints all of its errors.
  bool import();
  /// Goes on to a stage.
  bool runTo(Stage stage);

  mlir::ModuleOp module() { return *ir; }
  /// What the runtime must know; complete after Stage::Tiled.
  const ModelInfo &info() const { return description; }
  attn::TargetAttr target() const { return machine; }
  mlir::MLIRContext &context() { return mlirContext; }
  int64_t weightBytes() const { return packedWeights; }

private:
  bool step(Stage stage);

  const Options &options;
  std::string targetName;
  mlir::MLIRContext mlirContext;
  mlir::OwningOpRef<mlir::ModuleOp> ir;
  attn::TargetAttr machine;
  ModelInfo description;
  Stage at = Stage::Model;
  int64_t packedWeights = 0;
};

} // namespace heed
