//===- CpuFeatures.cpp - What this CPU and its kernel can run -------------===//
//
// Intel 64 and IA-32 Architectures Software Developer's Manual, volume 2A,
// CPUID; AMD64 Architecture Programmer's Manual, volume 3, appendix E.
//
//===----------------------------------------------------------------------===//
#include "runtime/step/CpuFeatures.h"
#include "runtime/support/Text.h"

#include <algorithm>
#include <cpuid.h>
#include <sys/syscall.h>
#include <unistd.h>

using namespace heed;

namespace {
enum Register : uint8_t { Eax, Ebx, Ecx, Edx };

/// Register state that the kernel must save and restore: bits of XCR0.
enum State : uint32_t {
  None = 0,
  Ymm = 0x6,
  Zmm = 0xe6,
  Tile = 0x60000,
};

struct Feature {
  std::string_view name;
  uint32_t leaf, subleaf;
  Register in;
  uint8_t bit;
  State state = None;
};
} // namespace

static constexpr Feature features[] = {
    {"x87", 1, 0, Edx, 0},
    {"cx8", 1, 0, Edx, 8},
    {"cmov", 1, 0, Edx, 15},
    {"mmx", 1, 0, Edx, 23},
    {"fxsr", 1, 0, Edx, 24},
    {"sse", 1, 0, Edx, 25},
    {"sse2", 1, 0, Edx, 26},
    {"sse3", 1, 0, Ecx, 0},
    {"pclmul", 1, 0, Ecx, 1},
    {"ssse3", 1, 0, Ecx, 9},
    {"fma", 1, 0, Ecx, 12, Ymm},
    {"cx16", 1, 0, Ecx, 13},
    {"sse4.1", 1, 0, Ecx, 19},
    {"sse4.2", 1, 0, Ecx, 20},
    {"crc32", 1, 0, Ecx, 20},
    {"movbe", 1, 0, Ecx, 22},
    {"popcnt", 1, 0, Ecx, 23},
    {"aes", 1, 0, Ecx, 25},
    {"xsave", 1, 0, Ecx, 27},
    {"avx", 1, 0, Ecx, 28, Ymm},
    {"f16c", 1, 0, Ecx, 29, Ymm},
    {"rdrnd", 1, 0, Ecx, 30},
    {"fsgsbase", 7, 0, Ebx, 0},
    {"bmi", 7, 0, Ebx, 3},
    {"avx2", 7, 0, Ebx, 5, Ymm},
    {"bmi2", 7, 0, Ebx, 8},
    {"avx512f", 7, 0, Ebx, 16, Zmm},
    {"avx512dq", 7, 0, Ebx, 17, Zmm},
    {"rdseed", 7, 0, Ebx, 18},
    {"adx", 7, 0, Ebx, 19},
    {"avx512ifma", 7, 0, Ebx, 21, Zmm},
    {"clflushopt", 7, 0, Ebx, 23},
    {"clwb", 7, 0, Ebx, 24},
    {"avx512cd", 7, 0, Ebx, 28, Zmm},
    {"sha", 7, 0, Ebx, 29},
    {"avx512bw", 7, 0, Ebx, 30, Zmm},
    {"avx512vl", 7, 0, Ebx, 31, Zmm},
    {"avx512vbmi", 7, 0, Ecx, 1, Zmm},
    {"avx512vbmi2", 7, 0, Ecx, 6, Zmm},
    {"gfni", 7, 0, Ecx, 8},
    {"vaes", 7, 0, Ecx, 9, Ymm},
    {"vpclmulqdq", 7, 0, Ecx, 10, Ymm},
    {"avx512vnni", 7, 0, Ecx, 11, Zmm},
    {"avx512bitalg", 7, 0, Ecx, 12, Zmm},
    {"avx512vpopcntdq", 7, 0, Ecx, 14, Zmm},
    {"avx512vp2intersect", 7, 0, Edx, 8, Zmm},
    {"amx-bf16", 7, 0, Edx, 22, Tile},
    {"avx512fp16", 7, 0, Edx, 23, Zmm},
    {"amx-tile", 7, 0, Edx, 24, Tile},
    {"amx-int8", 7, 0, Edx, 25, Tile},
    {"avxvnni", 7, 1, Eax, 4, Ymm},
    {"avx512bf16", 7, 1, Eax, 5, Zmm},
    {"amx-fp16", 7, 1, Eax, 21, Tile},
    {"avxifma", 7, 1, Eax, 23, Ymm},
    {"xsaveopt", 0xd, 1, Eax, 0},
    {"xsavec", 0xd, 1, Eax, 1},
    {"sahf", 0x80000001, 0, Ecx, 0},
    {"lzcnt", 0x80000001, 0, Ecx, 5},
    {"sse4a", 0x80000001, 0, Ecx, 6},
    {"prfchw", 0x80000001, 0, Ecx, 8},
    {"64bit", 0x80000001, 0, Edx, 29},
};

