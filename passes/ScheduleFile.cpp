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

/// Where the names of a dictionary stand, which MLIR's parser has read and does
/// not say. A name is quoted or bare, behind the first brace or a comma between
/// entries.
static llvm::StringMap<Location> placesOfNames(MLIRContext *context,
                                               StringRef path, StringRef text) {
  llvm::StringMap<Location> places;
  unsigned line = 1, depth = 0;
  size_t lineBegins = 0;
  bool nameFollows = false;
  for (size_t at = 0, next; at < text.size(); at = next) {
    next = at + 1;
    bool quoted = text[at] == '"';
    if (text[at] == '\n') {
      ++line;
      lineBegins = next;
    } else if (text.substr(at).starts_with("//")) {
      next = std::min(text.find('\n', at), text.size());
    } else if (quoted || llvm::isAlnum(text[at]) || text[at] == '_') {
      if (quoted)
        while (next < text.size() && text[next] != '"')
          next += text[next] == '\\' ? 2 : 1;
      else
        next = text.find_if_not(
            [](char c) {
              return llvm::isAlnum(c) || StringRef("_$.").contains(c);
            },
            at);
      next = std::min(next, text.size());
      if (nameFollows)
        places.try_emplace(
            text.slice(at + quoted, next),
            FileLineColLoc::get(context, path, line, at - lineBegins + 1));
      nameFollows = false;
      next += quoted;
    } else if (StringRef("{[(<").contains(text[at])) {
      nameFollows = ++depth == 1;
    } else if (StringRef("}])>").contains(text[at])) {
      --depth;
    } else if (text[at] == ',') {
      nameFollows = depth == 1;
    }
  }
  return places;
}

Location ScheduleFile::placeOf(StringRef name) const {
  auto found = places.find(name);
  return found == places.end() ? UnknownLoc::get(schedules.getContext())
                               : found->second;
}

FailureOr<ScheduleFile> readScheduleFile(MLIRContext *context, StringRef path) {
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
    return ScheduleFile{schedules,
                        placesOfNames(context, path, (*file)->getBuffer())};
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
