//===- Sampler.h - From logits to a token ---------------------------------===//
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace heed {

struct SamplerOptions {
  double temperature = 0;   // 0: greedy, always the largest logit
  uint32_t topK = 0;        // only the k likeliest; 0: all
  double topP = 1;          // only the likeliest that make up p together
  double minP = 0;          // only those at least p times as likely as the best
  double repeatPenalty = 1; // over 1: tokens seen before become less likely
  uint64_t seed = 0;
};

/// Draws tokens. Equal options, logits and history give equal tokens on every
/// machine with this libm. In order: repetition penalty (Keskar et al. 2019,
/// arXiv 1909.05858), temperature, top-k, top-p (Holtzman et al. 2019, arXiv
/// 1904.09751), min-p (Nguyen et al. 2024, arXiv 2407.01082).
class Sampler {
public:
  explicit Sampler(const SamplerOptions &options)
      : options(options), state(options.seed) {}

  /// The next token, or -1 when no logit is a number. `history` is what the
  /// repetition penalty looks at.
  int32_t next(std::span<const float> logits, std::span<const int32_t> history);

private:
  struct Candidate {
    float logit;
    int32_t id;
  };
  static bool less(const Candidate &a, const Candidate &b) {
    return a.logit != b.logit ? a.logit < b.logit : a.id > b.id;
  }
  void penalise(std::span<float> scores,
                std::span<const int32_t> history) const;
  int32_t draw(float best);
  double uniform();

  SamplerOptions options;
  uint64_t state;
  std::vector<float> scores;
  std::vector<Candidate> candidates;
  std::vector<double> weights;
};

} // namespace heed
