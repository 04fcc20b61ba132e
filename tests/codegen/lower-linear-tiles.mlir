// The tiles of a linear become register tiles: 8 rows of 3 panels are 24 accumulators of 16 lanes, carried by one loop over k.
// RUN: heed-opt %s '--pass-pipeline=builtin.module(attn-lower-to-tiles,canonicalize,attn-lower-linear-tiles)' | FileCheck %s

// CHECK-LABEL: func.func private @fused_linear_
// CHECK-NOT: attn.tile_
// CHECK: scf.for {{.*}} iter_args({{(%[a-z0-9_]+ = %[a-z0-9_]+(, )?){24}[)] -> [(](vector<16xf32>(, )?){24}[)]}} {
// CHECK: math.fma {{.*}} : vector<16xf32>
// CHECK-NOT: attn.tile_

!x = tensor<?x64xf32, #attn.axes<[token, model]>>
!w = !attn.weight<[64, 64], f32>

module attributes {attn.target = #attn.target<"x86-64-v4", features = "+avx512f", vector = 512, registers = 32,
    l1 = 32768, l2 = 1048576, atoms = [<"fma_f32", 1 by 16 by 1, rate = 230>]>} {
  attn.declare @w : !w from "random:1:w" {attn.offset = 0 : i64}

  func.func @run(%x: !x {attn.name = "x", attn.role = "input"}) -> (!x {attn.name = "out"})
      attributes {attn.arena = [], attn.arena_total = [], attn.entry} {
    %w = attn.handle @w : !w
    %y = attn.fused_linear %x, [%w] prologue {
    ^bb0(%row: !x):
      attn.yield %row : !x
    } epilogue {
    ^bb0(%row: !x):
      attn.yield %row : !x
    } {schedule = #attn.linear_schedule<atom = "fma_f32", rows = 8, panels = 3, block_rows = 128, block_panels = 3, block_k = 64>}
      : !x, [!w] -> !x
    return %y : !x
  }
}
