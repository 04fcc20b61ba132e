//===- AttnOps.cpp - What the ops check of themselves ---------------------===//
//
// A rule C7 of an op's description is `C7` in the message here and in the
// test's name.
//
//===----------------------------------------------------------------------===//
#include "ir/Axes.h"

#include "mlir/IR/Builders.h"
#include "mlir/IR/PatternMatch.h"

using namespace mlir;
using namespace heed::attn;

#define GET_OP_CLASSES
#include "ir/AttnOps.cpp.inc"

//===----------------------------------------------------------------------===//
// Small words for the checks
//===----------------------------------------------------------------------===//

static RankedTensorType tensor(Value value) {
  return cast<RankedTensorType>(value.getType());
}
static int64_t lastSize(RankedTensorType type) {
  return type.getRank() ? type.getShape().back() : ShapedType::kDynamic;
}

static std::string text(ArrayRef<int64_t> sizes) {
  std::string out;
  llvm::raw_string_ostream os(out);
  os << '[';
  llvm::interleaveComma(sizes, os, [&](int64_t size) {
    ShapedType::isDynamic(size) ? os << '?' : os << size;
  });
  os << ']';
  return out;
}

/// The type is x's with its last axis of another size (its name is free).
static bool isWithLastSize(RankedTensorType type, RankedTensorType x,
                           int64_t size) {
  return type.getRank() == x.getRank() &&
         type.getShape().drop_back() == x.getShape().drop_back() &&
         lastSize(type) == size &&
         axisNames(type).drop_back() == axisNames(x).drop_back();
}

/// `weight`, where given, is a vector of `size`.
static LogicalResult checkVector(Operation *op, StringRef rule, StringRef what,
                                 Value weight, int64_t size) {
  if (!weight)
    return success();
  ArrayRef<int64_t> shape = cast<WeightType>(weight.getType()).getShape();
  if (shape.size() != 1 || shape[0] != size)
    return op->emitOpError() << rule << ": " << what << " is " << text(shape)
                             << ", expected [" << size << "]";
  return success();
}

/// Positions come from ragged rows of an axis of x, or from a named axis of x.
static LogicalResult checkPositions(Operation *op, StringRef rule,
                                    RankedTensorType x, Value rows,
                                    std::optional<StringRef> axis) {
  if (!rows && !axis)
    return op->emitOpError() << rule << ": positions need `rows` or `axis`";
  StringRef name =
      rows ? cast<RaggedType>(rows.getType()).getAxis().getValue() : *axis;
  if (!findAxis(x, name))
    return op->emitOpError() << rule << ": x has no axis `" << name << "`";
  return success();
}

//===----------------------------------------------------------------------===//
// Weights and rows
//===----------------------------------------------------------------------===//

LogicalResult HandleOp::verify() {
  auto declared =
      SymbolTable::lookupNearestSymbolFrom<DeclareOp>(*this, getWeightAttr());
  if (!declared)
    return emitOpError() << "C1: no weight `" << getWeight() << "` is declared";
  if (declared.getType() != getResult().getType())
    return emitOpError() << "C1: the weight is declared as "
                         << declared.getType();
  return success();
}

LogicalResult EmbedOp::verify() {
  RankedTensorType ids = tensor(getIds()),
                   result = cast<RankedTensorType>(getType());
  ArrayRef<int64_t> table = cast<WeightType>(getTable().getType()).getShape();
  if (!ids.getElementType().isInteger() ||
      axisNames(result).size() != axisNames(ids).size() + 1 ||
      axisNames(result).drop_back() != axisNames(ids))
    return emitOpError(
        "C1: the result has the axes of the integer ids and one more");
  if (table.size() != 2 || lastSize(result) != table[1])
    return emitOpError() << "C2: the table is " << text(table)
                         << ", the result's last size is " << lastSize(result);
  return success();
}

LogicalResult PositionEmbedOp::verify() {
  ArrayRef<int64_t> table = cast<WeightType>(getTable().getType()).getShape();
  if (table.size() != 2 || table[1] != lastSize(tensor(getX())) ||
      getX().getType() != getType())
    return emitOpError() << "C1: the table is " << text(table)
                         << ", x's last size is " << lastSize(tensor(getX()));
  return checkPositions(*this, "C2", tensor(getX()), getRows(), getAxis());
}

LogicalResult LinearOp::verify() {
  ArrayRef<int64_t> shape = cast<WeightType>(getWeight().getType()).getShape();
  RankedTensorType x = tensor(getX());
  if (shape.size() != 2 || shape[1] != lastSize(x))
    return emitOpError() << "C1: the weight is " << text(shape)
                         << " ([out, in]), x's last size is " << lastSize(x);
  if (!isWithLastSize(cast<RankedTensorType>(getType()), x, shape[0]))
    return emitOpError() << "C2: the result has x's axes but the last, of size "
                         << shape[0];
  return success();
}

