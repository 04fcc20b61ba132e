//===- Inputs.cpp - Arguments for a function: random, or from files -------===//
#include "tests/oracle/Inputs.h"
#include "ir/Axes.h"
#include "runtime/formats/Npy.h"

using namespace heed;
using namespace heed::attn;
using namespace heed::oracle;
using namespace mlir;

static std::string nameOf(StringAttr attr, StringRef otherwise, unsigned i) {
  return attr ? attr.str() : (otherwise + Twine(i)).str();
}
std::string heed::oracle::argumentName(func::FuncOp function, unsigned i) {
  return nameOf(function.getArgAttrOfType<StringAttr>(i, "attn.name"), "arg",
                i);
}
std::string heed::oracle::resultName(func::FuncOp function, unsigned i) {
  return nameOf(function.getResultAttrOfType<StringAttr>(i, "attn.name"),
                "result", i);
}

/// Calls fn for each use of a value, in called functions too.
static void eachUse(Value value, llvm::function_ref<void(OpOperand &)> fn) {
  for (OpOperand &use : value.getUses()) {
    auto call = dyn_cast<func::CallOp>(use.getOwner());
    if (!call) {
      fn(use);
      continue;
    }
    auto callee = SymbolTable::lookupNearestSymbolFrom<func::FuncOp>(
        call, call.getCalleeAttr());
    if (callee && !callee.isDeclaration())
      eachUse(callee.getArgument(use.getOperandNumber()), fn);
  }
}

Inputs::Inputs(func::FuncOp function, const InputOptions &options)
    : function(function), options(options), random(options.seed) {}

/// Not std::uniform_int_distribution: its values differ between libraries.
int64_t Inputs::between(int64_t lo, int64_t hi) {
  return lo + int64_t(random() % uint64_t(hi - lo + 1));
}

/// Uniform, variance 1.
double Inputs::real() {
  double unit = double(random() >> 11) * 0x1p-53;
  return double(float(std::sqrt(3.0) * (2 * unit - 1)));
}

FailureOr<std::vector<Datum>> Inputs::make() {
  if (failed(readFiles()))
    return failure();
  drawRows();
  std::vector<Datum> made;
  for (unsigned i = 0; i < function.getNumArguments(); ++i) {
    Type type = function.getArgumentTypes()[i];
    if (isa<RankedTensorType>(type)) {
      FailureOr<Datum> value = tensor(i);
      if (failed(value))
        return failure();
      made.push_back(*value);
    } else if (auto rows = dyn_cast<RaggedType>(type)) {
      made.push_back(ragged.find(rows.getAxis().str())->second);
    } else if (isa<CacheType>(type)) {
      made.push_back(cache(i));
    } else if (auto weight = dyn_cast<WeightType>(type)) {
      made.push_back(datum(WeightTable::random(
          options.seed, argumentName(function, i), weight.getShape())));
    } else {
      return function.emitOpError() << "the oracle makes no " << type;
    }
  }
  return made;
}

//===----------------------------------------------------------------------===//
// Sizes
//===----------------------------------------------------------------------===//

LogicalResult Inputs::readFiles() {
  std::map<std::string, std::string> left = options.files;
  for (unsigned i = 0; i < function.getNumArguments(); ++i) {
    auto found = left.find(argumentName(function, i));
    if (found == left.end())
      continue;
    heed::Result<Npy> file = Npy::open(found->second);
    if (!file)
      return function.emitOpError() << file.error().text;
    left.erase(found);
    Array array{file->shape(), {}};
    if (heed::Result<std::vector<int64_t>> integers = file->integers()) {
      array.values.assign(integers->begin(), integers->end());
    } else {
      heed::Result<std::vector<float>> floats = file->floats();
      if (!floats)
        return function.emitOpError() << floats.error().text;
      array.values.assign(floats->begin(), floats->end());
    }
    if (failed(noteSizes(i, array)))
      return failure();
    given[i] = std::move(array);
  }
  if (!left.empty())
    return function.emitOpError()
           << "has no argument `" << left.begin()->first << "`";
  return success();
}

/// Takes the sizes of dynamic axes from a given array.
LogicalResult Inputs::noteSizes(unsigned i, const Array &array) {
  auto type = dyn_cast<RankedTensorType>(function.getArgumentTypes()[i]);
  auto role = function.getArgAttrOfType<StringAttr>(i, "attn.role");
  if (type && role == "tokens" && array.shape.size() == 2) {
    std::string axis = axesOf(type).front();
    std::vector<std::pair<int64_t, int64_t>> sequences(array.shape[0],
                                                       {0, array.shape[1]});
    ragged[axis] = std::make_shared<const Rows>(axis, sequences);
    allWanted = true;
    return success();
  }
  bool fits = type && type.getRank() == int64_t(array.shape.size());
  if (fits)
    for (auto [axis, size, found] :
         llvm::zip(axesOf(type), type.getShape(), array.shape)) {
      auto [entry, isNew] =
          sizes.try_emplace(axis, ShapedType::isDynamic(size) ? found : size);
      fits &= entry->second == found;
    }
  if (!fits)
    return function.emitOpError()
           << "the array for `" << argumentName(function, i)
           << "` does not fit " << function.getArgumentTypes()[i];
  if (role == "tokens") {
    std::string axis = axesOf(type).front();
    ragged[axis] = std::make_shared<const Rows>(
        axis, ArrayRef{std::pair<int64_t, int64_t>(0, array.shape[0])});
    allWanted = true;
  }
  return success();
}

