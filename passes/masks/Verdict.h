//===- Verdict.h - What a proof found -------------------------------------===//
#pragma once

namespace heed::masks {

/// Unknown: per-token look-ups decide, or the proof cost too much. It is
/// treated as Fails where that is the safe side.
enum class Verdict { Holds, Fails, Unknown };

} // namespace heed::masks
