//===- Weights.h - The weights that a model names, found and declared -----===//
#pragma once

#include "frontend/Model.h"
#include "ir/Attn.h"
#include "runtime/formats/WeightSource.h"

namespace heed {

/// A declared weight.
struct Handle {
  mlir::StringAttr symbol;
  attn::WeightType type;
};

/// Sizes that a weight must have: a number, or one of these.
inline constexpr int64_t AnySize = -1, // the file says it
    UnknownSize = -2;                  // lost after an error: check nothing

/// Finds weights by name and declares each once. `weights: random(SEED)` stands
/// for a source in which every name exists, f32, in the shape that is asked
/// for; attn.declare then says "random:SEED:NAME".
class Weights {
public:
  Weights(const Model &model, mlir::ModuleOp module, Diagnostics &diags);

  /// The weight that `expr` names: NAME, `transpose(NAME)`, `NAME[0:768]`,
  /// `NAME[:, 0:768]`, in any nesting, `{i}` being the layer. Errors: a weight
  /// that is missing, of an unsupported type, or not of the `expected` sizes.
  std::optional<Handle> resolve(const Node &expr, std::optional<int64_t> layer,
                                llvm::ArrayRef<int64_t> expected);

  /// The path of the source, "random:SEED", or "" without weights.
  llvm::StringRef path() const { return where; }
  const WeightSource *file() const { return source ? &*source : nullptr; }

private:
  void open(const Node &node);
  std::optional<Handle> declare(const Node &expr, std::string symbol,
                                attn::WeightType type, std::string from,
                                llvm::ArrayRef<mlir::Attribute> transforms);

  const Model &model;
  mlir::ModuleOp module;
  Diagnostics &diags;
  std::string where;
  bool random = false;
  std::optional<WeightSource> source;
  std::map<std::string, attn::WeightType> declared;
  mlir::Operation *lastDeclare = nullptr;
};

} // namespace heed
