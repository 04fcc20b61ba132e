//===- ElementType.cpp - What a tensor in a weight file is made of --------===//
#include "runtime/formats/ElementType.h"
#include "runtime/support/Text.h"

#include <bit>
#include <cmath>
#include <cstring>
#include <iterator>

using namespace heed;

namespace {
struct Traits {
  ElementType type;
  std::string_view name;
  uint32_t elements, bytes; // of one block
};
} // namespace

// In the order of the enumeration.
static constexpr Traits allTraits[] = {
    {ElementType::F64, "f64", 1, 8},
    {ElementType::F32, "f32", 1, 4},
    {ElementType::F16, "f16", 1, 2},
    {ElementType::BF16, "bf16", 1, 2},
    {ElementType::F8E4M3, "f8e4m3", 1, 1},
    {ElementType::F8E5M2, "f8e5m2", 1, 1},
    {ElementType::Bool, "bool", 1, 1},
    {ElementType::U8, "u8", 1, 1},
    {ElementType::I8, "i8", 1, 1},
    {ElementType::U16, "u16", 1, 2},
    {ElementType::I16, "i16", 1, 2},
    {ElementType::U32, "u32", 1, 4},
    {ElementType::I32, "i32", 1, 4},
    {ElementType::U64, "u64", 1, 8},
    {ElementType::I64, "i64", 1, 8},
    {ElementType::Q4_0, "q4_0", 32, 18},
    {ElementType::Q4_1, "q4_1", 32, 20},
    {ElementType::Q5_0, "q5_0", 32, 22},
    {ElementType::Q5_1, "q5_1", 32, 24},
    {ElementType::Q8_0, "q8_0", 32, 34},
    {ElementType::Q2_K, "q2_k", 256, 84},
    {ElementType::Q3_K, "q3_k", 256, 110},
    {ElementType::Q4_K, "q4_k", 256, 144},
    {ElementType::Q5_K, "q5_k", 256, 176},
    {ElementType::Q6_K, "q6_k", 256, 210},
    {ElementType::IQ2_XXS, "iq2_xxs", 256, 66},
    {ElementType::IQ2_XS, "iq2_xs", 256, 74},
    {ElementType::IQ2_S, "iq2_s", 256, 82},
    {ElementType::IQ3_XXS, "iq3_xxs", 256, 98},
    {ElementType::IQ3_S, "iq3_s", 256, 110},
    {ElementType::IQ1_S, "iq1_s", 256, 50},
    {ElementType::IQ1_M, "iq1_m", 256, 56},
    {ElementType::IQ4_NL, "iq4_nl", 32, 18},
    {ElementType::IQ4_XS, "iq4_xs", 256, 136},
    {ElementType::TQ1_0, "tq1_0", 256, 54},
    {ElementType::TQ2_0, "tq2_0", 256, 66},
    {ElementType::MXFP4, "mxfp4", 32, 17},
};

static constexpr bool inOrder() {
  for (size_t i = 0; i < std::size(allTraits); ++i)
    if (static_cast<size_t>(allTraits[i].type) != i)
      return false;
  return true;
}
static_assert(inOrder(), "allTraits is indexed by ElementType");

static const Traits &traits(ElementType type) {
  return allTraits[static_cast<size_t>(type)];
}

std::string_view heed::elementTypeName(ElementType type) {
  return traits(type).name;
}

std::optional<ElementType> heed::parseElementType(std::string_view name) {
  for (const Traits &candidate : allTraits)
    if (candidate.name == name)
      return candidate.type;
  return std::nullopt;
}

uint32_t heed::blockElements(ElementType type) { return traits(type).elements; }
uint32_t heed::blockBytes(ElementType type) { return traits(type).bytes; }

std::optional<uint64_t> heed::byteSize(ElementType type, uint64_t elements) {
  const Traits &of = traits(type);
  uint64_t blocks = elements / of.elements, size;
  if (elements % of.elements != 0 ||
      __builtin_mul_overflow(blocks, uint64_t(of.bytes), &size))
    return std::nullopt;
  return size;
}

std::optional<uint64_t> heed::elementCount(std::span<const int64_t> shape) {
  int64_t count = 1;
  for (int64_t size : shape)
    if (size < 0 || __builtin_mul_overflow(count, size, &count))
      return std::nullopt;
  return static_cast<uint64_t>(count);
}

float heed::f16ToF32(uint16_t bits) {
  uint32_t sign = uint32_t(bits & 0x8000) << 16;
  uint32_t exponent = bits >> 10 & 0x1f, fraction = bits & 0x3ff;
  if (exponent == 31) // infinity, NaN (its payload kept)
    return std::bit_cast<float>(sign | 0x7f800000 | fraction << 13);
  if (exponent == 0) { // zero, subnormal: fraction 2^-24
    float magnitude = static_cast<float>(fraction) * 0x1p-24f;
    return sign ? -magnitude : magnitude;
  }
  return std::bit_cast<float>(sign | (exponent + 112) << 23 | fraction << 13);
}

