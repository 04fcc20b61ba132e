// Element types: names, sizes, and decoding against values worked out by hand
// or by other means than the decoder's.
#include "runtime/formats/ElementType.h"
#include "tests/runtime/TestFiles.h"

#include <cmath>

using namespace heed;
using namespace heed::test;
using Catch::Matchers::Contains;

/// A finite binary16 by its definition.
static double f16ByDefinition(uint16_t bits) {
  int exponent = bits >> 10 & 31, fraction = bits & 1023;
  double magnitude = exponent ? std::ldexp(1024 + fraction, exponent - 25)
                              : std::ldexp(fraction, -24);
  return bits & 0x8000 ? -magnitude : magnitude;
}

template <typename Real>
static std::vector<Real> decoded(ElementType type, const std::string &bytes,
                                 uint64_t count) {
  std::vector<Real> out(count, Real(-999));
  Status status;
  if constexpr (std::is_same_v<Real, float>)
    status = decodeToF32(type, asBytes(bytes), count, out.data());
  else
    status = decodeToF64(type, asBytes(bytes), count, out.data());
  INFO(status.error().text);
  REQUIRE(status);
  return out;
}

TEST_CASE("element types: names and sizes") {
  CHECK(elementTypeName(ElementType::F32) == "f32");
  CHECK(elementTypeName(ElementType::Q4_1) == "q4_1");
  CHECK(parseElementType("bf16") == ElementType::BF16);
  CHECK(parseElementType("q8_0") == ElementType::Q8_0);
  CHECK_FALSE(parseElementType("Q8_0"));
  CHECK_FALSE(parseElementType(""));
  CHECK(blockElements(ElementType::F16) == 1);
  CHECK(blockElements(ElementType::Q4_0) == 32);
  CHECK(blockBytes(ElementType::Q4_0) == 18);
  CHECK(blockBytes(ElementType::Q4_1) == 20);
  CHECK(blockBytes(ElementType::Q8_0) == 34);
  CHECK(byteSize(ElementType::F64, 3) == 24);
  CHECK(byteSize(ElementType::Q4_1, 64) == 40);
  CHECK(byteSize(ElementType::Q4_1, 0) == 0);
  CHECK_FALSE(byteSize(ElementType::Q4_1, 33));
  CHECK_FALSE(byteSize(ElementType::F64, uint64_t(1) << 61));
}

TEST_CASE("element types: the number of elements of a shape") {
  auto count = [](std::vector<int64_t> shape) { return elementCount(shape); };
  CHECK(count({}) == 1);
  CHECK(count({2, 3, 4}) == 24);
  CHECK(count({2, 0}) == 0);
  CHECK_FALSE(count({-1}));
  CHECK_FALSE(count({-1, -1}));
  CHECK_FALSE(count({int64_t(1) << 32, int64_t(1) << 31}));
}

TEST_CASE("element types: every binary16 and bfloat16") {
  for (uint32_t bits = 0; bits < 0x10000; ++bits) {
    bool special = (bits & 0x7c00) == 0x7c00;
    float value = f16ToF32(static_cast<uint16_t>(bits));
    if (special && (bits & 0x3ff))
      REQUIRE(std::isnan(value));
    else if (special)
      REQUIRE(value == (bits & 0x8000 ? -INFINITY : INFINITY));
    else
      REQUIRE(value == f16ByDefinition(static_cast<uint16_t>(bits)));
    REQUIRE(std::signbit(value) == (bits >= 0x8000));
  }
  CHECK(bf16ToF32(0x3f80) == 1.0f);
  CHECK(bf16ToF32(0xc049) == -3.140625f);
  CHECK(bf16ToF32(0x0001) == 0x1p-133f);
  CHECK(std::isnan(bf16ToF32(0x7fc0)));
}

TEST_CASE("element types: plain types decode at any alignment") {
  std::string f32 =
      "?" + ByteWriter().put(1.5f).put(-0.1f).bytes; // one byte off
  std::vector<float> out(2);
  REQUIRE(
      decodeToF32(ElementType::F32, asBytes(f32).subspan(1), 2, out.data()));
  CHECK(out == std::vector<float>{1.5f, -0.1f});

  std::string f64 = ByteWriter().put(0.1).put(-1e300).bytes;
  CHECK(decoded<double>(ElementType::F64, f64, 2) ==
        std::vector<double>{0.1, -1e300});
  CHECK(decoded<float>(ElementType::F64, f64.substr(0, 8), 1) ==
        std::vector<float>{0.1f});
  std::string halves =
      ByteWriter().put<uint16_t>(0x3c00).put<uint16_t>(0xc000).bytes;
  CHECK(decoded<float>(ElementType::F16, halves, 2) ==
        std::vector<float>{1, -2});
  CHECK(decoded<double>(ElementType::BF16, halves, 2) ==
        std::vector<double>{0x1p-7, -2});
}

