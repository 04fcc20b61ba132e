//===- UnitLoops.cpp - Loops that keep one unit of a core busy ------------===//
//
// Each keeps enough independent chains in flight to hide the latency of an
// issue; an empty piece of assembly that reads and writes a register keeps the
// compiler from folding what is computed in it.
//
//===----------------------------------------------------------------------===//
#include "runtime/bench/UnitLoops.h"
#include "runtime/step/CpuFeatures.h"

#include <immintrin.h>
#include <iterator>

using namespace heed;

// "x": any vector register that the function may use, "v": all 32 of AVX-512.
#define HEED_KEEP(value) asm volatile("" : "+v"(value))
#define HEED_KEEP_X(value) asm volatile("" : "+x"(value))
#define HEED_UNROLL _Pragma("clang loop unroll(full)")

/// Operands of the fed loops, all in L1: `depth` steps of up to 16 elements
/// that are broadcast and 48 that are loaded.
static constexpr int depth = 64;
namespace {
struct Operands {
  alignas(64) float loaded[depth * 48];
  alignas(64) float broadcast[16 * depth];
  Operands() {
    for (float &x : loaded)
      x = 0x1p-10f;
    for (float &x : broadcast)
      x = 0x1p-10f;
  }
};
} // namespace
static Operands operands;

//===----------------------------------------------------------------------===//
// Products in registers
//===----------------------------------------------------------------------===//

// 24 hide the six cycles of a dot product on two ports; with 16 registers 12
// are enough for a multiply-add.
static constexpr int chains = 24, chainsOf16 = 12;

#define HEED_CHAINS(Vector, count, keep, zero, issue)                          \
  Vector sums[count];                                                          \
  HEED_UNROLL for (Vector &sum : sums) sum = zero;                             \
  for (int64_t turn = 0; turn < turns; ++turn)                                 \
    HEED_UNROLL for (Vector &sum : sums) {                                     \
      issue;                                                                   \
      keep(sum);                                                               \
    }

__attribute__((target("avx512f"))) static void fma16(int64_t turns) {
  __m512 x = _mm512_set1_ps(0.999f), y = _mm512_set1_ps(1e-3f);
  HEED_CHAINS(__m512, chains, HEED_KEEP, y, sum = _mm512_fmadd_ps(sum, x, y))
}
__attribute__((target("avx2,fma"))) static void fma8(int64_t turns) {
  __m256 x = _mm256_set1_ps(0.999f), y = _mm256_set1_ps(1e-3f);
  HEED_CHAINS(__m256, chainsOf16, HEED_KEEP_X, y,
              sum = _mm256_fmadd_ps(sum, x, y))
}
static void multiplyAdd4(int64_t turns) {
  __m128 x = _mm_set1_ps(0.999f), y = _mm_set1_ps(1e-3f);
  HEED_CHAINS(__m128, chainsOf16, HEED_KEEP_X, y,
              sum = _mm_add_ps(_mm_mul_ps(sum, x), y))
}
__attribute__((target("avx512f,avx512bf16"))) static void
dpbf16(int64_t turns) {
  __m512bh x = (__m512bh)_mm512_set1_epi16(0x3f80),
           y = (__m512bh)_mm512_set1_epi16(0x3380);
  HEED_CHAINS(__m512, chains, HEED_KEEP, _mm512_setzero_ps(),
              sum = _mm512_dpbf16_ps(sum, x, y))
}
__attribute__((target("avx512f,avx512vnni"))) static void
dpbusd(int64_t turns) {
  __m512i x = _mm512_set1_epi8(1), y = _mm512_set1_epi8(1);
  HEED_CHAINS(__m512i, chains, HEED_KEEP, _mm512_setzero_si512(),
              sum = _mm512_dpbusd_epi32(sum, x, y))
}

//===----------------------------------------------------------------------===//
// Products fed from L1: the register tiles of attention and linears
//===----------------------------------------------------------------------===//

