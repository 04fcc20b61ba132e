//===- KeysInLanes.cpp - Tile ops for a handful of rows -------------------===//
#include "codegen/attention/KeysInLanes.h"
#include "codegen/Bf16.h"
#include "codegen/VectorMath.h"
#include "codegen/attention/DistanceTerms.h"
#include "codegen/attention/LaneRegion.h"

#include <limits>

using namespace mlir;

namespace heed::attn {

namespace {
/// Rows of `head` features, read and written a vector at a time; the last
/// vector may be cut short.
struct RowCode : TileCode {
  int64_t head;
  RowCode(OpBuilder &b, Location loc, int64_t lanes, int64_t head)
      : TileCode(b, loc, lanes), head(head) {}

  int64_t wholeVectors() const { return head / lanes; }
  int64_t allVectors() const { return llvm::divideCeil(head, lanes); }
  /// The lanes of the last, cut vector.
  Value cut() const {
    SmallVector<bool> mask(lanes);
    std::fill_n(mask.begin(), head % lanes, true);
    return arith::ConstantOp::create(
        b, loc,
        DenseElementsAttr::get(VectorType::get(lanes, b.getI1Type()),
                               ArrayRef(mask)));
  }
  /// A vector of f32 or bf16 as f32; zeros behind the head.
  Value loadVector(Value memref, ValueRange at, bool isCut) const {
    if (!isCut)
      return loadAsF32(memref, at);
    if (cast<MemRefType>(memref.getType()).getElementType().isF32())
      return vector::MaskedLoadOp::create(b, loc, f32(), memref, at, cut(),
                                          constant(0));
    // AVX2 masks no elements of 16 bits: the head's last vector has them all.
    SmallVector<Value> last = llvm::to_vector_of<Value>(at);
    last.back() = index(head - lanes);
    SmallVector<int64_t> order;
    for (int64_t lane = 0; lane < lanes; ++lane)
      order.push_back(lane + lanes - head % lanes);
    return vector::ShuffleOp::create(b, loc, loadAsF32(memref, last),
                                     constant(0), order);
  }
  void storeVector(Value value, Value memref, ValueRange at, bool isCut) const {
    if (cast<MemRefType>(memref.getType()).getElementType().isBF16())
      value = roundToBf16(b, loc, value);
    if (isCut)
      vector::MaskedStoreOp::create(b, loc, memref, at, cut(), value);
    else
      store(value, memref, at);
  }
  void storeScalar(Value value, Value memref, ValueRange at) const {
    memref::StoreOp::create(b, loc, value, memref, at);
  }
  void overRows(int64_t rows, llvm::function_ref<void(Value r)> body) const {
    overRows(index(rows), body);
  }
  void overRows(Value rows, llvm::function_ref<void(Value r)> body) const {
    loop(index(0), rows, 1, {}, [&](Value r, ValueRange) {
      body(r);
      return Values();
    });
  }
  /// The rows of a tile, which need not be known yet.
  Value countRows(Value tile) const {
    return b.createOrFold<memref::DimOp>(loc, tile, 0);
  }
  /// The column of S where a key of the block lies: a vector that begins before
  /// the block is stored too.
  Value column(Value key) const { return addIndex(key, lanes); }
  /// `row`, or the last of all.
  Value inside(Value memref, Value row) const {
    Value rows = memref::DimOp::create(b, loc, memref, 0);
    return minIndex(row, addIndex(rows, -1));
  }
  /// Lanes may be added in any order: it is the same for every call.
  Value reduce(vector::CombiningKind kind, Value x) const {
    auto flags = arith::FastMathFlags::reassoc | arith::FastMathFlags::nnan |
                 arith::FastMathFlags::nsz;
    return vector::ReductionOp::create(b, loc, kind, x, flags);
  }
  /// exp2 of a scalar, through a vector.
  Value exp2(Value scalar) const {
    return vector::ExtractOp::create(
        b, loc, vecmath::exp2NonPositive(b, loc, broadcast(scalar)),
        ArrayRef<int64_t>{0});
  }
};
} // namespace

static int64_t rowsOf(Value tile) {
  return cast<MemRefType>(tile.getType()).getDimSize(0);
}

RowVectors::RowVectors(int64_t tileRows, int64_t lanes)
    : features(std::max<int64_t>(
          lanes / static_cast<int64_t>(llvm::PowerOf2Ceil(tileRows)),
          tileRows < lanes ? 4 : 2)),
      rows(lanes / features), vectors(llvm::divideCeil(tileRows, rows)) {}

void lowerKeysInLanes(TileLoadQueriesOp op, OpBuilder &b) {
  MemRefType q = op.getQ().getType();
  auto tileRows = op->getAttrOfType<IntegerAttr>(kKeysInLanes).getInt();
  RowVectors order(tileRows, op.getLanes());
  int64_t head = q.getDimSize(2);
  RowCode c(b, op.getLoc(), order.features, head);
  Value last = c.addIndex(op.getRows(), -1),
        scale = c.constant(op.getScale().convertToDouble());
  c.loop(c.index(0), c.index(order.rows * order.vectors), 1, {},
         [&](Value r, ValueRange) {
           Value row = c.addIndex(op.getRow(), c.minIndex(r, last));
           Value query = c.divIndex(row, q.getDimSize(1)),
                 grouped = c.remIndex(row, q.getDimSize(1));
           auto part = [&](Value d, bool isCut) {
             Value element =
                 c.loadVector(op.getQ(), {query, grouped, d}, isCut);
             c.store(c.mul(element, scale), op.getQt(),
                     {c.divIndex(d, c.lanes), c.mulIndex(r, order.features)});
             return TileCode::Values();
           };
           Value whole = c.index(c.wholeVectors() * c.lanes);
           c.loop(c.index(0), whole, c.lanes, {},
                  [&](Value d, ValueRange) { return part(d, false); });
           return c.allVectors() > c.wholeVectors() ? part(whole, true)
                                                    : TileCode::Values();
         });
}

void lowerKeysInLanes(TilePositionsOp op, OpBuilder &b) {
  RowCode c(b, op.getLoc(), op.getLanes(), 0);
  Value last = c.addIndex(op.getRows(), -1);
  c.overRows(c.countRows(op.getPositions()), [&](Value r) {
    Value row = c.addIndex(op.getRow(), c.minIndex(r, last));
    Value position = c.addIndex(op.getPast(), c.divIndex(row, op.getGroup()));
    c.storeScalar(
        arith::IndexCastOp::create(b, c.loc, b.getI32Type(), position),
        op.getPositions(), r);
  });
}

void lowerKeysInLanes(TileStartOp op, OpBuilder &b) {
  MemRefType o = op.getO().getType();
  RowCode c(b, op.getLoc(), op.getLanes(), o.getDimSize(1));
  auto scalar = [&](float value) {
    return arith::ConstantOp::create(b, c.loc, b.getF32FloatAttr(value));
  };
  Value lowest = scalar(std::numeric_limits<float>::lowest()),
        log2e = scalar(1.44269504f);
  c.overRows(c.countRows(op.getO()), [&](Value r) {
    Value start = lowest;
    if (Value sinks = op.getSinks()) {
      int64_t group = cast<MemRefType>(sinks.getType()).getDimSize(0);
      start = c.mul(
          c.loadScalar(sinks, c.remIndex(c.addIndex(op.getRow(), r), group)),
          log2e);
    }
    c.storeScalar(start, op.getM(), r);
    c.storeScalar(start, op.getMx(), r);
    c.storeScalar(scalar(op.getSinks() ? 1 : 0), op.getL(), r);
    for (int64_t d = 0; d < o.getDimSize(1); d += c.lanes)
      c.store(c.constant(0), op.getO(), {r, c.index(d)});
  });
}

namespace {
/// S = Q K^T for vectors of keys. A vector of the product has all rows of a
/// RowVectors beside each other, each with a few features of one key: those are
/// read once for all rows. The sums are then added within each row, keys taking
/// the place of features.
class RowScores {
public:
  RowScores(TileScoresOp op, OpBuilder &b)
      : op(op),
        c(b, op.getLoc(), op.getLanes(), op.getK().getType().getDimSize(1)),
        rows(rowsOf(op.getS())), order(rows, op.getLanes()),
        part(b, op.getLoc(), order.features, c.head),
        lines(op, c, DistanceLines::Lanes::Keys) {}

