// A cache is refused where a kept row could change, at the line of the mask that does it.
// RUN: heed-opt -attn-check-licence -split-input-file -verify-diagnostics %s -o /dev/null

!h = tensor<?x1x8xf32, #attn.axes<[token, heads, head]>>
!s = tensor<1x?x?xf32, #attn.axes<[heads, token, kv]>>
!c = !attn.cache<1 by 8, f32>

func.func @causal(%x: !h, %rows: !attn.ragged<token>, %c: !c) -> (!h, !c) {
  %k = attn.cache_append %c, %x, %x rows(%rows : <token>) : <1 by 8, f32>, !h, !h
  %s = attn.scores %x, %k q_rows(%rows : !attn.ragged<token>) {scale = 1.0 : f64, q_axis = "token", kv_axis = "kv"} : !h, !c -> !s
  %m = attn.mask %s rows(%rows : !attn.ragged<token>) where <(q, kv) : "q - kv >= 0"> : !s
  %p = attn.softmax %m over "kv" : !s
  %y = attn.combine %p, %k q_rows(%rows : !attn.ragged<token>) {kv_axis = "kv"} : !s, !c -> !h
  return %y, %k : !h, !c
}

// -----

!h = tensor<?x1x8xf32, #attn.axes<[token, heads, head]>>
!s = tensor<1x?x?xf32, #attn.axes<[heads, token, kv]>>
!c = !attn.cache<1 by 8, f32>

func.func @prefix(%x: !h, %rows: !attn.ragged<token>, %c: !c) -> (!h, !c) {
  %k = attn.cache_append %c, %x, %x rows(%rows : <token>) : <1 by 8, f32>, !h, !h
  %s = attn.scores %x, %k q_rows(%rows : !attn.ragged<token>) {scale = 1.0 : f64, q_axis = "token", kv_axis = "kv"} : !h, !c -> !s
  // expected-error@below {{keys and values of this decoder cannot be kept from call to call: row 0 sees row 1 here; only a first call of at least 16 tokens would keep them right, which `generate` does not promise}}
  %m = attn.mask %s rows(%rows : !attn.ragged<token>) where <(q, kv) : "q - kv >= 0" or "15 - kv >= 0"> : !s
  %p = attn.softmax %m over "kv" : !s
  %y = attn.combine %p, %k q_rows(%rows : !attn.ragged<token>) {kv_axis = "kv"} : !s, !c -> !h
  return %y, %k : !h, !c
}

// -----

!h = tensor<?x1x8xf32, #attn.axes<[token, heads, head]>>
!s = tensor<1x?x?xf32, #attn.axes<[heads, token, kv]>>
!c = !attn.cache<1 by 8, f32>

func.func @all(%x: !h, %rows: !attn.ragged<token>, %c: !c) -> (!h, !c) {
  %k = attn.cache_append %c, %x, %x rows(%rows : <token>) : <1 by 8, f32>, !h, !h
  %s = attn.scores %x, %k q_rows(%rows : !attn.ragged<token>) {scale = 1.0 : f64, q_axis = "token", kv_axis = "kv"} : !h, !c -> !s
  // expected-error@below {{keys and values of this decoder cannot be kept from call to call: row 0 sees row 1 here}}
  %p = attn.softmax %s over "kv" : !s
  %y = attn.combine %p, %k q_rows(%rows : !attn.ragged<token>) {kv_axis = "kv"} : !s, !c -> !h
  return %y, %k : !h, !c
}
