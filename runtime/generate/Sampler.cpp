//===- Sampler.cpp - From logits to a token -------------------------------===//
#include "runtime/generate/Sampler.h"

#include <algorithm>
#include <cmath>

using namespace heed;

/// In [0, 1): SplitMix64 (Steele, Lea, Flood 2014, "Fast splittable
/// pseudorandom number generators").
double Sampler::uniform() {
  uint64_t bits = state += 0x9e3779b97f4a7c15;
  bits = (bits ^ bits >> 30) * 0xbf58476d1ce4e5b9;
  bits = (bits ^ bits >> 27) * 0x94d049bb133111eb;
  bits ^= bits >> 31;
  return static_cast<double>(bits >> 11) * 0x1p-53;
}

void Sampler::penalise(std::span<float> of,
                       std::span<const int32_t> history) const {
  std::vector<bool> done(of.size());
  float penalty = static_cast<float>(options.repeatPenalty);
  for (int32_t id : history) {
    if (id < 0 || static_cast<size_t>(id) >= of.size() || done[id])
      continue;
    done[id] = true;
    of[id] = of[id] > 0 ? of[id] / penalty : of[id] * penalty;
  }
}

/// The first of the largest, -1 where all are NaN. Lane by lane: one chain of
/// comparisons over a vocabulary takes as long as a layer.
static int32_t likeliest(std::span<const float> logits) {
  constexpr size_t lanes = 16;
  float largest[lanes];
  std::fill(largest, largest + lanes, -INFINITY);
  for (size_t i = 0; i + lanes <= logits.size(); i += lanes)
    for (size_t lane = 0; lane < lanes; ++lane)
      largest[lane] =
          logits[i + lane] > largest[lane] ? logits[i + lane] : largest[lane];
  for (size_t i = logits.size() / lanes * lanes; i < logits.size(); ++i)
    largest[0] = logits[i] > largest[0] ? logits[i] : largest[0];
  float most = *std::max_element(largest, largest + lanes);
  auto at = std::find(logits.begin(), logits.end(), most);
  return at == logits.end() ? -1 : static_cast<int32_t>(at - logits.begin());
}

int32_t Sampler::next(std::span<const float> logits,
                      std::span<const int32_t> history) {
  if (options.repeatPenalty != 1) {
    scores.assign(logits.begin(), logits.end());
    penalise(scores, history);
    logits = scores;
  }
  int32_t best = likeliest(logits);
  if (best < 0 || options.temperature == 0 || !std::isfinite(logits[best]))
    return best;

  candidates.clear();
  for (size_t i = 0; i < logits.size(); ++i)
    if (!std::isnan(logits[i]))
      candidates.push_back({logits[i], static_cast<int32_t>(i)});
  if (options.topK != 0 && options.topK < candidates.size()) {
    auto more = [](const Candidate &a, const Candidate &b) {
      return less(b, a);
    };
    std::nth_element(candidates.begin(), candidates.begin() + options.topK,
                     candidates.end(), more);
    candidates.resize(options.topK);
  }
  return draw(logits[best]);
}

/// Draws among the candidates; `best` is the largest logit.
int32_t Sampler::draw(float best) {
  auto weight = [&](const Candidate &of) {
    return std::exp((double(of.logit) - best) / options.temperature);
  };
  if (options.minP > 0)
    std::erase_if(candidates, [&](const Candidate &of) {
      return weight(of) < options.minP;
    });
  weights.clear();
  double total = 0;
  for (const Candidate &of : candidates)
    total += weights.emplace_back(weight(of));
  if (options.topP < 1) {
    // A heap gives the likeliest in order without sorting the rest.
    double wanted = options.topP * total;
    auto end = candidates.end();
    std::make_heap(candidates.begin(), end, less);
    weights.clear();
    total = 0;
    while (end != candidates.begin() && (weights.empty() || total < wanted)) {
      std::pop_heap(candidates.begin(), end--, less);
      total += weights.emplace_back(weight(*end));
    }
    std::reverse(end, candidates.end());
    candidates.erase(candidates.begin(), end);
  }
  double at = uniform() * total;
  for (size_t i = 0; i < candidates.size(); ++i)
    if ((at -= weights[i]) < 0)
      return candidates[i].id;
  return candidates.back().id;
}
