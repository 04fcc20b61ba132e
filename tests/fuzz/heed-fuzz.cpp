//===- heed-fuzz.cpp - Random models through every pass, and the oracle ---===//
//
// For each seed: the model stage is evaluated; then it must stay equal after
// each pass of both pipelines, after printing and parsing back, and with each
// fusion left out. No output row depends on an input row that the flow of the
// model forbids. With --native the executable that `heed build` makes must
// give the same, too. A model that fails is shrunk and printed.
//
//===----------------------------------------------------------------------===//
#include "frontend/Import.h"
#include "passes/Pipeline.h"
#include "tests/fuzz/FlowCheck.h"
#include "tests/fuzz/Native.h"
#include "tests/fuzz/RandomModel.h"
#include "tests/oracle/Compare.h"
#include "tests/oracle/Inputs.h"
#include "tests/oracle/OracleInterface.h"

#include "mlir/AsmParser/AsmParser.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/IR/Verifier.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Pass/Pass.h"
#include "mlir/Pass/PassInstrumentation.h"
#include "mlir/Pass/PassManager.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/raw_ostream.h"

using namespace heed;
using namespace heed::oracle;
using namespace mlir;
using heed::fuzz::RandomModel;
namespace cl = llvm::cl;

static cl::opt<unsigned> seeds("seeds", cl::init(20),
                               cl::desc("how many models"));
static cl::opt<uint64_t> first("first", cl::init(1),
                               cl::desc("the first seed"));
static cl::opt<double> tolerance("tolerance", cl::init(1e-12),
                                 cl::desc("largest relative difference"));
static cl::opt<std::string>
    native("native", cl::value_desc("HEED"),
           cl::desc("build executables with this program and run them, too"));
static cl::list<std::string> nativeFlags("native-flags", cl::CommaSeparated,
                                         cl::value_desc("FLAG"),
                                         cl::desc("flags of that build"));
static cl::opt<double>
    nativeTolerance("native-tolerance", cl::init(2e-5),
                    cl::desc("largest relative difference of an executable"));
static cl::opt<bool> printModels("print", cl::desc("print each model file"));
static cl::opt<bool>
    sabotage("sabotage",
             cl::desc("add a pass that is wrong: it must be found"));

/// A machine to schedule for; its figures do not matter to results.
static constexpr llvm::StringLiteral target =
    "#attn.target<\"fuzz\", features = \"+avx2,+fma\", vector = 256, registers "
    "= 16, l1 = 32768, l2 = 1048576, atoms = [<\"fma_f32\", 1 by 8 by 1, rate "
    "= "
    "100>]>";

namespace {

/// Makes every fused attention a little too sharp.
struct Sabotage : PassWrapper<Sabotage, OperationPass<ModuleOp>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(Sabotage)
  StringRef getArgument() const override { return "sabotage"; }
  void runOnOperation() override {
    getOperation().walk([](attn::AttentionOp op) {
      op.setScale(APFloat(op.getScale().convertToDouble() * 1.001));
    });
  }
};

/// Of all models.
static fuzz::FlowTally flows;

/// Arguments, and the results that the model stage gave for them.
struct Expected {
  std::string function;
  std::vector<Datum> arguments, results;
};

class Check {
public:
  Check(MLIRContext &context, const RandomModel &model)
      : context(context), model(model) {}

  /// What is wrong, or nothing.
  std::string run();

  void compare(ModuleOp module, const Twine &when);
  bool isBad() const { return !fault.empty(); }

private:
  OwningOpRef<ModuleOp> import();
  LogicalResult evaluate(ModuleOp module);
  void pipeline(ModuleOp module, ArrayRef<StringRef> disabled);
  void parseBack(ModuleOp module);
  Surroundings around() { return {weights, {}}; }

  MLIRContext &context;
  const RandomModel &model;
  WeightTable weights;
  std::vector<Expected> expected;
  std::string fault;
};

/// Compares after each pass.
struct AfterEach : PassInstrumentation {
  explicit AfterEach(Check &check) : check(check) {}
  void runAfterPass(Pass *pass, Operation *op) override {
    if (auto module = dyn_cast<ModuleOp>(op))
      check.compare(module, "after " + pass->getArgument());
  }
  Check &check;
};

} // namespace

OwningOpRef<ModuleOp> Check::import() {
  SmallString<128> path;
  int file;
  if (llvm::sys::fs::createTemporaryFile("heed-fuzz", "yaml", file, path)) {
    fault = "no temporary file";
    return {};
  }
  llvm::raw_fd_ostream(file, /*shouldClose=*/true) << model.yaml();
  Diagnostics diagnostics;
  OwningOpRef<ModuleOp> module = importModel(context, path, diagnostics);
  (void)llvm::sys::fs::remove(path);
  if (!module)
    fault = "the frontend refuses it: " + diagnostics.str();
  else if (failed(verify(*module)))
    fault = "the model stage does not verify";
  return module;
}

