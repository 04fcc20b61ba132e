//===- Session.cpp - Calls of a model, and the cache between them ---------===//
#include "runtime/step/Session.h"
#include "runtime/support/Text.h"

#include <algorithm>

using namespace heed;

/// memrefs[0..3] are args[0..3]; args[4] and args[5] are indices.
static constexpr size_t fixedMemrefs = 4;

static size_t slotsOf(ArgKind kind) { return kind == ArgKind::Rows ? 5 : 1; }

static void set(heed_memref &to, const void *data, int64_t size) {
  to.allocated = to.aligned = const_cast<void *>(data);
  to.offset = 0;
  to.size = size;
  to.stride = 1;
}

int64_t OutputRef::rowElements() const {
  int64_t elements = 1;
  for (size_t i = 1; i < shape.size(); ++i)
    elements *= shape[i];
  return elements;
}

Result<std::unique_ptr<Session>> Session::create(Model &model, unsigned slots) {
  std::unique_ptr<Session> session(new Session(model, slots));
  const ModelInfo &info = model.info();
  session->sizes.resize(info.axes.size());
  session->layOutArguments();
  // A slot has room for the whole context: only what is written takes memory.
  uint64_t elements = 0;
  for (const CacheLayer &layer : info.cache)
    elements += uint64_t(2) * layer.kvHeads * layer.head;
  uint64_t bytes;
  if (__builtin_mul_overflow(elements * sizeof(float), info.context, &bytes) ||
      __builtin_mul_overflow(bytes, slots, &bytes) || bytes >> 46)
    return Error{concat("a cache of ", slots, " sequences is too large"),
                 Error::Machine};
  if (Status reserved = session->cache.reserve(bytes, "the cache"); !reserved)
    return reserved.error();
  return session;
}

void Session::layOutArguments() {
  const ModelInfo &info = owner.info();
  size_t count = fixedMemrefs;
  for (const ArgInfo &arg : info.args)
    count += slotsOf(arg.kind);
  memrefs.resize(count);
  for (heed_memref &memref : memrefs)
    set(memref, nullptr, 0);
  size_t slot = fixedMemrefs;
  for (const ArgInfo &arg : info.args) {
    if (arg.kind == ArgKind::Output)
      outputs.push_back({&arg, Region(Region::Dense), {}, slot});
    slot += slotsOf(arg.kind);
  }
  set(memrefs[0], owner.weights().data(),
      static_cast<int64_t>(owner.weights().size()));
  set(memrefs[2], sizes.data(), static_cast<int64_t>(sizes.size()));
  set(memrefs[3], &owner.pool->barrier(), sizeof(Barrier));

  unsigned threads = owner.threads();
  threadIndex.resize(threads);
  args.resize(threads);
  for (unsigned thread = 0; thread < threads; ++thread) {
    threadIndex[thread] = thread;
    std::vector<void *> &mine = args[thread];
    for (size_t i = 0; i < fixedMemrefs; ++i)
      mine.push_back(&memrefs[i]);
    mine.push_back(&threadIndex[thread]);
    mine.push_back(&threadsNow);
    for (size_t i = fixedMemrefs; i < memrefs.size(); ++i)
      mine.push_back(&memrefs[i]);
  }
}

int64_t Session::sizeOf(const AxisInfo &axis) const {
  if (axis.size >= 0)
    return axis.size;
  const std::vector<std::string> &axes = owner.info().axes;
  return sizes[std::find(axes.begin(), axes.end(), axis.name) - axes.begin()];
}

