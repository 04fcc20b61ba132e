//===- TileLowering.h - One function for each tile op ---------------------===//
//
// Each replaces its op, at the builder's insertion point, by scf loops whose
// iter_args are separate 1-D vectors.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "codegen/VectorBuilder.h"
#include "ir/Attn.h"

#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

namespace heed::attn {

void lowerTile(TileLoadQueriesOp op, mlir::OpBuilder &b);
void lowerTile(TilePositionsOp op, mlir::OpBuilder &b);
void lowerTile(TilePackKeysOp op, mlir::OpBuilder &b);
void lowerTile(TilePackValuesOp op, mlir::OpBuilder &b);
void lowerTile(TileStartOp op, mlir::OpBuilder &b);
mlir::LogicalResult lowerTile(TileScoresOp op, mlir::OpBuilder &b);
void lowerTile(TileSoftmaxOp op, mlir::OpBuilder &b);
void lowerTile(TileCombineOp op, mlir::OpBuilder &b);
void lowerTile(TileStoreOp op, mlir::OpBuilder &b);

/// Code for one tile op: vectors, indices and loops at one location.
struct TileCode : VectorBuilder {
  TileCode(mlir::OpBuilder &b, mlir::Location loc, int64_t lanes)
      : VectorBuilder{b, loc, lanes} {}

  Value addIndex(Value x, int64_t y) const {
    return y ? addIndex(x, index(y)) : x;
  }
  Value addIndex(Value x, Value y) const {
    return mlir::arith::AddIOp::create(b, loc, x, y);
  }
  Value subIndex(Value x, Value y) const {
    return mlir::arith::SubIOp::create(b, loc, x, y);
  }
  Value mulIndex(Value x, int64_t y) const {
    return mlir::arith::MulIOp::create(b, loc, x, index(y));
  }
  Value divIndex(Value x, int64_t y) const {
    return y == 1 ? x : mlir::arith::DivUIOp::create(b, loc, x, index(y));
  }
  Value remIndex(Value x, int64_t y) const {
    return y == 1 ? index(0)
                  : mlir::arith::RemUIOp::create(b, loc, x, index(y));
  }
  Value minIndex(Value x, Value y) const {
    return mlir::arith::MinSIOp::create(b, loc, x, y);
  }
  Value maxIndex(Value x, Value y) const {
    return mlir::arith::MaxSIOp::create(b, loc, x, y);
  }
  Value lessIndex(Value x, Value y) const {
    return mlir::arith::CmpIOp::create(b, loc, mlir::arith::CmpIPredicate::slt,
                                       x, y);
  }
  Value lessEqualIndex(Value x, Value y) const {
    return mlir::arith::CmpIOp::create(b, loc, mlir::arith::CmpIPredicate::sle,
                                       x, y);
  }
  /// Whether the keys from `first` to `last` lie in one of the ranges
  /// [bounds[2 i], bounds[2 i + 1]).
  Value inOneRange(mlir::ValueRange bounds, Value first, Value last) const {
    Value found = mlir::arith::ConstantOp::create(b, loc, b.getBoolAttr(false));
    for (unsigned i = 0; i < bounds.size(); i += 2) {
      Value fits =
          mlir::arith::AndIOp::create(b, loc, lessEqualIndex(bounds[i], first),
                                      lessIndex(last, bounds[i + 1]));
      found = mlir::arith::OrIOp::create(b, loc, found, fits);
    }
    return found;
  }
  Value loadScalar(Value memref, mlir::ValueRange indices) const {
    return mlir::memref::LoadOp::create(b, loc, memref, indices);
  }
  /// f32 or bf16, a number or a vector, as f32.
  Value asF32(Value x) const {
    auto vector = mlir::dyn_cast<mlir::VectorType>(x.getType());
    mlir::Type f32 = b.getF32Type();
    if (vector)
      f32 = vector.clone(f32);
    return x.getType() == f32 ? x : mlir::arith::ExtFOp::create(b, loc, f32, x);
  }
  /// A vector of lanes elements of f32 or bf16, as f32.
  Value loadAsF32(Value memref, mlir::ValueRange indices) const {
    auto type = mlir::cast<mlir::MemRefType>(memref.getType());
    return asF32(mlir::vector::LoadOp::create(
        b, loc, mlir::VectorType::get(lanes, type.getElementType()), memref,
        indices));
  }

