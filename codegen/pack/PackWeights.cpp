//===- PackWeights.cpp - Weights from their files into the one layout -----===//
#include "codegen/pack/PackWeights.h"

#include "codegen/pack/PackedLayout.h"
#include "codegen/pack/WeightReader.h"
#include "runtime/formats/WeightSource.h"
#include "runtime/support/Text.h"

#include "llvm/ADT/APFloat.h"
#include "llvm/ADT/StringSet.h"

#include <cstring>

using namespace mlir;
using namespace heed::attn;

namespace heed {

int64_t placeWeights(ModuleOp module) {
  int64_t at = 0;
  for (auto declare : module.getOps<DeclareOp>()) {
    declare->setAttr("attn.offset",
                     Builder(module.getContext()).getI64IntegerAttr(at));
    at = llvm::alignTo(at + packedBytes(declare.getType()), 64);
  }
  return at;
}

namespace {

uint16_t toHalf(float value, const llvm::fltSemantics &semantics) {
  llvm::APFloat number(value);
  bool lost;
  number.convert(semantics, llvm::APFloat::rmNearestTiesToEven, &lost);
  return static_cast<uint16_t>(number.bitcastToAPInt().getZExtValue());
}

/// Packs one panel: rows first..first+16 of a weight, into its groups.
class PanelPacker {
public:
  PanelPacker(WeightReader &reader, WeightType type, const std::string &label)
      : reader(reader), label(label), element(type.getElement()),
        out(type.getShape()[0]), in(type.getShape()[1]),
        group(packedGroup(element)), bytes(panelBytes(element, in)), line(in) {}

  Status pack(int64_t first) {
    std::fill(bytes.begin(), bytes.end(), 0);
    for (int64_t lane = 0; lane < kPanel && first + lane < out; ++lane)
      if (Status done = packRow(first + lane, lane); !done)
        return done;
    return {};
  }
  std::span<const uint8_t> panel() const { return bytes; }

private:
  Status packRow(int64_t row, int64_t lane) {
    switch (element) {
    case WeightElement::F32:
    case WeightElement::F16:
    case WeightElement::BF16:
      return packFloats(row, lane);
    case WeightElement::Q8_0:
    case WeightElement::Q4_0:
    case WeightElement::Q4_1:
      return packBlocks(row, lane);
    }
    llvm_unreachable("all storage types are named above");
  }

  Status packFloats(int64_t row, int64_t lane) {
    if (Status read = reader.row(row, line); !read)
      return read;
    for (int64_t k = 0; k < in; ++k) {
      if (element == WeightElement::F32) {
        std::memcpy(&bytes[(k * kPanel + lane) * 4], &line[k], 4);
        continue;
      }
      uint16_t half = toHalf(line[k], element == WeightElement::F16
                                          ? llvm::APFloat::IEEEhalf()
                                          : llvm::APFloat::BFloat());
      std::memcpy(&bytes[(k / 2) * 64 + lane * 4 + (k % 2) * 2], &half, 2);
    }
    return {};
  }

  /// ggml's blocks of 32 along k, one row each, become groups of 16 rows.
  Status packBlocks(int64_t row, int64_t lane) {
    Bytes raw = reader.rawRow(row);
    if (raw.empty())
      return Error{concat(label, " is quantised in blocks along its rows and "
                                 "cannot be sliced or transposed")};
    int64_t scales = element == WeightElement::Q4_1 ? 4 : 2,
            payload = element == WeightElement::Q8_0 ? 32 : 16;
    for (int64_t block = 0; block < in / 32; ++block) {
      const uint8_t *from = reinterpret_cast<const uint8_t *>(raw.data()) +
                            block * (scales + payload);
      uint8_t *to = &bytes[block * group.bytes];
      for (int64_t s = 0; s < scales / 2; ++s) {
        std::memcpy(to + 32 * s + 2 * lane, from + 2 * s, 2);
      }
      // Nibble k of a block is low in byte k, or high in byte k - 16: the same
      // bytes, four to a lane.
      for (int64_t i = 0; i < payload; ++i)
        to[16 * scales + (i / 4) * 64 + lane * 4 + i % 4] = from[scales + i];
    }
    return {};
  }

  WeightReader &reader;
  const std::string &label; // for errors: the file and the weight
  WeightElement element;
  int64_t out, in;
  PackedGroup group;
  std::vector<uint8_t> bytes;
  std::vector<float> line;
};

} // namespace

static std::string labelOf(DeclareOp declare, const WeightSource *source) {
  return concat(source ? source->path() + ": " : "", "weight ",
                inQuotes(declare.getSource().str()));
}

Status checkWeights(ModuleOp module, const WeightSource &source) {
  llvm::StringSet<> seen;
  for (auto declare : module.getOps<DeclareOp>()) {
    std::optional<TensorView> tensor = source.find(declare.getSource().str());
    if (!tensor || !seen.insert(declare.getSource()).second)
      continue;
    std::optional<uint64_t> found = firstNonFinite(tensor->type, tensor->bytes);
    if (!found)
      continue;
    uint64_t columns = tensor->shape.empty() ? 1 : tensor->shape.back(),
             row = *found / columns, column = *found % columns;
    std::string label = labelOf(declare, &source);
    if (isQuantised(declare.getType().getElement()))
      return Error{concat(label, " has a scale that is not finite in row ", row,
                          ", block ", column / blockElements(tensor->type))};
    return Error{concat(label, " holds a value that is not finite at [", row,
                        ", ", column, "]")};
  }
  return {};
}

Status packWeights(ModuleOp module, const WeightSource *source,
                   const PackSink &sink, const PackProgress &progress) {
  int64_t done = 0, total = 0;
  for (auto declare : module.getOps<DeclareOp>())
    total = llvm::alignTo(total + packedBytes(declare.getType()), 64);
  for (auto declare : module.getOps<DeclareOp>()) {
    std::string label = labelOf(declare, source);
    Result<WeightReader> reader = WeightReader::open(declare, source);
    if (!reader)
      return reader.error();
    WeightType type = declare.getType();
    auto write = [&](std::span<const uint8_t> bytes) -> Status {
      done += bytes.size();
      if (progress)
        progress(done, total);
      return sink(bytes);
    };
    if (type.getShape().size() == 2) {
      PanelPacker packer(*reader, type, label);
      for (int64_t first = 0; first < type.getShape()[0]; first += kPanel) {
        if (Status packed = packer.pack(first); !packed)
          return packed;
        if (Status written = write(packer.panel()); !written)
          return written;
      }
    } else {
      int64_t columns = type.getShape().back(),
              rows = packedBytes(type) / 4 / columns;
      std::vector<float> line(columns);
      for (int64_t row = 0; row < rows; ++row) {
        if (Status read = reader->row(row, line); !read)
          return read;
        if (Status written =
                write({reinterpret_cast<const uint8_t *>(line.data()),
                       line.size() * 4});
            !written)
          return written;
      }
    }
    static constexpr uint8_t zeros[64] = {};
    if (int64_t rest = llvm::alignTo(done, 64) - done)
      if (Status written = write({zeros, static_cast<size_t>(rest)}); !written)
        return written;
  }
  return {};
}

} // namespace heed
