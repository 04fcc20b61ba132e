//===- PlanBuffers.cpp - Every tensor gets its place in the arena ---------===//
//
// docs/architecture.md, "Buffers", says what the attributes mean.
//
//===----------------------------------------------------------------------===//
#include "ir/Views.h"
#include "passes/Arena.h"
#include "passes/Passes.h"
#include "passes/Remarks.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Builders.h"

using namespace mlir;
using namespace heed::attn;

namespace heed {
#define GEN_PASS_DEF_PLANBUFFERS
#include "passes/Passes.h.inc"

namespace {
constexpr llvm::StringLiteral Name = "plan-buffers";

/// Each element of the result depends on the same element of a tensor operand
/// of its type.
bool isElementwise(Operation *op) {
  return isa<AddOp, MulOp, ScaleOp, ActivationOp, BiasOp, PositionEmbedOp,
             ScoreMapOp, MaskOp>(op);
}

/// What callers must know of a planned function.
struct FunctionPlan {
  /// Of the function alone, and with all that it calls.
  ArenaSize own, total;
  /// (argument, result) pairs that may lie in the same memory: the argument is
  /// dead when the result is written.
  llvm::DenseSet<std::pair<unsigned, unsigned>> mayShare;
};

class FunctionPlanner {
public:
  FunctionPlanner(func::FuncOp function,
                  llvm::function_ref<const FunctionPlan *(func::CallOp)> planOf)
      : function(function), body(function.getBody().front()), planOf(planOf) {
    for (Operation &op : body)
      order[&op] = order.size();
  }

  FunctionPlan run();

private:
  void findDestinations();
  void addBuffers(Operation *op);
  void attach(Operation *op);
  unsigned lastUse(Value root);
  /// The result may lie over `operand`, which `op` reads for the last time.
  bool mayOverwrite(Operation *op, Value operand, OpResult result);
  bool epilogueMayOverwrite(FusedLinearOp linear, Value operand,
                            OpResult result);
  std::optional<unsigned> bufferToReuse(Operation *op, OpResult result,
                                        const Buffer &wanted);