  LogicalResult build() {
    // The last keys begin early enough to be all there: the first of them have
    // their scores already, or lie before the block's.
    int64_t together = op.getKeyTile();
    Value end = c.addIndex(op.getFrom(), op.getCount());
    Value lastWhole = c.maxIndex(c.addIndex(end, -together), c.index(0));
    TileCode::Values lowests(order.vectors, lowest());
    TileCode::Values maxima = c.loop(
        c.index(0), op.getCount(), together, lowests,
        [&](Value key, ValueRange carried) {
          Value first = c.minIndex(c.addIndex(op.getFrom(), key), lastWhole);
          return products(first, c.column(c.subIndex(first, op.getFrom())),
                          carried);
        });
    bool isFine = true;
    auto finishAll = [&] {
      isFine &= succeeded(lines.fill());
      c.overRows(rows, [&](Value r) { isFine &= succeeded(finish(r)); });
    };
    if (!op.getMap().empty()) {
      finishAll();
      return success(isFine);
    }
    // Scores that nothing looks at need no other pass. Not where the products
    // are of keys before the block, whose scores are higher perhaps.
    scf::IfOp::create(
        c.b, c.loc,
        arith::AndIOp::create(
            c.b, c.loc, isFull(),
            c.lessEqualIndex(c.index(together), op.getCount())),
        [&](OpBuilder &, Location) {
          takeMaxima(maxima);
          scf::YieldOp::create(c.b, c.loc);
        },
        [&](OpBuilder &, Location) {
          finishAll();
          scf::YieldOp::create(c.b, c.loc);
        });
    return success(isFine);
  }

private:
  Value lowest() { return c.constant(-std::numeric_limits<float>::infinity()); }

