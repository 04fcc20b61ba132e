//===- Embedder.cpp - Texts to vectors ------------------------------------===//
#include "runtime/main/Embedder.h"
#include "runtime/main/StandardOutput.h"
#include "runtime/main/TextInput.h"
#include "runtime/support/Text.h"

#include <algorithm>

using namespace heed;

Result<Embedder> Embedder::create(Model &model) {
  const ArgInfo *output = model.outputNamed("embedding");
  if (!output || output->axes.size() != 2 || output->type != ElementType::F32 ||
      output->axes[0].name != "sequence")
    return Error{"this model gives no embeddings; see info for what it does"};
  if (!model.tokenizer())
    return Error{"this model has no tokenizer; see run --ids"};
  Result<std::unique_ptr<Session>> session =
      Session::create(model, static_cast<unsigned>(batch));
  if (!session)
    return session.error();
  Embedder embedder;
  embedder.session = std::move(*session);
  embedder.columns = output->axes[1].size;
  embedder.longest = model.info().context;
  if (uint32_t limit = model.tokenizer()->maxLength())
    embedder.longest = std::min<size_t>(embedder.longest, limit);
  return embedder;
}

Status Embedder::embed(std::span<const std::string> texts,
                       std::vector<float> &out) {
  const Tokenizer &tokenizer = *session->model().tokenizer();
  std::vector<int32_t> tokens, positions, sequences;
  EncodeOptions options;
  // One more than fits tells a text that was cut.
  options.truncateTo = longest + 1;
  for (size_t i = 0; i < texts.size(); ++i) {
    std::vector<int32_t> ids = tokenizer.encode(texts[i], options);
    if (ids.size() > longest) {
      ++cutTexts;
      EncodeOptions whole;
      whole.truncateTo = longest;
      ids = tokenizer.encode(texts[i], whole);
    }
    if (ids.empty())
      return Error{concat("no token stands for the text ", inQuotes(texts[i]))};
    for (size_t position = 0; position < ids.size(); ++position) {
      tokens.push_back(ids[position]);
      positions.push_back(static_cast<int32_t>(position));
      sequences.push_back(static_cast<int32_t>(i));
    }
  }
  if (Status done = session->step({tokens, positions, sequences, {}, {}});
      !done)
    return done;
  OutputRef embeddings = session->output("embedding");
  out.insert(out.end(), embeddings.row(0),
             embeddings.row(static_cast<int64_t>(texts.size())));
  return {};
}

Status heed::embedLines(
    Embedder &embedder, const std::string &path,
    const std::function<Status(size_t, std::span<const std::string>,
                               std::span<const float>)> &each) {
  Result<LineReader> reader = LineReader::open(path);
  if (!reader)
    return reader.error();
  Progress progress;
  std::vector<std::string> lines;
  std::vector<float> embeddings;
  size_t done = 0;
  for (bool more = true; more;) {
    lines.clear();
    while (more && lines.size() < Embedder::batch) {
      std::string line;
      Result<bool> got = reader->next(line);
      if (!got)
        return got.error();
      more = *got;
      if (more)
        lines.push_back(std::move(line));
    }
    if (lines.empty())
      break;
    embeddings.clear();
    if (Status embedded = embedder.embed(lines, embeddings); !embedded)
      return Error{concat(path == "-" ? "the standard input" : path, ", lines ",
                          done + 1, " and on: ", embedded.error().text),
                   embedded.error().fault};
    if (Status taken = each(done, lines, embeddings); !taken)
      return taken;
    done += lines.size();
    progress.show("lines", done, 0);
  }
  return {};
}
