// RUN: heed-opt %s --attn-form-linears | FileCheck %s

!x = tensor<?x64xf32, #attn.axes<[token, model]>>
!y = tensor<?x32xf32, #attn.axes<[token, model]>>

// CHECK-LABEL: @forms
// CHECK-SAME: (%[[X:.*]]: tensor<?x64xf32, {{.*}}, %[[W:.*]]: !attn.weight<[32, 64], q4_1>)
func.func @forms(%x: !x, %w: !attn.weight<[32, 64], q4_1>) -> !y {
  // CHECK-NEXT: %[[Y:.*]] = attn.fused_linear %[[X]], [%[[W]]] prologue {
  // CHECK-NEXT: ^bb0(%[[P:.*]]: tensor<?x64xf32
  // CHECK-NEXT:   attn.yield %[[P]]
  // CHECK-NEXT: } epilogue {
  // CHECK-NEXT: ^bb0(%[[E:.*]]: tensor<?x32xf32
  // CHECK-NEXT:   attn.yield %[[E]]
  // CHECK: return %[[Y]]
  // CHECK-NOT: attn.linear
  %y = attn.linear %x, %w : !x, !attn.weight<[32, 64], q4_1> -> !y
  return %y : !y
}