  /// Whether every pair of the block is allowed.
  Value isFull() {
    if (op.getMask().empty())
      return arith::ConstantOp::create(c.b, c.loc, c.b.getBoolAttr(true));
    Value last = c.addIndex(c.addIndex(op.getFrom(), op.getCount()), -1);
    return c.inOneRange(op.getFull(), op.getFrom(), last);
  }

  /// The rows' maxima out of the products'; scores past the last key become
  /// -infinity.
  void takeMaxima(ArrayRef<Value> maxima) {
    for (int64_t r = 0; r < rows; ++r) {
      Value ofRow = vector::ExtractStridedSliceOp::create(
          c.b, c.loc, maxima[r / order.rows], r % order.rows * order.features,
          order.features, 1);
      Value most = c.reduce(vector::CombiningKind::MAXNUMF, ofRow);
      c.storeScalar(c.max(c.loadScalar(op.getMx(), c.index(r)), most),
                    op.getMx(), c.index(r));
    }
    Value after = c.remIndex(op.getCount(), c.lanes);
    scf::IfOp::create(
        c.b, c.loc, c.lessIndex(c.index(0), after), [&](OpBuilder &, Location) {
          Value key = c.subIndex(op.getCount(), after);
          Value inside = lanesBefore(after);
          c.overRows(rows, [&](Value r) {
            Value at[] = {r, c.column(key)};
            Value score = c.select(inside, c.load(op.getS(), at), lowest());
            c.store(score, op.getS(), at);
          });
          scf::YieldOp::create(c.b, c.loc);
        });
  }

