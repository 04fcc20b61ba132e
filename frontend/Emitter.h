//===- Emitter.h - From the steps of pipelines to stage-1 ops -------------===//
//
// Errors do not stop it: a value that could not be made is null, and whatever
// it flows into reads its keys and finds its weights, but checks no sizes. So
// one run reports everything, and nothing twice.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "frontend/MaskExpr.h"
#include "frontend/Scope.h"
#include "ir/Axes.h"

namespace heed {

/// What flows into a step. `begun` tells a pipeline that has no value yet from
/// one whose value was lost after an error.
struct Inflow {
  mlir::Value value;
  bool begun = true;
};

/// The last axis that a linear makes. Unnamed axes take the name of the first
/// of `dims` of their size, so that equal sizes get equal types.
struct OutAxis {
  int64_t size = AnySize;
  std::string name;
};

class Emitter {
public:
  Emitter(const Model &model, mlir::ModuleOp module, Diagnostics &diags);

  /// Emits the functions of the model and sets `attn.model`.

  void emit();

  static std::vector<std::string> stepNames();

private:
  //===--- The functions (Emitter.cpp) ------------------------------------===//
  void emitTokens(const Node &pipeline, llvm::StringRef function);
  void emitTensors();
  void addInputs(Scope &top, ArgRank rank);
  void setModelAttr();
  void checkBlocksAreUsed();
  /// Values of the entry that are made when first asked for.
  mlir::Value tokens();
  mlir::Value tokenTypes();
  mlir::Value wanted();
  mlir::Value rows(llvm::StringRef axis);
  /// The ragged rows of one of the axes of x, or null.
  mlir::Value raggedOf(mlir::Value x);
  mlir::Value entryArg(llvm::StringRef key, ArgRank rank, mlir::Type type,
                       llvm::StringRef role, llvm::StringRef name);

  //===--- Pipelines (Pipeline.cpp) ---------------------------------------===//
  struct StepKind;
  static llvm::ArrayRef<StepKind> stepKinds();
  static const StepKind *findStep(llvm::StringRef name);
  mlir::Value pipeline(const Node &node, Inflow x);
  mlir::Value scalarStep(const Node &node, Inflow x, bool first);
  mlir::Value mapStep(const Node &node, Inflow x);
  mlir::Value runStep(const StepKind &kind, Fields &fields, Inflow x);
  bool hasColumns(mlir::Value x, Fields &step);
  /// The value of that name, here or around here; null when there is none.
  mlir::Value lookUp(llvm::StringRef name);
  mlir::Value named(const Node &name);
  mlir::Value flowing(mlir::Value value, const Node &name);
  std::vector<std::string> valueNames();

  //===--- Steps (Steps.cpp, Linear.cpp) ----------------------------------===//
  mlir::Value embed(Fields &fields, Inflow x);
  mlir::Value tokenTypes(Fields &fields, Inflow x);
  mlir::Value positions(Fields &fields, Inflow x);
  mlir::Value norm(Fields &fields, Inflow x, attn::NormKind kind);
  mlir::Value rmsNorm(Fields &fields, Inflow x);
  mlir::Value layerNorm(Fields &fields, Inflow x);
  mlir::Value activation(Fields &fields, Inflow x);
  mlir::Value scale(Fields &fields, Inflow x);
  mlir::Value residual(Fields &fields, Inflow x);
  mlir::Value add(Fields &fields, Inflow x);
  mlir::Value multiply(Fields &fields, Inflow x);
  mlir::Value combineWith(Fields &fields, Inflow x, bool product);
  mlir::Value let(Fields &fields, Inflow x);
  mlir::Value slice(Fields &fields, Inflow x);
  mlir::Value concat(Fields &fields, Inflow x);
  mlir::Value splitHeads(Fields &fields, Inflow x);
  mlir::Value mergeHeads(Fields &fields, Inflow x);
  mlir::Value rope(Fields &fields, Inflow x);
  mlir::Value pool(Fields &fields, Inflow x);
  mlir::Value l2Normalize(Fields &fields, Inflow x);
  mlir::Value linear(Fields &fields, Inflow x);
  mlir::Value mlp(Fields &fields, Inflow x);
  mlir::Value gatedMlp(Fields &fields, Inflow x);
  mlir::Value logits(Fields &fields, Inflow x);

