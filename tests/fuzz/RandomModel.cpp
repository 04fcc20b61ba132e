//===- RandomModel.cpp - Model files by chance, and smaller ones ----------===//
#include "tests/fuzz/RandomModel.h"

#include <functional>
#include <random>

using namespace heed::fuzz;

namespace {

/// Not the distributions of <random>: they differ between libraries.
struct Dice {
  std::mt19937_64 random;

  int64_t between(int64_t lo, int64_t hi) {
    return lo + int64_t(random() % uint64_t(hi - lo + 1));
  }
  bool once(int64_t in) { return between(1, in) == 1; }
  template <typename T> T pick(std::initializer_list<T> from) {
    return *(from.begin() + between(0, int64_t(from.size()) - 1));
  }
};

std::string number(int64_t n) { return std::to_string(n); }

/// Every kind of mask: causal, windows, sinks, prefixes, dilated, blocks, both
/// ways, per head, rows that see nothing.
std::string randomMask(Dice &dice) {
  std::string w = number(dice.between(1, 6)), s = number(dice.between(1, 3)),
              b = number(dice.between(2, 4));
  return dice.pick<std::string>({
      "all",
      "kv <= q",
      "kv <= q",
      "kv < q",
      "kv <= q and q - kv < " + w,
      "kv <= q and (q - kv < " + w + " or kv < " + s + ")",
      "kv <= q or kv < " + w,
      "kv <= q and (q - kv) mod " + b + " == 0",
      "q floordiv " + b + " == kv floordiv " + b,
      "kv <= q and q floordiv " + b + " - kv floordiv " + b + " < 2",
      "q - kv < " + w + " and kv - q < " + s,
      "kv <= q and q - kv <= " + s + " * h + 1",
      "kv <= q and not (kv == " + s + ")",
      "kv <= q and (h == 0 or q - kv < " + w + ")",
  });
}

std::string randomScore(Dice &dice) {
  return dice.pick<std::string>({
      "softcap(s, 3)",
      "s - slope[h] * (q - kv)",
      "s + 0.5 * s",
      "max(s, 0.25) - min(s, 2)",
      "s - 0.125 * ((q - kv) mod 3)",
      "softcap(s - slope[h] * (q - kv), 5)",
      "s + tanh(s) * exp(0 - abs(s))",
  });
}

} // namespace

RandomModel RandomModel::make(uint64_t seed) {
  Dice dice{std::mt19937_64(seed)};
  RandomModel m;
  m.seed = seed;
  m.kind = dice.pick(
      {Attention, Attention, Block, Block, Encoder, Decoder, Decoder});
  m.batch = m.kind <= Block && dice.once(3) ? dice.between(1, 3) : 0;
  m.kvHeads = dice.between(1, 3);
  m.heads = m.kvHeads * dice.between(1, 3);
  m.head = dice.pick<int64_t>({2, 4, 6, 8, 12, 16, 20, 32});
  m.model = dice.pick<int64_t>({4, 8, 10, 16, 24, 40, 64});
  m.ffn = dice.pick<int64_t>({4, 12, 16, 33, 48, 80});
  m.layers = dice.between(1, 3);
  m.vocab = dice.between(3, 40);
  m.headsLast = dice.once(2);
  m.mask = randomMask(dice);
  if (dice.once(3))
    m.score = randomScore(dice);
  m.sinks = dice.once(5);
  m.ropeDims = dice.pick<int64_t>({0, m.head, m.head, 2});
  m.adjacent = dice.once(2);
  m.mlp = dice.pick({NoMlp, PlainMlp, GatedMlp});
  m.activation = dice.pick<std::string>({"relu", "silu", "gelu", "gelu_tanh",
                                         "quick_gelu", "relu_squared", "tanh"});
  m.norm = !dice.once(4);
  m.layerNorm = dice.once(2);
  m.normAfter = dice.once(4);
  m.bias = dice.once(3);
  m.headNorm = dice.once(5);
  m.positions = dice.once(3);
  m.parallel = dice.once(5);
  m.fixed = dice.once(4) ? dice.between(1, 40) : 0;
  return m;
}