  /// The score rule, the mask and the maximum of a row. Keys past the last are
  /// masked.
  LogicalResult finish(Value r) {
    SmallVector<std::pair<unsigned, Value>> early;
    if (op.getPositions()) {
      Value q = c.loadScalar(op.getPositions(), r);
      early.push_back(
          {0, arith::IndexCastOp::create(c.b, c.loc, c.b.getIndexType(), q)});
    }
    std::optional<LaneRegion> map, mask;
    auto prepare = [&](Region &region, std::optional<LaneRegion> &rule,
                       ArrayRef<unsigned> late, unsigned q,
                       ArrayRef<Value> terms) {
      if (region.empty())
        return success();
      if (!early.empty())
        early[0].first = q;
      return rule.emplace(region, late, c.lanes, Value(), terms)
          .prepare(c.b, early);
    };
    if (failed(prepare(op.getMap(), map, {0, 2}, 1, lines.terms())) ||
        failed(prepare(op.getMask(), mask, {1}, 0, {})))
      return failure();
    Value lowest = this->lowest();
    bool failedRule = false;
    TileCode::Values highest =
        c.loop(c.index(0), op.getCount(), c.lanes, lowest,
               [&](Value key, ValueRange carried) -> TileCode::Values {
                 Value kv = positions(key), at[] = {r, c.column(key)};
                 Value score = c.load(op.getS(), at),
                       allowed = lanesBefore(c.subIndex(op.getCount(), key));
                 if (map) {
                   TileCode::Values late{score, kv};
                   llvm::append_range(late, lines.at(key, r));
                   failedRule |= failed(apply(*map, late, score));
                 }
                 if (Value rule; mask) {
                   failedRule |= failed(apply(*mask, {kv}, rule));
                   if (rule)
                     allowed = arith::AndIOp::create(c.b, c.loc, allowed, rule);
                 }
                 score = c.select(allowed, score, lowest);
                 c.store(score, op.getS(), at);
                 return {c.max(carried[0], score)};
               });
    Value most = c.reduce(vector::CombiningKind::MAXNUMF, highest[0]);
    c.storeScalar(c.max(c.loadScalar(op.getMx(), r), most), op.getMx(), r);
    return success(!failedRule);
  }

  LogicalResult apply(LaneRegion &rule, ArrayRef<Value> late, Value &result) {
    FailureOr<Value> value = rule.evaluate(c.b, late);
    if (succeeded(value))
      result = *value;
    return value;
  }

  Value inLanes(Value number) {
    return c.broadcast(
        arith::IndexCastOp::create(c.b, c.loc, c.b.getI32Type(), number));
  }
  /// kv of each lane; lanes past the last key repeat it.
  Value positions(Value key) {
    Value kv = arith::AddIOp::create(
        c.b, c.loc, inLanes(c.addIndex(op.getFrom(), key)), c.iota());
    return arith::MinSIOp::create(c.b, c.loc, kv, inLanes(lastKey()));
  }
  Value lanesBefore(Value count) {
    return arith::CmpIOp::create(c.b, c.loc, arith::CmpIPredicate::slt,
                                 c.iota(), inLanes(count));
  }
  Value lastKey() {
    return c.addIndex(c.addIndex(op.getFrom(), op.getCount()), -1);
  }

  /// Scores of key_tile keys from `first` on, to S from `column` on; gives the
  /// new maxima of the vectors of rows.
  TileCode::Values products(Value first, Value column, ValueRange carried) {
    TileCode::Values maxima = llvm::to_vector_of<Value>(carried);
    int64_t together = op.getKeyTile(), features = order.features;
    TileCode::Values keys;
    for (int64_t i = 0; i < together; ++i)
      keys.push_back(c.addIndex(first, i));
    TileCode::Values sums = multiply(keys);
    for (int64_t v = 0; v < order.vectors; ++v)
      for (int64_t k = 0; k < together; k += features) {
        Value scores =
            addFeatures(ArrayRef(sums).slice(v * together + k, features));
        maxima[v] = c.max(maxima[v], scores);
        for (int64_t r = 0; r < order.rows && v * order.rows + r < rows; ++r)
          part.store(vector::ExtractStridedSliceOp::create(
                         c.b, c.loc, scores, r * features, features, 1),
                     op.getS(),
                     {c.index(v * order.rows + r), c.addIndex(column, k)});
      }
    return maxima;
  }

