//===- RowOps.cpp - Ops that work on each row
//------------------------------===//
#include "ir/Axes.h"
#include "tests/oracle/Linear.h"
#include "tests/oracle/OracleInterface.h"

#include <cmath>
#include <numbers>

using namespace heed::attn;
using namespace heed::oracle;
using namespace mlir;

/// Replaces each element.
template <typename Fn> static Tensor map(Tensor x, Fn fn) {
  for (double &value : x.values)
    value = fn(value);
  return x;
}

/// Calls fn(row, width) for each row of the last axis, to be changed in place.
template <typename Fn> static void eachRow(Tensor &x, Fn fn) {
  for (int64_t i = 0, n = x.width(); n && i < x.count(); i += n)
    fn(&x.values[i], n);
}

/// The position of element `flat`: of its ragged row, else its index along
/// axis.
static int64_t positionOf(const Tensor &x, int64_t flat, const Rows *rows,
                          std::optional<StringRef> axis) {
  StringRef along = rows ? StringRef(rows->axis) : *axis;
  int64_t index = flat / x.stride(along) % x.size(along);
  return rows ? rows->positions[index] : index;
}

//===----------------------------------------------------------------------===//
// Tables
//===----------------------------------------------------------------------===//

static LogicalResult handle(HandleOp op, State &state) {
  auto declared =
      SymbolTable::lookupNearestSymbolFrom<DeclareOp>(op, op.getWeightAttr());
  FailureOr<Weight> weight = state.around.weights.find(declared);
  if (failed(weight))
    return failure();
  state.set(op.getResult(), datum(std::move(*weight)));
  return success();
}

/// result[i] = table[ids[i]]
static LogicalResult embed(EmbedOp op, State &state) {
  const Tensor &ids = state.tensor(op.getIds());
  const Weight &table = state.weight(op.getTable());
  Weight::Values values = table.values();
  int64_t width = table.shape()[1];
  Tensor out(axesOf(op.getType()), ids.sizes);
  out.sizes.push_back(width);
  out.values.clear();
  for (double id : ids.values) {
    if (id < 0 || id >= double(table.shape()[0]))
      return op.emitOpError() << "id " << int64_t(id) << " is outside the "
                              << table.shape()[0] << " rows of the table";
    auto row = values->begin() + int64_t(id) * width;
    out.values.insert(out.values.end(), row, row + width);
  }
  state.set(op.getResult(), datum(std::move(out)));
  return success();
}

/// result[t] = x[t] + table[position(t) + offset]
static LogicalResult positionEmbed(PositionEmbedOp op, State &state) {
  Tensor x = state.tensor(op.getX());
  const Weight &table = state.weight(op.getTable());
  Weight::Values values = table.values();
  const Rows *rows = state.rowsOrNull(op.getRows());
  int64_t width = x.width();
  for (int64_t i = 0; i < x.count(); ++i) {
    int64_t row = positionOf(x, i, rows, op.getAxis()) + op.getOffset();
    if (row < 0 || row >= table.shape()[0])
      return op.emitOpError() << "position row " << row << " is outside the "
                              << table.shape()[0] << " rows of the table";
    x.values[i] += (*values)[row * width + i % width];
  }
  state.set(op.getResult(), datum(std::move(x)));
  return success();
}

//===----------------------------------------------------------------------===//
// Linear algebra and elementwise
//===----------------------------------------------------------------------===//

static LogicalResult linear(LinearOp op, State &state) {
  state.set(op.getResult(), datum(multiply(state.tensor(op.getX()),
                                           state.weight(op.getWeight()),
                                           axesOf(op.getType()).back())));
  return success();
}

static LogicalResult bias(BiasOp op, State &state) {
  Tensor x = state.tensor(op.getX());
  Weight::Values b = state.weight(op.getWeight()).values();
  eachRow(x, [&](double *row, int64_t n) {
    for (int64_t i = 0; i < n; ++i)
      row[i] += (*b)[i];
  });
  state.set(op.getResult(), datum(std::move(x)));
  return success();
}

