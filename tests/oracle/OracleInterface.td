//===- OracleInterface.td - What an op computes, in f64 -------*- tablegen -*-===//
#ifndef HEED_TESTS_ORACLE_ORACLEINTERFACE_TD
#define HEED_TESTS_ORACLE_ORACLEINTERFACE_TD

include "mlir/IR/OpBase.td"

def OracleOpInterface : OpInterface<"OracleOpInterface"> {
  let cppNamespace = "::heed::oracle";
  let description = [{
    An op's meaning as a function of values: reads its operands from the state, computes its results from the formula of
    the op's description in f64, and writes them to the state. Attached from outside, so that the dialect, the passes and
    code generation know nothing of it.
  }];
  let methods = [InterfaceMethod<"Computes the results. Fails after a diagnostic at the op.",
    "::llvm::LogicalResult", "evaluate", (ins "::heed::oracle::State &":$state)>];
}

#endif
