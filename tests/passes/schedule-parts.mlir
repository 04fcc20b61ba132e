// A linear of f32 in parts of bf16 takes AMX where a third, a fifth or a sixth of its rate is above that of multiply-adds; a remark
// says what does not.
// RUN: heed-opt %s --attn-schedule=numerics=bf16x6 | FileCheck %s
// RUN: heed-opt %s --attn-schedule=numerics=bf16x6 --remarks-filter=attn 2>&1 >/dev/null | FileCheck %s --check-prefix=REMARK
// RUN: sed -e 's/rate = 3290/rate = 1200/' %s | heed-opt --attn-schedule=numerics=bf16x6 | FileCheck %s --check-prefix=SLOW
// RUN: sed -e 's/rate = 3290/rate = 1200/' %s | heed-opt --attn-schedule=numerics=bf16x6 --remarks-filter=attn 2>&1 >/dev/null | FileCheck %s --check-prefix=SLOW-REMARK
// RUN: sed -e 's/amx_bf16/dpbf16/' %s | heed-opt --attn-schedule=numerics=bf16x6 --remarks-filter=attn 2>&1 >/dev/null | FileCheck %s --check-prefix=NONE
// Weights of f16, where AMX multiplies them: two products for one, and one where rows may be rounded.
// RUN: sed -e 's/rate = 3290>/rate = 3290>, #attn.atom<"amx_f16", 16 by 16 by 32, rate = 3290>/' %s > %t.f16.mlir
// RUN: heed-opt %t.f16.mlir --attn-schedule=numerics=bf16x6 | FileCheck %s --check-prefix=F16
// RUN: heed-opt %t.f16.mlir --attn-schedule=numerics=bf16 | FileCheck %s --check-prefix=ROUNDED
// RUN: heed-opt %s --attn-schedule=numerics=bf16 | FileCheck %s --check-prefix=BF16

!x = tensor<?x576xf32, #attn.axes<[token, model]>>
!z = tensor<?x577xf32, #attn.axes<[token, model]>>
!y = tensor<?x64xf32, #attn.axes<[token, model]>>
!q = tensor<4x8x64xf32, #attn.axes<[heads, q, head]>>
!k = tensor<4x8x64xf32, #attn.axes<[heads, kv, head]>>

module attributes {attn.target = #attn.target<"t", features = "+avx512f", vector = 512, registers = 32, l1 = 49152, l2 = 2097152,
    atoms = [#attn.atom<"fma_f32", 1 by 16 by 1, rate = 226>, #attn.atom<"amx_bf16", 16 by 16 by 32, rate = 3290>]>} {
func.func @f(%x: !x, %z: !z, %f32: !attn.weight<[64, 576], f32>, %f16: !attn.weight<[64, 576], f16>, %bf16: !attn.weight<[64, 576], bf16>,
             %odd: !attn.weight<[64, 577], f32>, %q: !q, %k: !k) -> (!y, !y, !y, !y, !q) {
  // Three parts of 2 bytes of a panel in half of L1, and of x.
  // CHECK: schedule = #attn.linear_schedule<atom = "amx_bf16x6", rows = 32, panels = 2, block_rows = 256, block_panels = 2, block_k = 128>
  // F16: schedule = #attn.linear_schedule<atom = "amx_bf16x6"
  // ROUNDED: schedule = #attn.linear_schedule<atom = "amx_bf16"
  // BF16: schedule = #attn.linear_schedule<atom = "amx_bf16"
  // SLOW: schedule = #attn.linear_schedule<atom = "fma_f32"
  // SLOW-REMARK: [Missed] schedule | {{.*}}multiplied in f32: at 1200 GFLOP/s, 6 products of amx_bf16x6 for one are no faster than multiply-adds at 226"
  // NONE: [Missed] schedule | {{.*}}multiplied in f32: bf16x6 needs AMX"
  %a = attn.fused_linear %x, [%f32] prologue {
  ^bb0(%p: !x):
    attn.yield %p : !x
  } epilogue {
  ^bb0(%e: !y):
    attn.yield %e : !y
  } : !x, [!attn.weight<[64, 576], f32>] -> !y
  // CHECK: schedule = #attn.linear_schedule<atom = "amx_bf16x6", rows = 32, panels = 2, {{.*}}block_k = 192>
  // F16: schedule = #attn.linear_schedule<atom = "amx_f16x2", rows = 32, panels = 2, {{.*}}block_k = 288>
  // ROUNDED: schedule = #attn.linear_schedule<atom = "amx_f16", rows = 32, panels = 2, {{.*}}block_k = 288>
  // BF16: schedule = #attn.linear_schedule<atom = "amx_bf16"
  // SLOW: schedule = #attn.linear_schedule<atom = "amx_bf16x6"
  %b = attn.fused_linear %x, [%f16] prologue {
  ^bb0(%p: !x):
    attn.yield %p : !x
  } epilogue {
  ^bb0(%e: !y):
    attn.yield %e : !y
  } : !x, [!attn.weight<[64, 576], f16>] -> !y
  // CHECK: schedule = #attn.linear_schedule<atom = "amx_bf16x6", rows = 32, panels = 2, {{.*}}block_k = 288>
  // F16: schedule = #attn.linear_schedule<atom = "amx_bf16x6"
  // ROUNDED: schedule = #attn.linear_schedule<atom = "amx_bf16"
  // SLOW: schedule = #attn.linear_schedule<atom = "amx_bf16x6"
  %c = attn.fused_linear %x, [%bf16] prologue {
  ^bb0(%p: !x):
    attn.yield %p : !x
  } epilogue {
  ^bb0(%e: !y):
    attn.yield %e : !y
  } : !x, [!attn.weight<[64, 576], bf16>] -> !y
  // CHECK: schedule = #attn.linear_schedule<atom = "fma_f32"
  // REMARK-DAG: [Missed] schedule | {{.*}}sums of 577 products are no pairs for amx_bf16x6"
  %d = attn.fused_linear %z, [%odd] prologue {
  ^bb0(%p: !z):
    attn.yield %p : !z
  } epilogue {
  ^bb0(%e: !y):
    attn.yield %e : !y
  } : !z, [!attn.weight<[64, 577], f32>] -> !y
  // CHECK: attn.attention {{.*}}atom = "fma_f32"
  // REMARK-DAG: [Missed] schedule | {{.*}}multiplied in f32: bf16x6 is for linears"
  %o = attn.attention %q, %k, %k mask <(q, kv) : ""> {scale = 0.125, q_axis = "q", kv_axis = "kv"} : !q, !k, !k -> !q
  return %a, %b, %c, %d, %o : !y, !y, !y, !y, !q
}
}