TEST_CASE("element types: q4_0, q4_1 and q8_0 blocks") {
  // Byte j holds element j low and element j + 16 high.
  std::string nibbles;
  for (int j = 0; j < 16; ++j)
    nibbles += static_cast<char>(j | (15 - j) << 4);
  auto block = [](std::initializer_list<uint16_t> scales, std::string rest) {
    ByteWriter out;
    for (uint16_t scale : scales)
      out.put(scale);
    return out.raw(rest).bytes;
  };
  // 0.5 and 3, then -2 and 0.25.
  std::string q4_1 =
      block({0x3800, 0x4200}, nibbles) + block({0xc000, 0x3400}, nibbles);
  std::string q4_0 = block({0x3800}, nibbles) + block({0xc000}, nibbles);
  std::string bytes;
  for (int j = 0; j < 32; ++j)
    bytes += static_cast<char>(j * 8 - 128);
  std::string q8_0 = block({0x3800}, bytes) + block({0xc000}, bytes);

  std::vector<double> want41, want40, want80;
  for (double d : {0.5, -2.0})
    for (int j = 0; j < 32; ++j) {
      int q = j < 16 ? j : 31 - j;
      want41.push_back(d * q + (d > 0 ? 3 : 0.25));
      want40.push_back(d * (q - 8));
      want80.push_back(d * (j * 8 - 128));
    }
  CHECK(decoded<double>(ElementType::Q4_1, q4_1, 64) == want41);
  CHECK(decoded<double>(ElementType::Q4_0, q4_0, 64) == want40);
  CHECK(decoded<double>(ElementType::Q8_0, q8_0, 64) == want80);
  std::vector<float> want41f(want41.begin(), want41.end());
  CHECK(decoded<float>(ElementType::Q4_1, q4_1, 64) == want41f);
  std::vector<float> want40f(want40.begin(), want40.end());
  CHECK(decoded<float>(ElementType::Q4_0, q4_0, 64) == want40f);
  std::vector<float> want80f(want80.begin(), want80.end());
  CHECK(decoded<float>(ElementType::Q8_0, q8_0, 64) == want80f);
}

TEST_CASE("element types: f64 keeps what f32 rounds") {
  // d = 1 + 2^-10, m = 2^-24: d q + m needs 25 bits and more.
  std::string q4_1 = ByteWriter()
                         .put<uint16_t>(0x3c01)
                         .put<uint16_t>(0x0001)
                         .raw(std::string(16, '\x11'))
                         .bytes;
  double exact = 1 + 0x1p-10 + 0x1p-24;
  CHECK(decoded<double>(ElementType::Q4_1, q4_1, 32)[0] == exact);
  CHECK(decoded<float>(ElementType::Q4_1, q4_1, 32)[0] ==
        static_cast<float>(exact));
}

TEST_CASE("element types: what cannot be decoded is said") {
  std::vector<float> out(256);
  std::string bytes(256, '\0');
  auto error = [&](ElementType type, size_t size, uint64_t count) {
    return decodeToF32(type, asBytes(bytes).first(size), count, out.data())
        .error()
        .text;
  };
  CHECK_THAT(error(ElementType::Q6_K, 210, 256),
             Contains("weights of type q6_k cannot be decoded"));
  CHECK_THAT(error(ElementType::I32, 4, 1), Contains("type i32 cannot"));
  CHECK_THAT(error(ElementType::F32, 7, 2),
             Contains("2 elements of type f32 are not 7 bytes"));
  CHECK_THAT(error(ElementType::Q4_1, 20, 31),
             Contains("31 elements of type q4_1 are not 20 bytes"));
}

TEST_CASE("element types: the first element that is not finite") {
  auto first = [](ElementType type, const std::string &bytes) {
    return firstNonFinite(type, asBytes(bytes));
  };
  constexpr uint16_t one = 0x3c00, infinity = 0x7c00, nan = 0x7e00;
  ByteWriter halves;
  halves.put(one).put(one).put(infinity);
  CHECK(first(ElementType::F16, halves.bytes) == 2);
  CHECK_FALSE(first(ElementType::F16, halves.bytes.substr(0, 4)));
  CHECK_FALSE(first(ElementType::BF16, halves.bytes));
  CHECK(first(ElementType::BF16, ByteWriter().put<uint16_t>(0xff80).bytes) ==
        0);
  CHECK(first(ElementType::F32, ByteWriter().put(1.f).put(NAN).bytes) == 1);
  CHECK(first(ElementType::F64, ByteWriter().put(1.).put(-HUGE_VAL).bytes) ==
        1);

  std::string quants(16, '\xff'), more(32, '\xff');
  std::string good = ByteWriter().put(one).put(one).raw(quants).bytes;
  CHECK_FALSE(first(ElementType::Q4_1, good + good));
  CHECK(first(ElementType::Q4_1,
              good + ByteWriter().put(one).put(nan).raw(quants).bytes) == 32);
  CHECK(first(ElementType::Q4_1,
              ByteWriter().put(infinity).put(one).raw(quants).bytes) == 0);
  CHECK(first(ElementType::Q4_0, ByteWriter().put(nan).raw(quants).bytes) == 0);
  CHECK(first(ElementType::Q8_0, ByteWriter().put(nan).raw(more).bytes) == 0);
  CHECK_FALSE(first(ElementType::Q8_0, ByteWriter().put(one).raw(more).bytes));
}
