// Attention, unfused, checked against numbers made by hand.
// RUN: heed-oracle %s --print --rows token=0+2,1+1 --rows source=0+1,0+2 --seed 3 | FileCheck %s

!s = tensor<2x3xf32, #attn.axes<[q, kv]>>
!q = tensor<2x2xf32, #attn.axes<[q, head]>>
!k = tensor<3x2xf32, #attn.axes<[kv, head]>>

// CHECK: scores result0: [q=2, kv=3] {{\[\[}}0.5, 1, 1.5], [1.5, 2, 3.5]]
func.func @scores() -> !s {
  %q = arith.constant dense<[[1.0, 2.0], [3.0, 4.0]]> : !q
  %k = arith.constant dense<[[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]]> : !k
  %s = attn.scores %q, %k {scale = 0.5, q_axis = "q", kv_axis = "kv"} : !q, !k -> !s
  return %s : !s
}

// Four heads on two: heads 0 and 1 meet key head 0, heads 2 and 3 meet key head 1.
// CHECK: grouped result0: [heads=4, q=1, kv=1] {{\[\[\[}}10]], {{\[\[}}20]], {{\[\[}}300]], {{\[\[}}400]]]
func.func @grouped() -> tensor<4x1x1xf32, #attn.axes<[heads, q, kv]>> {
  %q = arith.constant dense<[[[1.0], [2.0], [3.0], [4.0]]]> : tensor<1x4x1xf32, #attn.axes<[q, heads, head]>>
  %k = arith.constant dense<[[[10.0]], [[100.0]]]> : tensor<2x1x1xf32, #attn.axes<[kv_heads, kv, head]>>
  %s = attn.scores %q, %k {scale = 1.0, q_axis = "q", kv_axis = "kv"}
      : tensor<1x4x1xf32, #attn.axes<[q, heads, head]>>, tensor<2x1x1xf32, #attn.axes<[kv_heads, kv, head]>> -> tensor<4x1x1xf32, #attn.axes<[heads, q, kv]>>
  return %s : tensor<4x1x1xf32, #attn.axes<[heads, q, kv]>>
}

// softmax(0, ln 2, ln 5) = (1, 2, 5) / 8; large scores are no trouble; a sink of ln 2 makes 8 into 10.
// CHECK: softmax result0: [q=2, kv=3] {{\[\[}}0.125, 0.25, 0.625], [0.333333, 0.333333, 0.333333]]
// CHECK: softmax result1: [q=2, kv=3] {{\[\[}}0.1, 0.2, 0.5], [0.333333, 0.333333, 0.333333]]
attn.declare @sink : !attn.weight<[1], f32> from "values:0.693147180559945"
func.func @softmax() -> (!s, !s) {
  %t = arith.constant dense<[[0.0, 0.69314718, 1.6094379], [1000.0, 1000.0, 1000.0]]> : !s
  %0 = attn.softmax %t over "kv" : !s
  %sink = attn.handle @sink : !attn.weight<[1], f32>
  %1 = attn.softmax %t sinks(%sink : !attn.weight<[1], f32>) over "kv" : !s
  return %0, %1 : !s, !s
}

// A forbidden pair weighs exactly 0; a row without keys gives zeros, also with a sink.
// CHECK: masked result0: [q=2, kv=3] {{\[\[}}0, -, -], [0, 0, -]]
// CHECK: masked result1: [q=2, kv=3] {{\[\[}}1, 0, 0], [0.5, 0.5, 0]]
// CHECK: masked result2: [q=2, kv=3] {{\[\[}}0, 0, 0], [1, 0, 0]]
// CHECK: masked result3: [q=2, kv=3] {{\[\[}}0, 0, 0], [0.333333, 0, 0]]
// CHECK: masked result4: [q=2, kv=3] {{\[\[}}0, 0.5, 0.5], [1, 0, 0]]
func.func @masked() -> (!s, !s, !s, !s, !s) {
  %s = arith.constant dense<0.0> : !s
  %causal = attn.mask %s where <(q, kv) : "q - kv >= 0"> : !s
  %0 = attn.softmax %causal over "kv" : !s
  %before = attn.mask %s where <(q, kv) : "q - kv - 1 >= 0"> : !s
  %1 = attn.softmax %before over "kv" : !s
  %sink = attn.handle @sink : !attn.weight<[1], f32>
  %2 = attn.softmax %before sinks(%sink : !attn.weight<[1], f32>) over "kv" : !s
  // q = 0 sees what is after it, q = 1 sees key 0.
  %either = attn.mask %s where <(q, kv) : "kv - q - 1 >= 0, q == 0" or "kv == 0, q - 1 == 0"> : !s
  %3 = attn.softmax %either over "kv" : !s
  return %causal, %0, %1, %2, %3 : !s, !s, !s, !s, !s
}

