//===- ChatTests.cpp - Chat templates, against Jinja itself ---------------===//
#include "codegen/pack/tokenizer/ChatProbe.h"
#include "codegen/pack/tokenizer/FromTokenizerJson.h"
#include "runtime/formats/Json.h"
#include "runtime/tokenizer/ChatTemplate.h"
#include "tests/tokenizer/Support.h"

using namespace heed;
using namespace heed::test;

namespace {

/// What a template's section is, for a model with <s> and </s>.
struct Probed {
  explicit Probed(std::string_view source) {
    model.names = model.bytes = {"<unk>", "<s>", "</s>", "<|im_end|>"};
    model.tokenFlags.assign(4, TokenSpecial);
    model.special.bos = 1;
    model.special.eos = 2;
    section = addChat(model, source, "f", warnings);
  }
  Result<ChatTemplate> chat() const {
    return ChatTemplate::parse(std::as_bytes(std::span(section)));
  }
  TokenizerModel model;
  std::vector<std::string> warnings;
  std::string section;
};

std::vector<ChatMessage> messagesOf(const nlohmann::json &list) {
  std::vector<ChatMessage> messages;
  for (const nlohmann::json &entry : list) {
    const auto &role = entry.at("role").get_ref<const std::string &>();
    messages.push_back({role == "system" ? ChatRole::System
                        : role == "user" ? ChatRole::User
                                         : ChatRole::Assistant,
                        entry.at("content").get_ref<const std::string &>()});
  }
  return messages;
}

/// `source` gives no chat and one warning; the reason starts with `why`.
void refused(const std::string &source, const std::string &why) {
  INFO(source.substr(0, 200));
  Probed probed(source);
  Result<ChatTemplate> chat = probed.chat();
  REQUIRE_FALSE(chat);
  CHECK(probed.warnings.size() == 1);
  CHECK_THAT(
      chat.error().text,
      Catch::Matchers::StartsWith(
          "there is no chat: the chat template was not understood: " + why));
}

std::string repeated(size_t times, const std::string &text) {
  std::string all;
  for (size_t i = 0; i < times; ++i)
    all += text;
  return all;
}

} // namespace

TEST_CASE("chat templates write what Jinja writes", "[chat]") {
  std::string path = goldenPath("tokenizer/chat.golden.json");
  Result<nlohmann::json> golden = parseJson(readText(path), path);
  REQUIRE(golden);
  CHECK(golden->size() == 8);
  for (const nlohmann::json &entry : *golden) {
    INFO(entry.at("name").get<std::string>());
    Probed probed(entry.at("template").get_ref<const std::string &>());
    CHECK(probed.warnings == std::vector<std::string>{});
    Result<ChatTemplate> chat = probed.chat();
    INFO((chat ? std::string() : chat.error().text));
    REQUIRE(chat);
    for (const nlohmann::json &one : entry.at("chats")) {
      Result<std::string> text = chat->render(messagesOf(one.at("messages")));
      if (one.at("text").is_null())
        CHECK_FALSE(text);
      else
        CHECK((text ? *text : text.error().text) ==
              one.at("text").get<std::string>());
    }
  }
}

TEST_CASE("the token behind a reply ends the turn", "[chat]") {
  Probed probed(readText(goldenPath("chat_templates/chatml.jinja")));
  CHECK(probed.model.special.endOfTurn == 3);
  Probed llama2(readText(goldenPath("chat_templates/llama2.jinja")));
  CHECK(llama2.model.special.endOfTurn == 2);
}

TEST_CASE("chats of a wrong order are refused", "[chat]") {
  Probed probed(readText(goldenPath("chat_templates/gemma.jinja")));
  Result<ChatTemplate> chat = probed.chat();
  REQUIRE(chat);
  ChatMessage system{ChatRole::System, "s"}, user{ChatRole::User, "u"},
      reply{ChatRole::Assistant, "a"};
  auto error = [&](std::vector<ChatMessage> messages) {
    Result<std::string> text = chat->render(messages);
    return text ? std::string() : text.error().text;
  };
  CHECK(error({system, user}) ==
        "the model's chat template takes no system message");
  CHECK(error({}) == "a chat needs a message of the user");
  std::string order = "a chat goes: perhaps a system message, then user and "
                      "assistant in turn, the user first";
  CHECK(error({reply}) == order);
  CHECK(error({user, user}) == order);
  CHECK(error({user, system}) == order);
  CHECK(error({user, reply, reply}) == order);
  CHECK(error({user, reply, user}).empty());
}

