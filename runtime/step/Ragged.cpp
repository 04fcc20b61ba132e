//===- Ragged.cpp - Rows of many sequences, checked and cut into calls ----===//
#include "runtime/step/Ragged.h"
#include "runtime/support/Text.h"

#include <algorithm>

using namespace heed;

static Status checkRows(const StepInput &input, const ModelInfo &info) {
  size_t rows = input.tokens.size();
  if (rows == 0)
    return Error{"a step of no tokens"};
  if (rows > INT32_MAX)
    return Error{concat("a step of ", rows, " tokens")};
  if (input.positions.size() != rows || input.sequences.size() != rows ||
      (!input.tokenTypes.empty() && input.tokenTypes.size() != rows))
    return Error{concat("a step of ", rows,
                        " tokens needs as many positions, "
                        "sequences and token types")};
  // A model's token types index a table; one without any takes only 0.
  int32_t types = 1;
  for (const ArgInfo &arg : info.args)
    if (arg.kind == ArgKind::TokenTypes)
      types = std::max<int32_t>(types, static_cast<int32_t>(arg.limit));
  for (size_t i = 0; i < input.tokenTypes.size(); ++i)
    if (input.tokenTypes[i] < 0 || input.tokenTypes[i] >= types)
      return Error{concat("token type ", input.tokenTypes[i], " (row ", i,
                          ") is out of range: the model knows types 0 to ",
                          types - 1)};
  for (size_t i = 0; i < rows; ++i) {
    if (input.tokens[i] < 0 ||
        static_cast<uint32_t>(input.tokens[i]) >= info.vocabulary)
      return Error{concat("token id ", input.tokens[i], " (row ", i,
                          ") is out of range: the model knows ids 0 to ",
                          info.vocabulary - 1)};
    if (input.positions[i] < 0 ||
        static_cast<uint32_t>(input.positions[i]) >= info.context)
      return Error{concat("position ", input.positions[i], " (row ", i,
                          ") does not fit the model's context of ",
                          info.context, " tokens")};
  }
  for (size_t i = 0; i < input.wanted.size(); ++i)
    if (input.wanted[i] < 0 || static_cast<size_t>(input.wanted[i]) >= rows ||
        (i > 0 && input.wanted[i] <= input.wanted[i - 1]))
      return Error{concat("wanted row ", input.wanted[i],
                          " is out of range or out of order")};
  return {};
}

/// The whole sequences of the step.
static Result<std::vector<RaggedPiece>>
findSequences(const StepInput &input, const ModelInfo &info,
              std::span<const uint32_t> lengths) {
  std::vector<RaggedPiece> sequences;
  std::vector<bool> seen(lengths.size());
  for (size_t i = 0; i < input.tokens.size(); ++i) {
    int32_t slot = input.sequences[i], position = input.positions[i];
    if (!sequences.empty() && sequences.back().slot == slot) {
      RaggedPiece &last = sequences.back();
      if (position != last.past + last.rows)
        return Error{concat("position ", position, " (row ", i, ") follows ",
                            last.past + last.rows - 1,
                            " in the same sequence; expected the next one")};
      ++last.rows;
      continue;
    }
    if (slot < 0 || static_cast<size_t>(slot) >= lengths.size())
      return Error{concat("sequence ", slot, " (row ", i,
                          ") is out of range: the session has ", lengths.size(),
                          " slots")};
    if (seen[slot])
      return Error{concat("the rows of sequence ", slot,
                          " do not stand together (row ", i, ")")};
    seen[slot] = true;
    int64_t held = info.cache.empty() ? 0 : lengths[slot];
    if (position > held)
      return Error{concat("position ", position, " (row ", i,
                          ") leaves a gap: "
                          "sequence ",
                          slot, " holds ", held, " tokens")};
    if (position > 0 && static_cast<uint32_t>(position) < info.firstCall)
      return Error{concat("sequence ", slot, " cannot go on at position ",
                          position, ": the first ", info.firstCall,
                          " tokens see each other and go in one step")};
    sequences.push_back({1, position, slot});
  }
  return sequences;
}

Result<RaggedPlan> heed::planStep(const StepInput &input, const ModelInfo &info,
                                  std::span<const uint32_t> lengths) {
  if (Status checked = checkRows(input, info); !checked)
    return checked.error();
  Result<std::vector<RaggedPiece>> sequences =
      findSequences(input, info, lengths);
  if (!sequences)
    return sequences.error();

  RaggedPlan plan;
  int64_t chunk = info.chunk;
  bool mayCut = !info.cache.empty();
  // Rows at the front of what is left of a sequence that stay together.
  auto together = [&](const RaggedPiece &left) -> int64_t {
    if (!mayCut)
      return left.rows;
    return left.past > 0 ? 1 : std::min<int64_t>(left.rows, info.firstCall);
  };
  auto openCall = [&] {
    RaggedCall next;
    if (!plan.calls.empty())
      next.firstRow = plan.calls.back().firstRow + plan.calls.back().rows;
    next.firstPiece = plan.pieces.size();
    plan.calls.push_back(next);
  };
  auto room = [&] {
    return chunk - static_cast<int64_t>(plan.calls.back().rows);
  };
  openCall();
  for (RaggedPiece sequence : *sequences) {
    while (sequence.rows > 0) {
      if (room() < together(sequence) && plan.calls.back().rows > 0)
        openCall();
      RaggedPiece piece = sequence;
      piece.rows = std::min(piece.rows, std::max(room(), together(sequence)));
      plan.pieces.push_back(piece);
      plan.calls.back().rows += piece.rows;
      plan.calls.back().pieces += 1;
      sequence.rows -= piece.rows;
      sequence.past += piece.rows;
    }
  }
  size_t next = 0;
  for (RaggedCall &call : plan.calls) {
    call.firstWanted = next;
    while (next < input.wanted.size() &&
           static_cast<size_t>(input.wanted[next]) < call.firstRow + call.rows)
      ++next;
    call.wanted = next - call.firstWanted;
  }
  return plan;
}
