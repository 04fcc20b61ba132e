//===- CommandRun.cpp - OUT run -------------------------------------------===//
#include "runtime/formats/Npy.h"
#include "tests/runtime/CommandSupport.h"

#include <numeric>

using namespace heed;
using namespace heed::test;
using Catch::Matchers::Contains;

namespace {
template <typename T>
void store(const Program &model, const std::string &name,
           std::vector<int64_t> shape, std::vector<T> values) {
  REQUIRE(writeNpy(model.folder.path(name), shape, std::span<const T>(values)));
}
std::vector<float> load(const Program &model, const std::string &name,
                        std::vector<int64_t> shape) {
  Result<Npy> npy = Npy::open(model.folder.path(name));
  INFO((npy ? "" : npy.error().text));
  REQUIRE(npy);
  CHECK(npy->shape() == shape);
  return *npy->floats();
}
void storeTensors(const Program &model) {
  store<float>(model, "a.npy", {2, 3}, {1, 2, 3, 4, 5, 6});
  store<float>(model, "b.npy", {2}, {10, 20});
  store<int64_t>(model, "index.npy", {1}, {7});
}
const std::string tensorInputs = "run --in a=a.npy --in b=b.npy "
                                 "--in index=index.npy ";
} // namespace

TEST_CASE("run: tensors") {
  Program model(fakeTensors());
  storeTensors(model);
  Outcome made = model.run(tensorInputs + "--out out=o.npy --out picked=p.npy");
  CHECK(made.err == "");
  CHECK(made.exit == 0);
  CHECK(load(model, "o.npy", {2, 3}) ==
        std::vector<float>{12, 14, 16, 28, 30, 32});
  CHECK(*Npy::open(model.folder.path("p.npy"))->integers() ==
        std::vector<int64_t>{8});
}

TEST_CASE("run: tensors that are wrong") {
  Program model(fakeTensors());
  storeTensors(model);
  store<float>(model, "wide.npy", {2, 4}, std::vector<float>(8));
  store<float>(model, "three.npy", {3}, {1, 2, 3});
  store<int64_t>(model, "big.npy", {1}, {int64_t(1) << 40});
  model.folder.write("no.npy", "this is no array");
  struct {
    std::string arguments;
    int exit;
    const char *text;
  } const cases[] = {
      {tensorInputs, 2, "run needs --out"},
      {tensorInputs + "--out out", 2, "expects NAME=file.npy, found 'out'"},
      {tensorInputs + "--in a=b.npy --out out=o.npy", 2, "names 'a' twice"},
      {tensorInputs + "x --out out=o.npy", 2, "run takes no operands"},
      {tensorInputs + "--out outt=o.npy", 1,
       "no output 'outt'; its outputs are out, picked"},
      {tensorInputs + "--in c=a.npy --out out=o.npy", 1,
       "no input 'c'; its inputs are a, b, index"},
      {"run --in a=a.npy --out out=o.npy", 1, "input 'b' is missing"},
      {"run --in a=wide.npy --in b=b.npy --in index=index.npy --out out=o.npy",
       1, "input 'a': expected shape [n, 3], found [2, 4]"},
      {"run --in a=a.npy --in b=three.npy --in index=index.npy --out out=o.npy",
       1, "axis 'n' has size 2 in input 'a' and 3 in input 'b'"},
      {"run --in a=index.npy --in b=b.npy --in index=index.npy --out out=o.npy",
       1, "input 'a' takes elements of type f32, found i64"},
      {"run --in a=a.npy --in b=b.npy --in index=a.npy --out out=o.npy", 1,
       "input 'index' takes elements of type i32, found f32"},
      {"run --in a=a.npy --in b=b.npy --in index=big.npy --out out=o.npy", 1,
       "1099511627776 does not fit i32"},
      {"run --in a=no.npy --in b=b.npy --in index=index.npy --out out=o.npy", 1,
       "no.npy"},
      {"run --in a=gone.npy --in b=b.npy --in index=index.npy --out out=o.npy",
       1, "gone.npy: no such file"},
      {tensorInputs + "--out out=gone/o.npy", 1, "does not exist"},
      {tensorInputs + "--out out=/dev/full", 3, "no space left"},
      {"run --ids index.npy --out out=o.npy", 1, "model of plain tensors"},
  };
  for (const auto &wrong : cases) {
    Outcome made = model.run(wrong.arguments);
    INFO(wrong.arguments);
    CHECK(made.exit == wrong.exit);
    CHECK_THAT(made.err, Contains(wrong.text));
    CHECK_FALSE(std::filesystem::exists(model.folder.path("o.npy")));
  }
}

