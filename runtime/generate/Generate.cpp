//===- Generate.cpp - Tokens one after another ----------------------------===//
#include "runtime/generate/Generate.h"
#include "runtime/generate/StopFilter.h"
#include "runtime/support/Text.h"
#include "runtime/tokenizer/StreamDecoder.h"

#include <chrono>
#include <numeric>

using namespace heed;

static double seconds() {
  return std::chrono::duration<double>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

Status heed::canGenerate(const Model &model) {
  const ArgInfo *logits = model.outputNamed("logits");
  if (model.info().kind == ModelKind::Tensors)
    return Error{"this is a model of plain tensors and cannot generate; see "
                 "run and info"};
  if (!logits || !model.hasCache() || logits->axes.size() != 2 ||
      logits->axes[0].name != "output" || logits->type != ElementType::F32)
    return Error{"this model is no decoder and cannot generate; see info for "
                 "what it does"};
  return {};
}

Result<bool> heed::prefill(Session &session, std::span<const int32_t> ids,
                           const GenerateCalls &calls) {
  size_t chunk = session.model().info().chunk;
  std::vector<int32_t> positions, sequences;
  size_t first = session.length(0);
  for (size_t at = first, rows; at < ids.size(); at += rows) {
    size_t least = at == 0 ? session.model().info().firstCall : 1;
    rows = std::min(std::max(chunk, least), ids.size() - at);
    positions.resize(rows);
    std::iota(positions.begin(), positions.end(), static_cast<int32_t>(at));
    sequences.assign(rows, 0);
    int32_t last = static_cast<int32_t>(rows) - 1;
    StepInput step{ids.subspan(at, rows), positions, sequences, {}, {}};
    if (at + rows == ids.size())
      step.wanted = {&last, 1};
    if (Status done = session.step(step); !done)
      return done.error();
    if (calls.progress)
      calls.progress(at + rows - first, ids.size() - first);
    if (calls.interrupted && *calls.interrupted)
      return false;
  }
  return true;
}

namespace {
/// The text of the new tokens on its way out.
class TextOut {
public:
  TextOut(const Model &model, const GenerateOptions &options,
          const GenerateCalls &calls)
      : stop(options.stops), calls(calls) {
    if (model.tokenizer())
      decoder.emplace(*model.tokenizer());
  }

  /// True once a stop string has come.
  Result<bool> push(int32_t id) {
    if (!decoder)
      return false;
    std::string shown;
    bool stopped = stop.push(decoder->push(id), shown);
    if (Status written = write(shown); !written)
      return written.error();
    return stopped;
  }
  Status end() {
    if (!decoder)
      return {};
    std::string shown;
    if (!stop.push(decoder->flush(), shown))
      shown += stop.flush();
    return write(shown);
  }

private:
  Status write(const std::string &shown) {
    return shown.empty() || !calls.text ? Status() : calls.text(shown);
  }
  std::optional<StreamDecoder> decoder;
  StopFilter stop;
  const GenerateCalls &calls;
};
} // namespace

Result<Generated> heed::generate(Session &session,
                                 std::span<const int32_t> history,
                                 const GenerateOptions &options,
                                 const GenerateCalls &calls) {
  const Model &model = session.model();
  uint32_t context = model.info().context;
  if (history.size() <= session.length(0))
    return Error{"there is no token to start from"};
  if (history.size() > context)
    return Error{concat("the prompt has ", history.size(),
                        " tokens, more than the model's context of ", context)};
  if (uint32_t least = model.info().firstCall; history.size() < least)
    return Error{concat("the prompt has ", history.size(),
                        " tokens; this model takes at least ", least,
                        ", because its first ", least,
                        " tokens see each other")};
  Generated result;
  std::vector<int32_t> all(history.begin(), history.end());
  Sampler sampler(options.sampler);
  TextOut out(model, options, calls);
  double began = seconds(), promptRead = 0;
  bool interrupted = false;
  while (result.ids.size() < options.tokens) {
    if (all.size() > context) {
      result.reason = StopReason::ContextFull;
      break;
    }
    Result<bool> fed = prefill(session, all, calls);
    if (!fed)
      return fed.error();
    interrupted = !*fed;
    if (promptRead == 0)
      promptRead = seconds();
    if (interrupted)
      break;
    OutputRef logits = session.output("logits");
    int32_t id = sampler.next(
        {logits.row(0), static_cast<size_t>(logits.shape[1])}, all);
    if (id < 0)
      return Error{"the model's logits are not numbers; run check"};
    all.push_back(id);
    result.ids.push_back(id);
    if (!options.ignoreEnd && model.tokenizer() &&
        model.tokenizer()->isEnd(id)) {
      result.reason = StopReason::End;
      break;
    }
    Result<bool> stopped = out.push(id);
    if (!stopped)
      return stopped.error();
    if (*stopped) {
      result.reason = StopReason::StopString;
      break;
    }
  }
  if (interrupted)
    result.reason = StopReason::Interrupted;
  if (result.reason != StopReason::StopString)
    if (Status ended = out.end(); !ended)
      return ended.error();
  result.prefillSeconds = (promptRead ? promptRead : seconds()) - began;
  result.decodeSeconds = promptRead ? seconds() - promptRead : 0;
  return result;
}
