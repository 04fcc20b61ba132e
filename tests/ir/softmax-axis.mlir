// A softmax is over the keys of its rows: any other axis is refused at its line.
// RUN: heed-opt %s --split-input-file --verify-diagnostics

!s = tensor<4x?x?xf32, #attn.axes<[heads, q, kv]>>
func.func @over_queries(%s: !s) -> !s {
  // expected-error@+1 {{C2: a softmax over `q`}}
  %0 = attn.softmax %s over "q" : !s
  return %0 : !s
}

// -----

!s = tensor<4x?x?xf32, #attn.axes<[heads, q, kv]>>
func.func @over_heads(%s: !s) -> !s {
  // expected-error@+1 {{C2: a softmax over `heads`}}
  %0 = attn.softmax %s over "heads" : !s
  return %0 : !s
}

// -----

!s = tensor<4x?x?xf32, #attn.axes<[heads, q, kv]>>
func.func @no_such_axis(%s: !s) -> !s {
  // expected-error@+1 {{C1: x has no axis `keys`}}
  %0 = attn.softmax %s over "keys" : !s
  return %0 : !s
}

// -----

!s = tensor<4x?x?xf32, #attn.axes<[heads, q, kv]>>
func.func @masked_over_queries(%s: !s) -> !s {
  // expected-error@+1 {{C2: a softmax over `q`}}
  %0 = attn.masked_softmax %s mask <(q, kv) : "q - kv >= 0"> over "q" : !s
  return %0 : !s
}
