//===- FewKeys.cpp - Rows of few keys, whose roundings show ---------------===//
#include "codegen/attention/FewKeys.h"

#include <limits>

using namespace mlir;

namespace heed::attn {

static int64_t rowsOf(Value memref) {
  return cast<MemRefType>(memref.getType()).getDimSize(0);
}

void FewKeys::start() const {
  for (int64_t row = 0; row < rowsOf(seen); row += c.lanes)
    c.store(c.constant(0), seen, c.index(row));
}

Value FewKeys::inBlock(Value scores, Value count) const {
  int64_t vectors = rowsOf(seen) / c.lanes;
  Value zero = c.constant(0), one = c.constant(1), enough = c.constant(kEnough),
        lowest = c.constant(-std::numeric_limits<float>::infinity());
  TileCode::Values sums =
      c.loop(c.index(0), count, 1, TileCode::Values(vectors, zero),
             [&](Value key, ValueRange carried) {
               TileCode::Values next;
               for (int64_t v = 0; v < vectors; ++v) {
                 Value score = c.load(scores, {key, c.index(v * c.lanes)});
                 Value is = c.compare(arith::CmpFPredicate::OGT, score, lowest);
                 next.push_back(c.add(carried[v], c.select(is, one, zero)));
               }
               return next;
             });
  Value fewest = enough;
  for (int64_t v = 0; v < vectors; ++v) {
    Value at = c.index(v * c.lanes), total = c.add(c.load(seen, at), sums[v]),
          some = c.compare(arith::CmpFPredicate::OGT, sums[v], zero);
    c.store(total, seen, at);
    fewest = c.min(fewest, c.select(some, total, enough));
  }
  Value least = vector::ReductionOp::create(
      c.b, c.loc, vector::CombiningKind::MINNUMF, fewest,
      arith::FastMathFlags::nnan | arith::FastMathFlags::nsz);
  return c.compare(
      arith::CmpFPredicate::OLT, least,
      arith::ConstantOp::create(c.b, c.loc, c.b.getF32FloatAttr(kEnough)));
}

} // namespace heed::attn
