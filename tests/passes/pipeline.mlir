// The whole road from model to scheduled, on a decoder's layer; every stage parses back, every fusion can be left out.
// RUN: heed-opt %s --heed-fuse | FileCheck %s --check-prefix=FUSED
// RUN: heed-opt %s --heed-fuse --heed-schedule | heed-opt | FileCheck %s --check-prefix=SCHEDULED
// RUN: heed-opt %s --heed-fuse=disable=fuse-mask-softmax --heed-schedule | FileCheck %s --check-prefix=NO-MASK-SOFTMAX
// RUN: heed-opt %s --heed-fuse=disable=fuse-attention --heed-schedule | FileCheck %s --check-prefix=NO-ATTENTION
// RUN: heed-opt %s --heed-fuse=disable=fuse-attention --heed-schedule --remarks-filter=attn 2>&1 >/dev/null | FileCheck %s --check-prefix=QUADRATIC
// RUN: heed-opt %s --heed-fuse=disable=attn-merge-linears --heed-schedule | FileCheck %s --check-prefix=NO-MERGE
// RUN: heed-opt %s --heed-fuse=disable=fuse-prologue --heed-schedule | FileCheck %s --check-prefix=NO-PROLOGUE
// RUN: heed-opt %s --heed-fuse=disable=fuse-epilogue --heed-schedule | FileCheck %s --check-prefix=NO-EPILOGUE
// RUN: heed-opt %s '--heed-fuse=disable=fuse-mask-softmax,fuse-attention,merge-linears,fuse-prologue,fuse-epilogue' --heed-schedule | FileCheck %s --check-prefix=NOTHING
// RUN: not heed-opt %s --heed-fuse=disable=fuse-everything 2>&1 | FileCheck %s --check-prefix=UNKNOWN

// UNKNOWN: there is no fusion `fuse-everything`; the fusions are fuse-mask-softmax, fuse-attention, merge-linears, fuse-prologue, fuse-epilogue

// A layer is four linears and one attention.
// FUSED-LABEL: @layer
// FUSED:     %[[QKV:.*]]:2 = attn.fused_linear %arg0, [%{{.*}}, %{{.*}}, %{{.*}}] prologue
// FUSED:       attn.norm
// FUSED:       attn.cache_append
// FUSED:     %[[O:.*]] = attn.attention %[[QKV]]#0, %[[QKV]]#1, %[[QKV]]#1
// FUSED:     %[[M:.*]] = attn.merge_heads %[[O]]
// FUSED:     %[[H:.*]] = attn.fused_linear %[[M]],
// FUSED:       attn.add %arg0,
// FUSED:     %[[G:.*]] = attn.fused_linear %[[H]], [%{{.*}}, %{{.*}}] prologue
// FUSED:       attn.norm
// FUSED:       attn.mul
// FUSED:     %[[Y:.*]] = attn.fused_linear %[[G]],
// FUSED:       attn.add %[[H]],
// FUSED:     return %[[Y]], %[[QKV]]#1

// All layers run over one x.
// SCHEDULED-LABEL: @layer
// SCHEDULED-COUNT-4: schedule = #attn.{{linear|attention}}_schedule
// SCHEDULED-LABEL: @step
// SCHEDULED-SAME: attn.arena_total = [#attn.buffer<<[token]>, offset = 0, stride =
// SCHEDULED: attn.embed {{.*}}attn.buffer = #attn.buffer<<[token]>, offset = 0, stride = 256>
// SCHEDULED: call @layer{{.*}}attn.buffers = [#attn.buffer<<[token]>, offset = 0, stride = 256>, unit]
// SCHEDULED: call @layer{{.*}}attn.buffers = [#attn.buffer<<[token]>, offset = 0, stride = 256>, unit]

// NO-MASK-SOFTMAX: attn.mask
// NO-MASK-SOFTMAX: attn.softmax
// NO-MASK-SOFTMAX: attn.combine

// Stored scores: memory grows with the square of the length.
// NO-ATTENTION: attn.scores
// NO-ATTENTION: attn.masked_softmax
// QUADRATIC: Remark="@step takes {{.*}}, 32 bytes a kv x token of the arena

