// RUN: heed-opt %s --attn-tile-bounds --remarks-filter=attn 2>&1 >/dev/null | FileCheck %s
// RUN: heed-opt %s --attn-tile-bounds | heed-opt | FileCheck %s --check-prefix=IR

!x = tensor<?x4x16xf32, #attn.axes<[token, heads, head]>>
!c = !attn.cache<2 by 16, f32>
!q = tensor<4x8x16xf32, #attn.axes<[heads, q, head]>>
!k = tensor<4x6x16xf32, #attn.axes<[heads, kv, head]>>

// IR-LABEL: @cache
func.func @cache(%q: !x, %c: !c, %rows: !attn.ragged<token>, %doc: tensor<?xi32, #attn.axes<[token]>>) -> (!x, !x, !x, !x, !x, !x) {
  // CHECK: [Analysis] tile-bounds | Category:attn | Remark="a tile of queries q0 to q1 visits full [0, q0 + 1); partial [q0 + 1, q1)"
  // CHECK-NEXT: %causal =
  // IR: attn.attention {{.*}}tile_bounds = #attn.tile_bounds<exact = true, [<full, from ()[s0, s1, s2] -> (0) to ()[s0, s1, s2] -> (s0 + 1)>, <partial, from ()[s0, s1, s2] -> (s0 + 1) to ()[s0, s1, s2] -> (s1)>]>
  %causal = attn.attention %q, %c, %c q_rows(%rows : !attn.ragged<token>) mask <(q, kv) : "q - kv >= 0"> {scale = 0.125, q_axis = "token", kv_axis = "kv"} : !x, !c, !c -> !x

  // CHECK: visits full [0, L)"
  // CHECK-NEXT: %all =
  %all = attn.attention %q, %c, %c q_rows(%rows : !attn.ragged<token>) mask <(q, kv) : ""> {scale = 0.125, q_axis = "token", kv_axis = "kv"} : !x, !c, !c -> !x

  // A window: its two edges are partial, what lies between is full.
  // CHECK: visits partial [max(q0 - W + 1, 0), min(q1 - W, q0 + 1)); full [max(q1 - W, 0), q0 + 1); partial [q0 + 1, q1) if W - 1 >= 0"
  // CHECK-NEXT: %window =
  // IR: if "s3 - 1 >= 0">
  %window = attn.attention %q, %c, %c q_rows(%rows : !attn.ragged<token>) mask <(q, kv)[W] : "q - kv >= 0, kv - q + W - 1 >= 0"> {scale = 0.125, q_axis = "token", kv_axis = "kv"} : !x, !c, !c -> !x

  // Two ranges apart: the first four keys, and the window.
  // CHECK: visits full [0, min(q0 + 1, 4)); partial [max(q0 - 4095, 4), min(q1 - 4096, q0 + 1)); full [max(q1 - 4096, 4), q0 + 1); partial [q0 + 1, q1)"
  // CHECK-NEXT: %first =
  %first = attn.attention %q, %c, %c q_rows(%rows : !attn.ragged<token>) mask <(q, kv) : "q - kv >= 0, kv - q + 4095 >= 0" or "q - kv >= 0, 3 - kv >= 0"> {scale = 0.125, q_axis = "token", kv_axis = "kv"} : !x, !c, !c -> !x

  // Documents: the loops are those of the mask without its table, which the kernel looks at.
  // CHECK: visits full [0, q0 + 1); partial [q0 + 1, q1); of these only the keys where some query of the tile has doc[q] - doc[kv] == 0, found when it runs if the table is sorted along the keys"
  // CHECK-NEXT: %documents =
  // IR: tile_bounds = #attn.tile_bounds<exact = true, [<full, from ()[s0, s1, s2, s3, s4] -> (0) to ()[s0, s1, s2, s3, s4] -> (s0 + 1)>
  %documents = attn.attention %q, %c, %c q_rows(%rows : !attn.ragged<token>) tables(%doc : tensor<?xi32, #attn.axes<[token]>>)
      mask <(q, kv)[dq : doc[q], dk : doc[kv]] : "q - kv >= 0, dq - dk == 0"> {scale = 0.125, q_axis = "token", kv_axis = "kv", table_names = ["doc"]} : !x, !c, !c -> !x

  // A table in one disjunct alone is no condition on all pairs.
  // CHECK: visits full [0, min(q0 + 1, 4)); partial [4, q0 + 1); partial [q0 + 1, q1)"
  // CHECK: [Missed] tile-bounds | Category:attn | Remark="more keys are visited or masked than the mask needs: dq is looked up per token"
  // CHECK-NEXT: %some_documents =
  %some_documents = attn.attention %q, %c, %c q_rows(%rows : !attn.ragged<token>) tables(%doc : tensor<?xi32, #attn.axes<[token]>>)
      mask <(q, kv)[dq : doc[q], dk : doc[kv]] : "q - kv >= 0, dq - dk == 0" or "q - kv >= 0, 3 - kv >= 0"> {scale = 0.125, q_axis = "token", kv_axis = "kv", table_names = ["doc"]} : !x, !c, !c -> !x

  // CHECK: [Missed] tile-bounds | Category:attn | Remark="more keys are visited or masked than the mask needs: ranges of keys hold those between keys at a stride"
  // CHECK-NEXT: %strided =
  %strided = attn.attention %q, %c, %c q_rows(%rows : !attn.ragged<token>) mask <(q, kv) : "q - kv >= 0, (q - kv) mod 4 == 0"> {scale = 0.125, q_axis = "token", kv_axis = "kv"} : !x, !c, !c -> !x

  // A tile of keys may lie between two of a wide stride: it is asked.
  // CHECK: visits partial [0, q1); of these only tiles of keys that the mask may need, asked of each before it is loaded"
  // CHECK-NOT: Missed
  // CHECK: %wide =
  %wide = attn.attention %q, %c, %c q_rows(%rows : !attn.ragged<token>) mask <(q, kv) : "q - kv >= 0, (q - kv) mod 128 == 0"> {scale = 0.125, q_axis = "token", kv_axis = "kv"} : !x, !c, !c -> !x

  // Windows of an image of 56 columns: the rows of the windows bound the keys, the columns are asked.
  // CHECK: visits partial [(q0 floordiv 392) * 392, min(((q1 + 391) floordiv 392) * 392, L)); of these only tiles
  // CHECK: %image =
  // IR: (s0 floordiv 392) * 392
  %image = attn.attention %q, %c, %c q_rows(%rows : !attn.ragged<token>)
      mask <(q, kv) : "(q floordiv 56) floordiv 7 - (kv floordiv 56) floordiv 7 == 0, (q mod 56) floordiv 7 - (kv mod 56) floordiv 7 == 0"> {scale = 0.125, q_axis = "token", kv_axis = "kv"} : !x, !c, !c -> !x
  return %causal, %all, %window, %first, %documents, %strided : !x, !x, !x, !x, !x, !x
}

// Keys may end before the tile does: here 6 keys for 8 queries.
// IR-LABEL: @fewer_keys
func.func @fewer_keys(%q: !q, %k: !k) -> !q {
  // CHECK: visits full [0, min(L, q0 + 1)); partial [q0 + 1, min(L, q1))"
  // CHECK-NEXT: %causal =
  %causal = attn.attention %q, %k, %k mask <(q, kv) : "q - kv >= 0"> {scale = 0.125, q_axis = "q", kv_axis = "kv"} : !q, !k, !k -> !q
  return %causal : !q
}

// Queries and keys along one axis: as many of both.
!t = tensor<?x4x16xf32, #attn.axes<[token, heads, head]>>
func.func @one_axis(%q: !t, %k: !t) -> !t {
  // CHECK: visits full [0, q0 + 1); partial [q0 + 1, q1)"
  // CHECK-NEXT: %causal =
  %causal = attn.attention %q, %k, %k mask <(q, kv) : "q - kv >= 0"> {scale = 0.125, q_axis = "token", kv_axis = "token"} : !t, !t, !t -> !t
  return %causal : !t
}
