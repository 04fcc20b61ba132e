// The ops on rows, checked against numbers made by hand from their formulas.
// RUN: heed-oracle %s --print --rows token=0+2,3+1 | FileCheck %s

!x = tensor<2x2xf32, #attn.axes<[q, model]>>
!head = tensor<3x4xf32, #attn.axes<[q, head]>>
!ragged = tensor<3x2xf32, #attn.axes<[token, model]>>

attn.declare @w : !attn.weight<[3, 2], f32> from "values:1 0 0 1 10 -1"
attn.declare @b : !attn.weight<[2], f32> from "values:0.5 -1"
attn.declare @g : !attn.weight<[2], f32> from "values:2 3"
attn.declare @table : !attn.weight<[4, 2], f32> from "values:0 1 10 11 20 21 30 31"

// [1, 2] and [3, 4] times rows (1, 0), (0, 1), (10, -1).
// CHECK: linear result0: [q=2, out=3] {{\[\[}}1, 2, 8], [3, 4, 26]]
func.func @linear() -> tensor<2x3xf32, #attn.axes<[q, out]>> {
  %x = arith.constant dense<[[1.0, 2.0], [3.0, 4.0]]> : !x
  %w = attn.handle @w : !attn.weight<[3, 2], f32>
  %y = attn.linear %x, %w : !x, !attn.weight<[3, 2], f32> -> tensor<2x3xf32, #attn.axes<[q, out]>>
  return %y : tensor<2x3xf32, #attn.axes<[q, out]>>
}

// CHECK: bias result0: [q=2, model=2] {{\[\[}}1.5, 1], [3.5, 3]]
func.func @bias() -> !x {
  %x = arith.constant dense<[[1.0, 2.0], [3.0, 4.0]]> : !x
  %b = attn.handle @b : !attn.weight<[2], f32>
  %y = attn.bias %x, %b : !x, !attn.weight<[2], f32>
  return %y : !x
}

// mean(x^2) of (3, 4) is 12.5, and 12.5 + 12.5 = 25: x / 5. Unit offset: weights 3 and 4.
// CHECK: rms result0: [q=2, model=2] {{\[\[}}1.2, 2.4], [0, 0]]
// CHECK: rms result1: [q=2, model=2] {{\[\[}}1.8, 3.2], [0, 0]]
func.func @rms() -> (!x, !x) {
  %x = arith.constant dense<[[3.0, 4.0], [0.0, 0.0]]> : !x
  %g = attn.handle @g : !attn.weight<[2], f32>
  %y = attn.norm rms %x weight(%g : !attn.weight<[2], f32>) {eps = 12.5} : !x
  %z = attn.norm rms %x weight(%g : !attn.weight<[2], f32>) {eps = 12.5, unit_offset} : !x
  return %y, %z : !x, !x
}

// (1, 5): mean 3, variance 4, 4 + 12 = 16: (-2, 2) / 4 * (2, 3) + (0.5, -1).
// CHECK: layer result0: [q=2, model=2] {{\[\[}}-0.5, 0.5], [0.5, -1]]
func.func @layer() -> !x {
  %x = arith.constant dense<[[1.0, 5.0], [7.0, 7.0]]> : !x
  %g = attn.handle @g : !attn.weight<[2], f32>
  %b = attn.handle @b : !attn.weight<[2], f32>
  %y = attn.norm layer %x weight(%g : !attn.weight<[2], f32>) bias(%b : !attn.weight<[2], f32>) {eps = 12.0} : !x
  return %y : !x
}

