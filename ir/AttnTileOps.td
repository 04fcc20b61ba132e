//===- AttnTileOps.td - Attention as loops over tiles ---------*- tablegen -*-===//
//
// One query tile holds R rows in lanes: row r is query r floordiv G of grouped head r mod G. Everything of a tile that
// has a row axis is stored with that axis last, so that a vector register holds one key's or one feature's value of
// `lanes` rows. The tile's state is m (running maximum), l (running sum) and o (running output, transposed).
//
//===------------------------------------------------------------------------===//
#ifndef HEED_IR_ATTNTILEOPS_TD
#define HEED_IR_ATTNTILEOPS_TD

include "ir/AttnBase.td"
include "mlir/IR/CommonTypeConstraints.td"
include "mlir/Interfaces/SideEffectInterfaces.td"

/// Statistics of R rows.
def Attn_RowsMemRef : MemRefRankOf<[F32], [1]>;
/// [x, R]: x is a feature, or a key of the block.
def Attn_TileMemRef : MemRefRankOf<[F32], [2]>;
/// [ceil(x / 2), 2 R]: two features or keys of a row side by side, as the atoms of bf16 read them.
def Attn_PairsMemRef : MemRefRankOf<[BF16], [2]>;
def Attn_TileOrPairsMemRef : MemRefRankOf<[F32, BF16], [2]>;
/// [queries, G, head]: the queries or outputs of the heads that share one kv head.
def Attn_GroupMemRef : MemRefRankOf<[F32, BF16], [3]>;
/// [keys, head]: one kv head.
def Attn_KeysMemRef : MemRefRankOf<[F32, BF16], [2]>;

class Attn_Reads<Type type> : Arg<type, "", [MemRead]>;
class Attn_Writes<Type type> : Arg<type, "", [MemWrite]>;
class Attn_Updates<Type type> : Arg<type, "", [MemRead, MemWrite]>;

def Attn_TileLoadQueriesOp : Attn_TileOp<"tile_load_queries"> {
  let summary = "qt[d, j] = scale q[r floordiv G, r mod G, d] with r = row + j";
  let description = [{
    Rows past row + rows - 1 repeat that row: their results are computed and dropped. In pairs, features past the head
    are zero. C1: qt is [head, R] with R a multiple of lanes, or pairs of features.
  }];
  let arguments = (ins Attn_Reads<Attn_GroupMemRef>:$q, Index:$row, Index:$rows, Attn_Writes<Attn_TileOrPairsMemRef>:$qt, F64Attr:$scale,
                       I64Attr:$lanes);
  let assemblyFormat = "$q `[` $row `for` $rows `]` `by` $scale `into` $qt `lanes` $lanes attr-dict `:` type($q) `to` type($qt)";
  let hasVerifier = 1;
}

def Attn_TilePositionsOp : Attn_TileOp<"tile_positions"> {
  let summary = "positions[j] = past + r floordiv group, with r as in tile_load_queries";
  let arguments = (ins Index:$row, Index:$rows, Index:$past, I64Attr:$group, Attn_Writes<MemRefRankOf<[I32], [1]>>:$positions,
                       I64Attr:$lanes);
  let assemblyFormat = "`[` $row `for` $rows `]` `past` $past `group` $group `into` $positions `lanes` $lanes attr-dict `:` type($positions)";
}

def Attn_TileStartOp : Attn_TileOp<"tile_start", [AllTypesMatch<["m", "mx", "l"]>, AttrSizedOperandSegments]> {
  let summary = "the state before the first key";
  let description = [{
    m = mx = the lowest finite f32 (finite, so that no inf - inf arises), l = 0, o = 0. With sinks [G]: m = mx = log2(e)
    sinks[r mod G] and l = 1, which is the sink's share of the denominator.
  }];
  let arguments = (ins Attn_Writes<Attn_RowsMemRef>:$m, Attn_Writes<Attn_RowsMemRef>:$mx, Attn_Writes<Attn_RowsMemRef>:$l, Attn_Writes<Attn_TileMemRef>:$o,
                       Arg<Optional<MemRefRankOf<[F32], [1]>>, "", [MemRead]>:$sinks, Optional<Index>:$row, I64Attr:$lanes);
  let assemblyFormat = [{ $m `,` $mx `,` $l `,` $o (`sinks` $sinks^ `[` $row `]`)? `lanes` $lanes attr-dict
    `:` type($m) `,` type($o) (`,` type($sinks)^)? }];
}

