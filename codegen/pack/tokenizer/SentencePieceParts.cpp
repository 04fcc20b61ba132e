#include "codegen/pack/tokenizer/SentencePieceParts.h"

#include "runtime/support/Text.h"

#include <charconv>
#include <cmath>
#include <cstring>

namespace heed {

/// The byte of "<0x0A>", or -1.
static int byteOfName(std::string_view name) {
  if (name.size() != 6 || !name.starts_with("<0x") || name[5] != '>')
    return -1;
  int value = -1;
  auto [end, problem] =
      std::from_chars(name.data() + 3, name.data() + 5, value, 16);
  return problem == std::errc() && end == name.data() + 5 ? value : -1;
}

Status setPieces(TokenizerModel &model, const std::vector<int64_t> &types,
                 const std::string &label) {
  size_t count = model.names.size();
  if (types.size() != count || model.scores.size() != count)
    return Error{concat(label, ": ", count, " tokens have ",
                        model.scores.size(), " scores and ", types.size(),
                        " types")};
  model.bytes = model.names;
  model.tokenFlags.assign(count, 0);
  model.unused.assign(count, false);
  for (size_t id = 0; id < count; ++id) {
    if (!std::isfinite(model.scores[id]))
      return Error{concat(label, ": the score of token ", id, " ",
                          inQuotes(model.names[id]), " is no finite number")};
    switch (static_cast<PieceType>(types[id])) {
    case PieceType::Normal:
      break;
    case PieceType::Unknown:
      model.special.unk = static_cast<int32_t>(id);
      model.tokenFlags[id] = TokenSpecial;
      break;
    case PieceType::Control:
      model.tokenFlags[id] = TokenSpecial;
      break;
    case PieceType::UserDefined:
      model.tokenFlags[id] = TokenWhole;
      break;
    case PieceType::Unused:
      model.unused[id] = true;
      break;
    case PieceType::Byte: {
      int byte = byteOfName(model.names[id]);
      if (byte < 0)
        return Error{concat(label, ": token ", id, " stands for a byte and is ",
                            inQuotes(model.names[id]),
                            ", not <0x00> to <0xFF>")};
      model.bytes[id].assign(1, static_cast<char>(byte));
      model.tokenFlags[id] = TokenByte;
      model.flags |= ByteFallback;
      break;
    }
    default:
      return Error{concat(label, ": the type of token ", id, " is ", types[id],
                          ", not 1 to 6")};
    }
  }
  if (model.special.unk == NoToken)
    return Error{concat(label, ": the vocabulary of ", count,
                        " tokens has no unknown token")};
  return {};
}

Status setCharMap(TokenizerModel &model, std::string_view blob,
                  const std::string &label) {
  if (blob.empty())
    return {};
  uint32_t size = 0;
  if (blob.size() >= sizeof(size))
    std::memcpy(&size, blob.data(), sizeof(size));
  blob.remove_prefix(std::min(sizeof(size), blob.size()));
  if (size == 0 || size > blob.size() || size % sizeof(uint32_t) != 0)
    return Error{concat(label, ": the character map's trie has ", size,
                        " bytes, and ", blob.size(), " are there")};
  model.charTrie.resize(size / sizeof(uint32_t));
  std::memcpy(model.charTrie.data(), blob.data(), size);
  model.charTexts = blob.substr(size);
  if (!model.charTexts.ends_with('\0'))
    return Error{concat(label, ": the character map's texts do not end")};
  return {};
}

} // namespace heed
