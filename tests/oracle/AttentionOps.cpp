//===- AttentionOps.cpp - Attention, unfused ------------------------------===//
#include "ir/Axes.h"
#include "tests/oracle/Attention.h"
#include "tests/oracle/OracleInterface.h"

using namespace heed::attn;
using namespace heed::oracle;
using namespace mlir;

/// The vectors of these rows, put at their positions.
static LogicalResult cacheAppend(CacheAppendOp op, State &state) {
  Cache cache = state.cache(op.getCache());
  const Rows &rows = state.rows(op.getRows());
  if (int64_t(cache.k.size()) != rows.sequenceCount())
    return op.emitOpError() << "a cache of " << cache.k.size()
                            << " sequences, rows of " << rows.sequenceCount();
  auto append = [&](Cache::Vectors &into, const Tensor &from) -> LogicalResult {
    int64_t headsStride =
        from.stride(from.has(axis::KvHeads) ? axis::KvHeads : axis::Heads);
    for (int64_t row = 0; row < rows.count(); ++row) {
      auto &sequence = into[rows.sequences[row]];
      int64_t position = rows.positions[row];
      if (position > int64_t(sequence.size()))
        return op.emitOpError() << "position " << position << " after only "
                                << sequence.size() << " keys";
      if (position == int64_t(sequence.size()))
        sequence.emplace_back();
      std::vector<double> &vector = sequence[position];
      vector.clear();
      for (int64_t g = 0; g < cache.kvHeads; ++g)
        for (int64_t d = 0; d < cache.head; ++d)
          vector.push_back(from.values[row * from.stride(rows.axis) +
                                       g * std::max<int64_t>(headsStride, 0) +
                                       d * from.stride(axis::Head)]);
    }
    return success();
  };
  if (failed(append(cache.k, state.tensor(op.getK()))) ||
      failed(append(cache.v, state.tensor(op.getV()))))
    return failure();
  state.set(op.getResult(), datum(std::move(cache)));
  return success();
}

static LogicalResult scores(ScoresOp op, State &state) {
  state.set(op.getResult(),
            datum(scoresOf(state.tensor(op.getQ()), state.get(op.getK()),
                           state.rowsOrNull(op.getQRows()),
                           state.rowsOrNull(op.getKvRows()),
                           op.getScale().convertToDouble(), op.getQAxis(),
                           op.getKvAxis(), axesOf(op.getType()))));
  return success();
}

static LogicalResult scoreMap(ScoreMapOp op, State &state) {
  FailureOr<Tensor> mapped =
      mapScores(state.tensor(op.getX()), state.rowsOrNull(op.getRows()),
                op.getBody().front(), state);
  if (failed(mapped))
    return failure();
  state.set(op.getResult(), datum(std::move(*mapped)));
  return success();
}

static LogicalResult lookup(LookupOp op, State &state) {
  const Weight &table = state.weight(op.getTable());
  int64_t flat = 0;
  for (auto [size, index] : llvm::zip(table.shape(), op.getIndices())) {
    int64_t i = state.integer(index);
    if (i < 0 || i >= size)
      return op.emitOpError() << "index " << i << " of a table of " << size;
    flat = flat * size + i;
  }
  state.set(op.getResult(), (*table.values())[flat]);
  return success();
}

static LogicalResult mask(MaskOp op, State &state) {
  FailureOr<Tensor> masked =
      maskScores(state.tensor(op.getX()), maskContext(op, state, op.getRows()),
                 state.around);
  if (failed(masked))
    return failure();
  state.set(op.getResult(), datum(std::move(*masked)));
  return success();
}

static LogicalResult softmax(SoftmaxOp op, State &state) {
  state.set(
      op.getResult(),
      datum(softmaxOf(state.tensor(op.getX()),
                      op.getSinks() ? &state.weight(op.getSinks()) : nullptr)));
  return success();
}

/// The name that the result gives to the queries' axis: the one that p lacks.
static std::string queryAxisOf(CombineOp op, const Tensor &p) {
  if (op.getQRows())
    return op.getQRows().getType().getAxis().str();
  for (const std::string &name : axesOf(op.getType()))
    if (name != axis::Head && !p.has(name))
      return name;
  return axis::Query.str();
}

static LogicalResult combine(CombineOp op, State &state) {
  const Tensor &p = state.tensor(op.getP());
  state.set(op.getResult(),
            datum(heed::oracle::combine(
                p, state.get(op.getV()), state.rowsOrNull(op.getQRows()),
                state.rowsOrNull(op.getKvRows()), queryAxisOf(op, p),
                op.getKvAxis(), axesOf(op.getType()))));
  return success();
}

void heed::oracle::registerAttentionModels(DialectRegistry &registry) {
  registry.addExtension(+[](MLIRContext *context, AttnDialect *) {
    CacheAppendOp::attachInterface<Meaning<CacheAppendOp, cacheAppend>>(
        *context);
    ScoresOp::attachInterface<Meaning<ScoresOp, scores>>(*context);
    ScoreMapOp::attachInterface<Meaning<ScoreMapOp, scoreMap>>(*context);
    LookupOp::attachInterface<Meaning<LookupOp, lookup>>(*context);
    MaskOp::attachInterface<Meaning<MaskOp, mask>>(*context);
    SoftmaxOp::attachInterface<Meaning<SoftmaxOp, softmax>>(*context);
    CombineOp::attachInterface<Meaning<CombineOp, ::combine>>(*context);
  });
}
