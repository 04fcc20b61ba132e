//===- NearestName.h - "did you mean" -------------------------------------===//
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace heed {

/// The least number of insertions, deletions and substitutions of single bytes
/// and swaps of two neighbours that turn `a` into `b`, or `limit + 1` when that
/// is over `limit` (optimal string alignment, O(|a| |b|) time).
size_t editDistance(std::string_view a, std::string_view b, size_t limit);

/// The candidate nearest to `wanted`, if one is near enough to be what was
/// meant: at most a third of `wanted` differs. Of equally near ones the first.
std::optional<std::string> nearestName(std::string_view wanted,
                                       std::span<const std::string> candidates);

} // namespace heed
