//===- PackedLayout.cpp - The one layout of a weight ----------------------===//
#include "codegen/pack/PackedLayout.h"

#include "llvm/Support/MathExtras.h"

using namespace heed::attn;

namespace heed {

PackedGroup packedGroup(WeightElement element) {
  switch (element) {
  case WeightElement::F32:
    return {1, 64};
  case WeightElement::F16:
  case WeightElement::BF16:
    return {2, 64};
  case WeightElement::Q8_0:
    return {32, 32 + 512};
  case WeightElement::Q4_1:
    return {32, 32 + 32 + 256};
  case WeightElement::Q4_0:
    return {32, 32 + 256};
  }
  llvm_unreachable("all storage types are named above");
}

int64_t panelBytes(WeightElement element, int64_t in) {
  PackedGroup group = packedGroup(element);
  return llvm::divideCeil(in, group.depth) * group.bytes;
}

int64_t packedBytes(WeightType type) {
  llvm::ArrayRef<int64_t> shape = type.getShape();
  if (shape.size() != 2) {
    int64_t count = 1;
    for (int64_t size : shape)
      count *= size;
    return count * 4;
  }
  return llvm::divideCeil(shape[0], kPanel) *
         panelBytes(type.getElement(), shape[1]);
}

} // namespace heed
