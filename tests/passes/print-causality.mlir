// What each op declares of its flow along the sequence, composed.
// RUN: heed-opt -attn-print-causality -split-input-file -allow-unregistered-dialect %s -o /dev/null | FileCheck %s

!h = tensor<?x8xf32, #attn.axes<[token, head]>>
!s = tensor<?x?xf32, #attn.axes<[q, kv]>>

// Two layers of a window of four: each sees three back, together six.
// CHECK-LABEL: @window
// CHECK-NEXT: y: causal, each op alone
// CHECK-NEXT: row out reads x: [max(out - 6, 0), out + 1)
// CHECK-NEXT: layer reads: [max(out - 3, 0), out + 1)
func.func private @layer(%x: !h) -> !h {
  %s = attn.scores %x, %x {scale = 1.0 : f64, q_axis = "token", kv_axis = "token"} : !h, !h -> !s
  %m = attn.mask %s where <(q, kv) : "q - kv >= 0, kv - q + 3 >= 0"> : !s
  %p = attn.softmax %m over "kv" : !s
  %o = attn.combine %p, %x {kv_axis = "token"} : !s, !h -> !h
  %y = attn.add %x, %o : !h
  return %y : !h
}
func.func @window(%x: !h {attn.name = "x"}) -> (!h {attn.name = "y"}) {
  %0 = call @layer(%x) : (!h) -> !h
  %1 = call @layer(%0) : (!h) -> !h
  return %1 : !h
}

// -----

// The caches of a prefix model: a first call must hold the prefix. The path of the leak goes through the mask.
!h = tensor<?x1x8xf32, #attn.axes<[token, heads, head]>>
!s = tensor<1x?x?xf32, #attn.axes<[heads, token, kv]>>
!c = !attn.cache<1 by 8, f32>

// CHECK-LABEL: @prefix
// CHECK-NEXT: y: not causal: y[0] can see x[1]
// CHECK-NEXT: [[@LINE+10]]:8: row 0 reads row 1 here
// CHECK-NEXT: row out reads x: [0, out + 1) and [out + 1, 16)
// CHECK-NEXT: caches: licensed, the first call has at least 1
// CHECK-LABEL: @blocks
// CHECK: caches: licensed, the first call has at least 16
// CHECK-LABEL: @all
// CHECK: caches: no licence, a row can depend on rows of any later call
func.func @prefix(%x: !h {attn.name = "x"}, %rows: !attn.ragged<token>, %c: !c) -> (!h {attn.name = "y"}, !c) {
  %k = attn.cache_append %c, %x, %x rows(%rows : <token>) : <1 by 8, f32>, !h, !h
  %s = attn.scores %x, %k q_rows(%rows : !attn.ragged<token>) {scale = 1.0 : f64, q_axis = "token", kv_axis = "kv"} : !h, !c -> !s
  %m = attn.mask %s rows(%rows : !attn.ragged<token>) where <(q, kv) : "q - kv >= 0" or "15 - kv >= 0"> : !s
  %p = attn.softmax %m over "kv" : !s
  %y = attn.combine %p, %k q_rows(%rows : !attn.ragged<token>) {kv_axis = "kv"} : !s, !c -> !h
  return %y, %k : !h, !c
}
func.func @blocks(%x: !h, %rows: !attn.ragged<token>, %c: !c, %d: !c) -> (!c, !c) {
  %k = attn.cache_append %c, %x, %x rows(%rows : <token>) : <1 by 8, f32>, !h, !h
  %s = attn.scores %x, %k q_rows(%rows : !attn.ragged<token>) {scale = 1.0 : f64, q_axis = "token", kv_axis = "kv"} : !h, !c -> !s
  %m = attn.mask %s rows(%rows : !attn.ragged<token>) where <(q, kv) : "q - kv >= 0" or "15 - kv >= 0, 15 - q >= 0"> : !s
  %p = attn.softmax %m over "kv" : !s
  %y = attn.combine %p, %k q_rows(%rows : !attn.ragged<token>) {kv_axis = "kv"} : !s, !c -> !h
  %j = attn.cache_append %d, %y, %y rows(%rows : <token>) : <1 by 8, f32>, !h, !h
  return %k, %j : !c, !c
}
func.func @all(%x: !h, %rows: !attn.ragged<token>, %c: !c, %d: !c) -> (!c, !c) {
  %k = attn.cache_append %c, %x, %x rows(%rows : <token>) : <1 by 8, f32>, !h, !h
  %s = attn.scores %x, %k q_rows(%rows : !attn.ragged<token>) {scale = 1.0 : f64, q_axis = "token", kv_axis = "kv"} : !h, !c -> !s
  %p = attn.softmax %s over "kv" : !s
  %y = attn.combine %p, %k q_rows(%rows : !attn.ragged<token>) {kv_axis = "kv"} : !s, !c -> !h
  %j = attn.cache_append %d, %y, %y rows(%rows : <token>) : <1 by 8, f32>, !h, !h
  return %k, %j : !c, !c
}

