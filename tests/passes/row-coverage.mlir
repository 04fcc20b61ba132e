// RUN: heed-opt %s --attn-row-coverage --remarks-filter=attn 2>&1 >/dev/null | FileCheck %s

!q = tensor<?x4x16xf32, #attn.axes<[q, heads, head]>>
!k = tensor<?x4x16xf32, #attn.axes<[kv, heads, head]>>
!x = tensor<?x4x16xf32, #attn.axes<[token, heads, head]>>

func.func @rows(%x: !x, %q: !q, %k: !k, %doc: tensor<?xi32, #attn.axes<[token]>>) -> (!x, !x, !q, !x, !x, !x) {
  // CHECK: [Analysis] row-coverage | Category:attn | Remark="every row sees a key"
  // CHECK-NEXT: %causal =
  %causal = attn.attention %x, %x, %x mask <(q, kv) : "q - kv >= 0"> {scale = 0.125, q_axis = "token", kv_axis = "token"} : !x, !x, !x -> !x
  // CHECK: Remark="rows [0, min(L, 4)) see no key: they yield zeros"
  // CHECK-NEXT: %strict =
  %strict = attn.attention %x, %x, %x mask <(q, kv) : "q - kv - 4 >= 0"> {scale = 0.125, q_axis = "token", kv_axis = "token"} : !x, !x, !x -> !x
  // Queries behind the last key and its window, whatever the lengths.
  // CHECK: Remark="rows [L + 7, ∞) see no key: they yield zeros"
  // CHECK-NEXT: %beyond =
  %beyond = attn.attention %q, %k, %k mask <(q, kv) : "q - kv >= 0, kv - q + 7 >= 0"> {scale = 0.125, q_axis = "q", kv_axis = "kv"} : !q, !k, !k -> !q
  // CHECK: [Missed] row-coverage | Category:attn | Remark="not proved, d is looked up per token
  // CHECK: %padded =
  %padded = attn.attention %x, %x, %x tables(%doc : tensor<?xi32, #attn.axes<[token]>>) mask <(q, kv)[d : doc[kv]] : "d - 1 == 0"> {scale = 0.125, q_axis = "token", kv_axis = "token", table_names = ["doc"]} : !x, !x, !x -> !x
  // A row sees itself, whatever document it is of.
  // CHECK: Remark="every row sees a key"
  // CHECK: %packed =
  %packed = attn.attention %x, %x, %x tables(%doc : tensor<?xi32, #attn.axes<[token]>>) mask <(q, kv)[a : doc[q], b : doc[kv]] : "q - kv >= 0, a - b == 0"> {scale = 0.125, q_axis = "token", kv_axis = "token", table_names = ["doc"]} : !x, !x, !x -> !x
  // The first row surely sees none; what the others see is up to the table.
  // CHECK: Remark="rows [0, 1) see no key: they yield zeros"
  // CHECK: %others =
  %others = attn.attention %x, %x, %x tables(%doc : tensor<?xi32, #attn.axes<[token]>>) mask <(q, kv)[a : doc[q], b : doc[kv]] : "q - kv - 1 >= 0, a - b == 0"> {scale = 0.125, q_axis = "token", kv_axis = "token", table_names = ["doc"]} : !x, !x, !x -> !x
  return %causal, %strict, %beyond, %padded, %packed, %others : !x, !x, !q, !x, !x, !x
}
