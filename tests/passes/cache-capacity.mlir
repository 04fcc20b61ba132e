// RUN: heed-opt %s --attn-cache-capacity --remarks-filter=attn 2>&1 >/dev/null | FileCheck %s

!x = tensor<?x4x16xf32, #attn.axes<[token, heads, head]>>
!c = !attn.cache<2 by 16, f32>

func.func @cache(%q: !x, %c: !c, %rows: !attn.ragged<token>) -> (!x, !x, !x, !x) {
  // CHECK: [Analysis] cache-capacity | Category:attn | Remark="later queries see all past keys
  // CHECK: %causal =
  %causal = attn.attention %q, %c, %c q_rows(%rows : !attn.ragged<token>) mask <(q, kv) : "q - kv >= 0"> {scale = 0.125, q_axis = "token", kv_axis = "kv"} : !x, !c, !c -> !x
  // CHECK: Remark="later queries see the last 1023"
  // CHECK-NEXT: %window =
  %window = attn.attention %q, %c, %c q_rows(%rows : !attn.ragged<token>) mask <(q, kv) : "q - kv >= 0, kv - q + 1023 >= 0"> {scale = 0.125, q_axis = "token", kv_axis = "kv"} : !x, !c, !c -> !x
  // CHECK: Remark="later queries see the last 1023 and the first 4"
  // CHECK-NEXT: %sinks =
  %sinks = attn.attention %q, %c, %c q_rows(%rows : !attn.ragged<token>) mask <(q, kv) : "q - kv >= 0, kv - q + 1023 >= 0" or "q - kv >= 0, 3 - kv >= 0"> {scale = 0.125, q_axis = "token", kv_axis = "kv"} : !x, !c, !c -> !x
  // CHECK: Remark="later queries see the last
  // CHECK: %chunks =
  %chunks = attn.attention %q, %c, %c q_rows(%rows : !attn.ragged<token>) mask <(q, kv) : "q - kv >= 0, q floordiv 64 - kv floordiv 64 == 0"> {scale = 0.125, q_axis = "token", kv_axis = "kv"} : !x, !c, !c -> !x
  return %causal, %window, %sinks, %chunks : !x, !x, !x, !x
}
