// Softcap after the mask: tanh lifts -infinity to -cap, and a forbidden key gets weight. Refused, with the lines of both.
// RUN: heed-opt %s --split-input-file --verify-diagnostics

!s = tensor<4x?x?xf32, #attn.axes<[heads, q, kv]>>
func.func @softcap_after_mask(%s: !s) -> !s {
  // expected-note@+1 {{the mask is here}}
  %m = attn.mask %s where <(q, kv) : "q - kv >= 0"> : !s
  // expected-error@+1 {{C1: a score rule after the mask could give a masked score weight; put it before the mask}}
  %c = attn.score_map %m {
  ^bb0(%x: f32, %q: index, %kv: index, %h: index, %b: index):
    %cap = arith.constant 50.0 : f32
    %d = arith.divf %x, %cap : f32
    %t = math.tanh %d : f32
    %y = arith.mulf %t, %cap : f32
    attn.yield %y : f32
  } : !s
  return %c : !s
}
