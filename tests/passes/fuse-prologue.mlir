// RUN: heed-opt %s --attn-form-linears --attn-fuse-prologue --remarks-filter=attn --verify-diagnostics | FileCheck %s

!x = tensor<?x64xf32, #attn.axes<[token, model]>>
!w = !attn.weight<[64, 64], q4_1>
!g = !attn.weight<[64], f32>

// CHECK-LABEL: @fuses
// CHECK-SAME: (%[[X:.*]]: tensor<{{.*}}>, %[[W:.*]]: !attn.weight<[64, 64], q4_1>, %[[G:.*]]: !attn.weight<[64], f32>)
func.func @fuses(%x: !x, %w: !w, %g: !g) -> !x {
  // CHECK-NEXT: attn.fused_linear %[[X]], [%[[W]]] prologue {
  // CHECK-NEXT: ^bb0(%[[P:.*]]: tensor<
  // CHECK-NEXT:   %[[N:.*]] = attn.norm rms %[[P]] weight(%[[G]] : !attn.weight<[64], f32>) {eps = 1.000000e-05 : f64}
  // CHECK-NEXT:   attn.yield %[[N]]
  // CHECK-NEXT: } epilogue {
  // expected-remark@below {{[Passed] fuse-prologue | Category:attn | Remark="the norm is the prologue of the linear that reads it"}}
  %n = attn.norm rms %x weight(%g : !g) {eps = 1.0e-5} : !x
  %y = attn.linear %n, %w : !x, !w -> !x
  return %y : !x
}

// Each linear norms its rows itself: cheaper than storing them.
// CHECK-LABEL: @fuses_into_each
func.func @fuses_into_each(%x: !x, %w: !w, %g: !g) -> (!x, !x) {
  // CHECK: attn.fused_linear
  // CHECK: attn.norm
  // CHECK: attn.fused_linear
  // CHECK: attn.norm
  // expected-remark@below {{the norm is the prologue of the linears that read it}}
  %n = attn.norm layer %x weight(%g : !g) bias(%g : !g) {eps = 1.0e-5} : !x
  %y = attn.linear %n, %w : !x, !w -> !x
  %z = attn.linear %n, %w : !x, !w -> !x
  return %y, %z : !x, !x
}

// As in BERT, whose residual adds what was normed.
// CHECK-LABEL: @declines_norm_used_elsewhere
func.func @declines_norm_used_elsewhere(%x: !x, %w: !w, %g: !g) -> !x {
  // CHECK-NEXT: %[[N:.*]] = attn.norm
  // CHECK-NEXT: attn.fused_linear %[[N]]
  // expected-remark@below {{[Missed] fuse-prologue | Category:attn | Remark="the norm stays apart: not only linears read the normalised rows"}}
  %n = attn.norm rms %x weight(%g : !g) {eps = 1.0e-5} : !x
  %y = attn.linear %n, %w : !x, !w -> !x
  %z = attn.add %n, %y : !x
  return %z : !x
}

// CHECK-LABEL: @leaves_norm_without_linear
func.func @leaves_norm_without_linear(%x: !x) -> !x {
  // CHECK-NEXT: attn.norm
  %n = attn.norm rms %x {eps = 1.0e-5} : !x
  return %n : !x
}

// A second norm finds the prologue taken.
// CHECK-LABEL: @takes_one_norm
func.func @takes_one_norm(%x: !x, %w: !w) -> !x {
  // CHECK-NEXT: %[[N:.*]] = attn.norm rms
  // CHECK-NEXT: attn.fused_linear %[[N]]
  // CHECK: attn.norm layer
  %n = attn.norm rms %x {eps = 1.0e-5} : !x
  // expected-remark@below {{the norm is the prologue}}
  %m = attn.norm layer %n {eps = 1.0e-5} : !x
  %y = attn.linear %m, %w : !x, !w -> !x
  return %y : !x
}
