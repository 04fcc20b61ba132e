//===- CommandEmbed.cpp - OUT embed, OUT similar --------------------------===//
#include "runtime/formats/Npy.h"
#include "tests/runtime/CommandSupport.h"

using namespace heed;
using namespace heed::test;
using Catch::Matchers::Contains;
using Catch::Matchers::StartsWith;

static std::vector<float> load(const Program &model, const std::string &name,
                               int64_t rows) {
  Result<Npy> npy = Npy::open(model.folder.path(name));
  REQUIRE(npy);
  CHECK(npy->shape() == std::vector<int64_t>{rows, 4});
  return *npy->floats();
}

TEST_CASE("embed: texts, lines and pipes give the same vectors") {
  Program model(fakeEncoder(), Program::Words);
  std::string lines;
  for (int i = 0; i < 200; ++i)
    lines +=
        "line " + std::to_string(i * i) + (i % 3 ? " and more" : "") + "\n";
  model.folder.write("lines", lines);
  Outcome made = model.run("embed --file lines --out embedding=e.npy");
  CHECK(made.err == "");
  CHECK(made.out == "");
  std::vector<float> all = load(model, "e.npy", 200);
  REQUIRE(model.run("embed --threads 3 --out embedding=p.npy < lines").exit ==
          0);
  CHECK(load(model, "p.npy", 200) == all);
  REQUIRE(model.run("embed 'line 36' 'line 49 and more' --out embedding=t.npy")
              .exit == 0);
  std::vector<float> two = load(model, "t.npy", 2);
  CHECK(std::equal(two.begin(), two.begin() + 4, all.begin() + 6 * 4));
  CHECK(std::equal(two.begin() + 4, two.end(), all.begin() + 7 * 4));
}

TEST_CASE("embed: as text and as JSON") {
  Program model(fakeEncoder(), Program::Words);
  Outcome made = model.run("embed 'a \"b\"' --json");
  CHECK_THAT(made.out,
             StartsWith("{\"text\":\"a \\\"b\\\"\",\"embedding\":[0."));
  made = model.run("embed a b");
  CHECK(std::count(made.out.begin(), made.out.end(), '\n') == 2);
  CHECK(std::count(made.out.begin(), made.out.end(), ' ') == 6);
}

TEST_CASE("embed: odd texts") {
  Program model(fakeEncoder(), Program::Words);
  model.folder.write("odd", std::string("first\n\n\xff\xfe\nlast"));
  Outcome made = model.run("embed --file odd --out embedding=e.npy");
  CHECK(made.exit == 0);
  load(model, "e.npy", 4);
  model.folder.write(
      "huge", std::string(1 << 20, 'a') + "\n" + [] {
        std::string words;
        for (int i = 0; i < 200000; ++i)
          words += "word ";
        return words;
      }() + "\n");
  made = model.run("embed --file huge --out embedding=e.npy");
  CHECK(made.exit == 0);
  CHECK_THAT(made.err, Contains("longer than the model takes, so cut: 1 text"));
  load(model, "e.npy", 2);
}

TEST_CASE("embed: wrong usage, wrong models, wrong files") {
  Program model(fakeEncoder(), Program::Words);
  Outcome made = model.run("embed x --out vectors=e.npy");
  CHECK(made.exit == 2);
  made = model.run("embed x --file y");
  CHECK(made.exit == 2);
  CHECK_THAT(model.run("embed --file nowhere").err, Contains("nowhere"));
  CHECK(model.run("embed x --out embedding=gone/e.npy").exit == 1);
  CHECK(model.run("embed x > /dev/full").exit == 3);
  made = Program(fakeDecoder(), Program::Chars).run("embed x");
  CHECK(made.exit == 1);
  CHECK_THAT(made.err, Contains("gives no embeddings"));
  CHECK_THAT(Program(fakeEncoder()).run("embed x").err,
             Contains("no tokenizer"));
}

TEST_CASE("similar: the nearest lines first") {
  Program model(fakeEncoder(), Program::Words);
  model.folder.write("lines", "the cat\na dog and a house\nthe cat\nzebra z\n");
  Outcome made = model.run("similar the cat --file lines --top 3");
  CHECK_THAT(made.out, StartsWith("1.0000\t1\tthe cat\n1.0000\t3\tthe cat\n"));
  CHECK(std::count(made.out.begin(), made.out.end(), '\n') == 3);
  made = model.run("similar 'the cat' --json --top 1 < lines");
  CHECK_THAT(made.out, Contains("\"line\":1,\"text\":\"the cat\"}"));
  CHECK(model.run("similar --file lines").exit == 2);
  CHECK(model.run("similar x --top 0 --file lines").exit == 2);
}

TEST_CASE("embed: a hundred thousand lines stream") {
  Program model(fakeEncoder(), Program::Words);
  std::string lines;
  for (int i = 0; i < 100000; ++i)
    lines += "row " + std::to_string(i) + "\n";
  model.folder.write("lines", lines);
  Outcome made = model.run("embed --file lines --threads 1");
  CHECK(made.exit == 0);
  CHECK(std::count(made.out.begin(), made.out.end(), '\n') == 100000);
  CHECK(made.out.ends_with("\n" + model.run("embed 'row 99999'").out));
}
