//===- ChatTemplate.h - A conversation as one text ------------------------===//
//
// What a model's chat template writes between the contents of messages. The
// template itself is a program; the compiler runs it on probes, finds these
// texts, and checks that they say all that the template does
// (codegen/pack/tokenizer/ChatProbe.h).
//
//   [system] user (assistant user)*            -> the model's turn to reply
//   [system] user assistant (user assistant)*  -> a whole conversation
//
//===----------------------------------------------------------------------===//
#pragma once

#include "runtime/tokenizer/Tokenizer.h"

#include <array>

namespace heed {

enum class ChatRole { System, User, Assistant };

struct ChatMessage {
  ChatRole role;
  std::string_view content;
};

/// The texts around contents. A default system prompt is in BeforeUser.
enum class ChatText : uint32_t {
  BeforeUser, // the first message is the user's
  BeforeSystem,
  SystemToUser,
  UserToAssistant,
  AssistantToUser,
  UserToReply, // what the model then goes on from
  AssistantToEnd,
};
inline constexpr size_t ChatTextCount = 7;

/// Where a content stands; a template may trim it in one place and not in
/// another (Llama 2 does).
enum class ChatPlace : uint32_t {
  System,
  FirstUser,
  UserAfterSystem,
  UserAfterAssistant,
  Assistant,
};

enum ChatFlags : uint32_t {
  /// Without it the first text says why there is no chat.
  ChatAvailable = 1,
  ChatTakesSystem = 2,
};

/// The flag: a content at `place` loses its white space at the left or right.
constexpr uint32_t chatTrimFlag(ChatPlace place, bool right) {
  return 4u << (2 * static_cast<uint32_t>(place) + right);
}

/// The place of message `i`. Errors: an order that no template has.
Result<ChatPlace> chatPlace(std::span<const ChatMessage> messages, size_t i);

/// The table's chat section; offsets from its first byte.
struct ChatSection {
  uint32_t flags;
  std::array<TableSection, ChatTextCount> texts;
};

class ChatTemplate {
public:
  /// A view into the tokenizer's table. Errors: the model has no template, or
  /// one that was not understood (and why), or a damaged section.
  static Result<ChatTemplate> open(const Tokenizer &tokenizer) {
    return parse(tokenizer.data().chatSection());
  }
  static Result<ChatTemplate> parse(std::span<const std::byte> section);

  bool takesSystem() const { return flags & ChatTakesSystem; }
  std::string_view text(ChatText which) const {
    return texts[static_cast<size_t>(which)];
  }

  /// The conversation as the template writes it, ready for the reply if the
  /// last message is the user's. Errors: messages in another order than the
  /// above, a system message that the template does not take.
  Result<std::string> render(std::span<const ChatMessage> messages) const;

  /// Its ids. Special tokens come from the template alone: one that stands in a
  /// message is read as plain text, so that no message can end its own turn.
  Result<std::vector<int32_t>>
  encode(const Tokenizer &tokenizer,
         std::span<const ChatMessage> messages) const;

private:
  Result<std::vector<TextPart>>
  parts(std::span<const ChatMessage> messages) const;
  std::string_view trimmed(std::string_view content, ChatPlace place) const;

  uint32_t flags = 0;
  std::array<std::string_view, ChatTextCount> texts;
};

} // namespace heed
