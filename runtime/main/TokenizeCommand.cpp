//===- TokenizeCommand.cpp - OUT tokenize, OUT detokenize -----------------===//
#include "runtime/main/Command.h"
#include "runtime/main/StandardOutput.h"
#include "runtime/main/TextInput.h"
#include "runtime/support/Text.h"

#include <charconv>

using namespace heed;

namespace {
/// A model with a tokenizer, and the text that the command was given.
struct Given {
  std::unique_ptr<Model> model;
  std::string text;
};
} // namespace

/// Nothing, and the exit code, where something is missing, which has been told;
/// `needs` is what the command needs.
static std::optional<Given> open(CommandContext &context, const char *needs,
                                 int &exit) {
  if (Status one = oneSource(context.arguments); !one) {
    exit = context.failUsage(one.error().text);
    return std::nullopt;
  }
  std::unique_ptr<Model> model = context.open(exit);
  if (!model)
    return std::nullopt;
  if (!model->tokenizer()) {
    exit = context.fail(Error{"this model has no tokenizer"});
    return std::nullopt;
  }
  Result<std::optional<std::string>> text = commandText(context);
  if (!text) {
    exit = context.fail(text.error());
    return std::nullopt;
  }
  if (!*text) {
    exit = context.failUsage(needs);
    return std::nullopt;
  }
  return Given{std::move(model), std::move(**text)};
}

static int tokenize(CommandContext &context) {
  const Arguments &arguments = context.arguments;
  int exit = ExitGood;
  auto given =
      open(context, "tokenize needs a text, --file or a standard input", exit);
  if (!given)
    return exit;
  const Tokenizer &tokenizer = *given->model->tokenizer();
  noteInvalidUtf8(given->text, "the text");
  EncodeOptions options;
  options.addSpecial = !arguments.has("--plain");
  options.parseSpecial = arguments.has("--parse-special");
  std::vector<int32_t> ids = tokenizer.encode(given->text, options);
  std::string line, pieces;
  bool json = arguments.has("--json");
  for (int32_t id : ids) {
    line += concat(line.empty() ? "" : json ? "," : " ", id);
    if (json)
      pieces += concat(pieces.empty() ? "" : ",",
                       jsonString(tokenizer.tokenBytes(id)));
  }
  if (json)
    line = concat("{\"ids\":[", line, "],\"tokens\":[", pieces, "]}");
  return context.print(line + "\n");
}

/// Whole numbers separated by anything that is no digit, sign or letter, so
/// that both "1 2 3" and "[1, 2, 3]" are read.
static Result<std::vector<int32_t>> parseIds(std::string_view text) {
  std::vector<int32_t> ids;
  constexpr std::string_view between = " \t\r\n,[]";
  for (size_t at = text.find_first_not_of(between); at < text.size();
       at = text.find_first_not_of(between, at)) {
    size_t end = std::min(text.find_first_of(between, at), text.size());
    int32_t id;
    auto [stop, code] =
        std::from_chars(text.data() + at, text.data() + end, id);
    if (code != std::errc() || stop != text.data() + end)
      return Error{concat("expected a token id, found ",
                          inQuotes(text.substr(at, end - at)))};
    ids.push_back(id);
    at = end;
  }
  return ids;
}

static int detokenize(CommandContext &context) {
  int exit = ExitGood;
  auto given =
      open(context, "detokenize needs ids, --file or a standard input", exit);
  if (!given)
    return exit;
  const Tokenizer &tokenizer = *given->model->tokenizer();
  Result<std::vector<int32_t>> ids = parseIds(given->text);
  if (!ids)
    return context.fail(ids.error());
  for (int32_t id : *ids)
    if (id < 0 || static_cast<uint32_t>(id) >= tokenizer.vocabularySize())
      return context.fail(Error{concat(
          "token id ", id, " is out of range: the tokenizer knows ids 0 to ",
          tokenizer.vocabularySize() - 1)});
  return context.print(
      tokenizer.decode(*ids, context.arguments.has("--skip-special")) + "\n");
}

static constexpr Flag tokenizeFlags[] = {
    {"--file", "FILE", "read the text from FILE; - is the standard input"},
    {"--plain", nullptr, "without the tokens that frame a text ([CLS], bos)"},
    {"--parse-special", nullptr, "names of special tokens become the tokens"},
    {"--json", nullptr, "ids and tokens as one line of JSON"},
};
static constexpr Flag detokenizeFlags[] = {
    {"--file", "FILE", "read the ids from FILE; - is the standard input"},
    {"--skip-special", nullptr, "leave special tokens out"},
};

const Command heed::tokenizeCommand = {
    "tokenize",
    "[TEXT]",
    "the token ids of a text",
    tokenizeFlags,
    "examples:\n"
    "  OUT tokenize \"Hello, world\"\n"
    "  OUT tokenize --json --file letter.txt\n",
    tokenize};

const Command heed::detokenizeCommand = {
    "detokenize",
    "[ID...]",
    "the text of token ids",
    detokenizeFlags,
    "examples:\n"
    "  OUT detokenize 19556 28 905\n"
    "  OUT tokenize \"Hello\" | OUT detokenize\n",
    detokenize};