/// Ragged axes: as many sequences each.
void Inputs::drawRows() {
  size_t sequences = between(1, 3);
  if (!ragged.empty())
    sequences = ragged.begin()->second->sequenceCount();
  else if (!options.rows.empty())
    sequences = options.rows.begin()->second.size();
  for (BlockArgument argument : function.getArguments()) {
    auto type = dyn_cast<RaggedType>(argument.getType());
    if (!type || ragged.count(type.getAxis().str()))
      continue;
    std::string axis = type.getAxis().str();
    bool meetsCache = false;
    eachUse(argument, [&](OpOperand &use) {
      for (Value operand : use.getOwner()->getOperands())
        meetsCache |= isa<CacheType>(operand.getType());
    });
    std::vector<std::pair<int64_t, int64_t>> drawn;
    if (auto found = options.rows.find(axis); found != options.rows.end())
      drawn = found->second;
    else
      for (size_t s = 0; s < sequences; ++s) {
        int64_t past = meetsCache ? between(0, 5) : 0;
        drawn.push_back({past, between(1, 6)});
      }
    ragged[axis] = std::make_shared<const Rows>(axis, drawn);
  }
}

const Rows *Inputs::rowsOf(StringRef axis) const {
  auto found = ragged.find(axis.str());
  return found == ragged.end() ? nullptr : found->second.get();
}

int64_t Inputs::sizeOf(StringRef axis) {
  if (const Rows *rows = rowsOf(axis))
    return rows->count();
  if (auto found = options.sizes.find(axis); found != options.sizes.end())
    return found->second;
  auto [entry, isNew] = sizes.try_emplace(axis, 0);
  if (isNew) {
    entry->second = between(1, 9);
    if (axis == axis::Sequence && !ragged.empty())
      entry->second = ragged.begin()->second->sequenceCount();
    if (axis == axis::Output && allWanted)
      entry->second = rowsOf(axis::Token)->count();
  }
  return entry->second;
}

//===----------------------------------------------------------------------===//
// Values
//===----------------------------------------------------------------------===//

FailureOr<Datum> Inputs::tensor(unsigned i) {
  auto type = cast<RankedTensorType>(function.getArgumentTypes()[i]);
  std::vector<int64_t> shape;
  for (auto [axis, size] : llvm::zip(axesOf(type), type.getShape()))
    shape.push_back(ShapedType::isDynamic(size) ? sizeOf(axis) : size);
  Tensor made(axesOf(type), shape);
  if (auto found = given.find(i); found != given.end()) {
    if (found->second.values.size() != made.values.size())
      return function.emitOpError()
             << "the array for `" << argumentName(function, i)
             << "` does not have one element a row";
    made.values = found->second.values;
    return datum(std::move(made));
  }
  if (isa<FloatType>(type.getElementType())) {
    for (double &value : made.values)
      value = real();
    return datum(std::move(made));
  }
  auto role = function.getArgAttrOfType<StringAttr>(i, "attn.role");
  if (allWanted && role == "token_types")
    return datum(std::move(made)); // all of the first type
  // Integers: ids within their table, rows within the call, else small.
  int64_t bound = 3;
  bool isWanted = false;
  eachUse(function.getArgument(i), [&](OpOperand &use) {
    if (auto embed = dyn_cast<EmbedOp>(use.getOwner()))
      bound = cast<WeightType>(embed.getTable().getType()).getShape()[0];
    if (auto take = dyn_cast<TakeRowsOp>(use.getOwner());
        take && use.get() == take.getRows()) {
      auto x = cast<RankedTensorType>(take.getX().getType());
      bound = x.isDynamicDim(0) ? sizeOf(axesOf(x).front()) : x.getDimSize(0);
      isWanted = true;
    }
  });
  for (auto [row, value] : llvm::enumerate(made.values))
    value = isWanted && allWanted ? double(row) : double(between(0, bound - 1));
  return datum(std::move(made));
}

/// What came before these rows; when nothing is appended, these rows too.
Datum Inputs::cache(unsigned i) {
  auto type = cast<CacheType>(function.getArgumentTypes()[i]);
  const Rows *rows = nullptr;
  bool isAppended = false;
  eachUse(function.getArgument(i), [&](OpOperand &use) {
    isAppended |= isa<CacheAppendOp>(use.getOwner());
    for (Value operand : use.getOwner()->getOperands())
      if (auto ragged = dyn_cast<RaggedType>(operand.getType()))
        rows = rowsOf(ragged.getAxis());
  });
  if (!rows && !ragged.empty())
    rows = ragged.begin()->second.get();
  Cache made{type.getKvHeads(), type.getHead(), {}, {}};
  for (int64_t s = 0; rows && s < rows->sequenceCount(); ++s)
    for (Cache::Vectors *vectors : {&made.k, &made.v}) {
      auto &sequence = vectors->emplace_back();
      sequence.resize(isAppended ? rows->past[s] : rows->end(s));
      for (std::vector<double> &vector : sequence)
        for (int64_t d = 0; d < made.kvHeads * made.head; ++d)
          vector.push_back(real());
    }
  return datum(std::move(made));
}
