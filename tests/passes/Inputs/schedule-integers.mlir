!x = tensor<?x576xf32, #attn.axes<[token, model]>>

module attributes {attn.target = #attn.target<"zen5", features = "+avx512f", vector = 512, registers = 32, l1 = 49152, l2 = 1048576,
    atoms = [#attn.atom<"fma_f32", 1 by 16 by 1, rate = 260>, #attn.atom<"dpbusd", 1 by 16 by 4, rate = 1055>]>} {
func.func @layer(%x: !x, %q: !attn.weight<[576, 576], q4_1>, %f: !attn.weight<[576, 576], f32>) -> (!x, !x, !x) {
  // CHECK: schedule = #attn.linear_schedule<atom = "dpbusd", rows = 8, panels = 3, block_rows = 256, block_panels = 12, block_k = 288>
  // SLOW: schedule = #attn.linear_schedule<atom = "fma_f32", rows = 8, panels = 3, block_rows = 256, block_panels = 12, block_k = 128>
  // AMX: schedule = #attn.linear_schedule<atom = "amx_int8", rows = 32, panels = 2, block_rows = 256, block_panels = 12, block_k = 288>
  %y = attn.fused_linear %x, [%q] prologue {
  ^bb0(%p: !x):
    attn.yield %p : !x
  } epilogue {
  ^bb0(%e: !x):
    attn.yield %e : !x
  } : !x, [!attn.weight<[576, 576], q4_1>] -> !x
  // One weight of f32 takes multiply-adds for all.
  // CHECK: schedule = #attn.linear_schedule<atom = "fma_f32"
  // SLOW: schedule = #attn.linear_schedule<atom = "fma_f32"
  // AMX: schedule = #attn.linear_schedule<atom = "fma_f32"
  %z:2 = attn.fused_linear %x, [%q, %f] prologue {
  ^bb0(%p: !x):
    attn.yield %p : !x
  } epilogue {
  ^bb0(%e: !x, %g: !x):
    attn.yield %e, %g : !x, !x
  } : !x, [!attn.weight<[576, 576], q4_1>, !attn.weight<[576, 576], f32>] -> !x, !x
  return %y, %z#0, %z#1 : !x, !x, !x
}
}
