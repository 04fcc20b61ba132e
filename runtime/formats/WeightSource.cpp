//===- WeightSource.cpp - Weights by name, wherever they are stored -------===//
#include "runtime/formats/WeightSource.h"
#include "runtime/formats/Cursor.h"
#include "runtime/support/NearestName.h"
#include "runtime/support/Text.h"

#include <sys/stat.h>

using namespace heed;

/// What a file that is neither GGUF nor safetensors seems to be.
static const char *guessKind(std::string_view text) {
  if (text.starts_with("PK\x03\x04"))
    return "a zip archive (a PyTorch checkpoint, a wheel); convert or unpack "
           "it";
  if (text.starts_with("\x80\x02"))
    return "a pickle; convert it to safetensors";
  if (text.starts_with("version https://git-lfs"))
    return "a Git LFS pointer; fetch the file it stands for with `git lfs "
           "pull`";
  if (text.starts_with("\x93NUMPY"))
    return "a numpy array";
  if (text.starts_with("lmgg") || text.starts_with("fmgg") ||
      text.starts_with("tjgg"))
    return "a file of the formats before GGUF";
  if (text.starts_with("{"))
    return "JSON; name the folder that holds the weights";
  return nullptr;
}

Result<WeightSource> WeightSource::open(const std::string &path) {
  WeightSource out;
  out.where = path;
  struct stat info;
  if (::stat(path.c_str(), &info) == 0 && S_ISDIR(info.st_mode)) {
    auto shards = openSafetensorsFolder(path);
    if (!shards)
      return shards.error();
    out.shards = std::move(*shards);
  } else {
    Result<MappedFile> file = MappedFile::open(path);
    if (!file)
      return file.error();
    std::string_view text = asText(file->bytes());
    if (text.starts_with("GGUF")) {
      Result<Gguf> gguf = Gguf::open(path);
      if (!gguf)
        return gguf.error();
      out.asGguf = std::move(*gguf);
    } else if (const char *kind = guessKind(text)) {
      return Error{
          concat(path, ": expected GGUF or safetensors, this is ", kind)};
    } else if (text.size() > 8 && text[8] == '{') {
      Result<Safetensors> single = Safetensors::open(path);
      if (!single)
        return single.error();
      out.shards.push_back(std::move(*single));
    } else {
      return Error{path + ": neither a GGUF nor a safetensors file"};
    }
  }

  if (out.asGguf)
    out.addAll(out.asGguf->tensors());
  for (const Safetensors &shard : out.shards)
    out.addAll(shard.tensors());
  for (const auto &[name, tensor] : out.tensorOf)
    out.sortedNames.push_back(name);
  return out;
}

void WeightSource::addAll(const std::vector<TensorView> &tensors) {
  for (const TensorView &tensor : tensors)
    tensorOf.emplace(tensor.name, tensor);
}

std::optional<TensorView> WeightSource::find(std::string_view name) const {
  auto at = tensorOf.find(name);
  if (at == tensorOf.end())
    return std::nullopt;
  return at->second;
}

std::optional<std::string> WeightSource::nearest(std::string_view name) const {
  return nearestName(name, sortedNames);
}
