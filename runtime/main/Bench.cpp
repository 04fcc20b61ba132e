//===- Bench.cpp - What OUT bench times -----------------------------------===//
#include "runtime/main/Bench.h"
#include "runtime/bench/BenchCases.h"
#include "runtime/bench/MachinePeak.h"
#include "runtime/main/Interrupt.h"
#include "runtime/main/StandardOutput.h"
#include "runtime/support/Text.h"

#include <cstdio>

using namespace heed;

static Error interrupted() {
  return Error{"interrupted before all rounds were run"};
}

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

/// Seconds of a step.
Result<double> Bench::time(const StepRows &rows) {
  double began = secondsNow();
  if (Status done = session->step(rows.input()); !done)
    return done.error();
  double seconds = secondsNow() - began;
  if (InterruptGuard::flag())
    return interrupted();
  return seconds;
}

/// Runs `count` random tokens of slot 0 from position `first` on, the last
/// one's outputs wanted; seconds.
Result<double> Bench::feed(size_t first, size_t count) {
  StepRows rows;
  std::vector<int32_t> ids = randomIds(random, model.info(), count);
  rows.add(0, ids, static_cast<int32_t>(first));
  rows.wanted = {static_cast<int32_t>(count) - 1};
  return time(rows);
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
  figures.push_back({concat("prefill of ", prompt, " tokens"),
                     double(prompt) / prefill, "tokens/s",
                     flops / prefill / fma, "the FMA peak", prefill});
  figures.push_back({concat("decode after ", prompt, " tokens"), 1 / decode,
                     "tokens/s",
                     read > 0 ? double(tokenBytes) / decode / read : 0,
                     "the read bandwidth", decode});
  if (threads > 1) {
    figures.push_back(
        {"prefill, beside one thread", middle(prefillGain), "times"});
    figures.push_back(
        {"decode, beside one thread", middle(decodeGain), "times"});
    figures.push_back(
        {"reading its bytes, beside one thread", read / readAlone, "times"});
    figures.push_back({"reading them in a piece for each kernel",
                       readPieces / readAlone, "times"});
  }
  figures.push_back({concat("first token after a prompt of ", prompt,
                            " tokens, start and all"),
                     (opened + first) * 1e3, "ms"});
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
  return time(rows);
}

Status Bench::encoder() {
  if (Status opened = openSession(32); !opened)
    return opened;
  struct Case : SentenceCase {
    double best = 1e30;
  };
  std::vector<Case> cases;
  for (SentenceCase c : sentenceCases)
    cases.push_back(
        {{c.batch, std::min<size_t>(c.length, model.info().context)}});
  Progress progress;
  for (unsigned round = 0; round < rounds; ++round) {
    if (Status done = fillPeaks(0); !done)
      return done;
    for (Case &c : cases) {
      for (int i = 0; i < (c.batch == 1 ? 10 : 1); ++i) {
        Result<double> took = sentences(c.batch, c.length);
        if (!took)
          return took.error();
        c.best = std::min(c.best, *took);
      }
    }
    progress.show("rounds", round + 1, rounds);
  }
  for (const Case &c : cases) {
    double flops =
        double(model.info().flopsPerToken) * double(c.batch * c.length);
    figures.push_back({concat("batch ", c.batch, " of ", c.length, " tokens"),
                       double(c.batch) / c.best, "sentences/s",
                       flops / c.best / fma, "the FMA peak", c.best});
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
      if (InterruptGuard::flag())
        return interrupted();
    } while (secondsNow() < until);
    progress.show("rounds", round + 1, rounds);
  }
  std::string sizes;
  for (const TensorRef &input : inputs)
    sizes += concat(sizes.empty() ? "" : ", ", input.name, " ",
                    shapeText(input.shape));
  figures.push_back(
      {concat("a call with ", sizes), best * 1e6, "us", 0, "", best});
  if (double flops = session->lastCost(); flops > 0)
    figures.push_back({"arithmetic", flops / best / 1e9, "GFLOP/s",
                       flops / best / fma, "the FMA peak"});
  figures.push_back(
      {"memory beyond the inputs", (ownMemory() - before) / 1e6, "MB"});
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
    figures.push_back(
        {concat("memory at ", done, " tokens"), ownMemory() / 1e6, "MB"});
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
      if (figure.seconds > 0)
        out += concat(",\"seconds\":", jsonNumber(figure.seconds));
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
