//===- AttnAttrs.td - Axes, masks, targets, tile bounds ------*- tablegen -*-===//
#ifndef HEED_IR_ATTNATTRS_TD
#define HEED_IR_ATTNATTRS_TD

include "ir/AttnBase.td"
include "mlir/IR/BuiltinAttributeInterfaces.td"
include "mlir/IR/TensorEncoding.td"

def Attn_AxesAttr : Attn_Attr<"Axes", "axes", [DeclareAttrInterfaceMethods<VerifiableTensorEncoding>]> {
  let summary = "the names of a tensor's axes";
  let description = [{
    `tensor<?x576xf32, #attn.axes<[token, model]>>`. Names are open; one name means one size throughout a function.
    Reserved roles: `heads`, `kv_heads`, `head` (the contracted axis of scores), `q` and `kv` (the axes of scores).
    C1: one name an axis. C2: names are distinct.
  }];
  let parameters = (ins ArrayRefParameter<"::mlir::StringAttr">:$names);
  let hasCustomAssemblyFormat = 1;
}

def Attn_MaskSymbolAttr : Attn_Attr<"MaskSymbol", "mask_symbol"> {
  let summary = "one symbol of a mask: a named integer, or a table's value at q, kv, h or b";
  let description = [{
    `W` (a named integer; `q_len` and `kv_len` are the lengths, `h` the head, `b` the batch) or `doc_q : doc[q]`.
    A symbol that depends on q or kv is opaque to the analyses: they stay sound without it.
  }];
  let parameters = (ins "::mlir::StringAttr":$name, "::mlir::StringAttr":$table, EnumParameter<Attn_SymbolIndex>:$index);
  let hasCustomAssemblyFormat = 1;
  let extraClassDeclaration = [{
    /// True when the value differs between the elements of one tile.
    bool isOpaque() const { return getIndex() == SymbolIndex::Query || getIndex() == SymbolIndex::Key; }
    /// True when the value differs between heads: the symbol `h` itself, or a table indexed by h.
    bool dependsOnHead() const;
  }];
}

def Attn_MaskAttr : Attn_Attr<"Mask", "mask"> {
  let summary = "which (q, kv) pairs may meet: a union of integer sets";
  let description = [{
    `#attn.mask<(q, kv)[W] : "q - kv >= 0, kv - q + W - 1 >= 0" or "3 - kv >= 0">`: q and kv are absolute positions.
    Each string is a conjunction; `or` unites them. `#attn.mask<(q, kv) : "">` allows everything.
    Never evaluated on tokens by the compiler; evaluated per element only in partial tiles.
    C1: every constraint is affine in q, kv and the symbols. C2: floordiv and mod only by positive constants.
  }];
  let parameters = (ins ArrayRefParameter<"::heed::attn::MaskSymbolAttr">:$symbols, ArrayRefParameter<"::mlir::IntegerSet">:$disjuncts);
  let hasCustomAssemblyFormat = 1;
  let genVerifyDecl = 1;
  let extraClassDeclaration = [{
    /// The mask that allows every pair.
    static MaskAttr all(::mlir::MLIRContext *context);
    /// True when some disjunct has no constraint but trivial ones.
    bool allowsAll() const;
    /// True when a symbol depends on the head.
    bool dependsOnHead() const;
  }];
}

def Attn_AtomAttr : Attn_Attr<"Atom", "atom"> {
  let summary = "the smallest matrix multiply that a machine does at full rate";
  let description = [{
    `#attn.atom<"fma_f32", 1 by 16 by 1, rate = 260>`: kind, rows x columns x depth of one issue, and the measured
    GFLOP/s (GOP/s for integers) of one core.
  }];
  let parameters = (ins "::mlir::StringAttr":$kind, "int64_t":$m, "int64_t":$n, "int64_t":$k, "int64_t":$rate);
  let assemblyFormat = "`<` $kind `,` $m `by` $n `by` $k `,` `rate` `=` $rate `>`";
}

def Attn_TargetAttr : Attn_Attr<"Target", "target"> {
  let summary = "the machine that code is generated for";
  let description = [{
    Features are LLVM's (`+avx512f,...`), vector is in bits, registers counts vector registers, caches are in bytes.
    Names of CPUs lie in virtual machines: only features and measured rates decide.
  }];
  let parameters = (ins "::mlir::StringAttr":$name, "::mlir::StringAttr":$features, "int64_t":$vector, "int64_t":$registers,
                    "int64_t":$l1, "int64_t":$l2, ArrayRefParameter<"::heed::attn::AtomAttr">:$atoms);
  let assemblyFormat = [{ `<` $name `,` `features` `=` $features `,` `vector` `=` $vector `,` `registers` `=` $registers `,`
    `l1` `=` $l1 `,` `l2` `=` $l2 `,` `atoms` `=` `[` $atoms `]` `>` }];
  let extraClassDeclaration = [{
    /// The atom of that kind, or null.
    AtomAttr findAtom(::llvm::StringRef kind) const;
    /// f32 lanes of a vector register.
    int64_t getLanes() const { return getVector() / 32; }
  }];
}

