//===- BenchCommand.cpp - OUT bench ---------------------------------------===//
#include "runtime/bench/MachinePeak.h"
#include "runtime/main/Command.h"
#include "runtime/main/InputFiles.h"
#include "runtime/main/RandomInputs.h"
#include "runtime/main/StandardOutput.h"
#include "runtime/support/Text.h"

#include <charconv>
#include <cstdio>
#include <functional>
#include <sys/mman.h>
#include <unistd.h>

using namespace heed;

namespace {
struct Figure {
  std::string name;
  double value;
  std::string unit;
  double ratio = 0; // of the machine's peak; 0: there is none
  const char *of = "";
};

/// What the rounds found, best of each.
class Bench {
public:
  Bench(Model &model, unsigned rounds) : model(model), rounds(rounds) {}

  Status decoder(size_t prompt, size_t tokens);
  Status encoder();
  Status tensors(std::span<const TensorRef> inputs);
  Status memory();
  std::string text(bool json) const;
  double opened = 0; // seconds that opening the model took

private:
  Status openSession(unsigned slots);
  /// `bytes`: what a token reads.
  Status fillPeaks(uint64_t bytes);
  void fillPieces(uint32_t meetings);
  double prefillCost(size_t tokens) const;
  Result<double> feed(size_t first, size_t count);
  Result<double> sentences(size_t batch, size_t length);
  void add(std::string name, double value, std::string unit, double ratio = 0,
           const char *of = "") {
    figures.push_back({std::move(name), value, std::move(unit), ratio, of});
  }

  Model &model;
  unsigned rounds;
  Random random{1};
  std::unique_ptr<Session> session;
  double fma = 0, read = 0;
  double readAlone = 0, readPieces = 0; // by one thread; as kernels read
  uint64_t tokenBytes = 0;              // that decoding one token reads
  std::vector<uint8_t> buffer;          // what stands for the cache
  std::vector<Figure> figures;
};
} // namespace

Status Bench::openSession(unsigned slots) {
  Result<std::unique_ptr<Session>> made = Session::create(model, slots);
  if (!made)
    return made.error();
  session = std::move(*made);
  return {};
}

/// One more sample of the machine's peaks, between samples of the model.
Status Bench::fillPeaks(uint64_t bytes) {
  ThreadPool &pool = model.threadPool();
  fma = std::max(fma, fmaRate(pool, model.threads()));
  if (bytes == 0)
    return {};
  // The mapped weights themselves: the same pages as the model reads. Memory of
  // its own stands for the keys and values.
  Bytes weights = model.weights().first(
      std::min<uint64_t>(bytes, model.info().weightBytesPerToken));
  buffer.resize(bytes - weights.size(), 1);
  Bytes parts[] = {weights, buffer};
  read = std::max(read, readRate(pool, model.threads(), parts));
  return {};
}

/// What several threads can gain in decoding: the same bytes read by one, and
/// by all with as many meetings as a step has.
void Bench::fillPieces(uint32_t meetings) {
  Bytes weights = model.weights().first(
      std::min<uint64_t>(tokenBytes, model.info().weightBytesPerToken));
  Bytes parts[] = {weights, buffer};
  readAlone = std::max(readAlone, readRate(model.threadPool(), 1, parts));
  std::vector<Bytes> pieces;
  for (Bytes part : parts)
    for (uint64_t size = tokenBytes / std::max(meetings, 1u) + 1; !part.empty();
         part = part.subspan(std::min<uint64_t>(size, part.size())))
      pieces.push_back(part.first(std::min<uint64_t>(size, part.size())));
  readPieces = std::max(readPieces,
                        readRate(model.threadPool(), model.threads(), pieces));
}

/// Runs `count` random tokens of slot 0 from position `first` on, the last
/// one's outputs wanted; seconds.
Result<double> Bench::feed(size_t first, size_t count) {
  StepRows rows;
  std::vector<int32_t> ids = randomIds(random, model.info(), count);
  rows.add(0, ids, static_cast<int32_t>(first));
  rows.wanted = {static_cast<int32_t>(count) - 1};
  double began = secondsNow();
  if (Status done = session->step(rows.input()); !done)
    return done.error();
  return secondsNow() - began;
}

