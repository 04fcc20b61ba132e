// An odd number of products makes no pairs for bf16: multiply-adds take it, and a remark says so.
// RUN: heed-opt %s --attn-schedule=numerics=bf16 | FileCheck %s
// RUN: heed-opt %s --attn-schedule=numerics=bf16 --remarks-filter=attn 2>&1 >/dev/null | FileCheck %s --check-prefix=REMARK

!x = tensor<?x577xf32, #attn.axes<[token, model]>>
!y = tensor<?x64xf32, #attn.axes<[token, model]>>
!q = tensor<4x8x7xf32, #attn.axes<[heads, q, head]>>
!k = tensor<4x8x7xf32, #attn.axes<[heads, kv, head]>>

module attributes {attn.target = #attn.target<"zen5", features = "+avx512f", vector = 512, registers = 32, l1 = 49152, l2 = 1048576,
    atoms = [#attn.atom<"fma_f32", 1 by 16 by 1, rate = 260>, #attn.atom<"dpbf16", 1 by 16 by 2, rate = 500>]>} {
func.func @f(%x: !x, %w: !attn.weight<[64, 577], f32>, %q: !q, %k: !k) -> (!y, !q) {
  // REMARK-DAG: [Missed] schedule | {{.*}}multiplied in f32, at half the rate: sums of 577 products are no pairs for dpbf16"
  // CHECK: attn.linear_schedule<atom = "fma_f32"
  %y = attn.fused_linear %x, [%w] prologue {
  ^bb0(%p: !x):
    attn.yield %p : !x
  } epilogue {
  ^bb0(%e: !y):
    attn.yield %e : !y
  } : !x, [!attn.weight<[64, 577], f32>] -> !y
  // REMARK-DAG: [Missed] schedule | {{.*}}multiplied in f32, at half the rate: sums of 7 products are no pairs for dpbf16, of 16 and more"
  // CHECK: attn.attention_schedule<atom = "fma_f32"
  %o = attn.attention %q, %k, %k mask <(q, kv) : ""> {scale = 0.25, q_axis = "q", kv_axis = "kv"} : !q, !k, !k -> !q
  return %y, %o : !y, !q
}
}
