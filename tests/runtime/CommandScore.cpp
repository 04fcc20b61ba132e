//===- CommandScore.cpp - OUT score, chat, check, bench -------------------===//
#include "runtime/formats/Npy.h"
#include "tests/runtime/CommandSupport.h"

#include <cmath>
#include <csignal>

using namespace heed;
using namespace heed::test;
using Catch::Matchers::Contains;
using Catch::Matchers::EndsWith;
using Catch::Matchers::StartsWith;

/// The perplexity of `ids` by the fake model's formula, in windows.
static double perplexity(const std::vector<int> &ids, size_t window) {
  double loss = 0;
  int scored = 0;
  for (size_t first = 0; first < ids.size(); first += window) {
    size_t end = std::min(first + window, ids.size());
    for (size_t i = first, seen = 0; i + 1 < end; ++i) {
      seen += ids[i];
      double sum = 0;
      for (int j = 0; j < fakeVocabulary; ++j)
        sum += std::exp(double(fakeLogit(ids[i], seen, j)));
      loss += std::log(sum) - fakeLogit(ids[i], seen, ids[i + 1]);
      ++scored;
    }
  }
  return std::exp(loss / scored);
}

static double numberBehind(const std::string &text, const std::string &name) {
  size_t at = text.find(name);
  INFO(text);
  REQUIRE(at != std::string::npos);
  return std::stod(text.substr(at + name.size()));
}

TEST_CASE("score: perplexity, over windows and chunks") {
  Program model(fakeDecoder(), Program::Chars);
  std::string text = "0123459912+30=4201234567890123456789";
  std::vector<int> ids;
  for (char c : text)
    ids.push_back(c == '+' ? 11 : c == '=' ? 14 : c - '0' + 1);
  model.folder.write("text", text);
  Outcome made = model.run("score text --json");
  CHECK(made.err == "");
  CHECK(numberBehind(made.out, "\"perplexity\":") ==
        Approx(perplexity(ids, 64)).epsilon(1e-5));
  CHECK(numberBehind(made.out, "\"scored\":") == double(ids.size() - 1));
  made = model.run("score --window 10 --json < text");
  CHECK(numberBehind(made.out, "\"perplexity\":") ==
        Approx(perplexity(ids, 10)).epsilon(1e-5));
  CHECK_THAT(model.run("score text").out, StartsWith("perplexity "));
}

TEST_CASE("score: texts longer than the context, or of nothing") {
  Program model(fakeDecoder(), Program::Chars);
  model.folder.write("long", std::string(1000, '7'));
  CHECK_THAT(model.run("score long").out, Contains("over 984 tokens"));
  model.folder.write("one", "7");
  Outcome made = model.run("score one");
  CHECK(made.exit == 1);
  CHECK_THAT(made.err, Contains("fewer than two tokens"));
  CHECK(model.run("score < /dev/null").exit == 1);
  CHECK_THAT(model.run("score nowhere").err, Contains("nowhere: cannot be"));
  CHECK(model.run("score --window 65 long").exit == 2);
  CHECK(model.run("score long long").exit == 2);
  CHECK_THAT(Program(fakeEncoder(), Program::Words).run("score x").err,
             Contains("no decoder"));
}

TEST_CASE("chat: a reply in the model's form, the cache kept") {
  ModelInfo info = fakeDecoder();
  info.context = 512;
  Program model(info, Program::Chat);
  model.folder.write("lines", "Hi\n\nAnd now?\n");
  Outcome made = model.run("chat --tokens 4 < lines");
  INFO(made.err);
  REQUIRE(made.exit == 0);
  // Two replies, of what follows the newline that opens the model's turn.
  size_t middle = made.out.find('\n');
  CHECK(std::count(made.out.begin(), made.out.end(), '\n') >= 2);
  CHECK(made.out.substr(0, middle) ==
        model.run("chat --tokens 4 Hi").out.substr(0, middle));
  made = model.run("chat --system 'Be short.' --tokens 2 Hi");
  CHECK(made.exit == 0);
  CHECK(model.run("chat ''").exit == 1);
  made = model.run("chat " + std::string(3000, '7'));
  CHECK(made.exit == 1);
  CHECK_THAT(made.err, Contains("more than the model's context of 512"));
}