/// A tile of `rows` broadcast elements by `vectors` loaded vectors.
#define HEED_FED(Vector, rows, vectors, zero, load, broadcast, issue)          \
  Vector sums[rows][vectors];                                                  \
  HEED_UNROLL for (auto &row : sums) HEED_UNROLL for (Vector &sum : row) sum = \
      zero;                                                                    \
  for (int64_t turn = 0; turn < turns; ++turn)                                 \
    for (int step = 0; step < depth; ++step) {                                 \
      auto *wide = operands.loaded + step * 48;                                \
      const float *narrow = operands.broadcast + step;                         \
      decltype(load(wide)) b[vectors];                                         \
      HEED_UNROLL for (int v = 0; v < vectors; ++v) b[v] =                     \
          load(wide + v * (sizeof(Vector) / 4));                               \
      HEED_UNROLL for (int r = 0; r < rows; ++r) {                             \
        auto a = broadcast(narrow + r * depth);                                \
        HEED_UNROLL for (int v = 0; v < vectors; ++v) sums[r][v] =             \
            issue(sums[r][v], a, b[v]);                                        \
      }                                                                        \
    }                                                                          \
  HEED_UNROLL for (auto &row : sums)                                           \
      HEED_UNROLL for (Vector &sum : row) asm volatile("" ::"m"(sum));

__attribute__((target("avx512f"))) static void fedFma16(int64_t turns) {
  auto load = [](const float *at)
                  __attribute__((target("avx512f"), always_inline)) {
                    return _mm512_loadu_ps(at);
                  };
  auto broadcast = [](const float *at)
                       __attribute__((target("avx512f"), always_inline)) {
                         return _mm512_set1_ps(*at);
                       };
  auto issue = [](__m512 sum, __m512 a, __m512 b)
                   __attribute__((target("avx512f"), always_inline)) {
                     return _mm512_fmadd_ps(a, b, sum);
                   };
  HEED_FED(__m512, 8, 3, _mm512_setzero_ps(), load, broadcast, issue)
}
__attribute__((target("avx2,fma"))) static void fedFma8(int64_t turns) {
  auto load = [](const float *at)
                  __attribute__((target("avx2,fma"), always_inline)) {
                    return _mm256_loadu_ps(at);
                  };
  auto broadcast = [](const float *at)
                       __attribute__((target("avx2,fma"), always_inline)) {
                         return _mm256_broadcast_ss(at);
                       };
  auto issue = [](__m256 sum, __m256 a, __m256 b)
                   __attribute__((target("avx2,fma"), always_inline)) {
                     return _mm256_fmadd_ps(a, b, sum);
                   };
  HEED_FED(__m256, 6, 2, _mm256_setzero_ps(), load, broadcast, issue)
}
__attribute__((target("avx512f,avx512bf16"))) static void
fedDpbf16(int64_t turns) {
  auto load = [](const float *at)
                  __attribute__((target("avx512f,avx512bf16"), always_inline)) {
                    return (__m512bh)_mm512_loadu_ps(at);
                  };
  auto broadcast =
      [](const float *at)
          __attribute__((target("avx512f,avx512bf16"), always_inline)) {
            return (__m512bh)_mm512_set1_ps(*at);
          };
  auto issue =
      [](__m512 sum, __m512bh a, __m512bh b)
          __attribute__((target("avx512f,avx512bf16"), always_inline)) {
            return _mm512_dpbf16_ps(sum, a, b);
          };
  HEED_FED(__m512, 8, 3, _mm512_setzero_ps(), load, broadcast, issue)
}

//===----------------------------------------------------------------------===//
// Tiles of AMX: four accumulators, two operands on each side
//===----------------------------------------------------------------------===//

