//===- ModelInfo.cpp - What the runtime must know of a compiled model -----===//
//
// The bytes: "heedinfo", u32 version, then the fields in the order of the
// struct. Integers are little-endian, a string or a list is a u32 count and its
// elements.
//
//===----------------------------------------------------------------------===//
#include "runtime/model/ModelInfo.h"
#include "runtime/formats/Cursor.h"
#include "runtime/support/Text.h"

#include <algorithm>

using namespace heed;

static constexpr std::string_view magic = "heedinfo";
static constexpr uint32_t version = 3;
/// No list or string of a model comes near; a damaged count must not allocate.
static constexpr uint32_t mostElements = 1 << 16;

namespace {
class Writer {
public:
  std::string bytes{magic};

  template <typename T> void number(T value) {
    bytes.append(reinterpret_cast<const char *>(&value), sizeof value);
  }
  void text(const std::string &value) {
    number(static_cast<uint32_t>(value.size()));
    bytes += value;
  }
  template <typename T, typename Each>
  void list(const std::vector<T> &values, Each each) {
    number(static_cast<uint32_t>(values.size()));
    for (const T &value : values)
      each(value);
  }
  void indices(const std::vector<uint32_t> &values) {
    list(values, [&](uint32_t value) { number(value); });
  }
};

/// Reads fields until one fails; then every later read gives zeros.
class Reader {
public:
  explicit Reader(Bytes bytes) : cursor(bytes) {}
  bool good = true;

  bool atEnd() const { return good && cursor.left() == 0; }

  template <typename T> void number(T &value) {
    std::optional<T> read = good ? cursor.read<T>() : std::nullopt;
    good = read.has_value();
    value = read.value_or(T{});
  }
  template <typename E> void choice(E &value, E last) {
    uint8_t number_;
    number(number_);
    good = good && number_ <= static_cast<uint8_t>(last);
    value = static_cast<E>(good ? number_ : 0);
  }
  void text(std::string &value) {
    uint32_t size;
    number(size);
    std::optional<Bytes> read =
        good && size <= mostElements ? cursor.take(size) : std::nullopt;
    good = read.has_value();
    value = good ? std::string(asText(*read)) : std::string();
  }
  template <typename T, typename Each>
  void list(std::vector<T> &values, Each each) {
    uint32_t count;
    number(count);
    good = good && count <= mostElements;
    for (uint32_t i = 0; good && i < count; ++i)
      each(values.emplace_back());
  }
  void indices(std::vector<uint32_t> &values) {
    list(values, [&](uint32_t &value) { number(value); });
  }

private:
  Cursor cursor;
};
} // namespace

std::string ModelInfo::encode() const {
  Writer to;
  to.number(version);
  to.text(name);
  to.number(static_cast<uint8_t>(kind));
  to.number(context);
  to.number(vocabulary);
  to.number(chunk);
  to.number(firstCall);
  to.list(axes, [&](const std::string &axis) { to.text(axis); });
  to.list(arena, [&](const ArenaClass &region) {
    to.indices(region.axes);
    to.number(region.bytes);
  });
  to.number(scratch);
  to.list(cache, [&](const CacheLayer &layer) {
    to.number(layer.kvHeads);
    to.number(layer.head);
  });
  to.list(args, [&](const ArgInfo &arg) {
    to.number(static_cast<uint8_t>(arg.kind));
    to.text(arg.name);
    to.number(static_cast<uint8_t>(arg.type));
    to.list(arg.axes, [&](const AxisInfo &axis) {
      to.text(axis.name);
      to.number(axis.size);
    });
    to.number(arg.limit);
  });
  to.list(cost, [&](const CostTerm &term) {
    to.indices(term.axes);
    to.number(term.flops);
  });
  to.number(flopsPerToken);
  to.number(flopsPerOutput);
  to.number(weightBytesPerToken);
  to.number(cacheBytesPerPosition);
  to.text(bos);
  to.text(chat);
  return std::move(to.bytes);
}

