//===- StoreProbabilities.cpp - A layer's attention, to be looked at ------===//
#include "ir/Axes.h"
#include "passes/Passes.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/SymbolTable.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

using namespace mlir;
using namespace heed::attn;

namespace heed {
#define GEN_PASS_DEF_STOREPROBABILITIES
#include "passes/Passes.h.inc"

namespace {
SmallVector<SoftmaxOp> softmaxesOf(func::FuncOp function) {
  SmallVector<SoftmaxOp> all;
  function.walk([&](SoftmaxOp op) { all.push_back(op); });
  return all;
}

/// Erases what nothing reads any more; calls are pure in the model stage.
void eraseDead(func::FuncOp function) {
  for (Operation &op :
       llvm::make_early_inc_range(llvm::reverse(function.front())))
    if (op.use_empty() && !op.hasTrait<OpTrait::IsTerminator>() &&
        (isa<func::CallOp>(op) || isOpTriviallyDead(&op)))
      op.erase();
}

/// The function returns `value` and nothing else.
void returnOnly(func::FuncOp function, Value value) {
  auto ret = cast<func::ReturnOp>(function.front().getTerminator());
  ret->setOperands(value);
  function.removeResAttrsAttr();
  function.setFunctionType(FunctionType::get(
      function.getContext(), function.getArgumentTypes(), value.getType()));
  eraseDead(function);
}

/// Rows of one sequence from its beginning are plain tensors: ops take
/// positions from an index, attentions keys and values from where they are
/// made.
class MakePlain {
public:
  /// What the function calls has been made plain.
  MakePlain(func::FuncOp function, SymbolTable &symbols)
      : function(function), symbols(symbols) {}

  void run() {
    function.walk([&](Operation *op) {
      if (auto scores = dyn_cast<ScoresOp>(op))
        plain(scores);
      else if (auto combine = dyn_cast<CombineOp>(op))
        plain(combine);
      else if (auto map = dyn_cast<ScoreMapOp>(op))
        sameAsOperand(map, map.getRowsMutable());
      else if (auto mask = dyn_cast<MaskOp>(op))
        sameAsOperand(mask, mask.getRowsMutable());
      else if (auto softmax = dyn_cast<SoftmaxOp>(op))
        plain(softmax);
      else if (auto rope = dyn_cast<RopeOp>(op))
        alongAxis(rope);
      else if (auto embed = dyn_cast<PositionEmbedOp>(op))
        alongAxis(embed);
    });
    dropCaches();
  }

private:
  /// [heads, token, kv] becomes [heads, q, kv]: stored scores of plain tensors
  /// have the names of their roles.
  static RankedTensorType byRole(Type type, StringRef q, StringRef kv) {
    auto tensor = cast<RankedTensorType>(type);
    SmallVector<StringRef> names;
    for (StringAttr name : axisNames(tensor))
      names.push_back(name.getValue() == kv  ? StringRef(axis::Key)
                      : name.getValue() == q ? StringRef(axis::Query)
                                             : name.getValue());
    return tensorOf(tensor.getElementType(), names, tensor.getShape());
  }

  static CacheAppendOp appendOf(Value keys) {
    return keys.getDefiningOp<CacheAppendOp>();
  }

  void plain(ScoresOp op) {
    if (CacheAppendOp append = appendOf(op.getK())) {
      op.getKMutable().assign(append.getK());
      op.setKvAxis(axis::Token);
    }
    op.getQRowsMutable().clear();
    op.getKvRowsMutable().clear();
    op.getResult().setType(
        byRole(op.getResult().getType(), op.getQAxis(), axis::Key));
  }

  void plain(CombineOp op) {
    if (CacheAppendOp append = appendOf(op.getV())) {
      op.getVMutable().assign(append.getV());
      op.setKvAxis(axis::Token);
    }
    op.getQRowsMutable().clear();
    op.getKvRowsMutable().clear();
  }

  void plain(SoftmaxOp op) { op.getResult().setType(op.getX().getType()); }

  template <typename Op>
  static void sameAsOperand(Op op, MutableOperandRange rows) {
    rows.clear();
    op.getResult().setType(op.getX().getType());
  }

  template <typename Op> static void alongAxis(Op op) {
    if (!op.getRows())
      return;
    op.setAxis(cast<RaggedType>(op.getRows().getType()).getAxis().getValue());
    op.getRowsMutable().clear();
  }

