//===- Model.h - The head of a model file: names, sizes, what is where ----===//
#pragma once

#include "frontend/ConstExpr.h"
#include "frontend/Fields.h"

namespace heed {

/// A size of `dims:`; -1 where it is known only when the model runs.
struct Dim {
  std::string name;
  int64_t size = -1;
  Place at;
};

/// `x: f32[batch, token, model]`
struct InputDecl {
  std::string name;
  Place at;
  bool isFloat = true;  // f32 or bf16, else i32
  bool isShort = false; // bf16: what attention reads
  std::vector<std::string> axes;
  std::vector<int64_t> sizes; // -1 where symbolic
};

/// A name and the pipeline or table that it stands for.
struct NamedNode {
  std::string name;
  Place at;
  const Node *node;
};

/// `causal` or `cache: 1024`.
struct Promise {
  std::string text;
  Place at;
};

/// What stands at the top of a model file. Pipelines stay nodes: what a step
/// means depends on the value that flows into it.
struct Model {
  std::string path; // as it was asked for
  std::string name;
  int64_t context = 0;
  std::vector<Dim> dims;
  ExprNames names;
  const Node *weights = nullptr, *tokenizer = nullptr;
  const Node *decoder = nullptr, *encoder = nullptr;
  std::vector<NamedNode> blocks, lets, outputs, tables;
  std::vector<InputDecl> inputs;
  std::vector<Promise> promises;

  bool hasTokens() const { return decoder || encoder; }
  const Dim *findDim(llvm::StringRef name) const;
};

/// The largest number of elements of a tensor whose sizes are all known.
inline constexpr int64_t MaxElements = int64_t(1) << 40;

/// Reads the head; what cannot be read is reported and left out, so that the
/// rest can still be checked. Null when the file is no map.
std::optional<Model> readModelHead(const Document &document,
                                   Diagnostics &diags);

/// The path that `text` stands for: beside the model file, or in
/// ${HEED_CACHE:-~/.cache/heed}. Reports a file that is in neither.
std::optional<std::string> findFile(const Model &model, const Node &text,
                                    Diagnostics &diags);

} // namespace heed