// gelu(1) = Phi(1) = 0.841345, gelu_tanh(1) = 0.841192, silu(1) = 0.731059, quick_gelu(1) = 0.845796.
// CHECK: activations result0: [q=1, model=3] {{\[\[}}-0.158655, 0.841345, 1.9545]]
// CHECK: activations result1: [q=1, model=3] {{\[\[}}-0.158808, 0.841192, 1.9546]]
// CHECK: activations result2: [q=1, model=3] {{\[\[}}-0.268941, 0.731059, 1.76159]]
// CHECK: activations result3: [q=1, model=3] {{\[\[}}-0.154204, 0.845796, 1.93566]]
// CHECK: activations result4: [q=1, model=3] {{\[\[}}0, 1, 2]]
// CHECK: activations result5: [q=1, model=3] {{\[\[}}0, 1, 4]]
// CHECK: activations result6: [q=1, model=3] {{\[\[}}-0.761594, 0.761594, 0.964028]]
// CHECK: activations result7: [q=1, model=3] {{\[\[}}0.268941, 0.731059, 0.880797]]
!a = tensor<1x3xf32, #attn.axes<[q, model]>>
func.func @activations() -> (!a, !a, !a, !a, !a, !a, !a, !a) {
  %x = arith.constant dense<[[-1.0, 1.0, 2.0]]> : !a
  %0 = attn.activation gelu %x : !a
  %1 = attn.activation gelu_tanh %x : !a
  %2 = attn.activation silu %x : !a
  %3 = attn.activation quick_gelu %x : !a
  %4 = attn.activation relu %x : !a
  %5 = attn.activation relu_squared %x : !a
  %6 = attn.activation tanh %x : !a
  %7 = attn.activation sigmoid %x : !a
  return %0, %1, %2, %3, %4, %5, %6, %7 : !a, !a, !a, !a, !a, !a, !a, !a
}

// CHECK: elementwise result0: [q=2, model=2] {{\[\[}}2, 4], [6, 8]]
// CHECK: elementwise result1: [q=2, model=2] {{\[\[}}1, 4], [9, 16]]
// CHECK: elementwise result2: [q=2, model=2] {{\[\[}}-0.5, -1], [-1.5, -2]]
// CHECK: elementwise result3: [q=2, model=2] {{\[\[}}0.447214, 0.894427], [0.6, 0.8]]
func.func @elementwise() -> (!x, !x, !x, !x) {
  %x = arith.constant dense<[[1.0, 2.0], [3.0, 4.0]]> : !x
  %0 = attn.add %x, %x : !x
  %1 = attn.mul %x, %x : !x
  %2 = attn.scale %x by -0.5 : !x
  %3 = attn.l2_normalize %x : !x
  return %0, %1, %2, %3 : !x, !x, !x, !x
}

// Position p turns pair i by p * 100^(-2i/4): p for the first pair, p / 10 for the second. cos 1 = 0.540302,
// sin 1 = 0.841471, cos 0.1 = 0.995004, sin 0.1 = 0.0998334. Halves pair (0, 2) and (1, 3), adjacent (0, 1) and (2, 3).
// CHECK: rope result0: [q=3, head=4] {{\[\[}}1, 0, 0, 1], [0.540302, -0.0998334, 0.841471, 0.995004], [-0.416147, -0.198669, 0.909297, 0.980067]]
// CHECK: rope result1: [q=3, head=4] {{\[\[}}1, 0, 0, 1], [0.540302, 0.841471, -0.0998334, 0.995004], [-0.416147, 0.909297, -0.198669, 0.980067]]
func.func @rope() -> (!head, !head) {
  %x = arith.constant dense<[[1.0, 0.0, 0.0, 1.0], [1.0, 0.0, 0.0, 1.0], [1.0, 0.0, 0.0, 1.0]]> : !head
  %0 = attn.rope halves %x {theta = 100.0, dims = 4, axis = "q"} : !head
  %1 = attn.rope adjacent %x {theta = 100.0, dims = 4, axis = "q"} : !head
  return %0, %1 : !head, !head
}

// Only the first two elements turn; factor 0.5 halves the frequency; everything that turns is doubled. Positions 0, 1
// and 3, the last from the second sequence: cos 0.5 = 0.877583, cos 1.5 = 0.0707372, sin 1.5 = 0.997495.
// CHECK: rope_ragged result0: [token=3, head=4] {{\[\[}}2, 0, 5, 6], [1.75517, 0.958851, 5, 6], [0.141474, 1.99499, 5, 6]]
!rh = tensor<3x4xf32, #attn.axes<[token, head]>>
func.func @rope_ragged(%rows: !attn.ragged<token>) -> !rh {
  %x = arith.constant dense<[[1.0, 0.0, 5.0, 6.0], [1.0, 0.0, 5.0, 6.0], [1.0, 0.0, 5.0, 6.0]]> : !rh
  %0 = attn.rope halves %x rows(%rows : !attn.ragged<token>) {theta = 100.0, dims = 2, factors = array<f64: 0.5>, attention_factor = 2.0} : !rh
  return %0 : !rh
}

