//===- Attn.h - The attn dialect: include this to use it ------------------===//
#pragma once

#include "mlir/Bytecode/BytecodeOpInterface.h"
#include "mlir/IR/AffineMap.h"
#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Dialect.h"
#include "mlir/IR/IntegerSet.h"
#include "mlir/IR/OpImplementation.h"
#include "mlir/IR/SymbolTable.h"
#include "mlir/IR/TensorEncoding.h"
#include "mlir/Interfaces/ControlFlowInterfaces.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

#include "ir/AttnDialect.h.inc"
#include "ir/AttnEnums.h.inc"
#include "ir/AttnInterfaces.h.inc"

namespace heed::attn {
/// Weights of blocks: 32 integers along a row share a scale.
bool isQuantised(WeightElement element);
} // namespace heed::attn

#define GET_ATTRDEF_CLASSES
#include "ir/AttnAttrs.h.inc"

#define GET_TYPEDEF_CLASSES
#include "ir/AttnTypes.h.inc"

#define GET_OP_CLASSES
#include "ir/AttnOps.h.inc"
