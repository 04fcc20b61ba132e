//===- Emulator.cpp - AMX for machines without it -------------------------===//
//
// Intel 64 and IA-32 Architectures Software Developer's Manual, volume 2:
// the instructions LDTILECFG to TILEZERO, and section 2.3 on VEX.
//
//===----------------------------------------------------------------------===//
#include "tests/amx/Emulator.h"

#include <cstdint>
#include <cstring>
#include <signal.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

namespace {

constexpr int tileCount = 8, maxRows = 16, maxBytes = 64;

struct Tiles {
  uint8_t config[64]; // as ldtilecfg reads it
  alignas(64) uint8_t data[tileCount][maxRows][maxBytes];

  int rows(int tile) const { return config[48 + tile]; }
  int rowBytes(int tile) const {
    uint16_t bytes;
    std::memcpy(&bytes, config + 16 + 2 * tile, sizeof bytes);
    return bytes;
  }
};

thread_local __attribute__((tls_model("initial-exec"))) Tiles tiles;

float bf16(uint16_t bits) {
  uint32_t word = uint32_t(bits) << 16;
  float value;
  std::memcpy(&value, &word, sizeof value);
  return value;
}

float f16(uint16_t bits) {
  _Float16 value;
  std::memcpy(&value, &bits, sizeof value);
  return value;
}

/// c += a b in pairs of bf16 or f16; even and odd elements have their own sums.
template <float asFloat(uint16_t)> void multiplyPairs(int c, int a, int b) {
  int columns = tiles.rowBytes(c) / 4, depth = tiles.rowBytes(a) / 4;
  for (int m = 0; m < tiles.rows(c); ++m) {
    float even[16] = {}, odd[16] = {}, sums[16];
    const auto *left = reinterpret_cast<const uint16_t *>(tiles.data[a][m]);
    for (int k = 0; k < depth; ++k) {
      const auto *right = reinterpret_cast<const uint16_t *>(tiles.data[b][k]);
      float x = asFloat(left[2 * k]), y = asFloat(left[2 * k + 1]);
      for (int n = 0; n < columns; ++n) {
        even[n] += x * asFloat(right[2 * n]);
        odd[n] += y * asFloat(right[2 * n + 1]);
      }
    }
    std::memcpy(sums, tiles.data[c][m], sizeof sums);
    for (int n = 0; n < columns; ++n)
      sums[n] += even[n] + odd[n];
    std::memcpy(tiles.data[c][m], sums, sizeof sums);
  }
}

/// c += a b in groups of four bytes, A and B the signs of each side.
template <typename A, typename B> void multiplyBytes(int c, int a, int b) {
  int columns = tiles.rowBytes(c) / 4, depth = tiles.rowBytes(a) / 4;
  for (int m = 0; m < tiles.rows(c); ++m) {
    int32_t sums[16];
    std::memcpy(sums, tiles.data[c][m], sizeof sums);
    const auto *left = reinterpret_cast<const A *>(tiles.data[a][m]);
    for (int k = 0; k < depth; ++k) {
      const auto *right = reinterpret_cast<const B *>(tiles.data[b][k]);
      for (int n = 0; n < columns; ++n)
        for (int i = 0; i < 4; ++i)
          sums[n] += int32_t(left[4 * k + i]) * int32_t(right[4 * n + i]);
    }
    std::memcpy(tiles.data[c][m], sums, sizeof sums);
  }
}

/// One instruction: VEX in three bytes, the opcode, ModRM and what it needs.
class Instruction {
public:
  explicit Instruction(ucontext_t *context)
      : registers(context->uc_mcontext.gregs),
        at(reinterpret_cast<const uint8_t *>(registers[REG_RIP])) {}

  /// Runs it; false where it is none of AMX.
  bool run() {
    // 0F38, W0, 128 bits.
    if (at[0] != 0xc4 || (at[1] & 0x1f) != 2 || (at[2] & 0x84) != 0)
      return false;
    opcode = at[3], modrm = at[4], next = at + 5;
    prefix = at[2] & 3;
    first = modrm >> 3 & 7, second = modrm & 7, third = ~(at[2] >> 3) & 7;
    bool done = inMemory() ? withMemory() : withTiles();
    if (done)
      registers[REG_RIP] = reinterpret_cast<greg_t>(next);
    return done;
  }

private:
  enum Prefix { None, P66, PF3, PF2 };

  bool inMemory() const { return modrm >> 6 != 3; }

