// Quantised weights times rows in digits: 24 sums of 8 rows by 3 panels hold the three digits of a block of 32, shifted from one to
// the next, and become f32 once; weights of 8 bits leave room for two digits. In tiles, each digit has sums of its own.
// RUN: heed-opt %s '--pass-pipeline=builtin.module(attn-lower-to-tiles,canonicalize,attn-lower-linear-tiles)' | FileCheck %s --check-prefixes=VNNI,Q4
// RUN: sed -e 's/q4_1/q8_0/' %s | heed-opt '--pass-pipeline=builtin.module(attn-lower-to-tiles,canonicalize,attn-lower-linear-tiles)' | FileCheck %s --check-prefixes=VNNI,Q8
// RUN: sed -e 's/"dpbusd", rows = 8, panels = 3, block_rows = 128/"amx_int8", rows = 32, panels = 2, block_rows = 128/' %s \
// RUN:   | heed-opt '--pass-pipeline=builtin.module(attn-lower-to-tiles,canonicalize,attn-lower-linear-tiles)' | FileCheck %s --check-prefix=TILES

// VNNI-LABEL: func.func private @fused_linear_
// VNNI: "llvm.lrint"
// VNNI: scf.for {{.*}} -> {{[(](vector<16xi32>(, )?){24}[)]}} {
// VNNI: "llvm.x86.avx512.vpdpbusd.512"
// VNNI: arith.shli {{.*}} : vector<16xi32>
// VNNI: scf.for {{.*}} -> {{[(](vector<16xi32>(, )?){24}[)]}} {
// Q4-NOT: arith.sitofp
// Q4: arith.shli {{.*}} : vector<16xi32>
// Q4: scf.for {{.*}} -> {{[(](vector<16xi32>(, )?){24}[)]}} {
// Q4: arith.sitofp
// Q8: arith.sitofp
// Q8: scf.for {{.*}} -> {{[(](vector<16xi32>(, )?){24}[)]}} {
// Q8-NOT: arith.shli {{.*}} : vector<16xi32>
// Q8: arith.sitofp

// Two panels of 8 rows of 64 bytes; a digit of 16 rows of 32 bytes; the top digit's sums begin with one row of 16.
// TILES-LABEL: func.func private @fused_linear_
// TILES: "llvm.x86.tileloadd64.internal"
// TILES: "llvm.x86.tileloadd64.internal"
// TILES: %[[X:.*]] = llvm.call_intrinsic "llvm.x86.tileloadd64.internal"
// TILES: %[[C:.*]] = llvm.call_intrinsic "llvm.x86.tileloadd64.internal"
// TILES: llvm.mlir.constant(32 : i16)
// TILES: "llvm.x86.tdpbusd.internal"({{.*}}, %[[C]], %[[X]], %{{.*}})
// TILES: "llvm.x86.tilestored64.internal"
// TILES-COUNT-5: "llvm.x86.tdpbusd.internal"
// TILES: scf.for
// TILES-COUNT-6: arith.sitofp

!x = tensor<?x64xf32, #attn.axes<[token, model]>>
!w = !attn.weight<[64, 64], q4_1>

module attributes {attn.target = #attn.target<"t", features = "+avx512f,+avx512vnni", vector = 512, registers = 32, l1 = 32768,
    l2 = 1048576, atoms = [<"fma_f32", 1 by 16 by 1, rate = 230>, <"dpbusd", 1 by 16 by 4, rate = 1000>,
    <"amx_int8", 16 by 16 by 64, rate = 6000>]>} {
  attn.declare @w : !w from "w.gguf:w" {attn.offset = 0 : i64}

  func.func @run(%x: !x {attn.name = "x", attn.role = "input"}) -> (!x {attn.name = "out"})
      attributes {attn.arena = [], attn.arena_total = [], attn.entry} {
    %w = attn.handle @w : !w
    %y = attn.fused_linear %x, [%w] prologue {
    ^bb0(%row: !x):
      attn.yield %row : !x
    } epilogue {
    ^bb0(%row: !x):
      attn.yield %row : !x
    } {schedule = #attn.linear_schedule<atom = "dpbusd", rows = 8, panels = 3, block_rows = 128, block_panels = 6, block_k = 64>}
      : !x, [!w] -> !x
    return %y : !x
  }
}
