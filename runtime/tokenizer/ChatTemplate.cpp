#include "runtime/tokenizer/ChatTemplate.h"

#include <algorithm>
#include <cstring>

namespace heed {

Result<ChatTemplate> ChatTemplate::parse(std::span<const std::byte> section) {
  if (section.empty())
    return Error{"there is no chat: the model's files have no chat template"};
  ChatSection head;
  if (section.size() < sizeof(head))
    return Error{"the tokenizer table is damaged: the chat template"};
  std::memcpy(&head, section.data(), sizeof(head));
  ChatTemplate chat;
  chat.flags = head.flags;
  for (size_t i = 0; i < ChatTextCount; ++i) {
    TableSection text = head.texts[i];
    if (uint64_t(text.offset) + text.size > section.size())
      return Error{"the tokenizer table is damaged: a chat text"};
    chat.texts[i] = {reinterpret_cast<const char *>(section.data()) +
                         text.offset,
                     text.size};
  }
  if (!(chat.flags & ChatAvailable))
    return Error{"there is no chat: " + std::string(chat.texts[0])};
  return chat;
}

Result<ChatPlace> chatPlace(std::span<const ChatMessage> messages, size_t i) {
  ChatRole role = messages[i].role;
  if (i == 0 && role == ChatRole::System)
    return ChatPlace::System;
  if (i == 0 && role == ChatRole::User)
    return ChatPlace::FirstUser;
  if (i > 0 && role == ChatRole::User) {
    if (messages[i - 1].role == ChatRole::System)
      return ChatPlace::UserAfterSystem;
    if (messages[i - 1].role == ChatRole::Assistant)
      return ChatPlace::UserAfterAssistant;
  }
  if (i > 0 && role == ChatRole::Assistant &&
      messages[i - 1].role == ChatRole::User)
    return ChatPlace::Assistant;
  return Error{"a chat goes: perhaps a system message, then user and assistant "
               "in turn, the user first"};
}

std::string_view ChatTemplate::trimmed(std::string_view content,
                                       ChatPlace place) const {
  static constexpr std::string_view Spaces = " \t\n\r\f\v";
  if (flags & chatTrimFlag(place, false))
    content.remove_prefix(
        std::min(content.find_first_not_of(Spaces), content.size()));
  if (flags & chatTrimFlag(place, true))
    content = content.substr(0, content.find_last_not_of(Spaces) + 1);
  return content;
}

Result<std::vector<TextPart>>
ChatTemplate::parts(std::span<const ChatMessage> messages) const {
  static constexpr ChatText Before[] = {
      ChatText::BeforeSystem, ChatText::BeforeUser, ChatText::SystemToUser,
      ChatText::AssistantToUser, ChatText::UserToAssistant};
  std::vector<TextPart> parts;
  for (size_t i = 0; i < messages.size(); ++i) {
    Result<ChatPlace> place = chatPlace(messages, i);
    if (!place)
      return place.error();
    if (*place == ChatPlace::System && !takesSystem())
      return Error{"the model's chat template takes no system message"};
    parts.push_back({text(Before[static_cast<size_t>(*place)]), true});
    parts.push_back({trimmed(messages[i].content, *place), false});
  }
  if (messages.empty() || messages.back().role == ChatRole::System)
    return Error{"a chat needs a message of the user"};
  bool replies = messages.back().role == ChatRole::User;
  parts.push_back(
      {text(replies ? ChatText::UserToReply : ChatText::AssistantToEnd), true});
  return parts;
}

Result<std::string>
ChatTemplate::render(std::span<const ChatMessage> messages) const {
  Result<std::vector<TextPart>> list = parts(messages);
  if (!list)
    return list.error();
  std::string text;
  for (const TextPart &part : *list)
    text += part.text;
  return text;
}

Result<std::vector<int32_t>>
ChatTemplate::encode(const Tokenizer &tokenizer,
                     std::span<const ChatMessage> messages) const {
  Result<std::vector<TextPart>> list = parts(messages);
  if (!list)
    return list.error();
  return tokenizer.encode(*list);
}

} // namespace heed
