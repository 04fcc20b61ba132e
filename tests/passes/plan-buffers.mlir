// RUN: heed-opt %s --split-input-file --attn-plan-buffers --remarks-filter=attn --verify-diagnostics | FileCheck %s

// A chain: each tensor dies as the next one is made, so two places serve four tensors. Sizes round up to 64 bytes.
!x = tensor<?x6xf32, #attn.axes<[token, model]>>
// CHECK-LABEL: @chain
// CHECK-SAME: attn.arena = [#attn.buffer<<[token]>, offset = 0, stride = 128>]
// expected-remark@below {{[Analysis] plan-buffers | Category:attn | Remark="@chain takes 128 bytes a token of the arena"}}
func.func @chain(%x: !x) -> !x {
  // CHECK: attn.norm {{.*}}attn.buffer = #attn.buffer<<[token]>, offset = 0, stride = 64>
  // CHECK: attn.norm {{.*}}attn.buffer = #attn.buffer<<[token]>, offset = 64, stride = 64>
  // CHECK: attn.norm {{.*}}attn.buffer = #attn.buffer<<[token]>, offset = 0, stride = 64>
  // The result lies where the caller wants it.
  // CHECK: attn.norm rms
  // CHECK-NOT: attn.buffer
  // CHECK: return
  %a = attn.norm rms %x {eps = 1.0e-5} : !x
  %b = attn.norm rms %a {eps = 1.0e-5} : !x
  %c = attn.norm rms %b {eps = 1.0e-5} : !x
  %d = attn.norm rms %c {eps = 1.0e-5} : !x
  return %d : !x
}

// -----

// Scores that are stored grow with tokens times keys: without fusion memory is quadratic. A class of its own each.
!q = tensor<?x4x16xf32, #attn.axes<[token, heads, head]>>
!s = tensor<4x?x?xf32, #attn.axes<[heads, token, kv]>>
// CHECK-LABEL: @classes
// CHECK-SAME: attn.arena = [#attn.buffer<<[kv, token]>, offset = 0, stride = 32>, #attn.buffer<<[token]>, offset = 0, stride = 256>]
// expected-remark@below {{@classes takes 32 bytes a kv x token, 256 bytes a token of the arena}}
func.func @classes(%q: !q, %cache: !attn.cache<4 by 16, f32>, %rows: !attn.ragged<token>, %w: !attn.weight<[64, 64], f32>)
    -> tensor<?x64xf32, #attn.axes<[token, model]>> {
  // CHECK: attn.scores {{.*}}attn.buffer = #attn.buffer<<[kv, token]>, offset = 0, stride = 16>
  %s = attn.scores %q, %cache q_rows(%rows : !attn.ragged<token>) {scale = 0.25, q_axis = "token", kv_axis = "kv"}
      : !q, !attn.cache<4 by 16, f32> -> !s
  // The mask works on each element alone: in place.
  // CHECK: attn.mask {{.*}}attn.buffer = #attn.buffer<<[kv, token]>, offset = 0, stride = 16>
  %m = attn.mask %s rows(%rows : !attn.ragged<token>) where <(q, kv) : "q - kv >= 0"> : !s
  // CHECK: attn.softmax {{.*}}attn.buffer = #attn.buffer<<[kv, token]>, offset = 16, stride = 16>
  %p = attn.softmax %m over "kv" : !s
  // CHECK: attn.combine {{.*}}attn.buffer = #attn.buffer<<[token]>, offset = 0, stride = 256>
  %o = attn.combine %p, %cache q_rows(%rows : !attn.ragged<token>) {kv_axis = "kv"} : !s, !attn.cache<4 by 16, f32> -> !q
  // A view has no place of its own.
  // CHECK: attn.merge_heads
  // CHECK-NOT: attn.buffer
  // CHECK: attn.linear
  %x = attn.merge_heads %o : !q -> tensor<?x64xf32, #attn.axes<[token, model]>>
  %y = attn.linear %x, %w : tensor<?x64xf32, #attn.axes<[token, model]>>, !attn.weight<[64, 64], f32> -> tensor<?x64xf32, #attn.axes<[token, model]>>
  return %y : tensor<?x64xf32, #attn.axes<[token, model]>>
}

// -----

