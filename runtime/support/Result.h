//===- Result.h - A value, or one sentence that says what went wrong ------===//
//
// The runtime and the readers of runtime/formats use no exceptions and no LLVM.
// A function that can meet bad input returns Result<T>; the error text says
// what was expected and what was found, ready to be shown to the user.
//
//===----------------------------------------------------------------------===//
#pragma once

#include <string>
#include <utility>
#include <variant>

namespace heed {

/// What went wrong. `text` is one line without a final full stop. `fault` tells
/// whose fault it is: exit codes follow from it (1 the input, 3 the machine).
struct Error {
  enum Fault { Input, Machine };
  std::string text;
  Fault fault = Input;
};

/// A T, or an Error. Test it, then use `*` or `->`; take the error with
/// `error()`.
template <typename T> class [[nodiscard]] Result {
public:
  Result(T value) : held(std::move(value)) {}
  Result(Error error) : held(std::move(error)) {}

  explicit operator bool() const { return std::holds_alternative<T>(held); }
  T &operator*() { return *std::get_if<T>(&held); }
  const T &operator*() const { return *std::get_if<T>(&held); }
  T *operator->() { return std::get_if<T>(&held); }
  const T *operator->() const { return std::get_if<T>(&held); }
  const Error &error() const { return *std::get_if<Error>(&held); }

private:
  std::variant<T, Error> held;
};

/// Success, or an Error.
class [[nodiscard]] Status {
public:
  Status() = default;
  Status(Error error) : failed(true), held(std::move(error)) {}
  explicit operator bool() const { return !failed; }
  const Error &error() const { return held; }

private:
  bool failed = false;
  Error held;
};

} // namespace heed
