//===- ScoreCommand.cpp - OUT score ---------------------------------------===//
#include "runtime/generate/Score.h"
#include "runtime/main/Command.h"
#include "runtime/main/Interrupt.h"
#include "runtime/main/StandardOutput.h"
#include "runtime/main/TextInput.h"
#include "runtime/support/Text.h"

#include <cmath>

using namespace heed;

static int run(CommandContext &context) {
  const Arguments &arguments = context.arguments;
  if (arguments.operands().size() > 1)
    return context.failUsage("score takes one file");
  int exit = ExitGood;
  std::unique_ptr<Model> model = context.open(exit);
  if (!model)
    return exit;
  if (Status able = canGenerate(*model); !able)
    return context.fail(able.error());
  if (!model->tokenizer())
    return context.fail(Error{"this model has no tokenizer"});
  uint32_t most = model->info().context;
  Result<int64_t> window =
      arguments.integer("--window", most, model->info().firstCall + 1, most);
  if (!window)
    return context.failUsage(window.error().text);
  std::string path =
      arguments.operands().empty() ? "-" : arguments.operands()[0];
  Result<std::string> text = readText(path);
  if (!text)
    return context.fail(text.error());
  noteInvalidUtf8(*text, "the text");
  std::vector<int32_t> ids = model->tokenizer()->encode(*text);
  Result<std::unique_ptr<Session>> session = Session::create(*model);
  if (!session)
    return context.fail(session.error());

  InterruptGuard interrupt;
  GenerateCalls calls;
  calls.interrupted = &InterruptGuard::flag();
  Result<Score> scored = [&] {
    Progress progress;
    calls.progress = [&](size_t done, size_t all) {
      progress.show("scoring tokens", done, all);
    };
    return score(**session, ids, static_cast<uint32_t>(*window), calls);
  }();
  if (!scored)
    return context.fail(scored.error());
  if (scored->interrupted)
    return ExitInterrupted;
  double bits = scored->loss / std::log(2.0);
  double bytes = static_cast<double>(text->size());
  return context.print(
      arguments.has("--json")
          ? concat("{\"perplexity\":", jsonNumber(scored->perplexity()),
                   ",\"mean_nll\":",
                   jsonNumber(scored->loss / double(scored->scored)),
                   ",\"tokens\":", ids.size(), ",\"scored\":", scored->scored,
                   ",\"bits_a_byte\":", jsonNumber(bits / bytes), "}\n")
          : concat("perplexity ", fixedNumber(scored->perplexity(), 4),
                   " over ", scored->scored, " tokens, ",
                   fixedNumber(bits / bytes, 4), " bits a byte\n"));
}

static constexpr Flag flags[] = {
    {"--window", "N", "tokens read from scratch (default: the whole context)"},
    {"--json", nullptr, "as one line of JSON"},
};

const Command heed::scoreCommand = {
    "score",
    "[FILE]",
    "the perplexity of a text",
    flags,
    "The text is read in windows, one after the other; each token is scored by "
    "the tokens before it in\nits window, the first of a window is not (in a "
    "model with a prefix: the "
    "tokens of the prefix).\n\n"
    "examples:\n"
    "  OUT score book.txt\n"
    "  OUT score --window 1024 --json < book.txt\n",
    run};