  /// For each vector of rows and each key: the sums of its rows, each spread
  /// over order.features lanes.
  TileCode::Values multiply(ArrayRef<Value> keys) {
    auto step = [&](Value number, bool isCut, ValueRange carried) {
      TileCode::Values next = llvm::to_vector_of<Value>(carried), queries;
      Value d = c.mulIndex(number, order.features);
      for (int64_t v = 0; v < order.vectors; ++v)
        queries.push_back(c.load(op.getQt(), {number, c.index(v * c.lanes)}));
      // The lines of keys two vectors later, as many for each step.
      auto [later, column] =
          c.elementFrom(op.getK(), c.addIndex(keys[0], 2 * c.lanes),
                        c.mulIndex(d, keys.size()), c.head);
      for (int64_t line = 0; line < int64_t(keys.size()) * order.features;
           line += c.lineOf(op.getK()))
        c.prefetch(op.getK(), {later, c.addIndex(column, line)}, c.L1);
      for (auto [i, key] : llvm::enumerate(keys)) {
        Value features = repeat(part.loadVector(op.getK(), {key, d}, isCut));
        for (int64_t v = 0; v < order.vectors; ++v) {
          Value &sum = next[v * keys.size() + i];
          sum = c.fma(features, queries[v], sum);
        }
      }
      return next;
    };
    Value whole = c.index(part.wholeVectors());
    TileCode::Values sums =
        c.loop(c.index(0), whole, 1,
               TileCode::Values(order.vectors * keys.size(), c.constant(0)),
               [&](Value number, ValueRange carried) {
                 return step(number, false, carried);
               });
    return part.allVectors() > part.wholeVectors() ? step(whole, true, sums)
                                                   : sums;
  }

  /// The features of a key, once for each row of a vector.
  Value repeat(Value features) {
    if (order.rows == 1)
      return features;
    SmallVector<int64_t> lanes;
    for (int64_t lane = 0; lane < c.lanes; ++lane)
      lanes.push_back(lane % order.features);
    return vector::ShuffleOp::create(c.b, c.loc, features, features, lanes);
  }

  /// As many vectors as features, one a key: each row's features are added,
  /// keys take their lanes.
  Value addFeatures(ArrayRef<Value> ofKeys) {
    TileCode::Values vectors(ofKeys);
    while (vectors.size() > 1) {
      int64_t half = vectors.size() / 2;
      // Within 128 bits a shuffle of two vectors is the cheapest.
      bool isNear = half < 4 && order.features >= 4;
      TileCode::Values next;
      for (int64_t i = 0; i < half; ++i) {
        Value x = vectors[isNear ? 2 * i : i],
              y = vectors[isNear ? 2 * i + 1 : i + half];
        SmallVector<int64_t> first, second;
        for (int64_t lane = 0; lane < c.lanes; ++lane) {
          int64_t from = isNear ? lane / 4 * 4 + lane % 2 * 2 : lane & ~half;
          bool ofY = lane & (isNear ? 2 : half);
          first.push_back(from + (ofY ? c.lanes : 0));
          second.push_back(first.back() + (isNear ? 1 : half));
        }
        auto pick = [&](ArrayRef<int64_t> lanes) {
          return vector::ShuffleOp::create(c.b, c.loc, x, y, lanes);
        };
        next.push_back(c.add(pick(first), pick(second)));
      }
      vectors = next;
    }
    return vectors.front();
  }

