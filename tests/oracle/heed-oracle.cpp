//===- heed-oracle.cpp - Evaluates attn IR in f64, and compares -----------===//
#include "passes/Pipeline.h"
#include "tests/oracle/Compare.h"
#include "tests/oracle/Inputs.h"
#include "tests/oracle/OracleInterface.h"

#include "runtime/formats/Npy.h"

#include "mlir/IR/AsmState.h"
#include "mlir/InitAllDialects.h"
#include "mlir/InitAllPasses.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Pass/PassRegistry.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/SourceMgr.h"

using namespace heed::oracle;
using namespace mlir;
namespace cl = llvm::cl;

static cl::opt<std::string> inputFile(cl::Positional, cl::desc("MODEL.mlir"),
                                      cl::init("-"));
static cl::opt<uint64_t> seed("seed", cl::desc("of the random inputs"),
                              cl::init(1));
static cl::opt<unsigned> runs("runs", cl::desc("seeds to try, from --seed on"),
                              cl::init(1));
static cl::list<std::string>
    sizeOptions("sizes", cl::CommaSeparated, cl::value_desc("AXIS=N,..."),
                cl::desc("sizes of dynamic axes, values of named integers"));
static cl::list<std::string>
    rowOptions("rows", cl::value_desc("AXIS=PAST+ROWS,..."),
               cl::desc("sequences of a ragged axis: token=0+3,2+1"));
static cl::list<std::string> inputOptions("inputs",
                                          cl::value_desc("NAME=FILE.npy"),
                                          cl::desc("an argument from a file"));
static cl::list<std::string> outputOptions("outputs",
                                           cl::value_desc("NAME=FILE.npy"),
                                           cl::desc("a result into a file"));
static cl::opt<std::string> weightFile(
    "weights",
    cl::desc("weight file; otherwise the module's, otherwise random"));
static cl::list<std::string>
    functionNames("function",
                  cl::desc("which functions; otherwise the entries, "
                           "otherwise all public ones"));
static cl::opt<std::string>
    compareWith("compare", cl::value_desc("PIPELINE"),
                cl::desc("compare with the module after these passes: "
                         "attn-fuse-mask-softmax,attn-fuse-attention"));
static cl::opt<std::string>
    compareFile("compare-with", cl::value_desc("OTHER.mlir"),
                cl::desc("compare with the functions of another module"));
static cl::opt<double> tolerance("tolerance", cl::init(1e-12),
                                 cl::desc("largest relative difference"));
static cl::opt<bool> printResults("print", cl::desc("print the results"));

static LogicalResult complain(const Twine &text) {
  llvm::errs() << "heed-oracle: " << text << '\n';
  return failure();
}

/// NAME=VALUE, …
static LogicalResult
parsePairs(ArrayRef<std::string> options,
           llvm::function_ref<bool(StringRef, StringRef)> take) {
  for (StringRef option : options) {
    auto [name, value] = option.split('=');
    if (name.empty() || value.empty() || !take(name, value))
      return complain("cannot read `" + option + "`");
  }
  return success();
}

static LogicalResult parseOptions(InputOptions &options,
                                  std::map<std::string, std::string> &outputs) {
  auto takeRows = [&](StringRef name, StringRef value) {
    for (StringRef sequence : llvm::split(value, ',')) {
      auto [past, rows] = sequence.split('+');
      std::pair<int64_t, int64_t> parsed;
      if (past.getAsInteger(10, parsed.first) ||
          rows.getAsInteger(10, parsed.second))
        return false;
      options.rows[name.str()].push_back(parsed);
    }
    return true;
  };
  return success(
      succeeded(parsePairs(sizeOptions,
                           [&](StringRef name, StringRef value) {
                             return !value.getAsInteger(10,
                                                        options.sizes[name]);
                           })) &&
      succeeded(parsePairs(rowOptions, takeRows)) &&
      succeeded(parsePairs(inputOptions,
                           [&](StringRef name, StringRef value) {
                             options.files[name.str()] = value.str();
                             return true;
                           })) &&
      succeeded(parsePairs(outputOptions, [&](StringRef name, StringRef value) {
        outputs[name.str()] = value.str();
        return true;
      })));
}

/// The functions to evaluate.
static SmallVector<func::FuncOp> functionsOf(ModuleOp module) {
  SmallVector<func::FuncOp> named, entries, all;
  for (auto function : module.getOps<func::FuncOp>()) {
    if (llvm::is_contained(functionNames, function.getName()))
      named.push_back(function);
    if (function->hasAttr("attn.entry"))
      entries.push_back(function);
    if (function.isPublic() && !function.isDeclaration())
      all.push_back(function);
  }
  if (!functionNames.empty())
    return named;
  return entries.empty() ? all : entries;
}

