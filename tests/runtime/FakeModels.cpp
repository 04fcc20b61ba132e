//===- FakeModels.cpp - What the fake models say of themselves ------------===//
#include "tests/runtime/FakeModel.h"

#include <catch2/catch.hpp>

using namespace heed;

static ArgInfo row(ArgKind kind, const char *name, const char *axis) {
  return {kind,
          name,
          ElementType::I32,
          {{axis, -1}},
          kind == ArgKind::TokenTypes ? 2u : 0u};
}

ModelInfo test::fakeDecoder() {
  ModelInfo info;
  info.name = "fake-decoder";
  info.kind = ModelKind::Decoder;
  info.context = fakeContext;
  info.vocabulary = fakeVocabulary;
  info.chunk = fakeChunk;
  info.axes = {"token", "output", "sequence", "kv", "capacity"};
  info.arena = {{{0}, 4}};
  info.scratch = 64;
  info.cache = {{1, 1}};
  info.args = {row(ArgKind::Tokens, "tokens", "token"),
               row(ArgKind::Rows, "rows", "token"),
               row(ArgKind::Wanted, "wanted", "output"),
               {ArgKind::Cache, "cache", ElementType::F32, {}},
               {ArgKind::Output,
                "logits",
                ElementType::F32,
                {{"output", -1}, {"vocab", fakeVocabulary}}}};
  info.flopsPerToken = 1000;
  info.flopsPerOutput = 500;
  info.weightBytesPerToken = 4096;
  return info;
}

ModelInfo test::fakePrefixDecoder() {
  ModelInfo info = fakeDecoder();
  info.name = "fake-prefix";
  info.firstCall = fakePrefix;
  return info;
}

ModelInfo test::fakeEncoder() {
  ModelInfo info;
  info.name = "fake-encoder";
  info.kind = ModelKind::Encoder;
  info.context = fakeContext;
  info.vocabulary = 40000;
  info.chunk = 32;
  info.axes = {"token", "sequence"};
  info.args = {row(ArgKind::Tokens, "tokens", "token"),
               row(ArgKind::TokenTypes, "token_types", "token"),
               row(ArgKind::Rows, "rows", "token"),
               {ArgKind::Output,
                "embedding",
                ElementType::F32,
                {{"sequence", -1}, {"hidden", 4}}},
               {ArgKind::Output,
                "last_hidden_state",
                ElementType::F32,
                {{"token", -1}, {"hidden", 2}}}};
  return info;
}

ModelInfo test::fakeTensors() {
  ModelInfo info;
  info.name = "fake-tensors";
  info.axes = {"n", "m"};
  info.cost = {{{0}, 6}};
  info.args = {{ArgKind::Input, "a", ElementType::F32, {{"n", -1}, {"", 3}}},
               {ArgKind::Input, "b", ElementType::F32, {{"n", -1}}},
               {ArgKind::Input, "index", ElementType::I32, {{"m", -1}}, 10},
               {ArgKind::Output, "out", ElementType::F32, {{"n", -1}, {"", 3}}},
               {ArgKind::Output, "picked", ElementType::I32, {{"m", -1}}}};
  return info;
}

std::vector<uint8_t> test::fakeWeights(const ModelInfo &info) {
  std::vector<uint8_t> bytes(5000);
  for (size_t i = 0; i < bytes.size(); ++i)
    bytes[i] = static_cast<uint8_t>(i * 7);
  std::string tag = info.name == "fake-leaky"         ? "leakage"
                    : info.name == "fake-prefix"      ? "prefix "
                    : info.kind == ModelKind::Decoder ? "decoder"
                    : info.kind == ModelKind::Encoder ? "encoder"
                                                      : "tensors";
  std::copy_n(tag.c_str(), 8, bytes.begin());
  return bytes;
}

void test::writeFake(ModelFileWriter &writer, const ModelInfo &info,
                     const std::vector<char> &tokenizer) {
  auto bytesOf = [](const auto &from) {
    return Bytes(reinterpret_cast<const uint8_t *>(from.data()), from.size());
  };
  REQUIRE(writer.section(SectionKind::Info, bytesOf(info.encode())));
  if (!tokenizer.empty())
    REQUIRE(writer.section(SectionKind::Tokenizer, bytesOf(tokenizer)));
  REQUIRE(writer.section(SectionKind::Weights, bytesOf(fakeWeights(info))));
  REQUIRE(writer.commit());
}
