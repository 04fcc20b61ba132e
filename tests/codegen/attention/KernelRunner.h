//===- KernelRunner.h - Compiles functions in memory and calls them -------===//
#pragma once

#include "ir/Attn.h"

#include "llvm/ExecutionEngine/Orc/LLJIT.h"

#include <memory>
#include <string>
#include <vector>

namespace heed::test {

/// One argument of a compiled function: a 1-D memref or a number.
struct Argument {
  void *data = nullptr;
  int64_t size = 0; // elements; -1 for a number
  int64_t number = 0;

  template <typename T> static Argument of(std::vector<T> &values) {
    return {values.data(), static_cast<int64_t>(values.size()), 0};
  }
  static Argument of(void *data, int64_t size) { return {data, size, 0}; }
  static Argument of(int64_t number) { return {nullptr, -1, number}; }
};

/// A machine that the tests generate code for.
struct Machine {
  const char *name;
  int64_t lanes, registers;
  std::vector<std::string> features;

  attn::TargetAttr attribute(mlir::MLIRContext *context) const;
  /// Whether this CPU has all of it, AMX aside, which tests/amx emulates.
  bool isHere() const;
  /// Whether its code runs here: AVX-512 is emulated where there is none.
  bool runsHere() const;
};
/// AVX-512 and AVX2 with FMA.
const std::vector<Machine> &machines();
/// AVX-512 with BF16, and that with AMX.
const Machine &bf16Machine();
const Machine &amxMachine();

/// A context with all dialects that kernels need.
std::unique_ptr<mlir::MLIRContext> makeContext();

/// A module in stage vector, compiled; aborts with the message where it cannot
/// be.
class CompiledModule {
public:
  CompiledModule(mlir::ModuleOp module, const Machine &machine)
      : CompiledModule(module, machine, !machine.isHere()) {}
  /// With AVX-512 emulated, or for a CPU that has it.
  CompiledModule(mlir::ModuleOp module, const Machine &machine, bool emulated);
  void call(const std::string &function,
            const std::vector<Argument> &arguments) const;
  double compileSeconds = 0; // of CPU time

private:
  std::unique_ptr<llvm::orc::LLJIT> jit;
};

/// Runs `attn-lower-attention-tiles`, then upstream's conversions to the LLVM
/// dialect.
mlir::LogicalResult lowerToLLVM(mlir::ModuleOp module);

} // namespace heed::test
