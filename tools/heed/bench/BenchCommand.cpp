//===- BenchCommand.cpp - heed bench MODEL: a kernel beside its bound -----===//
#include "runtime/formats/Json.h"
#include "runtime/support/Text.h"
#include "tools/heed/Commands.h"
#include "tools/heed/Compilation.h"
#include "tools/heed/Report.h"
#include "tools/heed/WorkFolder.h"
#include "tools/heed/bench/KernelBound.h"
#include "tools/heed/bench/RatesFile.h"

#include "llvm/Support/Format.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Program.h"
#include "llvm/Support/raw_ostream.h"

using llvm::format;

namespace heed {
namespace {

/// Of axes that no --size names; as OUT bench.
constexpr int64_t defaultSize = 512;

/// What OUT bench found.
struct Run {
  std::string call; // "a call with q [1, 512, 64], …"
  double seconds = 0;
  double fmaPeak = 0; // GFLOP/s of all threads, in the same run
};

/// The bounds of a model's ops, one after the other on one thread.
struct Bounds {
  std::vector<KernelBound> kernels;
  double seconds = 0, work = 0;
  std::string peakName = "f32 FMA peak";
  double peak = 0;    // of the atom that computes, GFLOP/s of one thread
  double fmaPeak = 0; // of one thread, by the rate table
};

Result<Bounds> boundsOf(Compilation &compilation, const MachineRates &rates,
                        const BenchInputs &inputs) {
  Result<std::vector<KernelBound>> kernels =
      kernelBounds(compilation.module(), rates, inputs, defaultSize);
  if (!kernels)
    return kernels.error();
  Bounds bounds{std::move(*kernels)};
  const MachineRates::Atom *most = nullptr;
  for (const KernelBound &kernel : bounds.kernels) {
    bounds.seconds += kernel.seconds();
    bounds.work += kernel.work;
    const MachineRates::Atom *atom = rates.atom(
        kernel.atom,
        static_cast<int>(compilation.target().findAtom(kernel.atom).getN()));
    if (!most || atom->registers > most->registers)
      most = atom;
  }
  bounds.peak = most->registers;
  if (most->kind != "fma_f32")
    bounds.peakName = most->name + " peak";
  const MachineRates::Atom *fma =
      rates.atom("fma_f32", static_cast<int>(compilation.target().getLanes()));
  bounds.fmaPeak = fma ? fma->registers : 0;
  return bounds;
}

/// Builds the model and runs its own bench. Errors have been printed when the
/// exit code is not 0.
int run(const Options &options, Run &found) {
  WorkFolder work;
  if (!work.made())
    return reportError(Error{
        "no temporary folder can be made; is the disk full?", Error::Machine});
  Options build = options;
  build.output = work.file("model");
  if (int code = buildCommand(build))
    return code;
  std::vector<std::string> words = {build.output,
                                    "bench",
                                    "--json",
                                    "--threads",
                                    std::to_string(options.threads),
                                    "--rounds",
                                    std::to_string(options.rounds)};
  for (const std::string &size : options.sizes)
    words.insert(words.end(), {"--size", size});
  for (const std::string &input : options.inputs)
    words.insert(words.end(), {"--in", input});
  std::vector<llvm::StringRef> arguments(words.begin(), words.end());
  std::string output = work.file("figures.json"), error;
  std::optional<llvm::StringRef> redirects[] = {std::nullopt, output,
                                                std::nullopt};
  if (int code = llvm::sys::ExecuteAndWait(
          build.output, arguments, std::nullopt, redirects, 0, 0, &error)) {
    if (code < 0)
      return reportError(
          Error{"the model cannot be run: " + error, Error::Machine});
    return code;
  }
  auto text = llvm::MemoryBuffer::getFile(output);
  Result<nlohmann::json> json = parseJson(
      text ? std::string_view((*text)->getBuffer()) : "", "OUT bench");
  if (!json)
    return reportError(json.error());
  found.fmaPeak = json->value("fma_peak_gflops", 0.0);
  for (const nlohmann::json &figure : (*json)["figures"])
    if (std::string name = figure.value("name", "");
        name.starts_with("a call with")) {
      found.call = name;
      found.seconds = figure.value("value", 0.0) * 1e-6;
    }
  return 0;
}

nlohmann::json toJson(const Bounds &bounds) {
  nlohmann::json out = {
      {"bound_gflops", bounds.work / bounds.seconds / 1e9},
      {"bound_of_peak", bounds.work / bounds.seconds / 1e9 / bounds.peak},
      {"operations", bounds.work},
      {"kernels", nlohmann::json::array()}};
  for (const KernelBound &kernel : bounds.kernels)
    out["kernels"].push_back({{"name", kernel.name},
                              {"tile", kernel.tile},
                              {"atom", kernel.atom},
                              {"operations", kernel.work},
                              {"visited_over_allowed", kernel.visited},
                              {"products_seconds", kernel.products},
                              {"softmax_seconds", kernel.softmax},
                              {"bytes", kernel.bytes},
                              {"memory_seconds", kernel.memory},
                              {"seconds", kernel.seconds()}});
  return out;
}

void print(const Bounds &bounds) {
  llvm::raw_ostream &os = llvm::outs();
  os << format("bound: %.1f GFLOP/s a thread, %.1f %% of the ",
               bounds.work / bounds.seconds / 1e9,
               100 * bounds.work / bounds.seconds / 1e9 / bounds.peak)
     << bounds.peakName << '\n';
  for (const KernelBound &kernel : bounds.kernels) {
    os << "  " << kernel.name << " in tiles of " << kernel.tile << ": "
       << format("products %.2f us", kernel.products * 1e6);
    if (kernel.softmax > 0)
      os << format(
          kernel.overlap
              ? ", beside them softmax %.2f us, %.3f times the allowed pairs "
                "visited"
              : ", softmax %.2f us, %.3f times the allowed pairs visited",
          kernel.softmax * 1e6, kernel.visited);
    if (kernel.memory > 0)
      os << format("; reading %.2f MB %.2f us", kernel.bytes / 1e6,
                   kernel.memory * 1e6);
    os << '\n';
  }
}

} // namespace

int benchCommand(const Options &options) {
  if (options.machine)
    return machineCommand(options);
  if (options.model.empty()) {
    reportError("heed bench needs a model or --machine");
    return 2;
  }
  Compilation compilation(options);
  if (!compilation.import())
    return 1;
  auto kind = mlir::cast<mlir::StringAttr>(
      compilation.module()
          ->getAttrOfType<mlir::DictionaryAttr>("attn.model")
          .get("kind"));
  if (kind.getValue() != "tensors")
    return reportError(Error{
        options.model +
        ": a model of tokens has its own bench: build it, then OUT bench"});
  if (!compilation.runTo(Stage::Scheduled))
    return 1;
  if (!options.sizes.empty() && !options.inputs.empty()) {
    reportError("give --in or --size: files have their own sizes");
    return 2;
  }
  Result<BenchInputs> inputs =
      options.inputs.empty()
          ? inputsOfSizes(options.sizes, compilation.module())
          : inputsOfFiles(options.inputs, compilation.module());
  if (!inputs) {
    reportError(inputs.error());
    return 2;
  }
  bool measured = options.rates.empty() || options.rates == "builtin" ||
                  options.rates == "measured";
  auto ratesNow = [&]() -> Result<MachineRates> {
    if (measured)
      return measureMachine();
    return readRates(options.rates);
  };
  Result<MachineRates> rates = ratesNow();
  if (!rates)
    return reportError(rates.error());
  Result<Bounds> bounds = boundsOf(compilation, *rates, *inputs);
  if (!bounds)
    return reportError(Error{options.model + ": " + bounds.error().text});
  Run found;
  if (!options.boundOnly)
    if (int code = run(options, found))
      return code;
  nlohmann::json json = toJson(*bounds);
  // Shares of the peak of the same run: the clock may have changed since the
  // table was measured.
  double rate = options.boundOnly ? 0 : bounds->work / found.seconds / 1e9;
  double peak = found.fmaPeak * bounds->peak / bounds->fmaPeak;
  double ofPeak = rate / peak;
  double ofBound =
      ofPeak / (bounds->work / bounds->seconds / 1e9 / bounds->peak);
  if (options.json) {
    if (!options.boundOnly)
      json.update({{"call", found.call},
                   {"threads", options.threads},
                   {"seconds", found.seconds},
                   {"gflops", rate},
                   {"peak_gflops", peak},
                   {"of_peak", ofPeak},
                   {"of_bound", ofBound}});
    llvm::outs() << json.dump(1) << '\n';
    return 0;
  }
  if (!options.boundOnly) {
    llvm::outs() << found.call << ", " << options.threads
                 << (options.threads == 1 ? " thread: " : " threads: ")
                 << format("%.2f us\n", found.seconds * 1e6)
                 << format("%.1f GFLOP/s, %.1f %% of the ", rate, 100 * ofPeak)
                 << bounds->peakName
                 << format(" (%.0f GFLOP/s), %.1f %% of the bound\n", peak,
                           100 * ofBound);
  }
  print(*bounds);
  return 0;
}

} // namespace heed