// merge_heads that changes the order in memory is a copy; without dynamic axes offsets are bytes.
// CHECK-LABEL: @merge_copies
// CHECK-SAME: attn.arena = [#attn.buffer<<[]>, offset = 0, stride = 2048>]
// expected-remark@below {{@merge_copies takes 2048 bytes of the arena}}
func.func @merge_copies(%x: tensor<4x8x16xf32, #attn.axes<[heads, q, head]>>, %w: !attn.weight<[64, 64], f32>) -> tensor<8x64xf32, #attn.axes<[q, model]>> {
  // CHECK: attn.merge_heads {{.*}}attn.buffer = #attn.buffer<<[]>, offset = 0, stride = 2048>
  %m = attn.merge_heads %x : tensor<4x8x16xf32, #attn.axes<[heads, q, head]>> -> tensor<8x64xf32, #attn.axes<[q, model]>>
  %y = attn.linear %m, %w : tensor<8x64xf32, #attn.axes<[q, model]>>, !attn.weight<[64, 64], f32> -> tensor<8x64xf32, #attn.axes<[q, model]>>
  return %y : tensor<8x64xf32, #attn.axes<[q, model]>>
}

// -----

// A view keeps its source alive: %b may not lie over %a while the view is read.
!x = tensor<?x64xf32, #attn.axes<[token, model]>>
!h = tensor<?x4x16xf32, #attn.axes<[token, heads, head]>>
// CHECK-LABEL: @view_keeps_source
// expected-remark@below {{@view_keeps_source takes 512 bytes a token}}
func.func @view_keeps_source(%x: !x) -> (!x, !h) {
  // CHECK: attn.norm rms {{.*}}attn.buffer = #attn.buffer<<[token]>, offset = 0,
  // CHECK: attn.norm layer {{.*}}attn.buffer = #attn.buffer<<[token]>, offset = 256,
  %a = attn.norm rms %x {eps = 1.0e-5} : !x
  %v = attn.split_heads %a : !x -> !h
  %b = attn.norm layer %x {eps = 1.0e-5} : !x
  %c = attn.norm rms %b {eps = 1.0e-5} : !x
  %d = attn.norm rms %v {eps = 1.0e-5} : !h
  return %c, %d : !x, !h
}

// -----

// A fused residual is added in place, when it dies there.
!x = tensor<?x64xf32, #attn.axes<[token, model]>>
!w = !attn.weight<[64, 64], f32>
// CHECK-LABEL: @residual_in_place
// expected-remark@below {{@residual_in_place takes 512 bytes a token}}
func.func @residual_in_place(%x: !x, %w: !w) -> !x {
  // CHECK: attn.norm rms {{.*}}attn.buffer = #attn.buffer<<[token]>, offset = 0,
  // CHECK: attn.norm layer {{.*}}attn.buffer = #attn.buffer<<[token]>, offset = 256,
  %r = attn.norm rms %x {eps = 1.0e-5} : !x
  %a = attn.norm layer %x {eps = 1.0e-5} : !x
  // CHECK: attn.fused_linear
  // CHECK: } {attn.buffer = #attn.buffer<<[token]>, offset = 0, stride = 256>}
  %y = attn.fused_linear %a, [%w] prologue {
  ^bb0(%p: !x):
    attn.yield %p : !x
  } epilogue {
  ^bb0(%e: !x):
    %s = attn.add %r, %e : !x
    attn.yield %s : !x
  } : !x, [!w] -> !x
  %z = attn.norm rms %y {eps = 1.0e-5} : !x
  return %z : !x
}

// -----

// Not in place: every output needs all of x.
!x = tensor<?x64xf32, #attn.axes<[token, model]>>
!w = !attn.weight<[64, 64], f32>
// CHECK-LABEL: @x_not_in_place
// expected-remark@below {{@x_not_in_place takes 512 bytes a token}}
func.func @x_not_in_place(%x: !x, %w: !w) -> !x {
  // CHECK: attn.norm {{.*}}offset = 0,
  %a = attn.norm rms %x {eps = 1.0e-5} : !x
  // CHECK: } {attn.buffer = #attn.buffer<<[token]>, offset = 256, stride = 256>}
  %y = attn.fused_linear %a, [%w] prologue {
  ^bb0(%p: !x):
    attn.yield %p : !x
  } epilogue {
  ^bb0(%e: !x):
    %s = attn.add %a, %e : !x
    attn.yield %s : !x
  } : !x, [!w] -> !x
  %z = attn.norm rms %y {eps = 1.0e-5} : !x
  return %z : !x
}

// -----

