//===- CommandGenerate.cpp - OUT generate, tokenize, info -----------------===//
#include "runtime/formats/Npy.h"
#include "tests/runtime/CommandSupport.h"

using namespace heed;
using namespace heed::test;
using Catch::Matchers::Contains;
using Catch::Matchers::StartsWith;

TEST_CASE("generate: each token follows the one before") {
  Program model(fakeDecoder(), Program::Chars);
  Outcome made = model.run("generate 12 --tokens 5");
  CHECK(made.err == "");
  CHECK(made.out == "34567\n");
  CHECK(made.exit == 0);
  CHECK(model.run("generate --tokens=5 --threads 3 -- 12").out == "34567\n");
  CHECK(model.run("generate --tokens 0 12").out == "\n");
}

TEST_CASE("generate: a prompt of many chunks reads as one") {
  Program model(fakeDecoder(), Program::Chars);
  // 40 tokens, chunks of 8.
  Outcome made = model.run("generate 0123456789012345678901234567890123456780 "
                           "--tokens 3");
  CHECK(made.out == "123\n");
}

TEST_CASE("generate: the prompt from a pipe or a file") {
  Program model(fakeDecoder(), Program::Chars);
  model.folder.write("prompt", "12\n");
  CHECK(model.run("generate --tokens 2 < prompt").out == "34\n");
  CHECK(model.run("generate --tokens 2 --file prompt").out == "34\n");
  Outcome made = model.run("generate --tokens 2 --file nowhere");
  CHECK(made.exit == 1);
  CHECK_THAT(made.err, Contains("nowhere: cannot be read"));
}

TEST_CASE("generate: stop strings end it, and are not shown") {
  Program model(fakeDecoder(), Program::Chars);
  CHECK(model.run("generate 1 --stop 56").out == "234\n");
  CHECK(model.run("generate 1 --stop 99 --stop 5 --tokens 20").out == "234\n");
  // What might have become a stop string comes out in the end.
  CHECK(model.run("generate 1 --stop 56x --tokens 5").out == "23456\n");
}

TEST_CASE("generate: the context fills up in the middle") {
  Program model(fakeDecoder(), Program::Chars);
  std::string prompt(60, '1');
  Outcome made = model.run("generate --tokens 100 " + prompt);
  CHECK(made.out == "23456\n");
  CHECK(made.exit == 0);
  CHECK_THAT(made.err, Contains("context of 64 is full"));
}

TEST_CASE("generate: a prompt longer than the context") {
  Program model(fakeDecoder(), Program::Chars);
  Outcome made = model.run("generate " + std::string(65, '1'));
  CHECK(made.exit == 1);
  CHECK(made.out == "");
  CHECK_THAT(made.err, Contains("the prompt has 65 tokens, more than the "
                                "model's context of 64"));
}

TEST_CASE("generate: an empty prompt") {
  Program model(fakeDecoder(), Program::Chars);
  for (const char *arguments :
       {"generate ''", "generate", "generate --file -"}) {
    Outcome made = model.run(arguments);
    CHECK(made.exit == 1);
    CHECK_THAT(made.err, Contains("the prompt is empty"));
  }
}

TEST_CASE("generate: an invalid UTF-8 prompt is read with a note") {
  Program model(fakeDecoder(), Program::SmolLm);
  Outcome made = model.run("generate \"$(printf 'a\\377b')\" --tokens 1");
  CHECK(made.exit == 0);
  CHECK_THAT(made.err, Contains("not valid UTF-8 (byte 1)"));
}

TEST_CASE("generate: ids in, ids out") {
  Program model(fakeDecoder());
  std::vector<int64_t> ids = {5, 6, 1197};
  int64_t shape[] = {1, 3};
  REQUIRE(writeNpy(model.folder.path("ids.npy"), shape,
                   std::span<const int64_t>(ids)));
  Outcome made = model.run("generate --ids ids.npy --tokens 4 --temperature 0 "
                           "--ignore-eos --out ids=new.npy");
  CHECK(made.err == "");
  CHECK(made.out == "");
  CHECK(made.exit == 0);
  Result<Npy> written = Npy::open(model.folder.path("new.npy"));
  REQUIRE(written);
  CHECK(written->shape() == std::vector<int64_t>{1, 4});
  CHECK(*written->integers() == std::vector<int64_t>{1198, 1199, 0, 1});

  ids[1] = 1200;
  REQUIRE(writeNpy(model.folder.path("bad.npy"), shape,
                   std::span<const int64_t>(ids)));
  made = model.run("generate --ids bad.npy");
  CHECK(made.exit == 1);
  CHECK_THAT(made.err, Contains("token id 1200 is out of range"));
  made = model.run("generate hello");
  CHECK(made.exit == 1);
  CHECK_THAT(made.err, Contains("no tokenizer"));
  made = model.run("generate --ids ids.npy --out ids=nowhere/new.npy");
  CHECK(made.exit == 1);
  CHECK_THAT(made.err, Contains("the folder"));
  CHECK_THAT(made.err, Contains("does not exist"));
  made = model.run("generate --ids ids.npy --out logits=x.npy");
  CHECK(made.exit == 2);
}

