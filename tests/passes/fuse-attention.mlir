// RUN: heed-opt %s --attn-fuse-attention --remarks-filter=attn --verify-diagnostics | FileCheck %s

#q = #attn.axes<[heads, q, head]>
#kv = #attn.axes<[kv_heads, kv, head]>
#s = #attn.axes<[heads, q, kv]>
!q = tensor<4x8x16xf32, #q>
!kv = tensor<2x8x16xf32, #kv>
!s = tensor<4x8x8xf32, #s>

// CHECK-LABEL: @fuses_tensors
// CHECK-SAME: (%[[Q:.*]]: tensor<4x8x16xf32, {{.*}}, %[[K:.*]]: tensor<2x8x16xf32, {{.*}}, %[[V:.*]]: tensor<2x8x16xf32
func.func @fuses_tensors(%q: !q, %k: !kv, %v: !kv) -> !q {
  // CHECK-NEXT: %[[O:.*]] = attn.attention %[[Q]], %[[K]], %[[V]] mask <(q, kv) : "q - kv >= 0"> {kv_axis = "kv", q_axis = "q", scale = 2.500000e-01 : f64}
  // CHECK-NEXT: return %[[O]]
  %s = attn.scores %q, %k {scale = 0.25, q_axis = "q", kv_axis = "kv"} : !q, !kv -> !s
  %p = attn.masked_softmax %s mask <(q, kv) : "q - kv >= 0"> over "kv" : !s
  // expected-remark@below {{[Passed] fuse-attention | Category:attn | Remark="attention is one pass with an online softmax"}}
  %o = attn.combine %p, %v {kv_axis = "kv"} : !s, !kv -> !q
  return %o : !q
}

// CHECK-LABEL: @plain_softmax_allows_all
func.func @plain_softmax_allows_all(%q: !q, %k: !kv, %v: !kv, %sinks: !attn.weight<[4], f32>) -> !q {
  // CHECK-NEXT: attn.attention {{.*}} sinks({{.*}}) mask <(q, kv) : "">
  %s = attn.scores %q, %k {scale = 0.25, q_axis = "q", kv_axis = "kv"} : !q, !kv -> !s
  %p = attn.softmax %s sinks(%sinks : !attn.weight<[4], f32>) over "kv" : !s
  // expected-remark@below {{attention is one pass}}
  %o = attn.combine %p, %v {kv_axis = "kv"} : !s, !kv -> !q
  return %o : !q
}

// Keys and values of one cache; the rules run in their order inside the attention.
// CHECK-LABEL: @fuses_cache_and_rules
// CHECK-SAME: %[[Q:[a-z0-9]*]]: tensor<?x4x16xf32, {{.*}}, %[[CACHE:[a-z0-9]*]]: !attn.cache<2 by 16, f32>, %[[ROWS:[a-z0-9]*]]: !attn.ragged<token>, %[[SLOPE:[a-z0-9]*]]: !attn.weight
func.func @fuses_cache_and_rules(%q: tensor<?x4x16xf32, #attn.axes<[token, heads, head]>>, %c: !attn.cache<2 by 16, f32>,
                                 %rows: !attn.ragged<token>, %slope: !attn.weight<[4], f32>)
    -> tensor<?x4x16xf32, #attn.axes<[token, heads, head]>> {
  // CHECK-NEXT: attn.attention %[[Q]], %[[CACHE]], %[[CACHE]] q_rows(%[[ROWS]] : !attn.ragged<token>) mask <(q, kv) : "q - kv >= 0"> score {
  // CHECK-NEXT: ^bb0(%[[S:.*]]: f32, %{{.*}}: index, %{{.*}}: index, %[[H:.*]]: index, %{{.*}}: index):
  // CHECK-NEXT:   %[[T:.*]] = math.tanh %[[S]]
  // CHECK-NEXT:   %[[L:.*]] = attn.lookup %[[SLOPE]][%[[H]]]
  // CHECK-NEXT:   %[[A:.*]] = arith.addf %[[T]], %[[L]]
  // CHECK-NEXT:   attn.yield %[[A]] : f32
  // CHECK-NEXT: } {kv_axis = "kv", q_axis = "token"
  %s = attn.scores %q, %c q_rows(%rows : !attn.ragged<token>) {scale = 0.25, q_axis = "token", kv_axis = "kv"}
      : tensor<?x4x16xf32, #attn.axes<[token, heads, head]>>, !attn.cache<2 by 16, f32> -> tensor<4x?x?xf32, #attn.axes<[heads, token, kv]>>
  %s1 = attn.score_map %s rows(%rows : !attn.ragged<token>) {
  ^bb0(%a: f32, %qi: index, %ki: index, %h: index, %b: index):
    %t = math.tanh %a : f32
    attn.yield %t : f32
  } : tensor<4x?x?xf32, #attn.axes<[heads, token, kv]>>
  %s2 = attn.score_map %s1 rows(%rows : !attn.ragged<token>) {
  ^bb0(%a: f32, %qi: index, %ki: index, %h: index, %b: index):
    %l = attn.lookup %slope[%h] : !attn.weight<[4], f32>
    %t = arith.addf %a, %l : f32
    attn.yield %t : f32
  } : tensor<4x?x?xf32, #attn.axes<[heads, token, kv]>>
  %p = attn.masked_softmax %s2 rows(%rows : !attn.ragged<token>) mask <(q, kv) : "q - kv >= 0"> over "kv" : tensor<4x?x?xf32, #attn.axes<[heads, token, kv]>>
  // expected-remark@below {{attention is one pass with an online softmax, its score rule inside}}
  %o = attn.combine %p, %c q_rows(%rows : !attn.ragged<token>) {kv_axis = "kv"}
      : tensor<4x?x?xf32, #attn.axes<[heads, token, kv]>>, !attn.cache<2 by 16, f32> -> tensor<?x4x16xf32, #attn.axes<[token, heads, head]>>
  return %o : tensor<?x4x16xf32, #attn.axes<[token, heads, head]>>
}

