//===- Session.cpp - The ragged step and tensor calls ---------------------===//
#include "runtime/step/Session.h"
#include "tests/runtime/FakeModel.h"
#include "tests/runtime/TestFiles.h"

#include <numeric>

extern "C" int checkHeedC(const char *path);

using namespace heed;
using namespace heed::test;
using Catch::Matchers::Contains;

namespace {
struct Opened {
  explicit Opened(const ModelInfo &info, unsigned threads = 2,
                  unsigned slots = 4) {
    std::string path = folder.path("model");
    Result<ModelFileWriter> writer = ModelFileWriter::create(path);
    REQUIRE(writer);
    writeFake(*writer, info, {});
    Result<std::unique_ptr<Model>> opened =
        Model::open(path, heed_variants, threads);
    INFO((opened ? "" : opened.error().text));
    REQUIRE(opened);
    model = std::move(*opened);
    Result<std::unique_ptr<Session>> made = Session::create(*model, slots);
    REQUIRE(made);
    session = std::move(*made);
  }
  Session *operator->() { return session.get(); }

  TempFolder folder;
  std::unique_ptr<Model> model;
  std::unique_ptr<Session> session;
};

/// The rows of sequences that go into one step.
struct Rows {
  std::vector<int32_t> tokens, positions, sequences, types, wanted;

  Rows &add(int32_t slot, int32_t position, std::vector<int32_t> ids,
            bool want = true) {
    for (int32_t id : ids) {
      if (want)
        wanted.push_back(static_cast<int32_t>(tokens.size()));
      tokens.push_back(id);
      positions.push_back(position++);
      sequences.push_back(slot);
    }
    return *this;
  }
  StepInput input() const {
    return {tokens, positions, sequences, types, wanted};
  }
};

std::vector<int32_t> counting(int32_t first, int count) {
  std::vector<int32_t> ids(count);
  std::iota(ids.begin(), ids.end(), first);
  return ids;
}

std::string stepError(Opened &model, const Rows &rows) {
  Status done = model->step(rows.input());
  return done ? "" : done.error().text;
}

/// Row i of the logits is that of `token` where the tokens so far add to `sum`.
void checkRow(const OutputRef &logits, int64_t i, int64_t token, int64_t sum) {
  for (int j = 0; j < fakeVocabulary; ++j)
    if (logits.row(i)[j] != fakeLogit(token, sum, j))
      FAIL("row " << i << ", logit " << j << ": " << logits.row(i)[j] << " not "
                  << fakeLogit(token, sum, j));
}
} // namespace

TEST_CASE("Session: sequences of different lengths in one step") {
  for (unsigned threads : {1, 2, 3, 5}) {
    Opened model(fakeDecoder(), threads);
    Rows rows;
    rows.add(2, 0, {5}).add(0, 0, counting(10, 20)).add(3, 0, {7, 8});
    REQUIRE(model->step(rows.input()));
    OutputRef logits = model->output("logits");
    CHECK(logits.shape == std::vector<int64_t>{23, fakeVocabulary});
    checkRow(logits, 0, 5, 5);
    for (int i = 0, sum = 0; i < 20; ++i)
      checkRow(logits, 1 + i, 10 + i, sum += 10 + i);
    checkRow(logits, 21, 7, 7);
    checkRow(logits, 22, 8, 15);
    CHECK(model->length(0) == 20);
    CHECK(model->length(1) == 0);
    CHECK(model->length(2) == 1);
  }
}

TEST_CASE("Session: in one step, in chunks, token by token: the same bits") {
  Opened model(fakeDecoder());
  std::vector<int32_t> ids = counting(100, 30);
  Rows all;
  REQUIRE(model->step(all.add(0, 0, ids).input()));
  OutputRef logits = model->output("logits");
  std::vector<float> whole(logits.row(0), logits.row(30));
  for (int piece : {1, 7, 8, 9}) {
    for (int at = 0; at < 30; at += piece) {
      int count = std::min(piece, 30 - at);
      Rows rows;
      rows.add(1, at, {ids.begin() + at, ids.begin() + at + count});
      REQUIRE(model->step(rows.input()));
      OutputRef part = model->output("logits");
      CHECK(std::equal(part.row(0), part.row(count),
                       whole.begin() + at * fakeVocabulary));
    }
  }
}

