//===- Session.h - Calls of a model, and the cache between them -----------===//
#pragma once

#include "runtime/step/Model.h"
#include "runtime/step/Ragged.h"
#include "runtime/step/Region.h"

namespace heed {

/// A tensor of the caller's, row-major.
struct TensorRef {
  std::string_view name;
  ElementType type;
  std::span<const int64_t> shape;
  const void *data;
};

/// An output of the last call; good until the next.
struct OutputRef {
  const ArgInfo *info = nullptr;
  std::vector<int64_t> shape;
  const void *data = nullptr;

  /// Elements of one row (all axes but the first).
  int64_t rowElements() const;
  /// Row i of an output of type f32.
  const float *row(int64_t i) const {
    return static_cast<const float *>(data) + i * rowElements();
  }
};

/// One user of a model: cache slots and work memory of its own. Memory grows
/// with the largest call so far and, for the cache, with the tokens held.
class Session {
public:
  /// `slots` sequences can be held at once. Errors, faults of the machine: no
  /// memory.
  static Result<std::unique_ptr<Session>> create(Model &model,
                                                 unsigned slots = 1);

  /// Runs rows of a model of tokens. Afterwards output() has a row for each
  /// wanted row (or for each sequence, or each row, as the output's first axis
  /// says), in the order of the input. After an error the slots hold what they
  /// held, up to the first position of the failed step.
  Status step(const StepInput &input);

  /// Runs a model of plain tensors. Errors: an input that is missing, unknown,
  /// of another type or shape; one axis name with two sizes.
  Status run(std::span<const TensorRef> inputs);

  /// The output of that name; its info is null if there is none.
  OutputRef output(std::string_view name) const;

  /// Floating-point operations of the last call of the entry, by
  /// ModelInfo::cost; 0 where that is unknown.
  double lastCost() const;

  /// Tokens held in a slot.
  uint32_t length(unsigned slot) const { return lengths[slot]; }
  /// Forgets what slot `slot` holds behind its first `length` tokens; all,
  /// where nothing could go on from so few (ModelInfo::firstCall).
  void truncate(unsigned slot, uint32_t length) {
    if (length < lengths[slot])
      lengths[slot] = length < owner.info().firstCall ? 0 : length;
  }
  unsigned slots() const { return static_cast<unsigned>(lengths.size()); }
  /// For tests of the promise that threads change no bit: at most the model's.
  void useThreads(unsigned count) { threadCount = count; }
  Model &model() const { return owner; }

private:
  Session(Model &owner, unsigned slots)
      : owner(owner), lengths(slots), arena(Region::Dense),
        cache(Region::Sparse) {}
  void layOutArguments();
  int64_t sizeOf(const AxisInfo &axis) const;
  Status invoke();
  Status reserveOutput(size_t index, int64_t leading);

  struct Output {
    const ArgInfo *info;
    Region memory{Region::Dense};
    std::vector<int64_t> shape;
    size_t slot; // in memrefs
  };

  Model &owner;
  std::vector<uint32_t> lengths; // of each slot
  Region arena, cache;
  unsigned threadCount = 0;
  int64_t threadsNow = 1;

  std::vector<int64_t> sizes; // of ModelInfo::axes
  std::vector<Output> outputs;
  /// What args point to: weights, arena, sizes, sync, then every argument's
  /// slots in order.
  std::vector<heed_memref> memrefs;
  std::vector<int64_t> threadIndex;
  std::vector<std::vector<void *>> args; // of each thread
  std::vector<int64_t> starts, past, slotOfPiece;
  std::vector<int32_t> sequenceOfRow, wantedRows, zeroTypes;
};

} // namespace heed
