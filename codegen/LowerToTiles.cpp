//===- LowerToTiles.cpp - Functions on tensors become kernels on memory ---===//
//
// A function of the model becomes a function of the same name on memory: first
// the call's context, then its arguments, then the memory of its results
// (destination passing). Each op in it becomes a kernel, a call and a barrier.
//
//===----------------------------------------------------------------------===//
#include "codegen/Arena.h"
#include "codegen/Kernel.h"
#include "codegen/Passes.h"
#include "codegen/ScoreAxes.h"
#include "codegen/attention/AttentionKernel.h"
#include "codegen/linear/LinearKernel.h"
#include "codegen/plain/PlainKernels.h"
#include "codegen/rows/RowProgram.h"
#include "ir/Views.h"

#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace heed::attn;

namespace heed {
#define GEN_PASS_DEF_LOWERTOTILES
#include "codegen/Passes.h.inc"

namespace {

/// The dynamic axes of all tensors of the module, in order of appearance: the
/// order of `sizes`.
SmallVector<StringAttr> dynamicAxes(ModuleOp module, bool hasCache) {
  llvm::SetVector<StringAttr> axes;
  auto note = [&](Type type) {
    auto tensor = dyn_cast<RankedTensorType>(type);
    if (!tensor)
      return;
    for (auto [name, size] : llvm::zip(axisNames(tensor), tensor.getShape()))
      if (ShapedType::isDynamic(size))
        axes.insert(name);
  };
  module.walk([&](Operation *op) {
    for (Type type : op->getResultTypes())
      note(type);
    for (Region &region : op->getRegions())
      for (Block &block : region)
        for (Type type : block.getArgumentTypes())
          note(type);
  });
  if (hasCache)
    axes.insert(StringAttr::get(module.getContext(), "capacity"));
  for (auto [name, elsewhere] : scoreAxes(module))
    axes.remove(name);
  return axes.takeVector();
}

bool isModelFunction(func::FuncOp function) {
  auto isModel = [](Type type) {
    return isa<RankedTensorType, WeightType, RaggedType, CacheType>(type);
  };
  return llvm::any_of(function.getArgumentTypes(), isModel) ||
         llvm::any_of(function.getResultTypes(), isModel);
}

/// Lowers one function. Kernels are made at the end of the module.
class FunctionLowering {
public:
  FunctionLowering(ModuleOp module, func::FuncOp from,
                   ArrayRef<StringAttr> axes, bool hasCache, int64_t &scratch)
      : module(module), from(from), axes(axes), hasCache(hasCache),
        b(module.getContext()), e(b, from.getLoc()), scratch(scratch) {}

  LogicalResult run();

private:
  LogicalResult lower(Operation *op);
  LogicalResult lowerCall(func::CallOp op);
  void lowerKernel(Operation *op);
  LogicalResult lowerAttention(AttentionOp op);
  void barrier();
  Value axisSize(StringAttr name);
  SmallVector<Value> sizes(RankedTensorType type);
  MemoryValue allocate(OpResult result);
  Value scratchBytes();
  Value readAfter(Operation *op);
  SmallVector<Value> entryCache(unsigned number);
  void copyResults();