/// Runs the entry on all threads, with memrefs and sizes as they stand.
Status Session::invoke() {
  const ModelInfo &info = owner.info();
  threadsNow =
      threadCount ? std::min(threadCount, owner.threads()) : owner.threads();
  uint64_t bytes = info.scratch * static_cast<uint64_t>(threadsNow);
  bool fits = true;
  for (const ArenaClass &region : info.arena) {
    uint64_t size = region.bytes;
    for (uint32_t axis : region.axes)
      fits = fits && !__builtin_mul_overflow(
                         size, static_cast<uint64_t>(sizes[axis]), &size);
    fits = fits && size >> 46 == 0;
    bytes += fits ? (size + 63) / 64 * 64 : 0;
  }
  if (!fits || bytes >> 46)
    return Error{"a call of this size needs more memory than there can be",
                 Error::Machine};
  if (Status reserved = arena.reserve(bytes, "the work space of this call");
      !reserved)
    return reserved;
  set(memrefs[1], arena.data(), static_cast<int64_t>(bytes));

  std::lock_guard<std::mutex> mine(owner.turn);
  owner.pool->run(
      [](void *context, unsigned thread, unsigned) {
        auto &self = *static_cast<Session *>(context);
        self.owner.code->entry(self.args[thread].data());
      },
      this, static_cast<unsigned>(threadsNow));
  return {};
}

/// Room for output `index` with `leading` as the size of its first axis if that
/// is dynamic.
Status Session::reserveOutput(size_t index, int64_t leading) {
  Output &output = outputs[index];
  output.shape.clear();
  for (const AxisInfo &axis : output.info->axes)
    output.shape.push_back(sizeOf(axis));
  if (leading >= 0)
    output.shape[0] = leading;
  std::optional<uint64_t> count = elementCount(output.shape);
  std::optional<uint64_t> bytes =
      count ? byteSize(output.info->type, *count) : std::nullopt;
  if (!bytes || *bytes >> 46)
    return Error{concat("output ", output.info->name, " of shape ",
                        shapeText(output.shape), " is too large"),
                 Error::Machine};
  std::string what = "output " + output.info->name;
  // At least a page: an empty output has an address too.
  if (Status reserved =
          output.memory.reserve(std::max<uint64_t>(*bytes, 1), what.c_str());
      !reserved)
    return reserved;
  set(memrefs[output.slot], output.memory.data(), static_cast<int64_t>(*count));
  return {};
}

