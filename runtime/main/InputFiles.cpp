//===- InputFiles.cpp - Input tensors from numpy files --------------------===//
#include "runtime/main/InputFiles.h"
#include "runtime/support/Text.h"

#include <algorithm>

using namespace heed;

Result<InputFiles::Array> InputFiles::readArray(const NamedFile &named,
                                                ElementType wanted) {
  Result<Npy> npy = Npy::open(named.path);
  if (!npy)
    return npy.error();
  Array array{std::move(*npy), {}, {}, {}, {}};
  ElementType found = array.file.type();
  auto is = [&](ElementType a, ElementType b) {
    return found == a || found == b;
  };
  bool areFloats = is(ElementType::F32, ElementType::F64);
  if (wanted == ElementType::BF16 && areFloats) {
    Result<std::vector<float>> values = array.file.floats();
    if (!values)
      return values.error();
    for (float value : *values)
      array.halves.push_back(f32ToBf16(value));
  } else if (wanted == ElementType::F32 && areFloats) {
    Result<std::vector<float>> values = array.file.floats();
    if (!values)
      return values.error();
    array.floats = std::move(*values);
  } else if ((wanted == ElementType::I32 || wanted == ElementType::I64) &&
             is(ElementType::I32, ElementType::I64)) {
    Result<std::vector<int64_t>> values = array.file.integers();
    if (!values)
      return values.error();
    if (wanted == ElementType::I64) {
      array.large = std::move(*values);
      return array;
    }
    for (int64_t value : *values) {
      if (value != static_cast<int32_t>(value))
        return Error{concat(named.path, ": ", value, " does not fit i32")};
      array.small.push_back(static_cast<int32_t>(value));
    }
  } else if (found != wanted) {
    return Error{concat(named.path, ": input ", inQuotes(named.name),
                        " takes elements of type ", elementTypeName(wanted),
                        ", found ", elementTypeName(found))};
  }
  return array;
}

Result<InputFiles> InputFiles::read(const ModelInfo &info,
                                    const std::vector<NamedFile> &files) {
  InputFiles inputs;
  inputs.arrays.reserve(files.size());
  for (const NamedFile &file : files) {
    auto arg =
        std::find_if(info.args.begin(), info.args.end(), [&](const ArgInfo &a) {
          return a.kind == ArgKind::Input && a.name == file.name;
        });
    if (arg == info.args.end()) {
      inputs.refs.push_back({file.name, ElementType::F32, {}, nullptr});
      continue;
    }
    Result<Array> read = readArray(file, arg->type);
    if (!read)
      return read.error();
    const Array &array = inputs.arrays.emplace_back(std::move(*read));
    const void *data = array.file.view().bytes.data();
    if (!array.floats.empty())
      data = array.floats.data();
    else if (!array.halves.empty())
      data = array.halves.data();
    else if (!array.small.empty())
      data = array.small.data();
    else if (!array.large.empty())
      data = array.large.data();
    inputs.refs.push_back({arg->name, arg->type, array.file.shape(), data});
  }
  return inputs;
}
