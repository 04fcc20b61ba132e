//===- ViewAttention.cpp - heed view --attention: what a layer attends to -===//
#include "runtime/formats/Npy.h"
#include "runtime/main/TextInput.h"
#include "runtime/model/ModelFile.h"
#include "runtime/model/ModelInfo.h"
#include "runtime/support/Text.h"
#include "runtime/tokenizer/Tokenizer.h"
#include "runtime/tokenizer/Utf8.h"
#include "tools/heed/Commands.h"
#include "tools/heed/Report.h"
#include "tools/heed/WorkFolder.h"
#include "tools/heed/view/AttentionPicture.h"
#include "tools/heed/view/Svg.h"

#include "llvm/Support/Path.h"
#include "llvm/Support/Program.h"
#include "llvm/Support/raw_ostream.h"

#include <optional>

namespace heed {
namespace {

/// More are neither readable nor a small file.
constexpr size_t mostTokens = 512;
/// Characters of a token's name beside the picture.
constexpr size_t mostCharacters = 14;

/// A token as it is read: a space before it as ␣, what is no whole character
/// as its number.
std::string labelOf(const Tokenizer &tokenizer, int32_t id) {
  std::string text = tokenizer.decode(std::span(&id, 1));
  if (text.empty() || text.find("\xEF\xBF\xBD") != std::string::npos)
    text = std::string(tokenizer.tokenBytes(id));
  std::string shown;
  size_t characters = 0;
  for (char c : text) {
    bool starts = (static_cast<unsigned char>(c) & 0xC0) != 0x80;
    if (starts && ++characters > mostCharacters)
      return shown + "…";
    if (c == ' ')
      shown += "␣";
    else if (c == '\n')
      shown += "↵";
    else if (static_cast<unsigned char>(c) < 32)
      shown += "·";
    else
      shown += c;
  }
  bool printable = !shown.empty() && isUtf8(shown);
  return printable ? shown : "#" + std::to_string(id);
}

class AttentionView {
public:
  explicit AttentionView(const Options &options) : options(options) {}

  int run() {
    if (options.prompt.empty() && options.promptFile.empty())
      return reportError(
          Error{"the prompt is empty; give it with --prompt or --file"});
    if (!work.made())
      return reportError(
          Error{"no temporary folder can be made; is the disk full?",
                Error::Machine});
    Options build = options;
    build.output = work.file("model");
    if (int code = buildCommand(build))
      return code;
    if (Status read = readPrompt(); !read)
      return reportError(read.error());
    if (int code = runModel())
      return code;
    return write();
  }

private:
  /// The prompt's tokens, by the tokenizer that was built with the model.
  Status readPrompt() {
    Result<ModelFile> file = ModelFile::open(work.file("model"));
    if (!file)
      return file.error();
    Bytes info = file->section(SectionKind::Info);
    Result<ModelInfo> described = ModelInfo::decode(
        {reinterpret_cast<const char *>(info.data()), info.size()});
    if (!described)
      return described.error();
    Bytes table = file->section(SectionKind::Tokenizer);
    if (described->context == 0 || table.empty())
      return Error{options.model +
                   ": only the attention of a model of tokens with a tokenizer "
                   "is drawn"};
    Result<Tokenizer> tokenizer = Tokenizer::open(std::as_bytes(table));
    if (!tokenizer)
      return tokenizer.error();
    std::string text = options.prompt;
    if (!options.promptFile.empty()) {
      Result<std::string> read = readText(options.promptFile);
      if (!read)
        return read.error();
      text = std::move(*read);
    }
    EncodeOptions encode;
    encode.parseSpecial = true;
    ids = tokenizer->encode(text, encode);
    size_t most = std::min<size_t>(mostTokens, described->context);
    if (ids.empty())
      return Error{"no token of this model stands for the prompt"};
    if (ids.size() > most)
      return Error{concat("the prompt has ", ids.size(),
                          " tokens; expected at most ", most,
                          most < mostTokens ? ", the model's context" : "")};
    for (int32_t id : ids)
      tokens.push_back(labelOf(*tokenizer, id));
    for (const ArgInfo &arg : described->args) {
      hasTypes = hasTypes || arg.name == "token_types";
      if (arg.kind == ArgKind::Output)
        heads = arg.axes.size() == 3 ? arg.axes[0].size : 1;
    }
    if (options.head >= heads)
      return Error{concat("there is no head ", options.head, ": the layer has ",
                          heads, ", from head 0 on")};
    return {};
  }

  int runModel() {
    int64_t count = int64_t(ids.size()), shape[] = {count};
    std::string input = work.file("tokens.npy"), types = work.file("types.npy"),
                output = work.file("probabilities.npy");
    std::vector<int32_t> zeros(ids.size());
    for (auto &[path, values] : {std::pair(&input, &ids), {&types, &zeros}})
      if (Status written =
              writeNpy(*path, shape, std::span<const int32_t>(*values));
          !written)
        return reportError(written.error());
    std::vector<std::string> words = {
        work.file("model"), "run",   "--in",
        "tokens=" + input,  "--out", "probabilities=" + output};
    if (hasTypes)
      words.insert(words.end(), {"--in", "token_types=" + types});
    std::vector<llvm::StringRef> arguments(words.begin(), words.end());
    std::string error;
    if (int code = llvm::sys::ExecuteAndWait(words[0], arguments, std::nullopt,
                                             {}, 0, 0, &error)) {
      if (code < 0)
        return reportError(
            Error{"the model cannot be run: " + error, Error::Machine});
      return code;
    }
    Result<Npy> file = Npy::open(output);
    if (!file)
      return reportError(file.error());
    Result<std::vector<float>> floats = file->floats();
    if (!floats)
      return reportError(floats.error());
    weights = std::move(*floats);
    return 0;
  }

  int write() {
    std::string name = llvm::sys::path::stem(options.model).str();
    std::string output =
        options.output.empty() ? name + "-attention.html" : options.output;
    if (llvm::StringRef(output).ends_with(".npy")) {
      int64_t count = int64_t(ids.size()), shape[] = {heads, count, count};
      std::span<const float> chosen = weights;
      if (options.head >= 0) {
        shape[0] = 1;
        chosen = chosen.subspan(options.head * count * count, count * count);
      }
      if (Status written = writeNpy(output, shape, chosen); !written)
        return reportError(written.error());
      llvm::outs() << output << '\n';
      return 0;
    }
    view::AttentionPicture picture;
    picture.title =
        name + ", attention of layer " + std::to_string(options.layer);
    if (options.head >= 0)
      picture.title += ", head " + std::to_string(options.head);
    picture.subtitle =
        concat(ids.size(), " tokens, ", heads, heads == 1 ? " head" : " heads",
               "; each row is a query, its weights add to 1");
    picture.tokens = tokens;
    for (int64_t head = 0; head < heads; ++head)
      if (options.head < 0 || options.head == head)
        picture.heads.push_back(head);
    picture.weights = weights;
    return view::writePage(output, picture.title, draw(picture));
  }

  const Options &options;
  WorkFolder work;
  std::vector<int32_t> ids;
  std::vector<std::string> tokens;
  std::vector<float> weights;
  int64_t heads = 1;
  bool hasTypes = false;
};

} // namespace

int viewAttention(const Options &options) {
  return AttentionView(options).run();
}

} // namespace heed
