//===- PlainKernels.cpp - Unfused attention in plain loops ----------------===//
#include "codegen/plain/PlainKernels.h"

#include "codegen/plain/TensorAccess.h"
#include "codegen/rows/RowProgram.h"

#include "mlir/Dialect/Affine/Utils.h"
#include "llvm/ADT/TypeSwitch.h"

#include <limits>

using namespace mlir;
using namespace heed::attn;

namespace heed {
namespace {

class PlainKernel {
public:
  PlainKernel(Emit &e, Kernel &kernel) : e(e), kernel(kernel) {}

  void scores(ScoresOp op);
  void scoreMap(ScoreMapOp op);
  void softmax(Operation *op, Value x, Value sinks,
               function_ref<Value(const NamedIndices &)> allowed);
  void softmax(SoftmaxOp op) {
    softmax(op, op.getX(), op.getSinks(),
            [&](const NamedIndices &) { return truth(); });
  }
  void softmax(MaskedSoftmaxOp op);
  void mask(MaskOp op);
  void combine(CombineOp op);
  void pool(PoolOp op);

private:
  FromMemoryOp tensor(Value outer) {
    return kernel.bound.lookup(outer).getDefiningOp<FromMemoryOp>();
  }
  RowsAtOp rows(Value outer) {
    return outer ? kernel.bound.lookup(outer).getDefiningOp<RowsAtOp>()
                 : RowsAtOp();
  }
  TensorAccess target() {
    return TensorAccess(e, kernel.targets[0].getDefiningOp<FromMemoryOp>());
  }
  Value truth() { return arith::ConstantIntOp::create(e.b, e.loc, 1, 1); }
  Value forbidden() {
    return e.constant(-std::numeric_limits<double>::infinity());
  }
  /// This thread's share of 0..count.
  void share(Value count, function_ref<void(Value)> body);

  struct Where {
    Value exists;   // null: always
    Value position; // of the key in memory: its element (head 0 of the head
                    // vector)
  };
  Where key(Value keys, bool values, RowsAtOp queryRows, RowsAtOp keyRows,
            StringRef kvAxis, const NamedIndices &at, Value heads);
  Value element(Value keys, Value position, Value d, StringRef kvAxis);
  Value absolute(RowsAtOp queryRows, const NamedIndices &at);
  Value sequenceOf(RowsAtOp queryRows, const NamedIndices &at);
  Value at(const NamedIndices &indices, StringRef name) {
    auto found = indices.find(name);
    return found == indices.end() ? e.index(0) : found->second;
  }
  Value allowed(MaskAttr mask, std::optional<ArrayAttr> names,
                ValueRange tables, RowsAtOp queryRows, TensorAccess &scores,
                const NamedIndices &indices);
  Value exponential(Value x) { return math::ExpOp::create(e.b, e.loc, x); }

