//===- Emulate.h - Code for AVX-512 on machines without it ----------------===//
//
// Generated code is LLVM IR on vectors of 16 lanes, which LLVM splits where
// registers are shorter, and a few intrinsics of the target. With these
// replaced by arithmetic of the same meaning, the very code of a wide machine,
// its tiles, masks, layouts and roundings, runs in x86-64-v3. AMX keeps its
// instructions: they do not need AVX-512.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "llvm/ADT/StringRef.h"

#include <string>

namespace llvm {
class Module;
} // namespace llvm

namespace heed {

/// Replaces the intrinsics of AVX-512 and its arithmetic of bf16. The lanes
/// have the bits that Intel's manual documents, but for rcp14, which becomes a
/// division; NaN is NaN of any bits. Ends the program at an intrinsic that it
/// does not know.
void emulateAvx512(llvm::Module &module);

/// Of LLVM's `features`, joined by commas, those that emulated code needs.
std::string withoutAvx512(llvm::StringRef features);

} // namespace heed