def Attn_TilePackKeysOp : Attn_TileOp<"tile_pack_keys"> {
  let summary = "keys as elements of kp: kp[j, d] = k[from + j, d] for j < count; zero for features past the head";
  let arguments = (ins Attn_Reads<Attn_KeysMemRef>:$k, Index:$from, Index:$count, Attn_Writes<Attn_KeysMemRef>:$kp, I64Attr:$lanes);
  let assemblyFormat = "$k `[` $from `for` $count `]` `into` $kp `lanes` $lanes attr-dict `:` type($k) `to` type($kp)";
}

def Attn_TilePackValuesOp : Attn_TileOp<"tile_pack_values"> {
  let summary = "the values of a block, as the atom of tile_combine reads them";
  let description = [{
    For keys j < count, zeros up to the next whole step of the atom. dpbf16: vp[j floordiv 2, 2 d + j mod 2] = v[from + j, d].
    amx_bf16: vp[d, j] = v[from + j, d], rows past the head are not read.
    fma_f32: panels of w features, one after the other, vp[(d floordiv w) n + j, d mod w] = v[from + j, d] of f32, where vp is
    [panels n, w]; more than count keys fit in a panel.
  }];
  let arguments = (ins Attn_Reads<Attn_KeysMemRef>:$v, Index:$from, Index:$count, Attn_Writes<Attn_KeysMemRef>:$vp, StrAttr:$atom,
                       I64Attr:$lanes);
  let assemblyFormat = "$v `[` $from `for` $count `]` `into` $vp `atom` $atom `lanes` $lanes attr-dict `:` type($v) `to` type($vp)";
}

def Attn_TileScoresOp : Attn_TileOp<"tile_scores", [AttrSizedOperandSegments, RecursiveMemoryEffects]> {
  let summary = "s[j, r] = map(scale sum over d of k[from + j, d] qt[d, r]) where mask; mx = max(mx, s)";
  let description = [{
    For the keys from <= kv < from + count. The map region takes (score: f32, q: index, kv: index) and yields the new
    score; the mask region takes (q: index, kv: index) and yields whether the pair is allowed: a forbidden pair's score is
    -infinity. Without the region: no rule, all allowed. Pairs with kv in one of the `full` ranges are known to be allowed;
    the mask runs only where a register tile leaves them. s[j, r] up to the next multiple of key_tile is -infinity.
    The positions q are those of tile_positions. With `base`, k's first row is the key `base`. `atom` computes pairs of
    features in bf16; without it they are f32.
    C1: qt is [head, R], s is [keys, R], mx is [R], R a multiple of lanes, keys of key_tile. C2: positions are given when a
    region uses q. C3: full has two bounds for each range.
    C4: an atom of bf16 takes qt in pairs and k of bf16. Without one k is of f32, or of bf16 where keys are in lanes.
  }];
  let arguments = (ins Attn_Reads<Attn_TileOrPairsMemRef>:$qt, Attn_Reads<Attn_KeysMemRef>:$k, Index:$from, Index:$count,
                       Attn_Updates<Attn_RowsMemRef>:$mx, Attn_Writes<Attn_TileMemRef>:$s, Variadic<Index>:$full,
                       Arg<Optional<MemRefRankOf<[I32], [1]>>, "", [MemRead]>:$positions, Optional<Index>:$base, I64Attr:$keyTile,
                       I64Attr:$lanes, OptionalAttr<StrAttr>:$atom, OptionalAttr<F64Attr>:$scale);
  let regions = (region MaxSizedRegion<1>:$map, MaxSizedRegion<1>:$mask);
  let assemblyFormat = [{ $qt `,` $k `[` $from `for` $count `]` `max` $mx `into` $s (`base` $base^)? (`full` `(` $full^ `)`)?
    (`by` $scale^)? (`atom` $atom^)? (`positions` $positions^ `:` type($positions))? (`map` $map^)? (`mask` $mask^)? `key_tile` $keyTile `lanes` $lanes
    attr-dict `:` type($qt) `,` type($k) `,` type($mx) `to` type($s) }];
  let hasVerifier = 1;
}

