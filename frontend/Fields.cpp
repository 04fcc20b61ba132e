//===- Fields.cpp - The keys of a map, read by name and type --------------===//
#include "frontend/Fields.h"

#include "llvm/ADT/STLExtras.h"

using namespace heed;
using llvm::StringRef;
using llvm::Twine;

void Fields::add(const Node &map) {
  // What stands in one map twice has been reported when it was parsed.
  for (auto [key, value] : llvm::zip(map.keys, map.items))
    if (map.find(key->text) == value)
      add(key->text, key->at, value);
}

void Fields::add(StringRef key, Place place, const Node *value) {
  for (const Field &field : fields)
    if (field.key == key)
      return diags.error(place,
                         "key `" + key + "` of " + what + " is given twice");
  fields.push_back({key.str(), place, value});
}

const Node *Fields::get(StringRef key) {
  known.push_back(key.str());
  for (Field &field : fields)
    if (field.key == key) {
      field.asked = true;
      if (field.value && field.value->kind != Node::Null)
        return field.value;
      diags.error(field.at, "`" + key + "` has no value");
      return nullptr;
    }
  return nullptr;
}

const Node *Fields::need(StringRef key) {
  const Node *value = get(key);
  bool given =
      llvm::any_of(fields, [&](const Field &f) { return f.key == key; });
  if (!given)
    diags.error(at, what + " needs `" + key + "`");
  return value;
}

std::optional<int64_t> Fields::integer(StringRef key, bool required) {
  const Node *value = required ? need(key) : get(key);
  return value ? constInteger(*value, names, diags) : std::nullopt;
}

std::optional<double> Fields::number(StringRef key, bool required) {
  const Node *value = required ? need(key) : get(key);
  return value ? constNumber(*value, names, diags) : std::nullopt;
}

std::optional<bool> Fields::boolean(StringRef key) {
  const Node *value = get(key);
  if (!value)
    return std::nullopt;
  if (value->isScalar() && (value->text == "true" || value->text == "false"))
    return value->text == "true";
  diags.error(value->at,
              "`" + key + "` is `true` or `false`, found " + value->describe());
  return std::nullopt;
}

std::optional<size_t> Fields::choice(StringRef key,
                                     const std::vector<std::string> &choices,
                                     bool required) {
  const Node *value = required ? need(key) : get(key);
  if (!value)
    return std::nullopt;
  for (auto [i, choice] : llvm::enumerate(choices))
    if (value->isScalar() && value->text == choice)
      return i;
  diags.error(value->at, "expected " + orList(choices) + ", found " +
                             value->describe() +
                             didYouMean(value->text, choices));
  return std::nullopt;
}

void Fields::finish() {
  for (const Field &field : fields)
    if (!field.asked)
      diags.error(field.at, "unknown key `" + field.key + "` of " + what +
                                didYouMean(field.key, known));
}

std::optional<StringRef> heed::scalarText(const Node &node, const Twine &what,
                                          Diagnostics &diags) {
  if (node.isScalar())
    return StringRef(node.text);
  diags.error(node.at, "expected " + what + ", found " + node.describe());
  return std::nullopt;
}
