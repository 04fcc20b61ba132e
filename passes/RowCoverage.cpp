//===- RowCoverage.cpp - Queries that see no key --------------------------===//
#include "passes/masks/RowCoverage.h"
#include "passes/MaskAnalysis.h"
#include "passes/Passes.h"
#include "passes/Remarks.h"

using namespace mlir;
using namespace heed::attn;

namespace heed {
#define GEN_PASS_DEF_ROWCOVERAGE
#include "passes/Passes.h.inc"

namespace {
constexpr llvm::StringLiteral Name = "row-coverage";

struct RowCoverage : impl::RowCoverageBase<RowCoverage> {
  void runOnOperation() override {
    auto &analysis = getAnalysis<MaskAnalysis>();
    markAllAnalysesPreserved();
    getOperation()->walk([&](AttentionOp op) {
      MaskFacts *facts = analysis.known(op, Name);
      if (!facts)
        return;
      const masks::RowCoverage &rows = facts->rowCoverage();
      std::string text;
      llvm::raw_string_ostream os(text);
      rows.print(os);
      if (rows.verdict == masks::Verdict::Fails)
        os << ": they yield zeros";
      if (rows.verdict == masks::Verdict::Unknown)
        return declined(op, Name, text);
      found(op, Name, text);
    });
  }
};
} // namespace
} // namespace heed
