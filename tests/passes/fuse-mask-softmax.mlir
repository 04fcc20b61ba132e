// RUN: heed-opt %s --attn-fuse-mask-softmax --remarks-filter=attn --verify-diagnostics | FileCheck %s

#scores = #attn.axes<[heads, q, kv]>

// CHECK-LABEL: @fuses
// CHECK-SAME: (%[[S:.*]]: tensor<4x8x8xf32
func.func @fuses(%s: tensor<4x8x8xf32, #scores>) -> tensor<4x8x8xf32, #scores> {
  // CHECK-NEXT: %[[P:.*]] = attn.masked_softmax %[[S]] mask <(q, kv) : "q - kv >= 0"> over "kv"
  // CHECK-NEXT: return %[[P]]
  %m = attn.mask %s where <(q, kv) : "q - kv >= 0"> : tensor<4x8x8xf32, #scores>
  // expected-remark@below {{[Passed] fuse-mask-softmax | Category:attn | Remark="mask and softmax are one pass"}}
  %p = attn.softmax %m over "kv" : tensor<4x8x8xf32, #scores>
  return %p : tensor<4x8x8xf32, #scores>
}

// Rows, tables and sinks are kept.
// CHECK-LABEL: @keeps_operands
// CHECK-SAME: (%[[S:.*]]: tensor<4x?x?xf32{{.*}}, %[[ROWS:.*]]: !attn.ragged<token>, %[[DOC:.*]]: tensor<?xi32, {{.*}}>, %[[SINKS:.*]]: !attn.weight<[4], f32>)
func.func @keeps_operands(%s: tensor<4x?x?xf32, #attn.axes<[heads, token, kv]>>, %rows: !attn.ragged<token>,
                          %doc: tensor<?xi32, #attn.axes<[token]>>, %sinks: !attn.weight<[4], f32>)
    -> tensor<4x?x?xf32, #attn.axes<[heads, token, kv]>> {
  // CHECK-NEXT: attn.masked_softmax %[[S]] rows(%[[ROWS]] : !attn.ragged<token>) sinks(%[[SINKS]] : !attn.weight<[4], f32>) tables(%[[DOC]] : {{.*}}) mask <(q, kv)[dq : doc[q], dk : doc[kv]] : "dq - dk == 0"> over "kv" {table_names = ["doc"]}
  // CHECK-NOT: attn.mask
  %m = attn.mask %s rows(%rows : !attn.ragged<token>) tables(%doc : tensor<?xi32, #attn.axes<[token]>>)
      where <(q, kv)[dq : doc[q], dk : doc[kv]] : "dq - dk == 0"> {table_names = ["doc"]}
      : tensor<4x?x?xf32, #attn.axes<[heads, token, kv]>>
  // expected-remark@below {{mask and softmax are one pass}}
  %p = attn.softmax %m sinks(%sinks : !attn.weight<[4], f32>) over "kv" : tensor<4x?x?xf32, #attn.axes<[heads, token, kv]>>
  return %p : tensor<4x?x?xf32, #attn.axes<[heads, token, kv]>>
}

// CHECK-LABEL: @declines_masked_scores_used_elsewhere
func.func @declines_masked_scores_used_elsewhere(%s: tensor<4x8x8xf32, #scores>)
    -> (tensor<4x8x8xf32, #scores>, tensor<4x8x8xf32, #scores>) {
  // CHECK: %[[M:.*]] = attn.mask
  // CHECK: attn.softmax %[[M]]
  %m = attn.mask %s where <(q, kv) : "q - kv >= 0"> : tensor<4x8x8xf32, #scores>
  // expected-remark@below {{[Missed] fuse-mask-softmax | Category:attn | Remark="mask and softmax stay apart: the masked scores are used elsewhere"}}
  %p = attn.softmax %m over "kv" : tensor<4x8x8xf32, #scores>
  return %p, %m : tensor<4x8x8xf32, #scores>, tensor<4x8x8xf32, #scores>
}

// A softmax without a mask is no business of this pass.
// CHECK-LABEL: @leaves_plain_softmax
func.func @leaves_plain_softmax(%s: tensor<4x8x8xf32, #scores>) -> tensor<4x8x8xf32, #scores> {
  // CHECK-NEXT: attn.softmax
  %p = attn.softmax %s over "kv" : tensor<4x8x8xf32, #scores>
  return %p : tensor<4x8x8xf32, #scores>
}