  mlir::Value applyLinear(const Node &weight, const Node *bias, mlir::Value x,
                          OutAxis out);
  /// `up: NAME` or `up: {weight: NAME, bias: NAME}`.
  mlir::Value applyPart(const Node *part, llvm::StringRef what, mlir::Value x,
                        OutAxis out);
  mlir::Value applyActivation(mlir::Value x, attn::ActivationKind kind);
  mlir::Value applySplit(mlir::Value x, int64_t heads, Place at);
  mlir::Value applyMerge(mlir::Value x, Place at);
  std::optional<attn::ActivationKind> activationKind(Fields &fields,
                                                     llvm::StringRef key);
  OutAxis outAxis(Fields &fields, llvm::StringRef key);

  //===--- Attention (Attention.cpp) --------------------------------------===//
  struct AttentionParts;
  mlir::Value attention(Fields &fields, Inflow x);
  mlir::Value branch(const Node *node, Inflow x, llvm::StringRef headsName);
  bool checkShapes(const AttentionParts &parts);
  void appendCache(AttentionParts &parts);
  mlir::Value combine(const AttentionParts &parts, const Node *sinks);
  mlir::Value tableHandle(const Expr &expr);
  mlir::Value maskTable(llvm::StringRef name, Place at);
  mlir::Value applyScore(const AttentionParts &parts, mlir::Value scores);

  bool checkTable(const AttentionParts &parts, attn::MaskAttr mask,
                  llvm::StringRef name);
  mlir::Value applyMask(const AttentionParts &parts, mlir::Value scores);

  //===--- Repetition (Repeat.cpp) ----------------------------------------===//
  mlir::Value repeat(Fields &fields, Inflow x);
  mlir::Value callBlock(const NamedNode &block, mlir::Value x);
  mlir::func::FuncOp shareLayer(const NamedNode &block, Scope &layer);

  //===--- Small words ----------------------------------------------------===//
  mlir::Location loc(Place at) const;
  mlir::OpBuilder &b() { return scope->builder(); }
  mlir::Value weight(const Node &name, llvm::ArrayRef<int64_t> expected);
  /// The name of a new last axis of x of that size.
  std::string axisName(mlir::Value x, int64_t size) const;
  mlir::RankedTensorType withLast(mlir::Value x, OutAxis out) const;
  void error(Place at, const llvm::Twine &text) { diags.error(at, text); }

  const Model &model;
  mlir::ModuleOp module;
  mlir::MLIRContext *context;
  Diagnostics &diags;
  Weights weights;
  ExprNames names; // the model's, and `i` inside a block

  Scope *scope = nullptr, *entry = nullptr;
  std::map<std::string, mlir::Value> entryArgs;
  std::string tokenAxis = "token";
  bool isDecoder = false;
  std::optional<int64_t> layer;
  mlir::Location here; // of the step that is being emitted
  std::string headsName = "heads";
  std::vector<mlir::Value> streams; // what flows beside the residual branches
  mlir::Value hiddenState;          // of an encoder, before it is pooled
  std::map<std::string, std::vector<mlir::func::FuncOp>> layersOf;

  std::set<std::string> usedBlocks, openBlocks;
  size_t stepsRun = 0;
};

/// "[token, model=576]": for messages.
std::string describeType(mlir::Type type);

inline int64_t lastSize(mlir::Value x) {
  auto type = mlir::cast<mlir::RankedTensorType>(x.getType());
  return type.getRank() ? type.getShape().back() : mlir::ShapedType::kDynamic;
}

} // namespace heed