TEST_CASE("Session: tokens that see each other go in one call") {
  // Behind others, longer than a chunk, and shorter than the prefix.
  auto sumTo = [](int position, int count) {
    int last = std::max(position, std::min(count, int(fakePrefix)) - 1);
    return (last + 1) * (last + 2) / 2;
  };
  for (int count : {1, 5, 19, 20, 21, 50}) {
    Opened model(fakePrefixDecoder());
    REQUIRE(model->step(Rows()
                            .add(0, 0, counting(1, 3))
                            .add(1, 0, counting(1, count))
                            .input()));
    for (int i = 0; i < 3 + count; ++i) {
      int position = i < 3 ? i : i - 3;
      checkRow(model->output("logits"), i, position + 1,
               sumTo(position, i < 3 ? 3 : count));
    }
    // Nothing goes on from too few, nor from the middle of the prefix.
    std::string said = stepError(model, Rows().add(1, count, {1}));
    if (count >= int(fakePrefix)) {
      CHECK(said == "");
      checkRow(model->output("logits"), 0, 1, count * (count + 1) / 2 + 1);
      CHECK(stepError(model, Rows().add(1, 20, {7})) == "");
      checkRow(model->output("logits"), 0, 7, 210 + 7);
    } else {
      CHECK_THAT(said, Contains("sequence 1 cannot go on at position " +
                                std::to_string(count) +
                                ": the first 20 tokens see each other"));
    }
    if (count > 1)
      CHECK_THAT(stepError(model, Rows().add(1, 1, {1})),
                 Contains("cannot go on at position 1:"));
    CHECK(stepError(model, Rows().add(1, 0, {1})) == "");
  }
  Opened model(fakePrefixDecoder());
  REQUIRE(model->step(Rows().add(0, 0, counting(1, 30)).input()));
  model->truncate(0, 20);
  CHECK(model->length(0) == 20);
  model->truncate(0, 19);
  CHECK(model->length(0) == 0);
}

TEST_CASE("Session: only wanted rows come out, in order") {
  Opened model(fakeDecoder());
  Rows rows;
  rows.add(0, 0, counting(1, 20), false);
  rows.wanted = {0, 7, 8, 19};
  REQUIRE(model->step(rows.input()));
  OutputRef logits = model->output("logits");
  CHECK(logits.shape[0] == 4);
  checkRow(logits, 0, 1, 1);
  checkRow(logits, 1, 8, 36);
  checkRow(logits, 2, 9, 45);
  checkRow(logits, 3, 20, 210);
  Rows silent;
  REQUIRE(model->step(silent.add(1, 0, {3}, false).input()));
  CHECK(model->output("logits").shape[0] == 0);
}

TEST_CASE("Session: a slot may go back and begin again") {
  Opened model(fakeDecoder());
  REQUIRE(model->step(Rows().add(0, 0, counting(1, 10)).input()));
  REQUIRE(model->step(Rows().add(0, 4, {50}).input()));
  checkRow(model->output("logits"), 0, 50, 1 + 2 + 3 + 4 + 50);
  CHECK(model->length(0) == 5);
  REQUIRE(model->step(Rows().add(0, 0, {9}).input()));
  checkRow(model->output("logits"), 0, 9, 9);
}