// -----

// Ops on the last axis, where that is the sequence: a slice shifts, a linear and a norm mix. A shift ahead and one
// back are causal together.
!x = tensor<4x9xf32, #attn.axes<[model, token]>>
!l = tensor<4x8xf32, #attn.axes<[model, late]>>
!m = tensor<4x7xf32, #attn.axes<[model, later]>>
// Attends along `token`: this is what makes it a sequence axis.
func.func private @marks(%q: tensor<9x4xf32, #attn.axes<[token, head]>>) -> tensor<9x9xf32, #attn.axes<[q, kv]>> {
  %s = attn.scores %q, %q {scale = 1.0 : f64, q_axis = "token", kv_axis = "token"}
      : tensor<9x4xf32, #attn.axes<[token, head]>>, tensor<9x4xf32, #attn.axes<[token, head]>> -> tensor<9x9xf32, #attn.axes<[q, kv]>>
  return %s : tensor<9x9xf32, #attn.axes<[q, kv]>>
}
// CHECK-LABEL: @shifts
// CHECK-NEXT: ahead: not causal: ahead[0] can see x[1]
// CHECK-NEXT: [[@LINE+9]]:8: row 0 reads row 1 here
// CHECK-NEXT: row out reads x: [out + 1, min(out + 2, 9))
// CHECK-NEXT: back: causal, all ops together
// CHECK-NEXT: row out reads x: [out, min(out + 1, 9))
// CHECK-NEXT: both: not causal: both[0] can see x[1]
// CHECK-NEXT: [[@LINE+4]]:8: row 0 reads row 1 here
// CHECK-NEXT: row out reads x:
func.func @shifts(%x: !x {attn.name = "x"})
    -> (!l {attn.name = "ahead"}, !x {attn.name = "back"}, !l {attn.name = "both"}) {
  %0 = attn.slice %x [1 to 9] : !x -> !l
  %first = attn.slice %x [0 to 1] : !x -> tensor<4x1xf32, #attn.axes<[model, one]>>
  %1 = attn.concat %first, %0 : tensor<4x1xf32, #attn.axes<[model, one]>>, !l -> !x
  %z = attn.slice %x [0 to 8] : !x -> !l
  %2 = attn.add %z, %0 : !l
  return %0, %1, %2 : !l, !x, !l
}

// CHECK-LABEL: @mixes
// CHECK-NEXT: norm: not causal: norm[0] can see x[1]
// CHECK-NEXT: [[@LINE+6]]:8: row 0 reads row 1 here
// CHECK-NEXT: row out reads x: [0, ∞)
// CHECK-NEXT: other: not causal: other[0] can see x[1]
// CHECK-NEXT: [[@LINE+5]]:8: row 0 reads row 1 here
// CHECK-NEXT: row out reads x: [0, ∞)
func.func @mixes(%x: !x {attn.name = "x"}) -> (!x {attn.name = "norm"}, !x {attn.name = "other"}) {
  %n = attn.norm rms %x {eps = 1.0e-5 : f64} : !x
  // Without a declaration nothing is believed.
  %u = "test.unknown"(%x) : (!x) -> !x
  return %n, %u : !x, !x
}

// -----

// A pooling goes over all rows of a sequence; put back into each of them it brings later ones along.
!x = tensor<?x8xf32, #attn.axes<[token, model]>>
!p = tensor<?x8xf32, #attn.axes<[sequence, model]>>

// CHECK-LABEL: @pools
// CHECK-NEXT: y: not causal: y[0] can see x[1]
// CHECK-NEXT: [[@LINE+5]]:8: row 0 reads row 0 here
// CHECK-NEXT: [[@LINE+3]]:8: row 0 reads row 1 here
// CHECK-NEXT: row out reads x: [0, ∞)
func.func @pools(%x: !x {attn.name = "x"}, %rows: !attn.ragged<token>) -> (!x {attn.name = "y"}) {
  %p = attn.pool mean %x rows(%rows : !attn.ragged<token>) : !x -> !p
  %b = "test.broadcast"(%p) : (!p) -> !x
  %y = attn.add %x, %b : !x
  return %y : !x
}
