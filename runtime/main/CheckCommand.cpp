//===- CheckCommand.cpp - OUT check ---------------------------------------===//
#include "runtime/main/Command.h"
#include "runtime/main/RandomInputs.h"
#include "runtime/main/StandardOutput.h"
#include "runtime/support/Text.h"

#include <algorithm>
#include <cmath>
#include <cstring>

using namespace heed;

namespace {
/// The outputs of a call, kept.
struct Kept {
  std::vector<OutputRef> shapes;
  std::vector<std::vector<uint8_t>> bytes;

  explicit Kept(const Session &session) {
    for (const ArgInfo &arg : session.model().info().args) {
      if (arg.kind != ArgKind::Output)
        continue;
      OutputRef output = session.output(arg.name);
      size_t size = *elementCount(output.shape) * blockBytes(arg.type);
      const auto *data = static_cast<const uint8_t *>(output.data);
      shapes.push_back(output);
      bytes.emplace_back(data, data + size);
    }
  }
  size_t rowBytes(size_t output) const {
    return shapes[output].rowElements() * blockBytes(shapes[output].info->type);
  }
  bool perSequence(size_t output) const {
    return shapes[output].info->axes[0].name == "sequence";
  }
  /// Rows [from, from + rows) equal, bit by bit, other's from `otherFrom` on;
  /// `whole` says whether rows are those of sequences.
  bool sameRows(const Kept &other, size_t from, size_t otherFrom, size_t rows,
                bool whole) const {
    for (size_t i = 0; i < bytes.size(); ++i) {
      size_t row = rowBytes(i);
      if (perSequence(i) == whole &&
          std::memcmp(bytes[i].data() + from * row,
                      other.bytes[i].data() + otherFrom * row, rows * row) != 0)
        return false;
    }
    return true;
  }
  bool same(const Kept &other) const { return bytes == other.bytes; }
  /// Equal, bit by bit, up to position t along the axes of these names.
  bool sameUpTo(int64_t t, const std::vector<std::string> &axes,
                const Kept &other) const {
    for (size_t i = 0; i < bytes.size(); ++i) {
      size_t size = blockBytes(shapes[i].info->type);
      for (size_t at = 0; at < bytes[i].size(); at += size)
        if (isUpTo(t, axes, shapes[i].info->axes, shapes[i].shape,
                   static_cast<int64_t>(at / size)) &&
            std::memcmp(bytes[i].data() + at, other.bytes[i].data() + at,
                        size) != 0)
          return false;
    }
    return true;
  }
  bool finite() const {
    for (size_t i = 0; i < bytes.size(); ++i) {
      if (shapes[i].info->type != ElementType::F32)
        continue;
      for (size_t at = 0; at < bytes[i].size(); at += sizeof(float)) {
        float value;
        std::memcpy(&value, bytes[i].data() + at, sizeof value);
        if (!std::isfinite(value))
          return false;
      }
    }
    return true;
  }
};

/// Runs the checks one by one and prints a line for each.
class Checks {
public:
  Checks(Model &model, uint64_t seed) : model(model), random(seed) {}

  Status weights();
  /// `causal`: axes along which later rows must not change earlier outputs.
  Status tensors(const RandomInputs &inputs,
                 const std::vector<std::string> &causal, int64_t size);
  Status tokens(size_t count);
  bool allGood() const { return good; }
  Status flush() { return output.flush(); }

private:
  void say(bool passed, const std::string &what);
  Result<Kept> step(const StepRows &rows);
  void watch(size_t count);
  Result<Kept> watchedRows(std::span<const int32_t> ids);
  Status later(const RandomInputs &inputs, const std::vector<std::string> &axes,
               int64_t size, const Kept &whole);
  Status causality(const std::vector<int32_t> &ids, const Kept &whole);
  Status decode(const std::vector<int32_t> &ids, const Kept &whole);
  Status company(std::span<const int32_t> ids);

  Model &model;
  Random random;
  std::unique_ptr<Session> session;
  StandardOutput output;
  /// Positions whose outputs are compared, ascending; the last `single` of a
  /// sequence are among them.
  std::vector<int32_t> watched;
  size_t single = 0;
  bool good = true;
};
} // namespace

void Checks::say(bool passed, const std::string &what) {
  good = good && passed;
  (void)output.write(concat(passed ? "good  " : "WRONG ", what, "\n"));
}

Status Checks::weights() {
  Status intact = model.file().verifyWeights();
  say(static_cast<bool>(intact),
      intact ? concat("the weights are what was built (",
                      model.weights().size(), " bytes)")
             : intact.error().text);
  return {};
}