/// rms:   x / sqrt(mean(x^2) + eps) * w
/// layer: (x - mean(x)) / sqrt(mean((x - mean(x))^2) + eps) * w + b
static LogicalResult norm(NormOp op, State &state) {
  Tensor x = state.tensor(op.getX());
  Weight::Values w, b;
  if (op.getWeight())
    w = state.weight(op.getWeight()).values();
  if (op.getBias())
    b = state.weight(op.getBias()).values();
  double eps = op.getEps().convertToDouble();
  eachRow(x, [&](double *row, int64_t n) {
    double mean = 0, square = 0;
    if (op.getKind() == NormKind::Layer)
      for (int64_t i = 0; i < n; ++i)
        mean += row[i] / double(n);
    for (int64_t i = 0; i < n; ++i)
      square += (row[i] - mean) * (row[i] - mean) / double(n);
    for (int64_t i = 0; i < n; ++i) {
      row[i] = (row[i] - mean) / std::sqrt(square + eps);
      if (w)
        row[i] *= (*w)[i] + (op.getUnitOffset() ? 1.0 : 0.0);
      if (b)
        row[i] += (*b)[i];
    }
  });
  state.set(op.getResult(), datum(std::move(x)));
  return success();
}

static double sigmoid(double x) { return 1.0 / (1.0 + std::exp(-x)); }

static double activate(ActivationKind kind, double x) {
  switch (kind) {
  case ActivationKind::Relu:
    return x > 0 ? x : 0;
  case ActivationKind::Silu:
    return x * sigmoid(x);
  case ActivationKind::Gelu:
    return 0.5 * x * (1 + std::erf(x / std::numbers::sqrt2));
  case ActivationKind::GeluTanh:
    return 0.5 * x *
           (1 + std::tanh(std::sqrt(2 / std::numbers::pi) *
                          (x + 0.044715 * x * x * x)));
  case ActivationKind::Tanh:
    return std::tanh(x);
  case ActivationKind::Sigmoid:
    return sigmoid(x);
  case ActivationKind::QuickGelu:
    return x * sigmoid(1.702 * x);
  case ActivationKind::ReluSquared:
    return x > 0 ? x * x : 0;
  }
  llvm_unreachable("all kinds are named");
}

static LogicalResult activation(ActivationOp op, State &state) {
  state.set(op.getResult(), datum(map(state.tensor(op.getX()), [&](double x) {
              return activate(op.getKind(), x);
            })));
  return success();
}

static LogicalResult add(AddOp op, State &state) {
  Tensor sum = state.tensor(op.getLhs());
  const Tensor &rhs = state.tensor(op.getRhs());
  for (int64_t i = 0; i < sum.count(); ++i)
    sum.values[i] += rhs.values[i];
  state.set(op.getResult(), datum(std::move(sum)));
  return success();
}

static LogicalResult mul(MulOp op, State &state) {
  Tensor product = state.tensor(op.getLhs());
  const Tensor &rhs = state.tensor(op.getRhs());
  for (int64_t i = 0; i < product.count(); ++i)
    product.values[i] *= rhs.values[i];
  state.set(op.getResult(), datum(std::move(product)));
  return success();
}

static LogicalResult scale(ScaleOp op, State &state) {
  double factor = op.getFactor().convertToDouble();
  state.set(op.getResult(), datum(map(state.tensor(op.getX()),
                                      [&](double x) { return x * factor; })));
  return success();
}

/// x / max(|x|, eps)
static LogicalResult l2Normalize(L2NormalizeOp op, State &state) {
  Tensor x = state.tensor(op.getX());
  eachRow(x, [&](double *row, int64_t n) {
    double square = 0;
    for (int64_t i = 0; i < n; ++i)
      square += row[i] * row[i];
    double length = std::max(std::sqrt(square), op.getEps().convertToDouble());
    for (int64_t i = 0; i < n; ++i)
      row[i] /= length;
  });
  state.set(op.getResult(), datum(std::move(x)));
  return success();
}

