//===- CommandPrefix.cpp - Commands of a model with a prefix --------------===//
//
// The first 20 tokens see each other, and a call has 8 otherwise.
//
//===----------------------------------------------------------------------===//
#include "tests/runtime/CommandSupport.h"

#include <cmath>

using namespace heed;
using namespace heed::test;
using Catch::Matchers::Contains;

static const std::string digits = "0123456789";

TEST_CASE("prefix: generate") {
  Program model(fakePrefixDecoder(), Program::Chars);
  for (size_t count : {20, 21, 30}) {
    std::string prompt = (digits + digits + digits).substr(0, count - 1) + "1";
    Outcome made = model.run("generate --tokens 3 --json " + prompt);
    CHECK(made.err == "");
    CHECK_THAT(made.out, Contains("\"text\":\"234\""));
  }
  Outcome made = model.run("generate " + (digits + digits).substr(0, 19));
  CHECK(made.exit == 1);
  CHECK(made.out == "");
  CHECK_THAT(made.err,
             Contains("the prompt has 19 tokens; this model takes at least "
                      "20, because its first 20 tokens see each other"));
}

/// The mean loss of tokens 20, 21 … of each window, by the fake model's
/// formula.
static double meanLoss(const std::vector<int> &ids, size_t window) {
  double loss = 0;
  int scored = 0;
  for (size_t first = 0; first < ids.size(); first += window)
    for (size_t i = first, sum = 0;
         i + 1 < std::min(first + window, ids.size()); ++i) {
      sum += ids[i];
      if (i + 1 - first < fakePrefix)
        continue;
      double all = 0;
      for (int j = 0; j < fakeVocabulary; ++j)
        all += std::exp(double(fakeLogit(ids[i], sum, j)));
      loss += std::log(all) - fakeLogit(ids[i], sum, ids[i + 1]);
      ++scored;
    }
  return loss / scored;
}

TEST_CASE("prefix: score leaves out what the prefix has seen") {
  Program model(fakePrefixDecoder(), Program::Chars);
  std::string text = digits + "9735" + digits + digits + "000" + digits + "42";
  std::vector<int> ids;
  for (char c : text)
    ids.push_back(c - '0' + 1);
  model.folder.write("text", text);
  for (size_t window : {21, 25, 64}) {
    Outcome made =
        model.run("score text --json --window " + std::to_string(window));
    INFO(made.out << made.err);
    REQUIRE(made.exit == 0);
    size_t at = made.out.find("\"mean_nll\":");
    REQUIRE(at != std::string::npos);
    CHECK(std::stod(made.out.substr(at + 11)) ==
          Approx(meanLoss(ids, window)).epsilon(1e-5));
  }
  CHECK(model.run("score text --window 20").exit == 2);
  model.folder.write("short", digits + digits);
  Outcome made = model.run("score short");
  CHECK(made.exit == 1);
  CHECK_THAT(made.err, Contains("the text has 20 tokens, and the first 20 see "
                                "each other"));
}

TEST_CASE("prefix: chat begins again where it differs within the prefix") {
  ModelInfo info = fakePrefixDecoder();
  info.context = 512;
  Program model(info, Program::Chat);
  model.folder.write("lines", "A message of more than twenty tokens.\nNext.\n");
  Outcome made = model.run("chat --tokens 4 < lines");
  INFO(made.err);
  CHECK(made.exit == 0);
  model.folder.write("short", "Hi\n");
  info.firstCall = 200;
  Program longer(info, Program::Chat);
  made = longer.run("chat Hi");
  CHECK(made.exit == 1);
  CHECK_THAT(made.err, Contains("tokens; this model takes at least 200"));
}

TEST_CASE("prefix: check, bench and info") {
  Program model(fakePrefixDecoder());
  Outcome made = model.run("check");
  INFO(made.out << made.err);
  CHECK(made.exit == 0);
  CHECK_THAT(made.out,
             Contains("good  other later tokens change no bit") &&
                 Contains("token by token differs from all at once by at most "
                          "0 "));
  CHECK(model.run("check --tokens 20").exit == 2);
  // The same code, taken for causal.
  ModelInfo info = fakePrefixDecoder();
  info.firstCall = 1;
  made = Program(info).run("check");
  CHECK(made.exit == 1);
  CHECK_THAT(made.out, Contains("WRONG outputs up to token 0 change"));

  made = model.run("bench --rounds 1 --tokens 2 --prompt 20");
  CHECK(made.err == "");
  CHECK_THAT(made.out, Contains("prefill of 20 tokens"));
  CHECK(model.run("bench --prompt 19").exit == 2);
  made = model.run("bench --memory --rounds 1");
  CHECK(made.exit == 0);
  CHECK_THAT(made.out, Contains("memory at 20 tokens") &&
                           Contains("memory at 64 tokens"));
  CHECK_THAT(model.run("info --json").out,
             Contains("\"tokens_of_the_first_call\":20"));
}
