//===- DistanceTerms.cpp - Parts of a rule that read kv - q only ----------===//
#include "codegen/attention/DistanceTerms.h"
#include "codegen/attention/LaneRegion.h"

#include "mlir/IR/Matchers.h"
#include "mlir/Interfaces/FunctionInterfaces.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

using namespace mlir;

namespace heed::attn {

namespace {
/// What is known of a value: the same for all pairs; a q + b kv + the same for
/// all pairs; another function of kv - q; anything.
struct Dependence {
  enum Kind { Same, Linear, Distance, Any } kind = Any;
  int64_t a = 0, b = 0;

  static Dependence linear(int64_t a, int64_t b) {
    return {a || b ? Linear : Same, a, b};
  }
  bool isLinear() const { return kind == Same || kind == Linear; }
  bool isOfDistance() const {
    return kind == Distance || (kind == Linear && a == -b);
  }
};

class Dependences {
public:
  Dependences(Region &rule, unsigned q, unsigned kv) {
    Block &block = rule.front();
    for (BlockArgument argument : block.getArguments())
      known[argument] = {};
    known[block.getArgument(q)] = Dependence::linear(1, 0);
    known[block.getArgument(kv)] = Dependence::linear(0, 1);
    for (Operation &op : block.without_terminator()) {
      Dependence all = ofAll(op);
      for (Value result : op.getResults())
        known[result] = all;
    }
  }

  Dependence of(Value value) const {
    auto found = known.find(value);
    return found == known.end() ? Dependence{Dependence::Same} : found->second;
  }

private:
  Dependence ofAll(Operation &op) const {
    if (!isPure(&op) && !isa<memref::LoadOp>(op)) // tables are never written
      return {};
    // Numbers of pairs are far from where a sum of index would wrap.
    if (auto sum = linear(op))
      return *sum;
    auto operands = llvm::map_range(op.getOperands(),
                                    [&](Value value) { return of(value); });
    if (llvm::all_of(operands,
                     [](Dependence d) { return d.kind == Dependence::Same; }))
      return {Dependence::Same};
    if (llvm::all_of(operands, [](Dependence d) {
          return d.kind == Dependence::Same || d.isOfDistance();
        }))
      return {Dependence::Distance};
    return {};
  }

  std::optional<Dependence> linear(Operation &op) const {
    if (op.getNumOperands() != 2 || !op.getOperand(0).getType().isIndex())
      return std::nullopt;
    Dependence x = of(op.getOperand(0)), y = of(op.getOperand(1));
    if (!x.isLinear() || !y.isLinear())
      return std::nullopt;
    if (isa<arith::AddIOp>(op))
      return Dependence::linear(x.a + y.a, x.b + y.b);
    if (isa<arith::SubIOp>(op))
      return Dependence::linear(x.a - y.a, x.b - y.b);
    APInt factor;
    if (isa<arith::MulIOp>(op) &&
        matchPattern(op.getOperand(1), m_ConstantInt(&factor)))
      return Dependence::linear(x.a * factor.getSExtValue(),
                                x.b * factor.getSExtValue());
    return std::nullopt;
  }

