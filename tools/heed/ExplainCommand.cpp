//===- ExplainCommand.cpp - heed explain: what was fused, and why not -----===//
#include "tools/heed/Commands.h"
#include "tools/heed/Compilation.h"
#include "tools/heed/CostTable.h"

#include "passes/Pipeline.h"

#include "mlir/IR/Remarks.h"
#include "mlir/Pass/PassManager.h"
#include "llvm/Support/JSON.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/raw_ostream.h"

#include <map>
#include <unistd.h>

namespace heed {
namespace {

/// What the passes said, by line of the model file.
struct Said {
  std::string pass, text;
  llvm::remarks::Type kind;
  bool operator==(const Said &) const = default;
};
using Remarks = std::map<std::pair<unsigned, unsigned>, std::vector<Said>>;

class Collector : public mlir::remark::detail::MLIRRemarkStreamerBase {
public:
  explicit Collector(Remarks &remarks) : remarks(remarks) {}
  void streamOptimizationRemark(
      const mlir::remark::detail::Remark &remark) override {
    std::pair<unsigned, unsigned> place = {0, 0};
    remark.getLocation()->walk([&](mlir::Location inner) {
      if (auto at = llvm::dyn_cast<mlir::FileLineColLoc>(inner)) {
        place = {at.getLine(), at.getColumn()};
        return mlir::WalkResult::interrupt();
      }
      return mlir::WalkResult::advance();
    });
    std::string text;
    for (const auto &argument : remark.getArgs())
      text += (text.empty() ? "" : " ") + argument.val;
    Said said{remark.getRemarkName().str(), text, remark.getRemarkType()};
    auto &here = remarks[place];
    if (!llvm::is_contained(here, said))
      here.push_back(said);
  }

private:
  Remarks &remarks;
};

/// The longest sequence of a model of tokens.
std::optional<int64_t> contextOf(mlir::ModuleOp module) {
  auto model = module->getAttrOfType<mlir::DictionaryAttr>("attn.model");
  auto context =
      model ? model.getAs<mlir::IntegerAttr>("context") : mlir::IntegerAttr();
  return context && context.getInt() > 0 ? std::optional(context.getInt())
                                         : std::nullopt;
}

const char *wordOf(llvm::remarks::Type kind) {
  switch (kind) {
  case llvm::remarks::Type::Missed:
    return "declined";
  case llvm::remarks::Type::Analysis:
    return "found";
  default:
    return "done";
  }
}

void printJson(llvm::raw_ostream &os, const std::string &model, int64_t length,
               const Remarks &remarks, const std::vector<LayerCost> &costs) {
  llvm::json::OStream json(os, 2);
  json.object([&] {
    json.attribute("model", model);
    json.attribute("length", length);
    json.attributeArray("remarks", [&] {
      for (const auto &[place, all] : remarks)
        for (const Said &said : all)
          json.object([&] {
            json.attribute("line", place.first);
            json.attribute("column", place.second);
            json.attribute("kind", wordOf(said.kind));
            json.attribute("pass", said.pass);
            json.attribute("words", said.text);
          });
    });
    json.attributeArray("costs", [&] { printCosts(json, costs); });
  });
  os << '\n';
}

} // namespace

int explainCommand(const Options &options) {
  Remarks remarks;
  Compilation compilation(options);
  if (!compilation.import())
    return 1;
  mlir::remark::RemarkCategories categories{"attn", "attn", "attn", "attn",
                                            "attn"};
  if (failed(mlir::remark::enableOptimizationRemarks(
          compilation.context(), std::make_unique<Collector>(remarks),
          std::make_unique<mlir::remark::RemarkEmittingPolicyAll>(), categories,
          false)) ||
      !compilation.runTo(Stage::Scheduled))
    return 1;
  mlir::PassManager facts(&compilation.context());
  int64_t length = options.length;
  if (length == 0)
    length = contextOf(compilation.module()).value_or(2048);
  buildMaskFactsPipeline(facts, length);
  if (failed(facts.run(compilation.module())))
    return 1;
  std::vector<LayerCost> costs = layerCosts(compilation.module(), length);
  if (options.json) {
    printJson(llvm::outs(), options.model, length, remarks, costs);
    llvm::outs().flush();
    return 0;
  }
  auto file = llvm::MemoryBuffer::getFile(options.model);
  llvm::SmallVector<llvm::StringRef> lines;
  if (file)
    (*file)->getBuffer().split(lines, '\n');
  bool colour = isatty(1);
  unsigned last = 0;
  for (auto &[place, all] : remarks) {
    unsigned line = place.first;
    if (line != last && line && line <= lines.size())
      llvm::outs() << options.model << ':' << line << ": "
                   << lines[line - 1].trim() << '\n';
    last = line;
    for (const Said &said : all) {
      bool missed = said.kind == llvm::remarks::Type::Missed;
      bool fact = said.kind == llvm::remarks::Type::Analysis;
      if (colour)
        llvm::outs() << (missed ? "\033[33m" : fact ? "\033[36m" : "\033[32m");
      llvm::outs() << "    " << llvm::left_justify(wordOf(said.kind), 9);
      if (colour)
        llvm::outs() << "\033[0m";
      llvm::outs() << said.pass << ": " << said.text << '\n';
    }
  }
  printCosts(llvm::outs(), costs, length);
  llvm::outs().flush();
  return 0;
}

} // namespace heed