/// What makes the fields contradict each other, or nothing.
static std::string contradiction(const ModelInfo &info) {
  auto known = [&](std::string_view axis) {
    return std::find(info.axes.begin(), info.axes.end(), axis) !=
           info.axes.end();
  };
  for (size_t i = 0; i < info.axes.size(); ++i)
    if (info.axes[i].empty() ||
        std::find(info.axes.begin(), info.axes.begin() + i, info.axes[i]) !=
            info.axes.begin() + i)
      return concat("axis ", inQuotes(info.axes[i]), " stands twice");
  auto inRange = [&](const std::vector<uint32_t> &indices) {
    return std::all_of(indices.begin(), indices.end(),
                       [&](uint32_t i) { return i < info.axes.size(); });
  };
  for (const ArenaClass &region : info.arena)
    if (!inRange(region.axes) || region.bytes >> 48)
      return "a region of the arena has no such size";
  for (const CostTerm &term : info.cost)
    if (!inRange(term.axes))
      return "a cost names an axis that is not there";
  if (info.scratch % 64 != 0 || info.scratch >> 40)
    return concat("scratch of ", info.scratch, " bytes");
  if (info.chunk == 0)
    return "a chunk of no tokens";
  if (info.firstCall == 0 ||
      (info.firstCall > 1 &&
       (info.cache.empty() || info.firstCall >= info.context)))
    return concat("a first call of at least ", info.firstCall, " tokens");
  for (const CacheLayer &layer : info.cache)
    if (layer.kvHeads == 0 || layer.head == 0 || layer.kvHeads >> 20 ||
        layer.head >> 20)
      return "a cache layer of no such size";

  bool tokens = info.kind != ModelKind::Tensors;
  if (tokens && (info.context == 0 || info.vocabulary == 0))
    return "a model of tokens without context or vocabulary";
  size_t counts[static_cast<size_t>(ArgKind::Output) + 1] = {};
  for (const ArgInfo &arg : info.args) {
    ++counts[static_cast<size_t>(arg.kind)];
    if (blockElements(arg.type) != 1)
      return concat("argument ", inQuotes(arg.name), " of type ",
                    elementTypeName(arg.type));
    std::vector<int64_t> fixed;
    for (const AxisInfo &axis : arg.axes) {
      if (axis.size < -1 || (axis.size == -1 && !known(axis.name)))
        return concat("argument ", inQuotes(arg.name), " has an axis ",
                      inQuotes(axis.name), " of unknown size");
      if (axis.size >= 0)
        fixed.push_back(axis.size);
    }
    if (std::optional<uint64_t> count = elementCount(fixed);
        !count || *count >> 48)
      return concat("argument ", inQuotes(arg.name), " is too large");
    bool row = arg.kind < ArgKind::Cache;
    if (row && (arg.axes.size() != 1 || arg.axes[0].size != -1))
      return concat("argument ", inQuotes(arg.name), " is no row of tokens");
    if (arg.kind <= ArgKind::TokenTypes && arg.type != ElementType::I32)
      return concat("argument ", inQuotes(arg.name), " is not of type i32");
    bool leads = !arg.axes.empty() && arg.axes[0].size == -1;
    for (size_t i = 1; i < arg.axes.size() && tokens; ++i)
      leads = leads && arg.axes[i].size >= 0;
    if (leads && tokens && arg.kind == ArgKind::Output) {
      const std::string &name = arg.axes[0].name;
      // With a cache a sequence may be cut into several calls.
      leads = name == "token" || name == "output" ||
              (name == "sequence" && info.cache.empty());
    }
    if (tokens && arg.kind == ArgKind::Output && !leads)
      return concat("output ", inQuotes(arg.name),
                    " is no row for each token or sequence");
  }
  auto count = [&](ArgKind kind) { return counts[static_cast<size_t>(kind)]; };
  if (count(ArgKind::Output) == 0)
    return "a model without outputs";
  bool wellFormed =
      tokens
          ? count(ArgKind::Tokens) == 1 && count(ArgKind::Rows) == 1 &&
                count(ArgKind::Wanted) <= 1 &&
                count(ArgKind::TokenTypes) <= 1 && count(ArgKind::Input) == 0 &&
                count(ArgKind::Cache) == (info.cache.empty() ? 0 : 1)
          : count(ArgKind::Tokens) + count(ArgKind::Rows) +
                    count(ArgKind::Wanted) + count(ArgKind::TokenTypes) +
                    count(ArgKind::Cache) ==
                0;
  if (!wellFormed)
    return "arguments that do not make one model";
  for (const std::string &axis : info.axes) {
    bool sized =
        tokens && (axis == "token" || axis == "output" || axis == "sequence" ||
                   axis == "kv" || axis == "capacity");
    for (const ArgInfo &arg : info.args)
      for (const AxisInfo &of : arg.axes)
        sized = sized || (!tokens && arg.kind == ArgKind::Input &&
                          of.size == -1 && of.name == axis);
    if (!sized)
      return concat("nothing gives axis ", inQuotes(axis), " a size");
  }
  return {};
}

Result<ModelInfo> ModelInfo::decode(std::span<const char> bytes) {
  Reader from(
      Bytes(reinterpret_cast<const uint8_t *>(bytes.data()), bytes.size()));
  char start[8];
  for (char &letter : start)
    from.number(letter);
  uint32_t found;
  from.number(found);
  if (!from.good || std::string_view(start, 8) != magic)
    return Error{"the model's description does not start as one"};
  if (found != version)
    return Error{concat("the model's description has version ", found,
                        ", this program reads version ", version)};
  ModelInfo info;
  from.text(info.name);
  from.choice(info.kind, ModelKind::EncoderDecoder);
  from.number(info.context);
  from.number(info.vocabulary);
  from.number(info.chunk);
  from.number(info.firstCall);
  from.list(info.axes, [&](std::string &axis) { from.text(axis); });
  from.list(info.arena, [&](ArenaClass &region) {
    from.indices(region.axes);
    from.number(region.bytes);
  });
  from.number(info.scratch);
  from.list(info.cache, [&](CacheLayer &layer) {
    from.number(layer.kvHeads);
    from.number(layer.head);
  });
  from.list(info.args, [&](ArgInfo &arg) {
    from.choice(arg.kind, ArgKind::Output);
    from.text(arg.name);
    from.choice(arg.type, ElementType::MXFP4);
    from.list(arg.axes, [&](AxisInfo &axis) {
      from.text(axis.name);
      from.number(axis.size);
    });
    from.number(arg.limit);
  });
  from.list(info.cost, [&](CostTerm &term) {
    from.indices(term.axes);
    from.number(term.flops);
  });
  from.number(info.flopsPerToken);
  from.number(info.flopsPerOutput);
  from.number(info.weightBytesPerToken);
  from.number(info.cacheBytesPerPosition);
  from.text(info.bos);
  from.text(info.chat);
  if (!from.atEnd())
    return Error{"the model's description is damaged or cut short"};
  if (std::string why = contradiction(info); !why.empty())
    return Error{"the model's description contradicts itself: " + why};
  return info;
}
