//===- SequenceFlow.h - How each op moves data along the sequence ---------===//
#pragma once

#include "ir/Attn.h"

namespace heed::attn {

/// How rows of an op's results depend on rows of its operands. What an op
/// declares by SequenceFlowOpInterface, taken apart for those of attention and
/// those along the last axis, which may be a sequence.
enum class RowFlow {
  Rows,     ///< row t reads row t
  LastAxis, ///< the same, and all along the operands' last axis
  Shift,    ///< the same, and element i of the last axis element i + shift
  Scores,   ///< pair (q, kv) reads row q of operand 0 and row kv of operand 1
  Mask,     ///< pairs outside the mask end here
  Softmax,  ///< pair (q, kv) reads the pairs of q that all masks up to here
            ///< allow
  Combine,  ///< row q reads its pairs of operand 0 and their rows of operand 1
  Masked,   ///< row q reads row q of operand 0, and of 1 and 2 what the mask
            ///< allows
  Append,   ///< row t of a cache reads row t, or was stored by an earlier call
  Select,   ///< one row of operand 0, named by the others
  Anything  ///< every row of everything: also ops that declare nothing
};
RowFlow rowFlowOf(mlir::Operation *op);

/// The mask of a Mask, Softmax or Masked; null where all pairs are allowed.
MaskAttr flowMaskOf(mlir::Operation *op);

/// Of a Shift: element i of the result's last axis reads element i plus this of
/// the operand's, where the operand has it. nullopt when it is not known.
std::optional<int64_t> shiftOf(mlir::OpOperand &operand);

} // namespace heed::attn
