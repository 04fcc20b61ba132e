//===- StandardOutput.cpp - What the commands print -----------------------===//
#include "runtime/main/StandardOutput.h"
#include "runtime/support/Text.h"
#include "runtime/tokenizer/Utf8.h"

#include <cerrno>
#include <charconv>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <unistd.h>

using namespace heed;

StandardOutput::~StandardOutput() { (void)flush(); }

Status StandardOutput::write(std::string_view text) {
  waiting += text;
  return waiting.size() < 1 << 16 ? Status() : flush();
}

Status StandardOutput::flush() {
  std::string_view rest = waiting;
  while (!rest.empty()) {
    ssize_t wrote = ::write(STDOUT_FILENO, rest.data(), rest.size());
    if (wrote < 0 && errno == EINTR)
      continue;
    if (wrote < 0) {
      std::string why = std::strerror(errno);
      waiting.clear();
      return Error{"cannot write to the standard output: " + why,
                   Error::Machine};
    }
    rest.remove_prefix(static_cast<size_t>(wrote));
  }
  waiting.clear();
  return {};
}

std::string heed::jsonString(std::string_view text) {
  std::string out = "\"";
  for (char c : withValidUtf8(text)) {
    uint8_t byte = static_cast<uint8_t>(c);
    if (c == '"' || c == '\\') {
      out += {'\\', c};
    } else if (c == '\n') {
      out += "\\n";
    } else if (byte < 0x20 || byte == 0x7f) {
      char escaped[8];
      std::snprintf(escaped, sizeof escaped, "\\u%04x", byte);
      out += escaped;
    } else {
      out += c;
    }
  }
  return out += '"';
}

template <typename T> static std::string shortest(T value) {
  if (!std::isfinite(value))
    return "null";
  char digits[32];
  return {digits, std::to_chars(digits, digits + sizeof digits, value).ptr};
}

std::string heed::jsonNumber(double value) { return shortest(value); }
std::string heed::jsonNumber(float value) { return shortest(value); }

std::string heed::fixedNumber(double value, int decimals) {
  char digits[64];
  std::snprintf(digits, sizeof digits, "%.*f", decimals, value);
  return digits;
}

double heed::secondsNow() {
  return std::chrono::duration<double>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

Progress::Progress() : terminal(::isatty(STDERR_FILENO)), began(secondsNow()) {}

void Progress::show(std::string_view what, size_t done, size_t all) {
  double now = secondsNow();
  if (!terminal || now - began < 1 || (now - last < 0.1 && done != all))
    return;
  last = now;
  std::string line = concat("\r\x1b[K", what, ": ", done);
  if (all)
    line += concat(" of ", all, " (", done * 100 / all, " %)");
  std::fputs(line.c_str(), stderr);
  std::fflush(stderr);
  shown = true;
}

Progress::~Progress() {
  if (shown)
    std::fputs("\r\x1b[K", stderr);
}