/// Turns the pair (x_i, x_j) by position * theta^(-2i/dims) * factor_i.
static LogicalResult rope(RopeOp op, State &state) {
  Tensor x = state.tensor(op.getX());
  const Rows *rows = state.rowsOrNull(op.getRows());
  int64_t dims = op.getDims(), width = x.width();
  double theta = op.getTheta().convertToDouble(),
         magnitude = op.getAttentionFactor().convertToDouble();
  bool halves = op.getPairs() == RopePairs::Halves;
  for (int64_t start = 0; start < x.count(); start += width) {
    double position = double(positionOf(x, start, rows, op.getAxis()));
    for (int64_t i = 0; i < dims / 2; ++i) {
      double frequency = std::pow(theta, -2.0 * double(i) / double(dims));
      if (op.getFactors() && !op.getFactors()->empty())
        frequency *= (*op.getFactors())[i];
      double c = std::cos(position * frequency) * magnitude,
             s = std::sin(position * frequency) * magnitude;
      double &a = x.values[start + (halves ? i : 2 * i)],
             &b = x.values[start + (halves ? i + dims / 2 : 2 * i + 1)];
      double turned = a * c - b * s;
      b = a * s + b * c;
      a = turned;
    }
  }
  state.set(op.getResult(), datum(std::move(x)));
  return success();
}

//===----------------------------------------------------------------------===//
// Shapes and selections
//===----------------------------------------------------------------------===//

static LogicalResult splitHeads(SplitHeadsOp op, State &state) {
  Tensor x = state.tensor(op.getX());
  x.axes = axesOf(op.getType());
  x.sizes.pop_back();
  for (int64_t size :
       cast<RankedTensorType>(op.getType()).getShape().take_back(2))
    x.sizes.push_back(size);
  state.set(op.getResult(), datum(std::move(x)));
  return success();
}

/// result[.., h * head + d] = x[.., h, .., d]
static LogicalResult mergeHeads(MergeHeadsOp op, State &state) {
  const Tensor &x = state.tensor(op.getX());
  int64_t heads = x.size(axis::Heads), head = x.size(axis::Head);
  int64_t headsStride = std::max<int64_t>(x.stride(axis::Heads), 0),
          headStride = x.stride(axis::Head);
  Tensor out(axesOf(op.getType()), {});
  out.values.clear();
  std::vector<std::pair<int64_t, int64_t>> rest; // size, stride in x
  for (auto [name, size] : llvm::zip(x.axes, x.sizes))
    if (name != axis::Heads && name != axis::Head) {
      out.sizes.push_back(size);
      rest.push_back({size, x.stride(name)});
    }
  out.sizes.push_back(heads * head);
  for (int64_t row = 0, rows = x.count() / std::max<int64_t>(heads * head, 1);
       row < rows; ++row) {
    int64_t left = row, from = 0;
    for (auto [size, stride] : llvm::reverse(rest)) {
      from += left % size * stride;
      left /= size;
    }
    for (int64_t h = 0; h < heads; ++h)
      for (int64_t d = 0; d < head; ++d)
        out.values.push_back(x.values[from + h * headsStride + d * headStride]);
  }
  state.set(op.getResult(), datum(std::move(out)));
  return success();
}

static LogicalResult slice(SliceOp op, State &state) {
  const Tensor &x = state.tensor(op.getX());
  Tensor out(axesOf(op.getType()), x.sizes);
  int64_t lo = op.getLo(), hi = op.getHi(), width = x.width();
  out.sizes.back() = hi - lo;
  out.values.clear();
  for (int64_t row = 0; row < x.count(); row += width)
    out.values.insert(out.values.end(), x.values.begin() + row + lo,
                      x.values.begin() + row + hi);
  state.set(op.getResult(), datum(std::move(out)));
  return success();
}

