// RUN: split-file %s %t
// RUN: not heed-opt %t/model.mlir --attn-schedule=schedule-file=%t/absent 2>&1 | FileCheck %s --check-prefix=ABSENT
// ABSENT: absent:0:0: error: the schedule file cannot be read: No such file or directory
// RUN: not heed-opt %t/model.mlir --attn-schedule=schedule-file=%t/syntax 2>&1 | FileCheck %s --check-prefix=SYNTAX
// SYNTAX: syntax:2:44: error: a schedule file is one dictionary, {{.*}}: expected '='
// RUN: not heed-opt %t/model.mlir --attn-schedule=schedule-file=%t/list 2>&1 | FileCheck %s --check-prefix=LIST
// LIST: list:1:1: error: a schedule file is one dictionary
// RUN: not heed-opt %t/model.mlir --attn-schedule=schedule-file=%t/values 2>&1 | FileCheck %s --check-prefix=VALUES
// VALUES: values:2:3: error: schedule `f.attention.0`: a schedule of this op is written #attn.attention_schedule<{{.*}}, not #attn.linear_schedule<
// VALUES: values:6:3: error: schedule `f.linear.0`: block_rows must be a multiple of rows, up to 4096
// VALUES: values:4:5: error: schedule `atom`: the model has no op of this name
// VALUES: values:6:128: error: schedule `f.linear.1`: the model has no op of this name
// RUN: not heed-opt %t/model.mlir --attn-schedule=schedule-file=%t/atom 2>&1 | FileCheck %s --check-prefix=ATOM
// ATOM: error: schedule `f.attention.0`: the target has no atom amx_bf16
// RUN: sed -e 's/rate = 260>/rate = 260>, #attn.atom<"dpbf16", 1 by 16 by 2, rate = 508>, #attn.atom<"amx_bf16", 16 by 16 by 32, rate = 3290>/' %t/model.mlir > %t/pairs.mlir
// RUN: not heed-opt %t/pairs.mlir --attn-schedule=schedule-file=%t/pairs 2>&1 | FileCheck %s --check-prefix=PAIRS
// PAIRS: error: schedule `f.attention.0`: key_tile must be a multiple of 2 for dpbf16
// PAIRS: error: schedule `f.linear.0`: rows must be a multiple of 16, and sums and operands at most 8 tiles
// RUN: sed -e 's/rate = 260>/rate = 260>, #attn.atom<"dpbusd", 1 by 16 by 4, rate = 1055>/' %t/model.mlir > %t/bytes.mlir
// RUN: not heed-opt %t/bytes.mlir --attn-schedule=schedule-file=%t/bytes 2>&1 | FileCheck %s --check-prefix=BYTES
// BYTES: error: schedule `f.linear.0`: the weights are not all in blocks of integers, which dpbusd multiplies
// RUN: sed -e 's/rate = 260>/rate = 260>, #attn.atom<"amx_f16", 16 by 16 by 32, rate = 3290>/' %t/model.mlir > %t/f16.mlir
// RUN: not heed-opt %t/f16.mlir --attn-schedule=schedule-file=%t/f16 2>&1 | FileCheck %s --check-prefix=F16
// F16: error: schedule `f.linear.0`: the weights are not all of f16, which amx_f16x2 multiplies
// RUN: not heed-opt %t/model.mlir --attn-schedule=schedule-file=%t/queries 2>&1 | FileCheck %s --check-prefix=QUERIES
// QUERIES: error: schedule `f.attention.0`: queries must be a multiple of 16 (the lanes of a vector), up to 384
// RUN: not heed-opt %t/no-target.mlir --attn-schedule 2>&1 | FileCheck %s --check-prefix=TARGET
// TARGET: no-target.mlir:1:1: error: the module has no attn.target
// RUN: not heed-opt %t/no-atom.mlir --attn-schedule 2>&1 | FileCheck %s --check-prefix=NOATOM
// RUN: not heed-opt %t/no-target.mlir --attn-schedule=numerics=f17 2>&1 | FileCheck %s --check-prefix=NUMERICS
// NUMERICS: error: numerics are f32, bf16 or bf16x6, not f17
// NOATOM: error: target "old" has no atom for f32

//--- model.mlir
!x = tensor<4x8x16xf32, #attn.axes<[heads, q, head]>>
!k = tensor<4x8x16xf32, #attn.axes<[heads, kv, head]>>
!y = tensor<?x64xf32, #attn.axes<[token, model]>>
module attributes {attn.target = #attn.target<"t", features = "", vector = 512, registers = 32, l1 = 32768, l2 = 1048576, atoms = [#attn.atom<"fma_f32", 1 by 16 by 1, rate = 260>]>} {
func.func @f(%q: !x, %k: !k, %y: !y, %w: !attn.weight<[64, 64], f32>) -> (!x, !y) {
  %o = attn.attention %q, %k, %k mask <(q, kv) : ""> {scale = 0.25, q_axis = "q", kv_axis = "kv"} : !x, !k, !k -> !x
  %z = attn.fused_linear %y, [%w] prologue {
  ^bb0(%p: !y):
    attn.yield %p : !y
  } epilogue {
  ^bb0(%e: !y):
    attn.yield %e : !y
  } : !y, [!attn.weight<[64, 64], f32>] -> !y
  return %o, %z : !x, !y
}
}
//--- pairs
{
  "f.attention.0" = #attn.attention_schedule<atom = "dpbf16", queries = 48, keys = 126, key_tile = 7, head_tile = 8>,
  "f.linear.0" = #attn.linear_schedule<atom = "amx_bf16", rows = 32, panels = 3, block_rows = 32, block_panels = 3, block_k = 64>
}
//--- no-target.mlir
module {
}
//--- no-atom.mlir
module attributes {attn.target = #attn.target<"old", features = "", vector = 128, registers = 16, l1 = 32768, l2 = 1048576, atoms = [#attn.atom<"other", 1 by 4 by 1, rate = 1>]>} {
}
//--- syntax
{
  "f.linear.0" = #attn.linear_schedule<atom : "fma_f32", rows = 4>
}
//--- list
[1]
//--- values
{
  "f.attention.0" = #attn.linear_schedule<atom = "fma_f32", rows = 4, panels = 2, block_rows = 62, block_panels = 4, block_k = 96>,
  // Nor is a name in a comment, "f.linear.0" =, or in an entry, as atom, the entry's.
    atom = #attn.linear_schedule<atom = "fma_f32", rows = 4, panels = 2, block_rows = 64, block_panels = 4, block_k = 96>,

  f.linear.0 = #attn.linear_schedule<atom = "fma_f32", rows = 4, panels = 2, block_rows = 62, block_panels = 4, block_k = 96>, "f.linear.1" = #attn.linear_schedule<atom = "fma_f32", rows = 4, panels = 2, block_rows = 64, block_panels = 4, block_k = 96>
}
//--- atom
{
  "f.attention.0" = #attn.attention_schedule<atom = "amx_bf16", queries = 16, keys = 64, key_tile = 4, head_tile = 4>
}

//--- queries
{
  "f.attention.0" = #attn.attention_schedule<atom = "fma_f32", queries = 400, keys = 128, key_tile = 8, head_tile = 8>
}

//--- bytes
{
  "f.linear.0" = #attn.linear_schedule<atom = "dpbusd", rows = 8, panels = 1, block_rows = 8, block_panels = 1, block_k = 32>
}

//--- f16
{
  "f.linear.0" = #attn.linear_schedule<atom = "amx_f16x2", rows = 32, panels = 2, block_rows = 32, block_panels = 2, block_k = 64>
}