/// All eight tiles with 16 rows of 64 bytes; `asm`, for tile numbers are fixed.
__attribute__((target("amx-tile"))) static void configureTiles() {
  struct alignas(64) {
    uint8_t palette = 1, start = 0, reserved[14] = {};
    uint16_t bytes[16] = {64, 64, 64, 64, 64, 64, 64, 64};
    uint8_t rows[16] = {16, 16, 16, 16, 16, 16, 16, 16};
  } layout;
  _tile_loadconfig(&layout);
  _tile_zero(0);
  _tile_zero(1);
  _tile_zero(2);
  _tile_zero(3);
  _tile_loadd(4, operands.loaded, 64);
  _tile_loadd(5, operands.loaded + 256, 64);
  _tile_loadd(6, operands.loaded + 512, 64);
  _tile_loadd(7, operands.loaded + 768, 64);
}

#define HEED_TILES(product)                                                    \
  configureTiles();                                                            \
  for (int64_t turn = 0; turn < turns; ++turn) {                               \
    product(0, 4, 6);                                                          \
    product(1, 4, 7);                                                          \
    product(2, 5, 6);                                                          \
    product(3, 5, 7);                                                          \
  }                                                                            \
  _tile_release();

#define HEED_FED_TILES(product)                                                \
  configureTiles();                                                            \
  for (int64_t turn = 0; turn < turns; ++turn) {                               \
    const float *at = operands.loaded + turn % 2 * 1024;                       \
    _tile_loadd(4, at, 64);                                                    \
    _tile_loadd(6, at + 256, 64);                                              \
    product(0, 4, 6);                                                          \
    _tile_loadd(7, at + 512, 64);                                              \
    product(1, 4, 7);                                                          \
    _tile_loadd(5, at + 768, 64);                                              \
    product(2, 5, 6);                                                          \
    product(3, 5, 7);                                                          \
  }                                                                            \
  _tile_release();

__attribute__((target("amx-tile,amx-bf16"))) static void
tileBf16(int64_t turns) {
  HEED_TILES(_tile_dpbf16ps)
}
__attribute__((target("amx-tile,amx-bf16"))) static void
fedTileBf16(int64_t turns) {
  HEED_FED_TILES(_tile_dpbf16ps)
}
__attribute__((target("amx-tile,amx-fp16"))) static void
tileF16(int64_t turns) {
  HEED_TILES(_tile_dpfp16ps)
}
__attribute__((target("amx-tile,amx-fp16"))) static void
fedTileF16(int64_t turns) {
  HEED_FED_TILES(_tile_dpfp16ps)
}
__attribute__((target("amx-tile,amx-int8"))) static void
tileInt8(int64_t turns) {
  HEED_TILES(_tile_dpbusd)
}
__attribute__((target("amx-tile,amx-int8"))) static void
fedTileInt8(int64_t turns) {
  HEED_FED_TILES(_tile_dpbusd)
}

//===----------------------------------------------------------------------===//
// Loads
//===----------------------------------------------------------------------===//

static constexpr int64_t loadsOfTurn = 64;

__attribute__((target("avx512f"))) static void load16(int64_t turns) {
  for (int64_t turn = 0; turn < turns; ++turn)
    HEED_UNROLL for (int i = 0; i < loadsOfTurn; ++i) {
      __m512 value = _mm512_load_ps(operands.loaded + 16 * i);
      HEED_KEEP(value);
    }
}
__attribute__((target("avx2"))) static void load8(int64_t turns) {
  for (int64_t turn = 0; turn < turns; ++turn)
    HEED_UNROLL for (int i = 0; i < loadsOfTurn; ++i) {
      __m256 value = _mm256_load_ps(operands.loaded + 8 * i);
      HEED_KEEP_X(value);
    }
}

//===----------------------------------------------------------------------===//
// Softmax: for each vector of scores a maximum, exp2 of the difference (round,
// a polynomial of degree 5, scale; 0 below 2^-126), a store and a sum. What
// codegen/attention makes of a score, whatever its order there.
//===----------------------------------------------------------------------===//

