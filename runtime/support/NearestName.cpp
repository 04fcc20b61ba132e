//===- NearestName.cpp - "did you mean" -----------------------------------===//
#include "runtime/support/NearestName.h"

#include <algorithm>
#include <numeric>
#include <vector>

using namespace heed;

size_t heed::editDistance(std::string_view a, std::string_view b,
                          size_t limit) {
  size_t lengthGap =
      a.size() > b.size() ? a.size() - b.size() : b.size() - a.size();
  if (lengthGap > limit)
    return limit + 1;
  // row[j]: distance between the first i bytes of a and the first j of b; above
  // and aboveThat: the same for i - 1 and i - 2.
  std::vector<size_t> row(b.size() + 1), above(row.size()),
      aboveThat(row.size());
  std::iota(row.begin(), row.end(), size_t(0));
  size_t leastAbove = 0;
  for (size_t i = 1; i <= a.size(); ++i) {
    std::swap(aboveThat, above);
    std::swap(above, row);
    size_t least = row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      row[j] = std::min({above[j] + 1, row[j - 1] + 1,
                         above[j - 1] + (a[i - 1] != b[j - 1])});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
        row[j] = std::min(row[j], aboveThat[j - 2] + 1);
      least = std::min(least, row[j]);
    }
    if (std::min(least, leastAbove) > limit)
      return limit + 1;
    leastAbove = least;
  }
  return std::min(row[b.size()], limit + 1);
}

std::optional<std::string>
heed::nearestName(std::string_view wanted,
                  std::span<const std::string> candidates) {
  // A long name is never compared in full: no weight or key has 256 bytes.
  if (wanted.size() > 256)
    return std::nullopt;
  size_t limit = std::max<size_t>(1, wanted.size() / 3);
  const std::string *best = nullptr;
  for (const std::string &candidate : candidates) {
    size_t distance = editDistance(wanted, candidate, limit);
    if (distance > limit)
      continue;
    best = &candidate;
    if (distance == 0)
      break;
    limit = distance - 1;
  }
  if (!best)
    return std::nullopt;
  return *best;
}
