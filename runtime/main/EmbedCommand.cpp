//===- EmbedCommand.cpp - OUT embed, OUT similar --------------------------===//
#include "runtime/formats/Npy.h"
#include "runtime/main/Command.h"
#include "runtime/main/Embedder.h"
#include "runtime/main/NamedFiles.h"
#include "runtime/main/StandardOutput.h"
#include "runtime/support/Text.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <unistd.h>

using namespace heed;

static std::string asLine(std::string_view text, std::span<const float> vector,
                          bool json) {
  std::string line;
  for (float value : vector) {
    line += line.empty() ? "" : json ? "," : " ";
    line += jsonNumber(value);
  }
  if (json)
    return concat("{\"text\":", jsonString(text), ",\"embedding\":[", line,
                  "]}\n");
  return line + "\n";
}

static void noteCut(const Embedder &embedder) {
  if (embedder.cut())
    std::fprintf(stderr, "note: longer than the model takes, so cut: %zu %s\n",
                 embedder.cut(), embedder.cut() == 1 ? "text" : "texts");
}

static int embed(CommandContext &context) {
  const Arguments &arguments = context.arguments;
  Result<std::vector<NamedFile>> outs =
      parseNamedFiles("--out", arguments.all("--out"));
  if (!outs)
    return context.failUsage(outs.error().text);
  for (const NamedFile &out : *outs)
    if (out.name != "embedding")
      return context.failUsage(concat(
          "embed writes --out embedding=file.npy, not ", inQuotes(out.name)));
  std::optional<std::string> file = arguments.text("--file");
  if (file && !arguments.operands().empty())
    return context.failUsage("embed takes texts or --file, not both");
  if (!file && arguments.operands().empty()) {
    if (::isatty(STDIN_FILENO))
      return context.failUsage("embed needs texts, --file or a standard input");
    file = "-";
  }
  int exit = ExitGood;
  std::unique_ptr<Model> model = context.open(exit);
  if (!model)
    return exit;
  Result<Embedder> embedder = Embedder::create(*model);
  if (!embedder)
    return context.fail(embedder.error());

  StandardOutput output;
  bool json = arguments.has("--json");
  size_t width = static_cast<size_t>(embedder->width());
  std::vector<float> all; // only for a file, whose header needs the count
  auto take = [&](size_t, std::span<const std::string> texts,
                  std::span<const float> embeddings) -> Status {
    if (!outs->empty()) {
      all.insert(all.end(), embeddings.begin(), embeddings.end());
      return {};
    }
    for (size_t i = 0; i < texts.size(); ++i)
      if (Status written = output.write(
              asLine(texts[i], embeddings.subspan(i * width, width), json));
          !written)
        return written;
    return {};
  };
  Status done;
  if (file) {
    done = embedLines(*embedder, *file, take);
  } else {
    std::span<const std::string> texts = arguments.operands();
    for (size_t at = 0; done && at < texts.size(); at += Embedder::batch) {
      std::vector<float> embeddings;
      std::span<const std::string> part =
          texts.subspan(at, std::min(Embedder::batch, texts.size() - at));
      done = embedder->embed(part, embeddings);
      if (done)
        done = take(at, part, embeddings);
    }
  }
  if (done)
    done = output.flush();
  int64_t shape[] = {static_cast<int64_t>(all.size() / width),
                     embedder->width()};
  for (const NamedFile &out : *outs)
    if (done)
      done = writeNpy(out.path, shape, std::span<const float>(all));
  if (!done)
    return context.fail(done.error());
  noteCut(*embedder);
  return ExitGood;
}

namespace {
struct Match {
  float cosine;
  size_t line; // from 0
  std::string text;
  /// Better first; of equals the earlier.
  bool operator<(const Match &other) const {
    return cosine != other.cosine ? cosine > other.cosine : line < other.line;
  }
};
} // namespace