LogicalResult BiasOp::verify() {
  return checkVector(*this, "C1", "the bias", getWeight(),
                     lastSize(tensor(getX())));
}

LogicalResult NormOp::verify() {
  int64_t size = lastSize(tensor(getX()));
  if (failed(checkVector(*this, "C1", "the weight", getWeight(), size)) ||
      failed(checkVector(*this, "C1", "the bias", getBias(), size)))
    return failure();
  if (getKind() == NormKind::RMS && getBias())
    return emitOpError("C2: rms takes no bias");
  return success();
}

LogicalResult SplitHeadsOp::verify() {
  RankedTensorType x = tensor(getX()),
                   result = cast<RankedTensorType>(getType());
  if (result.getRank() != x.getRank() + 1 ||
      axisNames(result).drop_back(2) != axisNames(x).drop_back() ||
      result.getShape().drop_back(2) != x.getShape().drop_back() ||
      result.getShape().take_back(2)[0] * result.getShape().take_back(2)[1] !=
          lastSize(x))
    return emitOpError(
        "C1: the last axis of x splits in two whose sizes multiply to it");
  return success();
}

LogicalResult MergeHeadsOp::verify() {
  RankedTensorType x = tensor(getX()),
                   result = cast<RankedTensorType>(getType());
  if (!findAxis(x, axis::Head) ||
      axisSize(x, axis::Heads) * axisSize(x, axis::Head) != lastSize(result))
    return emitOpError() << "C1: heads " << axisSize(x, axis::Heads)
                         << " by head " << axisSize(x, axis::Head)
                         << " do not make " << lastSize(result);
  SmallVector<StringAttr> rest;
  for (StringAttr name : axisNames(x))
    if (name != axis::Heads && name != axis::Head)
      rest.push_back(name);
  if (ArrayRef(rest) != axisNames(result).drop_back())
    return emitOpError("C1: the other axes keep their order");
  return success();
}

LogicalResult RopeOp::verify() {
  if (getDims() % 2 || getDims() <= 0 ||
      (int64_t)getDims() > lastSize(tensor(getX())))
    return emitOpError() << "C1: dims " << getDims() << " of a head of "
                         << lastSize(tensor(getX()))
                         << " (even, at most the head)";
  if (getFactors() && getFactors()->size() != getDims() / 2)
    return emitOpError() << "C3: " << getFactors()->size() << " factors for "
                         << getDims() / 2 << " pairs";
  return checkPositions(*this, "C2", tensor(getX()), getRows(), getAxis());
}

LogicalResult SliceOp::verify() {
  RankedTensorType x = tensor(getX());
  if (getLo() >= getHi() || (int64_t)getHi() > lastSize(x))
    return emitOpError() << getLo() << " to " << getHi()
                         << " is outside the last axis of " << lastSize(x);
  if (!isWithLastSize(cast<RankedTensorType>(getType()), x, getHi() - getLo()))
    return emitOpError() << "the result has x's axes but the last, of size "
                         << getHi() - getLo();
  return success();
}

LogicalResult ConcatOp::verify() {
  if (getParts().empty())
    return emitOpError("needs a part");
  int64_t sum = 0;
  for (Value part : getParts())
    sum += lastSize(tensor(part));
  for (Value part : getParts())
    if (!isWithLastSize(cast<RankedTensorType>(getType()), tensor(part), sum))
      return emitOpError()
             << "parts and result agree but for the last axis, which sums to "
             << sum;
  return success();
}

LogicalResult TakeRowsOp::verify() {
  RankedTensorType x = tensor(getX()), rows = tensor(getRows()),
                   result = cast<RankedTensorType>(getType());
  if (rows.getRank() != 1 || !rows.getElementType().isInteger() ||
      result.getRank() != x.getRank() ||
      axisNames(result).front() != axisNames(rows).front() ||
      axisNames(result).drop_front() != axisNames(x).drop_front())
    return emitOpError(
        "the result is x with its first axis replaced by the rows'");
  return success();
}

LogicalResult PoolOp::verify() {
  RankedTensorType x = tensor(getX()),
                   result = cast<RankedTensorType>(getType());
  StringRef ragged = getRows().getType().getAxis().getValue();
  if (axisNames(x).empty() || axisNames(x).front() != ragged ||
      result.getRank() != x.getRank() ||
      axisNames(result).drop_front() != axisNames(x).drop_front())
    return emitOpError() << "pools the first axis of x, which must be `"
                         << ragged << "`";
  return success();
}

//===----------------------------------------------------------------------===//
// Attention
//===----------------------------------------------------------------------===//

