//===- Arguments.cpp - The command line -----------------------------------===//
#include "runtime/main/Arguments.h"
#include "runtime/support/NearestName.h"
#include "runtime/support/Text.h"

#include <algorithm>
#include <charconv>
#include <cmath>

using namespace heed;

static Error unknownFlag(std::string_view name, std::span<const Flag> flags) {
  std::vector<std::string> known;
  for (const Flag &flag : flags)
    known.push_back(flag.name);
  std::string text = concat("unknown flag ", inQuotes(name));
  if (std::optional<std::string> near = nearestName(name, known))
    text += concat("; did you mean ", *near, "?");
  return {text};
}

Result<Arguments> Arguments::parse(std::span<const char *const> words,
                                   std::span<const Flag> flags) {
  Arguments arguments;
  bool flagsEnded = false;
  for (size_t i = 0; i < words.size(); ++i) {
    std::string_view word = words[i];
    if (flagsEnded || word.size() < 2 || word[0] != '-') {
      arguments.plain.emplace_back(word);
      continue;
    }
    if (word == "--") {
      flagsEnded = true;
      continue;
    }
    if (word == "-h")
      word = "--help";
    size_t equals = std::min(word.find('='), word.size());
    std::string_view name = word.substr(0, equals);
    auto flag = std::find_if(flags.begin(), flags.end(),
                             [&](const Flag &f) { return name == f.name; });
    if (flag == flags.end())
      return unknownFlag(name, flags);
    bool attached = equals < word.size();
    std::string value(attached ? word.substr(equals + 1) : "");
    if (!flag->value && attached)
      return Error{concat(name, " takes no value, found ", inQuotes(value))};
    if (flag->value && !attached) {
      if (i + 1 == words.size())
        return Error{concat(name, " needs a value: ", name, " ", flag->value)};
      value = words[++i];
    }
    arguments.given.push_back({std::string(name), std::move(value)});
  }
  return arguments;
}

bool Arguments::has(std::string_view flag) const {
  return std::any_of(given.begin(), given.end(),
                     [&](const Given &g) { return g.flag == flag; });
}

std::optional<std::string> Arguments::text(std::string_view flag) const {
  for (size_t i = given.size(); i-- > 0;)
    if (given[i].flag == flag)
      return given[i].value;
  return std::nullopt;
}

std::vector<std::string> Arguments::all(std::string_view flag) const {
  std::vector<std::string> values;
  for (const Given &g : given)
    if (g.flag == flag)
      values.push_back(g.value);
  return values;
}

static std::string plainNumber(double value) {
  char digits[32];
  auto end = std::to_chars(digits, digits + sizeof digits, value).ptr;
  return {digits, end};
}

template <typename T>
static Result<T> parseNumber(std::string_view flag, const std::string &value,
                             const char *what, T least, T most) {
  T parsed{};
  const char *begin = value.data(), *end = begin + value.size();
  auto [stop, code] = std::from_chars(begin, end, parsed);
  if (code == std::errc() && stop == end && parsed >= least && parsed <= most)
    return parsed;
  std::string range = concat(" from ", plainNumber(double(least)), " to ",
                             plainNumber(double(most)));
  if (double(most) > 1e15)
    range = concat(" of at least ", plainNumber(double(least)));
  return Error{
      concat(flag, ": expected ", what, range, ", found ", inQuotes(value))};
}

Result<int64_t> Arguments::integer(std::string_view flag, int64_t otherwise,
                                   int64_t least, int64_t most) const {
  std::optional<std::string> value = text(flag);
  if (!value)
    return otherwise;
  return parseNumber<int64_t>(flag, *value, "a whole number", least, most);
}

Result<double> Arguments::number(std::string_view flag, double otherwise,
                                 double least, double most) const {
  std::optional<std::string> value = text(flag);
  if (!value)
    return otherwise;
  return parseNumber<double>(flag, *value, "a number", least, most);
}