  /// Results, arguments and operands that are caches or rows.
  void dropCaches() {
    auto isGone = [](Value value) {
      return isa<CacheType, RaggedType>(value.getType());
    };
    auto ret = cast<func::ReturnOp>(function.front().getTerminator());
    auto keep = [&](ValueRange values) {
      return llvm::to_vector(llvm::make_filter_range(
          values, [&](Value value) { return !isGone(value); }));
    };
    ret->setOperands(keep(ret.getOperands()));
    for (auto call :
         llvm::make_early_inc_range(function.getOps<func::CallOp>())) {
      OpBuilder b(call);
      auto plain = func::CallOp::create(
          b, call.getLoc(), symbols.lookup<func::FuncOp>(call.getCallee()),
          keep(call.getOperands()));
      for (auto [before, after] :
           llvm::zip(keep(call.getResults()), plain.getResults()))
        before.replaceAllUsesWith(after);
      call.erase();
    }
    eraseDead(function);
    llvm::BitVector gone(function.getNumArguments());
    for (BlockArgument arg : function.getArguments())
      if (isGone(arg))
        gone.set(arg.getArgNumber());
    (void)function.eraseArguments(gone);
    function.setFunctionType(FunctionType::get(function.getContext(),
                                               function.getArgumentTypes(),
                                               ret.getOperandTypes()));
  }

  func::FuncOp function;
  SymbolTable &symbols;
};

struct StoreProbabilities : impl::StoreProbabilitiesBase<StoreProbabilities> {
  using StoreProbabilitiesBase::StoreProbabilitiesBase;

  void runOnOperation() override {
    ModuleOp module = getOperation();
    SmallVector<func::FuncOp> entries;
    for (auto function : module.getOps<func::FuncOp>())
      if (function->hasAttr("attn.entry"))
        entries.push_back(function);
    if (entries.size() != 1) {
      emitError(module.getLoc())
          << "expected a model with one pipeline, found " << entries.size();
      return signalPassFailure();
    }
    func::FuncOp entry = entries.front();
    if (!cut(entry))
      return signalPassFailure();
    entry.setResultAttr(0, "attn.name",
                        StringAttr::get(&getContext(), "probabilities"));
    dropUnused(module);
    SymbolTable symbols(module);
    for (auto function : module.getOps<func::FuncOp>())
      if (function != entry)
        MakePlain(function, symbols).run();
    MakePlain(entry, symbols).run();
    tellInputs(module, entry);
  }

  /// The entry ends with the probabilities of attention number `layer`.
  bool cut(func::FuncOp entry) {
    SymbolTable symbols(getOperation());
    int64_t before = 0;
    for (Operation &op : entry.front()) {
      if (auto softmax = dyn_cast<SoftmaxOp>(op)) {
        if (before++ == layer) {
          returnOnly(entry, softmax.getResult());
          return true;
        }
      }
      auto call = dyn_cast<func::CallOp>(op);
      if (!call)
        continue;
      auto callee = symbols.lookup<func::FuncOp>(call.getCallee());
      SmallVector<SoftmaxOp> inside = softmaxesOf(callee);
      if (layer >= before + int64_t(inside.size())) {
        before += inside.size();
        continue;
      }
      func::FuncOp last = callee.clone();
      last.setName((callee.getName() + "_probabilities").str());
      symbols.insert(last);
      Value found = softmaxesOf(last)[layer - before].getResult();
      returnOnly(last, found);
      OpBuilder b(call);
      auto ends =
          func::CallOp::create(b, call.getLoc(), last, call.getOperands());
      returnOnly(entry, ends.getResult(0));
      return true;
    }
    emitError(entry.getLoc())
        << "there is no layer " << layer.getValue() << ": the model has "
        << before
        << (before == 1 ? " attention" : " attentions, from layer 0 on");
    return false;
  }

  /// Functions and weights that nothing reads any more.
  static void dropUnused(ModuleOp module) {
    for (Operation &op :
         llvm::make_early_inc_range(llvm::reverse(*module.getBody())))
      if (auto function = dyn_cast<func::FuncOp>(op);
          (isa<DeclareOp>(op) || (function && function.isPrivate())) &&
          SymbolTable::symbolKnownUseEmpty(&op, module))
        op.erase();
  }

  /// The entry takes plain tensors; what only later parts read is no input.
  void tellInputs(ModuleOp module, func::FuncOp entry) {
    Builder b(&getContext());
    llvm::BitVector unused(entry.getNumArguments());
    for (BlockArgument arg : entry.getArguments()) {
      if (arg.use_empty())
        unused.set(arg.getArgNumber());
      entry.setArgAttr(arg.getArgNumber(), "attn.role",
                       b.getStringAttr("input"));
    }
    (void)entry.eraseArguments(unused);
    entry.setName("run");
    NamedAttrList model(module->getAttrOfType<DictionaryAttr>("attn.model"));
    model.set("kind", b.getStringAttr("tensors"));
    module->setAttr("attn.model", model.getDictionary(&getContext()));
  }
};
} // namespace
} // namespace heed
