// What fused ops mean, checked against numbers made by hand, and caches against attention without one.
// RUN: heed-oracle %s --print --rows token=0+2,0+1 --function attention --function masked_softmax --function fused_linear --function cached | FileCheck %s
// RUN: heed-oracle %s --print --rows token=1+1,2+2 --function appended | FileCheck %s --check-prefix=APPENDED

!s = tensor<2x3xf32, #attn.axes<[q, kv]>>
!q = tensor<2x1xf32, #attn.axes<[q, head]>>
!k = tensor<3x1xf32, #attn.axes<[kv, head]>>

// Scores are 0, 1, 2 times q = ln 2 after the rule halves them: weights 1, 2, 4 for q = 0, limited to keys up to q + 1.
// CHECK: attention result0: [q=2, head=1] {{\[\[}}6.66667], [42.8571]]
attn.declare @sink : !attn.weight<[1], f32> from "values:0"
func.func @attention() -> !q {
  %q = arith.constant dense<1.3862943611198906> : !q
  %k = arith.constant dense<[[0.0], [1.0], [2.0]]> : !k
  %v = arith.constant dense<[[0.0], [10.0], [70.0]]> : !k
  %o = attn.attention %q, %k, %v mask <(q, kv) : "q + 1 - kv >= 0"> score {
  ^bb0(%a: f32, %qi: index, %ki: index, %h: index, %b: index):
    %half = arith.constant 0.5 : f32
    %r = arith.mulf %a, %half : f32
    attn.yield %r : f32
  } {scale = 1.0, q_axis = "q", kv_axis = "kv"} : !q, !k, !k -> !q
  return %o : !q
}

// CHECK: masked_softmax result0: [q=2, kv=3] {{\[\[}}1, 0, 0], [0.5, 0.5, 0]]
// CHECK: masked_softmax result1: [q=2, kv=3] {{\[\[}}0.5, 0, 0], [0.333333, 0.333333, 0]]
func.func @masked_softmax() -> (!s, !s) {
  %s = arith.constant dense<0.0> : !s
  %0 = attn.masked_softmax %s mask <(q, kv) : "q - kv >= 0"> over "kv" : !s
  %sink = attn.handle @sink : !attn.weight<[1], f32>
  %1 = attn.masked_softmax %s sinks(%sink : !attn.weight<[1], f32>) mask <(q, kv) : "q - kv >= 0"> over "kv" : !s
  return %0, %1 : !s, !s
}

// (1, 2) doubled, times rows (1, 0) and (1, 1), and times (3, 0) and (0, 3); the epilogue multiplies the two.
// CHECK: fused_linear result0: [q=1, model=2] {{\[\[}}12, 72]]
// CHECK: fused_linear result1: [q=1, model=2] {{\[\[}}2, 6]]
!x = tensor<1x2xf32, #attn.axes<[q, model]>>
!w = !attn.weight<[2, 2], f32>
attn.declare @a : !w from "values:1 0 1 1"
attn.declare @b : !w from "values:3 0 0 3"
func.func @fused_linear() -> (!x, !x) {
  %x = arith.constant dense<[[1.0, 2.0]]> : !x
  %a = attn.handle @a : !w
  %b = attn.handle @b : !w
  %0:2 = attn.fused_linear %x, [%a, %b] prologue {
  ^bb0(%y: !x):
    %d = attn.scale %y by 2.0 : !x
    attn.yield %d : !x
  } epilogue {
  ^bb0(%u: !x, %g: !x):
    %m = attn.mul %u, %g : !x
    attn.yield %m, %u : !x, !x
  } : !x, [!w, !w] -> !x, !x
  return %0#0, %0#1 : !x, !x
}

// A cache that starts empty and takes the rows' keys gives what the rows give without one: the difference is 0.
// CHECK: cached result0: [token=3, heads=4, head=2] {{\[\[\[}}0, 0], [0, 0], [0, 0], [0, 0]], {{\[\[}}0, 0]
// CHECK-SAME: [0, 0]]]
// CHECK: cached result1: cache of 2 1 keys
!h = tensor<3x4x2xf32, #attn.axes<[token, heads, head]>>
!kv = tensor<3x2x2xf32, #attn.axes<[token, kv_heads, head]>>
!c = !attn.cache<2 by 2, f32>
func.func @cached(%rows: !attn.ragged<token>, %cache: !c, %q: !h, %k: !kv, %v: !kv) -> (!h, !c) {
  %full = attn.cache_append %cache, %k, %v rows(%rows : !attn.ragged<token>) : !c, !kv, !kv
  %0 = attn.attention %q, %full, %full q_rows(%rows : !attn.ragged<token>) mask <(q, kv) : "q - kv >= 0">
      {scale = 0.5, q_axis = "token", kv_axis = "kv"} : !h, !c, !c -> !h
  %1 = attn.attention %q, %k, %v q_rows(%rows : !attn.ragged<token>) kv_rows(%rows : !attn.ragged<token>) mask <(q, kv) : "q - kv >= 0">
      {scale = 0.5, q_axis = "token", kv_axis = "token"} : !h, !kv, !kv -> !h
  %2 = attn.scale %1 by -1.0 : !h
  %3 = attn.add %0, %2 : !h
  return %3, %full : !h, !c
}

// With a past of 1 and 2: rows land behind it, and rows of one sequence do not see the other's keys.
// APPENDED: appended result0: cache of 2 4 keys
// APPENDED: appended result1: [heads=1, token=3, kv=4] {{\[\[\[}}{{[-0-9.e]+}}, 1, -, -], {{\[[-0-9.e]+, [-0-9.e]+}}, 20, 30], {{\[[-0-9.e]+, [-0-9.e]+}}, 200, 300]]]
!one = tensor<3x1x1xf32, #attn.axes<[token, heads, head]>>
!onekv = tensor<3x1x1xf32, #attn.axes<[token, kv_heads, head]>>
!onec = !attn.cache<1 by 1, f32>
func.func @appended(%rows: !attn.ragged<token>, %cache: !onec) -> (!onec, tensor<1x3x?xf32, #attn.axes<[heads, token, kv]>>) {
  %q = arith.constant dense<[[[1.0]], [[10.0]], [[100.0]]]> : !one
  %k = arith.constant dense<[[[1.0]], [[2.0]], [[3.0]]]> : !onekv
  %full = attn.cache_append %cache, %k, %k rows(%rows : !attn.ragged<token>) : !onec, !onekv, !onekv
  %s = attn.scores %q, %full q_rows(%rows : !attn.ragged<token>) {scale = 1.0, q_axis = "token", kv_axis = "kv"}
      : !one, !onec -> tensor<1x3x?xf32, #attn.axes<[heads, token, kv]>>
  return %full, %s : !onec, tensor<1x3x?xf32, #attn.axes<[heads, token, kv]>>
}
