//===- Checker.h - Checks a certificate of what was proved of masks -------===//
//
// A certificate is a text of claims, each with its mask in the words of the
// model file and a proof. The checker builds from the claim a formula that no
// integers satisfy if the claim is true, and follows the proof that none do. It
// shares no code with the analyses that made the claim.
//
// claim causal   kv <= q for all allowed pairs
// claim cache    a query at t or later sees of the keys before t only the last
//                `ring` (each line: an upper bound) and the first `pinned`
// claim rows     each row 0 <= q < L sees one of the keys `key`
// claim needed   the tile q0 <= q < q1 sees of the keys 0 <= kv < L only those
//                of the lines `range`
// claim full     the tile sees all keys of the one line `range`
// claim model    no output row depends on a later row; a line `op` for each op
//                and what it reads: the `same` row, the row `shift N` further,
//                or by the `mask N`: one of the N that stand there
//
// at 16:19                        where the mask stands
// mask kv <= q and q - kv < W
// given W >= 1                    what is known of the symbols
// let W = 4096                    a name's value
// ring W - 1 | pinned 4 | key q | range 0; q0 - W + 1 .. q1; L [if q0 >= W]
// op 16:19 attn.combine mask 1
//
// Then `tested N` (by brute force on N points, not proved), or `proof` and one
// step a line until the claim is proved (a model needs none):
//   cut G R*M R*M ...  a new row: the sum of M times row R over G, rounded
//                      down; M >= 0 but for equalities
//   close              the last row is a negative constant
//   branch V K         variable V <= K, then V >= K + 1
//   split A            each part of alternative A in turn
//
// A look-up per token (doc[q]) is a variable of its own: a claim that holds for
// all values of it holds.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "passes/masks/certificate/Formula.h"

namespace heed::certificate {

/// A claim as its lines say.
struct Claim {
  std::string kind = {}, mask = {}, at = {};
  std::vector<std::string> given = {}, keys = {}, rings = {}, pinned = {},
                           ranges = {}, ops = {};
  std::vector<std::pair<std::string, std::string>> values = {};
};

/// What a claim says cannot be; nullopt when the claim makes no sense, with the
/// reason.
std::optional<Problem> contradiction(const Claim &claim, std::string &error);

struct CheckResult {
  unsigned claims = 0, tested = 0; ///< proved, and not proved
  std::string error;               ///< empty when good; else `line 12: ...`
};
CheckResult check(const std::string &certificate);

} // namespace heed::certificate
