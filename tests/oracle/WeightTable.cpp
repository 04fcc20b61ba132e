//===- WeightTable.cpp - The weights that a module declares, in f64 -------===//
#include "tests/oracle/WeightTable.h"

#include "runtime/formats/RandomWeights.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/StringExtras.h"

using namespace heed;
using namespace heed::oracle;
using namespace mlir;

heed::Result<WeightTable> WeightTable::open(const std::string &path,
                                            uint64_t seed) {
  WeightTable table;
  table.seed = seed;
  if (!path.empty()) {
    heed::Result<heed::WeightSource> source = heed::WeightSource::open(path);
    if (!source)
      return source.error();
    table.file = std::make_shared<const heed::WeightSource>(std::move(*source));
  }
  return table;
}

static int64_t product(ArrayRef<int64_t> shape) {
  int64_t count = 1;
  for (int64_t size : shape)
    count *= size;
  return count;
}

Weight WeightTable::random(uint64_t seed, StringRef name,
                           ArrayRef<int64_t> shape) {
  std::vector<int64_t> sizes(shape);
  return Weight(sizes, [seed, name = name.str(), sizes] {
    heed::RandomWeight element(seed, name, sizes);
    std::vector<double> values(product(sizes));
    for (auto [i, value] : llvm::enumerate(values))
      value = element[i];
    return values;
  });
}

namespace {
struct Array {
  std::vector<int64_t> shape;
  std::vector<double> values;
};
} // namespace

/// Elements lo..hi of dimension dim.
static Array slice(const Array &in, int64_t dim, int64_t lo, int64_t hi) {
  Array out{in.shape, {}};
  out.shape[dim] = hi - lo;
  int64_t inner = product(ArrayRef(in.shape).drop_front(dim + 1));
  int64_t run = in.shape[dim] * inner;
  for (int64_t start = 0; start < int64_t(in.values.size()); start += run)
    out.values.insert(out.values.end(), in.values.begin() + start + lo * inner,
                      in.values.begin() + start + hi * inner);
  return out;
}

static Array transpose(const Array &in) {
  int64_t rows = in.shape[0], columns = in.shape[1];
  Array out{{columns, rows}, std::vector<double>(in.values.size())};
  for (int64_t i = 0; i < rows; ++i)
    for (int64_t j = 0; j < columns; ++j)
      out.values[j * rows + i] = in.values[i * columns + j];
  return out;
}

static Array transformed(Array array, ArrayRef<Attribute> transforms) {
  for (Attribute transform : transforms) {
    if (auto part = dyn_cast<attn::SliceAttr>(transform))
      array = slice(array, part.getDim(), part.getLo(), part.getHi());
    else
      array = transpose(array);
  }
  return array;
}

/// The shape after the transforms; nothing when one does not fit.
static std::optional<std::vector<int64_t>>
transformedShape(std::vector<int64_t> shape, ArrayRef<Attribute> transforms) {
  for (Attribute transform : transforms) {
    if (auto part = dyn_cast<attn::SliceAttr>(transform)) {
      if (part.getDim() < 0 || part.getDim() >= int64_t(shape.size()) ||
          part.getLo() < 0 || part.getLo() >= part.getHi() ||
          part.getHi() > shape[part.getDim()])
        return std::nullopt;
      shape[part.getDim()] = part.getHi() - part.getLo();
    } else if (isa<attn::TransposeAttr>(transform) && shape.size() == 2) {
      std::swap(shape[0], shape[1]);
    } else {
      return std::nullopt;
    }
  }
  return shape;
}

/// Sizes of 1 aside: a slice of a stack of experts keeps its first size.
static bool sameShape(ArrayRef<int64_t> a, ArrayRef<int64_t> b) {
  auto isNotOne = [](int64_t size) { return size != 1; };
  return llvm::equal(llvm::make_filter_range(a, isNotOne),
                     llvm::make_filter_range(b, isNotOne));
}

static FailureOr<Weight> listed(attn::DeclareOp declared, StringRef text,
                                ArrayRef<int64_t> shape) {
  std::vector<double> values;
  for (StringRef word : llvm::split(text, ' ')) {
    double value;
    if (word.getAsDouble(value))
      return declared.emitOpError() << "`" << word << "` is no number";
    values.push_back(value);
  }
  if (int64_t(values.size()) != product(shape))
    return declared.emitOpError()
           << values.size() << " values for " << product(shape) << " elements";
  return Weight(shape, [values] { return values; });
}

FailureOr<Weight> WeightTable::find(attn::DeclareOp declared) const {
  StringRef source = declared.getSource(), name = source;
  auto type = cast<attn::WeightType>(declared.getType());
  ArrayRef<int64_t> shape = type.getShape();
  if (name.consume_front("values:"))
    return listed(declared, name, shape);
  if (name.consume_front("random:")) {
    auto [number, rest] = name.split(':');
    uint64_t from;
    if (number.getAsInteger(10, from))
      return declared.emitOpError()
             << "expected random:SEED:NAME, found `" << source << "`";
    return random(from, rest, shape);
  }
  if (!file)
    return random(seed, source, shape);

  std::optional<heed::TensorView> view = file->find(source);
  if (!view)
    return declared.emitOpError() << "no weight `" << source << "`";
  if (!heed::decodable(view->type))
    return declared.emitOpError()
           << "cannot decode " << heed::elementTypeName(view->type);
  SmallVector<Attribute> transforms;
  if (auto list = declared.getTransforms())
    transforms.assign(list->begin(), list->end());
  std::optional<std::vector<int64_t>> made =
      transformedShape(view->shape, transforms);
  if (!made || !sameShape(*made, shape))
    return declared.emitOpError() << "the file's weight has another shape";
  return Weight(shape, [held = file, view = *view, transforms] {
    Array array{view.shape, std::vector<double>(product(view.shape))};
    heed::Status status = heed::decodeToF64(
        view.type, view.bytes, array.values.size(), array.values.data());
    if (!status)
      llvm::report_fatal_error(StringRef(status.error().text));
    return transformed(std::move(array), transforms).values;
  });
}
