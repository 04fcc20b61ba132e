#include "tools/heed/CertifiedPromises.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringRef.h"

#include <map>
#include <set>

using namespace heed;
using certificate::Claim;
using certificate::Outline;
using llvm::StringRef;

namespace {
class Promised {
public:
  Promised(const ModelOutline &model, const std::vector<Claim> &proved)
      : model(model), proved(proved) {}

  /// What is not proved of it; empty when nothing is.
  std::string missing(StringRef text) {
    auto [name, value] = text.split(": ");
    int64_t most = 0;
    value.getAsInteger(10, most);
    // What `causal` means of queries that stand at the end is not certified.
    bool atEnd = llvm::any_of(model.promises, [](const auto &promise) {
      return promise.text == "aligned: end";
    });
    if (name == "causal" && !atEnd)
      return causal();
    if (name == "cacheable") // each mask alone
      return causal() + ofMasks("ahead", 0);
    if (name == "rows_covered")
      return ofMasks("rows", 0);
    if (name == "cache")
      return ofMasks("cache", most);
    return "a certificate says nothing of it";
  }

private:
  const Claim *find(const std::string &kind, size_t number) {
    auto it = llvm::find_if(proved, [&](const Claim &claim) {
      return claim.kind == kind && claim.number == number;
    });
    return it == proved.end() ? nullptr : &*it;
  }

  bool isAsked(const std::string &output) {
    return !model.hasDecoder || output == "logits";
  }

  std::string causal() {
    for (const std::string &output : model.outputs)
      if (isAsked(output) && llvm::none_of(proved, [&](const Claim &claim) {
            return claim.kind == "model" && claim.title == output;
          }))
        return "the certificate does not prove `model " + output + "`; ";
    return "";
  }

  /// The masks that are met on the way to the outputs.
  std::set<size_t> masks(bool all) {
    std::set<size_t> found;
    for (const auto &[output, steps] : model.outline.outputs)
      for (const certificate::Step &step : steps)
        for (auto [read, mask] : step.reads)
          if (isAsked(output) && mask >= Outline::FirstMask)
            found.insert(mask);
    for (size_t m = Outline::FirstMask; all && m < model.outline.masks.size();
         ++m)
      found.insert(m);
    return found;
  }

  /// Each number at most `most`, those of rings and of pinned keys together.
  std::string ofMasks(const std::string &kind, int64_t most) {
    for (size_t mask : masks(kind != "ahead")) {
      // Keys of another sequence are not kept as rows are.
      if (kind == "ahead" && !model.places[mask - Outline::FirstMask].ownRows)
        continue;
      const std::string words =
          "`" + kind + " " + model.outline.masks[mask].title + "`";
      const Claim *claim = find(kind, mask);
      if (!claim)
        return "the certificate does not prove " + words;
      if (kind == "rows")
        continue;
      std::map<std::string, int64_t> largest;
      for (const auto &[word, text] : claim->parts) {
        int64_t number = 0;
        if (StringRef(text).getAsInteger(10, number))
          return "no number in " + words + " but `" + text + "`";
        auto [it, isNew] = largest.try_emplace(word, 0);
        it->second = std::max({it->second, number, int64_t(0)});
      }
      int64_t sum = 0;
      for (const auto &[word, number] : largest)
        sum += number;
      if (sum > most)
        return words + " says " + std::to_string(sum) + ", not at most " +
               std::to_string(most);
    }
    return "";
  }

  const ModelOutline &model;
  const std::vector<Claim> &proved;
};
} // namespace

std::string heed::findUncertified(const ModelOutline &model,
                                  const std::vector<Claim> &proved) {
  for (const auto &[text, at] : model.promises)
    if (std::string missing = Promised(model, proved).missing(text);
        !missing.empty())
      return "`" + text + "`, promised at " + at +
             ", is not certified: " + StringRef(missing).rtrim("; ").str();
  return "";
}
