// An f32 in three parts of bf16: 32 rows by 2 panels are four tiles of sums, carried by one loop over k. A turn makes six products
// for each, of two tiles of x and two of weights at a time: an operand that the next product shares is not loaded again. Weights
// of bf16 are one part, where they lie, and need three products; those of f16 are two, and need five.
// RUN: heed-opt %s '--pass-pipeline=builtin.module(attn-lower-to-tiles,canonicalize,attn-lower-linear-tiles)' -o %t.f32
// RUN: sed -e 's/, f32>$/, f16>/' %s | heed-opt '--pass-pipeline=builtin.module(attn-lower-to-tiles,canonicalize,attn-lower-linear-tiles)' -o %t.f16
// RUN: sed -e 's/, f32>$/, bf16>/' %s | heed-opt '--pass-pipeline=builtin.module(attn-lower-to-tiles,canonicalize,attn-lower-linear-tiles)' -o %t.bf16
// RUN: FileCheck %s --input-file=%t.f32
// RUN: grep -c cvtne2ps2bf16 %t.f32 %t.f16 %t.bf16 | FileCheck %s --check-prefix=ROUNDED
// The tiles alone, in their order.
// RUN: grep -o 'tileloadd64\|tdpbf16ps\|tilestored64' %t.f32 | tr '\n' ' ' | FileCheck %s --check-prefix=F32
// RUN: grep -o 'tileloadd64\|tdpbf16ps\|tilestored64' %t.f16 | tr '\n' ' ' | FileCheck %s --check-prefix=F16
// RUN: grep -o 'tileloadd64\|tdpbf16ps\|tilestored64' %t.bf16 | tr '\n' ' ' | FileCheck %s --check-prefix=BF16
// A row in f16: its largest, a power of two, one part or two; no weight is decoded; the sums are divided by the power.
// RUN: sed -e 's/, f32>$/, f16>/' -e 's/amx_bf16x6/amx_f16x2/' %s | heed-opt '--pass-pipeline=builtin.module(attn-lower-to-tiles,canonicalize,attn-lower-linear-tiles)' -o %t.two
// RUN: sed -e 's/, f32>$/, f16>/' -e 's/amx_bf16x6/amx_f16/' %s | heed-opt '--pass-pipeline=builtin.module(attn-lower-to-tiles,canonicalize,attn-lower-linear-tiles)' -o %t.one
// RUN: grep -o 'reduction <maxui>\|truncf\|cvtne2ps2bf16\|tileloadd64\|tdpfp16ps\|tilestored64\|mulf' %t.two | tr '\n' ' ' | FileCheck %s --check-prefix=TWO
// RUN: grep -o 'reduction <maxui>\|truncf\|cvtne2ps2bf16\|tileloadd64\|tdpfp16ps\|tilestored64\|mulf' %t.one | tr '\n' ' ' | FileCheck %s --check-prefix=ONE

// CHECK-LABEL: func.func private @fused_linear_
// CHECK: %[[EVEN:.*]] = vector.shuffle %[[LOWER:.*]], %[[UPPER:.*]] [0, 2, 4, {{.*}}, 30] : vector<16xf32>, vector<16xf32>
// CHECK: %[[ODD:.*]] = vector.shuffle %[[LOWER]], %[[UPPER]] [1, 3, 5, {{.*}}, 31] : vector<16xf32>, vector<16xf32>
// CHECK: llvm.call_intrinsic "llvm.x86.avx512bf16.cvtne2ps2bf16.512"(%[[ODD]], %[[EVEN]])
// CHECK: %[[LEFT:.*]] = arith.subf %[[EVEN]],
// CHECK: %[[OTHER:.*]] = arith.subf %[[ODD]],
// CHECK: llvm.call_intrinsic "llvm.x86.avx512bf16.cvtne2ps2bf16.512"(%[[OTHER]], %[[LEFT]])
// CHECK: %[[LAST:.*]] = arith.subf %[[LEFT]],
// CHECK: %[[BESIDE:.*]] = arith.subf %[[OTHER]],
// CHECK: llvm.call_intrinsic "llvm.x86.avx512bf16.cvtne2ps2bf16.512"(%[[BESIDE]], %[[LAST]])
// CHECK: scf.for {{.*}} -> (!llvm.x86_amx, !llvm.x86_amx, !llvm.x86_amx, !llvm.x86_amx) {

// Three for x, and a weight's parts for two k of two panels, and of one.
// ROUNDED: f32:12
// ROUNDED: f16:9
// ROUNDED: bf16:3

// F32: {{^(tileloadd64 ){4}(tileloadd64 ){4}(tdpbf16ps ){4}((tileloadd64 ){2}(tdpbf16ps ){4}){5}(tilestored64 ?){4} *}}
// F16: {{^(tileloadd64 ){4}(tileloadd64 ){4}(tdpbf16ps ){4}((tileloadd64 ){2}(tdpbf16ps ){4}){4}(tilestored64 ?){4} *}}
// BF16: {{^(tileloadd64 ){4}(tileloadd64 ){4}(tdpbf16ps ){4}((tileloadd64 ){2}(tdpbf16ps ){4}){2}(tilestored64 ?){4} *}}
// TWO: {{^reduction <maxui> (mulf ){2}(truncf ){4}(tileloadd64 ){4}((tileloadd64 ){4}(tdpfp16ps ){4})((tileloadd64 ){2}(tdpfp16ps ){4})(tilestored64 ){4} *}}
// ONE: {{^reduction <maxui> (mulf ){2}(truncf ){2}(tileloadd64 ){4}((tileloadd64 ){4}(tdpfp16ps ){4})(tilestored64 ){4} *}}
// TWO-SAME: mulf
// ONE-SAME: mulf

!x = tensor<?x64xf32, #attn.axes<[token, model]>>
!w = !attn.weight<[64, 64], f32>

module attributes {attn.target = #attn.target<"t", features = "+avx512f,+avx512bf16", vector = 512, registers = 32, l1 = 49152,
    l2 = 2097152, atoms = [<"fma_f32", 1 by 16 by 1, rate = 226>, <"amx_bf16", 16 by 16 by 32, rate = 3290>]>} {
  attn.declare @w : !w from "w.safetensors:w" {attn.offset = 0 : i64}

  func.func @run(%x: !x {attn.name = "x", attn.role = "input"}) -> (!x {attn.name = "out"})
      attributes {attn.arena = [], attn.arena_total = [], attn.entry} {
    %w = attn.handle @w : !w
    %y = attn.fused_linear %x, [%w] prologue {
    ^bb0(%row: !x):
      attn.yield %row : !x
    } epilogue {
    ^bb0(%row: !x):
      attn.yield %row : !x
    } {schedule = #attn.linear_schedule<atom = "amx_bf16x6", rows = 32, panels = 2, block_rows = 128, block_panels = 2, block_k = 64>}
      : !x, [!w] -> !x
    return %y : !x
  }
}