static constexpr int scoreVectors = 8;
static constexpr float exp2Terms[] = {0.0013276473f, 0.009675541f, 0.05550713f,
                                      0.2402212f,    0.69314694f,  1.0f};
/// Multiply-adds between two vectors of scores.
static constexpr int productsBeside = 24;
alignas(64) static float scores[scoreVectors * 16], weights[scoreVectors * 16];

template <int Products>
__attribute__((target("avx512f"))) static void softmax16(int64_t turns) {
  constexpr int count = Products ? 12 : 1;
  __m512 x = _mm512_set1_ps(0.999f), y = _mm512_set1_ps(1e-3f), sums[count];
  HEED_UNROLL for (__m512 &sum : sums) sum = y;
  __m512 maximum = _mm512_setzero_ps(), total = y,
         lowest = _mm512_set1_ps(-126);
  for (int64_t turn = 0; turn < turns; ++turn)
    HEED_UNROLL for (int v = 0; v < scoreVectors; ++v) {
      HEED_UNROLL for (int i = 0; i < Products; ++i) {
        sums[i % count] = _mm512_fmadd_ps(sums[i % count], x, y);
        HEED_KEEP(sums[i % count]);
      }
      __m512 score = _mm512_load_ps(scores + 16 * v);
      HEED_KEEP(score);
      maximum = _mm512_max_ps(maximum, score);
      score = _mm512_sub_ps(score, y);
      __mmask16 keep = _mm512_cmp_ps_mask(score, lowest, _CMP_GE_OQ);
      __m512 n = _mm512_roundscale_ps(score, 0),
             p = _mm512_set1_ps(exp2Terms[0]);
      score = _mm512_sub_ps(score, n);
      HEED_UNROLL for (int term = 1; term < 6; ++term) p =
          _mm512_fmadd_ps(p, score, _mm512_set1_ps(exp2Terms[term]));
      p = _mm512_maskz_scalef_ps(keep, p, n);
      _mm512_store_ps(weights + 16 * v, p);
      total = _mm512_add_ps(total, p);
      HEED_KEEP(total);
      HEED_KEEP(maximum);
    }
}

template <int Products>
__attribute__((target("avx2,fma"))) static void softmax8(int64_t turns) {
  constexpr int count = Products ? 8 : 1;
  __m256 x = _mm256_set1_ps(0.999f), y = _mm256_set1_ps(1e-3f), sums[count];
  HEED_UNROLL for (__m256 &sum : sums) sum = y;
  __m256 maximum = _mm256_setzero_ps(), total = y,
         lowest = _mm256_set1_ps(-126);
  for (int64_t turn = 0; turn < turns; ++turn)
    HEED_UNROLL for (int v = 0; v < scoreVectors; ++v) {
      HEED_UNROLL for (int i = 0; i < Products; ++i) {
        sums[i % count] = _mm256_fmadd_ps(sums[i % count], x, y);
        HEED_KEEP_X(sums[i % count]);
      }
      __m256 score = _mm256_load_ps(scores + 8 * v);
      HEED_KEEP_X(score);
      maximum = _mm256_max_ps(maximum, score);
      score = _mm256_sub_ps(score, y);
      __m256 keep = _mm256_cmp_ps(score, lowest, _CMP_GE_OQ);
      __m256 n = _mm256_round_ps(score, 8), p = _mm256_set1_ps(exp2Terms[0]);
      score = _mm256_sub_ps(score, n);
      HEED_UNROLL for (int term = 1; term < 6; ++term) p =
          _mm256_fmadd_ps(p, score, _mm256_set1_ps(exp2Terms[term]));
      __m256i shift = _mm256_slli_epi32(_mm256_cvtps_epi32(n), 23);
      p = _mm256_castsi256_ps(_mm256_add_epi32(_mm256_castps_si256(p), shift));
      p = _mm256_and_ps(p, keep);
      _mm256_store_ps(weights + 8 * v, p);
      total = _mm256_add_ps(total, p);
      HEED_KEEP_X(total);
      HEED_KEEP_X(maximum);
    }
}

