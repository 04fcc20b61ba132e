//===- ModelFile.cpp - Model files, whole and damaged ----------------===//
#include "tests/runtime/FakeModel.h"
#include "tests/runtime/TestFiles.h"

#include <catch2/catch.hpp>

using namespace heed;
using namespace heed::test;
using Catch::Matchers::Contains;

namespace {
std::string openError(const std::string &path) {
  Result<ModelFile> file = ModelFile::open(path);
  return file ? "" : file.error().text;
}
std::string makeAlone(const TempFolder &folder) {
  std::string path = folder.path("model");
  Result<ModelFileWriter> writer = ModelFileWriter::create(path);
  REQUIRE(writer);
  writeFake(*writer, fakeDecoder(), {});
  return path;
}
} // namespace

TEST_CASE("Checksum: the published values of XXH64") {
  auto of = [](std::string_view text) {
    return checksumOf(
        {reinterpret_cast<const uint8_t *>(text.data()), text.size()});
  };
  CHECK(of("") == 0xef46db3751d8e999);
  CHECK(of("abc") == 0x44bc2cf5ad770999);
  CHECK(of("Nobody inspects the spammish repetition") == 0xfbcea83c8a378bf1);
}

TEST_CASE("Checksum: pieces of any size give the same value") {
  std::vector<uint8_t> bytes(1000);
  for (size_t i = 0; i < bytes.size(); ++i)
    bytes[i] = static_cast<uint8_t>(i * i);
  for (size_t piece : {1, 7, 31, 32, 33, 64, 999}) {
    Checksum checksum;
    for (size_t at = 0; at < bytes.size(); at += piece)
      checksum.add(
          std::span(bytes).subspan(at, std::min(piece, bytes.size() - at)));
    CHECK(checksum.value() == checksumOf(bytes));
  }
}

TEST_CASE("ModelFile: what is written alone is read back, page-aligned") {
  TempFolder folder;
  Result<ModelFile> file = ModelFile::open(makeAlone(folder));
  REQUIRE(file);
  Bytes weights = file->section(SectionKind::Weights);
  std::vector<uint8_t> expected = fakeWeights(fakeDecoder());
  CHECK(std::equal(weights.begin(), weights.end(), expected.begin(),
                   expected.end()));
  CHECK(reinterpret_cast<uintptr_t>(weights.data()) % ModelFilePage == 0);
  CHECK(file->section(SectionKind::Tokenizer).empty());
  CHECK(file->verifyWeights());
}

TEST_CASE("ModelFile: behind an executable, which stays what it was") {
  TempFolder folder;
  std::string base = folder.path("base"), path = folder.path("out");
  std::string code(5001, 'x');
  folder.write("base", code);
  Result<ModelFileWriter> writer = ModelFileWriter::create(path, base);
  REQUIRE(writer);
  writeFake(*writer, fakeTensors(), {});
  CHECK(folder.read("out").starts_with(code));
  CHECK(::access(path.c_str(), X_OK) == 0);
  Result<ModelFile> file = ModelFile::open(path);
  REQUIRE(file);
  CHECK(file->section(SectionKind::Weights).size() == 5000);
  CHECK(file->verifyWeights());
  CHECK_THAT(openError(base), Contains("no model in this file"));
}

TEST_CASE("ModelFile: weights that stream in, aligned in their section") {
  TempFolder folder;
  Result<ModelFileWriter> writer = ModelFileWriter::create(folder.path("w"));
  REQUIRE(writer);
  REQUIRE(writer->beginSection(SectionKind::Weights));
  std::vector<uint8_t> piece(100, 1);
  for (int i = 0; i < 3; ++i) {
    REQUIRE(writer->align(64));
    CHECK(writer->position() == uint64_t(i) * 128);
    REQUIRE(writer->write(piece));
  }
  SectionRecord record = writer->endSection();
  CHECK(record.size == 356);
  REQUIRE(writer->commit());
  Result<ModelFile> file = ModelFile::open(folder.path("w"));
  REQUIRE(file);
  CHECK(checksumOf(file->section(SectionKind::Weights)) == record.checksum);
}

