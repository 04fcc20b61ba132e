//===- ModelInfo.h - What the runtime must know of a compiled model -------===//
//
// Written by the compiler into the INFO section of the model file, read by the
// runtime at start.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "runtime/formats/ElementType.h"
#include "runtime/support/Result.h"

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace heed {

/// What a model takes and gives.
enum class ModelKind : uint8_t {
  Tensors,        // named tensors in, named tensors out
  Decoder,        // tokens in, logits out, a KV cache between calls
  Encoder,        // tokens in, hidden states or an embedding out
  EncoderDecoder, // both
};

/// An argument of the entry, and how many slots it takes in `args`.
enum class ArgKind : uint8_t {
  Tokens,     // 1 slot: i32 [axis]
  TokenTypes, // 1 slot: i32 [axis]
  Rows, // 5 slots, of one ragged axis: positions i32 [axis]; sequences i32
        // [axis], each row's sequence, from 0; starts i64 [sequences + 1], the
        // first row of each sequence; past i64 [sequences], the position of
        // each sequence's first row; slots i64 [sequences], the cache slot of
        // each sequence
  Wanted, // 1 slot: i32 [output], the rows whose outputs are wanted
  Cache,  // 1 slot: f32, the pool of all slots and layers (see CacheLayer)
  Input,  // 1 slot: a named tensor, row-major
  Output, // 1 slot: a named tensor, row-major, written by the call
};

/// One axis of an argument; size -1 where it is dynamic (its size stands in
/// `sizes`).
struct AxisInfo {
  std::string name;
  int64_t size = -1;
};

struct ArgInfo {
  ArgKind kind;
  std::string name; // "tokens", "logits", "q", …
  ElementType type;
  std::vector<AxisInfo> axes;
  uint32_t limit =
      0; // integers that index a table: all are in [0, limit); 0: any will do
};

/// A region of the arena: bytes * (product of the sizes of `axes`), rounded up
/// to 64.
struct ArenaClass {
  std::vector<uint32_t>
      axes; // indices into ModelInfo::axes; an axis may stand twice
  uint64_t bytes;
};

/// A term of the cost of one call: flops * (product of the sizes of `axes`).
/// For figures only.
struct CostTerm {
  std::vector<uint32_t>
      axes; // indices into ModelInfo::axes; an axis may stand twice
  double flops;
};

/// Keys and values of one layer: within a slot, layer after layer, K [kvHeads,
/// capacity, head] then V likewise.
struct CacheLayer {
  uint32_t kvHeads, head;
};

struct ModelInfo {
  std::string name;
  ModelKind kind = ModelKind::Tensors;
  uint32_t context = 0;    // longest sequence, tokens
  uint32_t vocabulary = 0; // ids are below it; logits of a row
  uint32_t chunk =
      512; // most tokens of one call; a longer prompt goes in several
  uint32_t firstCall =
      1; // tokens below this position see each other: they go in one call,
         // whatever the chunk, and nothing goes on from fewer. 1 for causal
         // models (docs/masks.md, Theorem 3)
  std::vector<std::string>
      axes; // the dynamic axes. Known names: token, output, sequence (number of
            // sequences), kv (longest past + rows of a sequence), capacity
            // (positions of a cache slot); others are a tensor model's own
  std::vector<ArenaClass> arena;
  uint64_t scratch =
      0; // bytes for each thread, before the arena's classes; a multiple of 64
  std::vector<CacheLayer> cache;
  std::vector<ArgInfo> args;
  std::vector<CostTerm>
      cost; // floating-point operations of one call, where they are known
  uint64_t flopsPerToken =
      0; // of the linears that every token goes through, 2 * weights
  uint64_t flopsPerOutput =
      0; // of those that only wanted rows go through (logits)
  uint64_t weightBytesPerToken = 0; // packed bytes that one decoded token reads
  uint64_t cacheBytesPerPosition =
      0; // that a decoded token reads for every earlier position, of layers
         // without a window
  std::string bos, chat; // reserved: what the tokenizer table does not say

  /// The bytes of this value, versioned.
  std::string encode() const;
  /// Reads what encode wrote; refuses anything else with one clear sentence.
  static Result<ModelInfo> decode(std::span<const char> bytes);
};

} // namespace heed