//===----------------------------------------------------------------------===//

static constexpr UnitLoop loops[] = {
    {Unit::Products, "fma_f32", "fma f32 1x16x1", "avx512f", 16,
     2.0 * 16 * chains, 0, fma16},
    {Unit::Products, "fma_f32", "fma f32 1x8x1", "avx2,fma", 8,
     2.0 * 8 * chainsOf16, 0, fma8},
    {Unit::Products, "", "mul and add f32 1x4x1", "sse2", 4,
     2.0 * 4 * chainsOf16, 0, multiplyAdd4},
    {Unit::Products, "dpbf16", "dpbf16 1x16x2", "avx512f,avx512bf16", 16,
     4.0 * 16 * chains, 0, dpbf16},
    {Unit::Products, "dpbusd", "dpbusd 1x16x4", "avx512f,avx512vnni", 16,
     8.0 * 16 * chains, 0, dpbusd},
    {Unit::Products, "amx_bf16", "amx bf16 16x16x32", "amx-tile,amx-bf16", 16,
     4.0 * 16384, 0, tileBf16},
    {Unit::Products, "amx_int8", "amx int8 16x16x64", "amx-tile,amx-int8", 16,
     4.0 * 32768, 0, tileInt8},
    {Unit::Products, "amx_f16", "amx f16 16x16x32", "amx-tile,amx-fp16", 16,
     4.0 * 16384, 0, tileF16},
    {Unit::FedProducts, "fma_f32", "fma f32 1x16x1", "avx512f", 16,
     2.0 * 16 * 24 * depth, 0, fedFma16},
    {Unit::FedProducts, "fma_f32", "fma f32 1x8x1", "avx2,fma", 8,
     2.0 * 8 * 12 * depth, 0, fedFma8},
    {Unit::FedProducts, "dpbf16", "dpbf16 1x16x2", "avx512f,avx512bf16", 16,
     4.0 * 16 * 24 * depth, 0, fedDpbf16},
    {Unit::FedProducts, "amx_bf16", "amx bf16 16x16x32", "amx-tile,amx-bf16",
     16, 4.0 * 16384, 0, fedTileBf16},
    {Unit::FedProducts, "amx_int8", "amx int8 16x16x64", "amx-tile,amx-int8",
     16, 4.0 * 32768, 0, fedTileInt8},
    {Unit::FedProducts, "amx_f16", "amx f16 16x16x32", "amx-tile,amx-fp16", 16,
     4.0 * 16384, 0, fedTileF16},
    {Unit::Loads, "", "loads of 64 bytes", "avx512f", 16, 64.0 * loadsOfTurn, 0,
     load16},
    {Unit::Loads, "", "loads of 32 bytes", "avx2", 8, 32.0 * loadsOfTurn, 0,
     load8},
    {Unit::Softmax, "", "softmax of 16 lanes", "avx512f", 16,
     16.0 * scoreVectors, 0, softmax16<0>},
    {Unit::Softmax, "", "softmax of 8 lanes", "avx2,fma", 8, 8.0 * scoreVectors,
     0, softmax8<0>},
    {Unit::SoftmaxBesideProducts, "", "softmax of 16 lanes", "avx512f", 16,
     16.0 * scoreVectors, 2.0 * 16 * productsBeside * scoreVectors,
     softmax16<productsBeside>},
    {Unit::SoftmaxBesideProducts, "", "softmax of 8 lanes", "avx2,fma", 8,
     8.0 * scoreVectors, 2.0 * 8 * productsBeside * scoreVectors,
     softmax8<productsBeside>},
};

std::span<const UnitLoop> heed::unitLoops() { return loops; }

const UnitLoop &heed::widestProducts() {
  for (const UnitLoop &loop : loops)
    if (missingFeatures(loop.needs).empty())
      return loop;
  return loops[2]; // every x86-64 has SSE2
}
