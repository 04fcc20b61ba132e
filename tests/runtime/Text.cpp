// The small pieces of messages.
#include "runtime/support/Text.h"
#include "runtime/support/NearestName.h"
#include "tests/runtime/TestFiles.h"

using namespace heed;

TEST_CASE("edit distance") {
  CHECK(editDistance("", "", 9) == 0);
  CHECK(editDistance("abc", "", 9) == 3);
  CHECK(editDistance("", "abc", 9) == 3);
  CHECK(editDistance("kitten", "sitting", 9) == 3);
  CHECK(editDistance("mask_", "mask", 9) == 1);
  CHECK(editDistance("flaw", "lawn", 9) == 2);
  CHECK(editDistance("bais", "bias", 9) == 1);
  CHECK(editDistance("ab", "ba", 1) == 1);
  CHECK(editDistance("dco", "doc", 1) == 1);
  CHECK(editDistance("ca", "abc", 9) == 3);
  CHECK(editDistance("kitten", "sitting", 2) == 3);
  CHECK(editDistance("abc", std::string(1000, 'x'), 5) == 6);
  std::vector<std::string> names = {"mask", "mass", "task"};
  CHECK(nearestName("mask", names) == "mask");
  CHECK(nearestName("masc", names) == "mask");
  CHECK(nearestName("mas", names) == "mask");
  CHECK_FALSE(nearestName("softmax", names));
  CHECK_FALSE(nearestName(std::string(100000, 'm'), names));
}

TEST_CASE("messages stay on one line and are short") {
  CHECK(inQuotes("plain") == "'plain'");
  CHECK(inQuotes("tab\t\x7f") == "'tab\\x09\\x7f'");
  CHECK(inQuotes("\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80") ==
        "'\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80'");
  CHECK(inQuotes("\xff \xc3 \xc0\x80 \xed\xa0\x80") ==
        "'\\xff \\xc3 \\xc0\\x80 \\xed\\xa0\\x80'");
  CHECK(inQuotes("\xc2\x9b") == "'\\xc2\\x9b'"); // a terminal's CSI
  CHECK(inQuotes(std::string(1000, 'x')) ==
        "'" + std::string(80, 'x') + "...'");
  CHECK(concat("a", 1, 'b', uint8_t(200), std::string("c"), -5l) ==
        "a1b200c-5");
  CHECK(shapeText(std::vector<int64_t>{2, 3}) == "[2, 3]");
  CHECK(shapeText({}) == "[]");
}
