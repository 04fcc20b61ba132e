//===- ElementType.h - What a tensor in a weight file is made of ----------===//
//
// Plain types have blocks of one element. Quantised types store blocks of 32 or
// 256 elements behind their scales; the layouts are those of ggml, whose names
// they keep.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "runtime/formats/MappedFile.h"
#include "runtime/support/Result.h"

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace heed {

enum class ElementType : uint8_t {
  F64,
  F32,
  F16,
  BF16,
  F8E4M3,
  F8E5M2,
  Bool,
  U8,
  I8,
  U16,
  I16,
  U32,
  I32,
  U64,
  I64,
  Q4_0,
  Q4_1,
  Q5_0,
  Q5_1,
  Q8_0,
  Q2_K,
  Q3_K,
  Q4_K,
  Q5_K,
  Q6_K,
  IQ2_XXS,
  IQ2_XS,
  IQ2_S,
  IQ3_XXS,
  IQ3_S,
  IQ1_S,
  IQ1_M,
  IQ4_NL,
  IQ4_XS,
  TQ1_0,
  TQ2_0,
  MXFP4,
};

/// "f32", "q4_1": as the IR, the messages and the schedules write it.
std::string_view elementTypeName(ElementType type);
std::optional<ElementType> parseElementType(std::string_view name);

/// Elements that share a block; 1 for plain types.
uint32_t blockElements(ElementType type);
/// Bytes of one block; of one element for plain types.
uint32_t blockBytes(ElementType type);
/// Bytes of `elements` elements; nothing when they are no whole number of
/// blocks or the bytes do not fit 64 bits.
std::optional<uint64_t> byteSize(ElementType type, uint64_t elements);

/// The product of `shape`; nothing when a size is negative or the product does
/// not fit 63 bits. A shape without sizes is a scalar: 1.
std::optional<uint64_t> elementCount(std::span<const int64_t> shape);

/// f64, f32, f16, bf16, q4_0, q4_1, q8_0: what the two functions below read.
bool decodable(ElementType type);

/// Decodes `count` elements (whole blocks) into `out`. `bytes` must be exactly
/// theirs, at any alignment. Portable scalar code: packing and the oracle use
/// it, never a kernel. With f16 scale d, f16 minimum m and stored q:
///   q4_0: {d, 16 bytes}    value = d (q - 8)   low nibble j is element j,
///   q4_1: {d, m, 16 bytes} value = d q + m     high nibble j element j + 16
///   q8_0: {d, 32 int8}     value = d q
/// Errors: a type that is not decodable, sizes that do not agree.
Status decodeToF32(ElementType type, Bytes bytes, uint64_t count, float *out);
/// The same without any rounding.
Status decodeToF64(ElementType type, Bytes bytes, uint64_t count, double *out);

/// The first element that is infinite or not a number, if one is: such weights
/// are damaged. Reads only the scales of quantised blocks. `bytes` must be
/// whole blocks of a decodable type.
std::optional<uint64_t> firstNonFinite(ElementType type, Bytes bytes);

/// IEEE binary16 and bfloat16 bits as the f32 of the same value.
float f16ToF32(uint16_t bits);
float bf16ToF32(uint16_t bits);
/// The nearest bf16, ties to even; NaN stays NaN.
uint16_t f32ToBf16(float value);

} // namespace heed