  func::FuncOp function;
  Block &body;
  llvm::function_ref<const FunctionPlan *(func::CallOp)> planOf;
  llvm::DenseMap<Operation *, unsigned> order;
  /// Values that are computed in the memory that the caller gives for this
  /// result.
  llvm::DenseMap<Value, unsigned> destinations;
  SmallVector<Buffer> buffers;
  llvm::DenseMap<Value, unsigned> bufferOfValue;
};

void FunctionPlanner::findDestinations() {
  for (auto [number, value] :
       llvm::enumerate(body.getTerminator()->getOperands()))
    if (Value root = viewRoot(value);
        isa<RankedTensorType>(root.getType()) && root.getDefiningOp())
      destinations.try_emplace(root, number);
}

unsigned FunctionPlanner::lastUse(Value value) {
  unsigned last = value.getDefiningOp() ? order[value.getDefiningOp()] : 0;
  for (Operation *user : value.getUsers()) {
    Operation *inBody = body.findAncestorOpInBlock(*user);
    last = std::max(last, isView(inBody) ? lastUse(inBody->getResult(0))
                                         : order[inBody]);
  }
  return last;
}

bool FunctionPlanner::epilogueMayOverwrite(FusedLinearOp linear, Value operand,
                                           OpResult result) {
  Block &epilogue = linear.getEpilogue().front();
  Operation *user = nullptr;
  for (OpOperand &use : operand.getUses()) {
    if (!linear->isProperAncestor(use.getOwner()) && use.getOwner() != linear)
      continue;
    // The product needs all of a row; an element may be read only where it is
    // written, and once.
    if (user || use.getOwner()->getBlock() != &epilogue)
      return false;
    user = use.getOwner();
  }
  while (user && isElementwise(user) && user->hasOneUse() &&
         user->getResult(0).getType() == result.getType()) {
    OpOperand &use = *user->use_begin();
    if (isa<YieldOp>(use.getOwner()))
      return use.getOperandNumber() == result.getResultNumber();
    user = use.getOwner();
  }
  return false;
}

bool FunctionPlanner::mayOverwrite(Operation *op, Value operand,
                                   OpResult result) {
  if (operand.getType() != result.getType())
    return false;
  if (auto call = dyn_cast<func::CallOp>(op)) {
    const FunctionPlan *plan = planOf(call);
    for (OpOperand &use : op->getOpOperands())
      if (use.get() == operand &&
          !(plan && plan->mayShare.contains(
                        {use.getOperandNumber(), result.getResultNumber()})))
        return false;
    return true;
  }
  if (auto linear = dyn_cast<FusedLinearOp>(op))
    return epilogueMayOverwrite(linear, operand, result);
  return isElementwise(op);
}

/// The buffer of an operand that dies here and that the result may overwrite.
std::optional<unsigned> FunctionPlanner::bufferToReuse(Operation *op,
                                                       OpResult result,
                                                       const Buffer &wanted) {
  llvm::SetVector<Value> read(op->operand_begin(), op->operand_end());
  op->walk([&](Operation *inner) {
    read.insert(inner->operand_begin(), inner->operand_end());
  });
  for (Value value : read) {
    auto known = bufferOfValue.find(viewRoot(value));
    if (known == bufferOfValue.end())
      continue;
    const Buffer &buffer = buffers[known->second];
    // Only one value of the op may read or write the buffer: no view of it
    // besides `value`.
    bool alone = llvm::count_if(read, [&](Value other) {
                   return viewRoot(other) == viewRoot(value);
                 }) == 1;
    if (alone && buffer.end == order[op] && buffer.axes == wanted.axes &&
        buffer.bytes == wanted.bytes && mayOverwrite(op, value, result))
      return known->second;
  }
  return std::nullopt;
}

void FunctionPlanner::addBuffers(Operation *op) {
  // Constants lie in the program.
  if (isView(op) || op->hasTrait<OpTrait::ConstantLike>())
    return;
  for (OpResult result : op->getResults()) {
    auto type = dyn_cast<RankedTensorType>(result.getType());
    if (!type || destinations.contains(result))
      continue;
    Buffer buffer = bufferOf(type);
    buffer.start = order[op];
    buffer.end = lastUse(result);
    if (std::optional<unsigned> reused = bufferToReuse(op, result, buffer)) {
      // Beyond this op even when nothing reads the result, so that no other
      // result takes the buffer too.
      buffers[*reused].end = std::max(buffer.end, buffer.start + 1);
      bufferOfValue[result] = *reused;
      continue;
    }
    bufferOfValue[result] = buffers.size();
    buffers.push_back(buffer);
  }
}

void FunctionPlanner::attach(Operation *op) {
  Builder builder(op->getContext());
  SmallVector<Attribute> places;
  bool any = false;
  for (OpResult result : op->getResults()) {
    auto known = bufferOfValue.find(result);
    if (known == bufferOfValue.end()) {
      places.push_back(builder.getUnitAttr());
      continue;
    }
    const Buffer &buffer = buffers[known->second];
    places.push_back(BufferAttr::get(op->getContext(), buffer.axes,
                                     buffer.offset, buffer.bytes));
    any = true;
  }
  if (any && places.size() == 1)
    op->setAttr("attn.buffer", places.front());
  else if (any)
    op->setAttr("attn.buffers", builder.getArrayAttr(places));
}

FunctionPlan FunctionPlanner::run() {
  findDestinations();
  for (Operation &op : body.without_terminator())
    addBuffers(&op);

  FunctionPlan plan;
  plan.own = plan.total = placeBuffers(buffers);
  ArenaSize called;
  for (Operation &op : body.without_terminator()) {
    attach(&op);
    if (auto call = dyn_cast<func::CallOp>(op))
      if (const FunctionPlan *callee = planOf(call))
        for (auto [axes, bytes] : callee->total) {
          int64_t &most = bytesOf(called, axes);
          most = std::max(most, bytes);
        }
  }
  for (auto [axes, bytes] : called)
    bytesOf(plan.total, axes) += bytes;

  for (auto [root, number] : destinations) {
    Operation *writer = root.getDefiningOp();
    for (BlockArgument argument : function.getArguments()) {
      if (argument.getType() != root.getType())
        continue;
      unsigned last = lastUse(argument);
      if (last < order[writer] ||
          (last == order[writer] &&
           mayOverwrite(writer, argument, cast<OpResult>(root))))
        plan.mayShare.insert({argument.getArgNumber(), number});
    }
  }
  return plan;
}

Attribute toAttribute(MLIRContext *context, const ArenaSize &size) {
  SmallVector<Attribute> regions;
  for (auto [axes, bytes] : size)
    regions.push_back(BufferAttr::get(context, axes, 0, bytes));
  return ArrayAttr::get(context, regions);
}

struct PlanBuffers : impl::PlanBuffersBase<PlanBuffers> {
  void runOnOperation() override {
    for (auto function : getOperation().getOps<func::FuncOp>())
      if (!function.isExternal() && failed(plan(function)))
        return signalPassFailure();
  }

  /// Callees first.
  LogicalResult plan(func::FuncOp function) {
    if (plans.contains(function))
      return success();
    if (!llvm::hasSingleElement(function.getBody()))
      return function.emitOpError(
          "has branches; the buffers of straight code only can be planned");
    if (!active.insert(function).second)
      return function.emitOpError("calls itself; its arena has no end");
    SymbolTable symbols(getOperation());
    for (auto call : function.getBody().front().getOps<func::CallOp>())
      if (auto callee = symbols.lookup<func::FuncOp>(call.getCallee());
          callee && !callee.isExternal())
        if (failed(plan(callee)))
          return failure();

    FunctionPlan made =
        FunctionPlanner(
            function,
            [&](func::CallOp call) -> const FunctionPlan * {
              auto known = plans.find(symbols.lookup(call.getCallee()));
              return known == plans.end() ? nullptr : &known->second;
            })
            .run();
    function->setAttr("attn.arena", toAttribute(&getContext(), made.own));
    bool entry = function->hasAttr("attn.entry");
    if (entry)
      function->setAttr("attn.arena_total",
                        toAttribute(&getContext(), made.total));
    found(function, Name,
          "@" + function.getSymName() + " takes " +
              describe(entry ? made.total : made.own) + " of the arena" +
              (entry ? " with all that it calls" : ""));
    plans[function] = std::move(made);
    return success();
  }

  llvm::DenseMap<Operation *, FunctionPlan> plans;
  llvm::DenseSet<Operation *> active;
};
} // namespace
} // namespace heed