  /// Where a prefetched line goes: LLVM's numbers of locality.
  enum CacheLevel : unsigned { L2 = 2, L1 = 3 };
  /// Elements of a line of memory of f32 or bf16.
  static int64_t lineOf(Value memref) {
    auto type = mlir::cast<mlir::MemRefType>(memref.getType());
    return 64 / (type.getElementTypeBitWidth() / 8);
  }
  /// Whether keys or values are those of a block, packed in scratch: nothing
  /// that is needed later lies behind them.
  static bool isBlock(Value memref) {
    auto type = mlir::cast<mlir::MemRefType>(memref.getType());
    return type.hasStaticShape() && type.getLayout().isIdentity();
  }
  /// Asks for a line of memory to come closer before it is read or written.
  /// `at` may lie outside: nothing is read there, and a check would cost more
  /// than the line.
  void prefetch(Value memref, mlir::ValueRange at, CacheLevel to = L2,
                bool toWrite = false) const {
    mlir::memref::PrefetchOp::create(b, loc, memref, at, toWrite,
                                     /*localityHint=*/to, /*isDataCache=*/true);
  }

  /// Row and column of the i-th element of the rows of `width` elements from
  /// `row` on, to prefetch it. Where they follow each other in memory, columns
  /// just go on: no division.
  std::pair<Value, Value> elementFrom(Value memref, Value row, Value i,
                                      int64_t width) const {
    auto type = mlir::cast<mlir::MemRefType>(memref.getType());
    auto [strides, offset] = type.getStridesAndOffset();
    if (strides[0] == width && strides[1] == 1)
      return {row, i};
    return {addIndex(row, divIndex(i, width)), remIndex(i, width)};
  }

  /// for (i = from; i < to; i += step) with values carried around; returns
  /// their final values.
  using Values = llvm::SmallVector<Value>;
  Values loop(Value from, Value to, int64_t step, mlir::ValueRange start,
              llvm::function_ref<Values(Value i, mlir::ValueRange carried)>
                  body) const {
    return loop(from, to, index(step), start, body);
  }
  Values loop(Value from, Value to, Value step, mlir::ValueRange start,
              llvm::function_ref<Values(Value i, mlir::ValueRange carried)>
                  body) const {
    // The body is built once the loop stands in its function, so that what it
    // builds can look around.
    auto loop = mlir::scf::ForOp::create(b, loc, from, to, step, start);
    mlir::OpBuilder::InsertionGuard guard(b);
    if (start.empty()) {
      b.setInsertionPoint(loop.getBody()->getTerminator());
      body(loop.getInductionVar(), {});
    } else {
      b.setInsertionPointToEnd(loop.getBody());
      mlir::scf::YieldOp::create(
          b, loc, body(loop.getInductionVar(), loop.getRegionIterArgs()));
    }
    return llvm::to_vector_of<Value>(loop.getResults());
  }
};

/// On a tile_store: the atom of bf16 of the target, whose instruction rounds
/// outputs of bf16. Without one, integers round them.
inline constexpr llvm::StringLiteral kAtom = "attn.atom";

/// On tile_load_queries of tiles whose rows are all computed: those behind the
/// last repeat it.
inline constexpr llvm::StringLiteral kFillsTile = "attn.fills_tile";

/// Weights or weighted values summed in one chain where a row's sum begins: a
/// row of few keys has no other sums that its error could average with.
inline constexpr int64_t kFirstChain = 32;

/// On tile_scores and tile_combine of masks whose rows never see many keys: all
/// blocks are summed in shorter chains, not only those in which a row begins.
inline constexpr llvm::StringLiteral kShortChains = "attn.short_chains";
/// On tile_scores instead, where mx is the maximum of plain scores: chains
/// start from a part of it.
inline constexpr llvm::StringLiteral kChainsFromMaximum =
    "attn.chains_from_maximum";
/// On tile_scores of masks that let some rows see few keys: where rows begin,
/// chains are shorter still. On tile_combine where nothing tells that: sums are
/// those of a beginning row in all blocks.
inline constexpr llvm::StringLiteral kOftenBegins = "attn.often_begins";

/// Transposes lanes x lanes elements in registers.
void transpose(const TileCode &c, TileCode::Values &rows);

} // namespace heed::attn
