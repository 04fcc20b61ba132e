// RUN: heed-opt %s --attn-mask-cost=length=4096 --remarks-filter=attn 2>&1 >/dev/null | FileCheck %s

!x = tensor<?x4x16xf32, #attn.axes<[token, heads, head]>>
!s = tensor<96x16xf32, #attn.axes<[token, head]>>

func.func @cost(%x: !x, %s: !s, %doc: tensor<?xi32, #attn.axes<[token]>>) -> (!x, !x, !s, !x) {
  // Half of the square; 48 queries a tile visit half a tile too much each.
  // CHECK: Remark="allowed pairs of a head: (Lq * Lq + Lq) / 2"
  // CHECK: Remark="with 4096 queries and 4096 keys: 8390656 pairs allowed, 8486656 visited in tiles of 48 queries, 1.011 times the allowed"
  // CHECK: Remark="work of the busiest of 2, 4, 8, 16, 32, 64 threads over the mean: 1.00 1.00 1.01 1.03 1.08 1.21"
  // CHECK: %causal =
  %causal = attn.attention %x, %x, %x mask <(q, kv) : "q - kv >= 0"> {scale = 0.125, q_axis = "token", kv_axis = "token"} : !x, !x, !x -> !x
  // CHECK: Remark="with 4096 queries and 4096 keys: 1015936 pairs allowed, 1201696 visited in tiles of 48 queries, 1.183 times the allowed"
  // CHECK: threads over the mean: 1.00 1.00 1.00 1.02 1.07 1.16"
  // CHECK: %window =
  %window = attn.attention %x, %x, %x mask <(q, kv) : "q - kv >= 0, kv - q + 255 >= 0"> {scale = 0.125, q_axis = "token", kv_axis = "token"} : !x, !x, !x -> !x
  // Lengths that the types know are taken from them.
  // CHECK: Remark="with 96 queries and 96 keys: 9216 pairs allowed, 9216 visited in tiles of 48 queries, 1.000 times the allowed"
  // CHECK: %all =
  %all = attn.attention %s, %s, %s mask <(q, kv) : ""> {scale = 0.125, q_axis = "token", kv_axis = "token"} : !s, !s, !s -> !s
  // CHECK: Remark="allowed pairs of a head: (Lq * Lq + Lq) / 2, less what the tables forbid"
  // CHECK: visited in tiles of 48 queries, 1.011 times the allowed, before the tables are looked at"
  // CHECK: %documents =
  %documents = attn.attention %x, %x, %x tables(%doc : tensor<?xi32, #attn.axes<[token]>>) mask <(q, kv)[a : doc[q], c : doc[kv]] : "q - kv >= 0, a - c == 0"> {scale = 0.125, q_axis = "token", kv_axis = "token", table_names = ["doc"]} : !x, !x, !x -> !x
  return %causal, %window, %all, %documents : !x, !x, !s, !x
}