TEST_CASE("generate: the end token ends it") {
  Program model(fakeDecoder(), Program::SmolLm);
  Outcome json = model.run("tokenize --json '<|endoftext|>' --parse-special");
  INFO(json.out);
  REQUIRE(json.out.starts_with("{\"ids\":[0]"));
  // 1198 -> 1199 -> 0 -> 1 -> 2, <|im_end|>.
  std::vector<int64_t> ids = {1198};
  int64_t shape[] = {1};
  REQUIRE(writeNpy(model.folder.path("ids.npy"), shape,
                   std::span<const int64_t>(ids)));
  CHECK_THAT(model.run("generate --ids ids.npy --json").out,
             Contains("\"ids\":[1199,0,1,2],\"stopped\":\"end\""));
  CHECK_THAT(
      model.run("generate --ids ids.npy --json --ignore-eos --tokens 5").out,
      Contains("\"ids\":[1199,0,1,2,3],\"stopped\":\"tokens\""));
}

TEST_CASE("generate: equal seeds draw equal tokens") {
  Program model(fakeDecoder(), Program::Chars);
  std::string draw =
      "generate 1 --temperature 5 --top-k 20 --tokens 12 --seed ";
  std::string one = model.run(draw + "1").out;
  CHECK(one == model.run(draw + "1 --threads 3").out);
  CHECK(one != model.run(draw + "2").out);
}

TEST_CASE("generate: the standard output is full") {
  Program model(fakeDecoder(), Program::Chars);
  Outcome made = model.run("generate 12 > /dev/full");
  CHECK(made.exit == 3);
  CHECK_THAT(made.err, Contains("No space left on device"));
}

TEST_CASE("commands: wrong usage") {
  Program model(fakeDecoder(), Program::Chars);
  struct {
    const char *arguments, *text;
  } const cases[] = {
      {"generate --temprature 1 12",
       "unknown flag '--temprature'; did you mean "
       "--temperature?"},
      {"generate --temperature", "--temperature needs a value"},
      {"generate --temperature hot 12",
       "--temperature: expected a number from 0 to 100, found 'hot'"},
      {"generate --tokens -5 12", "--tokens: expected a whole number"},
      {"generate --json=yes 12", "--json takes no value"},
      {"generate --threads 0 12", "--threads: expected a whole number from 1"},
      {"genrate 12", "unknown command 'genrate'; did you mean generate?"},
      {"generate --top-p 1.5 12", "--top-p: expected a number from 0 to 1"},
      {"generate 12 --file x", "an argument or from --file, not both"},
      {"generate 12 --ids x", "an argument or from --ids, not both"},
      {"generate --file x --ids x", "--file or from --ids, not both"},
      {"tokenize 12 --file x", "an argument or from --file, not both"},
      {"detokenize 1 --file x", "an argument or from --file, not both"},
      {"info 12", "info takes no operands"},
      {"run 12 --ids x", "run takes no operands"},
  };
  for (const auto &wrong : cases) {
    Outcome made = model.run(wrong.arguments);
    INFO(wrong.arguments);
    CHECK(made.exit == 2);
    CHECK(made.out == "");
    CHECK_THAT(made.err, StartsWith("error: "));
    CHECK_THAT(made.err, Contains(wrong.text));
  }
  CHECK(model.run("").exit == 2);
}

TEST_CASE("commands: help has examples") {
  Program model(fakeDecoder(), Program::Chars);
  Outcome all = model.run("--help");
  CHECK(all.exit == 0);
  for (const char *command :
       {"generate", "chat", "score", "embed", "similar", "run", "tokenize",
        "detokenize", "check", "bench", "info"}) {
    CHECK_THAT(all.out, Contains(command));
    Outcome made = model.run(std::string(command) + " --help");
    CHECK(made.exit == 0);
    CHECK_THAT(made.out,
               Contains("examples:\n  ./model " + std::string(command)));
  }
  CHECK_THAT(model.run("generate --help").out, Contains("(default 256)"));
  CHECK_THAT(model.run("chat --help").out, Contains("(default 1024)"));
  CHECK(model.run("--help > /dev/full").exit == 3);
}

