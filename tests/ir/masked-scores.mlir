// What works on masked scores as on numbers could give a masked score weight: a clamp, a bias added to -infinity, a
// tanh. Refused, with the lines of both.
// RUN: heed-opt %s --split-input-file --verify-diagnostics

!s = tensor<4x?x?xf32, #attn.axes<[heads, q, kv]>>
func.func @tanh_after_mask(%s: !s) -> !s {
  // expected-note@+1 {{the mask is here}}
  %m = attn.mask %s where <(q, kv) : "q - kv >= 0"> : !s
  // expected-error@+1 {{masked scores go to a softmax and nowhere else; this could give a masked score weight}}
  %c = attn.activation tanh %m : !s
  return %c : !s
}

// -----

!s = tensor<4x?x?xf32, #attn.axes<[heads, q, kv]>>
func.func @bias_after_mask(%s: !s, %bias: !s) -> !s {
  // expected-note@+1 {{the mask is here}}
  %m = attn.mask %s where <(q, kv) : "q - kv >= 0"> : !s
  // expected-error@+1 {{masked scores go to a softmax and nowhere else}}
  %c = attn.add %m, %bias : !s
  return %c : !s
}

// -----

!s = tensor<4x?x?xf32, #attn.axes<[heads, q, kv]>>
!v = tensor<4x?x8xf32, #attn.axes<[heads, kv, head]>>
!q = tensor<4x?x8xf32, #attn.axes<[heads, q, head]>>
func.func @no_softmax(%s: !s, %v: !v) -> !q {
  // expected-note@+1 {{the mask is here}}
  %m = attn.mask %s where <(q, kv) : "q - kv >= 0"> : !s
  // expected-error@+1 {{masked scores go to a softmax and nowhere else}}
  %o = attn.combine %m, %v {kv_axis = "kv"} : !s, !v -> !q
  return %o : !q
}

// -----

// Two masks are one after the other; a softmax may have its scores shown, too.
!s = tensor<4x?x?xf32, #attn.axes<[heads, q, kv]>>
func.func @good(%s: !s) -> (!s, !s) {
  %m = attn.mask %s where <(q, kv) : "q - kv >= 0"> : !s
  %n = attn.mask %m where <(q, kv) : "kv - q + 7 >= 0"> : !s
  %p = attn.softmax %n over "kv" : !s
  return %n, %p : !s, !s
}
