//===- SafetensorsFolder.cpp - A checkpoint in several files --------------===//
#include "runtime/formats/Cursor.h"
#include "runtime/formats/Json.h"
#include "runtime/formats/Safetensors.h"
#include "runtime/support/Text.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <dirent.h>
#include <set>

using namespace heed;
using nlohmann::json;

static constexpr const char *indexName = "model.safetensors.index.json";
static constexpr const char *singleName = "model.safetensors";

static Result<std::set<std::string>> listFolder(const std::string &path) {
  DIR *folder = ::opendir(path.c_str());
  if (!folder)
    return Error{concat(path, ": cannot be listed: ", std::strerror(errno))};
  std::set<std::string> names;
  while (const dirent *entry = ::readdir(folder))
    names.insert(entry->d_name);
  ::closedir(folder);
  return names;
}

/// The index's {"weight_map": {tensor: shard}}.
static Result<std::map<std::string, std::string>>
readIndex(const std::string &path) {
  Result<MappedFile> file = MappedFile::open(path);
  if (!file)
    return file.error();
  Result<json> root = parseJson(asText(file->bytes()), path);
  if (!root)
    return root.error();
  auto at = root->find("weight_map");
  if (!root->is_object() || at == root->end() || !at->is_object())
    return Error{path + ": 'weight_map' must map tensors to files"};
  std::map<std::string, std::string> shardOf;
  for (const auto &[tensor, shard] : at->items()) {
    if (!shard.is_string())
      return Error{concat(path, ": the file of ", inQuotes(tensor),
                          " must be a string")};
    const auto &name = shard.get_ref<const std::string &>();
    if (name.empty() || name == "." || name == ".." ||
        name.find_first_of(std::string_view("/\0", 2)) != std::string::npos)
      return Error{concat(path, ": the file of ", inQuotes(tensor), ", ",
                          inQuotes(name),
                          ", is not the name of a file in this "
                          "folder")};
    shardOf.emplace(tensor, name);
  }
  if (shardOf.empty())
    return Error{path + ": 'weight_map' is empty"};
  return shardOf;
}

/// Which files to read when no index says so.
static Result<std::set<std::string>>
shardsOf(const std::string &folder, const std::set<std::string> &names) {
  if (names.contains(singleName))
    return std::set<std::string>{singleName};
  std::set<std::string> shards;
  for (const std::string &name : names)
    if (name.ends_with(".safetensors"))
      shards.insert(name);
  if (!shards.empty())
    return shards;
  for (const std::string &name : names)
    if (name.ends_with(".bin") || name.ends_with(".pt") ||
        name.ends_with(".pth"))
      return Error{concat(folder, ": holds no .safetensors file; ",
                          inQuotes(name), " must be converted to safetensors")};
  return Error{concat(folder, ": holds no .safetensors file")};
}

Result<std::vector<Safetensors>>
heed::openSafetensorsFolder(const std::string &folder) {
  Result<std::set<std::string>> names = listFolder(folder);
  if (!names)
    return names.error();
  std::map<std::string, std::string> promised;
  Result<std::set<std::string>> shards = std::set<std::string>();
  std::string indexPath = concat(folder, "/", indexName);
  if (names->contains(indexName)) {
    auto index = readIndex(indexPath);
    if (!index)
      return index.error();
    promised = std::move(*index);
    for (const auto &[tensor, shard] : promised)
      shards->insert(shard);
  } else {
    shards = shardsOf(folder, *names);
    if (!shards)
      return shards.error();
  }

  std::vector<Safetensors> out;
  std::map<std::string, std::string> foundIn;
  for (const std::string &shard : *shards) {
    if (!names->contains(shard))
      return Error{concat(indexPath, ": names the file ", inQuotes(shard),
                          ", which is not in the folder")};
    Result<Safetensors> file = Safetensors::open(concat(folder, "/", shard));
    if (!file)
      return file.error();
    for (const TensorView &tensor : file->tensors())
      if (auto [at, isNew] = foundIn.emplace(tensor.name, shard); !isNew)
        return Error{concat(folder, ": tensor ", inQuotes(tensor.name),
                            " stands in both ", inQuotes(at->second), " and ",
                            inQuotes(shard))};
    out.push_back(std::move(*file));
  }
  for (const auto &[tensor, shard] : promised) {
    auto at = foundIn.find(tensor);
    if (at == foundIn.end() || at->second != shard)
      return Error{concat(indexPath, ": tensor ", inQuotes(tensor),
                          " is not in the file ", inQuotes(shard))};
  }
  return out;
}
