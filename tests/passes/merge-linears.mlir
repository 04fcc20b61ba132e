// RUN: heed-opt %s --attn-form-linears --attn-merge-linears --remarks-filter=attn --verify-diagnostics | FileCheck %s

!x = tensor<?x64xf32, #attn.axes<[token, model]>>
!y = tensor<?x32xf32, #attn.axes<[token, model]>>
!w = !attn.weight<[64, 64], q4_1>
!n = !attn.weight<[32, 64], q8_0>

attn.declare @late : !n from "late"

// CHECK-LABEL: @merges_qkv
// CHECK-SAME: (%[[X:.*]]: tensor<?x64xf32, {{.*}}>, %[[Q:.*]]: !attn.weight<[64, 64], q4_1>, %[[K:.*]]: !attn.weight<[32, 64], q8_0>, %[[V:.*]]: !attn.weight<[32, 64], q8_0>)
func.func @merges_qkv(%x: !x, %wq: !w, %wk: !n, %wv: !n) -> (!x, !y, !y) {
  // CHECK-NEXT: %[[Y:.*]]:3 = attn.fused_linear %[[X]], [%[[Q]], %[[K]], %[[V]]] prologue {
  // CHECK: epilogue {
  // CHECK-NEXT: ^bb0(%[[A:.*]]: tensor<?x64xf32, {{.*}}, %[[B:.*]]: tensor<?x32xf32, {{.*}}, %[[C:.*]]: tensor<?x32xf32
  // CHECK-NEXT: attn.yield %[[A]], %[[B]], %[[C]]
  // CHECK-NOT: attn.fused_linear
  // CHECK: return %[[Y]]#0, %[[Y]]#1, %[[Y]]#2
  // expected-remark@below {{[Passed] merge-linears | Category:attn | Remark="3 linears of one input are one"}}
  %q = attn.linear %x, %wq : !x, !w -> !x
  %k = attn.linear %x, %wk : !x, !n -> !y
  %v = attn.linear %x, %wv : !x, !n -> !y
  return %q, %k, %v : !x, !y, !y
}

// A result may be used before a later linear of the group; a handle moves up to the first.
// CHECK-LABEL: @merges_over_a_use_and_moves_handles
func.func @merges_over_a_use_and_moves_handles(%x: !x, %wq: !w) -> (!x, !y) {
  // CHECK-NEXT: %[[H:.*]] = attn.handle @late
  // CHECK-NEXT: %[[Y:.*]]:2 = attn.fused_linear
  // CHECK: attn.activation silu %[[Y]]#0
  // expected-remark@below {{2 linears of one input are one}}
  %q = attn.linear %x, %wq : !x, !w -> !x
  %a = attn.activation silu %q : !x
  %wk = attn.handle @late : !n
  %k = attn.linear %x, %wk : !x, !n -> !y
  return %a, %k : !x, !y
}

// CHECK-LABEL: @leaves_other_inputs
func.func @leaves_other_inputs(%x: !x, %z: !x, %w: !w) -> (!x, !x) {
  // CHECK: attn.fused_linear
  // CHECK: attn.fused_linear
  %a = attn.linear %x, %w : !x, !w -> !x
  %b = attn.linear %z, %w : !x, !w -> !x
  return %a, %b : !x, !x
}

// CHECK-LABEL: @declines_a_weight_made_later
func.func @declines_a_weight_made_later(%x: !x, %w: !w) -> (!x, !x) {
  // CHECK: attn.fused_linear
  // CHECK: builtin.unrealized_conversion_cast
  // CHECK: attn.fused_linear
  %a = attn.linear %x, %w : !x, !w -> !x
  %later = builtin.unrealized_conversion_cast %w : !w to !w
  // expected-remark@below {{[Missed] merge-linears | Category:attn | Remark="not merged with the other linears of this input: its weight is made later"}}
  %b = attn.linear %x, %later : !x, !w -> !x
  return %a, %b : !x, !x
}