static LogicalResult write(func::FuncOp function, ArrayRef<Datum> results,
                           std::map<std::string, std::string> outputs) {
  for (auto [i, result] : llvm::enumerate(results)) {
    auto found = outputs.find(resultName(function, i));
    auto tensor = std::get_if<std::shared_ptr<const Tensor>>(&result);
    if (found == outputs.end() || !tensor)
      continue;
    std::vector<float> floats((*tensor)->values.begin(),
                              (*tensor)->values.end());
    heed::Status status =
        heed::writeNpy(found->second, (*tensor)->sizes, floats);
    if (!status)
      return complain(status.error().text);
    outputs.erase(found);
  }
  if (!outputs.empty())
    return complain("no result `" + outputs.begin()->first + "`");
  return success();
}

/// The module after the pipeline of --compare.
static OwningOpRef<ModuleOp> transform(ModuleOp module) {
  OwningOpRef<ModuleOp> copy = module.clone();
  PassManager passes(module.getContext());
  if (failed(parsePassPipeline(compareWith, passes, llvm::errs())) ||
      failed(passes.run(*copy)))
    return {};
  return copy;
}

static LogicalResult
evaluate(func::FuncOp function, func::FuncOp other, const InputOptions &options,
         Surroundings &around,
         const std::map<std::string, std::string> &outputs) {
  FailureOr<std::vector<Datum>> arguments = Inputs(function, options).make();
  if (failed(arguments))
    return failure();
  FailureOr<std::vector<Datum>> results =
      evaluateFunction(function, *arguments, around);
  if (failed(results))
    return failure();
  if (printResults)
    for (auto [i, result] : llvm::enumerate(*results)) {
      llvm::outs() << function.getName() << ' ' << resultName(function, i)
                   << ": ";
      print(llvm::outs(), result);
      llvm::outs() << '\n';
    }
  if (!outputs.empty() && failed(write(function, *results, outputs)))
    return failure();
  if (!other)
    return success();

  FailureOr<std::vector<Datum>> found =
      evaluateFunction(other, *arguments, around);
  if (failed(found))
    return failure();
  double most = found->size() == results->size() ? 0 : INFINITY;
  for (auto [a, b] : llvm::zip(*results, *found))
    most = std::max(most, difference(a, b));
  bool equal = most <= tolerance;
  llvm::outs() << function.getName() << ": seed " << options.seed
               << ", largest difference " << llvm::format("%.3g", most)
               << (equal ? "" : ": NOT EQUAL") << '\n';
  return success(equal);
}

static LogicalResult run(MLIRContext &context) {
  InputOptions options;
  std::map<std::string, std::string> outputs;
  if (failed(parseOptions(options, outputs)))
    return failure();

  llvm::SourceMgr sources, otherSources;
  SourceMgrDiagnosticHandler diagnostics(sources, &context);
  OwningOpRef<ModuleOp> module =
      parseSourceFile<ModuleOp>(inputFile, sources, &context);
  if (!module)
    return failure();
  OwningOpRef<ModuleOp> after;
  if (!compareWith.empty())
    after = transform(*module);
  else if (!compareFile.empty())
    after = parseSourceFile<ModuleOp>(compareFile, otherSources, &context);
  if (!after && !(compareWith.empty() && compareFile.empty()))
    return failure();

  std::string path = weightFile;
  auto model = (*module)->getAttrOfType<DictionaryAttr>("attn.model");
  if (path.empty() && model)
    if (auto named = model.getAs<StringAttr>("weights");
        named && !named.getValue().starts_with("random:"))
      path = named.str();
  SmallVector<func::FuncOp> functions = functionsOf(*module);
  if (functions.empty())
    return complain("no function to evaluate");
  bool good = true;
  for (unsigned i = 0; i < runs; ++i) {
    options.seed = seed + i;
    heed::Result<WeightTable> weights = WeightTable::open(path, options.seed);
    if (!weights)
      return complain(weights.error().text);
    Surroundings around{*weights, options.sizes};
    for (func::FuncOp function : functions) {
      auto other = after ? after->lookupSymbol<func::FuncOp>(function.getName())
                         : func::FuncOp();
      if (after && !other)
        return complain("nothing to compare with @" + function.getName());
      good &= succeeded(evaluate(function, other, options, around, outputs));
    }
  }
  return success(good);
}

int main(int argc, char **argv) {
  DialectRegistry registry;
  registerAllDialects(registry);
  registerAllPasses();
  heed::registerPasses();
  registry.insert<heed::attn::AttnDialect>();
  registerOracleExternalModels(registry);
  cl::ParseCommandLineOptions(argc, argv, "heed's reference evaluator\n");
  MLIRContext context(registry, MLIRContext::Threading::DISABLED);
  return failed(run(context));
}
