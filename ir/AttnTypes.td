//===- AttnTypes.td - Weight handles, caches, ragged rows ----*- tablegen -*-===//
#ifndef HEED_IR_ATTNTYPES_TD
#define HEED_IR_ATTNTYPES_TD

include "ir/AttnBase.td"

def Attn_WeightType : Attn_Type<"Weight", "weight"> {
  let summary = "a handle to a weight that stays in its file until it is packed";
  let description = [{
    `!attn.weight<[out, in], q4_1>`: sizes row-major as a checkpoint stores them (a linear's weight is [out, in]) and
    the storage type. The bytes are never in the IR.
  }];
  let parameters = (ins ArrayRefParameter<"int64_t">:$shape, EnumParameter<Attn_WeightElement>:$element);
  let assemblyFormat = "`<` `[` $shape `]` `,` $element `>`";
}

def Attn_CacheType : Attn_Type<"Cache", "cache"> {
  let summary = "the keys and values of one layer, for every sequence of the call";
  let description = [{
    `!attn.cache<3 by 64, f32>`: kv_heads by head, and the element in which keys and values are kept. The value is
    SSA-threaded and used linearly: `attn.cache_append` consumes one and makes the next. Row j of a sequence holds the
    key and value of position j; where it lies in memory is hidden.
  }];
  let parameters = (ins "int64_t":$kvHeads, "int64_t":$head, "::mlir::Type":$element);
  let assemblyFormat = "`<` $kvHeads `by` $head `,` $element `>`";
}

def Attn_RaggedType : Attn_Type<"Ragged", "ragged"> {
  let summary = "the sequence and position of each row along one axis";
  let description = [{
    `!attn.ragged<token>`: rows of axis `token` belong to sequences; the rows of a sequence are adjacent and in order of
    position. One value describes one ragged axis of a call (tokens of the decoder, tokens of an encoder).
  }];
  let parameters = (ins "::mlir::StringAttr":$axis);
  let hasCustomAssemblyFormat = 1;
}

#endif
