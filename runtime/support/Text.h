//===- Text.h - Small pieces of messages ----------------------------------===//
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>

namespace heed {

/// One string out of pieces: strings as they are, numbers in decimal.
template <typename... Pieces> std::string concat(const Pieces &...pieces) {
  std::string out;
  auto append = [&out](const auto &piece) {
    using Piece = std::decay_t<decltype(piece)>;
    if constexpr (std::is_arithmetic_v<Piece> && !std::is_same_v<Piece, char>)
      out += std::to_string(piece);
    else
      out += piece;
  };
  (append(pieces), ...);
  return out;
}

/// `text` on one line, whatever it holds: control characters and bytes that are
/// not valid UTF-8 become \xNN, and what is over `longest` bytes becomes "...".
/// For names that come out of files we do not trust.
std::string printable(std::string_view text, size_t longest);

/// The same in single quotes, for names: at most 80 bytes.
std::string inQuotes(std::string_view text);

/// "[2, 3]".
std::string shapeText(std::span<const int64_t> shape);

} // namespace heed