def Attn_TileSoftmaxOp : Attn_TileOp<"tile_softmax", [AllTypesMatch<["m", "mx", "l", "alpha"]>]> {
  let summary = "scores become weights: s = 2^(scale (s - mx)), alpha = 2^(scale (m - mx)), l = l alpha + sum of s, m = mx";
  let description = [{
    Over the first `count` keys, rounded up to key_tile (tile_scores left -infinity there, whose weight is exactly 0).
    Scores are in units of log 2; weights under 2^-126 become 0. With p, the weights are written there as pairs of keys in
    bf16, which may be the memory of s, and l sums what is written. The scale is 1 unless it is given, and at most that.
  }];
  let arguments = (ins Attn_Updates<Attn_TileMemRef>:$s, Index:$count, Attn_Updates<Attn_RowsMemRef>:$m, Attn_Reads<Attn_RowsMemRef>:$mx,
                       Attn_Updates<Attn_RowsMemRef>:$l, Attn_Writes<Attn_RowsMemRef>:$alpha,
                       Arg<Optional<Attn_PairsMemRef>, "", [MemWrite]>:$p, I64Attr:$keyTile, I64Attr:$lanes,
                       OptionalAttr<F64Attr>:$scale);
  let assemblyFormat = [{ $s `[` $count `]` `state` $m `,` $mx `,` $l `alpha` $alpha (`by` $scale^)? (`into` $p^ `:` type($p))? `key_tile` $keyTile
    `lanes` $lanes attr-dict `:` type($s) `,` type($m) }];
}

def Attn_TileCombineOp : Attn_TileOp<"tile_combine"> {
  let summary = "o[d, r] = alpha[r] o[d, r] + sum over j < count of p[j, r] v[from + j, d]";
  let description = [{ 
    The sum of a block starts at zero and is added once: the error of long rows grows with blocks, not keys. With an atom, p
    is in pairs of keys and v is as tile_pack_values packs it.
  }];
  let arguments = (ins Attn_Reads<Attn_TileOrPairsMemRef>:$p, Attn_Reads<Attn_KeysMemRef>:$v, Index:$from, Index:$count,
                       Attn_Reads<Attn_RowsMemRef>:$alpha, Attn_Updates<Attn_TileMemRef>:$o, I64Attr:$headTile, I64Attr:$lanes,
                       OptionalAttr<StrAttr>:$atom);
  let assemblyFormat = [{ $p `,` $v `[` $from `for` $count `]` `alpha` $alpha `into` $o (`atom` $atom^)? `head_tile` $headTile `lanes` $lanes attr-dict
    `:` type($p) `,` type($v) `,` type($alpha) `to` type($o) }];
}

def Attn_TileStoreOp : Attn_TileOp<"tile_store"> {
  let summary = "out[r floordiv G, r mod G, d] = o[d, j] / l[j] for r = row + j, j < rows; zeros where l is 0";
  let description = [{ Outputs of bf16 are rounded to nearest even. C1: o is [head, R] with R a multiple of lanes. }];
  let arguments = (ins Attn_Reads<Attn_TileMemRef>:$o, Attn_Reads<Attn_RowsMemRef>:$l, Attn_Writes<Attn_GroupMemRef>:$out, Index:$row,
                       Index:$rows, I64Attr:$lanes);
  let assemblyFormat = [{ $o `,` $l `into` $out `[` $row `for` $rows `]` `lanes` $lanes attr-dict
    `:` type($o) `,` type($l) `to` type($out) }];
  let hasVerifier = 1;
}

#endif
