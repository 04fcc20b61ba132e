// RUN: heed-opt %s --attn-form-linears --attn-merge-linears --attn-fuse-epilogue --remarks-filter-missed=attn --verify-diagnostics | FileCheck %s
// RUN: heed-opt %s --attn-form-linears --attn-merge-linears --attn-fuse-epilogue --remarks-filter-passed=attn 2>&1 >/dev/null | FileCheck %s --check-prefix=PASSED
// PASSED: [Passed] fuse-epilogue | Category:attn | Remark="attn.bias joins the epilogue of the linear"
// PASSED-NEXT: attn.bias

!x = tensor<?x64xf32, #attn.axes<[token, model]>>
!w = !attn.weight<[64, 64], f32>
!b = !attn.weight<[64], f32>
!h = tensor<?x4x16xf32, #attn.axes<[token, kv_heads, head]>>
!c = !attn.cache<4 by 16, f32>

// CHECK-LABEL: @bias_activation_scale_residual
// CHECK-SAME: (%[[X:[a-z0-9]*]]: tensor<{{.*}}>, %[[R:[a-z0-9]*]]: tensor<{{.*}}>, %{{.*}}: !attn.weight<[64, 64], f32>, %[[B:.*]]: !attn.weight<[64], f32>)
func.func @bias_activation_scale_residual(%x: !x, %r: !x, %w: !w, %b: !b) -> !x {
  // CHECK-NEXT: %[[Y:.*]] = attn.fused_linear
  // CHECK: epilogue {
  // CHECK-NEXT: ^bb0(%[[P:.*]]: tensor
  // CHECK-NEXT:   %[[E0:.*]] = attn.bias %[[P]], %[[B]]
  // CHECK-NEXT:   %[[E1:.*]] = attn.activation gelu %[[E0]]
  // CHECK-NEXT:   %[[E2:.*]] = attn.scale %[[E1]] by
  // CHECK-NEXT:   %[[E3:.*]] = attn.add %[[R]], %[[E2]]
  // CHECK-NEXT:   attn.yield %[[E3]]
  // CHECK: return %[[Y]]
  %y = attn.linear %x, %w : !x, !w -> !x
  %z = attn.bias %y, %b : !x, !b
  %a = attn.activation gelu %z : !x
  %s = attn.scale %a by 0.5 : !x
  %o = attn.add %r, %s : !x
  return %o : !x
}

// CHECK-LABEL: @gate
func.func @gate(%x: !x, %wg: !w, %wu: !w) -> !x {
  // CHECK-NEXT: %[[Y:.*]] = attn.fused_linear
  // CHECK: epilogue {
  // CHECK-NEXT: ^bb0(%[[G:.*]]: tensor{{.*}}, %[[U:.*]]: tensor
  // CHECK-NEXT:   %[[A:.*]] = attn.activation silu %[[G]]
  // CHECK-NEXT:   %[[M:.*]] = attn.mul %[[A]], %[[U]]
  // CHECK-NEXT:   attn.yield %[[M]]
  // CHECK: return %[[Y]]
  %g = attn.linear %x, %wg : !x, !w -> !x
  %u = attn.linear %x, %wu : !x, !w -> !x
  %a = attn.activation silu %g : !x
  %m = attn.mul %a, %u : !x
  return %m : !x
}

