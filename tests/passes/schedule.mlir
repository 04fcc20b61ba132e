// RUN: heed-opt %s --attn-schedule --remarks-filter=attn | FileCheck %s
// RUN: heed-opt %s --attn-schedule --remarks-filter=attn 2>&1 >/dev/null | FileCheck %s --check-prefix=REMARK
// RUN: heed-opt %s --attn-schedule=numerics=bf16 | FileCheck %s --check-prefix=BF16
// RUN: sed -e 's/vector = 512, registers = 32/vector = 256, registers = 16/' %s | heed-opt --attn-schedule | FileCheck %s --check-prefix=AVX2
// RUN: heed-opt %s --attn-schedule=schedule-file=%S/Inputs/schedule-good.txt | FileCheck %s --check-prefix=FILE
// Quantised weights: an atom of integers where its rate pays for three digits of x.
// RUN: heed-opt %S/Inputs/schedule-integers.mlir --attn-schedule | FileCheck %S/Inputs/schedule-integers.mlir
// RUN: sed -e 's/"dpbusd", 1 by 16 by 4, rate = 1055/"dpbusd", 1 by 16 by 4, rate = 800/' %S/Inputs/schedule-integers.mlir | heed-opt --attn-schedule | FileCheck %S/Inputs/schedule-integers.mlir --check-prefix=SLOW
// RUN: sed -e 's/rate = 1055>/rate = 1055>, #attn.atom<"amx_int8", 16 by 16 by 64, rate = 6420>/' %S/Inputs/schedule-integers.mlir | heed-opt --attn-schedule | FileCheck %S/Inputs/schedule-integers.mlir --check-prefix=AMX

!x = tensor<?x576xf32, #attn.axes<[token, model]>>
!q = tensor<?x9x64xf32, #attn.axes<[token, heads, head]>>
!c = !attn.cache<3 by 64, f32>

module attributes {attn.target = #attn.target<"zen5", features = "+avx512f", vector = 512, registers = 32, l1 = 49152, l2 = 1048576,
    atoms = [#attn.atom<"fma_f32", 1 by 16 by 1, rate = 260>, #attn.atom<"dpbf16", 1 by 16 by 2, rate = 500>]>} {

// REMARK: [Analysis] schedule | Category:attn | Remark="layer.attention.0: #attn.attention_schedule<atom = "fma_f32", queries = 48
func.func @layer(%q: !q, %c: !c, %x: !x, %rows: !attn.ragged<token>, %w: !attn.weight<[576, 576], f32>, %wk: !attn.weight<[192, 576], f32>,
                 %up: !attn.weight<[1536, 576], f32>) -> (!q, !x, !q, tensor<?x1536xf32, #attn.axes<[token, model]>>) {
  // 8 keys by 3 vectors of 16 queries; 128 keys by 48 queries of scores are half of L1.
  // CHECK: attn.attention {{.*}}schedule = #attn.attention_schedule<atom = "fma_f32", queries = 48, keys = 128, key_tile = 8, head_tile = 8>
  // AVX2: attn.attention {{.*}}schedule = #attn.attention_schedule<atom = "fma_f32", queries = 16, keys = 132, key_tile = 6, head_tile = 6>
  // BF16: attn.attention {{.*}}schedule = #attn.attention_schedule<atom = "dpbf16",
  // FILE: attn.attention {{.*}}schedule = #attn.attention_schedule<atom = "fma_f32", queries = 16, keys = 64, key_tile = 4, head_tile = 4>
  %o = attn.attention %q, %c, %c q_rows(%rows : !attn.ragged<token>) mask <(q, kv) : "q - kv >= 0"> {scale = 0.125, q_axis = "token", kv_axis = "kv"}
      : !q, !c, !c -> !q
  // A plain linear: 8 rows by 3 panels, in one deep pass.
  // CHECK: schedule = #attn.linear_schedule<atom = "fma_f32", rows = 8, panels = 3, block_rows = 128, block_panels = 9, block_k = 576>
  // AVX2: schedule = #attn.linear_schedule<atom = "fma_f32", rows = 6, panels = 1, block_rows = 126, block_panels = 9, block_k = 576>
  // FILE: schedule = #attn.linear_schedule<atom = "fma_f32", rows = 4, panels = 2, block_rows = 64, block_panels = 4, block_k = 96>
  %y = attn.fused_linear %x, [%w] prologue {
  ^bb0(%p: !x):
    attn.yield %p : !x
  } epilogue {
  ^bb0(%e: !x):
    attn.yield %e : !x
  } : !x, [!attn.weight<[576, 576], f32>] -> !x
  // Heads of 64 are four panels: blocks of whole heads, tiles of 2.
  // CHECK: schedule = #attn.linear_schedule<atom = "fma_f32", rows = 8, panels = 2, block_rows = 128, block_panels = 12, block_k = 576>
  // FILE: schedule = #attn.linear_schedule<atom = "fma_f32", rows = 8, panels = 2,
  %h = attn.fused_linear %x, [%w] prologue {
  ^bb0(%p: !x):
    attn.yield %p : !x
  } epilogue {
  ^bb0(%e: !x):
    %s = attn.split_heads %e : !x -> !q
    attn.yield %s : !q
  } : !x, [!attn.weight<[576, 576], f32>] -> !q
  // Two weights of one x.
  // CHECK: schedule = #attn.linear_schedule<atom = "fma_f32", rows = 8, panels = 3, block_rows = 128, block_panels = 12, block_k = 576>
  %g = attn.fused_linear %x, [%up, %up] prologue {
  ^bb0(%p: !x):
    attn.yield %p : !x
  } epilogue {
  ^bb0(%e: tensor<?x1536xf32, #attn.axes<[token, model]>>, %f: tensor<?x1536xf32, #attn.axes<[token, model]>>):
    %s = attn.mul %e, %f : tensor<?x1536xf32, #attn.axes<[token, model]>>
    attn.yield %s : tensor<?x1536xf32, #attn.axes<[token, model]>>
  } : !x, [!attn.weight<[1536, 576], f32>, !attn.weight<[1536, 576], f32>] -> tensor<?x1536xf32, #attn.axes<[token, model]>>
  return %o, %y, %h, %g : !q, !x, !q, tensor<?x1536xf32, #attn.axes<[token, model]>>
}
}
