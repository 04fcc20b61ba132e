// Reading and writing of npy files.
#include "runtime/formats/Npy.h"
#include "tests/runtime/TestFiles.h"

using namespace heed;
using namespace heed::test;
using Catch::Matchers::Contains;

/// A file as numpy writes it.
static std::string npy(const std::string &header, std::string_view data,
                       int major = 1) {
  ByteWriter out;
  out.raw("\x93NUMPY").put<uint8_t>(major).put<uint8_t>(0);
  if (major == 1)
    out.put<uint16_t>(header.size());
  else
    out.put<uint32_t>(header.size());
  return out.raw(header).raw(data).bytes;
}
static std::string dictionary(const std::string &descr,
                              const std::string &shape,
                              const std::string &fortran = "False") {
  return "{'descr': '" + descr + "', 'fortran_order': " + fortran +
         ", 'shape': " + shape + ", }\n";
}

/// The message for a file that must not be read.
static std::string refusal(std::string_view bytes) {
  GuardedBytes guarded(bytes);
  Result<Npy> out = Npy::parse(guarded.bytes(), "a.npy");
  if (out)
    return "(was read)";
  CHECK_THAT(out.error().text, Catch::Matchers::StartsWith("a.npy: "));
  return out.error().text;
}
static std::string headerRefusal(const std::string &header) {
  return refusal(npy(header, std::string(24, '\0')));
}

TEST_CASE("npy: versions, types, shapes") {
  int major = GENERATE(1, 2, 3);
  auto parsed = [&](const std::string &header, std::string_view data) {
    std::string bytes = npy(header, data, major);
    Result<Npy> out = Npy::parse(asBytes(bytes), "a.npy");
    REQUIRE(out);
    return std::tuple(out->type(), out->shape(), out->integers(),
                      out->floats());
  };
  {
    auto [type, shape, integers, floats] = parsed(
        dictionary("<f4", "(2, 1)"), ByteWriter().put(1.5f).put(-2.0f).bytes);
    CHECK(type == ElementType::F32);
    CHECK(shape == std::vector<int64_t>{2, 1});
    CHECK(*floats == std::vector<float>{1.5f, -2.0f});
    CHECK_THAT(integers.error().text, Contains("a.npy: expected integers, "
                                               "found f32"));
  }
  {
    auto [type, shape, integers, floats] =
        parsed(dictionary("<f8", "(1,)"), ByteWriter().put(0.1).bytes);
    CHECK(type == ElementType::F64);
    CHECK(*floats == std::vector<float>{0.1f});
  }
  {
    auto [type, shape, integers, floats] =
        parsed(dictionary("<i4", "()"), ByteWriter().put<int32_t>(-7).bytes);
    CHECK(type == ElementType::I32);
    CHECK(shape.empty());
    CHECK(*integers == std::vector<int64_t>{-7});
    CHECK_THAT(floats.error().text, Contains("found i32"));
  }
  {
    auto [type, shape, integers, floats] =
        parsed(dictionary("<i8", "(1, 1)"),
               ByteWriter().put<int64_t>(INT64_MIN).bytes);
    CHECK(type == ElementType::I64);
    CHECK(*integers == std::vector<int64_t>{INT64_MIN});
  }
  {
    auto [type, shape, integers, floats] =
        parsed(dictionary("|b1", "(3,)"), std::string("\1\0\1", 3));
    CHECK(type == ElementType::Bool);
    CHECK(*integers == std::vector<int64_t>{1, 0, 1});
  }
  {
    auto [type, shape, integers, floats] =
        parsed(dictionary("<f4", "(0, 5)"), "");
    CHECK(shape == std::vector<int64_t>{0, 5});
    CHECK(floats->empty());
  }
}

TEST_CASE("npy: any spacing and order of a header's keys") {
  CHECK(refusal(npy("{\"shape\":(3,2),\"fortran_order\":False,"
                    "\"descr\":\"<f4\"}",
                    std::string(24, 'x'))) == "(was read)");
  CHECK(refusal(npy("  { 'shape' : ( 3L , 2L , ) , 'fortran_order' : False , "
                    "'descr' : '<f4' , }      \n",
                    std::string(24, 'x'))) == "(was read)");
}

TEST_CASE("npy: what cannot be read") {
  std::string good = dictionary("<f4", "(2, 3)");
  CHECK(headerRefusal(good) == "(was read)");
  CHECK_THAT(refusal(""), Contains("not an npy file"));
  CHECK_THAT(refusal("PK\x03\x04 an npz file"), Contains("not an npy file"));
  std::string whole = npy(good, std::string(24, '\0'));
  CHECK_THAT(refusal(whole.substr(0, 7)), Contains("ends before its version"));
  CHECK_THAT(refusal(whole.substr(0, 9)), Contains("ends before the header's"));
  CHECK_THAT(refusal(whole.substr(0, 20)), Contains("runs past the end of the "
                                                    "file (10 bytes left)"));
  CHECK_THAT(refusal(whole.substr(0, whole.size() - 1)),
             Contains("f32[2, 3] takes 24 bytes, but 23 follow the header"));
  CHECK_THAT(refusal(whole + "x"), Contains("takes 24 bytes, but 25 follow"));
  CHECK_THAT(refusal(npy(good, "", 4)), Contains("npy version 4.0"));
  CHECK_THAT(refusal(npy(good, "", 0)), Contains("npy version 0.0"));
  CHECK_THAT(refusal("\x93NUMPY\2" + std::string(1, '\0') + "\xff\xff\xff\xff"),
             Contains("the header of 4294967295 bytes runs past"));

  CHECK_THAT(headerRefusal(dictionary("<f4", "(2, 3)", "True")),
             Contains("is in Fortran order; save it in C order"));
  CHECK_THAT(headerRefusal(dictionary(">f4", "(2, 3)")),
             Contains("'>f4' are big-endian"));
  for (std::string descr : {"<c8", "|O", "<U3", "|S24", "<f2", ""})
    CHECK_THAT(headerRefusal(dictionary(descr, "(2, 3)")),
               Contains("elements of type '" + descr +
                        "' cannot be read; f32, "
                        "f64, i32, i64 and bool can"));
  CHECK_THAT(headerRefusal("{'descr': [('x', '<f4')], 'fortran_order': False, "
                           "'shape': (6,)}"),
             Contains("arrays of records cannot be read"));
}