// Queries of one ragged axis, keys of another (a decoder looks at an encoder).
// CHECK-LABEL: @fuses_two_ragged_axes
func.func @fuses_two_ragged_axes(%q: tensor<?x4x16xf32, #attn.axes<[token, heads, head]>>, %kv: tensor<?x4x16xf32, #attn.axes<[source, heads, head]>>,
                                 %rows: !attn.ragged<token>, %source: !attn.ragged<source>) -> tensor<?x4x16xf32, #attn.axes<[token, heads, head]>> {
  // CHECK-NEXT: attn.attention {{.*}} q_rows({{.*}}) kv_rows({{.*}}) mask <(q, kv) : ""> {kv_axis = "source", q_axis = "token"
  %s = attn.scores %q, %kv q_rows(%rows : !attn.ragged<token>) kv_rows(%source : !attn.ragged<source>) {scale = 0.25, q_axis = "token", kv_axis = "source"}
      : tensor<?x4x16xf32, #attn.axes<[token, heads, head]>>, tensor<?x4x16xf32, #attn.axes<[source, heads, head]>> -> tensor<4x?x?xf32, #attn.axes<[heads, token, kv]>>
  %p = attn.softmax %s over "kv" : tensor<4x?x?xf32, #attn.axes<[heads, token, kv]>>
  // expected-remark@below {{attention is one pass}}
  %o = attn.combine %p, %kv q_rows(%rows : !attn.ragged<token>) kv_rows(%source : !attn.ragged<source>) {kv_axis = "source"}
      : tensor<4x?x?xf32, #attn.axes<[heads, token, kv]>>, tensor<?x4x16xf32, #attn.axes<[source, heads, head]>> -> tensor<?x4x16xf32, #attn.axes<[token, heads, head]>>
  return %o : tensor<?x4x16xf32, #attn.axes<[token, heads, head]>>
}

// CHECK-LABEL: @declines_probabilities_used_elsewhere
func.func @declines_probabilities_used_elsewhere(%q: !q, %k: !kv, %v: !kv) -> (!q, !s) {
  // CHECK: attn.scores
  // CHECK: attn.masked_softmax
  // CHECK: attn.combine
  %s = attn.scores %q, %k {scale = 0.25, q_axis = "q", kv_axis = "kv"} : !q, !kv -> !s
  %p = attn.masked_softmax %s mask <(q, kv) : "q - kv >= 0"> over "kv" : !s
  // expected-remark@below {{[Missed] fuse-attention | Category:attn | Remark="attention is not fused, scores are stored: the probabilities are used elsewhere"}}
  %o = attn.combine %p, %v {kv_axis = "kv"} : !s, !kv -> !q
  return %o, %p : !q, !s
}

// CHECK-LABEL: @declines_scores_used_elsewhere
func.func @declines_scores_used_elsewhere(%q: !q, %k: !kv, %v: !kv) -> (!q, !s) {
  // CHECK: attn.combine
  %s = attn.scores %q, %k {scale = 0.25, q_axis = "q", kv_axis = "kv"} : !q, !kv -> !s
  %p = attn.softmax %s over "kv" : !s
  // expected-remark@below {{the scores are used elsewhere}}
  %o = attn.combine %p, %v {kv_axis = "kv"} : !s, !kv -> !q
  return %o, %s : !q, !s
}

