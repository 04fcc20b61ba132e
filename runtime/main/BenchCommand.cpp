//===- BenchCommand.cpp - OUT bench ---------------------------------------===//
#include "runtime/bench/BenchCases.h"
#include "runtime/main/Bench.h"
#include "runtime/main/Command.h"
#include "runtime/main/InputFiles.h"
#include "runtime/main/Interrupt.h"
#include "runtime/main/StandardOutput.h"
#include "runtime/support/Text.h"

#include <charconv>

using namespace heed;

/// "NAME=N" words.
static Result<std::map<std::string, int64_t>>
parseSizes(const std::vector<std::string> &words) {
  std::map<std::string, int64_t> sizes;
  for (const std::string &word : words) {
    size_t equals = std::min(word.find('='), word.size());
    int64_t size = 0;
    const char *end = word.data() + word.size();
    auto [stop, code] = std::from_chars(
        word.data() + std::min(equals + 1, word.size()), end, size);
    if (equals == 0 || code != std::errc() || stop != end || size < 0)
      return Error{concat("--size expects NAME=N, found ", inQuotes(word))};
    sizes[word.substr(0, equals)] = size;
  }
  return sizes;
}

static int run(CommandContext &context) {
  const Arguments &arguments = context.arguments;
  Result<int64_t> rounds = arguments.integer("--rounds", 3, 1, 1000);
  if (!rounds)
    return context.failUsage(rounds.error().text);
  Result<std::map<std::string, int64_t>> sizes =
      parseSizes(arguments.all("--size"));
  if (!sizes)
    return context.failUsage(sizes.error().text);
  Result<std::vector<NamedFile>> files =
      parseNamedFiles("--in", arguments.all("--in"));
  if (!files)
    return context.failUsage(files.error().text);
  if (!files->empty() && !sizes->empty())
    return context.failUsage("give --in or --size: files have their own sizes");
  int exit = ExitGood;
  double began = secondsNow();
  std::unique_ptr<Model> model = context.open(exit);
  if (!model)
    return exit;
  const ModelInfo &info = model->info();
  if (info.kind != ModelKind::Tensors && !files->empty())
    return context.fail(Error{"this is a model of tokens: bench draws its "
                              "tokens itself, --in has no place"});
  PromptRange range(info);
  Result<int64_t> prompt =
      arguments.integer("--prompt", range.usual, range.least, range.most);
  if (!prompt)
    return context.failUsage(prompt.error().text);
  int64_t room = range.most + 1 - *prompt;
  Result<int64_t> tokens =
      arguments.integer("--tokens", std::min<int64_t>(32, room), 1, room);
  if (!tokens)
    return context.failUsage(tokens.error().text);

  InterruptGuard interrupt;
  Bench bench(*model, static_cast<unsigned>(*rounds));
  bench.opened = secondsNow() - began;
  Status done;
  if (info.kind == ModelKind::Tensors) {
    if (files->empty()) {
      Result<RandomInputs> inputs = RandomInputs::create(info, *sizes, 512, 1);
      done = inputs ? bench.tensors(inputs->tensors()) : Status(inputs.error());
    } else {
      Result<InputFiles> inputs = InputFiles::read(info, *files);
      done = inputs ? bench.tensors(inputs->tensors()) : Status(inputs.error());
    }
  } else if (!model->hasCache()) {
    done = bench.encoder();
  } else if (arguments.has("--memory")) {
    done = bench.memory();
  } else {
    done = bench.decoder(static_cast<size_t>(*prompt),
                         static_cast<size_t>(*tokens));
  }
  if (!done) {
    int code = context.fail(done.error());
    return InterruptGuard::flag() ? ExitInterrupted : code;
  }
  return context.print(bench.text(arguments.has("--json")));
}

static constexpr Flag flags[] = {
    {"--prompt", "N", "tokens of the prompt (default 512)"},
    {"--tokens", "N", "tokens decoded after it (default 32)"},
    {"--size", "NAME=N", "of an open axis of plain tensors (default 512)"},
    {"--in", "NAME=FILE.npy", "an input tensor (default: random numbers)"},
    {"--rounds", "N", "rounds, of which the best counts (default 3)"},
    {"--memory", nullptr, "memory at 1/8, 1/4, 1/2 and all of the context"},
    {"--json", nullptr, "as one line of JSON"},
};

const Command heed::benchCommand = {
    "bench",
    "",
    "how fast it is, beside what this machine can do",
    flags,
    "The machine's multiply-add peak and its read bandwidth (over the bytes "
    "that one token reads) are\nmeasured in between, with the same threads; "
    "each figure is the best of all rounds.\n\n"
    "examples:\n"
    "  OUT bench --threads 1\n"
    "  OUT bench --prompt 2048 --tokens 64 --json\n"
    "  OUT bench --size q=4096 --size kv=4096\n",
    run};
