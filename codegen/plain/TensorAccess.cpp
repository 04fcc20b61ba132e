//===- TensorAccess.cpp - Elements of a tensor in memory, by axis name ----===//
#include "codegen/plain/TensorAccess.h"

using namespace mlir;
using namespace heed::attn;

namespace heed {

TensorAccess::TensorAccess(Emit &e, FromMemoryOp tensor)
    : tensor(tensor), e(e) {
  auto type = cast<RankedTensorType>(tensor.getType());
  unsigned dynamic = 0;
  for (auto [name, size] : llvm::zip(axisNames(type), type.getShape())) {
    names.push_back(name.getValue());
    sizes.push_back(ShapedType::isDynamic(size)
                        ? Value(tensor.getSizes()[dynamic++])
                        : e.index(size));
  }
}

Value TensorAccess::count() {
  Value product = e.index(1);
  for (Value size : sizes)
    product = e.mul(product, size);
  return product;
}

Value TensorAccess::size(StringRef axis) {
  for (auto [name, size] : llvm::zip(names, sizes))
    if (name == axis)
      return size;
  return e.index(1);
}

NamedIndices TensorAccess::indices(Value flat) {
  NamedIndices out;
  for (size_t i = names.size(); i-- > 0;) {
    out[names[i]] = i ? e.rem(flat, sizes[i]) : flat;
    if (i)
      flat = e.div(flat, sizes[i]);
  }
  return out;
}

Value TensorAccess::flat(const NamedIndices &at) {
  Value position = e.index(0);
  for (auto [name, size] : llvm::zip(names, sizes)) {
    auto found = at.find(name);
    position = e.mul(position, size);
    if (found != at.end())
      position = e.add(position, found->second);
  }
  return position;
}

Value TensorAccess::load(const NamedIndices &at) {
  return e.loadScalar(tensor.getMemory(), flat(at));
}
void TensorAccess::store(Value value, const NamedIndices &at) {
  e.storeScalar(value, tensor.getMemory(), flat(at));
}

} // namespace heed
