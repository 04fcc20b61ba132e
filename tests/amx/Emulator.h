//===- Emulator.h - AMX for machines without it ---------------------------===//
//
// The tile instructions raise SIGILL where a CPU (or its kernel) has none; the
// handler here decodes the one at hand, does in memory what it would have done,
// and goes on behind it. Tiles belong to a thread, as on the real thing.
//
//===----------------------------------------------------------------------===//
#pragma once

namespace heed::test {

/// From now on this process runs AMX: where the kernel grants it, the real one,
/// elsewhere ldtilecfg, sttilecfg, tilerelease, tilezero,
/// tileloadd, tilestored, tdpbf16ps, tdpfp16ps and the four products of bytes.
/// Another illegal instruction still ends the process.
void emulateAmx();

} // namespace heed::test
