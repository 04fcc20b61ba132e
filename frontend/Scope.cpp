//===- Scope.cpp - A function while it is being built ---------------------===//
#include "frontend/Scope.h"

using namespace heed;
using namespace mlir;

Scope::Scope(ModuleOp module, Operation *before, StringRef name, Location loc,
             Scope *outer)
    : outer(outer), b(module.getContext()) {
  if (before)
    b.setInsertionPoint(before);
  else
    b.setInsertionPointToEnd(module.getBody());
  func = func::FuncOp::create(b, loc, name, b.getFunctionType({}, {}));
  if (outer)
    func.setPrivate();
  b.setInsertionPointToStart(func.addEntryBlock());
}

Value Scope::addArg(ArgRank rank, Type type, Location loc, Value outerValue) {
  Value value = func.front().addArgument(type, loc);
  args.push_back({rank, value, outerValue, std::nullopt, {}, {}});
  return value;
}

void Scope::describe(Value arg, StringRef role, StringRef name) {
  for (Arg &each : args)
    if (each.value == arg) {
      each.attrs.push_back(b.getNamedAttr("attn.role", b.getStringAttr(role)));
      each.attrs.push_back(b.getNamedAttr("attn.name", b.getStringAttr(name)));
    }
}

Value Scope::local(Value value, ArgRank rank) {
  Region *home = value.getParentRegion();
  if (home == &func.getBody() || !outer)
    return value;
  Value above = outer->local(value, rank);
  for (const Arg &arg : args)
    if (arg.outer == above)
      return arg.value;
  return addArg(rank, value.getType(), value.getLoc(), above);
}

Value Scope::weight(const Handle &handle, Location loc) {
  auto named = NameLoc::get(handle.symbol, loc);
  if (!outer) {
    Value &known = handles[handle.symbol.str()];
    if (known)
      return known;
    OpBuilder::InsertionGuard guard(b);
    if (lastHandle)
      b.setInsertionPointAfter(lastHandle);
    else
      b.setInsertionPointToStart(&func.front());
    auto op = attn::HandleOp::create(b, named, handle.type,
                                     FlatSymbolRefAttr::get(handle.symbol));
    lastHandle = op;
    return known = op.getResult();
  }
  for (const Arg &arg : args)
    if (arg.weight && arg.weight->symbol == handle.symbol)
      return arg.value;
  Value value = addArg(ArgRank::Weight, handle.type, named);
  args.back().weight = handle;
  return value;
}

Value Scope::addCache(attn::CacheType type, Location loc) {
  Value cache = addArg(ArgRank::Cache, type, loc);
  args.back().cacheNow = cache;
  return cache;
}

void Scope::appended(Value cache, Value now) {
  for (Arg &arg : args)
    if (arg.rank == ArgRank::Cache && arg.value == cache)
      arg.cacheNow = now;
}

void Scope::finish(ValueRange results, Location loc) {
  SmallVector<Value> returned(results);
  for (const Arg &arg : args)
    if (arg.rank == ArgRank::Cache)
      returned.push_back(arg.cacheNow);
  func::ReturnOp::create(b, loc, returned);

  std::vector<Arg> ordered;
  for (ArgRank rank :
       {ArgRank::Value, ArgRank::TokenTypes, ArgRank::Rows, ArgRank::Input,
        ArgRank::Wanted, ArgRank::Cache, ArgRank::Weight})
    llvm::copy_if(args, std::back_inserter(ordered),
                  [&](const Arg &arg) { return arg.rank == rank; });
  args = std::move(ordered);
  Block &block = func.front();
  unsigned count = block.getNumArguments();
  SmallVector<DictionaryAttr> attrs;
  for (Arg &arg : args) {
    Value moved = block.addArgument(arg.value.getType(), arg.value.getLoc());
    arg.value.replaceAllUsesWith(moved);
    arg.value = moved;
    attrs.push_back(DictionaryAttr::get(b.getContext(), arg.attrs));
  }
  block.eraseArguments(0, count);
  Operation *end = block.getTerminator();
  func.setType(
      b.getFunctionType(block.getArgumentTypes(), end->getOperandTypes()));
  func.setAllArgAttrs(attrs);
}
