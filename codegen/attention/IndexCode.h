//===- IndexCode.h - Short words for index arithmetic ---------------------===//
#pragma once

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

namespace heed::attn {

/// Builds arithmetic on indices, folded where both sides are known.
struct IndexCode {
  mlir::OpBuilder &b;
  mlir::Location loc;

  using Value = mlir::Value;

  Value index(int64_t value) const {
    return mlir::arith::ConstantIndexOp::create(b, loc, value);
  }
  Value add(Value x, Value y) const {
    return b.createOrFold<mlir::arith::AddIOp>(loc, x, y);
  }
  Value sub(Value x, Value y) const {
    return b.createOrFold<mlir::arith::SubIOp>(loc, x, y);
  }
  Value mul(Value x, Value y) const {
    return b.createOrFold<mlir::arith::MulIOp>(loc, x, y);
  }
  Value minimum(Value x, Value y) const {
    return b.createOrFold<mlir::arith::MinSIOp>(loc, x, y);
  }
  Value maximum(Value x, Value y) const {
    return b.createOrFold<mlir::arith::MaxSIOp>(loc, x, y);
  }
  Value select(Value condition, Value yes, Value no) const {
    return b.createOrFold<mlir::arith::SelectOp>(loc, condition, yes, no);
  }
  Value both(Value x, Value y) const {
    return b.createOrFold<mlir::arith::AndIOp>(loc, x, y);
  }
  Value equal(Value x, Value y) const {
    return mlir::arith::CmpIOp::create(b, loc, mlir::arith::CmpIPredicate::eq,
                                       x, y);
  }
  Value less(Value x, Value y) const {
    return mlir::arith::CmpIOp::create(b, loc, mlir::arith::CmpIPredicate::slt,
                                       x, y);
  }
  /// Of values that are not negative.
  Value ceilDiv(Value x, Value y) const {
    Value above = sub(add(x, y), index(1));
    return mlir::arith::DivUIOp::create(b, loc, above, y);
  }
  void when(Value condition, llvm::function_ref<void()> yes,
            llvm::function_ref<void()> no = nullptr) const {
    auto branch = [&](llvm::function_ref<void()> body) {
      return [&, body](mlir::OpBuilder &, mlir::Location) {
        body();
        mlir::scf::YieldOp::create(b, loc);
      };
    };
    if (no)
      mlir::scf::IfOp::create(b, loc, condition, branch(yes), branch(no));
    else
      mlir::scf::IfOp::create(b, loc, condition, branch(yes));
  }
  Value div(Value x, Value y) const {
    return b.createOrFold<mlir::arith::DivUIOp>(loc, x, y);
  }
  Value div(Value x, int64_t y) const { return y == 1 ? x : div(x, index(y)); }

  void loopOver(Value from, Value to, int64_t step,
                llvm::function_ref<void(Value i)> body) const {
    loopOver(from, to, index(step), body);
  }
  void loopOver(Value from, Value to, Value step,
                llvm::function_ref<void(Value i)> body) const {
    mlir::scf::ForOp::create(
        b, loc, from, to, step, mlir::ValueRange{},
        [&](mlir::OpBuilder &, mlir::Location, Value i, mlir::ValueRange) {
          body(i);
          mlir::scf::YieldOp::create(b, loc);
        });
  }
};

} // namespace heed::attn
