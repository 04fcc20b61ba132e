//===- Fields.h - The keys of a map, read by name and type ----------------===//
#pragma once

#include "frontend/ConstExpr.h"
#include "frontend/Yaml.h"

namespace heed {

/// Reads the keys of one thing (a step, the model). Every key that is asked for
/// is known; `finish` reports the others. The readers report what is ill-typed
/// and then give nothing, so that a caller needs no message of its own.
class Fields {
public:
  /// `what` names the thing in messages: "`rope`".
  Fields(Diagnostics &diags, const ExprNames &names, std::string what, Place at)
      : diags(diags), names(names), what(std::move(what)), at(at) {}

  /// Adds the keys of a map.
  void add(const Node &map);
  /// Adds one key: what stands behind the step's name goes by its main key.
  void add(llvm::StringRef key, Place place, const Node *value);

  /// The value of an optional key, or null; a key without value is reported.
  const Node *get(llvm::StringRef key);
  /// The value of a required key; null after a report.
  const Node *need(llvm::StringRef key);

  std::optional<int64_t> integer(llvm::StringRef key, bool required = false);
  std::optional<double> number(llvm::StringRef key, bool required = false);
  std::optional<bool> boolean(llvm::StringRef key);
  /// The index in `choices` of the value.
  std::optional<size_t> choice(llvm::StringRef key,
                               const std::vector<std::string> &choices,
                               bool required = false);

  /// Reports the keys that nobody asked for.
  void finish();

  const std::string &name() const { return what; }
  Place place() const { return at; }

private:
  struct Field {
    std::string key;
    Place at;
    const Node *value;
    bool asked = false;
  };
  Diagnostics &diags;
  const ExprNames &names;
  std::string what;
  Place at;
  std::vector<Field> fields;
  std::vector<std::string> known;
};

/// The text of a scalar; reports anything else as "expected WHAT, found …".
std::optional<llvm::StringRef>
scalarText(const Node &node, const llvm::Twine &what, Diagnostics &diags);

} // namespace heed
