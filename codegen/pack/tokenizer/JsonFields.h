//===- JsonFields.h - Typed access to untrusted JSON ----------------------===//
#pragma once

#include "runtime/formats/Json.h"
#include "runtime/support/Text.h"

#include <cstdint>
#include <optional>

namespace heed {

/// A JSON value with the path to it, for messages: "model.vocab". Every access
/// asks for the kind first: nlohmann's own accessors abort on a wrong one.
class JsonField {
public:
  JsonField(const nlohmann::json &value, std::string path)
      : value(&value), path(std::move(path)) {}

  const std::string &where() const { return path; }
  const nlohmann::json &json() const { return *value; }

  /// A member that is there and is not null.
  std::optional<JsonField> find(const char *key) const {
    if (!value->is_object())
      return std::nullopt;
    auto at = value->find(key);
    if (at == value->end() || at->is_null())
      return std::nullopt;
    return JsonField(*at, path.empty() ? key : concat(path, ".", key));
  }
  JsonField element(size_t i) const {
    return JsonField((*value)[i], concat(path, "[", i, "]"));
  }
  size_t size() const { return value->size(); }

  bool isArray() const { return value->is_array(); }
  bool isObject() const { return value->is_object(); }
  std::optional<std::string_view> string() const {
    if (const auto *held = value->get_ptr<const std::string *>())
      return *held;
    return std::nullopt;
  }
  /// A non-negative integer below 2^31.
  std::optional<int32_t> index() const {
    const auto *held = value->get_ptr<const uint64_t *>();
    if (!held || *held > INT32_MAX)
      return std::nullopt;
    return static_cast<int32_t>(*held);
  }

  /// A member's text, or nothing.
  std::optional<std::string_view> stringOf(const char *key) const {
    std::optional<JsonField> member = find(key);
    return member ? member->string() : std::nullopt;
  }
  /// A member's truth, or `otherwise` when it is absent or no boolean.
  bool flagOf(const char *key, bool otherwise) const {
    std::optional<JsonField> member = find(key);
    if (!member || !member->value->is_boolean())
      return otherwise;
    return *member->value->get_ptr<const bool *>();
  }
  /// The value of "type", or "" .
  std::string_view typeName() const {
    return stringOf("type").value_or(std::string_view());
  }

private:
  const nlohmann::json *value;
  std::string path;
};

} // namespace heed
