//===- AttentionProblem.cpp - One attention, its data and its f64 answer --===//
#include "tests/codegen/attention/AttentionProblem.h"

#include "mlir/IR/Verifier.h"
#include "mlir/Parser/Parser.h"

#include <cmath>

using namespace heed::attn;

namespace heed::test {

/// As many digits as a double has.
static std::string exact(double value) {
  char text[32];
  snprintf(text, sizeof text, "%.17e", value);
  return text;
}

static std::string opText(const Shape &shape, const Rule &rule,
                          const std::string &schedule) {
  auto number = [](int64_t n) { return std::to_string(n); };
  std::string head = number(shape.head), heads = number(shape.heads),
              kvHeads = number(shape.kvHeads);
  bool ragged =
      shape.layout == Layout::Ragged || shape.layout == Layout::Cached;
  std::string q, k;
  switch (shape.layout) {
  case Layout::HeadsMajor:
    q = "tensor<?x" + heads + "x?x" + head +
        "xf32, #attn.axes<[batch, heads, q, head]>>";
    k = "tensor<?x" + kvHeads + "x?x" + head +
        "xf32, #attn.axes<[batch, kv_heads, kv, head]>>";
    break;
  case Layout::RowsMajor:
    q = "tensor<?x?x" + heads + "x" + head +
        "xf32, #attn.axes<[batch, q, heads, head]>>";
    k = "tensor<?x?x" + kvHeads + "x" + head +
        "xf32, #attn.axes<[batch, kv, kv_heads, head]>>";
    break;
  case Layout::Ragged:
  case Layout::Cached:
    q = "tensor<?x" + heads + "x" + head +
        "xf32, #attn.axes<[q, heads, head]>>";
    k = shape.layout == Layout::Cached
            ? "!attn.cache<" + kvHeads + " by " + head + ", f32>"
            : "tensor<?x" + kvHeads + "x" + head +
                  "xf32, #attn.axes<[kv, kv_heads, head]>>";
    break;
  }
  for (auto [type, isShort] :
       {std::pair(&q, shape.shortQueries), std::pair(&k, shape.shortKeys)})
    if (isShort)
      type->replace(type->find("xf32,"), 5, "xbf16,");
  std::string signature = "%q: " + q + ", %k: " + k, operands = "%q, %k",
              types = q + ", " + k;
  if (shape.layout == Layout::Cached) {
    operands += ", %k", types += ", " + k;
  } else {
    signature += ", %v: " + k, operands += ", %v", types += ", " + k;
  }
  if (ragged) {
    signature += ", %qrows: !attn.ragged<q>";
    operands += " q_rows(%qrows : !attn.ragged<q>)";
    if (shape.layout == Layout::Ragged) {
      signature += ", %krows: !attn.ragged<kv>";
      operands += " kv_rows(%krows : !attn.ragged<kv>)";
    }
  }
  if (rule.sinks) {
    std::string type = "!attn.weight<[" + heads + "], f32>";
    signature += ", %sinks: " + type;
    operands += " sinks(%sinks : " + type + ")";
  }
  std::string attributes;
  if (rule.documents) {
    // One table over the rows of q, which are the rows of kv.
    bool batched = !ragged;
    std::string type = batched ? "tensor<?x?xi32, #attn.axes<[batch, q]>>"
                               : "tensor<?xi32, #attn.axes<[q]>>";
    std::string keyType = batched ? "tensor<?x?xi32, #attn.axes<[batch, kv]>>"
                                  : "tensor<?xi32, #attn.axes<[kv]>>";
    signature += ", %doc: " + type + ", %kdoc: " + keyType;
    operands += " tables(%doc, %kdoc : " + type + ", " + keyType + ")";
    attributes += ", table_names = [\"doc\", \"kdoc\"]";
  }
  if (!rule.table.empty()) {
    std::string sizes;
    for (int64_t size : rule.table)
      sizes += (sizes.empty() ? "" : ", ") + number(size);
    signature += ", %table: !attn.weight<[" + sizes + "], f32>";
  }
  operands += " mask " + rule.mask;
  if (!rule.score.empty())
    operands += " score {\n^bb0(%s: f32, %q_: index, %kv_: index, %h: index, "
                "%b: index):\n" +
                rule.score + "\n}";
  if (!rule.bounds.empty())
    attributes += ", tile_bounds = " + rule.bounds;
  if (!schedule.empty())
    attributes += ", schedule = " + schedule;
  return "func.func @model(" + signature + ") -> " + q +
         " {\n  %o = attn.attention " + operands +
         " {scale = " + exact(1 / std::sqrt(double(shape.head))) +
         ", q_axis = \"q\", kv_axis = \"kv\"" + attributes + "} : " + types +
         " -> " + q + "\n  return %o : " + q + "\n}\n";
}

AttentionKernel::AttentionKernel(const Shape &shape, const Rule &rule,
                                 const Machine &machine,
                                 const std::string &schedule)
    : shape(shape), rule(rule),
      name(std::string(machine.name) +
           (shape.shortQueries ? " queries of bf16" : "") +
           (shape.shortKeys ? " keys of bf16" : "") + " layout " +
           std::to_string(int(shape.layout)) + " heads " +
           std::to_string(shape.heads) + "/" + std::to_string(shape.kvHeads) +
           " x " + std::to_string(shape.head) + " " + rule.mask + " " +
           rule.score),
      context(makeContext()) {
  context->loadAllAvailableDialects();
  std::string text = opText(shape, rule, schedule);
  module = mlir::parseSourceString<mlir::ModuleOp>(text, context.get());
  if (!module) {
    llvm::errs() << text;
    std::abort();
  }
  AttentionOp op;
  module->walk([&](AttentionOp found) { op = found; });
  mlir::OwningOpRef<mlir::ModuleOp> kernels(
      mlir::ModuleOp::create(op.getLoc()));
  mlir::OpBuilder b(context.get());
  b.setInsertionPointToEnd(kernels->getBody());
  arguments = attentionArguments(op);
  TargetAttr target = machine.attribute(context.get());
  scratchBytes = attentionScratchBytes(op, target);
  AttentionKernels made = emitAttentionKernels(b, op, target, "attention");
  if (!made.compute)
    std::abort();
  joins = bool(made.join);
  if (failed(mlir::verify(*kernels)))
    std::abort();
  llvm::raw_string_ostream(tiled) << *kernels;
  // What is compiled is what the printed form says.
  kernels = mlir::parseSourceString<mlir::ModuleOp>(tiled, context.get());
  if (!kernels) {
    llvm::errs() << tiled;
    std::abort();
  }
  compiled = std::make_unique<CompiledModule>(*kernels, machine);
}

AttentionProblem::AttentionProblem(const AttentionKernel &kernel,
                                   std::vector<Lengths> lengths, unsigned seed,
                                   bool huge, float valueMean)
    : kernel(kernel), segments(std::move(lengths)) {
  const Shape &shape = kernel.shape;
  std::mt19937 random(seed);
  std::normal_distribution<float> normal;
  auto fill = [&](std::vector<float> &values, size_t size) {
    values.resize(size);
    for (float &value : values)
      value = normal(random);
  };
  queryStarts = keyStarts = {0};
  for (const Lengths &segment : segments) {
    queryStarts.push_back(queryStarts.back() + segment.q);
    keyStarts.push_back(keyStarts.back() + (shape.layout == Layout::Cached
                                                ? segment.q
                                                : segment.kv));
    past.push_back(segment.past);
    capacity = std::max(capacity, segment.past + segment.q);
  }
  fill(q, queryStarts.back() * shape.heads * shape.head);
  if (shape.layout == Layout::Cached) {
    int64_t layer = 2 * shape.kvHeads * capacity * shape.head;
    layerOffset = 64;
    slotStride = layer + layerOffset + 32;
    for (size_t i = 0; i < segments.size(); ++i)
      slots.push_back((i * 3 + 1) % (segments.size() * 3));
    fill(k, slotStride * (segments.size() * 3 + 1));
  } else {
    fill(k, keyStarts.back() * shape.kvHeads * shape.head);
    fill(v, k.size());
    for (float &value : v)
      value += valueMean;
  }
  for (size_t segment = 0; huge && segment < segments.size(); ++segment)
    if (int64_t keys = keyLength(segment))
      for (int64_t d = 0; d < shape.head; ++d) {
        std::vector<float> &values = shape.layout == Layout::Cached ? k : v;
        values[keyIndex(segment, 0, random() % keys, true) + d] = 1e30f;
      }
  auto shorten = [&](std::vector<float> &values) {
    std::vector<uint16_t> bits;
    for (float &value : values) {
      auto word = llvm::bit_cast<uint32_t>(value);
      word += 0x7fff + (word >> 16 & 1); // to nearest even
      bits.push_back(static_cast<uint16_t>(word >> 16));
      value = llvm::bit_cast<float>(word & 0xffff0000);
    }
    return bits;
  };
  if (shape.shortQueries)
    shortQ = shorten(q);
  if (shape.shortKeys)
    shortK = shorten(k), shortV = shorten(v);
  if (kernel.rule.sinks)
    fill(sinks, shape.heads);
  int64_t elements = 1;
  for (int64_t size : kernel.rule.table)
    elements *= size;
  fill(table, kernel.rule.table.empty() ? 0 : elements);
  for (float &entry :
       table) // small slopes: a score of 100 has an error of 1e-5 by itself
    entry /= 16;
  for (int64_t i = 0; i < queryStarts.back(); ++i)
    documents.push_back(kernel.rule.document(i));
}

int64_t AttentionProblem::keyLength(size_t segment) const {
  const Lengths &l = segments[segment];
  return kernel.shape.layout == Layout::Cached ? l.past + l.q : l.kv;
}

size_t AttentionProblem::queryIndex(size_t segment, int64_t h,
                                    int64_t i) const {
  const Shape &s = kernel.shape;
  if (s.layout == Layout::HeadsMajor)
    return ((segment * s.heads + h) * segments[0].q + i) * s.head;
  return ((queryStarts[segment] + i) * s.heads + h) * s.head;
}

size_t AttentionProblem::keyIndex(size_t segment, int64_t kvHead, int64_t j,
                                  bool isValue) const {
  const Shape &s = kernel.shape;
  if (s.layout == Layout::HeadsMajor)
    return ((segment * s.kvHeads + kvHead) * segments[0].kv + j) * s.head;
  if (s.layout == Layout::Cached)
    return slots[segment] * slotStride + layerOffset +
           (((isValue ? s.kvHeads : 0) + kvHead) * capacity + j) * s.head;
  return ((keyStarts[segment] + j) * s.kvHeads + kvHead) * s.head;
}

std::vector<float> AttentionProblem::run(
    int64_t threads,
    std::function<void(int64_t, const std::vector<float> &)> after) const {
  auto [shortQueries, shortKeys] =
      std::pair(kernel.shape.shortQueries, kernel.shape.shortKeys);
  std::vector<float> out(q.size(), NAN);
  std::vector<uint16_t> shortOut(shortQueries ? q.size() : 0, 0x7fff);
  // Aligned to 64 bytes, and filled with what no result may depend on.
  scratchpad.assign(threads * kernel.scratchBytes / 4 + 32, NAN);
  char *scratch = reinterpret_cast<char *>(
      (reinterpret_cast<uintptr_t>(scratchpad.data()) + 63) / 64 * 64);
  auto constant = [](auto &values) {
    return Argument::of(
        const_cast<void *>(static_cast<const void *>(values.data())),
        values.size());
  };
  auto call = [&](const char *function, int64_t thread) {
    std::vector<Argument> arguments;
    for (const AttentionArg &arg : kernel.arguments) {
      using Kind = AttentionArgKind;
      auto axis = [&]() -> int64_t {
        if (arg.name == "batch")
          return segments.size();
        bool tensor = kernel.shape.layout == Layout::HeadsMajor ||
                      kernel.shape.layout == Layout::RowsMajor;
        return arg.name == "q" ? (tensor ? segments[0].q : queryStarts.back())
                               : (tensor ? segments[0].kv : keyStarts.back());
      };
      auto symbol = [&] {
        for (auto &[name, value] : kernel.rule.symbols)
          if (arg.name == name)
            return value;
        std::abort();
      };
      switch (arg.kind) {
      case Kind::Query:
        arguments.push_back(shortQueries ? constant(shortQ) : constant(q));
        break;
      case Kind::Key:
        arguments.push_back(shortKeys ? constant(shortK) : constant(k));
        break;
      case Kind::Value:
        arguments.push_back(shortKeys ? constant(shortV) : constant(v));
        break;
      case Kind::Out:
        arguments.push_back(shortQueries ? constant(shortOut) : constant(out));
        break;
      case Kind::Cache:
        arguments.push_back(constant(k));
        break;
      case Kind::LayerOffset:
        arguments.push_back(Argument::of(layerOffset));
        break;
      case Kind::SlotStride:
        arguments.push_back(Argument::of(slotStride));
        break;
      case Kind::Capacity:
        arguments.push_back(Argument::of(capacity));
        break;
      case Kind::AxisSize:
        arguments.push_back(Argument::of(axis()));
        break;
      case Kind::QueryStarts:
        arguments.push_back(constant(queryStarts));
        break;
      case Kind::QueryPast:
        arguments.push_back(constant(past));
        break;
      case Kind::KeyStarts:
        arguments.push_back(constant(keyStarts));
        break;
      case Kind::KeyPast:
        arguments.push_back(constant(past));
        break;
      case Kind::KeySlots:
        arguments.push_back(constant(slots));
        break;
      case Kind::Sinks:
        arguments.push_back(constant(sinks));
        break;
      case Kind::MaskTable:
        arguments.push_back(constant(documents));
        break;
      case Kind::MaskSymbol:
        arguments.push_back(Argument::of(symbol()));
        break;
      case Kind::LookupTable:
        arguments.push_back(constant(table));
        break;
      case Kind::Scratch:
        arguments.push_back(Argument::of(scratch + thread * kernel.scratchBytes,
                                         kernel.scratchBytes));
        break;
      case Kind::ScratchStride:
        arguments.push_back(Argument::of(kernel.scratchBytes));
        break;
      case Kind::Thread:
        arguments.push_back(Argument::of(thread));
        break;
      case Kind::Threads:
        arguments.push_back(Argument::of(threads));
        break;
      }
    }
    kernel.compiled->call(function, arguments);
  };
  for (int64_t thread = 0; thread < threads; ++thread) {
    call("attention", thread);
    after(thread, out);
  }
  if (kernel.joins)
    for (int64_t thread = 0; thread < threads; ++thread)
      call("attention_join", thread);
  for (size_t i = 0; i < shortOut.size(); ++i)
    out[i] = llvm::bit_cast<float>(uint32_t(shortOut[i]) << 16);
  return out;
}

std::vector<int64_t> AttentionProblem::owners(int64_t threads) const {
  int64_t queries = segments[0].q;
  std::vector<int64_t> owner(kernel.shape.heads * queries, -1);
  run(threads, [&](int64_t thread, const std::vector<float> &out) {
    for (int64_t h = 0; h < kernel.shape.heads; ++h)
      for (int64_t i = 0; i < queries; ++i)
        if (int64_t &one = owner[h * queries + i];
            one < 0 && !std::isnan(out[queryIndex(0, h, i)]))
          one = thread;
  });
  return owner;
}

bool AttentionProblem::isAllowed(size_t segment, int64_t i, int64_t j,
                                 int64_t h) const {
  const Rule &rule = kernel.rule;
  return rule.allows(segments[segment].past + i, j, h) &&
         (!rule.documents || rule.meets(documents[queryStarts[segment] + i],
                                        documents[keyStarts[segment] + j]));
}

void AttentionProblem::poison(int64_t from, int64_t to) {
  for (int64_t kvHead = 0; kvHead < kernel.shape.kvHeads; ++kvHead)
    for (int64_t j = from; j < to; ++j)
      for (int64_t d = 0; d < kernel.shape.head; ++d)
        v[keyIndex(0, kvHead, j, true) + d] = NAN;
}

int64_t AttentionProblem::allowedPairs() const {
  int64_t pairs = 0;
  for (size_t segment = 0; segment < segments.size(); ++segment)
    for (int64_t i = 0; i < segments[segment].q; ++i)
      for (int64_t j = 0; j < keyLength(segment); ++j)
        pairs += isAllowed(segment, i, j, 0);
  return pairs * kernel.shape.heads;
}

double AttentionProblem::error(const std::vector<float> &out) const {
  const Shape &shape = kernel.shape;
  const Rule &rule = kernel.rule;
  double worst = 0;
  for (size_t segment = 0; segment < segments.size(); ++segment) {
    int64_t keys = keyLength(segment);
    for (int64_t h = 0; h < shape.heads; ++h) {
      int64_t kvHead = h / (shape.heads / shape.kvHeads);
      for (int64_t i = 0; i < segments[segment].q; ++i) {
        const float *query = &q[queryIndex(segment, h, i)];
        int64_t position = segments[segment].past + i;
        std::vector<double> scores(keys), sum(shape.head),
            magnitude(shape.head);
        double highest = rule.sinks ? sinks[h] : -INFINITY;
        for (int64_t j = 0; j < keys; ++j) {
          const float *key = &k[keyIndex(segment, kvHead, j, false)];
          double s = 0;
          for (int64_t d = 0; d < shape.head; ++d)
            s += double(query[d]) * key[d];
          s /= std::sqrt(double(shape.head));
          bool allowed = isAllowed(segment, i, j, h);
          if (rule.map && allowed) {
            // The table is read by (h, distance); other rules ignore it.
            double entry = 0;
            if (rule.table.size() == 2)
              entry = table[h * rule.table[1] +
                            std::clamp<int64_t>(position - j, 0,
                                                rule.table[1] - 1)];
            else if (rule.table.size() == 1)
              entry = table[h];
            s = rule.map(s, position, j, h) +
                (rule.table.size() == 2
                     ? entry
                     : -entry * double(position - j) * !rule.table.empty());
          }
          scores[j] = allowed ? s : -INFINITY;
          highest = std::max(highest, scores[j]);
        }
        double total = rule.sinks ? std::exp(sinks[h] - highest) : 0;
        for (int64_t j = 0; j < keys; ++j) {
          double p = scores[j] == -INFINITY ? 0 : std::exp(scores[j] - highest);
          total += p;
          const float *value = &(shape.layout == Layout::Cached
                                     ? k
                                     : v)[keyIndex(segment, kvHead, j, true)];
          for (int64_t d = 0; d < shape.head; ++d)
            sum[d] += p * value[d],
                magnitude[d] += p * std::abs(double(value[d]));
        }
        const float *result = &out[queryIndex(segment, h, i)];
        for (int64_t d = 0; d < shape.head; ++d) {
          double expected = total > 0 ? sum[d] / total : 0,
                 scale = total > 0 ? magnitude[d] / total : 0;
          double difference = std::abs(result[d] - expected);
          if (scale == 0 ? result[d] != 0 : !(difference <= scale * worst))
            worst = scale == 0               ? INFINITY
                    : std::isnan(difference) ? INFINITY
                                             : difference / scale;
        }
      }
    }
  }
  return worst;
}

} // namespace heed::test
