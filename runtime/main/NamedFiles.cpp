//===- NamedFiles.cpp - NAME=file.npy -------------------------------------===//
#include "runtime/main/NamedFiles.h"
#include "runtime/formats/Npy.h"
#include "runtime/support/Text.h"

#include <algorithm>

using namespace heed;

Result<std::vector<NamedFile>>
heed::parseNamedFiles(const std::string &flag,
                      const std::vector<std::string> &words) {
  std::vector<NamedFile> files;
  for (const std::string &word : words) {
    size_t equals = word.find('=');
    if (equals == std::string::npos || equals == 0 || equals + 1 == word.size())
      return Error{
          concat(flag, " expects NAME=file.npy, found ", inQuotes(word))};
    std::string name = word.substr(0, equals);
    if (std::any_of(files.begin(), files.end(),
                    [&](const NamedFile &file) { return file.name == name; }))
      return Error{concat(flag, " names ", inQuotes(name), " twice")};
    files.push_back({name, word.substr(equals + 1)});
  }
  return files;
}

Result<IdArray> heed::readIds(const std::string &path) {
  Result<Npy> npy = Npy::open(path);
  if (!npy)
    return npy.error();
  const std::vector<int64_t> &shape = npy->shape();
  if (shape.empty() || shape.size() > 2)
    return Error{concat(path, ": expected shape [batch, n] or [n], found ",
                        shapeText(shape))};
  Result<std::vector<int64_t>> values = npy->integers();
  if (!values)
    return values.error();
  IdArray ids;
  ids.batch = shape.size() == 2 ? shape[0] : 1;
  ids.length = shape.back();
  ids.values = std::move(*values);
  return ids;
}