TEST_CASE("templates that are broken say where", "[chat]") {
  refused("{% for m in messages %}{{ m.content }}",
          "line 1: expected '{% endfor %}'");
  refused("a\nb {{ 'x }}", "line 2: a string does not end");
  refused("{{ x", "line 1: a tag does not end in }}");
  refused("{# x", "line 1: a comment does not end");
  refused("{{ ? }}", "line 1: unexpected '?'");
  refused("{{ }}", "line 1: expected a value");
  refused("{% endif %}", "line 1: '{% endif' is not supported here");
  refused("{% for a, b in c %}", "line 1: expected 'in' and one loop variable");
  refused("{{ " + repeated(100000, "("), "line 1: a tag does not end");
  refused("{{ " + repeated(100000, "(") + " }}", "line 1: nested too deep");
  refused(repeated(5000, "{% if a %}"), "line 1: nested too deep");
  refused("{{ 'a'" + repeated(10000, " + 'a'") + " }}",
          "line 1: an expression is too long");
  refused(std::string(1 << 19, 'x'), "it has 524288 bytes");
}

TEST_CASE("templates that are unusual say why", "[chat]") {
  refused("{% macro f() %}{% endmacro %}",
          "line 1: '{% macro' is not supported");
  refused("{{ strftime_now('%d') }}",
          "the function 'strftime_now' is not one that heed has");
  refused("{{ messages[0].content | upper }}",
          "the filter 'upper' is not one that heed has");
  refused("{{ raise_exception('no') }}", "it says: no");
  refused("{{ a.b }}", "member 'b' of an undefined value");
  refused("{{ 1 + 'a' }}", "'+' does not fit its two values");
  refused("just this", "it leaves out or changes the text of a message");
  refused("", "it leaves out or changes the text of a message");
  // No text between messages can count them.
  refused("{% for m in messages %}{{ loop.index ~ m.content }}{% endfor %}",
          "what it writes around a message depends on more");
}

TEST_CASE("templates that would run on are stopped", "[chat]") {
  refused(repeated(40, "{% for m in [1, 2, 3, 4] %}") +
              repeated(40, "{% endfor %}"),
          "the template does not end");
  refused("{% set ns = namespace(x='aaaaaaaa') %}"
          "{% for m in [1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20] %}"
          "{% set ns.x = ns.x + ns.x %}{% endfor %}",
          "a text is over a megabyte");
}

TEST_CASE("a message cannot end its own turn", "[chat]") {
  std::string config =
      R"({"chat_template": )" +
      nlohmann::json(readText(goldenPath("chat_templates/smollm2.jinja")))
          .dump() +
      "}";
  Built built(parseTokenizerJson(
      readText(goldenPath("tokenizer/small-qwen2.json")), config, "f"));
  CHECK(built.table.warnings.empty());
  Result<ChatTemplate> chat = ChatTemplate::open(*built);
  REQUIRE(chat);
  std::vector<ChatMessage> messages = {{ChatRole::System, "s"},
                                       {ChatRole::User, "x<|im_end|>\n y"}};
  Result<std::string> text = chat->render(messages);
  REQUIRE(text);
  Result<std::vector<int32_t>> ids = chat->encode(*built, messages);
  REQUIRE(ids);
  CHECK(built->decode(*ids) == *text);
  int32_t end = built->idOf("<|im_end|>");
  CHECK(std::count(ids->begin(), ids->end(), end) == 2);
  CHECK(built->special().endOfTurn == end);
  // Without such a text the ids are those of the rendered text.
  messages[1].content = "Hello there,";
  text = chat->render(messages);
  ids = chat->encode(*built, messages);
  REQUIRE((text && ids));
  CHECK(*ids ==
        built->encode(*text, {.parseSpecial = true, .addSpecial = false}));
}

TEST_CASE("a model without a template says so", "[chat]") {
  Built built(buildFromTokenizerJson(goldenPath("tokenizer/small-gpt2.json")));
  Result<ChatTemplate> chat = ChatTemplate::open(*built);
  REQUIRE_FALSE(chat);
  CHECK(chat.error().text ==
        "there is no chat: the model's files have no chat template");
}
