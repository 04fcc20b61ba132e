//===- Json.cpp - Strict JSON from files we do not trust ------------------===//
#include "runtime/formats/Json.h"
#include "runtime/support/Text.h"

#include <vector>

using namespace heed;
using nlohmann::json;

namespace {

/// Builds the document and refuses what nlohmann's own builder lets pass.
/// The parser behind it does not recurse.
class Builder : public nlohmann::json_sax<json> {
public:
  json root;
  std::string problem;

  bool null() override { return add(nullptr); }
  bool boolean(bool value) override { return add(value); }
  bool number_integer(int64_t value) override { return add(value); }
  bool number_unsigned(uint64_t value) override { return add(value); }
  bool number_float(double value, const std::string &) override {
    return add(value);
  }
  bool string(std::string &value) override { return add(std::move(value)); }
  bool binary(json::binary_t &) override { return false; } // not in a text
  bool start_object(size_t) override { return open(json::object()); }
  bool start_array(size_t) override { return open(json::array()); }
  bool end_object() override { return close(); }
  bool end_array() override { return close(); }

  bool key(std::string &name) override {
    auto [at, isNew] = stack.back()->emplace(name, nullptr);
    if (!isNew) {
      problem =
          concat("the key ", inQuotes(name), " stands twice in one object");
      return false;
    }
    slot = &*at;
    return true;
  }

  bool parse_error(size_t, const std::string &,
                   const nlohmann::detail::exception &error) override {
    // "[json.exception.parse_error.101] parse error at line 1, column 2: ..."
    problem = error.what();
    if (size_t at = problem.find("line "); at != std::string::npos)
      problem.erase(0, at);
    // The text goes on with what was read last, which may be a whole file.
    if (size_t at = problem.find("; last read: "); at != std::string::npos)
      problem.erase(at);
    problem = printable(problem, 200);
    return false;
  }

private:
  static constexpr size_t deepest = 64;

  /// Puts a value where the document goes on; gives its place.
  json *place(json value) {
    if (stack.empty())
      return &(root = std::move(value));
    if (stack.back()->is_array()) {
      stack.back()->push_back(std::move(value));
      return &stack.back()->back();
    }
    return &(*slot = std::move(value));
  }
  bool add(json value) {
    place(std::move(value));
    return true;
  }
  bool open(json empty) {
    if (stack.size() == deepest) {
      problem = concat("nested more than ", deepest, " deep");
      return false;
    }
    stack.push_back(place(std::move(empty)));
    return true;
  }
  bool close() {
    stack.pop_back();
    return true;
  }

  // Open containers. Only the innermost grows, so the pointers stay good.
  std::vector<json *> stack;
  json *slot = nullptr; // of the key read last
};

} // namespace

Result<json> heed::parseJson(std::string_view text, const std::string &label) {
  Builder builder;
  if (!json::sax_parse(text.begin(), text.end(), &builder))
    return Error{concat(label, ": ", builder.problem)};
  return std::move(builder.root);
}
