//===- Proofs.td - Passes that prove something of the model stage ---------===//
#ifndef HEED_PASSES_PROOFS_TD
#define HEED_PASSES_PROOFS_TD

include "mlir/Pass/PassBase.td"

def PrintCausality : Pass<"attn-print-causality", "::mlir::ModuleOp"> {
  let summary = "which rows each output depends on, and the licence of its caches";
  let description = [{ Walks the model stage by what each op declares of its flow along the sequence. }];
}

def CheckLicence : Pass<"attn-check-licence", "::mlir::ModuleOp"> {
  let summary = "refuses a model with caches whose kept rows could change";
  let description = [{
    The licence of a cache (docs/masks.md, Theorem 3): keys and values of a position depend on no token of a later call.
    Where the first tokens see each other that holds after a first call that is long enough: the least length becomes
    `attn.first_call` of the entry, and the executable sees to it. A decoder that has no such length, or none within its
    context, is refused.
  }];
}

#endif