// CHECK-LABEL: @declines_ruled_scores_used_elsewhere
func.func @declines_ruled_scores_used_elsewhere(%q: !q, %k: !kv, %v: !kv) -> (!q, !s) {
  // CHECK: attn.combine
  %s = attn.scores %q, %k {scale = 0.25, q_axis = "q", kv_axis = "kv"} : !q, !kv -> !s
  %r = attn.score_map %s {
  ^bb0(%a: f32, %qi: index, %ki: index, %h: index, %b: index):
    attn.yield %a : f32
  } : !s
  %p = attn.softmax %r over "kv" : !s
  // expected-remark@below {{the scores after a rule are used elsewhere}}
  %o = attn.combine %p, %v {kv_axis = "kv"} : !s, !kv -> !q
  return %o, %r : !q, !s
}

// CHECK-LABEL: @declines_mask_apart
func.func @declines_mask_apart(%q: !q, %k: !kv, %v: !kv) -> !q {
  // CHECK: attn.mask
  // CHECK: attn.combine
  %s = attn.scores %q, %k {scale = 0.25, q_axis = "q", kv_axis = "kv"} : !q, !kv -> !s
  %m = attn.mask %s where <(q, kv) : "q - kv >= 0"> : !s
  %p = attn.softmax %m over "kv" : !s
  // expected-remark@below {{the mask stands apart from its softmax}}
  %o = attn.combine %p, %v {kv_axis = "kv"} : !s, !kv -> !q
  return %o : !q
}

// CHECK-LABEL: @declines_given_probabilities
func.func @declines_given_probabilities(%p: !s, %v: !kv) -> !q {
  // CHECK-NEXT: attn.combine
  // expected-remark@below {{the weights do not come from a softmax}}
  %o = attn.combine %p, %v {kv_axis = "kv"} : !s, !kv -> !q
  return %o : !q
}

// CHECK-LABEL: @declines_given_scores
func.func @declines_given_scores(%s: !s, %v: !kv) -> !q {
  // CHECK: attn.combine
  %p = attn.softmax %s over "kv" : !s
  // expected-remark@below {{the softmax is not of scores}}
  %o = attn.combine %p, %v {kv_axis = "kv"} : !s, !kv -> !q
  return %o : !q
}

// CHECK-LABEL: @declines_two_caches
func.func @declines_two_caches(%q: tensor<?x4x16xf32, #attn.axes<[token, heads, head]>>, %c: !attn.cache<2 by 16, f32>, %d: !attn.cache<2 by 16, f32>,
                               %rows: !attn.ragged<token>) -> tensor<?x4x16xf32, #attn.axes<[token, heads, head]>> {
  // CHECK: attn.combine
  %s = attn.scores %q, %c q_rows(%rows : !attn.ragged<token>) {scale = 0.25, q_axis = "token", kv_axis = "kv"}
      : tensor<?x4x16xf32, #attn.axes<[token, heads, head]>>, !attn.cache<2 by 16, f32> -> tensor<4x?x?xf32, #attn.axes<[heads, token, kv]>>
  %p = attn.softmax %s over "kv" : tensor<4x?x?xf32, #attn.axes<[heads, token, kv]>>
  // expected-remark@below {{keys and values lie in different caches}}
  %o = attn.combine %p, %d q_rows(%rows : !attn.ragged<token>) {kv_axis = "kv"}
      : tensor<4x?x?xf32, #attn.axes<[heads, token, kv]>>, !attn.cache<2 by 16, f32> -> tensor<?x4x16xf32, #attn.axes<[token, heads, head]>>
  return %o : tensor<?x4x16xf32, #attn.axes<[token, heads, head]>>
}

// CHECK-LABEL: @declines_other_rows
func.func @declines_other_rows(%q: tensor<?x4x16xf32, #attn.axes<[token, heads, head]>>, %c: !attn.cache<2 by 16, f32>,
                               %rows: !attn.ragged<token>, %others: !attn.ragged<token>) -> tensor<?x4x16xf32, #attn.axes<[token, heads, head]>> {
  // CHECK: attn.combine
  %s = attn.scores %q, %c q_rows(%rows : !attn.ragged<token>) {scale = 0.25, q_axis = "token", kv_axis = "kv"}
      : tensor<?x4x16xf32, #attn.axes<[token, heads, head]>>, !attn.cache<2 by 16, f32> -> tensor<4x?x?xf32, #attn.axes<[heads, token, kv]>>
  %p = attn.masked_softmax %s rows(%others : !attn.ragged<token>) mask <(q, kv) : "q - kv >= 0"> over "kv" : tensor<4x?x?xf32, #attn.axes<[heads, token, kv]>>
  // expected-remark@below {{the mask takes its positions from other rows}}
  %o = attn.combine %p, %c q_rows(%rows : !attn.ragged<token>) {kv_axis = "kv"}
      : tensor<4x?x?xf32, #attn.axes<[heads, token, kv]>>, !attn.cache<2 by 16, f32> -> tensor<?x4x16xf32, #attn.axes<[token, heads, head]>>
  return %o : tensor<?x4x16xf32, #attn.axes<[token, heads, head]>>
}

