//===- WeightReader.cpp - A declared weight, row by row -------------------===//
#include "codegen/pack/WeightReader.h"

#include "runtime/formats/WeightSource.h"
#include "runtime/support/Text.h"

using namespace heed::attn;

namespace heed {

Result<WeightReader> WeightReader::open(DeclareOp declare,
                                        const WeightSource *source) {
  WeightReader reader;
  reader.name = declare.getSource().str();
  llvm::ArrayRef<int64_t> shape = declare.getType().getShape();
  reader.rows = shape.size() == 1 ? 1 : shape[0];
  reader.columns = shape.back();
  for (size_t i = 1; i + 1 < shape.size(); ++i)
    reader.rows *= shape[i];
  llvm::StringRef text = declare.getSource();
  if (text.consume_front("random:")) {
    auto [seed, name] = text.split(':');
    uint64_t number;
    if (seed.getAsInteger(10, number))
      return Error{
          concat("expected random:SEED:NAME, found ", inQuotes(reader.name))};
    reader.random.emplace(number, std::string_view(name),
                          std::span<const int64_t>(shape.data(), shape.size()));
    return reader;
  }
  if (!source)
    return Error{
        concat("weight ", inQuotes(reader.name), " needs a weight file")};
  reader.view = source->find(reader.name);
  if (!reader.view)
    return Error{concat("weight ", inQuotes(reader.name), " is not in ",
                        inQuotes(source->path()))};
  if (auto transforms = declare.getTransforms())
    for (mlir::Attribute transform : *transforms) {
      if (mlir::isa<TransposeAttr>(transform)) {
        reader.transposed = !reader.transposed;
        continue;
      }
      auto slice = mlir::cast<SliceAttr>(transform);
      // Dimensions count after the transforms so far.
      bool ofRows = (slice.getDim() == 0) != reader.transposed &&
                    reader.view->shape.size() > 1;
      (ofRows ? reader.firstRow : reader.firstColumn) += slice.getLo();
    }
  int64_t fileColumns =
      reader.view->shape.empty() ? 1 : reader.view->shape.back();
  reader.wholeRows = !reader.transposed && reader.firstColumn == 0 &&
                     reader.columns == fileColumns;
  return reader;
}

Bytes WeightReader::rawRow(int64_t n) const {
  if (!view || !wholeRows)
    return {};
  uint64_t bytes = *byteSize(view->type, columns);
  return view->bytes.subspan((firstRow + n) * bytes, bytes);
}

Status WeightReader::row(int64_t n, llvm::MutableArrayRef<float> out) {
  if (!view) {
    for (int64_t k = 0; k < columns; ++k)
      out[k] = (*random)[n * columns + k];
    return {};
  }
  if (wholeRows) {
    return decodeToF32(view->type, rawRow(n), columns, out.data());
  }
  // Elements lie apart, or rows begin inside blocks: decode the block that
  // holds each.
  int64_t fileColumns = view->shape.back();
  int64_t block = blockElements(view->type), bytes = blockBytes(view->type);
  std::vector<float> decoded(block);
  for (int64_t k = 0; k < columns; ++k) {
    int64_t row = firstRow + (transposed ? k : n),
            column = firstColumn + (transposed ? n : k);
    int64_t element = row * fileColumns + column;
    if (Status read = decodeToF32(
            view->type, view->bytes.subspan(element / block * bytes, bytes),
            block, decoded.data());
        !read)
      return read;
    out[k] = decoded[element % block];
  }
  return {};
}

} // namespace heed
