// A cache is refused where a kept row could change, at the line of the mask that does it; where the first tokens see each other,
// the entry says how many.
// RUN: heed-opt -attn-check-licence -split-input-file -verify-diagnostics --remarks-filter=attn %s | FileCheck %s

!h = tensor<?x1x8xf32, #attn.axes<[token, heads, head]>>
!s = tensor<1x?x?xf32, #attn.axes<[heads, token, kv]>>
!c = !attn.cache<1 by 8, f32>

// CHECK: func.func @causal({{.*}}) -> ({{[^)]*}}) {
// expected-remark@below {{keys and values may be kept: no op looks at later positions}}
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

// CHECK: func.func @prefix({{.*}}attributes {attn.first_call = 16 : i64}
func.func @prefix(%x: !h, %rows: !attn.ragged<token>, %c: !c) -> (!h, !c) {
  %k = attn.cache_append %c, %x, %x rows(%rows : <token>) : <1 by 8, f32>, !h, !h
  %s = attn.scores %x, %k q_rows(%rows : !attn.ragged<token>) {scale = 1.0 : f64, q_axis = "token", kv_axis = "kv"} : !h, !c -> !s
  // expected-remark@below {{keys and values may be kept where the first call of a sequence has at least 16 tokens, which the executable sees to}}
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
  // expected-error@below {{keys and values of this decoder cannot be kept from call to call: row 0 sees row 1 here; no first call is long enough: a row can depend on rows of any later call}}
  %p = attn.softmax %s over "kv" : !s
  %y = attn.combine %p, %k q_rows(%rows : !attn.ragged<token>) {kv_axis = "kv"} : !s, !c -> !h
  return %y, %k : !h, !c
}

// -----


!h = tensor<?x1x8xf32, #attn.axes<[token, heads, head]>>
!s = tensor<1x?x?xf32, #attn.axes<[heads, token, kv]>>
!c = !attn.cache<1 by 8, f32>

module attributes {attn.model = {context = 16 : i64}} {
func.func @too_long(%x: !h, %rows: !attn.ragged<token>, %c: !c) -> (!h, !c) {
  %k = attn.cache_append %c, %x, %x rows(%rows : <token>) : <1 by 8, f32>, !h, !h
  %s = attn.scores %x, %k q_rows(%rows : !attn.ragged<token>) {scale = 1.0 : f64, q_axis = "token", kv_axis = "kv"} : !h, !c -> !s
  // expected-error@below {{only a first call of at least 16 tokens would keep them right, and the context of 16 leaves nothing behind it}}
  %m = attn.mask %s rows(%rows : !attn.ragged<token>) where <(q, kv) : "q - kv >= 0" or "15 - kv >= 0"> : !s
  %p = attn.softmax %m over "kv" : !s
  %y = attn.combine %p, %k q_rows(%rows : !attn.ragged<token>) {kv_axis = "kv"} : !s, !c -> !h
  return %y, %k : !h, !c
}
}

// -----


!h = tensor<?x1x8xf32, #attn.axes<[token, heads, head]>>
!s = tensor<1x?x?xf32, #attn.axes<[heads, token, kv]>>
!c = !attn.cache<1 by 8, f32>

func.func @of_the_call(%x: !h, %rows: !attn.ragged<token>, %c: !c) -> (!h, !c) {
  %k = attn.cache_append %c, %x, %x rows(%rows : <token>) : <1 by 8, f32>, !h, !h
  %s = attn.scores %x, %k q_rows(%rows : !attn.ragged<token>) {scale = 1.0 : f64, q_axis = "token", kv_axis = "kv"} : !h, !c -> !s
  // expected-error@below {{no first call is long enough: the rows that are seen early depend on lengths}}
  %m = attn.mask %s rows(%rows : !attn.ragged<token>) where <(q, kv)[q_len] : "q - kv >= 0" or "q_len - kv - 1 >= 0"> : !s
  %p = attn.softmax %m over "kv" : !s
  %y = attn.combine %p, %k q_rows(%rows : !attn.ragged<token>) {kv_axis = "kv"} : !s, !c -> !h
  return %y, %k : !h, !c
}
