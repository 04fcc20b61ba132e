//===- Activation.cpp - attn.activation on a vector -----------------------===//
#include "codegen/rows/Activation.h"

#include "codegen/VectorMath.h"

using namespace mlir;
using namespace heed::attn;

namespace heed {

Value vectorActivation(Emit &e, ActivationKind kind, Value x) {
  auto positive = [&]() -> Value {
    return arith::MaxNumFOp::create(e.b, e.loc, x, e.splat(0));
  };
  switch (kind) {
  case ActivationKind::Relu:
    return positive();
  case ActivationKind::ReluSquared: {
    Value y = positive();
    return e.mulf(y, y);
  }
  case ActivationKind::Silu:
    return vecmath::silu(e.b, e.loc, x);
  case ActivationKind::Gelu:
    return vecmath::gelu(e.b, e.loc, x);
  case ActivationKind::GeluTanh:
    return vecmath::geluTanh(e.b, e.loc, x);
  case ActivationKind::Tanh:
    return vecmath::tanh(e.b, e.loc, x);
  case ActivationKind::Sigmoid:
    return vecmath::sigmoid(e.b, e.loc, x);
  case ActivationKind::QuickGelu:
    return e.mulf(x, vecmath::sigmoid(e.b, e.loc, e.mulf(x, e.splat(1.702))));
  }
  llvm_unreachable("all activations are named above");
}

} // namespace heed
