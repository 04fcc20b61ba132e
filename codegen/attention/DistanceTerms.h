//===- DistanceTerms.h - Parts of a rule that read kv - q only ------------===//
//
// A bias by distance (T5's buckets, ALiBi) is the same along the diagonals of
// a tile of scores: one line of rows + keys numbers holds it, where the rule
// would be computed for rows x keys of them.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "codegen/attention/TileLowering.h"

namespace heed::attn {

/// On a tile_scores whose rows are one query each: row r is at the position of
/// row 0 plus r.
inline constexpr llvm::StringLiteral kRowsAreQueries = "attn.rows_are_queries";

/// The f32 values of a rule that are functions of kv - q, and of what is the
/// same for all pairs of a tile, and take more than one op: those that other
/// parts of the rule read. `q` and `kv` are numbers of arguments.
llvm::SmallVector<mlir::Value> distanceTerms(mlir::Region &rule, unsigned q,
                                             unsigned kv);

/// The ops of a rule that its distance terms take, constants left out.
llvm::DenseSet<mlir::Operation *> opsOfTerms(mlir::Region &rule,
                                             llvm::ArrayRef<mlir::Value> terms);

/// The lines of the distance terms of one tile_scores' map, in memory of the
/// function's frame. There are none where a rule has no such term, where its
/// rows are not queries, or where there is one row.
class DistanceLines {
public:
  enum class Lanes { Rows, Keys };
  DistanceLines(TileScoresOp op, const TileCode &code, Lanes lanes);

  llvm::ArrayRef<mlir::Value> terms() const { return found; }
  /// Computes the lines for the block's keys.
  mlir::LogicalResult fill();
  /// The terms of a vector of pairs: `key` of the block and the rows from `row`
  /// on, or `row` and the keys from `key` on.
  TileCode::Values at(mlir::Value key, mlir::Value row);

private:
  TileScoresOp op;
  TileCode c;
  Lanes lanes;
  int64_t rows, width;
  llvm::SmallVector<mlir::Value> found;
  mlir::Value lines;
};

} // namespace heed::attn
