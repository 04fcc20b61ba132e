// Files that cannot be mapped.
#include "runtime/formats/MappedFile.h"
#include "tests/runtime/TestFiles.h"

#include <sys/stat.h>

using namespace heed;
using namespace heed::test;
using Catch::Matchers::Contains;

TEST_CASE("mapped file: what cannot be mapped") {
  TempFolder folder;
  auto error = [](const std::string &path) {
    Result<MappedFile> file = MappedFile::open(path);
    return file ? "(was mapped)" : file.error().text;
  };
  CHECK_THAT(error(folder.path()), Contains("is a directory, not a file"));
  CHECK_THAT(error(folder.path("none")), Contains("no such file"));
  CHECK_THAT(error(std::string("a\0b", 3)), Contains("cannot hold a zero"));
  CHECK_THAT(error("/dev/null"), Contains("is not a regular file"));
  REQUIRE(::mkfifo(folder.path("pipe").c_str(), 0600) == 0);
  CHECK_THAT(error(folder.path("pipe")), Contains("is not a regular file"));
  folder.write("file", "text");
  CHECK_THAT(error(folder.path("file/x")), Contains("Not a directory"));
  if (::geteuid() != 0) { // root may read anything
    ::chmod(folder.path("file").c_str(), 0);
    CHECK_THAT(error(folder.path("file")), Contains("Permission denied"));
  }
  std::filesystem::create_symlink("loop", folder.path("loop"));
  CHECK_THAT(error(folder.path("loop")), Contains("symbolic links"));
}
