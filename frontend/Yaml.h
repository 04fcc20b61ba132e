//===- Yaml.h - A YAML document as a tree that remembers its places -------===//
#pragma once

#include "frontend/Diagnostics.h"

#include <deque>
#include <optional>

namespace heed {

/// One node. Aliases share nodes; the tree they span is limited in depth and
/// size, so that it can be walked without care.
struct Node {
  enum Kind { Null, Scalar, List, Map };
  Kind kind = Null;
  Place at;
  std::string text;                // Scalar
  bool quoted = false;             // Scalar
  std::vector<const Node *> items; // List; the values of a Map
  std::vector<const Node *> keys;  // Map: scalars, distinct, as many as items
  size_t depth = 1, size = 1;      // of the tree below, aliases walked

  bool isScalar() const { return kind == Scalar; }
  bool isList() const { return kind == List; }
  bool isMap() const { return kind == Map; }
  /// The value of that key of a map, or null.
  const Node *find(llvm::StringRef key) const;
  /// "a list", "`kv <= q`": for messages.
  std::string describe() const;
};

/// Owns the nodes of one document.
struct Document {
  std::deque<Node> nodes;
  const Node *root = nullptr;
};

/// Parses one document. Two liberties make the language read well: `{i}` is a
/// hole for the layer's number and not a map, and a bracket that follows a name
/// at once (`f32[q, head]`, `window[h]`) belongs to the name, inside { } too.
/// Errors: what YAML forbids, duplicate keys, keys that are no scalars, aliases
/// that contain themselves or blow up, more than one document.
std::optional<Document> parseYaml(llvm::StringRef text, Diagnostics &diags);

} // namespace heed