Status Bench::decoder(size_t prompt, size_t tokens) {
  if (Status opened = openSession(1); !opened)
    return opened;
  const ModelInfo &info = model.info();
  tokenBytes =
      info.weightBytesPerToken + info.cacheBytesPerPosition * (prompt + tokens);
  // With several threads one alone is timed too, right behind them; what they
  // gain is the middle of such pairs, for memory's speed changes meanwhile.
  double prefill = 1e30, decode = 1e30;
  std::vector<double> prefillGain, decodeGain;
  unsigned threads = model.threads();
  // The least seconds of `steps` steps of `count` tokens each.
  auto time = [&](unsigned with, size_t first, size_t count,
                  size_t steps) -> Result<double> {
    session->useThreads(with);
    double least = 1e30;
    for (size_t i = 0; i < steps; ++i) {
      Result<double> took = feed(first + i, count);
      if (!took)
        return took;
      least = std::min(least, *took);
    }
    return least;
  };
  auto timeBoth = [&](double &best, std::vector<double> &gain, size_t first,
                      size_t count, size_t steps) -> Status {
    Result<double> all = time(threads, first, count, steps);
    if (!all)
      return all.error();
    best = std::min(best, *all);
    if (threads == 1)
      return {};
    Result<double> one = time(1, first, count, steps);
    if (!one)
      return one.error();
    gain.push_back(*one / *all);
    return {};
  };
  auto middle = [](std::vector<double> &of) {
    auto at = of.begin() + static_cast<ptrdiff_t>(of.size() / 2);
    std::nth_element(of.begin(), at, of.end());
    return *at;
  };
  constexpr size_t together = 8; // tokens
  Progress progress;
  double first = 0;
  for (unsigned round = 0; round < rounds; ++round) {
    if (Status done = timeBoth(prefill, prefillGain, 0, prompt, 1); !done)
      return done;
    if (round == 0)
      first = prefill;
    // A few tokens at a time, so that all meet the same neighbours; not one by
    // one, for threads that sat out the last token wake up as in no text.
    for (size_t i = 0; i < tokens; i += together) {
      if (Status done = fillPeaks(tokenBytes); !done)
        return done;
      size_t count = std::min(together, tokens - i);
      uint32_t before = model.threadPool().barrier().meetings();
      if (Status done = timeBoth(decode, decodeGain, prompt + i, 1, count);
          !done)
        return done;
      uint32_t met = model.threadPool().barrier().meetings() - before;
      if (threads > 1)
        fillPieces(met / static_cast<uint32_t>(count));
    }
    progress.show("rounds", round + 1, rounds);
  }
  double flops = prefillCost(prompt);
  add(concat("prefill of ", prompt, " tokens"), double(prompt) / prefill,
      "tokens/s", flops / prefill / fma, "the FMA peak");
  add(concat("decode after ", prompt, " tokens"), 1 / decode, "tokens/s",
      read > 0 ? double(tokenBytes) / decode / read : 0, "the read bandwidth");
  if (threads > 1) {
    add("prefill, beside one thread", middle(prefillGain), "times");
    add("decode, beside one thread", middle(decodeGain), "times");
    add("reading its bytes, beside one thread", read / readAlone, "times");
    add("reading them in a piece for each kernel", readPieces / readAlone,
        "times");
  }
  add(concat("first token after a prompt of ", prompt,
             " tokens, start and all"),
      (opened + first) * 1e3, "ms");
  return {};
}

/// Of reading a prompt of `tokens`: by ModelInfo::cost where it is known.
double Bench::prefillCost(size_t tokens) const {
  const ModelInfo &info = model.info();
  if (info.cost.empty())
    return double(info.flopsPerToken) * double(tokens) +
           double(info.flopsPerOutput);
  double total = 0;
  for (size_t at = 0, rows; at < tokens; at += rows) {
    uint32_t least = at == 0 ? info.firstCall : 1;
    rows = std::min<size_t>(std::max(info.chunk, least), tokens - at);
    for (const CostTerm &term : info.cost) {
      double product = term.flops;
      for (uint32_t axis : term.axes) {
        const std::string &name = info.axes[axis];
        product *= name == "token"      ? double(rows)
                   : name == "kv"       ? double(at + rows)
                   : name == "output"   ? double(at + rows == tokens)
                   : name == "sequence" ? 1.0
                                        : double(info.context);
      }
      total += product;
    }
  }
  return total;
}

/// Seconds for one step of `batch` sequences of `length` tokens.
Result<double> Bench::sentences(size_t batch, size_t length) {
  StepRows rows;
  for (size_t i = 0; i < batch; ++i)
    rows.add(static_cast<int32_t>(i), randomIds(random, model.info(), length));
  double began = secondsNow();
  if (Status done = session->step(rows.input()); !done)
    return done.error();
  return secondsNow() - began;
}

Status Bench::encoder() {
  if (Status opened = openSession(32); !opened)
    return opened;
  struct {
    size_t batch, length;
    double best = 1e30, cost = 0;
  } cases[] = {{1, 32}, {32, 128}};
  Progress progress;
  for (unsigned round = 0; round < rounds; ++round) {
    if (Status done = fillPeaks(0); !done)
      return done;
    for (auto &c : cases) {
      c.length = std::min<size_t>(c.length, model.info().context);
      for (int i = 0; i < (c.batch == 1 ? 10 : 1); ++i) {
        Result<double> took = sentences(c.batch, c.length);
        if (!took)
          return took.error();
        c.best = std::min(c.best, *took);
      }
    }
    progress.show("rounds", round + 1, rounds);
  }
  for (auto &c : cases) {
    double flops =
        double(model.info().flopsPerToken) * double(c.batch * c.length);
    add(concat("batch ", c.batch, " of ", c.length, " tokens"),
        double(c.batch) / c.best, "sentences/s", flops / c.best / fma,
        "the FMA peak");
  }
  return {};
}

