//===- PackWeights.h - Weights from their files into the one layout -------===//
#pragma once

#include "ir/Attn.h"
#include "runtime/support/Result.h"

#include <functional>
#include <span>
#include <string>

namespace heed {

class WeightSource;

/// Gives every attn.declare its place (`attn.offset`, bytes from the start of
/// the packed weights, multiples of 64) and returns the total size.
int64_t placeWeights(mlir::ModuleOp module);

/// Looks at every number, or scale, of the tensors that are declared. Errors:
/// one that is not finite, with its place in the file's tensor.
Status checkWeights(mlir::ModuleOp module, const WeightSource &source);

/// Where the packed bytes go; called front to back.
using PackSink = std::function<Status(std::span<const uint8_t>)>;
/// Told the bytes done and the bytes in all, for progress.
using PackProgress = std::function<void(int64_t done, int64_t total)>;

/// Streams all declared weights, in the order of their places. `source` may be
/// null for models of random weights. Memory: one panel of 16 outputs at a
/// time. What lies in it is as checkWeights found it.
Status packWeights(mlir::ModuleOp module, const WeightSource *source,
                   const PackSink &sink, const PackProgress &progress);

} // namespace heed
