// RUN: heed-opt %s --attn-form-linears --attn-store-bf16 | FileCheck %s

!x = tensor<?x64xf32, #attn.axes<[token, model]>>

// CHECK-DAG: attn.declare @first : !attn.weight<[64, 64], bf16>
// CHECK-DAG: attn.declare @second : !attn.weight<[64, 64], bf16>
attn.declare @first : !attn.weight<[64, 64], f32> from "first"
attn.declare @second : !attn.weight<[64, 64], f32> from "second"
// Read as it is by a gather of rows, too.
// CHECK-DAG: attn.declare @table : !attn.weight<[64, 64], f32>
attn.declare @table : !attn.weight<[64, 64], f32> from "table"
// A layer takes it in the place of one that is read as it is.
// CHECK-DAG: attn.declare @beside : !attn.weight<[64, 64], f32>
attn.declare @beside : !attn.weight<[64, 64], f32> from "beside"
// No pairs, no matrix, already short.
// CHECK-DAG: attn.declare @odd : !attn.weight<[64, 63], f32>
// CHECK-DAG: attn.declare @norm : !attn.weight<[64], f32>
// CHECK-DAG: attn.declare @short : !attn.weight<[64, 64], q4_1>
attn.declare @odd : !attn.weight<[64, 63], f32> from "odd"
attn.declare @norm : !attn.weight<[64], f32> from "norm"
attn.declare @short : !attn.weight<[64, 64], q4_1> from "short"

// CHECK-LABEL: @layer
// CHECK-SAME: !attn.weight<[64, 64], bf16>
func.func private @layer(%x: !x, %w: !attn.weight<[64, 64], f32>) -> !x {
  %y = attn.linear %x, %w : !x, !attn.weight<[64, 64], f32> -> !x
  return %y : !x
}
// CHECK-LABEL: @tied
// CHECK-SAME: !attn.weight<[64, 64], f32>
func.func private @tied(%x: !x, %w: !attn.weight<[64, 64], f32>) -> !x {
  %y = attn.linear %x, %w : !x, !attn.weight<[64, 64], f32> -> !x
  return %y : !x
}

// CHECK-LABEL: @step
func.func @step(%ids: tensor<?xi32, #attn.axes<[token]>>, %narrow: tensor<?x63xf32, #attn.axes<[token, inner]>>)
    -> (!x, !x) attributes {attn.entry} {
  %table = attn.handle @table : <[64, 64], f32>
  %first = attn.handle @first : <[64, 64], f32>
  %second = attn.handle @second : <[64, 64], f32>
  %beside = attn.handle @beside : <[64, 64], f32>
  %odd = attn.handle @odd : <[64, 63], f32>
  %norm = attn.handle @norm : <[64], f32>
  %short = attn.handle @short : <[64, 64], q4_1>
  %0 = attn.embed %ids, %table : tensor<?xi32, #attn.axes<[token]>>, !attn.weight<[64, 64], f32> -> !x
  // CHECK-COUNT-2: call @layer({{.*}}, !attn.weight<[64, 64], bf16>)
  %1 = call @layer(%0, %first) : (!x, !attn.weight<[64, 64], f32>) -> !x
  %2 = call @layer(%1, %second) : (!x, !attn.weight<[64, 64], f32>) -> !x
  %3 = attn.norm rms %2 weight(%norm : !attn.weight<[64], f32>) {eps = 1.0e-5 : f64} : !x
  %4 = attn.linear %3, %short : !x, !attn.weight<[64, 64], q4_1> -> !x
  %5 = call @tied(%4, %table) : (!x, !attn.weight<[64, 64], f32>) -> !x
  %6 = call @tied(%5, %beside) : (!x, !attn.weight<[64, 64], f32>) -> !x
  %7 = attn.linear %narrow, %odd : tensor<?x63xf32, #attn.axes<[token, inner]>>, !attn.weight<[64, 63], f32> -> !x
  return %6, %7 : !x, !x
}
