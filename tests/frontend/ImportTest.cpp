//===- ImportTest.cpp - Damaged model files -------------------------------===//
#include "frontend/Import.h"

#include "llvm/Support/FileSystem.h"

#include <catch2/catch.hpp>
#include <cstdlib>
#include <fstream>
#include <random>
#include <sstream>

using namespace heed;

static std::string slurp(const std::string &path) {
  std::ifstream in(path);
  std::ostringstream out;
  out << in.rdbuf();
  REQUIRE(in.good());
  return out.str();
}

TEST_CASE("the reference page names every step") {
  std::string page = slurp(HEED_SOURCE "/docs/language.md");
  for (const std::string &step : stepNames()) {
    INFO(step);
    CHECK(page.find("`" + step + "`") != std::string::npos);
  }
}

/// Whatever the text is: a module or errors, never neither, never a crash.
static void importText(const std::string &text, const std::string &path) {
  std::ofstream(path) << text;
  mlir::MLIRContext context(mlir::MLIRContext::Threading::DISABLED);
  Diagnostics diags;
  auto module = importModel(context, path, diags);
  INFO(text);
  REQUIRE(bool(module) != diags.any());
  (void)diags.str();
}

TEST_CASE("damaged model files are refused, not crashed on") {
  // What damage is made of: pieces that mean something to the readers.
  const std::vector<std::string> pieces = {
      "[",  "]",        "{",        "}",       ":",      ",",    "\n",
      "  ", "- ",       "{i}",      "q",       "kv",     "any",  "0",
      "-1", "99999999", "x",        "model",   "all",    "not ", "(",
      ")",  "layers",   "null",     "\"",      "'",      "#",    "&a ",
      "*a", "<<: ",     "mod 0",    "f32[",    "1e9",    "[h]",  "| ",
      "> ", "? ",       "random",   "repeat",  "linear", "head", "%",
      "@",  "!!x ",     "\xc3\xa9", "residual"};
  llvm::SmallString<128> folder;
  REQUIRE_FALSE(llvm::sys::fs::createUniqueDirectory("heed-import", folder));
  std::string path = (folder + "/model.yaml").str();
  std::mt19937 random(7);
  auto pick = [&](size_t n) { return size_t(random() % n); };
  for (const char *name :
       {"tour/08-score-rules.yaml", "tour/09-decoder-block.yaml",
        "tour/11-stack.yaml", "sums/sums.yaml"}) {
    std::string good = slurp(std::string(HEED_SOURCE "/examples/") + name);
    good = good.substr(good.find("model:"));
    if (size_t at = good.find("sums.safetensors"); at != std::string::npos) {
      good.replace(at, 16, "random");
      good.erase(good.find("tokenizer:"),
                 good.find("context:") - good.find("tokenizer:"));
    }
    for (int round = 0; round < 250; ++round) {
      std::string text = good;
      for (size_t damage = 1 + pick(3); damage > 0; --damage) {
        size_t at = pick(text.size()), length = pick(12);
        switch (pick(4)) {
        case 0:
          text.erase(at, length);
          break;
        case 1:
          text.insert(at, pieces[pick(pieces.size())]);
          break;
        case 2:
          text.replace(at, length, pieces[pick(pieces.size())]);
          break;
        default:
          text.insert(at, text.substr(pick(text.size()), 40));
        }
      }
      importText(text, path);
    }
  }
  llvm::sys::fs::remove_directories(folder);
}
