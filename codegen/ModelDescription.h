//===- ModelDescription.h - What the runtime must know, from the IR -------===//
#pragma once

#include "ir/Attn.h"
#include "runtime/model/ModelInfo.h"

namespace heed {

/// Reads names, arguments, caches and the kind of a model from its scheduled
/// stage. The arena and scratch are not known yet: addMemoryPlan completes them
/// from the tiled stage.
ModelInfo describeModel(mlir::ModuleOp scheduled);
/// `scheduled` gives the arena's classes (with what callees add), `tiled` the
/// dynamic axes and the scratch.
void addMemoryPlan(ModelInfo &info, mlir::ModuleOp scheduled,
                   mlir::ModuleOp tiled);
/// Room for another target's code of the same model: its tiles may need more
/// scratch.
void addTarget(ModelInfo &info, const ModelInfo &other);

} // namespace heed
