//===- GenerateCommand.cpp - OUT generate ---------------------------------===//
#include "runtime/formats/Npy.h"
#include "runtime/main/GenerateFlags.h"
#include "runtime/main/Interrupt.h"
#include "runtime/main/NamedFiles.h"
#include "runtime/main/StandardOutput.h"
#include "runtime/main/TextInput.h"
#include "runtime/support/Text.h"

#include <cstdio>

using namespace heed;

/// The prompt's ids, from --ids or from a text.
static Result<std::vector<int32_t>> promptIds(const CommandContext &context,
                                              const Model &model) {
  if (std::optional<std::string> path = context.arguments.text("--ids")) {
    Result<IdArray> ids = readIds(*path);
    if (!ids)
      return ids.error();
    if (ids->batch != 1)
      return Error{
          concat(*path, ": generate takes one prompt, found ", ids->batch)};
    for (int64_t id : ids->values)
      if (id < 0 || id >= model.info().vocabulary)
        return Error{concat(*path, ": token id ", id,
                            " is out of range: the model knows ids 0 to ",
                            model.info().vocabulary - 1)};
    if (ids->values.empty())
      return Error{concat(*path, ": the prompt is empty")};
    return std::vector<int32_t>(ids->values.begin(), ids->values.end());
  }
  if (!model.tokenizer())
    return Error{"this model has no tokenizer; give --ids prompt.npy"};
  Result<std::optional<std::string>> text = commandText(context);
  if (!text)
    return text.error();
  std::string prompt = text->value_or("");
  // The newline that ends a file or a pipe is not meant.
  if (context.arguments.operands().empty() && prompt.ends_with('\n'))
    prompt.pop_back();
  if (prompt.empty())
    return Error{"the prompt is empty; give it as an argument, with --file, or "
                 "on the standard input"};
  noteInvalidUtf8(prompt, "the prompt");
  EncodeOptions options;
  options.parseSpecial = true;
  std::vector<int32_t> ids = model.tokenizer()->encode(prompt, options);
  if (ids.empty())
    return Error{concat("no token of this model stands for the prompt ",
                        inQuotes(prompt))};
  return ids;
}

static const char *reasonName(StopReason reason) {
  switch (reason) {
  case StopReason::Tokens:
    return "tokens";
  case StopReason::End:
    return "end";
  case StopReason::StopString:
    return "stop";
  case StopReason::ContextFull:
    return "context";
  case StopReason::Interrupted:
    return "interrupted";
  }
  return "";
}

static std::string asJson(const std::string &text, const Generated &made,
                          size_t promptTokens) {
  std::string ids;
  for (int32_t id : made.ids)
    ids += concat(ids.empty() ? "" : ",", id);
  return concat("{\"text\":", jsonString(text), ",\"ids\":[", ids,
                "],\"stopped\":\"", reasonName(made.reason),
                "\",\"prompt_tokens\":", promptTokens,
                ",\"prefill_seconds\":", jsonNumber(made.prefillSeconds),
                ",\"decode_seconds\":", jsonNumber(made.decodeSeconds), "}\n");
}

static int run(CommandContext &context) {
  const Arguments &arguments = context.arguments;
  Result<GenerateOptions> options = generateOptions(arguments);
  if (!options)
    return context.failUsage(options.error().text);
  if (Status one = oneSource(arguments); !one)
    return context.failUsage(one.error().text);
  options->ignoreEnd = arguments.has("--ignore-eos");
  Result<std::vector<NamedFile>> outs =
      parseNamedFiles("--out", arguments.all("--out"));
  if (!outs)
    return context.failUsage(outs.error().text);
  for (const NamedFile &out : *outs)
    if (out.name != "ids")
      return context.failUsage(concat(
          "generate writes --out ids=file.npy, not ", inQuotes(out.name)));
  int exit = ExitGood;
  std::unique_ptr<Model> model = context.open(exit);
  if (!model)
    return exit;
  if (Status able = canGenerate(*model); !able)
    return context.fail(able.error());
  if (!model->tokenizer() && !options->stops.empty())
    return context.failUsage("--stop needs a tokenizer, which this model has "
                             "not");
  Result<std::vector<int32_t>> prompt = promptIds(context, *model);
  if (!prompt)
    return context.fail(prompt.error());
  Result<std::unique_ptr<Session>> session = Session::create(*model);
  if (!session)
    return context.fail(session.error());

  InterruptGuard interrupt;
  StandardOutput output;
  bool json = arguments.has("--json");
  bool quiet = json || !outs->empty();
  std::string whole;
  GenerateCalls calls;
  calls.interrupted = &InterruptGuard::flag();
  calls.text = [&](std::string_view text) -> Status {
    whole += text;
    if (quiet)
      return {};
    if (Status written = output.write(text); !written)
      return written;
    return output.flush();
  };
  Result<Generated> made = [&] {
    Progress progress;
    calls.progress = [&](size_t done, size_t all) {
      if (all > 1)
        progress.show("reading the prompt", done, all);
    };
    return generate(**session, *prompt, *options, calls);
  }();
  if (!made) {
    if (!whole.empty() && !quiet)
      (void)output.write("\n");
    return context.fail(made.error());
  }
  if (json) {
    if (Status written = output.write(asJson(whole, *made, prompt->size()));
        !written)
      return context.fail(written.error());
  } else if (!quiet) {
    if (!model->tokenizer())
      for (int32_t id : made->ids)
        if (Status written = output.write(concat(id, " ")); !written)
          return context.fail(written.error());
    if (Status written = output.write("\n"); !written)
      return context.fail(written.error());
  }
  if (Status flushed = output.flush(); !flushed)
    return context.fail(flushed.error());
  for (const NamedFile &out : *outs) {
    std::vector<int64_t> ids(made->ids.begin(), made->ids.end());
    int64_t shape[] = {1, static_cast<int64_t>(ids.size())};
    if (Status written =
            writeNpy(out.path, shape, std::span<const int64_t>(ids));
        !written)
      return context.fail(written.error());
  }
  if (made->reason == StopReason::ContextFull)
    std::fprintf(
        stderr,
        "note: stopped after %zu token%s: the model's context of %u is "
        "full\n",
        made->ids.size(), made->ids.size() == 1 ? "" : "s",
        model->info().context);
  return made->reason == StopReason::Interrupted ? ExitInterrupted : ExitGood;
}

static constexpr Flag flags[] = {
    HEED_GENERATE_FLAGS("256"),
    {"--file", "FILE", "read the prompt from FILE; - is the standard input"},
    {"--ids", "FILE.npy", "the prompt as token ids, int64 [1, n]"},
    {"--out", "ids=FILE.npy", "write the new ids, int64 [1, n], no text"},
    {"--ignore-eos", nullptr, "go on after the end-of-text token"},
    {"--json", nullptr, "text, ids and times as one line of JSON"},
};

const Command heed::generateCommand = {
    "generate",
    "[PROMPT]",
    "continue a text",
    flags,
    "The text goes to the standard output as it is made; Ctrl-C ends it. Names "
    "of special tokens in\nthe prompt (<|im_start|>) become those tokens.\n\n"
    "examples:\n"
    "  OUT generate \"Once upon a time\"\n"
    "  OUT generate --temperature 0.8 --top-p 0.95 --seed 7 --tokens 100 < "
    "prompt.txt\n"
    "  OUT generate --ids prompt.npy --tokens 64 --ignore-eos --out "
    "ids=new.npy\n",
    run};