TEST_CASE("chat: a conversation outgrows the context") {
  ModelInfo info = fakeDecoder();
  info.context = 256;
  Program model(info, Program::Chat);
  std::string lines;
  for (int i = 0; i < 20; ++i)
    lines += "a message of some length to fill the context with\n";
  model.folder.write("lines", lines);
  Outcome made = model.run("chat --tokens 8 < lines");
  CHECK(made.exit == 0);
  CHECK_THAT(made.err, Contains("the oldest 1 exchanges are forgotten"));
}

TEST_CASE("chat: without a template or a decoder") {
  Outcome made = Program(fakeDecoder(), Program::Chars).run("chat Hi");
  CHECK(made.exit == 1);
  CHECK_THAT(made.err, Contains("chat"));
  made = Program(fakeTensors()).run("chat Hi");
  CHECK(made.exit == 1);
  CHECK_THAT(made.err, Contains("plain tensors"));
}

TEST_CASE("check: a model that keeps its promises") {
  for (const ModelInfo &info : {fakeDecoder(), fakeEncoder(), fakeTensors()}) {
    Program model(info);
    Outcome made = model.run("check --threads 3");
    INFO(made.out << made.err);
    CHECK(made.exit == 0);
    CHECK(made.out.find("WRONG") == std::string::npos);
    CHECK_THAT(made.out, Contains("the weights are what was built"));
    CHECK_THAT(made.out, Contains("one thread gives the bits of 3"));
    if (info.kind == ModelKind::Decoder)
      CHECK_THAT(made.out, Contains("token by token differs from all at once "
                                    "by at most 0 "));
  }
}

TEST_CASE("check: a leak is seen") {
  ModelInfo info = fakeDecoder();
  info.name = "fake-leaky";
  Outcome made = Program(info).run("check");
  CHECK(made.exit == 1);
  CHECK_THAT(made.out, Contains("WRONG outputs up to token 0 change when later "
                                "tokens do"));
}

TEST_CASE("check: of a long sequence some outputs are watched") {
  ModelInfo info = fakeDecoder();
  info.context = 1024;
  for (int tokens : {64, 65, 300, 1024}) {
    Outcome made =
        Program(info).run("check --tokens " + std::to_string(tokens));
    INFO(made.out);
    CHECK(made.exit == 0);
    CHECK_THAT(made.out, Contains("differs from all at once by at most 0 "));
  }
  info.name = "fake-leaky";
  CHECK_THAT(Program(info).run("check --tokens 300").out,
             Contains("WRONG outputs up to token 0 change"));
  info = fakePrefixDecoder();
  info.context = 1024;
  CHECK(Program(info).run("check --tokens 300").exit == 0);
  info.firstCall = fakePrefix - 1;
  info.chunk = 512; // all in one call
  CHECK_THAT(Program(info).run("check --tokens 300").out,
             Contains("WRONG outputs up to token 18 change"));
}

TEST_CASE("check: damaged weights are seen") {
  Program model(fakeDecoder());
  std::string all = model.folder.read("model");
  all[all.rfind(std::string("decoder\0", 8)) + 2000] ^= 4;
  std::filesystem::remove(model.folder.path("model"));
  model.folder.write("model", all);
  std::filesystem::permissions(model.folder.path("model"),
                               std::filesystem::perms::owner_all);
  Outcome made = model.run("check");
  CHECK(made.exit == 1);
  CHECK_THAT(made.out, Contains("WRONG") && Contains("weights are damaged"));
  CHECK(model.run("check --tokens 1").exit == 2);
}

TEST_CASE("bench: figures beside the machine's peaks") {
  Outcome made = Program(fakeDecoder()).run("bench --rounds 1 --threads 1");
  CHECK(made.err == "");
  CHECK(made.exit == 0);
  CHECK_THAT(made.out, Contains("prefill of 55 tokens") &&
                           Contains("% of the FMA peak") &&
                           Contains("% of the read bandwidth"));
  made = Program(fakeDecoder())
             .run("bench --rounds 1 --prompt 5 --tokens 3 "
                  "--json --threads 1");
  CHECK_THAT(made.out, StartsWith("{\"model\":\"fake-decoder\"") &&
                           Contains("\"fma_peak_gflops\":") &&
                           Contains("\"name\":\"prefill of 5 tokens\""));
  CHECK_THAT(Program(fakeDecoder()).run("bench --memory --threads 1").out,
             Contains("memory at 64 tokens: "));
  CHECK_THAT(Program(fakeEncoder()).run("bench --rounds 1 --threads 1").out,
             Contains("batch 1 of 32 tokens") &&
                 Contains("batch 32 of 64 tokens"));
  made = Program(fakeTensors())
             .run("bench --rounds 1 --threads 1 --size n=100 --size m=3");
  CHECK_THAT(made.out, Contains("a call with a [100, 3], b [100], index [3]") &&
                           Contains("GFLOP/s"));
  made = Program(fakeTensors()).run("bench --size x=3");
  CHECK(made.exit == 1);
  CHECK_THAT(made.err, Contains("no axis 'x' of open size; it has n, m"));
  CHECK(Program(fakeTensors()).run("bench --size n").exit == 2);
}