  TileScoresOp op;
  RowCode c;
  int64_t rows;
  RowVectors order;
  RowCode part; // order.features of a row
  DistanceLines lines;
};
} // namespace

LogicalResult lowerKeysInLanes(TileScoresOp op, OpBuilder &b) {
  return RowScores(op, b).build();
}

void lowerKeysInLanes(TileSoftmaxOp op, OpBuilder &b) {
  RowCode c(b, op.getLoc(), op.getLanes(), 0);
  c.overRows(c.countRows(op.getS()), [&](Value r) {
    Value highest = c.loadScalar(op.getMx(), r);
    Value inVector = c.broadcast(highest);
    TileCode::Values sums =
        c.loop(c.index(0), op.getCount(), c.lanes, c.constant(0),
               [&](Value key, ValueRange carried) -> TileCode::Values {
                 Value score = c.load(op.getS(), {r, c.column(key)});
                 Value weight =
                     vecmath::exp2NonPositive(b, c.loc, c.sub(score, inVector));
                 c.store(weight, op.getS(), {r, c.column(key)});
                 return {c.add(carried[0], weight)};
               });
    Value alpha = c.exp2(c.sub(c.loadScalar(op.getM(), r), highest));
    c.storeScalar(alpha, op.getAlpha(), r);
    c.storeScalar(highest, op.getM(), r);
    Value sum = c.reduce(vector::CombiningKind::ADD, sums[0]);
    c.storeScalar(c.fma(c.loadScalar(op.getL(), r), alpha, sum), op.getL(), r);
  });
}

/// Whether all rows forget what was summed before this block.
static Value beginsSums(const RowCode &c, Value alpha) {
  Value zero = arith::ConstantOp::create(c.b, c.loc, c.b.getF32FloatAttr(0)),
        all;
  for (int64_t r = 0; r < rowsOf(alpha); ++r) {
    Value isZero = c.compare(arith::CmpFPredicate::OEQ,
                             c.loadScalar(alpha, c.index(r)), zero);
    all = all ? arith::AndIOp::create(c.b, c.loc, all, isZero).getResult()
              : isZero;
  }
  return all;
}

/// The rows and vectors of a pass of the second product, with `sums`
/// accumulators at most: those that load the least for all rows and vectors.
static std::pair<int64_t, int64_t> passOf(int64_t rows, int64_t vectors,
                                          int64_t sums) {
  std::pair<int64_t, int64_t> best{1, 1};
  int64_t least = std::numeric_limits<int64_t>::max();
  for (int64_t group = 1; group <= rows; ++group)
    for (int64_t width = 1; width <= vectors; ++width) {
      int64_t loads =
          llvm::divideCeil(vectors, width) * (rows / group) * (width + group);
      if (rows % group == 0 && group * width <= sums && loads < least) {
        least = loads;
        best = {group, width};
      }
    }
  return best;
}

void lowerKeysInLanes(TileCombineOp op, OpBuilder &b) {
  RowCode c(b, op.getLoc(), op.getLanes(), op.getV().getType().getDimSize(1));
  int64_t rows = rowsOf(op.getO()), all = c.allVectors();
  auto [group, width] = passOf(rows, all, rows * op.getHeadTile() / c.lanes);
  int64_t groups = rows / group;
  Value begins = beginsSums(c, op.getAlpha());
  Value chain = c.select(begins, c.index(kFirstChain),
                         c.maxIndex(op.getCount(), c.index(1)));
  auto pass = [&, group = group](Value row, Value d, int64_t vectors,
                                 bool isCut, Value from, Value to) {
    auto at = [&](int64_t v) { return c.addIndex(d, v * c.lanes); };
    // Each group of rows asks for its part of the later lines.
    int64_t line = c.lineOf(op.getV()),
            lines = llvm::divideCeil(vectors * c.lanes, line * groups);
    Value firstLine =
        c.addIndex(d, c.mulIndex(c.divIndex(row, group), lines * line));
    TileCode::Values zeros(group * vectors, c.constant(0));
    TileCode::Values sums =
        c.loop(from, to, 1, zeros, [&](Value key, ValueRange carried) {
          TileCode::Values next = llvm::to_vector_of<Value>(carried), values;
          Value kv = c.addIndex(op.getFrom(), key);
          Value later = c.inside(op.getV(), c.addIndex(kv, 4 * c.lanes));
          for (int64_t i = 0; i < lines; ++i)
            c.prefetch(op.getV(), {later, c.addIndex(firstLine, i * line)},
                       c.L1);
          for (int64_t v = 0; v < vectors; ++v)
            values.push_back(c.loadVector(op.getV(), {kv, at(v)},
                                          isCut && v + 1 == vectors));
          for (int64_t r = 0; r < group; ++r) {
            Value weight = c.broadcast(
                c.loadScalar(op.getP(), {c.addIndex(row, r), c.column(key)}));
            for (int64_t v = 0; v < vectors; ++v)
              next[r * vectors + v] =
                  c.fma(weight, values[v], next[r * vectors + v]);
          }
          return next;
        });
    // What was there before is scaled once.
    Value isFirst = arith::CmpIOp::create(c.b, c.loc, arith::CmpIPredicate::eq,
                                          from, c.index(0));
    Value one = arith::ConstantOp::create(b, c.loc, b.getF32FloatAttr(1));
    for (int64_t r = 0; r < group; ++r) {
      Value place = c.addIndex(row, r);
      Value alpha = c.broadcast(
          c.select(isFirst, c.loadScalar(op.getAlpha(), place), one));
      for (int64_t v = 0; v < vectors; ++v) {
        Value sum = c.fma(c.load(op.getO(), {place, at(v)}), alpha,
                          sums[r * vectors + v]);
        c.store(sum, op.getO(), {place, at(v)});
      }
    }
    return TileCode::Values();
  };
  // Passes of one width share their code; the last may be narrower, or cut.
  bool isCut = c.head % c.lanes;
  int64_t equal = (isCut ? all - 1 : all) / width * width;
  c.loop(c.index(0), op.getCount(), chain, {}, [&](Value from, ValueRange) {
    Value to = c.minIndex(c.addIndex(from, chain), op.getCount());
    c.loop(c.index(0), c.index(rows), group, {}, [&](Value row, ValueRange) {
      c.loop(c.index(0), c.index(equal * c.lanes), width * c.lanes, {},
             [&](Value d, ValueRange) {
               return pass(row, d, width, false, from, to);
             });
      if (equal < all)
        pass(row, c.index(equal * c.lanes), all - equal, isCut, from, to);
      return TileCode::Values();
    });
    return TileCode::Values();
  });
}

void lowerKeysInLanes(TileStoreOp op, OpBuilder &b) {
  MemRefType out = op.getOut().getType();
  RowCode c(b, op.getLoc(), op.getLanes(), out.getDimSize(2));
  Value zero = c.constant(0);
  c.loop(c.index(0), op.getRows(), 1, {}, [&](Value r, ValueRange) {
    Value row = c.addIndex(op.getRow(), r),
          sum = c.broadcast(c.loadScalar(op.getL(), r));
    Value query = c.divIndex(row, out.getDimSize(1)),
          grouped = c.remIndex(row, out.getDimSize(1));
    Value isEmpty = c.compare(arith::CmpFPredicate::OEQ, sum, zero);
    Value inverse = c.select(isEmpty, zero, c.div(c.constant(1), sum));
    for (int64_t v = 0; v < c.allVectors(); ++v) {
      Value d = c.index(v * c.lanes);
      c.storeVector(c.mul(c.load(op.getO(), {r, d}), inverse), op.getOut(),
                    {query, grouped, d}, v == c.wholeVectors());
    }
    return TileCode::Values();
  });
}

} // namespace heed::attn
