//===- RandomModel.h - Model files by chance, and smaller ones ------------===//
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace heed::fuzz {

/// A model of the model language, as its choices. Weights are random(seed), so
/// a seed is all there is to know.
struct RandomModel {
  enum Kind {
    Attention, // plain tensors: q, k, v
    Block,     // plain tensors: layers on x
    Encoder,   // tokens, pooled
    Decoder,   // tokens, logits, a cache
  };
  enum Mlp { NoMlp, PlainMlp, GatedMlp };

  uint64_t seed = 0;
  Kind kind = Attention;
  int64_t batch = 0; // 0: no such axis
  int64_t fixed = 0; // positions of plain tensors; 0: known when it runs
  int64_t heads = 1, kvHeads = 1, head = 4;
  int64_t model = 8, ffn = 8, layers = 1, vocab = 7;
  bool headsLast =
      false; // [.., q, heads, head] instead of [.., heads, q, head]
  std::string mask = "all", score; // as the model file writes them
  bool sinks = false;
  int64_t ropeDims = 0; // 0: none
  bool adjacent = false;
  Mlp mlp = NoMlp;
  std::string activation = "gelu";
  bool norm = false, layerNorm = false, normAfter = false;
  bool bias = false, headNorm = false, positions = false, parallel = false;

  /// The same model for the same seed, everywhere.
  static RandomModel make(uint64_t seed);

  std::string yaml() const;
  /// Models with one thing less, those that shrink most first.
  std::vector<RandomModel> smaller() const;

private:
  std::string attention() const;
  std::string branch(char which) const;
  std::string blocks() const;
};

} // namespace heed::fuzz