/// Bytes of this process that are no file's.
static double ownMemory() {
  double kilobytes = 0;
  if (std::FILE *file = std::fopen("/proc/self/status", "re")) {
    char line[256];
    while (std::fgets(line, sizeof line, file))
      if (std::sscanf(line, "RssAnon: %lf kB", &kilobytes) == 1)
        break;
    std::fclose(file);
  }
  return kilobytes * 1024;
}

Status Bench::tensors(std::span<const TensorRef> inputs) {
  double before = ownMemory();
  if (Status opened = openSession(1); !opened)
    return opened;
  double best = 1e30, spent = 0;
  Progress progress;
  for (unsigned round = 0; round < rounds; ++round) {
    if (Status done = fillPeaks(0); !done)
      return done;
    // Short calls many times: about 50 ms a round.
    double until = secondsNow() + 0.05;
    do {
      double began = secondsNow();
      if (Status done = session->run(inputs); !done)
        return done;
      spent = secondsNow() - began;
      best = std::min(best, spent);
    } while (secondsNow() < until);
    progress.show("rounds", round + 1, rounds);
  }
  std::string sizes;
  for (const TensorRef &input : inputs)
    sizes += concat(sizes.empty() ? "" : ", ", input.name, " ",
                    shapeText(input.shape));
  add(concat("a call with ", sizes), best * 1e6, "us");
  if (double flops = session->lastCost(); flops > 0)
    add("arithmetic", flops / best / 1e9, "GFLOP/s", flops / best / fma,
        "the FMA peak");
  add("memory beyond the inputs", (ownMemory() - before) / 1e6, "MB");
  return {};
}

Status Bench::memory() {
  if (Status opened = openSession(1); !opened)
    return opened;
  size_t context = model.info().context, done = 0;
  Progress progress;
  for (size_t part : {8, 4, 2, 1}) {
    while (done < context / part) {
      size_t count =
          std::min<size_t>(model.info().chunk, context / part - done);
      if (done == 0)
        count = std::max<size_t>(count, model.info().firstCall);
      if (Result<double> took = feed(done, count); !took)
        return took.error();
      done += count;
      progress.show("tokens", done, context);
    }
    add(concat("memory at ", done, " tokens"), ownMemory() / 1e6, "MB");
  }
  return {};
}

std::string Bench::text(bool json) const {
  std::string out;
  if (json) {
    for (const Figure &figure : figures) {
      out +=
          concat(out.empty() ? "" : ",", "{\"name\":", jsonString(figure.name),
                 ",\"value\":", jsonNumber(figure.value),
                 ",\"unit\":", jsonString(figure.unit));
      if (figure.ratio > 0)
        out += concat(",\"ratio\":", jsonNumber(figure.ratio),
                      ",\"of\":", jsonString(figure.of));
      out += "}";
    }
    return concat("{\"model\":", jsonString(model.info().name),
                  ",\"target\":", jsonString(model.variant().target),
                  ",\"threads\":", model.threads(),
                  ",\"fma_peak_gflops\":", jsonNumber(fma / 1e9),
                  ",\"read_bandwidth_gb\":", jsonNumber(read / 1e9),
                  ",\"figures\":[", out, "]}\n");
  }
  out = concat(model.info().name, ", code for ", model.variant().target, ", ",
               model.threads(),
               model.threads() == 1 ? " thread\n" : " threads\n");
  if (fma > 0)
    out += concat("this machine: f32 FMA ", fixedNumber(fma / 1e9, 0),
                  " GFLOP/s (", widestVectors(), ")");
  if (read > 0)
    out += concat(", reading the ", fixedNumber(double(tokenBytes) / 1e6, 1),
                  " MB of one token ", fixedNumber(read / 1e9, 1), " GB/s");
  out += fma > 0 ? "\n" : "";
  for (const Figure &figure : figures) {
    out += concat(figure.name, ": ",
                  fixedNumber(figure.value, figure.value < 100 ? 2 : 0), " ",
                  figure.unit);
    if (figure.ratio > 0)
      out +=
          concat(", ", fixedNumber(figure.ratio * 100, 1), " % of ", figure.of);
    out += "\n";
  }
  return out;
}

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
  int64_t room = std::max<int64_t>(info.context, 2), least = info.firstCall;
  Result<int64_t> prompt = arguments.integer(
      "--prompt", std::max(least, std::min<int64_t>(512, room - room / 8 - 1)),
      least, room - 1);
  if (!prompt)
    return context.failUsage(prompt.error().text);
  Result<int64_t> tokens = arguments.integer(
      "--tokens", std::min<int64_t>(32, room - *prompt), 1, room - *prompt);
  if (!tokens)
    return context.failUsage(tokens.error().text);

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
  if (!done)
    return context.fail(done.error());
  StandardOutput output;
  Status written = output.write(bench.text(arguments.has("--json")));
  if (written)
    written = output.flush();
  return written ? ExitGood : context.fail(written.error());
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
