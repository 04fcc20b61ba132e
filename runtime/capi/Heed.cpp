//===- Heed.cpp - A compiled model from C ---------------------------------===//
#include "runtime/heed.h"
#include "runtime/generate/Sampler.h"
#include "runtime/step/Session.h"
#include "runtime/support/Text.h"

#include <algorithm>
#include <cstring>

using namespace heed;

struct heed_model {
  std::unique_ptr<Model> held;
};
struct heed_session {
  std::unique_ptr<Session> held;
};
struct heed_sampler {
  Sampler held;
};

static thread_local std::string lastError;

static heed_code fail(const Error &error) {
  lastError = error.text;
  return error.fault == Error::Machine ? HEED_MACHINE : HEED_INPUT;
}

static constexpr struct {
  heed_type here;
  ElementType there;
} types[] = {
    {HEED_F32, ElementType::F32},   {HEED_F64, ElementType::F64},
    {HEED_F16, ElementType::F16},   {HEED_BF16, ElementType::BF16},
    {HEED_I32, ElementType::I32},   {HEED_I64, ElementType::I64},
    {HEED_BOOL, ElementType::Bool},
};

const char *heed_error(void) { return lastError.c_str(); }

heed_code heed_open(const char *path, unsigned threads, heed_model **model) {
  Result<std::unique_ptr<Model>> opened =
      Model::open(path ? path : runningExecutable(), heed_variants, threads);
  if (!opened)
    return fail(opened.error());
  *model = new heed_model{std::move(*opened)};
  return HEED_GOOD;
}

void heed_close(heed_model *model) { delete model; }

heed_code heed_session_open(heed_model *model, unsigned slots,
                            heed_session **session) {
  if (slots == 0)
    return fail(Error{"a session needs at least one slot"});
  Result<std::unique_ptr<Session>> made = Session::create(*model->held, slots);
  if (!made)
    return fail(made.error());
  *session = new heed_session{std::move(*made)};
  return HEED_GOOD;
}

void heed_session_close(heed_session *session) { delete session; }

heed_code heed_step(heed_session *session, const heed_rows *rows) {
  StepInput input{{rows->tokens, rows->count},
                  {rows->positions, rows->count},
                  {rows->sequences, rows->count},
                  {rows->token_types, rows->token_types ? rows->count : 0},
                  {rows->wanted, rows->wanted_count}};
  Status done = session->held->step(input);
  return done ? HEED_GOOD : fail(done.error());
}

heed_code heed_run(heed_session *session, const heed_tensor *inputs,
                   size_t count) {
  std::vector<TensorRef> tensors;
  for (const heed_tensor &input : std::span(inputs, count)) {
    auto type = std::find_if(std::begin(types), std::end(types),
                             [&](auto &t) { return t.here == input.type; });
    if (type == std::end(types) || input.rank < 0 ||
        input.rank > HEED_MAX_RANK || !input.name)
      return fail(
          Error{"a tensor without a name, or of no known type or rank"});
    tensors.push_back({input.name,
                       type->there,
                       {input.shape, static_cast<size_t>(input.rank)},
                       input.data});
  }
  Status done = session->held->run(tensors);
  return done ? HEED_GOOD : fail(done.error());
}

heed_code heed_output(const heed_session *session, const char *name,
                      heed_tensor *output) {
  OutputRef found = session->held->output(name);
  if (!found.info)
    return fail(Error{concat("the model has no output ", inQuotes(name))});
  auto type = std::find_if(std::begin(types), std::end(types), [&](auto &t) {
    return t.there == found.info->type;
  });
  if (type == std::end(types) || found.shape.size() > HEED_MAX_RANK)
    return fail(Error{concat("output ", inQuotes(name),
                             " is of a type or rank that C does not get")});
  output->name = found.info->name.c_str();
  output->type = type->here;
  output->rank = static_cast<int>(found.shape.size());
  std::copy(found.shape.begin(), found.shape.end(), output->shape);
  output->data = found.data;
  return HEED_GOOD;
}

static const Tokenizer *tokenizerOf(const heed_model *model) {
  const Tokenizer *tokenizer = model->held->tokenizer();
  if (!tokenizer)
    lastError = "this model has no tokenizer";
  return tokenizer;
}

heed_code heed_tokenize(const heed_model *model, const char *text,
                        size_t length, int32_t *ids, size_t room,
                        size_t *count) {
  const Tokenizer *tokenizer = tokenizerOf(model);
  if (!tokenizer)
    return HEED_INPUT;
  std::vector<int32_t> found = tokenizer->encode({text, length});
  *count = found.size();
  std::copy_n(found.begin(), std::min(room, found.size()), ids);
  return HEED_GOOD;
}

heed_code heed_detokenize(const heed_model *model, const int32_t *ids,
                          size_t idCount, char *text, size_t room,
                          size_t *count) {
  const Tokenizer *tokenizer = tokenizerOf(model);
  if (!tokenizer)
    return HEED_INPUT;
  std::string found = tokenizer->decode({ids, idCount});
  *count = found.size();
  std::copy_n(found.begin(), std::min(room, found.size()), text);
  return HEED_GOOD;
}

heed_code heed_sampler_open(const heed_sampling *how, heed_sampler **sampler) {
  if (!(how->temperature >= 0) || !(how->top_p >= 0) || !(how->min_p >= 0) ||
      !(how->repeat_penalty > 0))
    return fail(Error{"a sampling number is negative, or the repetition "
                      "penalty not positive"});
  SamplerOptions options;
  options.temperature = how->temperature;
  options.topK = how->top_k;
  options.topP = how->top_p;
  options.minP = how->min_p;
  options.repeatPenalty = how->repeat_penalty;
  options.seed = how->seed;
  *sampler = new heed_sampler{Sampler(options)};
  return HEED_GOOD;
}

void heed_sampler_close(heed_sampler *sampler) { delete sampler; }

heed_code heed_sample(heed_sampler *sampler, const float *logits, size_t count,
                      const int32_t *history, size_t historyCount,
                      int32_t *id) {
  *id = sampler->held.next({logits, count}, {history, historyCount});
  return *id < 0 ? fail(Error{"no logit is a number"}) : HEED_GOOD;
}