// NO-MERGE-LABEL: @layer
// NO-MERGE-COUNT-7: attn.fused_linear
// NO-PROLOGUE-LABEL: @layer
// NO-PROLOGUE: attn.norm {{.*}}attn.buffer
// NO-EPILOGUE-LABEL: @layer
// NO-EPILOGUE: attn.cache_append
// NO-EPILOGUE: attn.mul {{.*}}attn.buffer
// NOTHING-LABEL: @layer
// NOTHING-COUNT-7: attn.fused_linear
// NOTHING: call @layer

!x = tensor<?x64xf32, #attn.axes<[token, model]>>
!f = tensor<?x128xf32, #attn.axes<[token, ffn]>>
!q = tensor<?x4x16xf32, #attn.axes<[token, heads, head]>>
!k = tensor<?x2x16xf32, #attn.axes<[token, kv_heads, head]>>
!kk = tensor<?x32xf32, #attn.axes<[token, model]>>
!s = tensor<4x?x?xf32, #attn.axes<[heads, token, kv]>>
!c = !attn.cache<2 by 16, f32>
!w = !attn.weight<[64, 64], f32>
!wk = !attn.weight<[32, 64], f32>
!wf = !attn.weight<[128, 64], f32>
!wd = !attn.weight<[64, 128], f32>
!g = !attn.weight<[64], f32>

