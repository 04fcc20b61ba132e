//===- AttentionProblem.h - One attention, its data and its f64 answer ----===//
#pragma once

#include "codegen/attention/AttentionKernel.h"
#include "tests/codegen/attention/KernelRunner.h"

#include "mlir/IR/OwningOpRef.h"

#include <functional>
#include <random>

namespace heed::test {

/// How q, k and v lie in memory.
enum class Layout {
  HeadsMajor, // [batch, heads, q, head] and [batch, kv_heads, kv, head]
  RowsMajor,  // [batch, q, heads, head] and [batch, kv, kv_heads, head]
  Ragged,     // [token, heads, head] and [source, kv_heads, head]
  Cached,     // [token, heads, head] and a cache
};

/// A mask and a score rule, as IR and as plain code.
struct Rule {
  std::string mask = "#attn.mask<(q, kv) : \"\">";
  std::function<bool(int64_t q, int64_t kv, int64_t h)> allows =
      [](int64_t, int64_t, int64_t) { return true; };
  std::string bounds; // #attn.tile_bounds, or none
  std::string score;  // the body of the region over %s, %q, %kv, %h, %b
  std::function<double(double s, int64_t q, int64_t kv, int64_t h)> map =
      nullptr;
  std::vector<std::pair<std::string, int64_t>>
      symbols;                // named integers of the mask
  std::vector<int64_t> table; // the lookup table's sizes
  bool sinks = false;
  bool documents = false; // the mask reads doc[q] and kdoc[kv]
  /// The tables' entry of row i, and which pairs of entries may meet.
  std::function<int32_t(int64_t i)> document = [](int64_t i) {
    return static_cast<int32_t>(i / 7);
  };
  std::function<bool(int32_t ofQuery, int32_t ofKey)> meets =
      [](int32_t q, int32_t kv) { return q == kv; };
};

struct Shape {
  Layout layout = Layout::HeadsMajor;
  int64_t heads = 1, kvHeads = 1, head = 16;
  bool shortQueries = false; // q and the output are bf16
  bool shortKeys = false;    // k and v are; no cache
};

/// Rows of one batch element or sequence. Tensors need the same for all.
struct Lengths {
  int64_t q, kv,
      past = 0; // kv: of tensors and ragged keys; cached keys are past + q
};

/// A compiled attention.
class AttentionKernel {
public:
  AttentionKernel(const Shape &shape, const Rule &rule, const Machine &machine,
                  const std::string &schedule = "");

  const Shape shape;
  const Rule rule;
  const std::string name; // says shape and machine
  std::string tiled;      // the kernel's text
  llvm::SmallVector<attn::AttentionArg> arguments;
  int64_t scratchBytes = 0;
  bool joins = false; // there is a second function, attention_join
  std::unique_ptr<CompiledModule> compiled;

private:
  std::unique_ptr<mlir::MLIRContext> context;
  mlir::OwningOpRef<mlir::ModuleOp> module;
};

/// The data of one call.
class AttentionProblem {
public:
  /// Inputs are N(0, 1). With `huge`, one value row a segment is 1e30: any
  /// weight that should be zero shows. The mean of V is `valueMean`.
  AttentionProblem(const AttentionKernel &kernel, std::vector<Lengths> segments,
                   unsigned seed, bool huge = true, float valueMean = 0);

  /// The output of `threads` calls, one a thread.
  std::vector<float> run(int64_t threads) const {
    return run(threads, [](int64_t, const std::vector<float> &) {});
  }
  /// Of f32: the thread that writes each query of each head of the first
  /// segment, [heads, q].
  std::vector<int64_t> owners(int64_t threads) const;
  /// The largest error of `out`, relative to each row's sum of p |v|; rows that
  /// must be zero count as infinite.
  double error(const std::vector<float> &out) const;
  int64_t allowedPairs() const;
  /// The values of keys [from, to) of a segment of rows become NaN: it shows in
  /// every output that reads them, whatever their weight.
  void poison(int64_t from, int64_t to);

private:
  /// `after` sees the output when a thread is done.
  std::vector<float>
  run(int64_t threads,
      std::function<void(int64_t thread, const std::vector<float> &out)> after)
      const;
  bool isAllowed(size_t segment, int64_t i, int64_t j, int64_t h) const;
  double reference(size_t segment, int64_t h, int64_t i,
                   std::vector<double> &row,
                   std::vector<double> &magnitude) const;
  size_t queryIndex(size_t segment, int64_t h, int64_t i) const;
  size_t keyIndex(size_t segment, int64_t kvHead, int64_t j,
                  bool isValue) const;
  int64_t keyLength(size_t segment) const;

  const AttentionKernel &kernel;
  std::vector<Lengths> segments;
  std::vector<float> q, k, v, sinks, table;
  std::vector<int32_t> documents;
  std::vector<int64_t> queryStarts, keyStarts, past, slots;
  int64_t capacity = 0, layerOffset = 0, slotStride = 0, cacheElements = 0;
  // Tensors of bf16.
  std::vector<uint16_t> shortQ, shortK, shortV;
  mutable std::vector<float> scratchpad;
};

} // namespace heed::test