// The cache is one of the results; q keeps its place.
// CHECK-LABEL: @split_rope_append
// CHECK-SAME: %[[C:[a-z0-9]*]]: !attn.cache<4 by 16, f32>
func.func @split_rope_append(%x: !x, %w: !w, %c: !c, %rows: !attn.ragged<token>) -> (!h, !c) {
  // CHECK-NEXT: %[[Y:.*]]:2 = attn.fused_linear
  // CHECK: epilogue {
  // CHECK-NEXT: ^bb0(%[[Q:.*]]: tensor{{.*}}, %[[K:.*]]: tensor{{.*}}, %[[V:.*]]: tensor
  // CHECK-DAG:    %[[QH:.*]] = attn.split_heads %[[Q]]
  // CHECK-DAG:    %[[QR:.*]] = attn.rope halves %[[QH]]
  // CHECK-DAG:    %[[KH:.*]] = attn.split_heads %[[K]]
  // CHECK-DAG:    %[[KR:.*]] = attn.rope halves %[[KH]]
  // CHECK-DAG:    %[[VH:.*]] = attn.split_heads %[[V]]
  // CHECK:        %[[A:.*]] = attn.cache_append %[[C]], %[[KR]], %[[VH]]
  // CHECK-NEXT:   attn.yield %[[QR]], %[[A]]
  // CHECK: return %[[Y]]#0, %[[Y]]#1
  %q = attn.linear %x, %w : !x, !w -> !x
  %k = attn.linear %x, %w : !x, !w -> !x
  %v = attn.linear %x, %w : !x, !w -> !x
  %qh = attn.split_heads %q : !x -> !h
  %kh = attn.split_heads %k : !x -> !h
  %vh = attn.split_heads %v : !x -> !h
  %qr = attn.rope halves %qh rows(%rows : !attn.ragged<token>) {theta = 1.0e4, dims = 16} : !h
  %kr = attn.rope halves %kh rows(%rows : !attn.ragged<token>) {theta = 1.0e4, dims = 16} : !h
  %a = attn.cache_append %c, %kr, %vh rows(%rows : !attn.ragged<token>) : !c, !h, !h
  return %qr, %a : !h, !c
}

// The linear moves down to where its other operand is ready.
// CHECK-LABEL: @sinks_to_its_other_operand
func.func @sinks_to_its_other_operand(%x: !x, %z: !x, %w: !w) -> !x {
  // CHECK-NEXT: %[[N:.*]] = attn.norm
  // CHECK-NEXT: attn.fused_linear
  // CHECK: attn.add %{{.*}}, %[[N]]
  %y = attn.linear %x, %w : !x, !w -> !x
  %n = attn.norm rms %z {eps = 1.0e-5} : !x
  %o = attn.add %y, %n : !x
  return %o : !x
}

// merge_heads is a view before the linear, and stays one after it.
// CHECK-LABEL: @merge_heads_stays
func.func @merge_heads_stays(%h: tensor<?x4x16xf32, #attn.axes<[token, heads, head]>>, %w: !w) -> !x {
  // CHECK-NEXT: attn.merge_heads
  // CHECK-NEXT: attn.fused_linear
  %x = attn.merge_heads %h : tensor<?x4x16xf32, #attn.axes<[token, heads, head]>> -> !x
  %y = attn.linear %x, %w : !x, !w -> !x
  return %y : !x
}

// CHECK-LABEL: @declines_result_used_elsewhere
func.func @declines_result_used_elsewhere(%x: !x, %r: !x, %w: !w) -> (!x, !x) {
  // CHECK: attn.fused_linear
  // CHECK: attn.add
  %y = attn.linear %x, %w : !x, !w -> !x
  // expected-remark@below {{[Missed] fuse-epilogue | Category:attn | Remark="attn.add stays outside the linear: the linear's result is used elsewhere too"}}
  %o = attn.add %r, %y : !x
  return %o, %y : !x, !x
}

// CHECK-LABEL: @declines_operand_made_late
func.func @declines_operand_made_late(%x: !x, %w: !w) -> !x {
  // CHECK: attn.fused_linear
  // CHECK: attn.norm
  // CHECK: attn.add
  // CHECK: attn.mul
  %a = attn.linear %x, %w : !x, !w -> !x
  %b = attn.linear %x, %w : !x, !w -> !x
  %n = attn.norm rms %a {eps = 1.0e-5} : !x
  // expected-remark@below {{attn.add stays outside the linear: another operand is made after the linear's other results are used}}
  %o = attn.add %b, %n : !x
  %p = attn.mul %o, %n : !x
  return %p : !x
}