TEST_CASE("npy: headers that are no dictionary of an array") {
  auto shaped = [](const std::string &shape) {
    return headerRefusal(dictionary("<f4", shape));
  };
  for (std::string shape :
       {"", "6", "(6)", "(-6,)", "(2, 3", "(2; 3)", "(6.0,)", "(,)", "[6]",
        "(99999999999999999999,)", "(None,)"})
    CHECK_THAT(shaped(shape), Contains("expected a tuple of sizes"));
  std::string long_shape = "(";
  for (int i = 0; i < 10000; ++i)
    long_shape += "1, ";
  CHECK_THAT(shaped(long_shape + ")"), Contains("expected a tuple of sizes"));
  CHECK_THAT(shaped("(4294967296, 4294967296)"), Contains("larger than any"));
  CHECK_THAT(shaped("(4611686018427387910,)"), Contains("larger than any"));

  CHECK_THAT(headerRefusal(""), Contains("byte 10: header: expected '{'"));
  CHECK_THAT(headerRefusal("{"), Contains("byte 11: header: expected a key"));
  CHECK_THAT(headerRefusal("{}"), Contains("is missing"));
  CHECK_THAT(headerRefusal("{'descr' '<f4'}"), Contains("expected ':'"));
  CHECK_THAT(headerRefusal("{'descr': '<f4}"), Contains("expected a type"));
  CHECK_THAT(headerRefusal("{'descr': '<f4' 'shape': (6,)}"),
             Contains("expected ',' or '}'"));
  CHECK_THAT(headerRefusal("{'descr': '<f4', 'descr': '<f4'}"),
             Contains("the key 'descr' is unknown or stands twice"));
  CHECK_THAT(headerRefusal("{'colour': '<f4'}"),
             Contains("the key 'colour' is unknown or stands twice"));
  CHECK_THAT(headerRefusal(dictionary("<f4", "(6,)", "Maybe")),
             Contains("expected True or False"));
  CHECK_THAT(headerRefusal(dictionary("<f4", "(6,)") + "import os"),
             Contains("expected nothing after '}'"));
  CHECK_THAT(headerRefusal("{'descr': '<f4', 'shape': (6,)}"),
             Contains("is missing"));
}

TEST_CASE("npy: no damage crashes the reader") {
  std::string good = npy(dictionary("<i8", "(3, 1)"), std::string(24, 'x'));
  int prefixesRead = 0;
  damage(good, 20000, [&](Bytes bytes) {
    Result<Npy> out = Npy::parse(bytes, "a.npy");
    if (!out)
      return;
    prefixesRead += bytes.size() < good.size();
    (void)out->integers();
    (void)out->floats();
  });
  CHECK(prefixesRead == 0);
}

TEST_CASE("npy: what was written is what numpy writes") {
  TempFolder folder;
  std::vector<int64_t> shape = {2, 3};
  std::vector<float> floats = {0, 1, 2, -3, 0.1f, 1e30f};
  REQUIRE(writeNpy(folder.path("f.npy"), shape, floats));
  std::string header = dictionary("<f4", "(2, 3)");
  header.insert(header.size() - 1, 128 - 10 - header.size(), ' ');
  std::string data(reinterpret_cast<const char *>(floats.data()), 24);
  CHECK(folder.read("f.npy") == npy(header, data));

  std::vector<int32_t> ints = {-1, 2, 3};
  REQUIRE(writeNpy(folder.path("i.npy"), std::vector<int64_t>{3}, ints));
  Result<Npy> read = Npy::open(folder.path("i.npy"));
  REQUIRE(read);
  CHECK(read->shape() == std::vector<int64_t>{3});
  CHECK(read->type() == ElementType::I32);
  CHECK(*read->integers() == std::vector<int64_t>{-1, 2, 3});

  std::vector<int64_t> longs = {INT64_MAX};
  REQUIRE(writeNpy(folder.path("i.npy"), std::vector<int64_t>{}, longs));
  read = Npy::open(folder.path("i.npy"));
  REQUIRE(read);
  CHECK(read->shape().empty());
  CHECK(*read->integers() == longs);
  CHECK(folder.list().size() == 2);
}

TEST_CASE("npy: what cannot be written leaves nothing behind") {
  TempFolder folder;
  std::vector<float> floats(6);
  auto error = [&](const std::string &path, std::vector<int64_t> shape) {
    Status status = writeNpy(path, shape, floats);
    REQUIRE_FALSE(status);
    return status.error();
  };
  CHECK_THAT(error(folder.path("f.npy"), {2, 2}).text,
             Contains("an array of shape [2, 2] cannot have 6 elements"));
  CHECK_THAT(error(folder.path("no/f.npy"), {6}).text,
             Contains("does not exist"));
  CHECK_THAT(error(folder.path(), {6}).text, Contains("is a directory"));
  Error full = error("/dev/full", {6});
  CHECK(full.text ==
        "no space left on /dev/full while writing /dev/full (0 MB written)");
  CHECK(full.fault == Error::Machine);
  CHECK(folder.list().empty());
}
