//===- Linear.h - y = x W^T in f64 ----------------------------------------===//
#pragma once

#include "tests/oracle/Datum.h"

namespace heed::oracle {

/// x [.., in] and W [out, in] give [.., out]; `axis` names the new last axis.
Tensor multiply(const Tensor &x, const Weight &weight, std::string axis);

} // namespace heed::oracle