Status Session::step(const StepInput &input) {
  const ModelInfo &info = owner.info();
  if (info.kind == ModelKind::Tensors)
    return Error{"this is a model of plain tensors, not of tokens"};
  Result<RaggedPlan> plan = planStep(input, info, lengths);
  if (!plan)
    return plan.error();

  // What the dynamic first axes of the outputs come to in all calls together.
  int64_t sequences = 0;
  for (const RaggedPiece &piece : plan->pieces)
    sequences +=
        &piece == plan->pieces.data() || (&piece)[-1].slot != piece.slot;
  auto leadingOf = [](const ArgInfo &arg, int64_t tokens, int64_t wanted,
                      int64_t sequences) {
    const std::string &name = arg.axes[0].name;
    return name == "token" ? tokens : name == "output" ? wanted : sequences;
  };
  for (size_t i = 0; i < outputs.size(); ++i)
    if (Status reserved =
            reserveOutput(i, leadingOf(*outputs[i].info, input.tokens.size(),
                                       input.wanted.size(), sequences));
        !reserved)
      return reserved;
  if (input.tokenTypes.empty())
    zeroTypes.assign(std::max<size_t>(zeroTypes.size(), input.tokens.size()),
                     0);
  std::span<const int32_t> types =
      input.tokenTypes.empty() ? zeroTypes : input.tokenTypes;
  for (const RaggedPiece &piece : plan->pieces)
    lengths[piece.slot] = std::min<uint32_t>(lengths[piece.slot], piece.past);

  for (const RaggedCall &call : plan->calls) {
    std::span<const RaggedPiece> pieces(&plan->pieces[call.firstPiece],
                                        call.pieces);
    starts.assign(1, 0);
    past.clear();
    slotOfPiece.clear();
    sequenceOfRow.clear();
    wantedRows.clear();
    int64_t longest = 0;
    for (const RaggedPiece &piece : pieces) {
      sequenceOfRow.insert(sequenceOfRow.end(), piece.rows,
                           static_cast<int32_t>(past.size()));
      starts.push_back(starts.back() + piece.rows);
      past.push_back(piece.past);
      slotOfPiece.push_back(piece.slot);
      longest = std::max(longest, piece.past + piece.rows);
    }
    for (size_t i = 0; i < call.wanted; ++i)
      wantedRows.push_back(input.wanted[call.firstWanted + i] -
                           static_cast<int32_t>(call.firstRow));

    int64_t rows = static_cast<int64_t>(call.rows);
    int64_t wanted = static_cast<int64_t>(call.wanted);
    int64_t inCall = static_cast<int64_t>(call.pieces);
    for (size_t i = 0; i < info.axes.size(); ++i) {
      const std::string &axis = info.axes[i];
      sizes[i] = axis == "token"      ? rows
                 : axis == "output"   ? wanted
                 : axis == "sequence" ? inCall
                 : axis == "kv"       ? longest
                                      : info.context;
    }
    size_t slot = fixedMemrefs, output = 0;
    for (const ArgInfo &arg : info.args) {
      heed_memref *at = &memrefs[slot];
      slot += slotsOf(arg.kind);
      switch (arg.kind) {
      case ArgKind::Tokens:
        set(at[0], input.tokens.data() + call.firstRow, rows);
        break;
      case ArgKind::TokenTypes:
        set(at[0], types.data() + call.firstRow, rows);
        break;
      case ArgKind::Rows:
        set(at[0], input.positions.data() + call.firstRow, rows);
        set(at[1], sequenceOfRow.data(), rows);
        set(at[2], starts.data(), inCall + 1);
        set(at[3], past.data(), inCall);
        set(at[4], slotOfPiece.data(), inCall);
        break;
      case ArgKind::Wanted:
        set(at[0], wantedRows.data(), wanted);
        break;
      case ArgKind::Cache:
        set(at[0], cache.data(),
            static_cast<int64_t>(cache.bytes() / sizeof(float)));
        break;
      case ArgKind::Output: {
        // Calls before this one filled the rows before.
        Output &to = outputs[output++];
        int64_t before =
            leadingOf(arg, call.firstRow, call.firstWanted, call.firstPiece);
        int64_t here = leadingOf(arg, rows, wanted, inCall);
        int64_t row = 1;
        for (size_t i = 1; i < to.shape.size(); ++i)
          row *= to.shape[i];
        set(at[0],
            static_cast<char *>(to.memory.data()) +
                before * row * blockBytes(arg.type),
            here * row);
        break;
      }
      case ArgKind::Input:
        break; // ModelInfo::decode lets none in
      }
    }
    if (Status done = invoke(); !done)
      return done;
    for (const RaggedPiece &piece : pieces)
      lengths[piece.slot] = static_cast<uint32_t>(piece.past + piece.rows);
  }
  return {};
}

/// Integers that index a table of the model stay inside it.
template <typename T>
static Status checkLimit(const ArgInfo &arg, std::span<const T> values) {
  for (size_t i = 0; i < values.size(); ++i)
    if (values[i] < 0 || static_cast<uint64_t>(values[i]) >= arg.limit)
      return Error{concat("input ", inQuotes(arg.name), ": ", values[i],
                          " (element ", i, ") is out of range: expected 0 to ",
                          arg.limit - 1)};
  return {};
}

