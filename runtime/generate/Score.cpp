//===- Score.cpp - How likely a text is to a model ------------------------===//
#include "runtime/generate/Score.h"
#include "runtime/support/Text.h"

#include <algorithm>
#include <cmath>
#include <numeric>

using namespace heed;

double Score::perplexity() const {
  return std::exp(loss / static_cast<double>(scored));
}

/// ln(sum of exp(l)) - l[id], in f64.
static double lossOf(std::span<const float> logits, int32_t id) {
  double most = *std::max_element(logits.begin(), logits.end()), sum = 0;
  for (float logit : logits)
    sum += std::exp(logit - most);
  return std::log(sum) + most - logits[id];
}

Result<Score> heed::score(Session &session, std::span<const int32_t> ids,
                          uint32_t window, const GenerateCalls &calls) {
  // Rows before the last of these see tokens that they would have to predict.
  size_t unscored = session.model().info().firstCall;
  if (ids.size() <= unscored)
    return Error{
        unscored == 1
            ? "there is nothing to score: the text has fewer than two tokens"
            : concat("there is nothing to score: the text has ", ids.size(),
                     " tokens, and the first ", unscored,
                     " see each other in this model")};
  // Logits of all rows of a call at once: few rows keep that small.
  size_t chunk = std::min<size_t>(session.model().info().chunk, 128);
  Score result;
  std::vector<int32_t> positions, sequences, wanted;
  for (size_t first = 0; first + 1 < ids.size(); first += window) {
    std::span<const int32_t> inside =
        ids.subspan(first, std::min<size_t>(window, ids.size() - first));
    if (inside.size() <= unscored)
      break;
    for (size_t at = 0, rows; at + 1 < inside.size(); at += rows) {
      // The last token of a window is only predicted, never read.
      rows = std::min(at == 0 ? std::max(chunk, unscored) : chunk,
                      inside.size() - 1 - at);
      size_t skipped = at == 0 ? unscored - 1 : 0;
      positions.resize(rows);
      wanted.resize(rows - skipped);
      std::iota(positions.begin(), positions.end(), static_cast<int32_t>(at));
      std::iota(wanted.begin(), wanted.end(), static_cast<int32_t>(skipped));
      sequences.assign(rows, 0);
      if (Status done = session.step(
              {inside.subspan(at, rows), positions, sequences, {}, wanted});
          !done)
        return done.error();
      OutputRef logits = session.output("logits");
      for (size_t i = 0; i < wanted.size(); ++i)
        result.loss += lossOf({logits.row(static_cast<int64_t>(i)),
                               static_cast<size_t>(logits.shape[1])},
                              inside[at + wanted[i] + 1]);
      result.scored += wanted.size();
      if (calls.progress)
        calls.progress(first + at + rows, ids.size());
      if (calls.interrupted && *calls.interrupted) {
        result.interrupted = true;
        return result;
      }
    }
  }
  if (!std::isfinite(result.loss))
    return Error{"the model's logits are not numbers; run check"};
  return result;
}