  DenseMap<Value, Dependence> known;
};
} // namespace

DenseSet<Operation *> opsOfTerms(Region &rule, ArrayRef<Value> terms) {
  DenseSet<Operation *> taken;
  for (Value term : terms)
    taken.insert(term.getDefiningOp());
  for (Operation &op : llvm::reverse(rule.front().without_terminator()))
    if (taken.contains(&op))
      for (Value operand : op.getOperands())
        if (Operation *made = operand.getDefiningOp();
            made && made->getParentRegion() == &rule &&
            !made->hasTrait<OpTrait::ConstantLike>())
          taken.insert(made);
  return taken;
}

SmallVector<Value> distanceTerms(Region &rule, unsigned q, unsigned kv) {
  Dependences known(rule, q, kv);
  SmallVector<Value> terms;
  for (Operation &op : rule.front().without_terminator())
    for (Value result : op.getResults()) {
      if (!result.getType().isF32() || !known.of(result).isOfDistance())
        continue;
      bool isRead = llvm::any_of(result.getUsers(), [&](Operation *user) {
        return user->getNumResults() == 0 ||
               !known.of(user->getResult(0)).isOfDistance();
      });
      if (isRead && opsOfTerms(rule, result).size() > 1)
        terms.push_back(result);
    }
  return terms;
}

DistanceLines::DistanceLines(TileScoresOp op, const TileCode &code, Lanes lanes)
    : op(op), c(code), lanes(lanes) {
  auto sizes = op.getS().getType().getShape();
  rows = sizes[lanes == Lanes::Rows ? 1 : 0];
  int64_t keys = sizes[lanes == Lanes::Rows ? 0 : 1];
  if (op.getMap().empty() || !op->hasAttr(kRowsAreQueries) || rows == 1)
    return;
  found = distanceTerms(op.getMap(), 1, 2);
  width = llvm::alignTo(rows + keys, c.lanes);
  if (found.empty())
    return;
  OpBuilder::InsertionGuard guard(c.b);
  auto function = op->getParentOfType<FunctionOpInterface>();
  c.b.setInsertionPointToStart(&function.getFunctionBody().front());
  auto type = MemRefType::get({int64_t(found.size()), width}, c.b.getF32Type());
  lines = memref::AllocaOp::create(c.b, c.loc, type, ValueRange(), ValueRange(),
                                   c.b.getI64IntegerAttr(64));
}

// The terms of the difference d are those of q = 0 and kv = d. Of rows in lanes
// entry i of a line has d = from + count - 1 - q0 - i, of keys in lanes
// d = from - (q0 + rows - 1) + i, so that a vector of pairs is a vector of
// entries in its own order.
LogicalResult DistanceLines::fill() {
  if (found.empty())
    return success();
  Type i32 = c.b.getI32Type();
  auto small = [&](Value x) {
    return arith::IndexCastOp::create(c.b, c.loc, i32, x);
  };
  Value q0 = c.loadScalar(op.getPositions(), c.index(0));
  bool ofRows = lanes == Lanes::Rows;
  Value first = ofRows ? c.addIndex(c.addIndex(op.getFrom(), op.getCount()), -1)
                       : c.addIndex(op.getFrom(), 1 - rows);
  first = arith::SubIOp::create(c.b, c.loc, small(first), q0);
  Value end = c.addIndex(op.getCount(), rows - 1);
  if (!ofRows)
    end = c.addIndex(end, c.lanes - 1); // whole vectors of keys
  SmallVector<LaneRegion> ofTerms;
  for (Value term : found) {
    LaneRegion &rule = ofTerms.emplace_back(
        op.getMap(), ArrayRef<unsigned>{1, 2}, c.lanes, term);
    if (failed(rule.prepare(c.b, {})))
      return failure();
  }
  bool failedRule = false;
  c.loop(c.index(0), end, c.lanes, {}, [&](Value i, ValueRange) {
    Value entry =
        arith::AddIOp::create(c.b, c.loc, c.broadcast(small(i)), c.iota());
    Value start = c.broadcast(first);
    Value distance =
        ofRows ? arith::SubIOp::create(c.b, c.loc, start, entry).getResult()
               : arith::AddIOp::create(c.b, c.loc, start, entry).getResult();
    for (auto [number, rule] : llvm::enumerate(ofTerms)) {
      FailureOr<Value> term = rule.evaluate(c.b, {c.constantInt(0), distance});
      failedRule |= failed(term);
      if (succeeded(term))
        c.store(*term, lines, {c.index(int64_t(number)), i});
    }
    return TileCode::Values();
  });
  return success(!failedRule);
}

TileCode::Values DistanceLines::at(Value key, Value row) {
  TileCode::Values terms;
  if (found.empty())
    return terms;
  Value entry =
      lanes == Lanes::Rows
          ? c.addIndex(c.subIndex(c.addIndex(op.getCount(), -1), key), row)
          : c.addIndex(c.subIndex(c.index(rows - 1), row), key);
  for (size_t number = 0; number < found.size(); ++number)
    terms.push_back(c.load(lines, {c.index(int64_t(number)), entry}));
  return terms;
}

} // namespace heed::attn