def Attn_TileLoopAttr : Attn_Attr<"TileLoop", "tile_loop"> {
  let summary = "one range of keys that a query tile visits";
  let description = [{
    kv runs over [max(lower), min(upper)) while guard holds. Maps and guard are over symbols
    [q0, q1, kv_len, then the mask's own symbols in order], for the query tile q0 <= q < q1. `full`: every pair of
    the range is allowed and no mask code runs; `partial`: the mask is evaluated per element.
  }];
  let parameters = (ins "bool":$full, "::mlir::AffineMap":$lower, "::mlir::AffineMap":$upper, "::mlir::IntegerSet":$guard);
  let hasCustomAssemblyFormat = 1;
}

def Attn_TileBoundsAttr : Attn_Attr<"TileBounds", "tile_bounds"> {
  let summary = "all the key ranges that a query tile visits: disjoint, in ascending order where that is static";
  let description = [{ `exact` says that no range is wider than the mask needs and none that could be full is partial. }];
  let parameters = (ins "bool":$exact, ArrayRefParameter<"::heed::attn::TileLoopAttr">:$loops);
  let assemblyFormat = "`<` `exact` `=` $exact `,` `[` $loops `]` `>`";
}

def Attn_AttentionScheduleAttr : Attn_Attr<"AttentionSchedule", "attention_schedule"> {
  let summary = "how an attention is tiled";
  let description = [{
    atom: computes both products. queries: rows (query x grouped head) of a query tile, in lanes. keys: keys of a block
    whose scores stay in L1. key_tile: keys of a register tile of the first product. head_tile: output features of a
    register tile of the second product.
  }];
  let parameters = (ins "::mlir::StringAttr":$atom, "int64_t":$queries, "int64_t":$keys, "int64_t":$keyTile, "int64_t":$headTile);
  let assemblyFormat = [{ `<` `atom` `=` $atom `,` `queries` `=` $queries `,` `keys` `=` $keys `,` `key_tile` `=` $keyTile `,`
    `head_tile` `=` $headTile `>` }];
}

def Attn_LinearScheduleAttr : Attn_Attr<"LinearSchedule", "linear_schedule"> {
  let summary = "how a linear is tiled";
  let description = [{
    atom: multiplies. rows by panels: the register tile (rows of x by panels of 16 outputs). block_rows, block_panels:
    the block that one work item computes, whose weights stay in L2; block_k: depth of one pass.
  }];
  let parameters = (ins "::mlir::StringAttr":$atom, "int64_t":$rows, "int64_t":$panels, "int64_t":$blockRows, "int64_t":$blockPanels, "int64_t":$blockK);
  let assemblyFormat = [{ `<` `atom` `=` $atom `,` `rows` `=` $rows `,` `panels` `=` $panels `,` `block_rows` `=` $blockRows `,`
    `block_panels` `=` $blockPanels `,` `block_k` `=` $blockK `>` }];
}

def Attn_BufferAttr : Attn_Attr<"Buffer", "buffer"> {
  let summary = "where a tensor lies in the arena";
  let description = [{
    `#attn.buffer<#attn.axes<[token]>, offset = 2304, stride = 2304>`: the class is the tensor's dynamic axes, n the
    product of their sizes. The tensor takes stride * n bytes from offset * n of its class's region; the regions follow
    one another in the order of the function's `attn.arena`, each starting at a multiple of 64 bytes.
  }];
  let parameters = (ins "::heed::attn::AxesAttr":$axes, "int64_t":$offset, "int64_t":$stride);
  let assemblyFormat = "`<` $axes `,` `offset` `=` $offset `,` `stride` `=` $stride `>`";
}

def Attn_SliceAttr : Attn_Attr<"Slice", "slice"> {
  let summary = "a weight's rows lo..hi of dimension dim (hi excluded)";
  let parameters = (ins "int64_t":$dim, "int64_t":$lo, "int64_t":$hi);
  let assemblyFormat = "`<` `dim` `=` $dim `,` $lo `to` $hi `>`";
}
def Attn_TransposeAttr : Attn_Attr<"Transpose", "transpose"> {
  let summary = "a weight's two dimensions exchanged";
}

#endif
