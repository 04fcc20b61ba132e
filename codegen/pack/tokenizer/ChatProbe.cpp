#include "codegen/pack/tokenizer/ChatProbe.h"

#include "codegen/pack/tokenizer/jinja/Parser.h"
#include "codegen/pack/tokenizer/jinja/Render.h"
#include "runtime/support/Text.h"
#include "runtime/tokenizer/ChatTemplate.h"

#include <algorithm>
#include <cstring>

namespace heed {

namespace {

using Texts = std::array<std::string, ChatTextCount>;

constexpr size_t LongestTemplate = 1 << 18;

class Prober {
public:
  Prober(const jinja::Nodes &nodes, std::string_view bos, std::string_view eos)
      : nodes(nodes), bos(bos), eos(eos) {}

  /// Fills `flags` and `texts`, and checks them.
  Status probe();

  uint32_t flags = ChatAvailable;
  Texts texts;

private:
  std::string &text(ChatText which) {
    return texts[static_cast<size_t>(which)];
  }
  Result<std::string> render(std::span<const ChatMessage> messages) const;
  Status take(std::span<const ChatMessage> messages,
              std::initializer_list<ChatText> around);
  Status check(std::span<const ChatMessage> messages) const;

  const jinja::Nodes &nodes;
  std::string_view bos, eos;
};

constexpr ChatRole System = ChatRole::System, User = ChatRole::User,
                   Assistant = ChatRole::Assistant;

/// As Hugging Face calls a template: add_generation_prompt after the user.
Result<std::string>
Prober::render(std::span<const ChatMessage> messages) const {
  using jinja::Value;
  jinja::List list;
  for (const ChatMessage &message : messages) {
    const char *role = message.role == System ? "system"
                       : message.role == User ? "user"
                                              : "assistant";
    list.push_back(Value::of(
        jinja::Map{{"role", Value::of(std::string(role))},
                   {"content", Value::of(std::string(message.content))}}));
  }
  return jinja::render(nodes, {{"messages", Value::of(std::move(list))},
                               {"add_generation_prompt",
                                Value::of(messages.back().role == User)},
                               {"bos_token", Value::of(std::string(bos))},
                               {"eos_token", Value::of(std::string(eos))}});
}

/// Takes the texts around the contents of `messages` from what the template
/// writes: `around` names the text before each message, then the one after the
/// last. Contents are a word between two tabs; notes where a tab was taken off.
Status Prober::take(std::span<const ChatMessage> messages,
                    std::initializer_list<ChatText> around) {
  Result<std::string> written = render(messages);
  if (!written)
    return written.error();
  std::string_view rest = *written;
  const ChatText *which = around.begin();
  for (size_t i = 0; i < messages.size(); ++i) {
    std::string_view content = messages[i].content;
    size_t begin = rest.find(content.substr(1, content.size() - 2));
    if (begin == std::string_view::npos)
      return Error{"it leaves out or changes the text of a message"};
    size_t end = begin + content.size() - 2;
    ChatPlace place = *chatPlace(messages, i);
    if (begin > 0 && rest[begin - 1] == '\t')
      --begin;
    else
      flags |= chatTrimFlag(place, false);
    if (end < rest.size() && rest[end] == '\t')
      ++end;
    else
      flags |= chatTrimFlag(place, true);
    text(*which++) = rest.substr(0, begin);
    rest.remove_prefix(end);
  }
  text(*which) = rest;
  return {};
}

static std::string sectionOf(uint32_t flags, const Texts &texts) {
  ChatSection head{flags, {}};
  std::string body;
  for (size_t i = 0; i < ChatTextCount; ++i) {
    head.texts[i] = {static_cast<uint32_t>(sizeof(head) + body.size()),
                     static_cast<uint32_t>(texts[i].size())};
    body += texts[i];
  }
  std::string section(sizeof(head), '\0');
  std::memcpy(section.data(), &head, sizeof(head));
  return section + body;
}

/// The texts must write this conversation as the template does.
Status Prober::check(std::span<const ChatMessage> messages) const {
  Result<std::string> wanted = render(messages);
  if (!wanted)
    return wanted.error();
  std::string section = sectionOf(flags, texts);
  Result<ChatTemplate> chat =
      ChatTemplate::parse(std::as_bytes(std::span(section)));
  if (!chat)
    return chat.error();
  Result<std::string> found = chat->render(messages);
  if (!found)
    return found.error();
  if (*found != *wanted)
    return Error{"what it writes around a message depends on more than the "
                 "message before"};
  return {};
}

Status Prober::probe() {
  // Contents with outer tabs, for take(), and two without.
  const ChatMessage system{System, "\tsYs0\t"}, user{User, "\tuSr1\t"},
      reply{Assistant, "\taSs2\t"}, again{User, "\tuSr3\t"},
      another{Assistant, "\taSs4\t"}, last{User, "\tuSr5\t"},
      plain{User, "uSr6\nuSr7"}, answer{Assistant, "aSs8: \"aSs9\""};
  using enum ChatText;
  if (Status status = take({{user}}, {BeforeUser, UserToReply}); !status)
    return status;
  if (Status status =
          take({{user, reply}}, {BeforeUser, UserToAssistant, AssistantToEnd});
      !status)
    return status;
  if (Status status =
          take({{user, reply, again}},
               {BeforeUser, UserToAssistant, AssistantToUser, UserToReply});
      !status)
    return status;
  // A template may refuse a system message, or leave it out.
  if (take({{system, user}}, {BeforeSystem, SystemToUser, UserToReply}))
    flags |= ChatTakesSystem;

  const std::vector<ChatMessage> whole = {user, reply, again, another, last};
  const std::vector<ChatMessage> mixed = {plain, answer, last,
                                          reply, plain,  answer};
  for (std::vector<ChatMessage> messages : {whole, mixed}) {
    for (int withSystem = 0; withSystem < 2; ++withSystem) {
      if (withSystem && !(flags & ChatTakesSystem))
        break;
      if (withSystem)
        messages.insert(messages.begin(), system);
      for (size_t count = 1 + withSystem; count <= messages.size(); ++count)
        if (Status status = check(std::span(messages).first(count)); !status)
          return status;
    }
  }
  return {};
}

} // namespace

/// The special token that stands behind a reply, or NoToken.
static int32_t endOfTurnToken(std::string_view afterReply,
                              const TokenizerModel &model) {
  size_t begin = afterReply.find_first_not_of(" \n");
  if (begin == std::string_view::npos)
    return NoToken;
  int32_t best = NoToken;
  for (size_t id = 0; id < model.bytes.size(); ++id)
    if ((model.tokenFlags[id] & TokenSpecial) &&
        afterReply.substr(begin).starts_with(model.bytes[id]) &&
        (best == NoToken || model.bytes[id].size() > model.bytes[best].size()))
      best = static_cast<int32_t>(id);
  return best;
}

std::string addChat(TokenizerModel &model, std::string_view source,
                    const std::string &label,
                    std::vector<std::string> &warnings) {
  auto refuse = [&](std::string_view why) {
    std::string reason = concat("the chat template was not understood: ", why);
    warnings.push_back(concat(label, ": ", reason, "; `chat` will say so"));
    Texts texts;
    texts[0] = reason;
    return sectionOf(0, texts);
  };
  if (source.size() > LongestTemplate)
    return refuse(concat("it has ", source.size(), " bytes"));
  Result<jinja::Nodes> nodes = jinja::parse(source);
  if (!nodes)
    return refuse(nodes.error().text);
  auto bytesOf = [&](int32_t id) {
    return id == NoToken ? std::string_view() : model.bytes[id];
  };
  Prober prober(*nodes, bytesOf(model.special.bos), bytesOf(model.special.eos));
  if (Status status = prober.probe(); !status)
    return refuse(status.error().text);
  if (model.special.endOfTurn == NoToken)
    model.special.endOfTurn = endOfTurnToken(
        prober.texts[static_cast<size_t>(ChatText::AssistantToUser)], model);
  return sectionOf(prober.flags, prober.texts);
}

} // namespace heed
