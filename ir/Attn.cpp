//===- Attn.cpp - The attn dialect ----------------------------------------===//
#include "ir/Attn.h"

#include "mlir/IR/DialectImplementation.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace heed::attn;

#include "ir/AttnDialect.cpp.inc"
#include "ir/AttnEnums.cpp.inc"
#include "ir/AttnInterfaces.cpp.inc"

void AttnDialect::initialize() {
  registerAttributes();
  registerTypes();
  addOperations<
#define GET_OP_LIST
#include "ir/AttnOps.cpp.inc"
      >();
}
