// Files that appear whole or not at all.
#include "runtime/support/AtomicFile.h"
#include "tests/runtime/TestFiles.h"

#include <csignal>
#include <sys/resource.h>
#include <sys/stat.h>

using namespace heed;
using namespace heed::test;
using Catch::Matchers::Contains;

static AtomicFile create(const std::string &path, mode_t mode = 0666) {
  Result<AtomicFile> file = AtomicFile::create(path, mode);
  REQUIRE(file);
  return std::move(*file);
}

TEST_CASE("atomic file: appears at commit, whole") {
  TempFolder folder;
  folder.write("out", "old");
  AtomicFile file = create(folder.path("out"));
  REQUIRE(file.append(asBytes("new ")));
  REQUIRE(file.append(asBytes("text")));
  CHECK(file.written() == 8);
  CHECK(folder.read("out") == "old");
  REQUIRE(file.commit());
  CHECK(folder.read("out") == "new text");
  CHECK(folder.list().size() == 1);
}

TEST_CASE("atomic file: without commit nothing happened") {
  TempFolder folder;
  folder.write("out", "old");
  {
    AtomicFile file = create(folder.path("out"));
    REQUIRE(file.append(asBytes("new")));
    CHECK(folder.list().size() == 2);
    AtomicFile moved = std::move(file);
    CHECK(std::filesystem::exists(moved.temporaryPath()));
  }
  CHECK(folder.list().size() == 1);
  CHECK(folder.read("out") == "old");
}

TEST_CASE("atomic file: two writers of one name do not meet") {
  TempFolder folder;
  AtomicFile first = create(folder.path("out"));
  AtomicFile second = create(folder.path("out"));
  REQUIRE(first.append(asBytes("first")));
  REQUIRE(second.append(asBytes("second")));
  REQUIRE(second.commit());
  REQUIRE(first.commit());
  CHECK(folder.read("out") == "first");
  CHECK(folder.list().size() == 1);
}

TEST_CASE("atomic file: modes") {
  TempFolder folder;
  mode_t mask = ::umask(022);
  REQUIRE(create(folder.path("data")).commit());
  REQUIRE(create(folder.path("program"), 0777).commit());
  ::umask(mask);
  struct stat info;
  REQUIRE(::stat(folder.path("data").c_str(), &info) == 0);
  CHECK((info.st_mode & 0777) == 0644);
  REQUIRE(::stat(folder.path("program").c_str(), &info) == 0);
  CHECK((info.st_mode & 0777) == 0755);
}

TEST_CASE("atomic file: padding") {
  TempFolder folder;
  AtomicFile file = create(folder.path("out"));
  REQUIRE(file.padTo(4096));
  CHECK(file.written() == 0);
  REQUIRE(file.append(asBytes("x")));
  REQUIRE(file.padTo(16384));
  CHECK(file.written() == 16384);
  REQUIRE(file.commit());
  CHECK(folder.read("out") == "x" + std::string(16383, '\0'));
}

TEST_CASE("atomic file: a link stays, what it points to changes") {
  TempFolder folder;
  folder.write("real", "old");
  std::filesystem::create_symlink("real", folder.path("link"));
  AtomicFile file = create(folder.path("link"));
  REQUIRE(file.append(asBytes("new")));
  REQUIRE(file.commit());
  CHECK(std::filesystem::is_symlink(folder.path("link")));
  CHECK(folder.read("real") == "new");
}

TEST_CASE("atomic file: a device is written, not replaced") {
  AtomicFile file = create("/dev/null");
  REQUIRE(file.append(asBytes("gone")));
  REQUIRE(file.commit());
  CHECK(std::filesystem::is_character_file("/dev/null"));
}

TEST_CASE("atomic file: a full disk is said, with how far it came") {
  AtomicFile file = create("/dev/full");
  Status status = file.append(asBytes("x"));
  REQUIRE_FALSE(status);
  CHECK(status.error().text ==
        "no space left on /dev/full while writing /dev/full (0 MB written)");
  CHECK(status.error().fault == Error::Machine);
  CHECK(std::filesystem::is_character_file("/dev/full"));
}

TEST_CASE("atomic file: a write that fails in the middle leaves nothing") {
  // The limit on a file's size stands in for a disk that fills up.
  TempFolder folder;
  struct rlimit before, low;
  REQUIRE(::getrlimit(RLIMIT_FSIZE, &before) == 0);
  low = before;
  low.rlim_cur = 3'500'000;
  auto *handler = std::signal(SIGXFSZ, SIG_IGN);
  {
    AtomicFile file = create(folder.path("out"));
    std::string megabyte(1'000'000, 'x');
    REQUIRE(::setrlimit(RLIMIT_FSIZE, &low) == 0);
    Status status;
    while ((status = file.append(asBytes(megabyte))))
      if (file.written() > 10'000'000)
        break;
    ::setrlimit(RLIMIT_FSIZE, &before);
    REQUIRE_FALSE(status);
    CHECK_THAT(status.error().text,
               Contains("out: cannot be written: File too large "
                        "(3 MB written)"));
    CHECK(status.error().fault == Error::Machine);
  }
  std::signal(SIGXFSZ, handler);
  CHECK(folder.list().empty());
}

TEST_CASE("atomic file: names that cannot be written") {
  TempFolder folder;
  auto error = [](const std::string &path) {
    Result<AtomicFile> file = AtomicFile::create(path);
    REQUIRE_FALSE(file);
    return file.error().text;
  };
  CHECK_THAT(error(""), Contains("name of the file to write is empty"));
  CHECK_THAT(error(std::string("a\0b", 3)), Contains("cannot hold a zero"));
  CHECK_THAT(error(folder.path()), Contains("is a directory"));
  CHECK_THAT(error(folder.path("new/")), Contains("is a directory"));
  CHECK_THAT(error(folder.path("no/out")),
             Contains("the folder " + folder.path("no/") + " does not exist"));
  folder.write("file", "x");
  CHECK_THAT(error(folder.path("file/out")), Contains("Not a directory"));
  CHECK_THAT(error(folder.path(std::string(300, 'n'))),
             Contains("File name too long"));
  if (::geteuid() != 0) { // root may write anywhere
    std::filesystem::permissions(folder.path(), std::filesystem::perms(0555));
    CHECK_THAT(error(folder.path("out")), Contains("Permission denied"));
    std::filesystem::permissions(folder.path(), std::filesystem::perms(0755));
  }
  CHECK(folder.list().size() == 1);
}
