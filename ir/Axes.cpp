//===- Axes.cpp - A tensor's axes by name ---------------------------------===//
#include "ir/Axes.h"

using namespace mlir;

namespace heed::attn {

ArrayRef<StringAttr> axisNames(Type tensor) {
  auto ranked = dyn_cast<RankedTensorType>(tensor);
  if (!ranked)
    return {};
  auto axes = dyn_cast_if_present<AxesAttr>(ranked.getEncoding());
  return axes ? axes.getNames() : ArrayRef<StringAttr>();
}

std::optional<unsigned> findAxis(Type tensor, StringRef name) {
  for (auto [index, axis] : llvm::enumerate(axisNames(tensor)))
    if (axis.getValue() == name)
      return index;
  return std::nullopt;
}

int64_t axisSize(Type tensor, StringRef name, int64_t absent) {
  std::optional<unsigned> index = findAxis(tensor, name);
  return index ? cast<RankedTensorType>(tensor).getDimSize(*index) : absent;
}

RankedTensorType tensorOf(Type element, ArrayRef<StringAttr> names,
                          ArrayRef<int64_t> sizes) {
  return RankedTensorType::get(sizes, element,
                               AxesAttr::get(element.getContext(), names));
}

RankedTensorType tensorOf(Type element, ArrayRef<StringRef> names,
                          ArrayRef<int64_t> sizes) {
  SmallVector<StringAttr> attrs;
  for (StringRef name : names)
    attrs.push_back(StringAttr::get(element.getContext(), name));
  return tensorOf(element, attrs, sizes);
}

RankedTensorType withLastAxis(RankedTensorType type, StringRef name,
                              int64_t size) {
  SmallVector<StringAttr> names(axisNames(type));
  SmallVector<int64_t> sizes(type.getShape());
  names.back() = StringAttr::get(type.getContext(), name);
  sizes.back() = size;
  return tensorOf(type.getElementType(), names, sizes);
}

} // namespace heed::attn