float heed::bf16ToF32(uint16_t bits) {
  return std::bit_cast<float>(uint32_t(bits) << 16);
}

uint16_t heed::f32ToBf16(float value) {
  uint32_t bits = std::bit_cast<uint32_t>(value);
  if (value != value)
    return static_cast<uint16_t>(bits >> 16 | 0x40);
  return static_cast<uint16_t>((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

/// Reads a T at any alignment. Files are little-endian, and so are we.
template <typename T> static T load(const uint8_t *at) {
  static_assert(std::endian::native == std::endian::little);
  T value;
  std::memcpy(&value, at, sizeof value);
  return value;
}

static float loadF16(const uint8_t *at) { return f16ToF32(load<uint16_t>(at)); }

/// One block of 32: `minus` is subtracted from each nibble, `m` added last.
template <typename Real>
static void decodeNibbles(const uint8_t *nibbles, Real d, int minus, Real m,
                          Real *out) {
  for (int j = 0; j < 16; ++j) {
    out[j] = d * Real((nibbles[j] & 15) - minus) + m;
    out[j + 16] = d * Real((nibbles[j] >> 4) - minus) + m;
  }
}

template <typename Real>
static void decodeBlock(ElementType type, const uint8_t *at, Real *out) {
  switch (type) {
  case ElementType::F64:
    *out = static_cast<Real>(load<double>(at));
    return;
  case ElementType::F32:
    *out = load<float>(at);
    return;
  case ElementType::F16:
    *out = loadF16(at);
    return;
  case ElementType::BF16:
    *out = bf16ToF32(load<uint16_t>(at));
    return;
  case ElementType::Q4_0:
    return decodeNibbles<Real>(at + 2, loadF16(at), 8, Real(0), out);
  case ElementType::Q4_1:
    return decodeNibbles<Real>(at + 4, loadF16(at), 0, loadF16(at + 2), out);
  case ElementType::Q8_0:
    for (int j = 0; j < 32; ++j)
      out[j] = Real(loadF16(at)) * Real(load<int8_t>(at + 2 + j));
    return;
  default:
    return; // decode() lets only decodable types in
  }
}

/// Whether every element of a block is finite. With finite f16 scales no
/// element can leave the range of f32: 65504 * 128 is the most.
static bool isFinite(ElementType type, const uint8_t *at) {
  switch (type) {
  case ElementType::F64:
    return std::isfinite(load<double>(at));
  case ElementType::F32:
    return std::isfinite(load<float>(at));
  case ElementType::BF16:
    return std::isfinite(bf16ToF32(load<uint16_t>(at)));
  case ElementType::Q4_1:
    return std::isfinite(loadF16(at)) && std::isfinite(loadF16(at + 2));
  default:
    return std::isfinite(loadF16(at));
  }
}

bool heed::decodable(ElementType type) {
  switch (type) {
  case ElementType::F64:
  case ElementType::F32:
  case ElementType::F16:
  case ElementType::BF16:
  case ElementType::Q4_0:
  case ElementType::Q4_1:
  case ElementType::Q8_0:
    return true;
  default:
    return false;
  }
}

template <typename Real>
static Status decode(ElementType type, Bytes bytes, uint64_t count, Real *out) {
  if (!decodable(type))
    return Error{concat("weights of type ", elementTypeName(type),
                        " cannot be decoded; f64, f32, f16, bf16, q4_0, q4_1 "
                        "and q8_0 can")};
  std::optional<uint64_t> size = byteSize(type, count);
  if (!size || *size != bytes.size())
    return Error{concat(count, " elements of type ", elementTypeName(type),
                        " are not ", bytes.size(), " bytes")};
  const uint8_t *end = bytes.data() + bytes.size();
  uint32_t step = blockBytes(type), elements = blockElements(type);
  for (const uint8_t *at = bytes.data(); at != end; at += step, out += elements)
    decodeBlock(type, at, out);
  return {};
}

Status heed::decodeToF32(ElementType type, Bytes bytes, uint64_t count,
                         float *out) {
  return decode(type, bytes, count, out);
}

Status heed::decodeToF64(ElementType type, Bytes bytes, uint64_t count,
                         double *out) {
  return decode(type, bytes, count, out);
}

std::optional<uint64_t> heed::firstNonFinite(ElementType type, Bytes bytes) {
  uint32_t step = blockBytes(type);
  for (uint64_t block = 0; block < bytes.size() / step; ++block)
    if (!isFinite(type, bytes.data() + block * step))
      return block * blockElements(type);
  return std::nullopt;
}
