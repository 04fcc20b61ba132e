//===- RunTokens.cpp - Arrays of token ids through a model ----------------===//
#include "runtime/main/RunTokens.h"
#include "runtime/formats/Npy.h"
#include "runtime/support/Text.h"

#include <algorithm>
#include <cstring>

using namespace heed;

static Result<std::vector<int64_t>> readLike(const IdArray &ids,
                                             const std::string &path) {
  Result<IdArray> other = readIds(path);
  if (!other)
    return other.error();
  if (other->batch != ids.batch || other->length != ids.length)
    return Error{concat(path, ": expected the shape of the ids, [", ids.batch,
                        ", ", ids.length, "], found [", other->batch, ", ",
                        other->length, "]")};
  return std::move(other->values);
}

static Status checkMask(const IdArray &ids, const std::vector<int64_t> &mask,
                        const std::string &path) {
  for (int64_t row = 0; row < ids.batch; ++row) {
    auto begin = mask.begin() + row * ids.length, end = begin + ids.length;
    auto bad =
        std::find_if(begin, end, [](int64_t m) { return m != 0 && m != 1; });
    if (bad != end)
      return Error{concat(path, ": expected 0 or 1, found ", *bad, " at [", row,
                          ", ", bad - begin, "]")};
    auto first = std::find(begin, end, 1);
    if (first == end)
      return Error{concat(path, ": row ", row, " allows no token")};
    auto last = std::find(first, end, 0);
    if (std::find(last, end, 1) != end)
      return Error{concat(path, ": row ", row, " has a hole at ", last - begin,
                          "; only padding before or behind can be left out")};
  }
  return {};
}

Result<TokenArrays> heed::readTokenArrays(const std::string &idsPath,
                                          const std::string *maskPath,
                                          const std::string *typesPath) {
  Result<IdArray> ids = readIds(idsPath);
  if (!ids)
    return ids.error();
  if (ids->values.empty())
    return Error{concat(idsPath, ": there are no ids in it")};
  TokenArrays arrays;
  if (maskPath) {
    Result<std::vector<int64_t>> mask = readLike(*ids, *maskPath);
    if (!mask)
      return mask.error();
    if (Status checked = checkMask(*ids, *mask, *maskPath); !checked)
      return checked.error();
    arrays.mask = std::move(*mask);
  }
  if (typesPath) {
    Result<std::vector<int64_t>> types = readLike(*ids, *typesPath);
    if (!types)
      return types.error();
    for (int64_t type : *types)
      if (type < 0 || type > INT32_MAX)
        return Error{
            concat(*typesPath, ": token type ", type, " is out of range")};
    arrays.types = std::move(*types);
  }
  arrays.ids = std::move(*ids);
  return arrays;
}

namespace {
/// Sequences that go through the step together.
struct Group {
  std::vector<int32_t> tokens, positions, sequences, types, wanted;
  /// Of each row and each sequence: where it stands in [batch, n] and [batch].
  std::vector<int64_t> places, batches;

  void add(const TokenArrays &arrays, int64_t row) {
    int32_t position = 0;
    int32_t sequence = static_cast<int32_t>(batches.size());
    for (int64_t i = 0; i < arrays.ids.length; ++i) {
      int64_t place = row * arrays.ids.length + i;
      if (!arrays.mask.empty() && !arrays.mask[place])
        continue;
      // Out of 32 bits means out of every vocabulary.
      int64_t id = arrays.ids.values[place];
      tokens.push_back(id == static_cast<int32_t>(id) ? id : -1);
      positions.push_back(position++);
      sequences.push_back(sequence);
      types.push_back(arrays.types.empty() ? 0 : arrays.types[place]);
      wanted.push_back(static_cast<int32_t>(wanted.size()));
      places.push_back(place);
    }
    batches.push_back(row);
  }
};
} // namespace

static Result<std::vector<BatchOutput>>
prepare(const Model &model, const TokenArrays &arrays,
        const std::vector<std::string> &names) {
  std::vector<BatchOutput> outputs;
  for (const std::string &name : names) {
    BatchOutput output;
    output.info = model.outputNamed(name);
    if (!output.info) {
      std::string known;
      for (const ArgInfo &arg : model.info().args)
        if (arg.kind == ArgKind::Output)
          known += (known.empty() ? "" : ", ") + arg.name;
      return Error{concat("the model has no output ", inQuotes(name),
                          "; its outputs are ", known)};
    }
    if (output.info->type != ElementType::F32)
      return Error{concat("output ", inQuotes(name), " is of type ",
                          elementTypeName(output.info->type), ", not f32")};
    output.shape.push_back(arrays.ids.batch);
    if (output.info->axes[0].name != "sequence")
      output.shape.push_back(arrays.ids.length);
    for (size_t i = 1; i < output.info->axes.size(); ++i)
      output.shape.push_back(output.info->axes[i].size);
    std::optional<uint64_t> count = elementCount(output.shape);
    if (!count || *count > uint64_t(1) << 36)
      return Error{concat("output ", inQuotes(name), " of shape ",
                          shapeText(output.shape), " is too large"),
                   Error::Machine};
    output.values.resize(*count);
    outputs.push_back(std::move(output));
  }
  return outputs;
}

static Status runGroup(Session &session, const Group &group,
                       std::vector<BatchOutput> &outputs) {
  Status done = session.step({group.tokens, group.positions, group.sequences,
                              group.types, group.wanted});
  if (!done)
    return done;
  for (BatchOutput &output : outputs) {
    OutputRef rows = session.output(output.info->name);
    bool whole = output.info->axes[0].name == "sequence";
    const std::vector<int64_t> &places = whole ? group.batches : group.places;
    int64_t elements = rows.rowElements();
    for (size_t i = 0; i < places.size(); ++i)
      std::memcpy(&output.values[places[i] * elements],
                  rows.row(static_cast<int64_t>(i)), elements * sizeof(float));
  }
  return {};
}

Result<std::vector<BatchOutput>>
heed::runTokens(Model &model, const TokenArrays &arrays,
                const std::vector<std::string> &names) {
  if (!arrays.types.empty()) {
    const std::vector<ArgInfo> &args = model.info().args;
    if (std::none_of(args.begin(), args.end(), [](const ArgInfo &arg) {
          return arg.kind == ArgKind::TokenTypes;
        }))
      return Error{"this model has no token types"};
  }
  Result<std::vector<BatchOutput>> outputs = prepare(model, arrays, names);
  if (!outputs)
    return outputs;
  // Rows of all outputs at once would double the memory: as many sequences
  // together as fill a call.
  int64_t together = std::max<int64_t>(
      1, model.info().chunk / std::max<int64_t>(1, arrays.ids.length));
  together = std::min(together, arrays.ids.batch);
  Result<std::unique_ptr<Session>> session =
      Session::create(model, static_cast<unsigned>(together));
  if (!session)
    return session.error();
  for (int64_t row = 0; row < arrays.ids.batch; row += together) {
    Group group;
    for (int64_t i = row; i < std::min(row + together, arrays.ids.batch); ++i)
      group.add(arrays, i);
    if (Status done = runGroup(**session, group, *outputs); !done)
      return Error{concat("batch row ", row, together > 1 ? " and on: " : ": ",
                          done.error().text),
                   done.error().fault};
  }
  return outputs;
}
