//===- InfoCommand.cpp - OUT info -----------------------------------------===//
#include "runtime/main/Command.h"
#include "runtime/main/StandardOutput.h"
#include "runtime/support/Text.h"

using namespace heed;

static const char *kindName(ModelKind kind) {
  switch (kind) {
  case ModelKind::Tensors:
    return "tensors";
  case ModelKind::Decoder:
    return "decoder";
  case ModelKind::Encoder:
    return "encoder";
  case ModelKind::EncoderDecoder:
    return "encoder-decoder";
  }
  return "";
}

static const char *tokenizerName(const Tokenizer *tokenizer) {
  if (!tokenizer)
    return "none";
  switch (tokenizer->kind()) {
  case TokenizerKind::ByteBpe:
    return "byte-level BPE";
  case TokenizerKind::WordPiece:
    return "WordPiece";
  case TokenizerKind::Unigram:
    return "unigram";
  case TokenizerKind::SentencePieceBpe:
    return "SentencePiece BPE";
  case TokenizerKind::Chars:
    return "characters";
  }
  return "";
}

namespace {
/// Facts, each printed as a line or as a member of one JSON object.
class Facts {
public:
  explicit Facts(bool json) : json(json) {}
  void text(const char *name, const std::string &value) {
    add(name, json ? jsonString(value) : value);
  }
  void number(const char *name, uint64_t value) {
    add(name, std::to_string(value));
  }
  std::string take() { return json ? "{" + all + "}\n" : all; }

private:
  void add(const char *name, const std::string &value) {
    if (json) {
      all += concat(all.empty() ? "" : ",", jsonString(name), ":", value);
      return;
    }
    std::string label = name;
    for (char &c : label)
      c = c == '_' ? ' ' : c;
    label.resize(std::max<size_t>(label.size(), 24), ' ');
    all += concat(label, " ", value, "\n");
  }
  bool json;
  std::string all;
};
} // namespace

static std::string argumentText(const ArgInfo &arg) {
  std::string axes;
  for (const AxisInfo &axis : arg.axes) {
    axes += axes.empty() ? "" : ", ";
    axes += axis.name;
    if (axis.size >= 0)
      axes += concat(axis.name.empty() ? "" : " = ", axis.size);
  }
  return concat(arg.name, ": ", elementTypeName(arg.type), "[", axes, "]");
}

static int run(CommandContext &context) {
  int exit = ExitGood;
  std::unique_ptr<Model> model = context.open(exit);
  if (!model)
    return exit;
  const ModelInfo &info = model->info();
  Facts facts(context.arguments.has("--json"));
  facts.text("model", info.name);
  facts.text("kind", kindName(info.kind));
  std::string inputs, outputs;
  for (const ArgInfo &arg : info.args) {
    std::string *to = arg.kind == ArgKind::Input    ? &inputs
                      : arg.kind == ArgKind::Output ? &outputs
                                                    : nullptr;
    if (to)
      *to += concat(to->empty() ? "" : "; ", argumentText(arg));
  }
  if (info.kind == ModelKind::Tensors) {
    facts.text("inputs", inputs);
  } else {
    facts.number("context", info.context);
    facts.number("vocabulary", info.vocabulary);
    facts.text("tokenizer", tokenizerName(model->tokenizer()));
    facts.number("tokens_a_call", info.chunk);
    if (info.firstCall > 1)
      facts.number("tokens_of_the_first_call", info.firstCall);
  }
  facts.text("outputs", outputs);
  facts.number("weights_bytes", model->weights().size());
  facts.text("weights_in", model->file().weightsPath());
  if (info.weightBytesPerToken)
    facts.number("weights_bytes_a_token", info.weightBytesPerToken);
  if (info.flopsPerToken)
    facts.number("flops_a_token", info.flopsPerToken + info.flopsPerOutput);
  uint64_t cached = 0;
  for (const CacheLayer &layer : info.cache)
    cached += uint64_t(2) * layer.kvHeads * layer.head * sizeof(float);
  if (cached)
    facts.number("cache_bytes_a_token", cached);
  facts.text("compiled_for", model->variant().target);
  facts.text("uses", model->variant().features);
  facts.number("threads", model->threads());
  if (context.arguments.has("--verify")) {
    if (Status intact = model->file().verifyWeights(); !intact)
      return context.fail(intact.error());
    facts.text("weights_checksum", "good");
  }
  return context.print(facts.take());
}

static constexpr Flag flags[] = {
    {"--json", nullptr, "as one line of JSON"},
    {"--verify", nullptr, "read all weights and compare their checksum"},
};

const Command heed::infoCommand = {"info",
                                   "",
                                   "what this model is",
                                   flags,
                                   "examples:\n"
                                   "  OUT info\n"
                                   "  OUT info --json --verify\n",
                                   run};