/// The register state that the kernel enabled; 0 where it says nothing.
static uint64_t enabledState() {
  uint32_t registers[4];
  if (!__get_cpuid(1, &registers[Eax], &registers[Ebx], &registers[Ecx],
                   &registers[Edx]) ||
      !(registers[Ecx] >> 27 & 1)) // OSXSAVE
    return 0;
  uint32_t low, high;
  __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return uint64_t(high) << 32 | low;
}

bool heed::cpuHas(std::string_view name) {
  for (const Feature &feature : features) {
    if (feature.name != name)
      continue;
    uint32_t registers[4];
    if (!__get_cpuid_count(feature.leaf, feature.subleaf, &registers[Eax],
                           &registers[Ebx], &registers[Ecx], &registers[Edx]))
      return false;
    return (registers[feature.in] >> feature.bit & 1) &&
           (enabledState() & feature.state) == feature.state;
  }
  return false;
}

template <typename Each>
static void eachName(std::string_view list, Each each) {
  while (!list.empty()) {
    size_t comma = std::min(list.find(','), list.size());
    std::string_view name = list.substr(0, comma);
    if (name.starts_with('+'))
      name.remove_prefix(1);
    if (!name.empty())
      each(name);
    list.remove_prefix(std::min(comma + 1, list.size()));
  }
}

std::string heed::missingFeatures(std::string_view list) {
  std::string missing;
  eachName(list, [&](std::string_view name) {
    if (!cpuHas(name))
      missing += concat(missing.empty() ? "" : ", ", name);
  });
  return missing;
}

std::string heed::cpuIdentity() {
  uint32_t words[12] = {}, signature[4] = {};
  for (uint32_t i = 0; i < 3; ++i)
    __get_cpuid(0x80000002 + i, &words[4 * i + Eax], &words[4 * i + Ebx],
                &words[4 * i + Ecx], &words[4 * i + Edx]);
  __get_cpuid(1, &signature[Eax], &signature[Ebx], &signature[Ecx],
              &signature[Edx]);
  std::string_view name(reinterpret_cast<const char *>(words), sizeof words);
  std::string text = concat(printable(name.substr(0, name.find('\0')), 48),
                            ", signature ", signature[Eax]);
  for (std::string_view feature :
       {"avx2", "fma", "avx512f", "avx512vnni", "avx512bf16", "avx512fp16",
        "amx-bf16", "amx-int8", "amx-fp16"})
    if (cpuHas(feature))
      text += concat(" ", feature);
  return text;
}

bool heed::askForTiles() {
  constexpr long requestPermission = 0x1023, tileData = 18;
  return ::syscall(SYS_arch_prctl, requestPermission, tileData) == 0;
}

Result<const heed_variant *> heed::chooseVariant(const heed_variant *variants) {
  std::string missing;
  std::string target;
  for (const heed_variant *at = variants; at->target; ++at) {
    target = at->target;
    missing = missingFeatures(at->features);
    if (!missing.empty())
      continue;
    bool tiles =
        std::string_view(at->features).find("amx-tile") != std::string::npos;
    if (!tiles || askForTiles())
      return at;
    missing = "amx-tile (the kernel refuses it)";
  }
  return Error{concat("this CPU cannot run the program: it was compiled for ",
                      target, ", and the CPU lacks ", missing,
                      "; compile it again with --target= for this CPU"),
               Error::Machine};
}
