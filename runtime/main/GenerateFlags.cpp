//===- GenerateFlags.cpp - Flags that generate and chat share -------------===//
#include "runtime/main/GenerateFlags.h"

#include <sys/random.h>

using namespace heed;

Result<GenerateOptions> heed::generateOptions(const Arguments &arguments) {
  GenerateOptions options;
  Result<int64_t> tokens =
      arguments.integer("--tokens", options.tokens, 0, 1'000'000'000);
  if (!tokens)
    return tokens.error();
  Result<int64_t> topK = arguments.integer("--top-k", 0, 0, 1'000'000'000);
  if (!topK)
    return topK.error();
  uint64_t chance = 0;
  (void)!::getrandom(&chance, sizeof chance, 0);
  Result<int64_t> seed = arguments.integer(
      "--seed", static_cast<int64_t>(chance >> 1), 0, INT64_MAX);
  if (!seed)
    return seed.error();
  struct {
    const char *flag;
    double *to;
    double least, most;
  } const numbers[] = {
      {"--temperature", &options.sampler.temperature, 0, 100},
      {"--top-p", &options.sampler.topP, 0, 1},
      {"--min-p", &options.sampler.minP, 0, 1},
      {"--repeat-penalty", &options.sampler.repeatPenalty, 0.01, 100},
  };
  for (const auto &number : numbers) {
    Result<double> value =
        arguments.number(number.flag, *number.to, number.least, number.most);
    if (!value)
      return value.error();
    *number.to = *value;
  }
  options.tokens = static_cast<uint32_t>(*tokens);
  options.sampler.topK = static_cast<uint32_t>(*topK);
  options.sampler.seed = static_cast<uint64_t>(*seed);
  options.stops = arguments.all("--stop");
  return options;
}
