//===- Scope.h - A function while it is being built -----------------------===//
#pragma once

#include "frontend/Weights.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Builders.h"

namespace heed {

/// The arguments of a function stand in this order, and within a rank in the
/// order of their first use.
enum class ArgRank { Value, TokenTypes, Rows, Input, Wanted, Cache, Weight };

/// A function being built. What it needs from outside (weights, caches, rows, a
/// value of the caller) becomes an argument when it is first asked for.
class Scope {
public:
  struct Arg {
    ArgRank rank;
    mlir::Value value;            // the block argument
    mlir::Value outer;            // what the caller passes, if a value
    std::optional<Handle> weight; // or a weight
    llvm::SmallVector<mlir::NamedAttribute> attrs;
    mlir::Value cacheNow; // a cache: after the last append
  };

  Scope(mlir::ModuleOp module, mlir::Operation *before, llvm::StringRef name,
        mlir::Location loc, Scope *outer);

  mlir::OpBuilder &builder() { return b; }
  Scope *parent() const { return outer; }
  bool isEntry() const { return !outer; }

  mlir::Value addArg(ArgRank rank, mlir::Type type, mlir::Location loc,
                     mlir::Value outerValue = {});
  /// Sets attn.role and attn.name of an argument.
  void describe(mlir::Value arg, llvm::StringRef role, llvm::StringRef name);

  /// A value of this function or one around it, usable here.
  mlir::Value local(mlir::Value value, ArgRank rank);
  /// The handle of a declared weight.
  mlir::Value weight(const Handle &handle, mlir::Location loc);
  /// A new cache of the function; `appended` notes what it has become.
  mlir::Value addCache(attn::CacheType type, mlir::Location loc);
  void appended(mlir::Value cache, mlir::Value now);

  /// Ends the function: arguments in order, `results` and the caches returned.
  void finish(mlir::ValueRange results, mlir::Location loc);

  mlir::func::FuncOp func;
  std::vector<Arg> args;
  std::map<std::string, mlir::Value> bindings; // inputs, let

private:
  Scope *outer;
  mlir::OpBuilder b;
  mlir::Operation *lastHandle = nullptr;
  std::map<std::string, mlir::Value> handles; // of an entry
};

} // namespace heed
