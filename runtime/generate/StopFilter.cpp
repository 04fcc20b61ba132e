//===- StopFilter.cpp - Text up to a stop string --------------------------===//
#include "runtime/generate/StopFilter.h"

#include <algorithm>
#include <utility>

using namespace heed;

StopFilter::StopFilter(std::vector<std::string> given)
    : stops(std::move(given)) {
  std::erase(stops, std::string());
}

bool StopFilter::push(std::string_view text, std::string &out) {
  waiting += text;
  size_t first = std::string::npos;
  for (const std::string &stop : stops)
    first = std::min(first, waiting.find(stop));
  if (first != std::string::npos) {
    out.append(waiting, 0, first);
    waiting.clear();
    return true;
  }
  size_t keep = 0;
  for (const std::string &stop : stops)
    for (size_t size = std::min(stop.size() - 1, waiting.size()); size > keep;
         --size)
      if (waiting.ends_with(std::string_view(stop).substr(0, size)))
        keep = size;
  out.append(waiting, 0, waiting.size() - keep);
  waiting.erase(0, waiting.size() - keep);
  return false;
}

std::string StopFilter::flush() { return std::exchange(waiting, {}); }
