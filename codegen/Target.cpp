//===- Target.cpp - The machines that heed knows --------------------------===//
#include "codegen/Target.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/TargetParser/Host.h"

using namespace mlir;
using namespace heed::attn;

namespace heed {
namespace {

constexpr llvm::StringLiteral kV3 =
    "+sse4.2,+avx,+avx2,+fma,+f16c,+bmi,+bmi2,+lzcnt,+movbe,+popcnt";
constexpr llvm::StringLiteral kV4 =
    "+avx512f,+avx512bw,+avx512dq,+avx512vl,+avx512cd";

struct Known {
  StringRef name, more; // features beyond v4
  bool wide;            // 512-bit vectors
  int64_t l1, l2, fma, dpbf16, dpbusd, amxBf16, amxInt8, amxF16;
};
/// Rates in GFLOP/s (GOP/s) of one core, measured (docs/performance.md), but
/// that of f16 in tiles: Intel's manual gives it the cycles of bf16. 0 where
/// the atom is missing.
constexpr Known kKnown[] = {
    {"x86-64-v3", "", false, 32 << 10, 512 << 10, 128, 0, 0, 0, 0, 0},
    {"x86-64-v4", "", true, 32 << 10, 1 << 20, 230, 0, 0, 0, 0, 0},
    {"znver5", "+avx512vnni,+avx512bf16,+avx512vbmi", true, 48 << 10, 1 << 20,
     260, 508, 1055, 0, 0, 0},
    {"graniterapids",
     "+avx512vnni,+avx512bf16,+avx512vbmi,+amx-tile,+amx-bf16,+amx-int8", true,
     48 << 10, 2 << 20, 226, 112, 900, 3290, 6420, 3290},
};

/// The one feature that machines of a row may lack.
constexpr llvm::StringLiteral kF16InTiles = "+amx-fp16";

TargetAttr make(MLIRContext *context, const Known &known, bool f16InTiles) {
  Builder b(context);
  SmallVector<AtomAttr> atoms;
  auto atom = [&](StringRef kind, int64_t m, int64_t n, int64_t k,
                  int64_t rate) {
    if (rate)
      atoms.push_back(
          AtomAttr::get(context, b.getStringAttr(kind), m, n, k, rate));
  };
  atom("fma_f32", 1, known.wide ? 16 : 8, 1, known.fma);
  atom("dpbf16", 1, 16, 2, known.dpbf16);
  atom("dpbusd", 1, 16, 4, known.dpbusd);
  atom("amx_bf16", 16, 16, 32, known.amxBf16);
  atom("amx_int8", 16, 16, 64, known.amxInt8);
  if (f16InTiles)
    atom("amx_f16", 16, 16, 32, known.amxF16);
  SmallVector<StringRef> features = {kV3};
  if (known.wide)
    features.push_back(kV4);
  if (!known.more.empty())
    features.push_back(known.more);
  if (f16InTiles && known.amxF16)
    features.push_back(kF16InTiles);
  return TargetAttr::get(context, b.getStringAttr(known.name),
                         b.getStringAttr(llvm::join(features, ",")),
                         known.wide ? 512 : 256, known.wide ? 32 : 16, known.l1,
                         known.l2, atoms);
}

} // namespace

TargetAttr namedTarget(MLIRContext *context, StringRef name) {
  if (name == "host")
    return hostTarget(context);
  for (const Known &known : kKnown)
    if (known.name == name)
      return make(context, known, true);
  return {};
}

SmallVector<StringRef> targetNames() {
  SmallVector<StringRef> names = {"host"};
  for (const Known &known : kKnown)
    names.push_back(known.name);
  return names;
}

TargetAttr hostTarget(MLIRContext *context) {
  llvm::StringMap<bool> has = llvm::sys::getHostCPUFeatures();
  auto all = [&](StringRef features) {
    SmallVector<StringRef> parts;
    features.split(parts, ',', -1, false);
    return llvm::all_of(parts, [&](StringRef feature) {
      return has.lookup(feature.drop_front());
    });
  };
  const Known *best = nullptr;
  for (const Known &known : kKnown)
    if (all(kV3) && (!known.wide || all(kV4)) && all(known.more))
      best = &known;
  return best ? make(context, *best, all(kF16InTiles)) : TargetAttr();
}

} // namespace heed
