//===- Link.cpp - Objects and the runtime become one executable -----------===//
#include "codegen/Link.h"

#include "runtime/support/Text.h"

#include "llvm/ADT/SmallString.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Program.h"

namespace heed {

Status linkExecutable(const std::vector<std::string> &objects,
                      const std::string &runtime, const std::string &output) {
  if (!llvm::sys::fs::exists(runtime))
    return Error{concat("the runtime library ", inQuotes(runtime),
                        " is missing: build heed's target HeedRuntime"),
                 Error::Machine};
  std::string driver;
  for (const char *name : {"clang++-22", "clang++", "g++", "c++"})
    if (auto found = llvm::sys::findProgramByName(name)) {
      driver = *found;
      break;
    }
  if (driver.empty())
    return Error{"no C++ driver to link with: install clang-22 or g++",
                 Error::Machine};
  std::vector<llvm::StringRef> arguments = {driver};
  for (const std::string &object : objects)
    arguments.push_back(object);
  arguments.insert(arguments.end(),
                   {runtime, "-static-libstdc++", "-static-libgcc", "-pthread",
                    "-Wl,--gc-sections", "-Wl,--strip-debug",
                    "-Wl,--build-id=none", "-o", output});
  if (llvm::sys::findProgramByName("ld.lld-22") &&
      llvm::StringRef(driver).ends_with("clang++-22"))
    // Written, not mapped: a full disk is then an error, not a SIGBUS.
    arguments.insert(arguments.end(),
                     {"-fuse-ld=lld-22", "-Wl,--no-mmap-output-file"});
  llvm::SmallString<128> log;
  if (llvm::sys::fs::createTemporaryFile("heed-link", "log", log))
    return Error{"no temporary file can be made for the linker's messages",
                 Error::Machine};
  std::optional<llvm::StringRef> redirects[] = {
      llvm::StringRef(""), llvm::StringRef(log), llvm::StringRef(log)};
  std::string message;
  int code = llvm::sys::ExecuteAndWait(driver, arguments, std::nullopt,
                                       redirects, 0, 0, &message);
  auto text = llvm::MemoryBuffer::getFile(log);
  std::string said = text ? (*text)->getBuffer().str() : "";
  llvm::sys::fs::remove(log);
  if (code == 0)
    return {};
  llvm::sys::fs::remove(output);
  std::string why =
      message.empty() ? llvm::StringRef(said).split('\n').first.str() : message;
  return Error{concat("linking ", inQuotes(output), " failed: ",
                      why.empty()
                          ? "the linker gave no reason; is the disk full?"
                          : why),
               Error::Machine};
}

} // namespace heed
