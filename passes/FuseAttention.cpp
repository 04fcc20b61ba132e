//===- FuseAttention.cpp - scores .. combine -> attention -----------------===//
#include "passes/Passes.h"
#include "passes/Remarks.h"

#include "mlir/IR/Builders.h"
#include "mlir/IR/IRMapping.h"

using namespace mlir;
using namespace heed::attn;

namespace heed {
#define GEN_PASS_DEF_FUSEATTENTION
#include "passes/Passes.h.inc"

namespace {
constexpr llvm::StringLiteral Name = "fuse-attention";

/// What one attention is made of, found from its end to its start.
struct Parts {
  CombineOp combine;
  /// Exactly one of the two.
  MaskedSoftmaxOp masked;
  SoftmaxOp plain;
  /// From the first applied to the last.
  SmallVector<ScoreMapOp> rules;
  ScoresOp scores;

  Operation *softmax() {
    return masked ? masked.getOperation() : plain.getOperation();
  }
};

/// Fills `parts` from `combine`, or says why it makes no attention.
StringRef find(CombineOp combine, Parts &parts) {
  parts.combine = combine;
  parts.masked = combine.getP().getDefiningOp<MaskedSoftmaxOp>();
  parts.plain = combine.getP().getDefiningOp<SoftmaxOp>();
  if (!parts.masked && !parts.plain)
    return "the weights do not come from a softmax";
  if (!parts.softmax()->hasOneUse())
    return "the probabilities are used elsewhere";

  Value x = parts.softmax()->getOperand(0);
  while (auto rule = x.getDefiningOp<ScoreMapOp>()) {
    if (!rule->hasOneUse())
      return "the scores after a rule are used elsewhere";
    parts.rules.insert(parts.rules.begin(), rule);
    x = rule.getX();
  }
  if (x.getDefiningOp<MaskOp>())
    return "the mask stands apart from its softmax";
  parts.scores = x.getDefiningOp<ScoresOp>();
  if (!parts.scores)
    return "the softmax is not of scores";
  if (!parts.scores->hasOneUse())
    return "the scores are used elsewhere";

  ScoresOp scores = parts.scores;
  if (scores.getQRows() != combine.getQRows() ||
      scores.getKvRows() != combine.getKvRows())
    return "scores and values differ in their rows";
  for (ScoreMapOp rule : parts.rules)
    if (rule.getRows() != scores.getQRows())
      return "a score rule takes its positions from other rows";
  if (parts.masked && parts.masked.getRows() != scores.getQRows())
    return "the mask takes its positions from other rows";
  if (scores.getKvAxis() != combine.getKvAxis())
    return "scores and values differ in their key axis";
  bool cached = isa<CacheType>(scores.getK().getType());
  if (cached != isa<CacheType>(combine.getV().getType()) ||
      (cached && scores.getK() != combine.getV()))
    return "keys and values lie in different caches";
  if (scores.getQ().getType() != combine.getType())
    return "the result's axes are not those of q";
  return {};
}

struct FuseAttention : impl::FuseAttentionBase<FuseAttention> {
  void runOnOperation() override {
    SmallVector<CombineOp> combines;
    getOperation()->walk([&](CombineOp op) { combines.push_back(op); });
    for (CombineOp combine : combines) {
      Parts parts;
      if (StringRef reason = find(combine, parts); !reason.empty())
        declined(combine, Name,
                 "attention is not fused, scores are stored: " + reason);
      else
        fuse(parts);
    }
  }

  void fuse(Parts &parts) {
    OpBuilder builder(parts.combine);
    SmallVector<Location> locations{parts.scores.getLoc()};
    for (ScoreMapOp rule : parts.rules)
      locations.push_back(rule.getLoc());
    locations.append({parts.softmax()->getLoc(), parts.combine.getLoc()});

    MaskedSoftmaxOp masked = parts.masked;
    auto attention = AttentionOp::create(
        builder, builder.getFusedLoc(locations), parts.combine.getType(),
        parts.scores.getQ(), parts.scores.getK(), parts.combine.getV(),
        parts.scores.getQRows(), parts.scores.getKvRows(),
        masked ? masked.getSinks() : parts.plain.getSinks(),
        masked ? masked.getTables() : ValueRange(), parts.scores.getScaleAttr(),
        parts.scores.getQAxisAttr(), parts.scores.getKvAxisAttr(),
        masked ? masked.getMask() : MaskAttr::all(&getContext()),
        masked ? masked.getTableNamesAttr() : ArrayAttr(),
        /*tile_bounds=*/TileBoundsAttr(), /*schedule=*/AttentionScheduleAttr());
    inlineRules(parts.rules, attention);

    done(parts.combine, Name,
         Twine("attention is one pass with an online softmax") +
             (parts.rules.empty() ? "" : ", its score rule inside"));
    parts.combine.replaceAllUsesWith(attention.getResult());
    parts.combine.erase();
    parts.softmax()->erase();
    for (ScoreMapOp rule : llvm::reverse(parts.rules))
      rule.erase();
    parts.scores.erase();
  }

  /// The rules, one after the other, as the attention's own.
  void inlineRules(ArrayRef<ScoreMapOp> rules, AttentionOp attention) {
    if (rules.empty())
      return;
    Block *body = new Block();
    attention.getScore().push_back(body);
    ScoreMapOp first = rules.front();
    for (BlockArgument argument : first.getBody().getArguments())
      body->addArgument(argument.getType(), argument.getLoc());

    OpBuilder builder = OpBuilder::atBlockEnd(body);
    Value score = body->getArgument(0);
    for (ScoreMapOp rule : rules) {
      IRMapping mapping;
      mapping.map(rule.getBody().getArguments(), body->getArguments());
      mapping.map(rule.getBody().getArgument(0), score);
      for (Operation &op : rule.getBody().front().without_terminator())
        builder.clone(op, mapping);
      score = mapping.lookupOrDefault(
          rule.getBody().front().getTerminator()->getOperand(0));
    }
    YieldOp::create(builder, rules.back()->getLoc(), score);
  }
};
} // namespace
} // namespace heed
