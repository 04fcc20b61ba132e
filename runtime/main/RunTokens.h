//===- RunTokens.h - Arrays of token ids through a model ------------------===//
#pragma once

#include "runtime/main/NamedFiles.h"
#include "runtime/step/Session.h"

namespace heed {

/// What `run --ids` was given; the optional arrays are empty or of the shape of
/// the ids.
struct TokenArrays {
  IdArray ids;
  std::vector<int64_t> mask, types;
};

/// Errors: those of the files, shapes that differ, a mask of other than 0 and
/// 1, with a hole, or allowing nothing in a row.
Result<TokenArrays> readTokenArrays(const std::string &ids,
                                    const std::string *mask,
                                    const std::string *types);

/// An output for all sequences: [batch, n, …], or [batch, …] where the model
/// gives one row for a sequence. Padding has zeros.
struct BatchOutput {
  const ArgInfo *info = nullptr;
  std::vector<int64_t> shape;
  std::vector<float> values;
};

/// Runs all sequences through the ragged step, padding left out, and puts the
/// rows of `names` where the ids stood. Errors: those of the step, an output
/// that is not there or not f32.
Result<std::vector<BatchOutput>>
runTokens(Model &model, const TokenArrays &arrays,
          const std::vector<std::string> &names);

} // namespace heed