//===----------------------------------------------------------------------===//
// The model file
//===----------------------------------------------------------------------===//

/// The pipeline of q, k or v within a layer.
std::string RandomModel::branch(char which) const {
  std::string name(1, which), out = "[{linear: \"l{i}." + name + "\"";
  if (bias)
    out += ", bias: \"l{i}." + name + "_bias\"";
  out += std::string(", heads: ") + (which == 'q' ? "heads" : "kv_heads") + "}";
  if (which != 'v') {
    if (headNorm)
      out += ", {rms_norm: {weight: \"l{i}." + name + "_norm\", eps: 1e-5}}";
    if (ropeDims)
      out += ", {rope: {theta: 1000, pairs: " +
             std::string(adjacent ? "adjacent" : "halves") +
             ", dims: " + number(ropeDims) + "}}";
  }
  return out + "]";
}

std::string RandomModel::attention() const {
  std::string inside;
  if (kind == Attention)
    inside = "q: q, k: k, v: v";
  else
    inside = "q: " + branch('q') + ", k: " + branch('k') +
             ", v: " + branch('v') +
             ", out: [{linear: \"l{i}.out\", out: model" +
             (bias ? ", bias: \"l{i}.out_bias\"" : "") + "}]";
  // A decoder keeps keys and values, so it may not look ahead.
  inside += ", mask: \"" +
            (kind == Decoder && mask != "kv <= q" ? "kv <= q and (" + mask + ")"
                                                  : mask) +
            "\"";
  if (!score.empty())
    inside += ", score: \"" + score + "\"";
  if (sinks)
    inside += kind == Attention ? ", sinks: sinks" : ", sinks: \"l{i}.sinks\"";
  return "attention: {" + inside + "}";
}

/// One layer: attention and mlp, each with a norm and around it a residual.
std::string RandomModel::blocks() const {
  auto normStep = [&](const std::string &name) {
    std::string weights = "weight: \"l{i}." + name + "\"";
    if (layerNorm && bias)
      weights += ", bias: \"l{i}." + name + "_bias\"";
    return std::string(layerNorm ? "layer_norm" : "rms_norm") + ": {" +
           weights + ", eps: 1e-5}";
  };
  std::string feed;
  if (mlp == PlainMlp)
    feed = "mlp: {up: " +
           std::string(bias ? "{weight: \"l{i}.up\", bias: \"l{i}.up_bias\"}"
                            : "\"l{i}.up\"") +
           ", down: \"l{i}.down\", hidden: ffn, activation: " + activation +
           "}";
  else if (mlp == GatedMlp)
    feed = "gated_mlp: {gate: \"l{i}.gate\", up: \"l{i}.up\", down: "
           "\"l{i}.down\", hidden: ffn, activation: " +
           activation + "}";

  std::string out = "blocks:\n  layer:\n";
  auto residual = [&](const std::string &normName,
                      const std::vector<std::string> &steps) {
    out += "    - residual:\n";
    if (norm && !normAfter)
      out += "        - " + normStep(normName) + "\n";
    for (const std::string &step : steps)
      out += "        - " + step + "\n";
    if (norm && normAfter)
      out += "    - " + normStep(normName) + "\n";
  };
  if (parallel && !feed.empty()) {
    residual("norm", {"add: [[{" + attention() + "}], [{" + feed + "}]]"});
    return out;
  }
  residual("attention_norm", {attention()});
  if (!feed.empty())
    residual("ffn_norm", {feed});
  return out;
}

