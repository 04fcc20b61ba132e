//===- UnitLoops.h - Loops that keep one unit of a core busy --------------===//
//
// What every rate that heed measures is taken with: each loop does one thing as
// fast as this CPU can, from registers or from its first cache.
//
//===----------------------------------------------------------------------===//
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace heed {

/// What a loop keeps busy.
enum class Unit : uint8_t {
  Products,    // multiply-adds on operands in registers; work: operations
  FedProducts, // the same in a register tile whose operands come from L1, each
               // loaded or broadcast once a step; work: operations
  Loads,       // vectors read from L1; work: bytes
  Softmax,     // maximum, exp2 and sum of scores; work: scores
  SoftmaxBesideProducts, // the same with `products` multiply-adds between
};

struct UnitLoop {
  Unit unit;
  std::string_view kind;  // of the atom: "fma_f32"; empty for loads and softmax
  std::string_view name;  // "fma f32 1x16x1"
  std::string_view needs; // features, as cpuHas() knows them
  int lanes;              // f32 lanes of the vectors, 16 for tiles
  double work;            // of one turn
  double products;        // of one turn, beside its work
  void (*run)(int64_t turns);
};

/// All loops, whatever this CPU has. What `needs` says must be there when one
/// runs, and tiles must have been asked for (askForTiles).
std::span<const UnitLoop> unitLoops();

/// The loop of f32 multiply-adds in registers with the widest vectors that this
/// CPU has.
const UnitLoop &widestProducts();

} // namespace heed
