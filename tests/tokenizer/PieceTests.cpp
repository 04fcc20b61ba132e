//===- PieceTests.cpp - The scanners, against the regular expressions -----===//
#define PCRE2_CODE_UNIT_WIDTH 8
#include "codegen/pack/tokenizer/TableWriter.h"
#include "runtime/tokenizer/PieceScanner.h"
#include "runtime/tokenizer/Utf8.h"
#include "tests/tokenizer/Support.h"

#include <pcre2.h>
#include <random>
#include <utf8proc.h>

using namespace heed;
using namespace heed::test;

namespace {

/// White_Space; pcre2's own \s has another set.
const std::string Space =
    "\\t-\\r\\x20\\x85\\xa0\\x{1680}\\x{2000}-\\x{200a}\\x{2028}\\x{2029}"
    "\\x{202f}\\x{205f}\\x{3000}";

std::string withSpaces(std::string pattern) {
  auto replace = [&](const std::string &what, const std::string &with) {
    for (size_t at; (at = pattern.find(what)) != std::string::npos;)
      pattern.replace(at, what.size(), with);
  };
  replace("[^\\s", "[^" + Space);
  replace("\\s", "[" + Space + "]");
  replace("\\S", "[^" + Space + "]");
  return pattern;
}

class Regex {
public:
  explicit Regex(const std::string &pattern) {
    std::string spaced = withSpaces(pattern);
    int error = 0;
    PCRE2_SIZE at = 0;
    code = pcre2_compile(reinterpret_cast<PCRE2_SPTR>(spaced.data()),
                         spaced.size(), PCRE2_UTF | PCRE2_UCP, &error, &at,
                         nullptr);
    INFO(spaced << " at " << at);
    REQUIRE(code);
    match = pcre2_match_data_create_from_pattern(code, nullptr);
  }
  ~Regex() {
    pcre2_match_data_free(match);
    pcre2_code_free(code);
  }
  bool matches(std::string_view text) const {
    return pcre2_match(code, reinterpret_cast<PCRE2_SPTR>(text.data()),
                       text.size(), 0, 0, match, nullptr) > 0;
  }
  /// All matches; what no match covers is a piece too.
  std::vector<std::string> pieces(std::string_view text) const {
    std::vector<std::string> out;
    size_t at = 0;
    while (at < text.size()) {
      int found = pcre2_match(code, reinterpret_cast<PCRE2_SPTR>(text.data()),
                              text.size(), at, 0, match, nullptr);
      PCRE2_SIZE *bounds = pcre2_get_ovector_pointer(match);
      size_t begin = found > 0 ? bounds[0] : text.size();
      size_t end = found > 0 ? bounds[1] : text.size();
      if (begin > at)
        out.emplace_back(text.substr(at, begin - at));
      if (end > begin)
        out.emplace_back(text.substr(begin, end - begin));
      at = end;
    }
    return out;
  }

private:
  pcre2_code *code;
  pcre2_match_data *match;
};

const std::string Gpt2 =
    "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+"
    "|\\s+(?!\\S)|\\s+";
std::string llama3(const std::string &numbers) {
  return "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|" +
         numbers +
         "| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";
}

/// Texts of few kinds of characters, so that every order of kinds comes up.
class RandomText {
public:
  explicit RandomText(unsigned seed) : random(seed) {}
  std::string next() {
    static const std::vector<std::string> Usual = {
        " ",      " ",      "  ",     "\n",     "\r",      "\t",    "a",
        "b",      "S",      "t",      "é",      "中",      "1",     "23",
        "½",      "²",      "٣",      "!",      ".",       "_",     "'",
        "'s",     "'T",     "'ll",    "'Re",    "'\u017f", "😀",    "\u0301",
        "\u200d", "\u00a0", "\u3000", "\u0085", "\v",      "\ufffd"};
    std::string text;
    for (unsigned n = below(24); n > 0; --n) {
      if (below(8))
        text += Usual[below(Usual.size())];
      else
        appendUtf8(text, anyCharacter());
    }
    return text;
  }

private:
  unsigned below(size_t bound) { return random() % bound; }
  /// One that pcre2's Unicode and utf8proc's both have assigned.
  char32_t anyCharacter() {
    static const Regex Unassigned("\\p{Cn}");
    for (;;) {
      char32_t c = below(4) ? below(0x3000) : below(CharacterCount);
      utf8proc_category_t category =
          utf8proc_category(static_cast<utf8proc_int32_t>(c));
      if (category == UTF8PROC_CATEGORY_CN || category == UTF8PROC_CATEGORY_CS)
        continue;
      std::string text;
      appendUtf8(text, c);
      if (!Unassigned.matches(text))
        return c;
    }
  }
  std::mt19937 random;
};

std::vector<std::string> scanned(const Table &table, std::string_view text) {
  std::vector<std::string> out;
  PieceScanner scanner(table, text);
  for (std::string_view piece; scanner.next(piece);)
    out.emplace_back(piece);
  return out;
}

Built tableOf(PreTokenizer rule) {
  TokenizerModel model;
  model.rule = rule;
  model.names = model.bytes = {"x"};
  model.tokenFlags = {0};
  return Built(TokenizerTable{writeTable(model), {}});
}

void compare(PreTokenizer rule, const std::string &pattern,
             const std::string &before = "") {
  Built built = tableOf(rule);
  Regex regex(pattern);
  std::optional<Regex> cut;
  if (!before.empty())
    cut.emplace(before);
  RandomText texts(20 + static_cast<unsigned>(rule));
  std::vector<std::string> all = hardLines();
  all.push_back(readText(goldenPath("hard_text.txt")));
  for (int i = 0; i < 20000; ++i)
    all.push_back(texts.next());
  for (const std::string &text : all) {
    std::vector<std::string> wanted;
    for (const std::string &stretch :
         cut ? cut->pieces(text) : std::vector<std::string>{text})
      for (std::string &piece : regex.pieces(stretch))
        wanted.push_back(std::move(piece));
    std::vector<std::string> found = scanned(built->data(), text);
    if (found != wanted) { // a CHECK for every text is slow
      INFO(text);
      CHECK(found == wanted);
    }
  }
}

} // namespace

TEST_CASE("GPT-2's pieces", "[pieces]") { compare(PreTokenizer::Gpt2, Gpt2); }

TEST_CASE("single digits, then GPT-2's pieces", "[pieces]") {
  compare(PreTokenizer::DigitsThenGpt2, Gpt2, "\\p{N}");
}

TEST_CASE("Llama 3's pieces", "[pieces]") {
  compare(PreTokenizer::Llama3, llama3("\\p{N}{1,3}"));
}

TEST_CASE("Qwen 2's pieces", "[pieces]") {
  compare(PreTokenizer::Qwen2, llama3("\\p{N}"));
}

TEST_CASE("no cut", "[pieces]") {
  Built built = tableOf(PreTokenizer::None);
  CHECK(scanned(built->data(), "a b  c") == std::vector<std::string>{"a b  c"});
  CHECK(scanned(built->data(), "").empty());
}
