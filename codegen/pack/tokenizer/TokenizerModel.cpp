#include "codegen/pack/tokenizer/TokenizerModel.h"

#include "runtime/support/Text.h"

namespace heed {

Result<VocabularyIndex> indexVocabulary(const std::vector<std::string> &names,
                                        const std::string &label) {
  if (names.empty())
    return Error{concat(label, ": the vocabulary is empty")};
  if (names.size() > MaxSlotEntries)
    return Error{concat(label, ": the vocabulary has ", names.size(),
                        " tokens, more than the ", MaxSlotEntries,
                        " that heed can number")};
  VocabularyIndex index;
  index.reserve(names.size());
  for (size_t id = 0; id < names.size(); ++id) {
    if (names[id].empty())
      return Error{concat(label, ": token ", id, " is empty")};
    auto [at, isNew] = index.emplace(names[id], static_cast<int32_t>(id));
    if (!isNew)
      return Error{concat(label, ": the vocabulary has ", inQuotes(names[id]),
                          " twice, as token ", at->second, " and as token ",
                          id)};
  }
  return index;
}

Status addMerges(
    TokenizerModel &model, const VocabularyIndex &index,
    const std::vector<std::pair<std::string_view, std::string_view>> &merges,
    const std::string &label) {
  if (merges.size() > MaxSlotEntries)
    return Error{concat(label, ": there are ", merges.size(),
                        " merges, more than the ", MaxSlotEntries,
                        " that heed can number")};
  std::unordered_map<uint64_t, size_t> seen;
  seen.reserve(merges.size());
  model.merges.reserve(merges.size());
  std::string whole;
  for (size_t rank = 0; rank < merges.size(); ++rank) {
    auto [left, right] = merges[rank];
    whole.assign(left).append(right);
    uint32_t ids[3];
    std::string_view parts[3] = {left, right, whole};
    for (int i = 0; i < 3; ++i) {
      auto found = index.find(parts[i]);
      if (found == index.end())
        return Error{concat(label, ": merge ", rank, " of ", inQuotes(left),
                            " and ", inQuotes(right), ": ", inQuotes(parts[i]),
                            " is not in the vocabulary")};
      ids[i] = static_cast<uint32_t>(found->second);
    }
    auto [at, isNew] = seen.emplace(uint64_t(ids[0]) << 32 | ids[1], rank);
    if (!isNew)
      return Error{concat(label, ": merge ", rank, " of ", inQuotes(left),
                          " and ", inQuotes(right), " repeats merge ",
                          at->second)};
    model.merges.push_back({ids[0], ids[1], ids[2]});
  }
  return {};
}

} // namespace heed