static float cosine(std::span<const float> a, std::span<const float> b) {
  double dot = 0, aa = 0, bb = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    dot += double(a[i]) * b[i];
    aa += double(a[i]) * a[i];
    bb += double(b[i]) * b[i];
  }
  return aa > 0 && bb > 0 ? static_cast<float>(dot / std::sqrt(aa * bb)) : 0;
}

static int similar(CommandContext &context) {
  const Arguments &arguments = context.arguments;
  Result<int64_t> top = arguments.integer("--top", 5, 1, 1'000'000);
  if (!top)
    return context.failUsage(top.error().text);
  std::string query;
  for (const std::string &word : arguments.operands())
    query += (query.empty() ? "" : " ") + word;
  if (query.empty())
    return context.failUsage("similar needs a QUERY");
  std::string file = arguments.text("--file").value_or("-");
  if (file == "-" && ::isatty(STDIN_FILENO))
    return context.failUsage("similar needs --file or a standard input");
  int exit = ExitGood;
  std::unique_ptr<Model> model = context.open(exit);
  if (!model)
    return exit;
  Result<Embedder> embedder = Embedder::create(*model);
  if (!embedder)
    return context.fail(embedder.error());
  std::vector<float> wanted;
  if (Status done = embedder->embed({&query, 1}, wanted); !done)
    return context.fail(done.error());

  size_t width = static_cast<size_t>(embedder->width());
  std::vector<Match> best;
  Status done = embedLines(
      *embedder, file,
      [&](size_t first, std::span<const std::string> lines,
          std::span<const float> embeddings) -> Status {
        for (size_t i = 0; i < lines.size(); ++i)
          best.push_back({cosine(wanted, embeddings.subspan(i * width, width)),
                          first + i, lines[i]});
        std::sort(best.begin(), best.end());
        if (best.size() > static_cast<size_t>(*top))
          best.erase(best.begin() + *top, best.end());
        return {};
      });
  if (!done)
    return context.fail(done.error());
  StandardOutput output;
  for (const Match &match : best) {
    std::string line = arguments.has("--json")
                           ? concat("{\"cosine\":", jsonNumber(match.cosine),
                                    ",\"line\":", match.line + 1,
                                    ",\"text\":", jsonString(match.text), "}\n")
                           : concat(fixedNumber(match.cosine, 4), "\t",
                                    match.line + 1, "\t", match.text, "\n");
    if (Status written = output.write(line); !written)
      return context.fail(written.error());
  }
  if (Status flushed = output.flush(); !flushed)
    return context.fail(flushed.error());
  noteCut(*embedder);
  return ExitGood;
}

static constexpr Flag embedFlags[] = {
    {"--file", "FILE", "a text a line from FILE; - is the standard input"},
    {"--out", "embedding=FILE.npy", "write float32 [texts, width], print none"},
    {"--json", nullptr, "a line of JSON for each text"},
};
static constexpr Flag similarFlags[] = {
    {"--file", "FILE", "the lines to search; - is the standard input"},
    {"--top", "N", "how many lines to show (default 5)"},
    {"--json", nullptr, "a line of JSON for each"},
};

const Command heed::embedCommand = {
    "embed",
    "[TEXT...]",
    "a vector for each text",
    embedFlags,
    "An empty line is a text too, so that lines and vectors agree.\n\n"
    "examples:\n"
    "  OUT embed \"a first text\" \"a second one\"\n"
    "  OUT embed --file lines.txt --out embedding=vectors.npy\n"
    "  OUT embed --json < lines.txt\n",
    embed};

const Command heed::similarCommand = {
    "similar",
    "QUERY",
    "the lines of a file nearest in meaning",
    similarFlags,
    "Prints cosine, line number and line, the nearest first.\n\n"
    "examples:\n"
    "  OUT similar \"how do I reset it?\" --file manual.txt\n"
    "  OUT similar cats --top 3 --json < lines.txt\n",
    similar};
