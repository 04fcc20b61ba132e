#include "codegen/pack/tokenizer/ByteAlphabet.h"

#include "runtime/tokenizer/Utf8.h"

#include <array>

namespace heed {

static constexpr int LetterCount = 0x100 + 68;

struct Alphabet {
  std::array<char32_t, 256> letterOf{};
  std::array<int, LetterCount> byteOf{};

  Alphabet() {
    byteOf.fill(-1);
    char32_t next = 0x100;
    for (int byte = 0; byte < 256; ++byte) {
      bool visible = (byte >= '!' && byte <= '~') ||
                     (byte >= 0xa1 && byte <= 0xac) || byte >= 0xae;
      letterOf[byte] = visible ? static_cast<char32_t>(byte) : next++;
      byteOf[letterOf[byte]] = byte;
    }
  }
};

static const Alphabet &alphabet() {
  static const Alphabet instance;
  return instance;
}

std::string byteName(uint8_t byte) {
  std::string name;
  appendUtf8(name, alphabet().letterOf[byte]);
  return name;
}

std::string bytesOfName(std::string_view name) {
  std::string bytes;
  for (size_t at = 0; at < name.size();) {
    Utf8Character c = characterAt(name, at);
    if (!c.valid || c.value >= LetterCount || alphabet().byteOf[c.value] < 0)
      return std::string(name);
    bytes += static_cast<char>(alphabet().byteOf[c.value]);
    at += c.size;
  }
  return bytes;
}

void setByteLevelTokens(TokenizerModel &model, const VocabularyIndex &index) {
  static constexpr uint8_t Whole = TokenSpecial | TokenWhole;
  model.bytes.clear();
  for (size_t id = 0; id < model.names.size(); ++id)
    model.bytes.push_back(model.tokenFlags[id] & Whole
                              ? model.names[id]
                              : bytesOfName(model.names[id]));
  for (int byte = 0; byte < 256; ++byte) {
    auto found = index.find(byteName(static_cast<uint8_t>(byte)));
    if (found != index.end() && !(model.tokenFlags[found->second] & Whole))
      model.tokenFlags[found->second] |= TokenByte;
  }
}

} // namespace heed
