// Strict JSON.
#include "runtime/formats/Json.h"
#include "tests/runtime/TestFiles.h"

using namespace heed;
using Catch::Matchers::Contains;

TEST_CASE("json: strict, shallow, without duplicates") {
  auto error = [](std::string_view text) {
    Result<nlohmann::json> json = parseJson(text, "f");
    return json ? "(was read)" : json.error().text;
  };
  Result<nlohmann::json> good =
      parseJson(R"({"a":[1,-2,2.5,true,null,"x"],"b":{"a":[[]]}})", "f");
  REQUIRE(good);
  CHECK(good->dump() == R"({"a":[1,-2,2.5,true,null,"x"],"b":{"a":[[]]}})");
  CHECK_THAT(error("{\"a\":1,\n\"a\":2}"),
             Contains("f: the key 'a' stands twice in one object"));
  CHECK(error(R"([{"a":1},{"a":2}])") == "(was read)");
  CHECK_THAT(error("{\n\"a\":}"), Contains("f: line 2, column 5: "));
  CHECK_THAT(error(""), Contains("line 1, column 1"));
  CHECK_THAT(error("[1,]"), Contains("line 1, column 4"));
  CHECK_THAT(error("[1] 2"), Contains("line 1, column 5"));
  CHECK_THAT(error("[NaN]"), Contains("line 1"));
  CHECK_THAT(error("// no\n1"), Contains("line 1"));
  CHECK_THAT(error("[1e999]"), Contains("number overflow"));
  CHECK_THAT(error("[\"\xc0\x80\"]"), Contains("UTF-8"));
  CHECK(error(std::string(64, '[') + std::string(64, ']')) == "(was read)");
  CHECK_THAT(error(std::string(65, '[') + std::string(65, ']')),
             Contains("nested more than 64 deep"));
  CHECK_THAT(error(std::string(100000, '[')), Contains("nested more than 64"));
  CHECK(error("\"" + std::string(100000, 'x')).size() < 300);
}