Status Checks::tensors(const RandomInputs &inputs,
                       const std::vector<std::string> &causal, int64_t size) {
  Result<std::unique_ptr<Session>> made = Session::create(model);
  if (!made)
    return made.error();
  session = std::move(*made);
  if (Status done = session->run(inputs.tensors()); !done)
    return done;
  Kept whole(*session);
  say(whole.finite(), "random inputs give finite numbers");
  if (Status done = session->run(inputs.tensors()); !done)
    return done;
  say(whole.same(Kept(*session)), "the same call gives the same bits");
  session->useThreads(1);
  if (Status done = session->run(inputs.tensors()); !done)
    return done;
  say(whole.same(Kept(*session)),
      concat("one thread gives the bits of ", model.threads()));
  session->useThreads(0);
  return causal.empty() ? Status() : later(inputs, causal, size, whole);
}

/// Changes everything behind position t along the axes: outputs up to t must
/// not change.
Status Checks::later(const RandomInputs &inputs,
                     const std::vector<std::string> &axes, int64_t size,
                     const Kept &whole) {
  bool held = true;
  int64_t leak = 0;
  for (int64_t t : {int64_t(0), size / 3, size / 2, size - 2}) {
    RandomInputs other = inputs;
    other.changeBehind(model.info(), axes, t, random);
    if (Status done = session->run(other.tensors()); !done)
      return done;
    if (held && !whole.sameUpTo(t, axes, Kept(*session))) {
      held = false;
      leak = t;
    }
  }
  say(held,
      held ? "other later rows change no bit of earlier outputs"
           : concat("outputs up to row ", leak, " change when later rows do"));
  return {};
}

Result<Kept> Checks::step(const StepRows &rows) {
  if (Status done = session->step(rows.input()); !done)
    return done.error();
  return Kept(*session);
}

/// All of a short sequence. Of a long one some, since logits of every row would
/// fill the memory: the last ones, those that `causality` looks behind, and
/// some in between.
void Checks::watch(size_t count) {
  constexpr size_t most = 64, last = most / 2;
  bool few = count > most;
  for (const ArgInfo &arg : model.info().args)
    few = few && (arg.kind != ArgKind::Output || arg.axes[0].name == "output");
  single = few ? last : count;
  size_t prefix = model.info().firstCall;
  for (size_t i = 0; i < count; ++i)
    if (i + single >= count || i % (count / last) == 0 || i + 1 == prefix ||
        i == count / 2)
      watched.push_back(static_cast<int32_t>(i));
}

/// The watched outputs of a sequence in one step.
Result<Kept> Checks::watchedRows(std::span<const int32_t> ids) {
  StepRows rows;
  rows.add(0, ids);
  rows.wanted = watched;
  return step(rows);
}

/// Changes everything behind token t: rows up to t must not change.
Status Checks::causality(const std::vector<int32_t> &ids, const Kept &whole) {
  bool held = true;
  size_t leak = 0;
  // Earlier rows of a prefix see later tokens of it.
  size_t first = model.info().firstCall - 1;
  for (size_t t : {first, std::max(first, ids.size() / 2), ids.size() - 2}) {
    std::vector<int32_t> other = ids;
    for (size_t i = t + 1; i < ids.size(); ++i)
      other[i] = static_cast<int32_t>(
          (ids[i] + 1 + random.below(model.info().vocabulary - 1)) %
          model.info().vocabulary);
    Result<Kept> changed = watchedRows(other);
    if (!changed)
      return changed.error();
    size_t upTo = std::upper_bound(watched.begin(), watched.end(), int32_t(t)) -
                  watched.begin();
    if (held && !whole.sameRows(*changed, 0, 0, upTo, false)) {
      held = false;
      leak = t;
    }
  }
  say(held, held ? "other later tokens change no bit of earlier outputs"
                 : concat("outputs up to token ", leak,
                          " change when later tokens do"));
  return {};
}

/// Token by token, from the cache, against all at once; of a long sequence the
/// last tokens.
Status Checks::decode(const std::vector<int32_t> &ids, const Kept &whole) {
  double worst = 0, largest = 0;
  size_t prefix = std::max<size_t>(model.info().firstCall, ids.size() - single);
  auto next = watched.begin();
  for (size_t i = 0, tokens; i < ids.size(); i += tokens) {
    tokens = i == 0 ? prefix : 1;
    StepRows rows;
    rows.add(0, std::span(ids).subspan(i, tokens), static_cast<int32_t>(i));
    size_t row = next - watched.begin();
    for (rows.wanted.clear(); next != watched.end() && *next < int(i + tokens);
         ++next)
      rows.wanted.push_back(*next - static_cast<int32_t>(i));
    Result<Kept> one = step(rows);
    if (!one)
      return one.error();
    size_t count = whole.rowBytes(0) / sizeof(float);
    const auto *expected =
        reinterpret_cast<const float *>(whole.bytes[0].data()) + row * count;
    const auto *found = reinterpret_cast<const float *>(one->bytes[0].data());
    for (size_t j = 0; j < rows.wanted.size() * count; ++j) {
      double difference = std::fabs(double(expected[j]) - found[j]);
      worst = difference <= worst ? worst : difference; // NaN counts
      largest = std::max(largest, std::fabs(double(expected[j])));
    }
  }
  // Rounding differs between shapes, more so in bf16.
  say(worst <= 0.02 * std::max(1.0, largest),
      concat("token by token differs from all at once by at most ",
             jsonNumber(static_cast<float>(worst)), " (largest output ",
             jsonNumber(static_cast<float>(largest)), ")"));
  return {};
}

