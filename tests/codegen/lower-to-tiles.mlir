// A scheduled function becomes calls of kernels on memory, with a barrier after each; a linear becomes loops over blocks.
// RUN: heed-opt %s --attn-lower-to-tiles | FileCheck %s

!x = tensor<?x64xf32, #attn.axes<[token, model]>>
!w = !attn.weight<[64, 64], f32>

module attributes {attn.target = #attn.target<"x86-64-v4", features = "+avx512f", vector = 512, registers = 32,
    l1 = 32768, l2 = 1048576, atoms = [<"fma_f32", 1 by 16 by 1, rate = 230>]>} {
  attn.declare @w : !w from "random:1:w" {attn.offset = 0 : i64}

  // The arguments are those of runtime/model/Entry.h: weights, arena, sizes, sync, this thread, all threads, then x and out.
  // CHECK-LABEL: func.func @run(
  // CHECK-SAME: memref<?xi8>, %{{.*}}: memref<?xi8>, %{{.*}}: memref<?xi64>, %{{.*}}: memref<?xi8>, %{{.*}}: index, %{{.*}}: index, %{{.*}}: memref<?xf32>, %{{.*}}: memref<?xf32>)
  // CHECK-SAME: llvm.emit_c_interface
  // CHECK: call @[[LINEAR:fused_linear_[0-9]+]](
  // CHECK: call @heed_barrier(
  // CHECK-NOT: call
  // CHECK: return
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

  // CHECK: func.func private @[[LINEAR]](
  // CHECK: scf.for
  // CHECK: attn.tile_rows
  // CHECK: scf.for
  // Without an epilogue the register tiles write the result themselves.
  // CHECK: attn.tile_matmul {{.*}} result {{.*}}<atom = "fma_f32", rows = 8, panels = 3
  // CHECK-NOT: attn.tile_epilogue
}