// floordiv and mod round down below zero too: (kv - q - 1) floordiv 2 is -1 for kv = q, 0 for kv = q + 1.
// CHECK: symbols result0: [q=2, kv=3] {{\[\[}}0, -, -], [0, 0, -]]
// CHECK: symbols result1: [q=2, kv=3] {{\[\[}}-, 0, -], [0, -, 0]]
// CHECK: symbols result2: [q=2, kv=3] {{\[\[}}0, -, 0], [-, 0, -]]
// CHECK: symbols result3: [q=2, kv=3] {{\[\[}}-, -, 0], [-, 0, 0]]
func.func @symbols() -> (!s, !s, !s, !s) {
  %s = arith.constant dense<0.0> : !s
  %0 = attn.mask %s where <(q, kv) : "(kv - q - 1) floordiv 2 + 1 == 0" or "kv == 0"> : !s
  %1 = attn.mask %s where <(q, kv) : "(kv - q - 2) mod 2 - 1 == 0"> : !s
  %dq = arith.constant dense<[7, 8]> : tensor<2xi32, #attn.axes<[q]>>
  %dk = arith.constant dense<[7, 8, 7]> : tensor<3xi32, #attn.axes<[kv]>>
  %2 = attn.mask %s tables(%dq, %dk : tensor<2xi32, #attn.axes<[q]>>, tensor<3xi32, #attn.axes<[kv]>>)
      where <(q, kv)[a : dq[q], b : dk[kv]] : "a - b == 0"> {table_names = ["dq", "dk"]} : !s
  // Aligned at the end: kv_len - q_len = 1, so q = 0 sees from kv = 2 on, q = 1 from 1 on.
  %3 = attn.mask %s where <(q, kv)[q_len, kv_len] : "kv + q - kv_len + q_len - 1 >= 0"> : !s
  return %0, %1, %2, %3 : !s, !s, !s, !s
}

// ALiBi: slopes 1/4 and 1/16 times the distance; h is known to masks, too. Scores are 2 everywhere.
// CHECK: rules result0: [heads=2, q=2, kv=2] {{\[\[\[}}2, 2.25], [1.75, 2]], {{\[\[}}2, 2.0625], [1.9375, 2]]]
// CHECK: rules result1: [heads=2, q=2, kv=2] {{\[\[\[}}0.964028, 0.964028], [0.964028, 0.964028]]
// CHECK: rules result2: [heads=2, q=2, kv=2] {{\[\[\[}}2, -], [-, 2]], {{\[\[}}2, 2], [2, 2]]]
!hs = tensor<2x2x2xf32, #attn.axes<[heads, q, kv]>>
attn.declare @slope : !attn.weight<[2], f32> from "values:0.25 0.0625"
func.func @rules() -> (!hs, !hs, !hs) {
  %s = arith.constant dense<2.0> : !hs
  %slope = attn.handle @slope : !attn.weight<[2], f32>
  %0 = attn.score_map %s {
  ^bb0(%a: f32, %q: index, %kv: index, %h: index, %b: index):
    %l = attn.lookup %slope[%h] : !attn.weight<[2], f32>
    %d = arith.subi %q, %kv : index
    %i = arith.index_cast %d : index to i64
    %f = arith.sitofp %i : i64 to f32
    %m = arith.mulf %l, %f : f32
    %r = arith.subf %a, %m : f32
    attn.yield %r : f32
  } : !hs
  %1 = attn.score_map %s {
  ^bb0(%a: f32, %q: index, %kv: index, %h: index, %b: index):
    %t = math.tanh %a : f32
    attn.yield %t : f32
  } : !hs
  %2 = attn.mask %s where <(q, kv)[h] : "q - kv == 0" or "h - 1 == 0"> : !hs
  return %0, %1, %2 : !hs, !hs, !hs
}

// CHECK: combine result0: [q=2, head=2] {{\[\[}}1, 0.5], [2, 10]]
func.func @combine() -> !q {
  %p = arith.constant dense<[[0.5, 0.5, 0.0], [0.0, 0.0, 1.0]]> : !s
  %v = arith.constant dense<[[0.0, 1.0], [2.0, 0.0], [2.0, 10.0]]> : !k
  %o = attn.combine %p, %v {kv_axis = "kv"} : !s, !k -> !q
  return %o : !q
}

// Rows 0 and 1 belong to sequence 0 (no past), row 2 to sequence 1, at position 1 (no key at 0 in this call). Keys past a
// row's own sequence do not exist; the causal mask works on absolute positions.
// CHECK: ragged result0: [token=3, kv=2] {{\[\[}}1, 2], [10, 20], [-, 300]]
// CHECK: ragged result1: [token=3, kv=2] {{\[\[}}1, -], [10, 20], [-, 300]]
!rx = tensor<3x1xf32, #attn.axes<[token, head]>>
!rs = tensor<3x?xf32, #attn.axes<[token, kv]>>
func.func @ragged(%rows: !attn.ragged<token>) -> (!rs, !rs) {
  %q = arith.constant dense<[[1.0], [10.0], [100.0]]> : !rx
  %k = arith.constant dense<[[1.0], [2.0], [3.0]]> : !rx
  %0 = attn.scores %q, %k q_rows(%rows : !attn.ragged<token>) kv_rows(%rows : !attn.ragged<token>)
      {scale = 1.0, q_axis = "token", kv_axis = "token"} : !rx, !rx -> !rs
  %1 = attn.mask %0 rows(%rows : !attn.ragged<token>) where <(q, kv) : "q - kv >= 0"> : !rs
  return %0, %1 : !rs, !rs
}

// Queries of one ragged axis, keys of another: sequence 0 has one key, sequence 1 two.
// CHECK: crossed result0: [token=3, kv=2] {{\[\[}}1, -], [10, -], [200, 300]]
// CHECK: crossed result1: [token=3, head=1] {{\[\[}}1], [1], [2.5]]
func.func @crossed(%rows: !attn.ragged<token>, %source: !attn.ragged<source>) -> (!rs, !rx) {
  %q = arith.constant dense<[[1.0], [10.0], [100.0]]> : !rx
  %k = arith.constant dense<[[1.0], [2.0], [3.0]]> : tensor<3x1xf32, #attn.axes<[source, head]>>
  %0 = attn.scores %q, %k q_rows(%rows : !attn.ragged<token>) kv_rows(%source : !attn.ragged<source>)
      {scale = 1.0, q_axis = "token", kv_axis = "source"} : !rx, tensor<3x1xf32, #attn.axes<[source, head]>> -> !rs
  %zero = attn.score_map %0 rows(%rows : !attn.ragged<token>) {
  ^bb0(%a: f32, %qi: index, %ki: index, %h: index, %b: index):
    %z = arith.constant 0.0 : f32
    attn.yield %z : f32
  } : !rs
  %p = attn.softmax %zero over "kv" : !rs
  %o = attn.combine %p, %k q_rows(%rows : !attn.ragged<token>) kv_rows(%source : !attn.ragged<source>) {kv_axis = "source"}
      : !rs, tensor<3x1xf32, #attn.axes<[source, head]>> -> !rx
  return %0, %o : !rs, !rx
}
