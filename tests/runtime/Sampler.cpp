//===- Sampler.cpp - Draws, counted against their probabilities -----------===//
#include "runtime/generate/Sampler.h"
#include "runtime/generate/StopFilter.h"

#include <catch2/catch.hpp>
#include <cmath>
#include <limits>

using namespace heed;

/// How often each id comes in `draws` draws.
static std::vector<double> shares(const SamplerOptions &options,
                                  std::vector<float> logits,
                                  int draws = 40000) {
  Sampler sampler(options);
  std::vector<double> counts(logits.size());
  for (int i = 0; i < draws; ++i) {
    int32_t id = sampler.next(logits, {});
    REQUIRE(id >= 0);
    counts[id] += 1.0 / draws;
  }
  return counts;
}

// Probabilities 1/2, 1/4, 1/8, 1/8 in another order.
static const std::vector<float> logits = {std::log(1.f), std::log(4.f),
                                          std::log(2.f), std::log(1.f)};

static SamplerOptions warm() {
  SamplerOptions options;
  options.temperature = 1;
  options.seed = 3;
  return options;
}

static void checkShares(const SamplerOptions &options,
                        std::vector<double> expected) {
  std::vector<double> found = shares(options, logits);
  for (size_t i = 0; i < expected.size(); ++i)
    CHECK(found[i] == Approx(expected[i]).margin(0.01));
}

TEST_CASE("Sampler: greedy takes the largest, of equals the first") {
  Sampler sampler{SamplerOptions()};
  CHECK(sampler.next(logits, {}) == 1);
  CHECK(sampler.next(std::vector<float>{1, 3, 3}, {}) == 1);
}

TEST_CASE("Sampler: temperature") {
  SamplerOptions options = warm();
  checkShares(options, {0.125, 0.5, 0.25, 0.125});
  options.temperature = 0.5; // squares: 1, 16, 4, 1
  checkShares(options, {1 / 22., 16 / 22., 4 / 22., 1 / 22.});
}

TEST_CASE("Sampler: top-k, top-p, min-p") {
  SamplerOptions options = warm();
  options.topK = 2;
  checkShares(options, {0, 2 / 3., 1 / 3., 0});
  options = warm();
  options.topP = 0.6; // 1/2 is not enough, 1/2 + 1/4 is
  checkShares(options, {0, 2 / 3., 1 / 3., 0});
  options.topP = 0;
  checkShares(options, {0, 1, 0, 0});
  options = warm();
  options.minP = 0.4; // of 1/2
  checkShares(options, {0, 2 / 3., 1 / 3., 0});
  options.topK = 3;
  options.minP = 0.1; // of the two equal ones the first stays
  checkShares(options, {1 / 7., 4 / 7., 2 / 7., 0});
}

TEST_CASE("Sampler: repetition penalty divides what is positive, multiplies "
          "what is negative") {
  SamplerOptions options;
  options.repeatPenalty = 2;
  Sampler sampler(options);
  std::vector<int32_t> history = {1, 1, 77, -3};
  CHECK(sampler.next(std::vector<float>{3, 4, 1}, history) == 0);
  CHECK(sampler.next(std::vector<float>{-1.5, -1, -3}, history) == 0);
  CHECK(sampler.next(std::vector<float>{1, 4, 1}, history) == 1);
}

TEST_CASE("Sampler: logits that are no numbers") {
  float nan = std::numeric_limits<float>::quiet_NaN();
  float infinity = std::numeric_limits<float>::infinity();
  for (const SamplerOptions &options : {SamplerOptions(), warm()}) {
    Sampler sampler(options);
    CHECK(sampler.next(std::vector<float>{nan, nan}, {}) == -1);
    CHECK(sampler.next(std::vector<float>{nan, 2, -infinity}, {}) == 1);
    CHECK(sampler.next(std::vector<float>{1, infinity}, {}) == 1);
    CHECK(sampler.next(std::vector<float>{-infinity, -infinity}, {}) == 0);
    CHECK(sampler.next({}, {}) == -1);
  }
}

TEST_CASE("StopFilter: any cut of the text gives the same") {
  std::string text = "abcabdabXabc<END>more";
  for (size_t piece = 1; piece <= text.size(); ++piece) {
    StopFilter filter({"<END>", "", "zz"});
    std::string out;
    bool stopped = false;
    for (size_t at = 0; at < text.size() && !stopped; at += piece)
      stopped = filter.push(text.substr(at, piece), out);
    CHECK(stopped);
    CHECK(out == "abcabdabXabc");
  }
}

TEST_CASE("StopFilter: text is held no longer than it must") {
  StopFilter filter({"stop"});
  std::string out;
  CHECK_FALSE(filter.push("a st", out));
  CHECK(out == "a ");
  CHECK_FALSE(filter.push("ep s", out));
  CHECK(out == "a step ");
  CHECK(filter.flush() == "s");
}
