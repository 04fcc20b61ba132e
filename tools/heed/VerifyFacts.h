//===- VerifyFacts.h - What is proved of a model --------------------------===//
#pragma once

#include "passes/ModelFlow.h"
#include "passes/masks/CacheCapacity.h"
#include "passes/masks/RowCoverage.h"
#include "passes/masks/TileBounds.h"

namespace heed {

/// One line of what `heed verify` says.
struct Fact {
  enum Verdict {
    Proved,
    Fails,
    NotProved,
    Tested, ///< by brute force, not proved
    Found   ///< no matter of true and false: a formula, a receptive field
  };
  std::string subject; ///< `logits`, `layer 0-29`
  std::string kind;    ///< `causal`
  Verdict verdict = Found;
  std::string words;
  mlir::Location at;
  double seconds = 0;
  std::vector<std::pair<mlir::Location, std::string>> notes = {};
  const EntryFlow *entry = nullptr; ///< whose output this is of
};

/// A mask of the model file, in all the layers that have it.
struct MaskUse {
  attn::MaskOp op; ///< of the first of them
  std::string subject = {};
  std::vector<std::string> layers = {};
  /// The keys are those of the rows themselves; they lie in a cache.
  bool ownRows = false, cached = false;
  std::optional<masks::MaskSet> set = {};
  std::string error = {}; ///< why there is no set
  masks::Causality causality = {};
  masks::RowCoverage rows = {};
  masks::CacheCapacity cache = {};
  masks::TileBounds tiles = {};
  masks::TileOptions tileOptions = {};
  /// Empty, or the pair by which it depends on the lengths of the call.
  std::string lengths = {};
};

/// Everything that is known of the model stage. Facts stand in the order in
/// which they are shown.
class ModelFacts {
public:
  explicit ModelFacts(mlir::ModuleOp module);

  const ModelFlow flow;
  const mlir::Location at; ///< of the model
  const bool aligned;      ///< promised: q_len <= kv_len
  std::vector<MaskUse> masks;
  std::vector<Fact> facts;
  /// Of each entry and its outputs, in order.
  struct OutputCausality {
    const EntryFlow *entry;
    const EntryFlow::Output *output;
    masks::FlowCausality causality;
  };
  std::vector<OutputCausality> outputs;
  /// Of the entry with caches, if there is one.
  std::optional<masks::CacheLicence> licence;
  const EntryFlow *decoder = nullptr;

private:
  void findMasks(mlir::ModuleOp module);
  void proveOutputs();
  void proveMask(MaskUse &use);
  void proveCaches(mlir::ModuleOp module);
  void add(Fact fact, double since);
};

/// `layer 0-29` of layer.0 … layer.29.
std::string fold(llvm::ArrayRef<std::string> layers);

/// `17:13`.
std::string placeOf(mlir::Location at);

/// What a proof has to say, as text.
template <typename T> std::string printed(const T &result) {
  std::string text;
  llvm::raw_string_ostream os(text);
  result.print(os);
  return text;
}

} // namespace heed
