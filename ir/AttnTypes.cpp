//===- AttnTypes.cpp - Weight handles, caches, ragged rows ----------------===//
#include "ir/Attn.h"

#include "mlir/IR/DialectImplementation.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace heed::attn;

#define GET_TYPEDEF_CLASSES
#include "ir/AttnTypes.cpp.inc"

void AttnDialect::registerTypes() {
  addTypes<
#define GET_TYPEDEF_LIST
#include "ir/AttnTypes.cpp.inc"
      >();
}

bool heed::attn::isQuantised(WeightElement element) {
  switch (element) {
  case WeightElement::F32:
  case WeightElement::F16:
  case WeightElement::BF16:
    return false;
  case WeightElement::Q8_0:
  case WeightElement::Q4_0:
  case WeightElement::Q4_1:
    return true;
  }
  llvm_unreachable("all storage types are named above");
}

Type RaggedType::parse(AsmParser &parser) {
  std::string axis;
  if (parser.parseLess() || parser.parseKeywordOrString(&axis) ||
      parser.parseGreater())
    return {};
  return RaggedType::get(parser.getContext(),
                         StringAttr::get(parser.getContext(), axis));
}

void RaggedType::print(AsmPrinter &printer) const {
  printer << '<';
  printer.printKeywordOrString(getAxis().getValue());
  printer << '>';
}