static Status checkInput(const ArgInfo &arg, const TensorRef &given) {
  std::string what = "input " + inQuotes(arg.name);
  if (given.type != arg.type)
    return Error{concat(what, ": expected elements of type ",
                        elementTypeName(arg.type), ", found ",
                        elementTypeName(given.type))};
  bool agrees = given.shape.size() == arg.axes.size();
  for (size_t i = 0; agrees && i < arg.axes.size(); ++i)
    agrees = arg.axes[i].size < 0 ? given.shape[i] >= 0
                                  : given.shape[i] == arg.axes[i].size;
  if (agrees)
    return {};
  std::string expected;
  for (const AxisInfo &axis : arg.axes) {
    expected += expected.empty() ? "[" : ", ";
    expected += axis.name;
    if (axis.size >= 0)
      expected += concat(axis.name.empty() ? "" : " = ", axis.size);
  }
  return Error{concat(what, ": expected shape ",
                      expected.empty() ? "[" : expected, "], found ",
                      shapeText(given.shape))};
}

Status Session::run(std::span<const TensorRef> inputs) {
  const ModelInfo &info = owner.info();
  if (info.kind != ModelKind::Tensors)
    return Error{"this is a model of tokens, not of plain tensors"};
  std::vector<std::string> names;
  for (const ArgInfo &arg : info.args)
    if (arg.kind == ArgKind::Input)
      names.push_back(arg.name);
  for (const TensorRef &given : inputs)
    if (std::find(names.begin(), names.end(), given.name) == names.end()) {
      std::string known;
      for (const std::string &name : names)
        known += concat(known.empty() ? "" : ", ", name);
      return Error{concat("the model has no input ", inQuotes(given.name),
                          "; its inputs are ", known)};
    }

  std::fill(sizes.begin(), sizes.end(), -1);
  std::vector<std::string> sizedBy(sizes.size());
  size_t slot = fixedMemrefs;
  for (const ArgInfo &arg : info.args) {
    heed_memref &at = memrefs[slot++];
    if (arg.kind != ArgKind::Input)
      continue;
    auto given = std::find_if(
        inputs.begin(), inputs.end(),
        [&](const TensorRef &tensor) { return tensor.name == arg.name; });
    if (given == inputs.end())
      return Error{concat("input ", inQuotes(arg.name), " is missing")};
    if (Status checked = checkInput(arg, *given); !checked)
      return checked;
    std::optional<uint64_t> count = elementCount(given->shape);
    if (!count)
      return Error{concat("input ", inQuotes(arg.name), " is too large")};
    Status inside;
    if (arg.limit && arg.type == ElementType::I32)
      inside = checkLimit<int32_t>(
          arg, {static_cast<const int32_t *>(given->data), *count});
    else if (arg.limit && arg.type == ElementType::I64)
      inside = checkLimit<int64_t>(
          arg, {static_cast<const int64_t *>(given->data), *count});
    if (!inside)
      return inside;
    set(at, given->data, static_cast<int64_t>(*count));
    for (size_t i = 0; i < arg.axes.size(); ++i) {
      if (arg.axes[i].size >= 0)
        continue;
      size_t axis =
          std::find(info.axes.begin(), info.axes.end(), arg.axes[i].name) -
          info.axes.begin();
      if (sizes[axis] >= 0 && sizes[axis] != given->shape[i])
        return Error{concat("axis ", inQuotes(info.axes[axis]), " has size ",
                            sizes[axis], " in input ", inQuotes(sizedBy[axis]),
                            " and ", given->shape[i], " in input ",
                            inQuotes(arg.name))};
      sizes[axis] = given->shape[i];
      sizedBy[axis] = arg.name;
    }
  }
  for (size_t i = 0; i < outputs.size(); ++i)
    if (Status reserved = reserveOutput(i, -1); !reserved)
      return reserved;
  return invoke();
}

OutputRef Session::output(std::string_view name) const {
  for (const Output &output : outputs)
    if (output.info->name == name)
      return {output.info, output.shape, output.memory.data()};
  return {};
}

double Session::lastCost() const {
  double total = 0;
  for (const CostTerm &term : owner.info().cost) {
    double product = term.flops;
    for (uint32_t axis : term.axes)
      product *= static_cast<double>(sizes[axis]);
    total += product;
  }
  return total;
}
