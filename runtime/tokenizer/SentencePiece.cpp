#include "runtime/tokenizer/SentencePiece.h"

#include "runtime/tokenizer/CharMap.h"
#include "runtime/tokenizer/Utf8.h"

#include <algorithm>
#include <limits>

namespace heed {

/// The rule's text for the next characters, and how many bytes it takes.
static CharRule nextNormal(const Table &table, std::string_view text) {
  CharRule rule = longestCharRule(table, text);
  if (rule.size != 0)
    return rule;
  size_t size = characterAt(text, 0).size;
  return {size, text.substr(0, size)};
}

void SentencePiece::normalize(std::string_view text, bool prefix) {
  normal.clear();
  bool collapse = table.has(CollapseSpaces);
  while (collapse && !text.empty()) {
    CharRule next = nextNormal(table, text);
    if (next.replacement != " ")
      break;
    text.remove_prefix(next.size);
  }
  if (text.empty())
    return;
  if (prefix && table.has(AddPrefixSpace))
    normal += SpaceMark;

  bool afterSpace = collapse;
  while (!text.empty()) {
    CharRule next = nextNormal(table, text);
    text.remove_prefix(next.size);
    std::string_view piece = next.replacement;
    while (afterSpace && piece.starts_with(' '))
      piece.remove_prefix(1);
    for (char c : piece) {
      if (c == ' ')
        normal += SpaceMark;
      else
        normal += c;
    }
    if (!piece.empty())
      afterSpace = collapse && piece.ends_with(' ');
  }
  while (collapse && normal.ends_with(SpaceMark))
    normal.resize(normal.size() - SpaceMark.size());
}

/// The path of tokens with the greatest sum of scores (Viterbi), in f32 and
/// keeping the first of equals, as the reference does. An unknown character
/// scores 10 below the worst token.
void SentencePiece::bestPath(std::vector<Piece> &pieces) const {
  struct Node {
    float score = 0;
    size_t begin = ~size_t(0);
    int32_t id = NoToken;
  };
  std::vector<Node> endsAt(normal.size() + 1);
  const float unknown = table.header().lowestScore - 10.0f;
  auto offer = [&](size_t begin, size_t end, float score, int32_t id) {
    Node &node = endsAt[end];
    float sum = endsAt[begin].score + score;
    if (node.begin == ~size_t(0) || sum > node.score)
      node = {sum, begin, id};
  };
  size_t longest = table.header().longestToken;
  for (size_t at = 0; at < normal.size();) {
    size_t one = at + characterAt(normal, at).size;
    bool oneIsToken = false;
    uint32_t hash = hashBytes({});
    for (size_t end = at; end < normal.size() && end - at < longest;) {
      size_t size = characterAt(normal, end).size;
      hash = hashBytes(std::string_view(normal).substr(end, size), hash);
      end += size;
      int32_t id = table.findHashed(
          std::string_view(normal).substr(at, end - at), {}, hash);
      if (id == NoToken)
        continue;
      offer(at, end, table.score(id), id);
      oneIsToken |= end == one;
    }
    if (!oneIsToken)
      offer(at, one, unknown, NoToken);
    at = one;
  }
  for (size_t end = normal.size(); end > 0; end = endsAt[end].begin)
    pieces.push_back({endsAt[end].begin, end, endsAt[end].id});
  std::reverse(pieces.begin(), pieces.end());
}

/// Characters merged pair by pair into tokens, the best score first and of
/// equal ones the leftmost first.
void SentencePiece::mergeAll(std::vector<Piece> &pieces) const {
  constexpr size_t None = ~size_t(0);
  struct Part {
    size_t begin, end; // equal once merged into the part before
    size_t previous, next;
  };
  struct Candidate {
    float score;
    size_t left, begin, end;
    bool operator<(const Candidate &other) const {
      return score != other.score ? score < other.score : left > other.left;
    }
  };
  std::vector<Part> parts;
  for (size_t at = 0; at < normal.size();) {
    size_t end = at + characterAt(normal, at).size;
    size_t index = parts.size();
    parts.push_back({at, end, index - 1, index + 1}); // the first's is None
    at = end;
  }
  if (parts.empty())
    return;
  parts.back().next = None;

  auto token = [&](size_t begin, size_t end) {
    return table.find(std::string_view(normal).substr(begin, end - begin));
  };
  std::vector<Candidate> heap;
  auto push = [&](size_t left) {
    if (left == None || parts[left].next == None)
      return;
    size_t begin = parts[left].begin, end = parts[parts[left].next].end;
    if (int32_t id = token(begin, end); id != NoToken) {
      heap.push_back({table.score(id), left, begin, end});
      std::push_heap(heap.begin(), heap.end());
    }
  };
  for (size_t left = 0; left < parts.size(); ++left)
    push(left);
  while (!heap.empty()) {
    std::pop_heap(heap.begin(), heap.end());
    Candidate best = heap.back();
    heap.pop_back();
    Part &left = parts[best.left];
    // Stale when either side has been merged since it was pushed.
    if (left.begin == left.end || left.next == None ||
        parts[left.next].end != best.end)
      continue;
    Part &right = parts[left.next];
    left.end = right.end;
    right.begin = right.end;
    left.next = right.next;
    if (left.next != None)
      parts[left.next].previous = best.left;
    push(best.left);
    push(left.previous);
  }
  for (size_t at = 0; at != None; at = parts[at].next)
    pieces.push_back({parts[at].begin, parts[at].end,
                      token(parts[at].begin, parts[at].end)});
}

void SentencePiece::encode(std::string_view text, bool prefix,
                           std::vector<int32_t> &ids) {
  normalize(text, prefix);
  std::vector<Piece> pieces;
  if (table.header().kind == TokenizerKind::Unigram)
    bestPath(pieces);
  else
    mergeAll(pieces);

  bool afterUnknown = false;
  for (const Piece &piece : pieces) {
    bool unknown = piece.id == NoToken;
    if (!unknown) {
      ids.push_back(piece.id);
    } else if (table.has(ByteFallback)) {
      for (size_t i = piece.begin; i < piece.end; ++i) {
        int32_t id = table.byteToken(static_cast<uint8_t>(normal[i]));
        ids.push_back(id == NoToken ? table.header().special.unk : id);
      }
    } else if (!afterUnknown) {
      ids.push_back(table.header().special.unk);
    }
    afterUnknown = unknown;
  }
}

} // namespace heed
