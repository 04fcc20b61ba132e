//===- Rules.h - Masks and score rules for tests, as IR and as plain code -===//
#pragma once

#include "tests/codegen/attention/AttentionProblem.h"

namespace heed::test {

inline const char kCausalBounds[] =
    "#attn.tile_bounds<exact = true, ["
    "#attn.tile_loop<full, from ()[s0, s1, s2] -> (0) "
    "to ()[s0, s1, s2] -> (s0 + 1, s2)>, "
    "#attn.tile_loop<partial, from ()[s0, s1, s2] -> "
    "(s0 + 1) to ()[s0, s1, s2] -> (s1, s2)>]>";
inline const char kWindowBounds[] =
    "#attn.tile_bounds<exact = true, ["
    "#attn.tile_loop<partial, from ()[s0, s1, s2, s3] -> (0, s0 - s3 + 1)"
    " to ()[s0, s1, s2, s3] -> (s2, s0 + 1, s1 - s3)>, "
    "#attn.tile_loop<full, from ()[s0, s1, s2, s3] -> (0, s1 - s3) to ()[s0, "
    "s1, s2, s3] -> (s0 + 1, s2)>, "
    "#attn.tile_loop<partial, from ()[s0, s1, s2, s3] -> (s0 + 1, s0 - s3 + 1) "
    "to ()[s0, s1, s2, s3] -> (s1, s2)>]>";

/// The schedules of dpbf16 and of AMX.
inline const char kAmxSchedule[] =
    "#attn.attention_schedule<atom = \"amx_bf16\", queries = 32, keys = 128, "
    "key_tile = 32, head_tile = 32>";
inline const char kBf16Schedule[] =
    "#attn.attention_schedule<atom = \"dpbf16\", queries = 48, keys = 128, "
    "key_tile = 8, head_tile = 8>";

inline Rule all() { return {}; }
inline Rule causal() {
  Rule rule;
  rule.mask = "#attn.mask<(q, kv) : \"q - kv >= 0\">";
  rule.allows = [](int64_t q, int64_t kv, int64_t) { return kv <= q; };
  rule.bounds = kCausalBounds;
  return rule;
}
inline Rule window(int64_t w) {
  Rule rule;
  rule.mask = "#attn.mask<(q, kv)[W] : \"q - kv >= 0, kv - q + W - 1 >= 0\">";
  rule.allows = [w](int64_t q, int64_t kv, int64_t) {
    return kv <= q && q - kv < w;
  };
  rule.symbols = {{"W", w}};
  rule.bounds = kWindowBounds;
  return rule;
}
inline Rule without(Rule rule) {
  rule.bounds.clear();
  return rule;
}
inline Rule softcap(Rule rule) {
  rule.score = "%c = arith.constant 3.0 : f32\n%x = arith.divf %s, %c : "
               "f32\n%t = math.tanh %x : f32\n"
               "%y = arith.mulf %t, %c : f32\nattn.yield %y : f32";
  rule.map = [](double s, int64_t, int64_t, int64_t) {
    return 3 * std::tanh(s / 3);
  };
  return rule;
}
/// s - slope[h] (q - kv)
inline Rule alibi(Rule rule, int64_t heads) {
  rule.table = {heads};
  rule.score = "%m = attn.lookup %table[%h] : !attn.weight<[" +
               std::to_string(heads) +
               "], f32>\n%d = arith.subi %q_, %kv_ : index\n%i = "
               "arith.index_cast %d : index to i32\n"
               "%f = arith.sitofp %i : i32 to f32\n%p = arith.mulf %m, %f : "
               "f32\n%y = arith.subf %s, %p : f32\n"
               "attn.yield %y : f32";
  rule.map = [](double s, int64_t, int64_t, int64_t) { return s; };
  return rule;
}
/// s + bias[h, q - kv]
inline Rule bias(Rule rule, int64_t heads) {
  rule.table = {heads, 12};
  rule.score =
      "%z = arith.constant 0 : index\n%l = arith.constant 11 : index\n%d = "
      "arith.subi %q_, %kv_ : index\n"
      "%u = arith.maxsi %d, %z : index\n%w = arith.minsi %u, %l : index\n"
      "%m = attn.lookup %table[%h, %w] : !attn.weight<[" +
      std::to_string(heads) +
      ", 12], f32>\n%y = arith.addf %s, %m : f32\nattn.yield %y : f32";
  rule.map = [](double s, int64_t, int64_t, int64_t) { return s; };
  return rule;
}
/// s - |q + 3 - kv| / 50 for even queries, s - 1 + |q + 3 - kv| / 50 for odd
/// ones: a part by distance and a part that is none, for all heads alike.
inline Rule byDistanceAndPosition(Rule rule) {
  rule.score =
      "%a = arith.constant 3 : index\n%two = arith.constant 2 : index\n"
      "%zero = arith.constant 0 : index\n"
      "%c = arith.constant -0.02 : f32\n%one = arith.constant -1.0 : f32\n"
      "%p = arith.addi %q_, %a : index\n%d = arith.subi %p, %kv_ : index\n"
      "%n = arith.subi %zero, %d : index\n%u = arith.maxsi %d, %n : index\n"
      "%i = arith.index_cast %u : index to i32\n"
      "%f = arith.sitofp %i : i32 to f32\n%t = arith.mulf %f, %c : f32\n"
      "%h2 = arith.floordivsi %q_, %two : index\n"
      "%w = arith.muli %h2, %two : index\n"
      "%even = arith.cmpi eq, %w, %q_ : index\n"
      "%o = arith.subf %one, %t : f32\n"
      "%e = arith.select %even, %t, %o : f32\n"
      "%y = arith.addf %s, %e : f32\nattn.yield %y : f32";
  rule.map = [](double s, int64_t q, int64_t kv, int64_t) {
    double t = -0.02 * double(std::abs(q + 3 - kv));
    return s + (q % 2 ? -1 - t : t);
  };
  return rule;
}
inline Rule sinks(Rule rule) {
  rule.sinks = true;
  return rule;
}
inline Rule masked(std::string text,
                   std::function<bool(int64_t, int64_t, int64_t)> allows) {
  Rule rule;
  rule.mask = "#attn.mask<(q, kv)" + text + ">";
  rule.allows = std::move(allows);
  return rule;
}
/// A mask whose loops run over all keys, of which the kernel asks by tiles.
inline Rule asked(std::string text,
                  std::function<bool(int64_t, int64_t, int64_t)> allows) {
  Rule rule = masked(std::move(text), std::move(allows));
  rule.bounds = "#attn.tile_bounds<exact = false, [#attn.tile_loop<partial, "
                "from ()[s0, s1, s2] -> (0) to ()[s0, s1, s2] -> (s2)>]>";
  return rule;
}
inline Rule documents() {
  Rule rule;
  rule.mask =
      "#attn.mask<(q, kv)[a : doc[q], b_ : kdoc[kv]] : \"a - b_ == 0\">";
  rule.documents = true;
  return rule;
}
/// Tables under a causal mask, with its tile bounds: `condition` is over a =
/// doc[q] and b_ = kdoc[kv].
inline Rule causalWith(const std::string &condition,
                       std::function<bool(int32_t, int32_t)> meets) {
  Rule rule = documents();
  rule.mask =
      "#attn.mask<(q, kv)[a : doc[q], b_ : kdoc[kv]] : \"q - kv >= 0, " +
      condition + "\">";
  rule.allows = causal().allows;
  rule.meets = std::move(meets);
  const std::string symbols = "()[s0, s1, s2, s3, s4]";
  rule.bounds = "#attn.tile_bounds<exact = true, ["
                "#attn.tile_loop<full, from " +
                symbols + " -> (0) to " + symbols +
                " -> (s0 + 1, s2)>, #attn.tile_loop<partial, from " + symbols +
                " -> (s0 + 1) to " + symbols + " -> (s1, s2)>]>";
  return rule;
}
inline Rule causalDocuments(int64_t length) {
  Rule rule =
      causalWith("a - b_ == 0", [](int32_t q, int32_t kv) { return q == kv; });
  rule.document = [length](int64_t i) {
    return static_cast<int32_t>(i / length);
  };
  return rule;
}
inline Rule withTable(Rule rule, std::function<int32_t(int64_t)> document) {
  rule.document = std::move(document);
  return rule;
}

} // namespace heed::test