TEST_CASE("ModelFile: weights beside") {
  TempFolder folder;
  std::string path = folder.path("out");
  auto writeWeights = [&](uint8_t value) {
    Result<ModelFileWriter> writer = ModelFileWriter::create(path + ".weights");
    REQUIRE(writer);
    REQUIRE(writer->beginSection(SectionKind::Weights));
    REQUIRE(writer->write(std::vector<uint8_t>(777, value)));
    SectionRecord record = writer->endSection();
    REQUIRE(writer->commit());
    return record;
  };
  SectionRecord record = writeWeights(1);
  Result<ModelFileWriter> writer = ModelFileWriter::create(path);
  REQUIRE(writer);
  writer->weightsBeside(record);
  REQUIRE(writer->commit());

  Result<ModelFile> file = ModelFile::open(path);
  REQUIRE(file);
  CHECK(file->section(SectionKind::Weights).size() == 777);
  CHECK(file->weightsPath() == path + ".weights");
  CHECK(file->verifyWeights());
  writeWeights(2);
  CHECK_THAT(openError(path), Contains("weights of another build"));
  ::unlink((path + ".weights").c_str());
  CHECK_THAT(openError(path), Contains("no such file"));
}

TEST_CASE("ModelFile: cut anywhere, it is refused") {
  TempFolder folder;
  makeAlone(folder);
  std::string all = folder.read("model");
  std::string path = folder.path("cut");
  for (size_t size = 1; size < all.size(); size += size < 200 ? 1 : 97) {
    folder.write("cut", all.substr(0, size));
    INFO(size);
    CHECK_FALSE(openError(path).empty());
  }
  folder.write("cut", all.substr(0, all.size() - 1));
  CHECK_THAT(openError(path), Contains("cut short"));
}

TEST_CASE("ModelFile: a byte changed anywhere is noticed or harmless") {
  TempFolder folder;
  std::string path = makeAlone(folder);
  std::string all = folder.read("model");
  Result<ModelFile> good = ModelFile::open(path);
  REQUIRE(good);
  size_t noticed = 0;
  for (size_t at = 0; at < all.size(); at += 13) {
    std::string bad = all;
    bad[at] = static_cast<char>(bad[at] ^ 0x55);
    folder.write("bad", bad);
    Result<ModelFile> file = ModelFile::open(folder.path("bad"));
    if (!file || !file->verifyWeights()) {
      ++noticed;
      continue;
    }
    // Padding: what is read is what was written.
    for (SectionKind kind : {SectionKind::Info, SectionKind::Weights})
      CHECK(checksumOf(file->section(kind)) == checksumOf(good->section(kind)));
  }
  CHECK(noticed > 5000 / 13);
}

TEST_CASE("ModelFile: damaged weights are found on request") {
  TempFolder folder;
  std::string path = makeAlone(folder);
  std::string all = folder.read("model");
  all[2 * ModelFilePage + 100] ^= 1;
  folder.write("model", all);
  Result<ModelFile> file = ModelFile::open(path);
  REQUIRE(file);
  Status verified = file->verifyWeights();
  REQUIRE_FALSE(verified);
  CHECK_THAT(verified.error().text, Contains("weights are damaged"));
}

TEST_CASE("ModelFile: another version") {
  TempFolder folder;
  std::string path = makeAlone(folder);
  std::string all = folder.read("model");
  all[8] = 9;
  folder.write("model", all);
  CHECK_THAT(openError(path), Contains("format version 9"));
}

TEST_CASE("ModelFileWriter: a full disk leaves no file") {
  Result<ModelFileWriter> writer = ModelFileWriter::create("/dev/full");
  bool failed = !writer;
  std::string text = writer ? "" : writer.error().text;
  if (writer) {
    Status written =
        writer->section(SectionKind::Weights, std::vector<uint8_t>(10000));
    failed = !written;
    text = written ? "" : written.error().text;
  }
  CHECK(failed);
  CHECK_THAT(text, Contains("no space left"));
}