TEST_CASE("Session: sessions of one model do not see each other") {
  Opened model(fakeDecoder());
  Result<std::unique_ptr<Session>> other = Session::create(*model.model);
  REQUIRE(other);
  REQUIRE(model->step(Rows().add(0, 0, {1, 2}).input()));
  REQUIRE((*other)->step(Rows().add(0, 0, {40, 50}).input()));
  REQUIRE(model->step(Rows().add(0, 2, {3}).input()));
  checkRow(model->output("logits"), 0, 3, 6);
  checkRow((*other)->output("logits"), 1, 50, 90);
}

TEST_CASE("Session: the cache takes memory for what it holds") {
  ModelInfo info = fakeDecoder();
  info.context = 1 << 20;
  info.cache = {{1000, 1000}}; // 8 MB a position: 8 TB in all
  Opened model(info, 1, 1);
  CHECK(model->slots() == 1);
}

TEST_CASE("Session: rows in disorder or out of range") {
  Opened model(fakeDecoder());
  REQUIRE(model->step(Rows().add(0, 0, {1, 2, 3}).input()));
  CHECK(stepError(model, Rows()) == "a step of no tokens");
  CHECK_THAT(stepError(model, Rows().add(0, 3, {fakeVocabulary})),
             Contains("token id 1200 (row 0) is out of range"));
  CHECK_THAT(stepError(model, Rows().add(0, 3, {-1})),
             Contains("token id -1 (row 0) is out of range"));
  CHECK_THAT(stepError(model, Rows().add(0, 4, {1})),
             Contains("leaves a gap: sequence 0 holds 3 tokens"));
  CHECK_THAT(stepError(model, Rows().add(4, 0, {1})),
             Contains("sequence 4 (row 0) is out of range"));
  CHECK_THAT(stepError(model, Rows().add(1, 0, counting(0, 65))),
             Contains("position 64 (row 64) does not fit"));
  CHECK_THAT(stepError(model, Rows().add(0, 3, {1}).add(0, 7, {1})),
             Contains("position 7 (row 1) follows 3"));
  CHECK_THAT(
      stepError(model, Rows().add(0, 3, {1}).add(1, 0, {1}).add(0, 4, {1})),
      Contains("do not stand together (row 2)"));
  Rows wrong;
  wrong.add(0, 3, {1, 2}).wanted = {1, 0};
  CHECK_THAT(stepError(model, wrong), Contains("wanted row 0"));
  wrong.wanted = {2};
  CHECK_THAT(stepError(model, wrong), Contains("wanted row 2"));
  wrong.wanted = {0};
  wrong.positions.pop_back();
  CHECK_THAT(stepError(model, wrong), Contains("as many positions"));
  // Nothing of it touched the slot.
  REQUIRE(model->step(Rows().add(0, 3, {4}).input()));
  checkRow(model->output("logits"), 0, 4, 10);
  CHECK_FALSE(model->run({}));
}

TEST_CASE("Session: an encoder takes whole sequences, in any company") {
  Opened model(fakeEncoder(), 2, 8);
  Rows alone;
  REQUIRE(model->step(alone.add(0, 0, {3, 4, 5}).input()));
  OutputRef first = model->output("embedding");
  std::vector<float> expected(first.row(0), first.row(1));
  Rows batch; // 20 + 20 + 3 rows: three calls of at most 32
  batch.add(0, 0, counting(1, 20))
      .add(1, 0, counting(7, 20))
      .add(2, 0, {3, 4, 5});
  REQUIRE(model->step(batch.input()));
  OutputRef embedding = model->output("embedding");
  CHECK(embedding.shape == std::vector<int64_t>{3, 4});
  CHECK(std::equal(embedding.row(2), embedding.row(3), expected.begin()));
  OutputRef hidden = model->output("last_hidden_state");
  CHECK(hidden.shape == std::vector<int64_t>{43, 2});
  CHECK(hidden.row(42)[0] == 5);
  CHECK(hidden.row(42)[1] == 2);
  Rows typed;
  typed.add(0, 0, {3, 4}).types = {1, 2};
  CHECK_THAT(stepError(model, typed),
             Contains("token type 2 (row 1) is out of range: the model knows "
                      "types 0 to 1"));
  // A sequence longer than a chunk goes alone; types count.
  Rows longer;
  longer.add(0, 0, counting(1, 60));
  longer.types.assign(60, 1);
  REQUIRE(model->step(longer.input()));
  CHECK(model->output("embedding").row(0)[3] > 0);
  CHECK_THAT(stepError(model, Rows().add(0, 1, {3})), Contains("leaves a gap"));
}

