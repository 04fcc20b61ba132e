//===- ChatCommand.cpp - OUT chat -----------------------------------------===//
#include "runtime/main/GenerateFlags.h"
#include "runtime/main/Interrupt.h"
#include "runtime/main/StandardOutput.h"
#include "runtime/main/TextInput.h"
#include "runtime/support/Text.h"
#include "runtime/tokenizer/ChatTemplate.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <deque>
#include <unistd.h>

using namespace heed;

namespace {
/// A conversation, as long as the context has room for it.
class Chat {
public:
  Chat(Session &session, ChatTemplate form, const GenerateOptions &options)
      : session(session), form(form), options(options) {}

  void system(std::string text) {
    turns.push_back({ChatRole::System, std::move(text)});
  }
  /// Answers `text` on the standard output. False: Ctrl-C ended the answer.
  Result<bool> answer(const std::string &text);

private:
  struct Turn {
    ChatRole role;
    std::string text;
  };
  Result<std::vector<int32_t>> ids() const;
  Status makeRoom();

  Session &session;
  ChatTemplate form;
  const GenerateOptions &options;
  std::deque<Turn> turns;
  std::vector<int32_t> known; // what slot 0 has read
  StandardOutput output;
};
} // namespace

Result<std::vector<int32_t>> Chat::ids() const {
  std::vector<ChatMessage> messages;
  for (const Turn &turn : turns)
    messages.push_back({turn.role, turn.text});
  return form.encode(*session.model().tokenizer(), messages);
}

/// Forgets the oldest exchanges until the conversation leaves room to answer.
Status Chat::makeRoom() {
  uint32_t context = session.model().info().context;
  size_t room = std::min<size_t>(options.tokens, context / 4);
  size_t first = turns.front().role == ChatRole::System ? 1 : 0, dropped = 0;
  for (;;) {
    Result<std::vector<int32_t>> all = ids();
    if (!all)
      return all.error();
    if (all->size() + room <= context)
      break;
    if (turns.size() <= first + 2) {
      if (all->size() <= context)
        break;
      return Error{concat("the message has ", all->size(),
                          " tokens, more than the model's context of ",
                          context)};
    }
    turns.erase(turns.begin() + first, turns.begin() + first + 2);
    ++dropped;
  }
  if (dropped)
    std::fprintf(stderr,
                 "note: the context is full; the oldest %zu exchanges "
                 "are forgotten\n",
                 dropped);
  return {};
}

Result<bool> Chat::answer(const std::string &text) {
  turns.push_back({ChatRole::User, text});
  Result<std::vector<int32_t>> all = std::vector<int32_t>();
  if (Status fits = makeRoom(); !fits) {
    turns.pop_back();
    return fits.error();
  }
  all = ids();
  if (!all)
    return all.error();
  // Go on from what the cache already holds; the last token is read again, for
  // its logits.
  size_t same =
      std::mismatch(known.begin(), known.end(), all->begin(), all->end())
          .first -
      known.begin();
  session.truncate(0, static_cast<uint32_t>(std::min(same, all->size() - 1)));

  std::string reply;
  GenerateCalls calls;
  calls.interrupted = &InterruptGuard::flag();
  calls.text = [&](std::string_view piece) -> Status {
    reply += piece;
    if (Status written = output.write(piece); !written)
      return written;
    return output.flush();
  };
  Progress progress;
  calls.progress = [&](size_t done, size_t count) {
    if (count > 1)
      progress.show("reading", done, count);
  };
  Result<Generated> made = generate(session, *all, options, calls);
  if (!made) {
    turns.pop_back();
    return made.error();
  }
  if (Status written = output.write("\n"); !written)
    return written.error();
  if (Status flushed = output.flush(); !flushed)
    return flushed.error();
  if (made->reason == StopReason::ContextFull)
    std::fprintf(stderr,
                 "note: the answer stops here: the model's context of "
                 "%u is full\n",
                 session.model().info().context);
  turns.push_back({ChatRole::Assistant, std::move(reply)});
  known = std::move(*all);
  known.insert(known.end(), made->ids.begin(), made->ids.end());
  known.resize(session.length(0));
  return made->reason != StopReason::Interrupted;
}

/// Reads a line from the standard input; false at its end or on Ctrl-C.
static bool readLine(std::string &line) {
  line.clear();
  for (char c;;) {
    ssize_t got = ::read(STDIN_FILENO, &c, 1);
    if (got < 0 && errno == EINTR && !InterruptGuard::flag())
      continue;
    if (got <= 0)
      return got == 0 && !line.empty();
    if (c == '\n')
      return true;
    line += c;
  }
}

static int run(CommandContext &context) {
  const Arguments &arguments = context.arguments;
  Result<GenerateOptions> options = generateOptions(arguments);
  if (!options)
    return context.failUsage(options.error().text);
  if (!arguments.has("--tokens"))
    options->tokens = 1024;
  int exit = ExitGood;
  std::unique_ptr<Model> model = context.open(exit);
  if (!model)
    return exit;
  if (Status able = canGenerate(*model); !able)
    return context.fail(able.error());
  if (!model->tokenizer())
    return context.fail(Error{"this model has no tokenizer"});
  Result<ChatTemplate> form = ChatTemplate::open(*model->tokenizer());
  if (!form)
    return context.fail(form.error());
  std::optional<std::string> system = arguments.text("--system");
  if (system && !form->takesSystem())
    return context.fail(Error{"this model's chat has no place for --system"});
  Result<std::unique_ptr<Session>> session = Session::create(*model);
  if (!session)
    return context.fail(session.error());

  Chat chat(**session, *form, *options);
  if (system)
    chat.system(*system);
  InterruptGuard interrupt;
  auto answer = [&](const std::string &text) {
    noteInvalidUtf8(text, "the message");
    Result<bool> whole = chat.answer(text);
    if (!whole)
      return context.fail(whole.error());
    return *whole ? int(ExitGood) : int(ExitInterrupted);
  };
  if (!arguments.operands().empty()) {
    std::string text;
    for (const std::string &word : arguments.operands())
      text += (text.empty() ? "" : " ") + word;
    if (text.empty())
      return context.fail(Error{"the message is empty"});
    return answer(text);
  }
  bool terminal = ::isatty(STDIN_FILENO);
  for (std::string line;;) {
    if (terminal)
      std::fputs("> ", stderr);
    if (!readLine(line)) {
      if (terminal)
        std::fputs("\n", stderr);
      return ExitGood;
    }
    if (line.empty())
      continue;
    int code = answer(line);
    // At a terminal Ctrl-C ends an answer, and a message too long is not the
    // end of the conversation.
    if (code == ExitMachine || (!terminal && code != ExitGood))
      return code;
    interrupt.rearm();
  }
}

static constexpr Flag flags[] = {
    HEED_GENERATE_FLAGS("1024"),
    {"--system", "TEXT", "what the model is told before the conversation"},
};

const Command heed::chatCommand = {
    "chat",
    "[MESSAGE]",
    "talk, in the form that the model was trained on",
    flags,
    "With a MESSAGE it answers once; else each line of the standard input is a "
    "message. Ctrl-C ends an\nanswer, Ctrl-C or Ctrl-D at the prompt ends the "
    "conversation.\n\n"
    "examples:\n"
    "  OUT chat\n"
    "  OUT chat \"What is the capital of France?\" --temperature 0.7\n"
    "  OUT chat --system \"You answer in one word.\" < questions.txt\n",
    run};
