//===- AttnBase.td - The attn dialect ------------------------*- tablegen -*-===//
#ifndef HEED_IR_ATTNBASE_TD
#define HEED_IR_ATTNBASE_TD

include "mlir/IR/OpBase.td"
include "mlir/IR/AttrTypeBase.td"
include "mlir/IR/EnumAttr.td"

def Attn_Dialect : Dialect {
  let name = "attn";
  let cppNamespace = "::heed::attn";
  let summary = "Attention models, from their meaning down to tiles";
  let description = [{
    The dialect carries a transformer from the YAML's meaning to loops over tiles. Tensors are builtin ranked tensors
    whose encoding names their axes (`#attn.axes<[token, model]>`); weights never enter the IR, ops take
    `!attn.weight` handles; masks are symbolic (`#attn.mask`), never materialised.

    Semantics that hold at every stage: a masked score has weight exactly 0; a row whose mask allows nothing yields
    zeros; softmax statistics are f32 or wider and the maximum is always subtracted.
  }];
  let extraClassDeclaration = [{
    void registerAttributes();
    void registerTypes();
  }];
  let useDefaultAttributePrinterParser = 1;
  let useDefaultTypePrinterParser = 1;
}

class Attn_Attr<string name, string mnem, list<Trait> traits = []> : AttrDef<Attn_Dialect, name, traits> {
  let mnemonic = mnem;
}
class Attn_Type<string name, string mnem> : TypeDef<Attn_Dialect, name> { let mnemonic = mnem; }

//===----------------------------------------------------------------------===//
// Enums
//===----------------------------------------------------------------------===//

class Attn_Enum<string name, string summary, list<I32EnumAttrCase> cases> : I32EnumAttr<name, summary, cases> {
  let cppNamespace = "::heed::attn";
  let genSpecializedAttr = 0;
}
class Attn_EnumAttr<EnumAttrInfo info, string mnem> : EnumAttr<Attn_Dialect, info, mnem> {
  let assemblyFormat = "$value";
}

def Attn_WeightElement : Attn_Enum<"WeightElement", "storage type of one weight element (ggml's names for the block formats)", [
  I32EnumAttrCase<"F32", 0, "f32">, I32EnumAttrCase<"F16", 1, "f16">, I32EnumAttrCase<"BF16", 2, "bf16">,
  I32EnumAttrCase<"Q4_0", 3, "q4_0">, I32EnumAttrCase<"Q4_1", 4, "q4_1">, I32EnumAttrCase<"Q8_0", 5, "q8_0">]>;

def Attn_NormKind : Attn_Enum<"NormKind", "which normalisation", [
  I32EnumAttrCase<"RMS", 0, "rms">, I32EnumAttrCase<"Layer", 1, "layer">]>;
def Attn_NormKindAttr : Attn_EnumAttr<Attn_NormKind, "norm_kind">;

def Attn_ActivationKind : Attn_Enum<"ActivationKind", "which activation", [
  I32EnumAttrCase<"Relu", 0, "relu">, I32EnumAttrCase<"Silu", 1, "silu">, I32EnumAttrCase<"Gelu", 2, "gelu">,
  I32EnumAttrCase<"GeluTanh", 3, "gelu_tanh">, I32EnumAttrCase<"Tanh", 4, "tanh">,
  I32EnumAttrCase<"Sigmoid", 5, "sigmoid">, I32EnumAttrCase<"QuickGelu", 6, "quick_gelu">,
  I32EnumAttrCase<"ReluSquared", 7, "relu_squared">]>;
def Attn_ActivationKindAttr : Attn_EnumAttr<Attn_ActivationKind, "activation_kind">;

def Attn_RopePairs : Attn_Enum<"RopePairs", "which elements of a head turn together", [
  I32EnumAttrCase<"Halves", 0, "halves">, I32EnumAttrCase<"Adjacent", 1, "adjacent">]>;
def Attn_RopePairsAttr : Attn_EnumAttr<Attn_RopePairs, "rope_pairs">;

def Attn_PoolKind : Attn_Enum<"PoolKind", "how a sequence becomes one row", [
  I32EnumAttrCase<"Mean", 0, "mean">, I32EnumAttrCase<"First", 1, "first">, I32EnumAttrCase<"Last", 2, "last">]>;
def Attn_PoolKindAttr : Attn_EnumAttr<Attn_PoolKind, "pool_kind">;

def Attn_SymbolIndex : Attn_Enum<"SymbolIndex", "what a mask symbol is looked up by; none: one integer for the whole call", [
  I32EnumAttrCase<"None", 0, "none">, I32EnumAttrCase<"Query", 1, "q">, I32EnumAttrCase<"Key", 2, "kv">,
  I32EnumAttrCase<"Head", 3, "h">, I32EnumAttrCase<"Batch", 4, "b">]>;

#endif
