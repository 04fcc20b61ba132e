//===- CommandSupport.cpp - Runs a fake model's executable ----------------===//
#include "tests/runtime/CommandSupport.h"
#include "codegen/pack/tokenizer/FromGguf.h"
#include "codegen/pack/tokenizer/FromTokenizerJson.h"
#include "codegen/pack/tokenizer/FromVocabTxt.h"

#include <sys/wait.h>

using namespace heed;
using namespace heed::test;

static std::vector<char> buildTable(Program::Tokens tokens) {
  std::string golden = HEED_GOLDEN "/tokenizer/";
  Result<TokenizerTable> table = Error{"no table"};
  if (tokens == Program::None)
    return {};
  if (tokens == Program::Chars)
    table = buildFromTokenizerJson(golden + "chars.json");
  if (tokens == Program::Words)
    table = buildFromVocabTxt(golden + "small-vocab.txt");
  if (tokens == Program::Chat) {
    std::ifstream file(golden + "small-qwen2.json");
    std::string text(std::istreambuf_iterator<char>(file), {});
    // ChatML, as SmolLM2 and Qwen have it.
    table = parseTokenizerJson(text,
                               R"({"eos_token": "<|im_end|>", "chat_template":
 "{% for m in messages %}{{'<|im_start|>' + m['role'] + '\\n' + m['content'] + '<|im_end|>' + '\\n'}}{% endfor %}{% if add_generation_prompt %}{{'<|im_start|>assistant\\n'}}{% endif %}"})",
                               "small-qwen2.json");
  }
  if (tokens == Program::SmolLm) {
    Result<Gguf> file = Gguf::open(golden + "small-smollm.gguf");
    REQUIRE(file);
    table = buildFromGguf(*file, "small-smollm.gguf");
  }
  INFO((table ? std::string() : table.error().text));
  REQUIRE(table);
  return table->bytes;
}

Program::Program(const ModelInfo &info, Tokens tokens,
                 const std::string &executable) {
  Result<ModelFileWriter> writer =
      ModelFileWriter::create(folder.path("model"), executable);
  REQUIRE(writer);
  writeFake(*writer, info, buildTable(tokens));
}

Outcome Program::run(const std::string &arguments) const {
  // What the test redirects itself comes later and wins.
  std::string command = "cd " + folder.path() +
                        " && ./model >.out 2>.err </dev/null " + arguments;
  int status = std::system(command.c_str());
  return {WIFEXITED(status) ? WEXITSTATUS(status) : -1, folder.read(".out"),
          folder.read(".err")};
}
