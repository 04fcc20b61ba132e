//===- Model.cpp - An open model ------------------------------------------===//
#include "runtime/step/Model.h"
#include "runtime/step/CpuFeatures.h"
#include "runtime/support/Text.h"

#include <cstdlib>
#include <sys/mman.h>

using namespace heed;

Result<std::unique_ptr<Model>> Model::open(const std::string &path,
                                           const heed_variant *variants,
                                           unsigned threads) {
  // First, so that every other CPU gets this message and nothing else.
  Result<const heed_variant *> code = chooseVariant(variants);
  if (!code)
    return code.error();
  Result<ModelFile> file = ModelFile::open(path);
  if (!file)
    return file.error();
  Bytes section = file->section(SectionKind::Info);
  Result<ModelInfo> info = ModelInfo::decode(
      {reinterpret_cast<const char *>(section.data()), section.size()});
  if (!info)
    return Error{concat(path, ": ", info.error().text)};
  if (info->kind == ModelKind::EncoderDecoder)
    return Error{path + ": models of an encoder and a decoder cannot be run "
                        "yet"};

  std::unique_ptr<Model> model(
      new Model(std::move(*file), std::move(*info), *code));
  Bytes table = model->mapped.section(SectionKind::Tokenizer);
  if (!table.empty()) {
    Result<Tokenizer> tokenizer = Tokenizer::open(std::as_bytes(table));
    if (!tokenizer)
      return Error{concat(path, ": ", tokenizer.error().text)};
    if (model->description.kind != ModelKind::Tensors &&
        tokenizer->vocabularySize() > model->description.vocabulary)
      return Error{concat(path, ": the tokenizer has ",
                          tokenizer->vocabularySize(), " tokens, the model ",
                          model->description.vocabulary)};
    model->words = std::move(*tokenizer);
  }
  if (threads == 0)
    threads = ThreadPool::defaultThreads();
  Result<std::unique_ptr<ThreadPool>> pool = ThreadPool::create(threads);
  if (!pool)
    return pool.error();
  model->pool = std::move(*pool);
  if (Bytes weights = model->weights(); !weights.empty())
    ::madvise(const_cast<uint8_t *>(weights.data()), weights.size(),
              MADV_WILLNEED);
  return model;
}

const ArgInfo *Model::outputNamed(std::string_view name) const {
  for (const ArgInfo &arg : description.args)
    if (arg.kind == ArgKind::Output && arg.name == name)
      return &arg;
  return nullptr;
}

std::string heed::runningExecutable() {
  char *self = ::realpath("/proc/self/exe", nullptr);
  std::string path = self ? self : "/proc/self/exe";
  std::free(self);
  return path;
}
