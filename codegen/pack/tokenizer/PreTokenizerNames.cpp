#include "codegen/pack/tokenizer/PreTokenizerNames.h"

#include "runtime/support/Text.h"

namespace heed {

static constexpr NamedPreTokenizer Names[] = {
    {"gpt-2", PreTokenizer::Gpt2, false, false},
    {"mpt", PreTokenizer::Gpt2, false, false},
    {"olmo", PreTokenizer::Gpt2, false, false},
    {"jais", PreTokenizer::Gpt2, false, false},
    {"smollm", PreTokenizer::DigitsThenGpt2, false, false},
    {"starcoder", PreTokenizer::DigitsThenGpt2, false, false},
    {"refact", PreTokenizer::DigitsThenGpt2, false, false},
    {"command-r", PreTokenizer::DigitsThenGpt2, false, false},
    {"codeshell", PreTokenizer::DigitsThenGpt2, false, false},
    {"exaone", PreTokenizer::DigitsThenGpt2, false, false},
    {"llama-bpe", PreTokenizer::Llama3, true, true},
    {"qwen2", PreTokenizer::Qwen2, false, false},
    {"stablelm2", PreTokenizer::Qwen2, false, false},
};

Result<NamedPreTokenizer> preTokenizerByName(std::string_view name,
                                             const std::string &label) {
  std::string known;
  for (const NamedPreTokenizer &entry : Names) {
    if (entry.name == name)
      return entry;
    known += concat(known.empty() ? "" : ", ", entry.name);
  }
  return Error{concat(label, ": the pre-tokenizer ", inQuotes(name),
                      " is not known; known are ", known)};
}

PreTokenizer preTokenizerByPattern(std::string_view pattern) {
  static constexpr std::string_view Gpt2 =
      "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+"
      "|\\s+(?!\\S)|\\s+";
  static constexpr std::string_view Llama3 =
      "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}"
      "| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";
  static constexpr std::string_view Qwen2 =
      "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}"
      "| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";
  if (pattern == Gpt2)
    return PreTokenizer::Gpt2;
  if (pattern == Llama3)
    return PreTokenizer::Llama3;
  if (pattern == Qwen2)
    return PreTokenizer::Qwen2;
  return PreTokenizer::None;
}

} // namespace heed
