//===- OracleInterface.cpp - What ops compute, in f64 ---------------------===//
#include "tests/oracle/OracleInterface.h"

using namespace heed::oracle;

#include "tests/oracle/OracleInterface.cpp.inc"

void heed::oracle::registerOracleExternalModels(
    mlir::DialectRegistry &registry) {
  registerRowModels(registry);
  registerAttentionModels(registry);
  registerFusedModels(registry);
  registerScalarModels(registry);
}
