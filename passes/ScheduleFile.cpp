//===- ScheduleFile.cpp - Schedules by the name of an op ------------------===//
#include "passes/ScheduleFile.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/Parser/Parser.h"
#include "llvm/Support/MemoryBuffer.h"

using namespace mlir;
using namespace heed::attn;

namespace heed {

void forEachScheduled(ModuleOp module,
                      llvm::function_ref<void(Operation *, StringRef)> visit) {
  for (auto function : module.getOps<func::FuncOp>()) {
    unsigned attentions = 0, linears = 0;
    function.walk([&](Operation *op) {
      if (isa<AttentionOp>(op))
        visit(op, (function.getSymName() + ".attention." + Twine(attentions++))
                      .str());
      else if (isa<FusedLinearOp>(op))
        visit(op,
              (function.getSymName() + ".linear." + Twine(linears++)).str());
    });
  }
}

FailureOr<DictionaryAttr> readScheduleFile(MLIRContext *context,
                                           StringRef path) {
  auto file = llvm::MemoryBuffer::getFile(path, /*IsText=*/true);
  if (!file) {
    emitError(FileLineColLoc::get(context, path, 0, 0))
        << "the schedule file cannot be read: " << file.getError().message();
    return failure();
  }
  // Read as an attribute of a module, whose first line is ours: positions are
  // one line off.
  std::string text = "module attributes {attn.schedules =\n" +
                     (*file)->getBuffer().str() + "\n} {}";
  SmallVector<std::pair<Location, std::string>> errors;
  OwningOpRef<ModuleOp> module;
  {
    ScopedDiagnosticHandler shift(context, [&](Diagnostic &diagnostic) {
      auto at = dyn_cast<FileLineColLoc>(diagnostic.getLocation());
      unsigned line = at && at.getLine() > 1 ? at.getLine() - 1 : 1;
      errors.emplace_back(
          FileLineColLoc::get(context, path, line, at ? at.getColumn() : 1),
          diagnostic.str());
    });
    module = parseSourceString<ModuleOp>(text, ParserConfig(context), path);
  }
  auto schedules =
      module ? (*module)->getAttrOfType<DictionaryAttr>("attn.schedules")
             : DictionaryAttr();
  if (schedules)
    return schedules;
  if (errors.empty())
    errors.emplace_back(FileLineColLoc::get(context, path, 1, 1),
                        "this is another attribute");
  emitError(errors.front().first)
      << "a schedule file is one dictionary, {\"layer.linear.0\" = "
         "#attn.linear_schedule<…>, …}: "
      << errors.front().second;
  return failure();
}

void writeScheduleFile(ModuleOp module, raw_ostream &os) {
  os << "{";
  StringRef separator = "\n";
  forEachScheduled(module, [&](Operation *op, StringRef name) {
    if (Attribute schedule = op->getAttr("schedule")) {
      os << separator << "  \"" << name << "\" = " << schedule;
      separator = ",\n";
    }
  });
  os << "\n}\n";
}

} // namespace heed
