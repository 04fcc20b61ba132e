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
  std::string missing(StringRef text, bool isOwn) {
    auto [name, value] = text.split(": ");
    int64_t most = 0;
    value.getAsInteger(10, most);
    const bool atEnd = model.isPromised("aligned: end");
    if (name == "causal" && atEnd) // masks look no further than a query's place
      return knownSteps() + aligned(true);
    if (name == "causal" && isOwn && seesFirstCall())
      return ""; // `cacheable` stands for it
    if (name == "causal")
      return ofOutputs("model", 0);
    if (name == "cacheable") // Theorem 3
      return knownSteps() + ofMasks("kept", INT64_MAX);
    if (name == "rows_covered")
      return ofMasks("rows", 0);
    if (name == "no_leak")
      return ofMasks("leak", 0);
    if (name == "cache")
      return ofMasks("cache", most);
    if (name == "receptive_field")
      return ofOutputs("reads", most - 1);
    if (name == "aligned")
      return aligned(value == "end");
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

  /// Each output's number at most `most`.
  std::string ofOutputs(const std::string &kind, int64_t most) {
    for (const std::string &output : model.outputs) {
      if (!isAsked(output))
        continue;
      auto it = llvm::find_if(proved, [&](const Claim &claim) {
        return claim.kind == kind && claim.title == output;
      });
      const std::string words = "`" + kind + " " + output + "`";
      if (it == proved.end())
        return "the certificate does not prove " + words;
      if (std::string over = tooMany(*it, words, most); !over.empty())
        return over;
    }
    return "";
  }

  /// All steps on the way to the outputs read their own row, or by a mask.
  std::string knownSteps() {
    for (const std::string &output : model.outputs) {
      auto known = llvm::find_if(model.outline.outputs, [&](const auto &each) {
        return each.first == output;
      });
      if (isAsked(output) && known == model.outline.outputs.end())
        return "of `" + output + "` no sequence is known; ";
    }
    for (const auto &[output, steps] : model.outline.outputs)
      for (const certificate::Step &step : steps)
        if (isAsked(output) && !step.reads.empty() &&
            !certificate::readsOwnRow(step))
          return "`" + step.name + "` may read any row; ";
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

  bool ownRows(size_t mask) const {
    return model.places[mask - Outline::FirstMask].ownRows;
  }

  /// Each number at most `most`, those of rings and of pinned keys together.
  std::string ofMasks(const std::string &kind, int64_t most) {
    for (size_t mask : masks(kind != "kept")) {
      // Keys of another sequence are not kept as rows are.
      if (kind == "kept" && !ownRows(mask))
        continue;
      const std::string words =
          "`" + kind + " " + model.outline.masks[mask].title + "`";
      const Claim *claim = find(kind, mask);
      if (!claim)
        return "the certificate does not prove " + words;
      if (kind != "cache" && kind != "kept")
        continue;
      if (std::string over = tooMany(*claim, words, most); !over.empty())
        return over;
    }
    return "";
  }

  static std::string tooMany(const Claim &claim, const std::string &words,
                             int64_t most) {
    std::map<std::string, int64_t> largest;
    for (const auto &[word, text] : claim.parts) {
      int64_t number = 0;
      if (StringRef(text).getAsInteger(10, number))
        return "no number in " + words + " but `" + text + "`";
      auto [it, isNew] = largest.try_emplace(word, 0);
      it->second = std::max({it->second, number, int64_t(0)});
    }
    int64_t sum = 0;
    for (const auto &[word, number] : largest)
      sum += number;
    return sum <= most ? ""
                       : words + " says " + std::to_string(sum) +
                             ", not at most " + std::to_string(most);
  }

  /// Masks see rows ahead, in a first call.
  bool seesFirstCall() {
    return !ofMasks("kept", 1).empty() && ofMasks("kept", INT64_MAX).empty();
  }

  /// Where queries stand among the keys, in so many words.
  std::string aligned(bool atEnd) {
    for (size_t mask : masks(true)) {
      const std::string title = model.outline.masks[mask].title,
                        own = atEnd && !ownRows(mask) ? "q + L - q_len" : "q";
      const Claim *claim = find("aligned", mask);
      if (!claim || claim->parts != certificate::Parts{{"own", own}})
        return "the certificate does not prove `aligned " + title + "`, `own " +
               own + "`";
    }
    return "";
  }

  const ModelOutline &model;
  const std::vector<Claim> &proved;
};
} // namespace

std::string heed::findUncertified(const ModelOutline &model,
                                  const std::vector<Claim> &proved) {
  for (const auto &[text, at, isOwn] : model.promises)
    if (std::string missing = Promised(model, proved).missing(text, isOwn);
        !missing.empty())
      return "`" + text + "`, promised at " + at +
             ", is not certified: " + StringRef(missing).rtrim("; ").str();
  return "";
}
