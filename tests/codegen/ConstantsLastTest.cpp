//===- ConstantsLastTest.cpp - Constants leave an address's base and index ===//
#include "codegen/ConstantsLast.h"

#include "llvm/AsmParser/Parser.h"
#include "llvm/IR/InstIterator.h"
#include "llvm/IR/Instructions.h"
#include "llvm/IR/Module.h"
#include "llvm/IR/Verifier.h"
#include "llvm/Passes/PassBuilder.h"
#include "llvm/Support/SourceMgr.h"

#define CATCH_CONFIG_MAIN
#include <catch2/catch.hpp>

using namespace llvm;

namespace {

struct Code {
  LLVMContext context;
  std::unique_ptr<Module> module;
  Function *function = nullptr;

  explicit Code(StringRef body) {
    SMDiagnostic error;
    module = parseAssemblyString(
        ("define i64 @f(ptr %p, i64 %x, i64 %y) {\n" + body + "}\n").str(),
        error, context);
    INFO(error.getMessage().str());
    REQUIRE(module);
    function = module->getFunction("f");
  }
  void run(StringRef passes) {
    PassBuilder builder;
    LoopAnalysisManager loops;
    FunctionAnalysisManager functions;
    CGSCCAnalysisManager calls;
    ModuleAnalysisManager modules;
    builder.registerModuleAnalyses(modules);
    builder.registerCGSCCAnalyses(calls);
    builder.registerFunctionAnalyses(functions);
    builder.registerLoopAnalyses(loops);
    builder.crossRegisterProxies(loops, functions, calls, modules);
    builder.registerPipelineParsingCallback(
        [](StringRef name, FunctionPassManager &manager,
           ArrayRef<PassBuilder::PipelineElement>) {
          if (name == "constants-last")
            manager.addPass(heed::ConstantsLast());
          return name == "constants-last";
        });
    ModulePassManager manager;
    cantFail(builder.parsePassPipeline(manager, passes));
    manager.run(*module, modules);
    REQUIRE_FALSE(verifyFunction(*function, &errs()));
  }
  /// What it returns for these arguments; `p` is 0.
  uint64_t valueAt(uint64_t x, uint64_t y) {
    auto *pointer = ConstantPointerNull::get(PointerType::get(context, 0));
    function->getArg(0)->replaceAllUsesWith(pointer);
    Type *type = Type::getInt64Ty(context);
    function->getArg(1)->replaceAllUsesWith(ConstantInt::get(type, x));
    function->getArg(2)->replaceAllUsesWith(ConstantInt::get(type, y));
    run("function(instcombine)");
    auto *end = cast<ReturnInst>(function->getEntryBlock().getTerminator());
    return cast<ConstantInt>(end->getReturnValue())->getZExtValue();
  }
};

// Feature 2 of key 3 and feature 5 of key 9, as tiles of bf16 read them; both
// sums have another user.
constexpr StringLiteral twoPlaces = R"(
  %k3 = add i64 %x, 3
  %k9 = add i64 %x, 9
  %r3 = sub i64 %k3, %y
  %r9 = sub i64 %k9, %y
  %o3 = shl i64 %r3, 6
  %o9 = mul i64 %r9, 64
  %a3 = getelementptr bfloat, ptr %p, i64 %o3
  %a9 = getelementptr bfloat, ptr %p, i64 %o9
  %d = shl i64 %y, 3
  %d2 = or disjoint i64 %d, 2
  %d5 = add i64 %d, 5
  %c2 = shl i64 %d2, 1
  %c5 = shl i64 %d5, 1
  %b3 = getelementptr bfloat, ptr %a3, i64 %c2
  %b9 = getelementptr bfloat, ptr %a9, i64 %c5
  %l3 = load i64, ptr %b3
  %l9 = load i64, ptr %b9
  %k = xor i64 %k3, %k9
  %s = add i64 %l3, %l9
  %t = add i64 %s, %k
  ret i64 %t
)";

} // namespace

TEST_CASE("places of a tile differ by a constant") {
  Code code(twoPlaces);
  code.run("function(constants-last,instcombine,early-cse)");
  std::vector<std::pair<Value *, int64_t>> places;
  for (Instruction &instruction : instructions(code.function))
    if (auto *load = dyn_cast<LoadInst>(&instruction)) {
      APInt offset(64, 0);
      Value *base = load->getPointerOperand();
      base = base->stripAndAccumulateConstantOffsets(
          code.module->getDataLayout(), offset, /*AllowNonInbounds=*/true);
      places.push_back({base, offset.getSExtValue()});
    }
  REQUIRE(places.size() == 2);
  CHECK(places[0].first == places[1].first);
  CHECK(places[0].second == 2 * (3 * 64 + 2 * 2));
  CHECK(places[1].second == 2 * (9 * 64 + 2 * 5));
}

TEST_CASE("numbers stay, also those that wrap") {
  StringRef body = GENERATE(
      R"(
  %a = add i64 %x, 7
  %b = add i64 %y, -9
  %c = sub i64 %a, %b
  %d = mul i64 %c, -3
  %e = shl i64 %d, 5
  %f = add i64 %e, %a
  %g = add i64 %f, 100
  ret i64 %g
)",
      R"(
  %a = shl i64 %x, 4
  %b = or disjoint i64 %a, 5
  %c = or disjoint i64 %b, 2
  %d = sub i64 40, %c
  %e = mul i64 %d, %b
  %f = shl i64 3, %y
  %g = sub i64 %e, %f
  %h = sub i64 %g, 5
  ret i64 %h
)",
      R"(
  %a = add i64 %x, 7
  %b = getelementptr i32, ptr %p, i64 %a
  %c = getelementptr i8, ptr %b, i64 3
  %d = getelementptr [3 x i16], ptr %c, i64 -2
  %e = getelementptr [5 x i8], ptr %d, i64 %y, i64 2
  %f = ptrtoint ptr %e to i64
  ret i64 %f
)");
  for (uint64_t x : {0ull, 1ull, 12345ull, ~0ull >> 1, ~0ull - 6})
    for (uint64_t y : {0ull, 9ull, 63ull}) {
      CAPTURE(body.str(), x, y);
      Code before(body), after(body);
      after.run("function(constants-last)");
      CHECK(after.valueAt(x, y) == before.valueAt(x, y));
    }
}