// CHECK: embeddings result0: [token=3, model=2] {{\[\[}}30, 31], [0, 1], [10, 11]]
// CHECK: embeddings result1: [token=3, model=2] {{\[\[}}30, 32], [10, 12], [40, 42]]
// CHECK: embeddings result2: [output=2, model=2] {{\[\[}}10, 11], [30, 31]]
func.func @embeddings(%rows: !attn.ragged<token>) -> (!ragged, !ragged, tensor<2x2xf32, #attn.axes<[output, model]>>) {
  %table = attn.handle @table : !attn.weight<[4, 2], f32>
  %ids = arith.constant dense<[3, 0, 1]> : tensor<3xi32, #attn.axes<[token]>>
  %x = attn.embed %ids, %table : tensor<3xi32, #attn.axes<[token]>>, !attn.weight<[4, 2], f32> -> !ragged
  %p = attn.position_embed %x, %table rows(%rows : !attn.ragged<token>) : !ragged, !attn.weight<[4, 2], f32> -> !ragged
  %wanted = arith.constant dense<[2, 0]> : tensor<2xi32, #attn.axes<[output]>>
  %y = attn.take_rows %x, %wanted : !ragged, tensor<2xi32, #attn.axes<[output]>> -> tensor<2x2xf32, #attn.axes<[output, model]>>
  return %x, %p, %y : !ragged, !ragged, tensor<2x2xf32, #attn.axes<[output, model]>>
}

// CHECK: pool result0: [sequence=2, model=2] {{\[\[}}2, 3], [9, 10]]
// CHECK: pool result1: [sequence=2, model=2] {{\[\[}}1, 2], [9, 10]]
// CHECK: pool result2: [sequence=2, model=2] {{\[\[}}3, 4], [9, 10]]
!pooled = tensor<2x2xf32, #attn.axes<[sequence, model]>>
func.func @pool(%rows: !attn.ragged<token>) -> (!pooled, !pooled, !pooled) {
  %x = arith.constant dense<[[1.0, 2.0], [3.0, 4.0], [9.0, 10.0]]> : !ragged
  %0 = attn.pool mean %x rows(%rows : !attn.ragged<token>) : !ragged -> !pooled
  %1 = attn.pool first %x rows(%rows : !attn.ragged<token>) : !ragged -> !pooled
  %2 = attn.pool last %x rows(%rows : !attn.ragged<token>) : !ragged -> !pooled
  return %0, %1, %2 : !pooled, !pooled, !pooled
}

// [q, heads*head] to [q, heads, head] and back; [heads, q, head] merged moves the heads beside their elements.
// CHECK: heads result0: [q=2, heads=2, head=2] {{\[\[\[}}1, 2], [3, 4]], {{\[\[}}5, 6], [7, 8]]]
// CHECK: heads result1: [q=2, model=4] {{\[\[}}1, 2, 3, 4], [5, 6, 7, 8]]
// CHECK: heads result2: [q=2, model=4] {{\[\[}}1, 2, 5, 6], [3, 4, 7, 8]]
!wide = tensor<2x4xf32, #attn.axes<[q, model]>>
!split = tensor<2x2x2xf32, #attn.axes<[q, heads, head]>>
!outer = tensor<2x2x2xf32, #attn.axes<[heads, q, head]>>
func.func @heads() -> (!split, !wide, !wide) {
  %x = arith.constant dense<[[1.0, 2.0, 3.0, 4.0], [5.0, 6.0, 7.0, 8.0]]> : !wide
  %0 = attn.split_heads %x : !wide -> !split
  %1 = attn.merge_heads %0 : !split -> !wide
  %y = arith.constant dense<[[[1.0, 2.0], [3.0, 4.0]], [[5.0, 6.0], [7.0, 8.0]]]> : !outer
  %2 = attn.merge_heads %y : !outer -> !wide
  return %0, %1, %2 : !split, !wide, !wide
}

// CHECK: parts result0: [q=2, model=2] {{\[\[}}2, 3], [6, 7]]
// CHECK: parts result1: [q=2, model=6] {{\[\[}}2, 3, 1, 2, 3, 4], [6, 7, 5, 6, 7, 8]]
!joined = tensor<2x6xf32, #attn.axes<[q, model]>>
func.func @parts() -> (!x, !joined) {
  %x = arith.constant dense<[[1.0, 2.0, 3.0, 4.0], [5.0, 6.0, 7.0, 8.0]]> : !wide
  %0 = attn.slice %x [1 to 3] : !wide -> !x
  %1 = attn.concat %0, %x : !x, !wide -> !joined
  return %0, %1 : !x, !joined
}
