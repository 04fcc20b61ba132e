//===- Compare.h - Values side by side, and in print ----------------------===//
#pragma once

#include "tests/oracle/Datum.h"

#include "llvm/Support/raw_ostream.h"

namespace heed::oracle {

/// The largest difference between elements, relative to the largest element of
/// `expected` (or 1); infinite when the shapes, the axes or the absent scores
/// differ, or when something is not a number.
double difference(const Datum &expected, const Datum &found);

/// `[q=2, head=2] [[1, 2], [3, -]]`: six digits, absent scores as `-`, what is
/// below 1e-12 as 0.
void print(llvm::raw_ostream &os, const Datum &value);

} // namespace heed::oracle