LogicalResult CacheAppendOp::verify() {
  CacheType type = getCache().getType();
  for (Value value : {getK(), getV()}) {
    int64_t heads = axisSize(value.getType(), axis::KvHeads,
                             axisSize(value.getType(), axis::Heads));
    if (heads != type.getKvHeads() ||
        axisSize(value.getType(), axis::Head) != type.getHead())
      return emitOpError() << "C1: " << value.getType() << " does not fit "
                           << type;
  }
  if (!getCache().hasOneUse())
    return emitOpError("C2: the cache is used again after this append (cache "
                       "values are linear)");
  return success();
}

/// What scores, combine and attention share of Q (axes) and K or V.
static LogicalResult checkKeys(Operation *op, Type q, Value keys, Value qRows,
                               Value kvRows, StringRef qAxis,
                               StringRef kvAxis) {
  int64_t heads = axisSize(q, axis::Heads), head = axisSize(q, axis::Head),
          kvHeads, kvHead;
  if (auto cache = dyn_cast<CacheType>(keys.getType())) {
    kvHeads = cache.getKvHeads();
    kvHead = cache.getHead();
    if (!qRows)
      return op->emitOpError("C3: a cache needs q_rows");
  } else {
    Type k = keys.getType();
    kvHeads = axisSize(k, axis::KvHeads, axisSize(k, axis::Heads));
    kvHead = axisSize(k, axis::Head);
    if (!findAxis(k, kvAxis))
      return op->emitOpError() << "the keys have no axis `" << kvAxis << "`";
    if (bool(qRows) != bool(kvRows))
      return op->emitOpError("C3: q and kv are both ragged or neither is");
    for (StringAttr name : axisNames(k)) {
      StringRef axis = name.getValue();
      bool role = axis == axis::Heads || axis == axis::KvHeads ||
                  axis == axis::Head || axis == kvAxis;
      if (!role && axisSize(k, axis) != axisSize(q, axis, 0))
        return op->emitOpError()
               << "C4: batch axis `" << axis
               << "` of the keys is not one of q of the same size";
    }
  }
  for (auto [rows, axis] : {std::pair(qRows, qAxis), std::pair(kvRows, kvAxis)})
    if (rows && cast<RaggedType>(rows.getType()).getAxis() != axis)
      return op->emitOpError()
             << "C3: rows of axis `"
             << cast<RaggedType>(rows.getType()).getAxis().getValue()
             << "` given for axis `" << axis << "`";
  if (head != kvHead)
    return op->emitOpError()
           << "C1: q's head is " << head << ", the keys' is " << kvHead;
  if (kvHeads <= 0 || heads % kvHeads)
    return op->emitOpError() << "C2: " << kvHeads << " kv heads do not divide "
                             << heads << " heads";
  return success();
}

LogicalResult ScoresOp::verify() {
  if (!findAxis(getQ().getType(), getQAxis()))
    return emitOpError() << "q has no axis `" << getQAxis() << "`";
  if (!findAxis(getType(), axis::Key) ||
      !findAxis(getType(), getQRows() ? getQAxis() : StringRef(axis::Query)))
    return emitOpError("the result has axes `q` (or the ragged axis) and `kv`");
  return checkKeys(*this, getQ().getType(), getK(), getQRows(), getKvRows(),
                   getQAxis(), getKvAxis());
}

/// A masked score must stay masked: no score rule may follow the mask.
LogicalResult ScoreMapOp::verify() {
  if (Operation *producer = getX().getDefiningOp();
      producer && isa<MaskOp>(producer))
    return emitOpError("C1: a score rule after the mask could give a masked "
                       "score weight; put it before the mask")
               .attachNote(producer->getLoc())
           << "the mask is here";
  if (getBody().getNumArguments() != 5)
    return emitOpError("the rule takes (score, q, kv, h, b)");
  return success();
}

LogicalResult LookupOp::verify() {
  ArrayRef<int64_t> shape = cast<WeightType>(getTable().getType()).getShape();
  if (shape.size() != getIndices().size())
    return emitOpError() << getIndices().size() << " indices for a table "
                         << text(shape);
  return success();
}

static LogicalResult checkMask(Operation *op, MaskAttr mask,
                               std::optional<ArrayAttr> names,
                               OperandRange tables, StringRef rule) {
  size_t given = names ? names->size() : 0;
  if (given != tables.size())
    return op->emitOpError() << rule << ": " << tables.size() << " tables, "
                             << given << " table_names";
  for (MaskSymbolAttr symbol : mask.getSymbols()) {
    StringRef table = symbol.getTable().getValue();
    if (!table.empty() &&
        !(names &&
          llvm::is_contained(names->getAsRange<StringAttr>(),
                             StringAttr::get(op->getContext(), table))))
      return op->emitOpError() << rule << ": the mask names a table `" << table
                               << "` that is not given";
  }
  return success();
}

