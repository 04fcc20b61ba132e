//===- FakeModel.h - The models of FakeModel.cpp --------------------------===//
#pragma once

#include "runtime/model/ModelFile.h"
#include "runtime/model/ModelInfo.h"

#include <cstdint>

inline constexpr int64_t fakeVocabulary = 1200;
inline constexpr uint32_t fakeContext = 64, fakeChunk = 8, fakePrefix = 20;

/// The logit for `j` after `token`, where `sum` is that of all tokens so far.
inline float fakeLogit(int64_t token, int64_t sum, int j) {
  return ((token + 1) % fakeVocabulary == j ? 8.0f : 0.0f) +
         static_cast<float>((sum + j) % 7) / 100;
}

namespace heed::test {

ModelInfo fakeDecoder();
/// A decoder whose first fakePrefix tokens see each other; more than a chunk.
ModelInfo fakePrefixDecoder();
ModelInfo fakeEncoder();
ModelInfo fakeTensors();

/// Writes the sections of a fake model; `tokenizer` may be empty.
void writeFake(ModelFileWriter &writer, const ModelInfo &info,
               const std::vector<char> &tokenizer);
/// The weights that tell the fake entry which model it plays.
std::vector<uint8_t> fakeWeights(const ModelInfo &info);

} // namespace heed::test
