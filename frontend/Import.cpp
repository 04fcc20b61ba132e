//===- Import.cpp - A model file becomes stage 1 --------------------------===//
#include "frontend/Import.h"
#include "frontend/Emitter.h"
#include "frontend/Source.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/Verifier.h"

using namespace heed;
using namespace mlir;

/// Sizes that are each allowed can make a tensor that is not: scores of a
/// million queries by a million keys.
static bool sizesAreSane(ModuleOp module, Diagnostics &diags) {
  bool good = true;
  module.walk([&](Operation *op) {
    for (Type type : op->getResultTypes()) {
      auto tensor = dyn_cast<RankedTensorType>(type);
      if (!tensor)
        continue;
      __int128 elements = 1;
      for (int64_t size : tensor.getShape())
        if (!ShapedType::isDynamic(size) && elements <= MaxElements)
          elements *= size;
      auto line = op->getLoc()->findInstanceOf<FileLineColLoc>();
      if (elements <= MaxElements || !line)
        continue;
      diags.error({line.getLine(), line.getColumn()},
                  "this makes " + describeType(type) +
                      ", more than 2^40 elements");
      good = false;
    }
  });
  return good;
}

/// What the verifier refuses although the frontend let it pass, at its line.
static bool verifies(ModuleOp module, Diagnostics &diags) {
  ScopedDiagnosticHandler handler(
      module.getContext(), [&](Diagnostic &diagnostic) {
        Place at;
        if (auto line =
                diagnostic.getLocation()->findInstanceOf<FileLineColLoc>())
          at = {line.getLine(), line.getColumn()};
        if (diagnostic.getSeverity() == DiagnosticSeverity::Error)
          diags.error(at, diagnostic.str());
        return success();
      });
  return succeeded(verify(module));
}

OwningOpRef<ModuleOp> heed::importModel(MLIRContext &context, StringRef path,
                                        Diagnostics &diags) {
  context.loadDialect<attn::AttnDialect, func::FuncDialect, arith::ArithDialect,
                      math::MathDialect>();
  std::optional<std::string> text = readSource(path, diags);
  if (!text)
    return {};
  std::optional<Document> document = parseYaml(*text, diags);
  if (!document)
    return {};
  std::optional<Model> model = readModelHead(*document, diags);
  if (!model)
    return {};
  OwningOpRef<ModuleOp> module =
      ModuleOp::create(FileLineColLoc::get(&context, path, 1, 1));
  Emitter(*model, *module, diags).emit();

  if (diags.any() || !sizesAreSane(*module, diags) || !verifies(*module, diags))
    return {};
  return module;
}