static LogicalResult checkScoreAxes(Operation *op, Type scores, Value rows,
                                    StringRef rule) {
  StringRef q = rows ? cast<RaggedType>(rows.getType()).getAxis().getValue()
                     : StringRef(axis::Query);
  if (!findAxis(scores, q) || !findAxis(scores, axis::Key))
    return op->emitOpError()
           << rule << ": x has no axes `" << q << "` and `kv`";
  return success();
}

LogicalResult MaskOp::verify() {
  if (failed(checkScoreAxes(*this, getX().getType(), getRows(), "C1")))
    return failure();
  // A score rule says so itself.
  for (Operation *user : getResult().getUsers())
    if (isa<SequenceFlowOpInterface>(user) &&
        !isa<ScoreMapOp, MaskOp, SoftmaxOp>(user))
      return user->emitOpError("masked scores go to a softmax and nowhere "
                               "else; this could give a masked score weight")
                 .attachNote(getLoc())
             << "the mask is here";
  return checkMask(*this, getMask(), getTableNames(), getTables(), "C2");
}

static LogicalResult checkSoftmaxAxis(Operation *op, Type x, StringRef axis) {
  if (!findAxis(x, axis))
    return op->emitOpError() << "C1: x has no axis `" << axis << "`";
  if (axis != axis::Key)
    return op->emitOpError() << "C2: a softmax over `" << axis
                             << "` mixes what different queries see; scores "
                                "are normalised over `kv`";
  return success();
}

LogicalResult SoftmaxOp::verify() {
  return checkSoftmaxAxis(*this, getX().getType(), getAxis());
}

LogicalResult MaskedSoftmaxOp::verify() {
  if (failed(checkSoftmaxAxis(*this, getX().getType(), getAxis())) ||
      failed(checkScoreAxes(*this, getX().getType(), getRows(), "C1")))
    return failure();
  return checkMask(*this, getMask(), getTableNames(), getTables(), "C2");
}

LogicalResult CombineOp::verify() {
  StringRef qAxis = getQRows() ? getQRows().getType().getAxis().getValue()
                               : StringRef(axis::Query);
  if (!findAxis(getP().getType(), qAxis) ||
      !findAxis(getP().getType(), axis::Key))
    return emitOpError() << "C1: p has no axes `" << qAxis << "` and `kv`";
  return checkKeys(*this, getType(), getV(), getQRows(), getKvRows(), qAxis,
                   getKvAxis());
}

LogicalResult AttentionOp::verify() {
  if (!findAxis(getQ().getType(), getQAxis()))
    return emitOpError() << "q has no axis `" << getQAxis() << "`";
  for (Value keys : {getK(), getV()})
    if (failed(checkKeys(*this, getQ().getType(), keys, getQRows(), getKvRows(),
                         getQAxis(), getKvAxis())))
      return failure();
  if (!getScore().empty() && getScore().getNumArguments() != 5)
    return emitOpError("the score rule takes (score, q, kv, h, b)");
  return checkMask(*this, getMask(), getTableNames(), getTables(), "C2");
}

LogicalResult FusedLinearOp::verify() {
  RankedTensorType x = tensor(getX());
  Block &prologue = getPrologue().front(), &epilogue = getEpilogue().front();
  if (prologue.getNumArguments() != 1 ||
      prologue.getArgument(0).getType() != x ||
      prologue.getTerminator()->getOperandTypes() != TypeRange{x})
    return emitOpError(
        "C1: the prologue takes x and yields a tensor of x's type");
  if (epilogue.getNumArguments() != getWeights().size())
    return emitOpError("C2: the epilogue takes one tensor a weight");
  for (auto [argument, weight] :
       llvm::zip(epilogue.getArguments(), getWeights())) {
    ArrayRef<int64_t> shape = cast<WeightType>(weight.getType()).getShape();
    auto product = dyn_cast<RankedTensorType>(argument.getType());
    if (shape.size() != 2 || shape[1] != lastSize(x) || !product ||
        !isWithLastSize(product, x, shape[0]))
      return emitOpError() << "C2: weight " << text(shape) << " makes no "
                           << argument.getType() << " from " << x;
  }
  if (epilogue.getTerminator()->getOperandTypes() != getResultTypes())
    return emitOpError("C2: the epilogue yields the results");
  for (Region *region : getRegions())
    for (Operation &op : region->front().without_terminator()) {
      auto flow = dyn_cast<SequenceFlowOpInterface>(op);
      if (!flow || flow.getSequenceFlow() != SequenceFlow::None)
        return emitOpError()
               << "C3: `" << op.getName() << "` does not work on rows alone";
    }
  return success();
}

LogicalResult TileEpilogueOp::verify() {
  Block &body = getEpilogue().front();
  if (body.getNumArguments() != getProducts().size() ||
      body.getTerminator()->getNumOperands() != getTargets().size())
    return emitOpError(
        "C1: one region argument a product, one target a yielded value");
  return success();
}