std::string RandomModel::yaml() const {
  std::string out = "model: random-" + std::to_string(seed) +
                    "\nweights: random(" + std::to_string(seed) + ")\n";
  std::string dims = "heads: " + number(heads) +
                     ", kv_heads: " + number(kvHeads) +
                     ", head: " + number(head);
  if (batch)
    dims = "batch: " + number(batch) + ", " + dims;
  std::string let = score.find("slope") == std::string::npos
                        ? ""
                        : "let:\n  slope: {weight: slope, shape: [heads]}\n";
  std::string lead = batch ? "batch, " : "";
  std::string length = fixed ? number(fixed) : "any";
  if (kind == Attention) {
    auto axes = [&](const std::string &sequence, const std::string &heads) {
      return "f32[" + lead +
             (headsLast ? sequence + ", " + heads : heads + ", " + sequence) +
             ", head]";
    };
    return out + "dims: {" + dims + ", q: " + length + ", kv: " + length +
           "}\n" + let + "inputs:\n  q: " + axes("q", "heads") +
           "\n  k: " + axes("kv", "kv_heads") +
           "\n  v: " + axes("kv", "kv_heads") + "\noutputs:\n  out:\n    - " +
           attention() + "\n";
  }
  bool hasTokens = kind != Block;
  dims += ", model: " + number(model) + ", ffn: " + number(ffn) +
          ", layers: " + number(layers);
  dims += hasTokens ? ", vocab: " + number(vocab) : ", token: " + length;
  if (hasTokens)
    out += "context: 64\n";
  out += "dims: {" + dims + "}\n" + let + blocks();
  std::string stack = "- repeat: {block: layer, times: layers}\n";
  if (kind == Block)
    return out + "inputs:\n  x: f32[" + lead +
           "token, model]\noutputs:\n  out:\n    - x\n    " + stack;
  out += kind == Decoder ? "decoder:\n" : "encoder:\n";
  out += "  - embed: embed\n";
  if (positions)
    out += "  - positions: positions\n";
  out += "  " + stack;
  return out + (kind == Decoder ? "  - logits: embed\n"
                                : "  - pool: mean\n  - l2_normalize\n");
}

//===----------------------------------------------------------------------===//
// Smaller models
//===----------------------------------------------------------------------===//

std::vector<RandomModel> RandomModel::smaller() const {
  std::vector<RandomModel> models;
  auto with = [&](auto RandomModel::*knob, auto value) {
    RandomModel less = *this;
    less.*knob = value;
    if (!(less.*knob == this->*knob) && less.heads % less.kvHeads == 0 &&
        less.ropeDims <= less.head)
      models.push_back(less);
  };
  if (kind == Encoder || kind == Decoder)
    with(&RandomModel::kind, Block);
  if (kind == Block)
    with(&RandomModel::kind, Attention);
  with(&RandomModel::layers, int64_t(1));
  with(&RandomModel::mlp, NoMlp);
  with(&RandomModel::norm, false);
  with(&RandomModel::score, std::string());
  with(&RandomModel::mask, std::string("all"));
  if (mask != "all")
    with(&RandomModel::mask, std::string("kv <= q"));
  with(&RandomModel::sinks, false);
  with(&RandomModel::ropeDims, int64_t(0));
  if (ropeDims > 2)
    with(&RandomModel::ropeDims, int64_t(2));
  with(&RandomModel::bias, false);
  with(&RandomModel::headNorm, false);
  with(&RandomModel::positions, false);
  with(&RandomModel::parallel, false);
  with(&RandomModel::normAfter, false);
  with(&RandomModel::layerNorm, false);
  with(&RandomModel::adjacent, false);
  with(&RandomModel::headsLast, false);
  with(&RandomModel::batch, int64_t(0));
  with(&RandomModel::fixed, int64_t(0));
  with(&RandomModel::kvHeads, int64_t(1));
  with(&RandomModel::heads, kvHeads);
  with(&RandomModel::head, int64_t(2));
  with(&RandomModel::model, int64_t(4));
  with(&RandomModel::ffn, int64_t(4));
  with(&RandomModel::vocab, int64_t(3));
  with(&RandomModel::activation, std::string("relu"));
  return models;
}