module attributes {attn.target = #attn.target<"t", features = "+avx512f", vector = 512, registers = 32, l1 = 49152, l2 = 1048576,
    atoms = [#attn.atom<"fma_f32", 1 by 16 by 1, rate = 260>]>} {
func.func private @layer(%x: !x, %rows: !attn.ragged<token>, %c: !c, %wq: !w, %wk: !wk, %wv: !wk, %wo: !w, %g: !g, %wg: !wf, %wu: !wf, %wd: !wd) -> (!x, !c) {
  %n = attn.norm rms %x weight(%g : !g) {eps = 1.0e-5} : !x
  %q0 = attn.linear %n, %wq : !x, !w -> !x
  %q1 = attn.split_heads %q0 : !x -> !q
  %q = attn.rope halves %q1 rows(%rows : !attn.ragged<token>) {theta = 1.0e4, dims = 16} : !q
  %k0 = attn.linear %n, %wk : !x, !wk -> !kk
  %k1 = attn.split_heads %k0 : !kk -> !k
  %k = attn.rope halves %k1 rows(%rows : !attn.ragged<token>) {theta = 1.0e4, dims = 16} : !k
  %v0 = attn.linear %n, %wv : !x, !wk -> !kk
  %v = attn.split_heads %v0 : !kk -> !k
  %a = attn.cache_append %c, %k, %v rows(%rows : !attn.ragged<token>) : !c, !k, !k
  %s = attn.scores %q, %a q_rows(%rows : !attn.ragged<token>) {scale = 0.25, q_axis = "token", kv_axis = "kv"} : !q, !c -> !s
  %m = attn.mask %s rows(%rows : !attn.ragged<token>) where <(q, kv) : "q - kv >= 0"> : !s
  %p = attn.softmax %m over "kv" : !s
  %o = attn.combine %p, %a q_rows(%rows : !attn.ragged<token>) {kv_axis = "kv"} : !s, !c -> !q
  %o1 = attn.merge_heads %o : !q -> !x
  %o2 = attn.linear %o1, %wo : !x, !w -> !x
  %h = attn.add %x, %o2 : !x
  %n2 = attn.norm rms %h weight(%g : !g) {eps = 1.0e-5} : !x
  %g0 = attn.linear %n2, %wg : !x, !wf -> !f
  %g1 = attn.activation silu %g0 : !f
  %u = attn.linear %n2, %wu : !x, !wf -> !f
  %gu = attn.mul %g1, %u : !f
  %d = attn.linear %gu, %wd : !f, !wd -> !x
  %y = attn.add %h, %d : !x
  return %y, %a : !x, !c
}

// Two attentions share q and k but not their mask: each is fused.
// FUSED-LABEL: @shared_keys
// FUSED-COUNT-2: attn.attention
func.func private @shared_keys(%q: tensor<4x8x16xf32, #attn.axes<[heads, q, head]>>, %k: tensor<4x8x16xf32, #attn.axes<[heads, kv, head]>>)
    -> (tensor<4x8x16xf32, #attn.axes<[heads, q, head]>>, tensor<4x8x16xf32, #attn.axes<[heads, q, head]>>) {
  %s = attn.scores %q, %k {scale = 0.25, q_axis = "q", kv_axis = "kv"} : tensor<4x8x16xf32, #attn.axes<[heads, q, head]>>, tensor<4x8x16xf32, #attn.axes<[heads, kv, head]>> -> tensor<4x8x8xf32, #attn.axes<[heads, q, kv]>>
  %p = attn.softmax %s over "kv" : tensor<4x8x8xf32, #attn.axes<[heads, q, kv]>>
  %o = attn.combine %p, %k {kv_axis = "kv"} : tensor<4x8x8xf32, #attn.axes<[heads, q, kv]>>, tensor<4x8x16xf32, #attn.axes<[heads, kv, head]>> -> tensor<4x8x16xf32, #attn.axes<[heads, q, head]>>
  %s2 = attn.scores %q, %k {scale = 0.25, q_axis = "q", kv_axis = "kv"} : tensor<4x8x16xf32, #attn.axes<[heads, q, head]>>, tensor<4x8x16xf32, #attn.axes<[heads, kv, head]>> -> tensor<4x8x8xf32, #attn.axes<[heads, q, kv]>>
  %m = attn.mask %s2 where <(q, kv) : "q - kv >= 0"> : tensor<4x8x8xf32, #attn.axes<[heads, q, kv]>>
  %p2 = attn.softmax %m over "kv" : tensor<4x8x8xf32, #attn.axes<[heads, q, kv]>>
  %o2 = attn.combine %p2, %k {kv_axis = "kv"} : tensor<4x8x8xf32, #attn.axes<[heads, q, kv]>>, tensor<4x8x16xf32, #attn.axes<[heads, kv, head]>> -> tensor<4x8x16xf32, #attn.axes<[heads, q, head]>>
  return %o, %o2 : tensor<4x8x16xf32, #attn.axes<[heads, q, head]>>, tensor<4x8x16xf32, #attn.axes<[heads, q, head]>>
}

attn.declare @embed : !attn.weight<[10, 64], f32> from "embed"
attn.declare @q : !w from "q"
attn.declare @k : !wk from "k"
attn.declare @n : !g from "n"
attn.declare @up : !wf from "up"
attn.declare @down : !wd from "down"
func.func @step(%t: tensor<?xi32, #attn.axes<[token]>>, %rows: !attn.ragged<token>, %wanted: tensor<?xi32, #attn.axes<[output]>>, %c0: !c, %c1: !c)
    -> (tensor<?x10xf32, #attn.axes<[output, vocab]>>, !c, !c) attributes {attn.entry} {
  %e = attn.handle @embed : !attn.weight<[10, 64], f32>
  %wq = attn.handle @q : !w
  %wk = attn.handle @k : !wk
  %g = attn.handle @n : !g
  %wf = attn.handle @up : !wf
  %wd = attn.handle @down : !wd
  %x = attn.embed %t, %e : tensor<?xi32, #attn.axes<[token]>>, !attn.weight<[10, 64], f32> -> !x
  %a:2 = call @layer(%x, %rows, %c0, %wq, %wk, %wk, %wq, %g, %wf, %wf, %wd) : (!x, !attn.ragged<token>, !c, !w, !wk, !wk, !w, !g, !wf, !wf, !wd) -> (!x, !c)
  %b:2 = call @layer(%a#0, %rows, %c1, %wq, %wk, %wk, %wq, %g, %wf, %wf, %wd) : (!x, !attn.ragged<token>, !c, !w, !wk, !wk, !w, !g, !wf, !wf, !wd) -> (!x, !c)
  %r = attn.take_rows %b#0, %wanted : !x, tensor<?xi32, #attn.axes<[output]>> -> tensor<?x64xf32, #attn.axes<[output, model]>>
  %n = attn.norm rms %r weight(%g : !g) {eps = 1.0e-5} : tensor<?x64xf32, #attn.axes<[output, model]>>
  %l = attn.linear %n, %e : tensor<?x64xf32, #attn.axes<[output, model]>>, !attn.weight<[10, 64], f32> -> tensor<?x10xf32, #attn.axes<[output, vocab]>>
  return %l, %a#1, %b#1 : tensor<?x10xf32, #attn.axes<[output, vocab]>>, !c, !c
}
}