TEST_CASE("bench: inputs from files") {
  Program model(fakeTensors());
  auto write = [&](const char *name, auto... numbers) {
    auto path = model.folder.path(name);
    using T = std::common_type_t<decltype(numbers)...>;
    std::vector<T> values{numbers...};
    std::vector<int64_t> shape{static_cast<int64_t>(values.size())};
    if (name[0] == 'a')
      shape = {shape[0] / 3, 3};
    REQUIRE(writeNpy(path, shape, std::span<const T>(values)));
  };
  write("a.npy", 1.f, 2.f, 3.f, 4.f, 5.f, 6.f);
  write("b.npy", 1.f, 2.f);
  write("index.npy", int64_t(0), int64_t(3), int64_t(9));
  std::string files = " --in b=b.npy --in index=index.npy";
  Outcome made = model.run("bench --rounds 1 --threads 1 --in a=a.npy" + files);
  CHECK(made.err == "");
  CHECK_THAT(made.out, Contains("a call with a [2, 3], b [2], index [3]") &&
                           Contains("memory beyond the inputs: "));
  made = model.run("bench --rounds 1 --in a=b.npy" + files);
  CHECK(made.exit == 1);
  CHECK_THAT(made.err, Contains("'a'"));
  CHECK(model.run("bench --in a=nowhere.npy" + files).exit == 1);
  CHECK(model.run("bench --in a=a.npy --size n=3").exit == 2);
  CHECK(model.run("bench --in a").exit == 2);
  made = Program(fakeDecoder()).run("bench --in a=a.npy");
  CHECK(made.exit == 1);
  CHECK_THAT(made.err, Contains("--in has no place"));
}

TEST_CASE("generate: Ctrl-C ends it between two tokens") {
  ModelInfo info = fakeDecoder();
  info.context = 1 << 20;
  Program model(info, Program::Chars);
  std::string command =
      "cd " + model.folder.path() +
      " && { : >.out; ./model generate 1 --tokens 1000000 --ignore-eos >.out "
      "2>.err & "
      "while [ $(wc -c <.out) -lt 100 ]; do sleep 0.01; done; "
      "kill -INT $!; wait $!; echo $? >.code; }";
  REQUIRE(std::system(command.c_str()) == 0);
  CHECK(model.folder.read(".code") == "130\n");
  CHECK_THAT(model.folder.read(".out"), StartsWith("2345"));
  CHECK_THAT(model.folder.read(".out"), EndsWith("\n"));
  CHECK(model.folder.read(".err") == "");
}

TEST_CASE("bench: Ctrl-C ends it behind the step that runs") {
  for (const ModelInfo &info : {fakeDecoder(), fakeEncoder(), fakeTensors()}) {
    Program model(info);
    // It is sent once the program, no more the shell, waits for it: bit 1 of
    // the signals caught.
    std::string command =
        "cd " + model.folder.path() +
        " && { ./model bench --rounds 1000 --threads 1 >.out 2>.err & "
        "until awk '/^Name:/ { name = $2 } /^SigCgt:/ { caught = $2 } "
        "END { exit !(name == \"model\" && caught ~ /[2367abef]$/) }' "
        "/proc/$!/status; do sleep 0.01; done; "
        "kill -INT $!; wait $!; echo $? >.code; }";
    REQUIRE(std::system(command.c_str()) == 0);
    CHECK(model.folder.read(".code") == "130\n");
    CHECK(model.folder.read(".out") == "");
    CHECK(model.folder.read(".err") ==
          "error: interrupted before all rounds were run\n");
  }
}