  bool withTiles() {
    if (opcode == 0x49 && prefix == None && modrm == 0xc0) // tilerelease
      std::memset(&tiles, 0, sizeof tiles);
    else if (opcode == 0x49 && prefix == PF2) // tilezero
      std::memset(tiles.data[first], 0, sizeof tiles.data[first]);
    else if (opcode == 0x5c && prefix == PF3)
      multiplyPairs<bf16>(first, second, third);
    else if (opcode == 0x5c && prefix == PF2)
      multiplyPairs<f16>(first, second, third);
    else if (opcode == 0x5e && prefix == PF2)
      multiplyBytes<int8_t, int8_t>(first, second, third);
    else if (opcode == 0x5e && prefix == PF3)
      multiplyBytes<int8_t, uint8_t>(first, second, third);
    else if (opcode == 0x5e && prefix == P66)
      multiplyBytes<uint8_t, int8_t>(first, second, third);
    else if (opcode == 0x5e && prefix == None)
      multiplyBytes<uint8_t, uint8_t>(first, second, third);
    else
      return false;
    return true;
  }

  bool withMemory() {
    uint8_t *memory = address();
    if (opcode == 0x49 && first == 0 && (prefix == None || prefix == P66)) {
      if (prefix == None) { // ldtilecfg: zeroes all tiles
        std::memset(&tiles, 0, sizeof tiles);
        std::memcpy(tiles.config, memory, sizeof tiles.config);
      } else {
        std::memcpy(memory, tiles.config, sizeof tiles.config);
      }
      return true;
    }
    if (opcode != 0x4b || prefix == None)
      return false;
    // tileloadd, tileloaddt1 and tilestored: the index is the rows' distance.
    int bytes = tiles.rowBytes(first);
    if (prefix != PF3)
      std::memset(tiles.data[first], 0, sizeof tiles.data[first]);
    for (int row = 0; row < tiles.rows(first); ++row, memory += stride)
      if (prefix == PF3)
        std::memcpy(memory, tiles.data[first][row], bytes);
      else
        std::memcpy(tiles.data[first][row], memory, bytes);
    return true;
  }

  greg_t general(int number) const {
    static constexpr int places[] = {
        REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP, REG_RSI, REG_RDI,
        REG_R8,  REG_R9,  REG_R10, REG_R11, REG_R12, REG_R13, REG_R14, REG_R15};
    return registers[places[number]];
  }

  /// The operand's address without the index; sets `stride` and `next`.
  uint8_t *address() {
    int mode = modrm >> 6, baseHigh = at[1] & 0x20 ? 0 : 8,
        indexHigh = at[1] & 0x40 ? 0 : 8;
    int base = second;
    bool relative = false, hasBase = true;
    stride = 0;
    if (base == 4) {
      uint8_t sib = *next++;
      base = sib & 7;
      int index = (sib >> 3 & 7) | indexHigh;
      if (index != 4)
        stride = general(index) << (sib >> 6);
      hasBase = !(base == 5 && mode == 0);
    } else if (base == 5 && mode == 0) {
      relative = true, hasBase = false;
    }
    greg_t result = hasBase ? general(base | baseHigh) : 0;
    if (mode == 1) {
      result += static_cast<int8_t>(*next++);
    } else if (mode == 2 || !hasBase) {
      int32_t distance;
      std::memcpy(&distance, next, sizeof distance);
      next += sizeof distance;
      result += distance;
    }
    if (relative)
      result += reinterpret_cast<greg_t>(next);
    return reinterpret_cast<uint8_t *>(result);
  }

  greg_t *registers;
  const uint8_t *at, *next = nullptr;
  uint8_t opcode = 0, modrm = 0;
  int prefix = None, first = 0, second = 0, third = 0;
  greg_t stride = 0;
};

void onIllegal(int, siginfo_t *, void *context) {
  if (!Instruction(static_cast<ucontext_t *>(context)).run())
    signal(SIGILL, SIG_DFL); // it comes again, and ends the process
}

} // namespace

void heed::test::emulateAmx() {
  constexpr long requestPermission = 0x1023, tileData = 18;
  if (syscall(SYS_arch_prctl, requestPermission, tileData) == 0)
    return;
  struct sigaction action = {};
  action.sa_sigaction = onIllegal;
  action.sa_flags = SA_SIGINFO | SA_NODEFER;
  sigaction(SIGILL, &action, nullptr);
}
