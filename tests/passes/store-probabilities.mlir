// A decoder becomes a model of plain tensors that ends with the probabilities of one layer.
// RUN: heed-opt -attn-store-probabilities=layer=1 %s | FileCheck %s
// RUN: heed-opt -attn-store-probabilities=layer=1 %s | heed-oracle - --sizes token=5 --print | FileCheck %s --check-prefix=RUNS
// RUN: not heed-opt -attn-store-probabilities=layer=2 %s 2>&1 | FileCheck %s --check-prefix=NONE
// NONE: error: there is no layer 2: the model has 2 attentions, from layer 0 on

!x = tensor<?x8xf32, #attn.axes<[token, model]>>
!h = tensor<?x2x4xf32, #attn.axes<[token, heads, head]>>
!s = tensor<2x?x?xf32, #attn.axes<[heads, token, kv]>>
!c = !attn.cache<2 by 4, f32>
!w = !attn.weight<[8, 8], f32>

attn.declare @embed : !attn.weight<[11, 8], f32> from "random:1:embed"
attn.declare @positions : !attn.weight<[16, 8], f32> from "random:1:positions"
attn.declare @first : !w from "random:1:first"
attn.declare @second : !w from "random:1:second"
attn.declare @last : !attn.weight<[11, 8], f32> from "random:1:last"

// The layer before keeps its attention, and reads keys and values from where they are made.
// CHECK-LABEL: func.func private @layer(
// CHECK-SAME: %[[X:[^:]*]]: tensor<?x8xf32, {{[^>]*}}>>, %[[W:[^:]*]]: !attn.weight<[8, 8], f32>) -> tensor<?x8xf32
// CHECK: %[[K:.*]] = attn.rope{{ +}}halves %{{.*}} {axis = "token",
// CHECK-NOT: cache
// CHECK: attn.scores %[[K]], %[[K]] {kv_axis = "token", q_axis = "token", {{.*}} -> tensor<2x?x?xf32, #attn.axes<[heads, q, kv]>>
// CHECK: attn.mask %{{[0-9]*}} where
// CHECK: attn.combine %{{.*}}, %[[K]] {kv_axis = "token"}
// CHECK: return %{{[0-9]*}} : tensor<?x8xf32
func.func private @layer(%x: !x, %rows: !attn.ragged<token>, %cache: !c, %w: !w) -> (!x, !c) {
  %y = attn.linear %x, %w : !x, !w -> tensor<?x8xf32, #attn.axes<[token, heads_head]>>
  %split = attn.split_heads %y : tensor<?x8xf32, #attn.axes<[token, heads_head]>> -> !h
  %h = attn.rope halves %split rows(%rows : !attn.ragged<token>) {dims = 4 : i64, theta = 1.0e4 : f64} : !h
  %c = attn.cache_append %cache, %h, %h rows(%rows : <token>) : <2 by 4, f32>, !h, !h
  %s = attn.scores %h, %c q_rows(%rows : !attn.ragged<token>) {scale = 1.0 : f64, q_axis = "token", kv_axis = "kv"} : !h, !c -> !s
  %m = attn.mask %s rows(%rows : !attn.ragged<token>) where <(q, kv) : "q - kv >= 0"> : !s
  %p = attn.softmax %m over "kv" : !s
  %o = attn.combine %p, %c q_rows(%rows : !attn.ragged<token>) {kv_axis = "kv"} : !s, !c -> !h
  %z = attn.merge_heads %o : !h -> tensor<?x8xf32, #attn.axes<[token, heads_head]>>
  %out = attn.linear %z, %w : tensor<?x8xf32, #attn.axes<[token, heads_head]>>, !w -> !x
  return %out, %c : !x, !c
}

// What follows is gone, with its weights and inputs.
// CHECK-NOT: @last
// CHECK: func.func @run(%{{.*}}: tensor<?xi32, {{.*}}> {attn.name = "tokens", attn.role = "input"}) -> (tensor<2x?x?xf32, #attn.axes<[heads, q, kv]>> {attn.name = "probabilities"})
// CHECK: attn.position_embed %{{.*}}, %{{[0-9]*}} {axis = "token"}
// CHECK: call @layer(
// CHECK: %[[P:.*]] = call @layer_probabilities(
// CHECK-NEXT: return %[[P]]
// CHECK-LABEL: func.func private @layer_probabilities(
// CHECK: %[[P:.*]] = attn.softmax
// CHECK-NEXT: return %[[P]]
// Query 0 sees itself alone.
// RUNS: run probabilities: [heads=2, q=5, kv=5] {{\[\[\[}}1, 0, 0, 0, 0], [{{0[.].*}}, {{0[.].*}}, 0, 0, 0]
func.func @step(%tokens: tensor<?xi32, #attn.axes<[token]>> {attn.name = "tokens", attn.role = "tokens"},
                %rows: !attn.ragged<token> {attn.name = "rows", attn.role = "rows"},
                %wanted: tensor<?xi32, #attn.axes<[output]>> {attn.name = "wanted", attn.role = "wanted"},
                %cache0: !c {attn.role = "cache"}, %cache1: !c {attn.role = "cache"})
    -> (tensor<?x11xf32, #attn.axes<[output, vocab]>> {attn.name = "logits"}, !c, !c) attributes {attn.entry} {
  %embed = attn.handle @embed : <[11, 8], f32>
  %positions = attn.handle @positions : <[16, 8], f32>
  %first = attn.handle @first : <[8, 8], f32>
  %second = attn.handle @second : <[8, 8], f32>
  %last = attn.handle @last : <[11, 8], f32>
  %e = attn.embed %tokens, %embed : tensor<?xi32, #attn.axes<[token]>>, <[11, 8], f32> -> !x
  %x = attn.position_embed %e, %positions rows(%rows : !attn.ragged<token>) : !x, <[16, 8], f32> -> !x
  %a:2 = call @layer(%x, %rows, %cache0, %first) : (!x, !attn.ragged<token>, !c, !w) -> (!x, !c)
  %b:2 = call @layer(%a#0, %rows, %cache1, %second) : (!x, !attn.ragged<token>, !c, !w) -> (!x, !c)
  %rest = attn.take_rows %b#0, %wanted : !x, tensor<?xi32, #attn.axes<[output]>> -> tensor<?x8xf32, #attn.axes<[output, model]>>
  %logits = attn.linear %rest, %last : tensor<?x8xf32, #attn.axes<[output, model]>>, <[11, 8], f32> -> tensor<?x11xf32, #attn.axes<[output, vocab]>>
  return %logits, %a#1, %b#1 : tensor<?x11xf32, #attn.axes<[output, vocab]>>, !c, !c
}