/// Two sets of inputs for each entry.
LogicalResult Check::evaluate(ModuleOp module) {
  Surroundings surroundings = around();
  for (auto function : module.getOps<func::FuncOp>())
    for (uint64_t i = 0; i < 2 && function->hasAttr("attn.entry"); ++i) {
      InputOptions options;
      options.seed = model.seed * 2 + i;
      FailureOr<std::vector<Datum>> arguments =
          Inputs(function, options).make();
      if (failed(arguments))
        return failure();
      FailureOr<std::vector<Datum>> results =
          evaluateFunction(function, *arguments, surroundings);
      if (failed(results))
        return failure();
      expected.push_back({function.getName().str(), *arguments, *results});
    }
  return success(!expected.empty());
}

void Check::compare(ModuleOp module, const Twine &when) {
  if (isBad())
    return;
  Surroundings surroundings = around();
  for (const Expected &one : expected) {
    auto function = module.lookupSymbol<func::FuncOp>(one.function);
    FailureOr<std::vector<Datum>> found =
        evaluateFunction(function, one.arguments, surroundings);
    if (failed(found)) {
      fault = (when + ": cannot be evaluated").str();
      return;
    }
    double most = 0;
    for (auto [a, b] : llvm::zip(one.results, *found))
      most = std::max(most, difference(a, b));
    if (most > tolerance) {
      llvm::raw_string_ostream(fault)
          << when << ": differs by " << llvm::format("%.3g", most);
      return;
    }
  }
}

/// Both pipelines, without some fusions.
void Check::pipeline(ModuleOp module, ArrayRef<StringRef> disabled) {
  if (isBad())
    return;
  OwningOpRef<ModuleOp> copy = module.clone();
  (*copy)->setAttr("attn.target", parseAttribute(target, &context));
  PassManager passes(&context);
  PipelineOptions options;
  for (StringRef name : disabled)
    options.disable.push_back(name.str());
  buildFusePipeline(passes, options);
  if (sabotage)
    passes.addPass(std::make_unique<Sabotage>());
  buildSchedulePipeline(passes, options);
  passes.addInstrumentation(std::make_unique<AfterEach>(*this));
  bool ran = succeeded(passes.run(*copy));
  if (!isBad() && !ran)
    fault = "a pass fails";
  if (!isBad())
    parseBack(*copy);
  if (isBad() && !disabled.empty())
    fault = "without " + llvm::join(disabled, ", ") + ": " + fault;
}

void Check::parseBack(ModuleOp module) {
  std::string text;
  llvm::raw_string_ostream stream(text);
  module.print(stream);
  OwningOpRef<ModuleOp> again =
      parseSourceString<ModuleOp>(text, ParserConfig(&context));
  if (!again)
    fault = "what is printed does not parse back";
  else
    compare(*again, "printed and parsed back");
}

std::string Check::run() {
  OwningOpRef<ModuleOp> module = import();
  if (isBad())
    return fault;
  if (failed(evaluate(*module)))
    return "the model stage cannot be evaluated";
  ArrayRef<StringRef> names = fusionNames();
  if (fault = fuzz::checkFlow(*module, weights, model.seed, flows); isBad())
    return fault;
  pipeline(*module, {});
  for (const StringRef &name : names)
    pipeline(*module, name);
  pipeline(*module, names);
  if (!isBad() && !native.empty()) {
    // The seed says which fusion is left out: none for half of the models.
    uint64_t turn = model.seed % (2 * names.size() + 2);
    std::string without = turn < names.size()    ? names[turn].str()
                          : turn == names.size() ? llvm::join(names, ",")
                                                 : "";
    fault = fuzz::checkNative(model, *module, native, nativeFlags, without,
                              nativeTolerance);
    if (isBad() && !without.empty())
      fault = "without " + without + ": " + fault;
  }
  return fault;
}

//===----------------------------------------------------------------------===//
// The run
//===----------------------------------------------------------------------===//

/// Takes things away as long as something stays wrong.
static RandomModel shrink(MLIRContext &context, RandomModel model,
                          std::string &fault) {
  for (bool goesOn = true; goesOn;) {
    goesOn = false;
    for (const RandomModel &less : model.smaller()) {
      std::string found = Check(context, less).run();
      if (found.empty())
        continue;
      model = less;
      fault = found;
      goesOn = true;
      break;
    }
  }
  return model;
}

int main(int argc, char **argv) {
  cl::ParseCommandLineOptions(argc, argv, "random models against the oracle\n");
  DialectRegistry registry;
  registry.insert<attn::AttnDialect, func::FuncDialect, arith::ArithDialect,
                  math::MathDialect>();
  registerOracleExternalModels(registry);
  MLIRContext context(registry, MLIRContext::Threading::DISABLED);
  context.loadAllAvailableDialects();
  unsigned bad = 0;
  for (uint64_t seed = first; seed < first + seeds; ++seed) {
    RandomModel model = RandomModel::make(seed);
    if (printModels)
      llvm::outs() << model.yaml() << "---\n";
    std::string fault = Check(context, model).run();
    if (fault.empty())
      continue;
    ++bad;
    llvm::outs() << "seed " << seed << ": " << fault << '\n';
    RandomModel least = shrink(context, model, fault);
    llvm::outs() << "shrunk: " << fault << '\n' << least.yaml();
  }
  llvm::outs() << "flows: " << flows.allowed << " pairs of rows allowed, "
               << flows.seen << " seen\n";
  llvm::outs() << "heed-fuzz: " << seeds << " models, " << bad << " bad\n";
  return bad != 0;
}