  Emit &e;
  Kernel &kernel;
};

void PlainKernel::share(Value count, function_ref<void(Value)> body) {
  Value begin =
      e.div(e.mul(count, kernel.context.thread), kernel.context.threads);
  Value end = e.div(e.mul(count, e.add(kernel.context.thread, 1)),
                    kernel.context.threads);
  e.loop(begin, end, body);
}

Value PlainKernel::sequenceOf(RowsAtOp queryRows, const NamedIndices &indices) {
  StringRef axis = queryRows.getType().getAxis().getValue();
  return e.toIndex(e.loadScalar(queryRows.getSequences(), at(indices, axis)));
}

/// The absolute position of the query of a score.
Value PlainKernel::absolute(RowsAtOp queryRows, const NamedIndices &indices) {
  if (!queryRows)
    return at(indices, axis::Query);
  return e.toIndex(
      e.loadScalar(queryRows.getPositions(),
                   at(indices, queryRows.getType().getAxis().getValue())));
}

/// Where key (or value) `kv` of a score's head and sequence lies.
PlainKernel::Where PlainKernel::key(Value keys, bool values, RowsAtOp queryRows,
                                    RowsAtOp keyRows, StringRef kvAxis,
                                    const NamedIndices &indices, Value heads) {
  Value kv = at(indices, axis::Key), h = at(indices, axis::Heads);
  Value bound = kernel.bound.lookup(keys);
  if (auto cache = bound.getDefiningOp<CacheAtOp>()) {
    CacheType type = cache.getType();
    Value sequence = sequenceOf(queryRows, indices);
    Value slot = e.toIndex(e.loadScalar(queryRows.getSlots(), sequence));
    Value length =
        e.add(e.toIndex(e.loadScalar(queryRows.getPast(), sequence)),
              e.sub(e.toIndex(e.loadScalar(queryRows.getStarts(),
                                           e.add(sequence, 1))),
                    e.toIndex(e.loadScalar(queryRows.getStarts(), sequence))));
    Value group = e.div(h, e.div(heads, type.getKvHeads()));
    Value start = e.add(e.mul(slot, cache.getSlotStride()), cache.getLayer());
    if (values)
      start = e.add(start, e.mul(cache.getCapacity(),
                                 type.getKvHeads() * type.getHead()));
    Value line = e.add(e.mul(group, cache.getCapacity()), kv);
    return {e.less(kv, length), e.add(start, e.mul(line, type.getHead()))};
  }
  TensorAccess access(e, bound.getDefiningOp<FromMemoryOp>());
  NamedIndices where;
  for (auto &entry : indices)
    where[entry.first()] = entry.second;
  Type type = keys.getType();
  if (std::optional<unsigned> kvHeads = findAxis(type, axis::KvHeads)) {
    int64_t count = cast<RankedTensorType>(type).getDimSize(*kvHeads);
    where[axis::KvHeads] = e.div(h, e.div(heads, count));
  } else if (findAxis(type, axis::Heads)) {
    where[axis::Heads] = e.div(h, e.div(heads, access.size(axis::Heads)));
  }
  where[axis::Head] = e.index(0);
  Value exists;
  if (keyRows) {
    Value sequence = sequenceOf(queryRows, indices);
    Value start = e.toIndex(e.loadScalar(keyRows.getStarts(), sequence));
    Value row = e.add(start, kv);
    exists = e.less(
        row, e.toIndex(e.loadScalar(keyRows.getStarts(), e.add(sequence, 1))));
    where[kvAxis] = e.select(exists, row, start);
  } else {
    where[kvAxis] = kv;
  }
  return {exists, access.flat(where)};
}

/// Element d of the key at `position`: its stride is 1 in a cache, else that of
/// axis `head`.
Value PlainKernel::element(Value keys, Value position, Value d,
                           StringRef kvAxis) {
  Value bound = kernel.bound.lookup(keys);
  if (auto cache = bound.getDefiningOp<CacheAtOp>())
    return e.loadScalar(cache.getPool(), e.add(position, d));
  auto from = bound.getDefiningOp<FromMemoryOp>();
  TensorAccess access(e, from);
  NamedIndices one;
  one[axis::Head] = d;
  return e.loadScalar(from.getMemory(), e.add(position, access.flat(one)));
}

void PlainKernel::scores(ScoresOp op) {
  TensorAccess out = target(), q(e, tensor(op.getQ()));
  RowsAtOp queryRows = rows(op.getQRows()), keyRows = rows(op.getKvRows());
  StringRef qAxis = op.getQAxis();
  share(out.count(), [&](Value flat) {
    NamedIndices indices = out.indices(flat), query;
    for (auto &entry : indices)
      query[entry.first()] = entry.second;
    if (!queryRows)
      query[qAxis] = at(indices, axis::Query);
    query[axis::Head] = e.index(0);
    Where k = key(op.getK(), false, queryRows, keyRows, op.getKvAxis(), indices,
                  q.size(axis::Heads));
    auto dot = [&] {
      Value sum =
          e.loop(e.index(0), q.size(axis::Head), 1, e.constant(0),
                 [&](Value d, ValueRange carried) {
                   query[axis::Head] = d;
                   Value x = e.loadScalar(q.tensor.getMemory(), q.flat(query));
                   return SmallVector<Value>{e.fma(
                       x, element(op.getK(), k.position, d, op.getKvAxis()),
                       carried[0])};
                 })[0];
      out.store(e.mulf(sum, e.constant(op.getScale().convertToDouble())),
                indices);
    };
    if (k.exists)
      e.when(k.exists, dot, [&] { out.store(forbidden(), indices); });
    else
      dot();
  });
}

void PlainKernel::scoreMap(ScoreMapOp op) {
  TensorAccess out = target(), x(e, tensor(op.getX()));
  RowsAtOp queryRows = rows(op.getRows());
  share(out.count(), [&](Value flat) {
    NamedIndices indices = out.indices(flat);
    Value score = x.load(indices);
    Block &body = op.getBody().front();
    IRMapping mapping = kernel.bound;
    Value b =
        queryRows ? sequenceOf(queryRows, indices) : at(indices, axis::Batch);
    mapping.map(body.getArguments(),
                ValueRange{score, absolute(queryRows, indices),
                           at(indices, axis::Key), at(indices, axis::Heads),
                           b});
    for (Operation &inner : body.without_terminator()) {
      if (auto lookup = dyn_cast<LookupOp>(inner)) {
        auto weight =
            mapping.lookup(lookup.getTable()).getDefiningOp<WeightAtOp>();
        ArrayRef<int64_t> shape = weight.getType().getShape();
        Value position = e.index(0);
        int64_t count = 1;
        for (auto [size, index] : llvm::zip(shape, lookup.getIndices())) {
          position = e.add(e.mul(position, size), mapping.lookup(index));
          count *= size;
        }
        Value table = e.view(weight.getWeights(), weight.getOffset(),
                             e.b.getF32Type(), e.index(count));
        mapping.map(lookup.getResult(), e.loadScalar(table, position));
        continue;
      }
      e.b.clone(inner, mapping);
    }
    Value mapped = mapping.lookup(body.getTerminator()->getOperand(0));
    // A score that does not exist stays so.
    Value absent = arith::CmpFOp::create(e.b, e.loc, arith::CmpFPredicate::OEQ,
                                         score, forbidden());
    out.store(e.select(absent, score, mapped), indices);
  });
}

/// The mask at one pair: a conjunction of comparisons for each disjunct.
Value PlainKernel::allowed(MaskAttr mask, std::optional<ArrayAttr> names,
                           ValueRange tables, RowsAtOp queryRows,
                           TensorAccess &scores, const NamedIndices &indices) {
  Value q = absolute(queryRows, indices), kv = at(indices, axis::Key);
  Value b =
      queryRows ? sequenceOf(queryRows, indices) : at(indices, axis::Batch);
  SmallVector<Value> dims = {q, kv}, symbols;
  for (MaskSymbolAttr symbol : mask.getSymbols()) {
    StringRef name = symbol.getName().getValue();
    if (!symbol.getTable().getValue().empty()) {
      auto entries = names->getAsValueRange<StringAttr>();
      size_t number = std::distance(
          entries.begin(), llvm::find(entries, symbol.getTable().getValue()));
      Value index = symbol.getIndex() == SymbolIndex::Query ? q
                    : symbol.getIndex() == SymbolIndex::Key ? kv
                    : symbol.getIndex() == SymbolIndex::Head
                        ? at(indices, axis::Heads)
                        : b;
      TensorAccess table(e, tensor(tables[number]));
      symbols.push_back(
          e.toIndex(e.loadScalar(table.tensor.getMemory(), index)));
    } else if (name == "h") {
      symbols.push_back(at(indices, axis::Heads));
    } else if (name == "b") {
      symbols.push_back(b);
    } else if (name == "q_len" && !queryRows) {
      symbols.push_back(scores.size(axis::Query));
    } else if (name == "kv_len" && !queryRows) {
      symbols.push_back(scores.size(axis::Key));
    } else {
      Value first = e.toIndex(e.loadScalar(queryRows.getStarts(), b));
      Value count = e.sub(
          e.toIndex(e.loadScalar(queryRows.getStarts(), e.add(b, 1))), first);
      symbols.push_back(
          name == "q_len"
              ? count
              : e.add(count, e.toIndex(e.loadScalar(queryRows.getPast(), b))));
    }
  }
  Value any;
  for (IntegerSet set : mask.getDisjuncts()) {
    Value all = truth();
    for (unsigned i = 0; i < set.getNumConstraints(); ++i) {
      Value value = affine::expandAffineExpr(e.b, e.loc, set.getConstraint(i),
                                             dims, symbols);
      Value holds = arith::CmpIOp::create(
          e.b, e.loc,
          set.isEq(i) ? arith::CmpIPredicate::eq : arith::CmpIPredicate::sge,
          value, e.index(0));
      all = arith::AndIOp::create(e.b, e.loc, all, holds);
    }
    any = any ? arith::OrIOp::create(e.b, e.loc, any, all).getResult() : all;
  }
  return any;
}

void PlainKernel::mask(MaskOp op) {
  TensorAccess out = target(), x(e, tensor(op.getX()));
  RowsAtOp queryRows = rows(op.getRows());
  share(out.count(), [&](Value flat) {
    NamedIndices indices = out.indices(flat);
    Value yes = allowed(op.getMask(), op.getTableNames(), op.getTables(),
                        queryRows, out, indices);
    out.store(e.select(yes, x.load(indices), forbidden()), indices);
  });
}

void PlainKernel::softmax(MaskedSoftmaxOp op) {
  TensorAccess out = target();
  RowsAtOp queryRows = rows(op.getRows());
  softmax(op, op.getX(), op.getSinks(), [&](const NamedIndices &indices) {
    return allowed(op.getMask(), op.getTableNames(), op.getTables(), queryRows,
                   out, indices);
  });
}

/// p = exp(s - max) / (sum of them + exp(sink - max)); zeros where nothing is
/// allowed.
void PlainKernel::softmax(Operation *op, Value x, Value sinks,
                          function_ref<Value(const NamedIndices &)> isAllowed) {
  TensorAccess out = target(), in(e, tensor(x));
  Value keys = out.size(axis::Key);
  // kv is the last axis of scores, so a row is a run of keys.
  share(e.div(out.count(), e.max(keys, e.index(1))), [&](Value row) {
    Value start = e.mul(row, keys);
    auto score = [&](Value kv) -> Value {
      NamedIndices indices = out.indices(e.add(start, kv));
      return e.select(isAllowed(indices), in.load(indices), forbidden());
    };
    Value first = forbidden(), sinkLogit;
    if (sinks) {
      auto weight = kernel.bound.lookup(sinks).getDefiningOp<WeightAtOp>();
      Value table =
          e.view(weight.getWeights(), weight.getOffset(), e.b.getF32Type(),
                 e.index(weight.getType().getShape()[0]));
      sinkLogit = e.loadScalar(table, at(out.indices(start), axis::Heads));
      first = sinkLogit;
    }
    Value most =
        e.loop(e.index(0), keys, 1, first, [&](Value kv, ValueRange carried) {
          return SmallVector<Value>{
              arith::MaxNumFOp::create(e.b, e.loc, carried[0], score(kv))};
        })[0];
    Value empty = arith::CmpFOp::create(e.b, e.loc, arith::CmpFPredicate::OEQ,
                                        most, forbidden());
    Value shift = e.select(empty, e.constant(0), most);
    Value begin = sinks ? exponential(e.subf(sinkLogit, shift)) : e.constant(0);
    Value sum =
        e.loop(e.index(0), keys, 1, begin, [&](Value kv, ValueRange carried) {
          Value p = exponential(e.subf(score(kv), shift));
          out.store(p, out.indices(e.add(start, kv)));
          return SmallVector<Value>{e.addf(carried[0], p)};
        })[0];
    Value divisor = e.select(empty, e.constant(1), sum);
    e.loop(e.index(0), keys, [&](Value kv) {
      NamedIndices indices = out.indices(e.add(start, kv));
      out.store(e.divf(out.load(indices), divisor), indices);
    });
  });
}

void PlainKernel::combine(CombineOp op) {
  TensorAccess out = target(), p(e, tensor(op.getP()));
  RowsAtOp queryRows = rows(op.getQRows()), keyRows = rows(op.getKvRows());
  Value heads = p.size(axis::Heads);
  StringRef qAxis;
  // The result has q's own name for the query axis, the scores say `q`: it is
  // the one that p does not have.
  if (!queryRows)
    for (StringAttr name : axisNames(op.getType()))
      if (name != axis::Head && !findAxis(op.getP().getType(), name.getValue()))
        qAxis = name.getValue();
  share(out.count(), [&](Value flat) {
    NamedIndices indices = out.indices(flat), score;
    for (auto &entry : indices)
      score[entry.first()] = entry.second;
    if (!queryRows && !qAxis.empty())
      score[axis::Query] = at(indices, qAxis);
    Value d = at(indices, axis::Head);
    score.erase(axis::Head);
    Value sum = e.loop(
        e.index(0), p.size(axis::Key), 1, e.constant(0),
        [&](Value kv, ValueRange carried) {
          score[axis::Key] = kv;
          Value weight = p.load(score);
          Where v = key(op.getV(), true, queryRows, keyRows, op.getKvAxis(),
                        score, heads);
          Value product =
              e.fma(weight, element(op.getV(), v.position, d, op.getKvAxis()),
                    carried[0]);
          return SmallVector<Value>{
              v.exists ? e.select(v.exists, product, carried[0]) : product};
        })[0];
    out.store(sum, indices);
  });
}

void PlainKernel::pool(PoolOp op) {
  TensorAccess out = target(), x(e, tensor(op.getX()));
  RowsAtOp all = rows(op.getRows());
  StringRef axisName = all.getType().getAxis().getValue(),
            sequenceAxis = axisNames(op.getType())[0].getValue();
  share(out.count(), [&](Value flat) {
    NamedIndices indices = out.indices(flat), row;
    for (auto &entry : indices)
      row[entry.first()] = entry.second;
    Value sequence = at(indices, sequenceAxis);
    Value start = e.toIndex(e.loadScalar(all.getStarts(), sequence));
    Value end = e.toIndex(e.loadScalar(all.getStarts(), e.add(sequence, 1)));
    Value first =
        op.getKind() == PoolKind::Last ? e.sub(end, e.index(1)) : start;
    Value last = op.getKind() == PoolKind::First ? e.add(start, 1) : end;
    Value sum =
        e.loop(first, last, 1, e.constant(0), [&](Value t, ValueRange carried) {
          row[axisName] = t;
          return SmallVector<Value>{e.addf(carried[0], x.load(row))};
        })[0];
    Value count = arith::SIToFPOp::create(e.b, e.loc, e.b.getF32Type(),
                                          e.toI32(e.sub(last, first)));
    out.store(e.divf(sum, count), indices);
  });
}

} // namespace

void emitPlainKernel(Emit &e, Kernel &kernel, Operation *op) {
  PlainKernel plain(e, kernel);
  llvm::TypeSwitch<Operation *>(op)
      .Case([&](ScoresOp scores) { plain.scores(scores); })
      .Case([&](ScoreMapOp map) { plain.scoreMap(map); })
      .Case([&](MaskOp mask) { plain.mask(mask); })
      .Case([&](SoftmaxOp softmax) { plain.softmax(softmax); })
      .Case([&](MaskedSoftmaxOp softmax) { plain.softmax(softmax); })
      .Case([&](CombineOp combine) { plain.combine(combine); })
      .Case([&](PoolOp pool) { plain.pool(pool); });
}

} // namespace heed
