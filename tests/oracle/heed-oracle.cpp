//===- heed-oracle.cpp - Evaluates attn IR in f64, and compares -----------===//
#include "frontend/Import.h"
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

static cl::opt<std::string> inputFile(cl::Positional,
                                      cl::desc("MODEL.mlir or MODEL.yaml"),
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
static cl::list<std::string>
    expectOptions("expect", cl::value_desc("NAME=FILE.npy"),
                  cl::desc("compare a result with a file"));
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
static cl::list<double> additiveMask(
    "additive-mask", cl::CommaSeparated, cl::value_desc("X,..."),
    cl::desc("numbers added to forbidden scores, instead of leaving them out"));
static cl::opt<std::string>
    scoreType("score-type", cl::init("f64"),
              cl::desc("of scores with --additive-mask: f16, bf16, f32, f64"));
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

/// Files by the names of results.
using Files = std::map<std::string, std::string>;

static LogicalResult parseOptions(InputOptions &options, Files &outputs,
                                  Files &expected) {
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
  auto takeSize = [&](StringRef name, StringRef value) {
    return !value.getAsInteger(10, options.sizes[name]);
  };
  auto takeFile = [](Files &into) {
    return [&into](StringRef name, StringRef value) {
      into[name.str()] = value.str();
      return true;
    };
  };
  return success(succeeded(parsePairs(sizeOptions, takeSize)) &&
                 succeeded(parsePairs(rowOptions, takeRows)) &&
                 succeeded(parsePairs(inputOptions, takeFile(options.files))) &&
                 succeeded(parsePairs(outputOptions, takeFile(outputs))) &&
                 succeeded(parsePairs(expectOptions, takeFile(expected))));
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

/// Calls fn for each result that has a file.
static LogicalResult eachFile(
    func::FuncOp function, ArrayRef<Datum> results, Files files,
    llvm::function_ref<LogicalResult(const Tensor &, const std::string &)> fn) {
  for (auto [i, result] : llvm::enumerate(results)) {
    auto found = files.find(resultName(function, i));
    auto tensor = std::get_if<std::shared_ptr<const Tensor>>(&result);
    if (found == files.end() || !tensor)
      continue;
    if (failed(fn(**tensor, found->second)))
      return failure();
    files.erase(found);
  }
  if (!files.empty())
    return complain("no result `" + files.begin()->first + "`");
  return success();
}

static LogicalResult writeFile(const Tensor &tensor, const std::string &path) {
  std::vector<float> floats(tensor.values.begin(), tensor.values.end());
  heed::Status status = heed::writeNpy(path, tensor.sizes, floats);
  return status ? success() : complain(status.error().text);
}

/// Prints the verdict on a difference.
static LogicalResult judge(const Twine &what, double most) {
  bool equal = most <= tolerance;
  llvm::outs() << what << ", largest difference " << llvm::format("%.3g", most)
               << (equal ? "" : ": NOT EQUAL") << '\n';
  return success(equal);
}

/// Shapes may differ in sizes of 1 and in how batch and token are told apart.
static LogicalResult expect(const Tensor &tensor, const std::string &path) {
  heed::Result<heed::Npy> file = heed::Npy::open(path);
  if (!file)
    return complain(file.error().text);
  heed::Result<std::vector<float>> floats = file->floats();
  if (!floats)
    return complain(floats.error().text);
  if (floats->size() != tensor.values.size())
    return complain(path + " has another number of elements");
  Tensor expected = tensor;
  expected.values.assign(floats->begin(), floats->end());
  return judge(path, difference(datum(std::move(expected)), datum(tensor)));
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

static LogicalResult evaluate(func::FuncOp function, func::FuncOp other,
                              const InputOptions &options, Surroundings &around,
                              const Files &outputs, const Files &expected) {
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
  if (failed(eachFile(function, *results, outputs, writeFile)) ||
      failed(eachFile(function, *results, expected, expect)))
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
  return judge(function.getName() + ": seed " + Twine(options.seed), most);
}

static OwningOpRef<ModuleOp> read(StringRef path, MLIRContext &context) {
  if (path.ends_with(".yaml")) {
    heed::Diagnostics diagnostics;
    OwningOpRef<ModuleOp> module =
        heed::importModel(context, path, diagnostics);
    diagnostics.print(llvm::errs());
    return module;
  }
  llvm::SourceMgr sources;
  SourceMgrDiagnosticHandler diagnostics(sources, &context);
  return parseSourceFile<ModuleOp>(path, sources, &context);
}

static LogicalResult run(MLIRContext &context) {
  InputOptions options;
  Files outputs, expected;
  if (failed(parseOptions(options, outputs, expected)))
    return failure();

  OwningOpRef<ModuleOp> module = read(inputFile, context), after;
  if (!module)
    return failure();
  llvm::SourceMgr sources;
  SourceMgrDiagnosticHandler diagnostics(sources, &context);
  if (!compareWith.empty())
    after = transform(*module);
  else if (!compareFile.empty())
    after = read(compareFile, context);
  if (!after && !(compareWith.empty() && compareFile.empty()))
    return failure();

  std::string path = weightFile;
  auto model = (*module)->getAttrOfType<DictionaryAttr>("attn.model");
  if (path.empty() && model)
    if (auto named = model.getAs<StringAttr>("weights");
        named && !named.getValue().starts_with("random:"))
      path = named.str();
  std::optional<AdditiveMask> additive;
  if (!additiveMask.empty())
    additive = {additiveMask, AdditiveMask::typeCalled(scoreType)};
  if (additive ? !additive->type : scoreType.getNumOccurrences() > 0)
    return complain(additive ? "no score type `" + scoreType + "`"
                             : "--score-type goes with --additive-mask");
  SmallVector<func::FuncOp> functions = functionsOf(*module);
  if (functions.empty())
    return complain("no function to evaluate");
  bool good = true;
  for (unsigned i = 0; i < runs; ++i) {
    options.seed = seed + i;
    heed::Result<WeightTable> weights = WeightTable::open(path, options.seed);
    if (!weights)
      return complain(weights.error().text);
    Surroundings around{*weights, options.sizes, additive};
    for (func::FuncOp function : functions) {
      auto other = after ? after->lookupSymbol<func::FuncOp>(function.getName())
                         : func::FuncOp();
      if (after && !other)
        return complain("nothing to compare with @" + function.getName());
      good &= succeeded(
          evaluate(function, other, options, around, outputs, expected));
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