  ModuleOp module;
  func::FuncOp from, to;
  ArrayRef<StringAttr> axes;
  bool hasCache;
  OpBuilder b;
  Emit e;
  int64_t &scratch;
  CallContext context;
  Value threadScratch;
  Value readAfterCall; // a byte of the weights; null in the entry
  llvm::DenseMap<Value, MemoryValue> memory;
  SmallVector<MemoryValue> results; // where the caller wants them
  llvm::DenseMap<StringAttr, Value> sizeOf;
  std::optional<FunctionArena> arena;
};

Value FunctionLowering::axisSize(StringAttr name) {
  Value &size = sizeOf[name];
  if (!size) {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(&to.getBody().front());
    StringAttr elsewhere = scoreAxes(module).lookup(name);
    size_t number =
        llvm::find(axes, elsewhere ? elsewhere : name) - axes.begin();
    size = e.toIndex(e.loadScalar(context.sizes, e.index(number)));
  }
  return size;
}

SmallVector<Value> FunctionLowering::sizes(RankedTensorType type) {
  SmallVector<Value> out;
  for (auto [name, size] : llvm::zip(axisNames(type), type.getShape()))
    if (ShapedType::isDynamic(size))
      out.push_back(axisSize(name));
  return out;
}

/// The memory of an op's result: its place in the arena, or the caller's
/// destination.
MemoryValue FunctionLowering::allocate(OpResult result) {
  auto type = dyn_cast<RankedTensorType>(result.getType());
  if (!type)
    return {};
  if (std::optional<unsigned> destination = arena->destinationOf(result)) {
    return results[*destination];
  }
  MemoryValue out = {arena->view(
      e, result, context, [&](StringAttr name) { return axisSize(name); })};
  llvm::append_range(out, sizes(type));
  return out;
}

void FunctionLowering::barrier() {
  auto pointer = LLVM::LLVMPointerType::get(b.getContext());
  Value address = memref::ExtractAlignedPointerAsIndexOp::create(
      b, from.getLoc(), context.sync);
  Value word =
      arith::IndexCastOp::create(b, from.getLoc(), b.getI64Type(), address);
  Value sync = LLVM::IntToPtrOp::create(b, from.getLoc(), pointer, word);
  func::CallOp::create(b, from.getLoc(), "heed_barrier", TypeRange(), sync);
}

void FunctionLowering::lowerKernel(Operation *op) {
  std::string name = (op->getName().stripDialect() + "_" +
                      Twine(llvm::range_size(module.getOps<func::FuncOp>())))
                         .str();
  SmallVector<Value> inputs;
  Kernel kernel;
  {
    OpBuilder builder(b.getContext());
    builder.setInsertionPointToEnd(module.getBody());
    kernel = beginKernel(builder, op, name, hasCache, inputs);
    Emit inside(builder, op->getLoc());
    llvm::TypeSwitch<Operation *>(op)
        .Case([&](FusedLinearOp linear) {
          emitLinearKernel(inside, kernel, linear);
        })
        .Case<ScoresOp, ScoreMapOp, MaskOp, SoftmaxOp, MaskedSoftmaxOp,
              CombineOp, PoolOp>(
            [&](Operation *) { emitPlainKernel(inside, kernel, op); })
        .Default([&](Operation *) { emitRowKernel(inside, kernel, op); });
    func::ReturnOp::create(builder, op->getLoc());
  }
  scratch = std::max(scratch, kernel.scratchBytes);

  e.loc = op->getLoc();
  SmallVector<Value> operands = context.values();
  operands.push_back(threadScratch);
  for (Value input : inputs)
    llvm::append_range(operands, memory.lookup(input));
  for (OpResult result : op->getResults()) {
    MemoryValue place =
        isa<CacheType>(result.getType()) ? MemoryValue() : allocate(result);
    memory[result] = place;
  }
  // A cache goes where it was: the operand's memory is the result's.
  op->walk([&](CacheAppendOp append) {
    Value root = append.getCache();
    for (OpResult result : op->getResults())
      if (result.getType() == root.getType() && memory[result].empty())
        memory[result] = memory.lookup(root);
  });
  for (OpResult result : op->getResults())
    llvm::append_range(operands, memory[result]);
  if (isa<FusedLinearOp>(op))
    operands.push_back(readAfter(op));
  func::CallOp::create(b, op->getLoc(), name, TypeRange(), operands);
  barrier();
}

LogicalResult FunctionLowering::lowerAttention(AttentionOp op) {
  std::string name =
      ("attention_" + Twine(llvm::range_size(module.getOps<func::FuncOp>())))
          .str();
  auto target = module->getAttrOfType<TargetAttr>("attn.target");
  OpBuilder builder(b.getContext());
  builder.setInsertionPointToEnd(module.getBody());
  AttentionKernels kernels = emitAttentionKernels(builder, op, target, name);
  if (!kernels.compute)
    return failure();
  scratch = std::max(scratch, attentionScratchBytes(op, target));
  e.loc = op.getLoc();
  memory[op.getResult()] = allocate(cast<OpResult>(op.getResult()));
  Value keyRows = op.getKvRows() ? op.getKvRows() : op.getQRows();
  auto table = [&](Value weight) {
    int64_t count = 1;
    for (int64_t size : cast<WeightType>(weight.getType()).getShape())
      count *= size;
    return e.view(context.weights, memory.lookup(weight)[0], b.getF32Type(),
                  e.index(count));
  };
  SmallVector<Value> operands;
  for (const AttentionArg &argument : attentionArguments(op)) {
    switch (argument.kind) {
    case AttentionArgKind::Query:
      operands.push_back(memory.lookup(op.getQ())[0]);
      break;
    case AttentionArgKind::Key:
      operands.push_back(memory.lookup(op.getK())[0]);
      break;
    case AttentionArgKind::Value:
      operands.push_back(memory.lookup(op.getV())[0]);
      break;
    case AttentionArgKind::Out:
      operands.push_back(memory.lookup(op.getResult())[0]);
      break;
    case AttentionArgKind::Cache:
      operands.push_back(context.pool);
      break;
    case AttentionArgKind::LayerOffset:
      operands.push_back(memory.lookup(op.getK())[0]);
      break;
    case AttentionArgKind::SlotStride:
      operands.push_back(memory.lookup(op.getK())[1]);
      break;
    case AttentionArgKind::Capacity:
      operands.push_back(memory.lookup(op.getK())[2]);
      break;
    case AttentionArgKind::AxisSize:
      operands.push_back(axisSize(argument.name));
      break;
    case AttentionArgKind::QueryStarts:
      operands.push_back(memory.lookup(op.getQRows())[2]);
      break;
    case AttentionArgKind::QueryPast:
      operands.push_back(memory.lookup(op.getQRows())[3]);
      break;
    case AttentionArgKind::KeyStarts:
      operands.push_back(memory.lookup(keyRows)[2]);
      break;
    case AttentionArgKind::KeyPast:
      operands.push_back(memory.lookup(keyRows)[3]);
      break;
    case AttentionArgKind::KeySlots:
      operands.push_back(memory.lookup(keyRows)[4]);
      break;
    case AttentionArgKind::Sinks:
    case AttentionArgKind::LookupTable:
      operands.push_back(table(argument.value));
      break;
    case AttentionArgKind::MaskTable:
      operands.push_back(memory.lookup(argument.value)[0]);
      break;
    case AttentionArgKind::MaskSymbol:
      return op.emitOpError() << "the mask's integer `"
                              << argument.name.getValue() << "` has no value";
    case AttentionArgKind::Scratch:
      operands.push_back(threadScratch);
      break;
    case AttentionArgKind::ScratchStride:
      operands.push_back(scratchBytes());
      break;
    case AttentionArgKind::Thread:
      operands.push_back(context.thread);
      break;
    case AttentionArgKind::Threads:
      operands.push_back(context.threads);
      break;
    }
  }
  for (func::FuncOp kernel : {kernels.compute, kernels.join}) {
    if (!kernel)
      continue;
    func::CallOp::create(b, op.getLoc(), kernel.getName(), TypeRange(),
                         operands);
    barrier();
  }
  return success();
}

LogicalResult FunctionLowering::lowerCall(func::CallOp op) {
  SmallVector<Value> operands = context.values();
  operands[1] = arena->calleeArena(
      e, context, [&](StringAttr name) { return axisSize(name); });
  operands.append({threadScratch, readAfter(op)});
  for (Value operand : op.getOperands())
    llvm::append_range(operands, memory.lookup(operand));
  unsigned caches = 0;
  SmallVector<Value> cacheOperands;
  for (Value operand : op.getOperands())
    if (isa<CacheType>(operand.getType()))
      cacheOperands.push_back(operand);
  for (OpResult result : op.getResults()) {
    if (isa<CacheType>(result.getType()))
      memory[result] = memory.lookup(cacheOperands[caches++]);
    else
      memory[result] = allocate(result);
    llvm::append_range(operands, memory[result]);
  }
  func::CallOp::create(b, op.getLoc(), op.getCallee(), TypeRange(), operands);
  return success();
}

LogicalResult FunctionLowering::lower(Operation *op) {
  if (auto handle = dyn_cast<HandleOp>(op)) {
    auto declared = SymbolTable::lookupNearestSymbolFrom<DeclareOp>(
        op, handle.getWeightAttr());
    auto offset = declared->getAttrOfType<IntegerAttr>("attn.offset");
    if (!offset)
      return op->emitOpError("the weight has no place yet (attn.offset)");
    memory[handle.getResult()] = {e.index(offset.getInt())};
    return success();
  }
  if (auto constant = dyn_cast<arith::ConstantOp>(op)) {
    if (auto data = dyn_cast<DenseElementsAttr>(constant.getValue())) {
      e.loc = op->getLoc();
      memory[constant] = {e.constantTable(data, "mask_table")};
      return success();
    }
  }
  if (isView(op)) {
    memory[op->getResult(0)] = {memory.lookup(op->getOperand(0))[0]};
    llvm::append_range(
        memory[op->getResult(0)],
        sizes(cast<RankedTensorType>(op->getResult(0).getType())));
    return success();
  }
  if (auto call = dyn_cast<func::CallOp>(op))
    return lowerCall(call);
  if (!isa<AttnDialect>(op->getDialect()))
    return op->emitOpError("has no place in a model function");
  if (auto attention = dyn_cast<AttentionOp>(op))
    return lowerAttention(attention);
  auto isShort = [](Type type) {
    auto tensor = dyn_cast<RankedTensorType>(type);
    return tensor && tensor.getElementType().isBF16();
  };
  if (llvm::any_of(op->getOperandTypes(), isShort) ||
      llvm::any_of(op->getResultTypes(), isShort))
    return op->emitOpError("has no kernel for tensors of bf16: only a fused "
                           "attention reads and writes them");
  if (auto linear = dyn_cast<FusedLinearOp>(op);
      linear && RowShape(linear.getX().getType()).hasHeads())
    return op->emitOpError("has no kernel for a linear of each head on its "
                           "own; merge the heads first");
  lowerKernel(op);
  return success();
}

/// Bytes of each thread's scratch: known when all kernels are made. Until then
/// the constant is one that nothing folds away.
Value FunctionLowering::scratchBytes() {
  Value bytes = e.index(std::numeric_limits<int32_t>::max());
  bytes.getDefiningOp()->setAttr("attn.scratch", b.getUnitAttr());
  return bytes;
}

/// The byte of the weights where this thread reads on behind `op`: in the next
/// linear, maybe one of the next call. Byte 0 where there is none.
Value FunctionLowering::readAfter(Operation *op) {
  for (Operation *next = op->getNextNode(); next; next = next->getNextNode()) {
    auto linear = dyn_cast<FusedLinearOp>(next);
    auto call = dyn_cast<func::CallOp>(next);
    if (call) {
      // Functions that are lowered already have another name.
      auto callee = module.lookupSymbol<func::FuncOp>(
          (call.getCallee() + "_tensors").str());
      if (!callee)
        callee = module.lookupSymbol<func::FuncOp>(call.getCallee());
      callee.walk([&](FusedLinearOp first) {
        linear = first;
        return WalkResult::interrupt();
      });
    }
    if (linear)
      return firstRead(
          e, linear,
          [&](Value weight) {
            if (auto argument = dyn_cast<BlockArgument>(weight);
                argument && call)
              weight = call.getOperand(argument.getArgNumber());
            return memory.lookup(weight)[0];
          },
          context);
  }
  return readAfterCall ? readAfterCall : e.index(0);
}

/// Offset of cache `number` of the entry, times the capacity; the stride of a
/// slot; the capacity.
SmallVector<Value> FunctionLowering::entryCache(unsigned number) {
  int64_t before = 0, all = 0, i = 0;
  for (Type type : from.getArgumentTypes())
    if (auto cache = dyn_cast<CacheType>(type)) {
      int64_t floats = 2 * cache.getKvHeads() * cache.getHead();
      before += i++ < number ? floats : 0;
      all += floats;
    }
  Value capacity = axisSize(StringAttr::get(b.getContext(), "capacity"));
  // Behind the loads of sizes, which stand at the start of the function.
  return {e.mul(capacity, before), e.mul(capacity, all), capacity};
}

LogicalResult FunctionLowering::run() {
  // The entry's arguments are the ABI's (runtime/model/Entry.h): a tensor is
  // its memory, caches are places in the pool. Any other function takes its
  // thread's scratch, and everything as kernels do.
  bool entry = from->hasAttr("attn.entry");
  auto slots = [&](Type type) {
    SmallVector<Type> types;
    if (entry && isa<CacheType>(type))
      return types;
    types = memoryTypes(type);
    if (entry && isa<RankedTensorType>(type))
      types.resize(1);
    return types;
  };
  SmallVector<Type> types = CallContext::types(b.getContext(), hasCache);
  unsigned leading = types.size();
  if (!entry)
    types.append({types[1], b.getIndexType()});
  for (Type type : from.getArgumentTypes())
    llvm::append_range(types, slots(type));
  for (Type type : from.getResultTypes())
    llvm::append_range(types, slots(type));

  b.setInsertionPoint(from);
  std::string name = from.getSymName().str();
  from.setSymName(name + "_tensors");
  to = func::FuncOp::create(b, from.getLoc(), name,
                            b.getFunctionType(types, {}));
  if (entry)
    to->setAttr("llvm.emit_c_interface", b.getUnitAttr());
  else
    to.setPrivate();
  Block *body = to.addEntryBlock();
  b.setInsertionPointToEnd(body);
  context = CallContext::of(*body, hasCache);
  arena.emplace(from);

  ValueRange rest = body->getArguments().drop_front(leading);
  if (entry) {
    // Threads' scratch comes first in the arena.
    Value bytes = scratchBytes();
    threadScratch = e.view(context.arena, e.mul(bytes, context.thread),
                           b.getI8Type(), bytes);
    Value start = e.mul(bytes, context.threads);
    context.arena = e.view(context.arena, start, b.getI8Type(),
                           e.sub(e.sizeOf(context.arena), start));
  } else {
    threadScratch = rest[0];
    readAfterCall = rest[1];
    rest = rest.drop_front(2);
  }
  unsigned caches = 0;
  auto take = [&](Type type) {
    if (entry && isa<CacheType>(type))
      return entryCache(caches++);
    unsigned count = slots(type).size();
    MemoryValue value(rest.take_front(count));
    rest = rest.drop_front(count);
    if (auto tensor = dyn_cast<RankedTensorType>(type); tensor && entry)
      llvm::append_range(value, sizes(tensor));
    return value;
  };
  for (BlockArgument argument : from.getArguments())
    memory[argument] = take(argument.getType());
  caches = 0;
  for (Type type : from.getResultTypes())
    results.push_back(take(type));

  for (Operation &op : from.getBody().front().without_terminator())
    if (failed(lower(&op)))
      return failure();
  copyResults();
  func::ReturnOp::create(b, from.getLoc());
  return success();
}

/// A result that no op computed in its destination (an argument handed through,
/// a value returned twice) is copied.
void FunctionLowering::copyResults() {
  for (auto [value, place] : llvm::zip(
           from.getBody().front().getTerminator()->getOperands(), results)) {
    if (!isa<RankedTensorType>(value.getType()) ||
        memory.lookup(value)[0] == place[0])
      continue;
    e.when(
        e.equal(context.thread, e.index(0)), [&, value = value, place = place] {
          memref::CopyOp::create(b, e.loc, memory.lookup(value)[0], place[0]);
        });
    barrier();
  }
}

struct LowerToTiles : impl::LowerToTilesBase<LowerToTiles> {
  void runOnOperation() override {
    ModuleOp module = getOperation();
    bool hasCache = false;
    SmallVector<func::FuncOp> functions;
    for (auto function : module.getOps<func::FuncOp>())
      if (isModelFunction(function)) {
        functions.push_back(function);
        hasCache |= llvm::any_of(function.getArgumentTypes(), [](Type type) {
          return isa<CacheType>(type);
        });
      }
    OpBuilder b(&getContext());
    SmallVector<StringAttr> axes = dynamicAxes(module, hasCache);
    module->setAttr("attn.axes", b.getArrayAttr(SmallVector<Attribute>(
                                     axes.begin(), axes.end())));
    b.setInsertionPointToEnd(module.getBody());
    auto barrier = func::FuncOp::create(
        b, module.getLoc(), "heed_barrier",
        b.getFunctionType({LLVM::LLVMPointerType::get(&getContext())}, {}));
    barrier.setPrivate();
    int64_t scratch = 0;
    for (func::FuncOp function : functions)
      if (failed(FunctionLowering(module, function, axes, hasCache, scratch)
                     .run()))
        return signalPassFailure();
    for (func::FuncOp function : functions)
      function.erase();
    scratch = llvm::alignTo(scratch, 64);
    module->setAttr("attn.scratch", b.getI64IntegerAttr(scratch));
    module.walk([&](arith::ConstantIndexOp constant) {
      if (constant->removeAttr("attn.scratch"))
        constant.setValueAttr(b.getIndexAttr(scratch));
    });
  }
};

} // namespace
} // namespace heed
