//===- Arena.cpp - Places for buffers in one arena ------------------------===//
#include "passes/Arena.h"
#include "ir/Axes.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace heed::attn;

namespace heed {

Buffer bufferOf(RankedTensorType type) {
  SmallVector<StringAttr> axes;
  int64_t bytes = llvm::divideCeil(type.getElementTypeBitWidth(), 8);
  for (auto [name, size] : llvm::zip(axisNames(type), type.getShape()))
    if (ShapedType::isDynamic(size))
      axes.push_back(name);
    else
      bytes *= size;
  llvm::sort(axes, [](StringAttr a, StringAttr b) {
    return a.getValue() < b.getValue();
  });
  // A row starts a cache line; a score of a pair would waste most of one.
  int64_t unit = axes.size() > 1 ? 4 : 64;
  return {AxesAttr::get(type.getContext(), axes),
          (int64_t)llvm::alignTo(bytes, unit), 0, 0};
}

int64_t &bytesOf(ArenaSize &size, AxesAttr axes) {
  for (auto &[known, bytes] : size)
    if (known == axes)
      return bytes;
  return size.emplace_back(axes, 0).second;
}

/// The start of the smallest hole between `taken` (sorted) that holds `bytes`,
/// or their end.
static int64_t bestFit(ArrayRef<std::pair<int64_t, int64_t>> taken,
                       int64_t bytes) {
  int64_t end = 0, best = -1, bestSize = 0;
  for (auto [from, to] : taken) {
    int64_t hole = from - end;
    if (hole >= bytes && (best < 0 || hole < bestSize)) {
      best = end;
      bestSize = hole;
    }
    end = std::max(end, to);
  }
  return best < 0 ? end : best;
}

ArenaSize placeBuffers(MutableArrayRef<Buffer> buffers) {
  ArenaSize size;
  for (auto [index, buffer] : llvm::enumerate(buffers)) {
    SmallVector<std::pair<int64_t, int64_t>> taken;
    for (const Buffer &other : buffers.take_front(index))
      if (other.axes == buffer.axes && other.end >= buffer.start)
        taken.emplace_back(other.offset, other.offset + other.bytes);
    llvm::sort(taken);
    buffer.offset = bestFit(taken, buffer.bytes);
    int64_t &bytes = bytesOf(size, buffer.axes);
    bytes = std::max(bytes, buffer.offset + buffer.bytes);
  }
  return size;
}

std::string describe(const ArenaSize &size) {
  std::string text;
  llvm::raw_string_ostream os(text);
  llvm::interleaveComma(size, os, [&](const auto &entry) {
    os << entry.second << " bytes";
    ArrayRef<StringAttr> axes = entry.first.getNames();
    if (axes.empty())
      return;
    bool vowel = StringRef("aeiou").contains(axes.front().getValue().front());
    os << (vowel ? " an " : " a ");
    llvm::interleave(
        axes, os, [&](StringAttr axis) { os << axis.getValue(); }, " x ");
  });
  return text.empty() ? "nothing" : text;
}

} // namespace heed
