//===- TilePacking.cpp - Keys and values of a block as the atoms read them ===//
#include "codegen/Pairs.h"
#include "codegen/attention/TileAmx.h"
#include "codegen/attention/ValuePanels.h"

using namespace mlir;

namespace heed::attn {

/// `length` elements of a row as bf16.
static Value loadBf16(const TileCode &c, Value memref, Value row, Value d,
                      int64_t length) {
  Type element = cast<MemRefType>(memref.getType()).getElementType();
  Value loaded = vector::LoadOp::create(
      c.b, c.loc, VectorType::get(length, element), memref, ValueRange{row, d});
  if (element.isBF16())
    return loaded;
  return arith::TruncFOp::create(
      c.b, c.loc, VectorType::get(length, c.b.getBF16Type()), loaded);
}

/// Rows of f32 or bf16 as f32.
static void packAsF32(TilePackKeysOp op, const TileCode &c) {
  int64_t head = op.getK().getType().getDimSize(1),
          block = op.getKp().getType().getDimSize(0);
  TileCode part(c.b, c.loc, std::min(c.lanes, head));
  c.loop(c.index(0), op.getCount(), 1, {}, [&](Value key, ValueRange) {
    Value row = c.addIndex(op.getFrom(), key);
    for (int64_t d = 0; d < head; d += c.lineOf(op.getK())) // of the next block
      c.prefetch(op.getK(), {c.addIndex(row, block), c.index(d)});
    for (int64_t d = 0; d < head; d += part.lanes) {
      Value at = c.index(std::min(d, head - part.lanes));
      part.store(part.loadAsF32(op.getK(), {row, at}), op.getKp(), {key, at});
    }
    return TileCode::Values();
  });
}

/// Values in panels of f32. A panel is copied a vector of whole words at a
/// time: what it writes too much is overwritten by the next key, or lies behind
/// the last one.
static void packPanels(TilePackValuesOp op, const TileCode &c) {
  int64_t head = op.getV().getType().getDimSize(1);
  ValuePanels panels(c, op.getVp(), head);
  int64_t width = panels.width;
  auto copied = static_cast<int64_t>(llvm::PowerOf2Ceil(width));
  c.loop(c.index(0), op.getCount(), 1, {}, [&](Value key, ValueRange) {
    Value row = c.addIndex(op.getFrom(), key),
          later = c.addIndex(row, panels.keys);
    for (int64_t d = 0; d < head; d += c.lineOf(op.getV()))
      c.prefetch(op.getV(), {later, c.index(d)});
    for (int64_t d = 0; d < head; d += width) {
      int64_t length = d + copied <= head ? copied : std::min(width, head - d);
      TileCode part(c.b, c.loc, length);
      Value values = part.loadAsF32(op.getV(), {row, c.index(d)});
      Value to = c.addIndex(key, d / width * panels.keys);
      part.store(values, op.getVp(), {to, c.index(0)});
    }
    return TileCode::Values();
  });
}

/// Calls body for blocks of `length` features that cover the head; the last may
/// overlap the one before.
static void forBlocks(const TileCode &c, int64_t head, int64_t length,
                      llvm::function_ref<void(Value d)> body) {
  int64_t whole = head - head % length;
  c.loop(c.index(0), c.index(whole), length, {}, [&](Value d, ValueRange) {
    body(d);
    return TileCode::Values();
  });
  if (whole < head)
    body(c.index(head - length));
}

void lowerTile(TilePackKeysOp op, OpBuilder &b) {
  TileCode c(b, op.getLoc(), op.getLanes());
  if (op.getKp().getType().getElementType().isF32())
    return packAsF32(op, c);
  int64_t head = op.getK().getType().getDimSize(1),
          padded = op.getKp().getType().getDimSize(1);
  c.loop(c.index(0), op.getCount(), 1, {}, [&](Value key, ValueRange) {
    Value row = c.addIndex(op.getFrom(), key);
    forBlocks(c, head, c.lanes, [&](Value d) {
      vector::StoreOp::create(b, c.loc, loadBf16(c, op.getK(), row, d, c.lanes),
                              op.getKp(), ValueRange{key, d});
    });
    if (padded > head) {
      auto type = VectorType::get(padded - head, b.getBF16Type());
      Value zeros = arith::ConstantOp::create(b, c.loc, b.getZeroAttr(type));
      vector::StoreOp::create(b, c.loc, zeros, op.getKp(),
                              ValueRange{key, c.index(head)});
    }
    return TileCode::Values();
  });
}

/// [key / 2, 2 d + key % 2]: pairs of keys for dpbf16.
static void packPairs(TilePackValuesOp op, const TileCode &c) {
  Pairs pairs{c};
  int64_t head = op.getV().getType().getDimSize(1);
  // Rows of bf16 are joined by one permute for each 32 features, rows of f32 on
  // their way through the conversion.
  bool isBf16 = op.getV().getType().getElementType().isBF16();
  int64_t length = isBf16 && head >= 2 * c.lanes ? 2 * c.lanes : c.lanes;
  auto join = [&](Value first, Value second, Value to) {
    forBlocks(c, head, length, [&](Value d) {
      auto load = [&](Value row) -> Value {
        if (!row)
          return arith::ConstantOp::create(
              c.b, c.loc,
              c.b.getZeroAttr(VectorType::get(
                  length, op.getV().getType().getElementType())));
        if (isBf16)
          return loadBf16(c, op.getV(), row, d, length);
        return c.load(op.getV(), {row, d});
      };
      Value x = load(first), y = load(second);
      pairs.store(isBf16 ? pairs.interleave(x, y) : pairs.of(x, y), op.getVp(),
                  {to, c.mulIndex(d, 2)});
    });
  };
  Value odd = c.remIndex(op.getCount(), 2),
        even = c.subIndex(op.getCount(), odd);
  c.loop(c.index(0), even, 2, {}, [&](Value key, ValueRange) {
    Value row = c.addIndex(op.getFrom(), key);
    join(row, c.addIndex(row, 1), c.divIndex(key, 2));
    return TileCode::Values();
  });
  // A weight of 0 does not silence what lies behind the last key: zeros do.
  auto last = scf::IfOp::create(c.b, c.loc, c.lessIndex(c.index(0), odd));
  OpBuilder::InsertionGuard guard(c.b);
  c.b.setInsertionPoint(last.thenBlock()->getTerminator());
  join(c.addIndex(op.getFrom(), even), Value(), c.divIndex(even, 2));
}

void lowerTile(TilePackValuesOp op, OpBuilder &b) {
  TileCode c(b, op.getLoc(), op.getLanes());
  if (op.getAtom() == kAmx)
    amxPackValues(op, c);
  else if (op.getVp().getType().getElementType().isF32())
    packPanels(op, c);
  else
    packPairs(op, c);
}

} // namespace heed::attn