/// With other sequences before and behind it in the same call.
Status Checks::company(std::span<const int32_t> ids) {
  constexpr size_t before = 3, behind = 5;
  size_t chunk = model.info().chunk;
  if (chunk > before + behind)
    ids = ids.first(
        std::min({ids.size(), chunk - before - behind, watched.size()}));
  StepRows single, rows;
  single.add(0, ids);
  Result<Kept> alone = step(single);
  if (!alone)
    return alone.error();
  rows.add(1, randomIds(random, model.info(), before));
  rows.add(0, ids);
  rows.add(2, randomIds(random, model.info(), behind));
  Result<Kept> together = step(rows);
  if (!together)
    return together.error();
  say(alone->sameRows(*together, 0, before, ids.size(), false) &&
          alone->sameRows(*together, 0, 1, 1, true),
      "a sequence gives the same bits alone and among others");
  return {};
}

Status Checks::tokens(size_t count) {
  Result<std::unique_ptr<Session>> made = Session::create(model, 3);
  if (!made)
    return made.error();
  session = std::move(*made);
  std::vector<int32_t> ids = randomIds(random, model.info(), count);
  watch(count);
  Result<Kept> whole = watchedRows(ids);
  if (!whole)
    return whole.error();
  say(whole->finite(), concat(count, " random tokens give finite numbers"));
  Result<Kept> again = watchedRows(ids);
  if (!again)
    return again.error();
  say(whole->same(*again), "the same call gives the same bits");
  session->useThreads(1);
  again = watchedRows(ids);
  if (!again)
    return again.error();
  say(whole->same(*again),
      concat("one thread gives the bits of ", model.threads()));
  session->useThreads(0);
  if (Status done = company(ids); !done)
    return done;
  if (!model.hasCache())
    return {};
  if (Status done = causality(ids, *whole); !done)
    return done;
  return decode(ids, *whole);
}

static int run(CommandContext &context) {
  const Arguments &arguments = context.arguments;
  Result<int64_t> seed = arguments.integer("--seed", 1, 0, INT64_MAX);
  if (!seed)
    return context.failUsage(seed.error().text);
  int exit = ExitGood;
  std::unique_ptr<Model> model = context.open(exit);
  if (!model)
    return exit;
  bool tensors = model->info().kind == ModelKind::Tensors;
  std::vector<std::string> causal = arguments.all("--causal");
  for (const std::string &axis : causal)
    if (const std::vector<std::string> &known = model->info().axes;
        !tensors || std::find(known.begin(), known.end(), axis) == known.end())
      return context.failUsage(concat(
          "--causal names an open axis of plain tensors; this model has no ",
          inQuotes(axis)));
  int64_t most = tensors ? 1 << 16 : model->info().context;
  // Some tokens stand behind the prefix, if there is one.
  int64_t prefix = model->info().firstCall;
  Result<int64_t> count = arguments.integer(
      "--tokens", std::min<int64_t>(23 + prefix, most), 1 + prefix, most);
  if (!count)
    return context.failUsage(count.error().text);
  Checks checks(*model, static_cast<uint64_t>(*seed));
  Status done = checks.weights();
  if (done && tensors) {
    Result<RandomInputs> inputs =
        RandomInputs::create(model->info(), {}, *count, *seed);
    done = inputs ? checks.tensors(*inputs, causal, *count)
                  : Status(inputs.error());
  } else if (done) {
    done = checks.tokens(static_cast<size_t>(*count));
  }
  if (Status flushed = checks.flush(); done && !flushed)
    done = flushed;
  if (!done)
    return context.fail(done.error());
  return checks.allGood() ? ExitGood : ExitInput;
}

static constexpr Flag flags[] = {
    {"--tokens", "N", "tokens of the sequences (default 24)"},
    {"--seed", "N", "of the random inputs (default 1)"},
    {"--causal", "AXIS",
     "of plain tensors: later rows must not change earlier outputs (more than "
     "once for more axes)"},
};

const Command heed::checkCommand = {
    "check",
    "",
    "watch the model keep its promises",
    flags,
    "Reads all weights and compares their checksum, then runs random inputs: "
    "later tokens must not change\nearlier outputs (behind a prefix, if there "
    "is one), nor threads or other "
    "sequences any bit. Exit code 1 if one does.\n\n"
    "examples:\n"
    "  OUT check\n"
    "  OUT check --tokens 200 --seed 7\n"
    "  OUT check --causal q --causal kv\n",
    run};