static LogicalResult concat(ConcatOp op, State &state) {
  const Tensor &first = state.tensor(op.getParts().front());
  Tensor out(axesOf(op.getType()), first.sizes);
  out.sizes.back() = 0;
  for (Value part : op.getParts())
    out.sizes.back() += state.tensor(part).width();
  out.values.clear();
  for (int64_t row = 0, rows = first.count() / first.width(); row < rows; ++row)
    for (Value part : op.getParts()) {
      const Tensor &x = state.tensor(part);
      auto begin = x.values.begin() + row * x.width();
      out.values.insert(out.values.end(), begin, begin + x.width());
    }
  state.set(op.getResult(), datum(std::move(out)));
  return success();
}

/// result[i] = x[rows[i]]
static LogicalResult takeRows(TakeRowsOp op, State &state) {
  const Tensor &x = state.tensor(op.getX()), &rows = state.tensor(op.getRows());
  Tensor out(axesOf(op.getType()), x.sizes);
  out.sizes.front() = rows.count();
  out.values.clear();
  int64_t width = x.stride(x.axes.front());
  for (double row : rows.values) {
    if (row < 0 || row >= double(x.sizes.front()))
      return op.emitOpError() << "row " << int64_t(row) << " of "
                              << x.sizes.front() << " is wanted";
    auto begin = x.values.begin() + int64_t(row) * width;
    out.values.insert(out.values.end(), begin, begin + width);
  }
  state.set(op.getResult(), datum(std::move(out)));
  return success();
}

static LogicalResult pool(PoolOp op, State &state) {
  const Tensor &x = state.tensor(op.getX());
  const Rows &rows = state.rows(op.getRows());
  std::vector<int64_t> sizes = x.sizes;
  sizes.front() = rows.sequenceCount();
  Tensor out(axesOf(op.getType()), sizes);
  int64_t width = x.stride(x.axes.front());
  for (int64_t s = 0; s < rows.sequenceCount(); ++s) {
    int64_t first = rows.starts[s], last = rows.starts[s + 1];
    if (op.getKind() == PoolKind::First)
      last = std::min(first + 1, last);
    else if (op.getKind() == PoolKind::Last)
      first = std::max(last - 1, first);
    for (int64_t row = first; row < last; ++row)
      for (int64_t i = 0; i < width; ++i)
        out.values[s * width + i] +=
            x.values[row * width + i] / double(last - first);
  }
  state.set(op.getResult(), datum(std::move(out)));
  return success();
}

void heed::oracle::registerRowModels(DialectRegistry &registry) {
  registry.addExtension(+[](MLIRContext *context, AttnDialect *) {
    HandleOp::attachInterface<Meaning<HandleOp, handle>>(*context);
    EmbedOp::attachInterface<Meaning<EmbedOp, embed>>(*context);
    PositionEmbedOp::attachInterface<Meaning<PositionEmbedOp, positionEmbed>>(
        *context);
    LinearOp::attachInterface<Meaning<LinearOp, linear>>(*context);
    BiasOp::attachInterface<Meaning<BiasOp, bias>>(*context);
    NormOp::attachInterface<Meaning<NormOp, norm>>(*context);
    ActivationOp::attachInterface<Meaning<ActivationOp, activation>>(*context);
    AddOp::attachInterface<Meaning<AddOp, add>>(*context);
    MulOp::attachInterface<Meaning<MulOp, mul>>(*context);
    ScaleOp::attachInterface<Meaning<ScaleOp, scale>>(*context);
    L2NormalizeOp::attachInterface<Meaning<L2NormalizeOp, l2Normalize>>(
        *context);
    RopeOp::attachInterface<Meaning<RopeOp, rope>>(*context);
    SplitHeadsOp::attachInterface<Meaning<SplitHeadsOp, splitHeads>>(*context);
    MergeHeadsOp::attachInterface<Meaning<MergeHeadsOp, mergeHeads>>(*context);
    SliceOp::attachInterface<Meaning<SliceOp, ::slice>>(*context);
    ConcatOp::attachInterface<Meaning<ConcatOp, concat>>(*context);
    TakeRowsOp::attachInterface<Meaning<TakeRowsOp, takeRows>>(*context);
    PoolOp::attachInterface<Meaning<PoolOp, ::pool>>(*context);
  });
}