// Not in place: rope reads elements beside the one it writes; nor may two results share a place.
!h = tensor<?x4x16xf32, #attn.axes<[token, heads, head]>>
!x = tensor<?x64xf32, #attn.axes<[token, model]>>
!w = !attn.weight<[64, 64], f32>
// CHECK-LABEL: @rope_not_in_place
// expected-remark@below {{@rope_not_in_place takes 768 bytes a token}}
func.func @rope_not_in_place(%x: !x, %w: !w, %rows: !attn.ragged<token>) -> !h {
  // CHECK: attn.norm {{.*}}offset = 0,
  // CHECK: attn.norm {{.*}}offset = 256,
  %a = attn.norm rms %x {eps = 1.0e-5} : !x
  %r = attn.norm rms %x {eps = 1.0e-5} : !x
  %rh = attn.split_heads %r : !x -> !h
  // CHECK: } {attn.buffer = #attn.buffer<<[token]>, offset = 512, stride = 256>}
  %y = attn.fused_linear %a, [%w] prologue {
  ^bb0(%p: !x):
    attn.yield %p : !x
  } epilogue {
  ^bb0(%e: !x):
    %eh = attn.split_heads %e : !x -> !h
    %s = attn.add %rh, %eh : !h
    %t = attn.rope halves %s rows(%rows : !attn.ragged<token>) {theta = 1.0e4, dims = 16} : !h
    attn.yield %t : !h
  } : !x, [!w] -> !h
  %z = attn.norm rms %y {eps = 1.0e-5} : !h
  return %z : !h
}

// -----

// All layers run over one x: the layer has read its argument before it writes its result.
!x = tensor<?x64xf32, #attn.axes<[token, model]>>
!c = !attn.cache<4 by 16, f32>
!w = !attn.weight<[64, 64], f32>
// CHECK-LABEL: @layer
// CHECK-SAME: attn.arena = [#attn.buffer<<[token]>, offset = 0, stride = 512>]
// expected-remark@below {{@layer takes 512 bytes a token of the arena}}
func.func private @layer(%x: !x, %c: !c, %w: !w) -> (!x, !c) {
  %h = attn.norm rms %x {eps = 1.0e-5} : !x
  %r = attn.add %x, %h : !x
  %m = attn.norm rms %r {eps = 1.0e-5} : !x
  %y = attn.add %r, %m : !x
  return %y, %c : !x, !c
}
// CHECK-LABEL: @step
// CHECK-SAME: attn.arena = [#attn.buffer<<[token]>, offset = 0, stride = 256>]
// CHECK-SAME: attn.arena_total = [#attn.buffer<<[token]>, offset = 0, stride = 768>]
// expected-remark@below {{@step takes 768 bytes a token of the arena with all that it calls}}
func.func @step(%t: tensor<?xi32, #attn.axes<[token]>>, %e: !attn.weight<[10, 64], f32>, %w: !w, %c0: !c, %c1: !c) -> (!x, !c, !c) attributes {attn.entry} {
  // CHECK: attn.embed {{.*}}attn.buffer = #attn.buffer<<[token]>, offset = 0, stride = 256>
  // CHECK: call @layer{{.*}}attn.buffers = [#attn.buffer<<[token]>, offset = 0, stride = 256>, unit]
  // CHECK: call @layer{{.*}}attn.buffers = [#attn.buffer<<[token]>, offset = 0, stride = 256>, unit]
  %x = attn.embed %t, %e : tensor<?xi32, #attn.axes<[token]>>, !attn.weight<[10, 64], f32> -> !x
  %a:2 = call @layer(%x, %c0, %w) : (!x, !c, !w) -> (!x, !c)
  %b:2 = call @layer(%a#0, %c1, %w) : (!x, !c, !w) -> (!x, !c)
  %n = attn.norm rms %b#0 {eps = 1.0e-5} : !x
  return %n, %a#1, %b#1 : !x, !c, !c
}

// -----

// This layer reads its argument again after its result is written: two places.
!x = tensor<?x64xf32, #attn.axes<[token, model]>>
// expected-remark@below {{@layer takes nothing of the arena}}
func.func private @layer(%x: !x) -> (!x, !x) {
  %y = attn.norm rms %x {eps = 1.0e-5} : !x
  %z = attn.norm layer %x {eps = 1.0e-5} : !x
  return %y, %z : !x, !x
}
// CHECK-LABEL: @run
// CHECK: attn.norm {{.*}}offset = 0,
// CHECK: call @layer{{.*}}attn.buffers = [#attn.buffer<<[token]>, offset = 256, stride = 256>, #attn.buffer<<[token]>, offset = 512, stride = 256>]
// expected-remark@below {{@run takes 768 bytes a token}}
func.func @run(%x: !x) -> !x attributes {attn.entry} {
  %a = attn.norm rms %x {eps = 1.0e-5} : !x
  %b:2 = call @layer(%a) : (!x) -> (!x, !x)
  %c = attn.norm rms %b#0 {eps = 1.0e-5} : !x
  %d = attn.add %c, %b#1 : !x
  %e = attn.norm rms %d {eps = 1.0e-5} : !x
  return %e : !x
}

// -----

// expected-error@below {{calls itself; its arena has no end}}
func.func private @forever() {
  call @forever() : () -> ()
  return
}

// -----

// expected-error@below {{has branches; the buffers of straight code only can be planned}}
func.func private @branches(%c: i1) {
  cf.cond_br %c, ^a, ^a
^a:
  return
}