TEST_CASE("Session: tensors in, tensors out, sizes from the shapes") {
  Opened model(fakeTensors(), 3);
  for (int64_t n : {5, 2, 0, 9}) {
    std::vector<float> a(3 * n + 1), b(n + 1);
    std::iota(a.begin(), a.end(), 0.0f);
    std::iota(b.begin(), b.end(), 100.0f);
    std::vector<int32_t> picks = {4, 6};
    int64_t shapeA[] = {n, 3}, shapeB[] = {n}, shapeI[] = {2};
    TensorRef inputs[] = {{"index", ElementType::I32, shapeI, picks.data()},
                          {"a", ElementType::F32, shapeA, a.data()},
                          {"b", ElementType::F32, shapeB, b.data()}};
    REQUIRE(model->run(inputs));
    OutputRef out = model->output("out");
    CHECK(out.shape == std::vector<int64_t>{n, 3});
    for (int64_t i = 0; i < 3 * n; ++i)
      CHECK(out.row(0)[i] == 2 * a[i] + b[i / 3]);
    OutputRef picked = model->output("picked");
    CHECK(static_cast<const int32_t *>(picked.data)[1] == 7);
  }
  CHECK_FALSE(model->output("nothing").info);
  CHECK_FALSE(model->step(Rows().add(0, 0, {1}).input()));
}

TEST_CASE("Session: tensors that do not fit") {
  Opened model(fakeTensors());
  std::vector<float> floats(12);
  std::vector<int32_t> outside = {9, 10, 0};
  int64_t four[] = {4}, three[] = {3}, good[] = {4, 3}, wide[] = {4, 2};
  TensorRef a{"a", ElementType::F32, good, floats.data()};
  TensorRef b{"b", ElementType::F32, four, floats.data()};
  TensorRef index{"index", ElementType::I32, three, floats.data()};
  auto error = [&](std::vector<TensorRef> inputs) {
    Status done = model->run(inputs);
    return done ? "" : done.error().text;
  };
  CHECK(error({a, b, index}) == "");
  CHECK(error({a, b}) == "input 'index' is missing");
  TensorRef beyond = index;
  beyond.data = outside.data();
  CHECK(error({a, b, beyond}) ==
        "input 'index': 10 (element 1) is out of range: expected 0 to 9");
  TensorRef strange = b;
  strange.name = "c";
  CHECK(error({a, b, index, strange}) ==
        "the model has no input 'c'; its inputs are a, b, index");
  TensorRef wrong = a;
  wrong.shape = wide;
  CHECK(error({wrong, b, index}) ==
        "input 'a': expected shape [n, 3], found [4, 2]");
  wrong.shape = four;
  CHECK_THAT(error({wrong, b, index}), Contains("found [4]"));
  wrong = b;
  wrong.type = ElementType::I32;
  CHECK(error({a, wrong, index}) ==
        "input 'b': expected elements of type f32, found i32");
  wrong.type = ElementType::F32;
  wrong.shape = three;
  CHECK(error({a, wrong, index}) ==
        "axis 'n' has size 4 in input 'a' and 3 in input 'b'");
}

TEST_CASE("heed.h: from C") {
  TempFolder folder;
  Result<ModelFileWriter> writer =
      ModelFileWriter::create(folder.path("model"));
  REQUIRE(writer);
  writeFake(*writer, fakeDecoder(), {});
  CHECK(checkHeedC(folder.path("model").c_str()) == 0);
}