// CHECK-LABEL: @declines_a_rule_of_other_rows
func.func @declines_a_rule_of_other_rows(%q: tensor<?x4x16xf32, #attn.axes<[token, heads, head]>>, %c: !attn.cache<2 by 16, f32>,
                                         %rows: !attn.ragged<token>, %others: !attn.ragged<token>) -> tensor<?x4x16xf32, #attn.axes<[token, heads, head]>> {
  // CHECK: attn.combine
  %s = attn.scores %q, %c q_rows(%rows : !attn.ragged<token>) {scale = 0.25, q_axis = "token", kv_axis = "kv"}
      : tensor<?x4x16xf32, #attn.axes<[token, heads, head]>>, !attn.cache<2 by 16, f32> -> tensor<4x?x?xf32, #attn.axes<[heads, token, kv]>>
  %r = attn.score_map %s rows(%others : !attn.ragged<token>) {
  ^bb0(%a: f32, %qi: index, %ki: index, %h: index, %b: index):
    attn.yield %a : f32
  } : tensor<4x?x?xf32, #attn.axes<[heads, token, kv]>>
  %p = attn.softmax %r over "kv" : tensor<4x?x?xf32, #attn.axes<[heads, token, kv]>>
  // expected-remark@below {{a score rule takes its positions from other rows}}
  %o = attn.combine %p, %c q_rows(%rows : !attn.ragged<token>) {kv_axis = "kv"}
      : tensor<4x?x?xf32, #attn.axes<[heads, token, kv]>>, !attn.cache<2 by 16, f32> -> tensor<?x4x16xf32, #attn.axes<[token, heads, head]>>
  return %o : tensor<?x4x16xf32, #attn.axes<[token, heads, head]>>
}

// CHECK-LABEL: @declines_values_of_other_rows
func.func @declines_values_of_other_rows(%q: tensor<?x4x16xf32, #attn.axes<[token, heads, head]>>, %c: !attn.cache<2 by 16, f32>,
                                         %rows: !attn.ragged<token>, %others: !attn.ragged<token>) -> tensor<?x4x16xf32, #attn.axes<[token, heads, head]>> {
  // CHECK: attn.combine
  %s = attn.scores %q, %c q_rows(%rows : !attn.ragged<token>) {scale = 0.25, q_axis = "token", kv_axis = "kv"}
      : tensor<?x4x16xf32, #attn.axes<[token, heads, head]>>, !attn.cache<2 by 16, f32> -> tensor<4x?x?xf32, #attn.axes<[heads, token, kv]>>
  %p = attn.softmax %s over "kv" : tensor<4x?x?xf32, #attn.axes<[heads, token, kv]>>
  // expected-remark@below {{scores and values differ in their rows}}
  %o = attn.combine %p, %c q_rows(%others : !attn.ragged<token>) {kv_axis = "kv"}
      : tensor<4x?x?xf32, #attn.axes<[heads, token, kv]>>, !attn.cache<2 by 16, f32> -> tensor<?x4x16xf32, #attn.axes<[token, heads, head]>>
  return %o : tensor<?x4x16xf32, #attn.axes<[token, heads, head]>>
}

// CHECK-LABEL: @declines_values_along_another_axis
func.func @declines_values_along_another_axis(%q: !q, %k: !kv, %v: tensor<2x8x16xf32, #attn.axes<[kv_heads, other, head]>>) -> !q {
  // CHECK: attn.combine
  %s = attn.scores %q, %k {scale = 0.25, q_axis = "q", kv_axis = "kv"} : !q, !kv -> !s
  %p = attn.softmax %s over "kv" : !s
  // expected-remark@below {{scores and values differ in their key axis}}
  %o = attn.combine %p, %v {kv_axis = "other"} : !s, tensor<2x8x16xf32, #attn.axes<[kv_heads, other, head]>> -> !q
  return %o : !q
}

// CHECK-LABEL: @declines_another_result
func.func @declines_another_result(%q: !q, %k: !kv, %v: !kv) -> tensor<8x4x16xf32, #attn.axes<[q, heads, head]>> {
  // CHECK: attn.combine
  %s = attn.scores %q, %k {scale = 0.25, q_axis = "q", kv_axis = "kv"} : !q, !kv -> !s
  %p = attn.softmax %s over "kv" : !s
  // expected-remark@below {{the result's axes are not those of q}}
  %o = attn.combine %p, %v {kv_axis = "kv"} : !s, !kv -> tensor<8x4x16xf32, #attn.axes<[q, heads, head]>>
  return %o : tensor<8x4x16xf32, #attn.axes<[q, heads, head]>>
}