TEST_CASE("tokenize and detokenize: there and back") {
  Program model(fakeDecoder(), Program::Chars);
  CHECK(model.run("tokenize 12+3").out == "2 3 11 4\n");
  CHECK(model.run("tokenize 12+3 --json").out ==
        "{\"ids\":[2,3,11,4],\"tokens\":[\"1\",\"2\",\"+\",\"3\"]}\n");
  CHECK(model.run("detokenize 2 3 11 4").out == "12+3\n");
  model.folder.write("ids", "[2, 3,\n11]");
  CHECK(model.run("detokenize --file ids").out == "12+\n");
  CHECK(model.run("detokenize < ids").out == "12+\n");
  Outcome made = model.run("detokenize 2 x");
  CHECK(made.exit == 1);
  CHECK_THAT(made.err, Contains("expected a token id, found 'x'"));
  made = model.run("detokenize 77777");
  CHECK(made.exit == 1);
  CHECK_THAT(made.err, Contains("out of range"));
  CHECK_THAT(Program(fakeTensors()).run("tokenize x").err,
             Contains("no tokenizer"));
}

TEST_CASE("info: what the model is") {
  Program model(fakeDecoder(), Program::Chars);
  Outcome made = model.run("info --json --verify");
  CHECK(made.exit == 0);
  CHECK_THAT(made.out,
             Contains("\"model\":\"fake-decoder\",\"kind\":\"decoder\","
                      "\"context\":64"));
  CHECK_THAT(made.out, Contains("\"weights_checksum\":\"good\""));
  CHECK_THAT(model.run("info").out, Contains("tokenizer"));
  CHECK_THAT(Program(fakeTensors()).run("info").out,
             Contains("a: f32[n, 3]; b: f32[n]; index: i32[m]"));
}

TEST_CASE("commands: a model file cut short or damaged") {
  Program model(fakeDecoder(), Program::Chars);
  std::string all = model.folder.read("model");
  std::filesystem::path path = model.folder.path("model");
  auto replace = [&](const std::string &bytes) {
    // Writing over a program that just ran may find it busy.
    std::filesystem::remove(path);
    model.folder.write("model", bytes);
    std::filesystem::permissions(path, std::filesystem::perms::owner_all);
  };
  for (size_t cut : {1, 63, 64, 65, 300, 4096, 5000, 9000}) {
    replace(all.substr(0, all.size() - cut));
    Outcome made = model.run("generate 12");
    INFO(cut);
    CHECK(made.exit == 1);
    CHECK_THAT(made.err, Contains("model"));
  }
  std::string bad = all;
  bad[bad.rfind("heedinfo") + 20] ^= 1;
  replace(bad);
  CHECK_THAT(model.run("info").err, Contains("info section is damaged"));
  bad = all;
  bad[bad.rfind(std::string("decoder\0", 8)) + 1000] ^= 1;
  replace(bad);
  CHECK(model.run("generate 12 --tokens 1").exit == 0);
  Outcome made = model.run("info --verify");
  CHECK(made.exit == 1);
  CHECK_THAT(made.err, Contains("weights are damaged"));
}

TEST_CASE("commands: on a CPU that the code is not for") {
  Program model(fakeDecoder(), Program::Chars, HEED_FAKE_FUTURE);
  for (const char *command : {"generate 12", "info", "run --out a=b"}) {
    Outcome made = model.run(command);
    CHECK(made.exit == 3);
    CHECK(made.out == "");
    CHECK_THAT(made.err, StartsWith("error: this CPU cannot run the program") &&
                             Contains("no-such-feature"));
    CHECK(std::count(made.err.begin(), made.err.end(), '\n') == 1);
  }
}

TEST_CASE("generate: asked of an encoder or of tensors") {
  Outcome made = Program(fakeEncoder(), Program::Words).run("generate x");
  CHECK(made.exit == 1);
  CHECK_THAT(made.err, Contains("no decoder"));
  made = Program(fakeTensors()).run("generate x");
  CHECK(made.exit == 1);
  CHECK_THAT(made.err, Contains("plain tensors"));
}
