//===- BenchInputs.cpp - What heed bench runs a model on ------------------===//
#include "tools/heed/bench/BenchInputs.h"

#include "ir/Axes.h"
#include "runtime/bench/BenchCases.h"
#include "runtime/formats/Npy.h"
#include "runtime/main/RandomInputs.h"
#include "runtime/support/Text.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "llvm/ADT/StringExtras.h"

#include <set>

namespace heed {

double BenchInputs::sizeOf(mlir::StringAttr axis, int64_t size) const {
  if (!mlir::ShapedType::isDynamic(size))
    return double(size);
  auto given = sizes.find(axis.str());
  return double(given == sizes.end() ? otherwise : given->second);
}

double BenchInputs::sizeOf(mlir::Value tensor, llvm::StringRef axis) const {
  auto type = llvm::cast<mlir::RankedTensorType>(tensor.getType());
  std::optional<unsigned> at = attn::findAxis(type, axis);
  return at ? sizeOf(attn::axisNames(type)[*at], type.getDimSize(*at)) : 1;
}

double BenchInputs::elementsOf(mlir::Value tensor) const {
  auto type = llvm::cast<mlir::RankedTensorType>(tensor.getType());
  double count = 1;
  for (auto [name, size] : llvm::zip(attn::axisNames(type), type.getShape()))
    count *= sizeOf(name, size);
  return count;
}

Result<BenchInputs> inputsOfSizes(const std::vector<std::string> &words,
                                  mlir::ModuleOp module) {
  std::set<std::string> open;
  module.walk([&](mlir::func::FuncOp function) {
    for (mlir::Type type : function.getArgumentTypes())
      if (auto tensor = llvm::dyn_cast<mlir::RankedTensorType>(type))
        for (auto [name, size] :
             llvm::zip(attn::axisNames(tensor), tensor.getShape()))
          if (mlir::ShapedType::isDynamic(size))
            open.insert(name.str());
  });
  BenchInputs inputs;
  for (llvm::StringRef word : words) {
    auto [name, number] = word.split('=');
    int64_t size = 0;
    if (name.empty() || number.getAsInteger(10, size) || size < 1)
      return Error{concat("--size expects NAME=N, found ", inQuotes(word))};
    if (!open.count(name.str()))
      return Error{
          concat("the model has no axis ", inQuotes(name), " of open size",
                 open.empty() ? "" : "; it has " + llvm::join(open, ", "))};
    inputs.sizes[name.str()] = size;
  }
  return inputs;
}

/// The type of the entry's input of that name; none where there is none.
static mlir::RankedTensorType inputOf(mlir::ModuleOp module,
                                      llvm::StringRef name) {
  for (auto function : module.getOps<mlir::func::FuncOp>())
    if (function->hasAttr("attn.entry"))
      for (auto [i, type] : llvm::enumerate(function.getArgumentTypes())) {
        auto said = function.getArgAttrOfType<mlir::StringAttr>(i, "attn.name");
        auto tensor = llvm::dyn_cast<mlir::RankedTensorType>(type);
        if (said && tensor && said.getValue() == name)
          return tensor;
      }
  return {};
}

Result<BenchInputs> inputsOfFiles(const std::vector<std::string> &words,
                                  mlir::ModuleOp module) {
  BenchInputs inputs;
  for (const std::string &word : words) {
    auto [name, path] = llvm::StringRef(word).split('=');
    if (name.empty() || path.empty())
      return Error{
          concat("--in expects NAME=FILE.npy, found ", inQuotes(word))};
    mlir::RankedTensorType type = inputOf(module, name);
    if (!type)
      return Error{concat("the model has no input ", inQuotes(name.str()))};
    Result<Npy> file = Npy::open(path.str());
    if (!file)
      return file.error();
    if (file->shape().size() != size_t(type.getRank()))
      return Error{concat(path.str(), ": input ", inQuotes(name.str()), " has ",
                          type.getRank(), " axes, found ",
                          file->shape().size())};
    for (auto [axis, expected, found] :
         llvm::zip(attn::axisNames(type), type.getShape(), file->shape())) {
      int64_t size =
          mlir::ShapedType::isDynamic(expected)
              ? inputs.sizes.try_emplace(axis.str(), found).first->second
              : expected;
      if (size != found)
        return Error{concat(path.str(), ": axis ", inQuotes(axis.str()),
                            " has size ", size, ", found ", found)};
    }
    if (!type.getElementType().isInteger())
      continue;
    Result<std::vector<int64_t>> values = file->integers();
    if (!values)
      return values.error();
    inputs.tables[name.str()] = std::move(*values);
  }
  return inputs;
}

/// The calls of one step.
static std::vector<BenchInputs> callsOf(const ModelInfo &info,
                                        const StepRows &rows,
                                        llvm::ArrayRef<uint32_t> lengths) {
  Result<RaggedPlan> plan =
      planStep(rows.input(), info, std::span(lengths.data(), lengths.size()));
  assert(plan && "the rows of a bench are in order");
  std::vector<BenchInputs> calls;
  for (const RaggedCall &call : plan->calls) {
    BenchInputs &inputs = calls.emplace_back();
    auto from = plan->pieces.begin() + int64_t(call.firstPiece);
    inputs.pieces.assign(from, from + int64_t(call.pieces));
    inputs.sizes = {{attn::axis::Token.str(), call.rows},
                    {attn::axis::Output.str(), call.wanted},
                    {attn::axis::Sequence.str(), call.pieces}};
  }
  return calls;
}

std::vector<BenchCase> casesOfTokens(const ModelInfo &info, int64_t prompt) {
  std::vector<BenchCase> cases;
  auto add = [&](std::string name, int64_t sequences, int64_t past,
                 int64_t length, bool allWanted) {
    StepRows rows;
    for (int64_t i = 0; i < sequences; ++i)
      rows.add(int32_t(i), std::vector<int32_t>(length), int32_t(past));
    if (!allWanted)
      rows.wanted = {int32_t(rows.tokens.size() - 1)};
    cases.push_back(
        {std::move(name),
         callsOf(info, rows, std::vector<uint32_t>(sequences, past))});
  };
  if (info.cache.empty()) {
    for (SentenceCase c : sentenceCases) {
      size_t length = std::min<size_t>(c.length, info.context);
      add(concat("batch ", c.batch, " of ", length, " tokens"), c.batch, 0,
          length, true);
    }
    return cases;
  }
  add(concat("prefill of ", prompt, " tokens"), 1, 0, prompt, false);
  add(concat("decode after ", prompt, " tokens"), 1, prompt, 1, false);
  return cases;
}

} // namespace heed