TEST_CASE("run: logits of a batch of ids, padding at either side") {
  Program model(fakeDecoder());
  store<int64_t>(model, "ids.npy", {3, 4},
                 {5, 6, 7, 8, 9, 9, 50, 60, 70, 80, 99, 99});
  store<int64_t>(model, "mask.npy", {3, 4},
                 {1, 1, 1, 1, 0, 0, 1, 1, 1, 1, 0, 0});
  Outcome made = model.run("run --ids ids.npy --attention-mask mask.npy --out "
                           "logits=l.npy");
  CHECK(made.err == "");
  CHECK(made.exit == 0);
  std::vector<float> logits = load(model, "l.npy", {3, 4, fakeVocabulary});
  auto check = [&](int place, int token, int sum) {
    for (int j = 0; j < fakeVocabulary; ++j)
      if (logits[place * fakeVocabulary + j] != fakeLogit(token, sum, j))
        FAIL(place << " " << j);
  };
  check(0, 5, 5);
  check(3, 8, 26);
  check(6, 50, 50);
  check(7, 60, 110);
  check(9, 80, 150);
  for (int place : {4, 5, 10, 11}) // padding
    CHECK(std::all_of(logits.begin() + place * fakeVocabulary,
                      logits.begin() + (place + 1) * fakeVocabulary,
                      [](float l) { return l == 0; }));
}

TEST_CASE("run: an encoder's outputs, for a row and for a sequence") {
  Program model(fakeEncoder());
  store<int64_t>(model, "ids.npy", {2, 3}, {3, 4, 5, 6, 0, 0});
  store<int64_t>(model, "mask.npy", {2, 3}, {1, 1, 1, 1, 0, 0});
  store<int64_t>(model, "types.npy", {2, 3}, {0, 0, 1, 0, 0, 0});
  Outcome made = model.run("run --ids ids.npy --attention-mask mask.npy "
                           "--token-types types.npy --out embedding=e.npy "
                           "--out last_hidden_state=h.npy");
  CHECK(made.err == "");
  std::vector<float> e = load(model, "e.npy", {2, 4});
  CHECK(e[0] / e[1] == Approx(12 / 3.));
  CHECK(e[3] / e[1] == Approx(1 / 3.));
  CHECK(e[4] / e[5] == Approx(6));
  CHECK(load(model, "h.npy", {2, 3, 2}) ==
        std::vector<float>{3, 0, 4, 1, 5, 2, 6, 0, 0, 0, 0, 0});
}

TEST_CASE("run: ids that are wrong") {
  Program model(fakeDecoder());
  store<int64_t>(model, "ids.npy", {2, 2}, {1, 2, 3, 4});
  store<int64_t>(model, "big.npy", {1, 2}, {1, 1200});
  store<int64_t>(model, "huge.npy", {1, 2}, {1, int64_t(1) << 32});
  store<int64_t>(model, "empty.npy", {1, 0}, {});
  store<int64_t>(model, "deep.npy", {1, 1, 1}, {1});
  store<int64_t>(model, "long.npy", {1, 65}, std::vector<int64_t>(65, 1));
  store<int64_t>(model, "holes.npy", {2, 2}, {1, 1, 0, 0});
  store<int64_t>(model, "twos.npy", {2, 2}, {1, 2, 1, 1});
  store<float>(model, "floats.npy", {1, 2}, {1, 2});
  struct {
    const char *arguments, *text;
  } const cases[] = {
      {"--ids big.npy", "token id 1200 (row 1) is out of range"},
      {"--ids huge.npy", "out of range"},
      {"--ids empty.npy", "there are no ids in it"},
      {"--ids deep.npy", "expected shape [batch, n] or [n], found [1, 1, 1]"},
      {"--ids long.npy", "does not fit the model's context of 64"},
      {"--ids floats.npy", "floats.npy"},
      {"--ids ids.npy --attention-mask holes.npy", "row 1 allows no token"},
      {"--ids ids.npy --attention-mask twos.npy", "expected 0 or 1, found 2"},
      {"--ids ids.npy --attention-mask big.npy",
       "expected the shape of the ids, [2, 2], found [1, 2]"},
      {"--ids ids.npy --token-types ids.npy", "no token types"},
      {"--ids ids.npy --encoder-ids ids.npy", "no encoder"},
      {"--in a=ids.npy", "model of tokens"},
  };
  for (const auto &wrong : cases) {
    Outcome made = model.run(std::string("run ") + wrong.arguments +
                             " --out logits=l.npy");
    INFO(wrong.arguments);
    CHECK(made.exit == 1);
    CHECK_THAT(made.err, Contains(wrong.text));
    CHECK_FALSE(std::filesystem::exists(model.folder.path("l.npy")));
  }
  CHECK(model.run("run --out logits=l.npy").exit == 2);
  CHECK_THAT(model.run("run --ids ids.npy --out embedding=l.npy").err,
             Contains("no output 'embedding'; its outputs are logits"));
}
