//===- AttnInterfaces.td - What every op tells about itself --*- tablegen -*-===//
#ifndef HEED_IR_ATTNINTERFACES_TD
#define HEED_IR_ATTNINTERFACES_TD

include "mlir/IR/OpBase.td"
include "mlir/IR/EnumAttr.td"

def Attn_SequenceFlow : I32EnumAttr<"SequenceFlow", "how an op moves data along the sequence", [
  I32EnumAttrCase<"None", 0, "none">,          // row t of the result depends on row t of the operands only
  I32EnumAttrCase<"Masked", 1, "masked">,      // on the keys that a mask allows
  I32EnumAttrCase<"Sequence", 2, "sequence">,  // on every row of its sequence
  I32EnumAttrCase<"Select", 3, "select">]> {   // on named rows
  let cppNamespace = "::heed::attn";
  let genSpecializedAttr = 0;
}

def Attn_SequenceFlowOpInterface : OpInterface<"SequenceFlowOpInterface"> {
  let cppNamespace = "::heed::attn";
  let description = [{
    Declares how data moves along the sequence through an op. The causality proof walks a model by this alone, so an op
    without it cannot be proved.
  }];
  let methods = [InterfaceMethod<"How row t of the results depends on rows of the operands.",
    "::heed::attn::SequenceFlow", "getSequenceFlow", (ins)>];
}

#endif
