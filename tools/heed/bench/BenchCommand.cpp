//===- BenchCommand.cpp - heed bench MODEL: a kernel beside its bound -----===//
#include "codegen/ModelDescription.h"
#include "runtime/bench/BenchCases.h"
#include "runtime/formats/Json.h"
#include "runtime/main/Exit.h"
#include "runtime/main/Interrupt.h"
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

/// A rate table, and whose it is.
struct RatesOf {
  MachineRates rates;
  std::string source; // "measured on this machine"
};

Result<RatesOf> ratesFor(const Options &options, attn::TargetAttr target) {
  RatesOf found;
  if (options.rates != "builtin" && options.rates != "measured") {
    Result<MachineRates> read = readRates(options.rates);
    if (!read)
      return read.error();
    found = {std::move(*read), "of " + options.rates};
  } else if (options.boundOnly && options.target != "host") {
    found = {builtinRates(target), "built in for " + options.target};
  } else {
    found = {measureMachine(), "measured on this machine"};
  }
  std::string missing;
  if (!found.rates.vectorsOf(static_cast<int>(target.getLanes())))
    missing = "loads, softmax";
  if (found.rates.reads.empty())
    missing += missing.empty() ? "reading" : ", reading";
  if (!missing.empty())
    found.source += "; no rates of " + missing + ": they count nothing";
  return found;
}

/// What OUT bench found.
struct Run {
  struct Figure {
    std::string name;  // "a call with q [1, 512, 64], …"
    double seconds;    // of one
    std::string value; // "1234 tokens/s"; empty where that is the time
  };
  std::vector<Figure> figures; // in the order of the cases
  double fmaPeak = 0;          // GFLOP/s of all threads
  double read = 0;             // GB/s of all threads; 0: not measured
};

/// The bounds of a case's kernels, one after the other on one thread.
struct Bounds {
  std::string name;
  std::vector<KernelBound> kernels;
  double seconds = 0, work = 0;
  std::string peakName = "f32 FMA peak";
  double peak = 0;    // of the atom that computes, GFLOP/s of one thread
  double fmaPeak = 0; // of one thread, by the rate table

  /// GFLOP/s of one thread.
  double rate() const { return work / seconds / 1e9; }
  /// Seconds with the speed that the machine had in a run, all of its threads.
  double secondsIn(const Run &run) const {
    double clock = fmaPeak / run.fmaPeak, sum = 0;
    for (const KernelBound &kernel : kernels) {
      double memory = run.read > 0 && kernel.memory > 0
                          ? kernel.bytes / run.read / 1e9
                          : kernel.memory * clock;
      sum +=
          double(kernel.times) * std::max(kernel.arithmetic() * clock, memory);
    }
    return sum;
  }
};

Result<Bounds> boundsOf(Compilation &compilation, const MachineRates &rates,
                        const BenchCase &timed) {
  Bounds bounds;
  bounds.name = timed.name;
  for (const BenchInputs &call : timed.calls) {
    Result<std::vector<KernelBound>> kernels =
        kernelBounds(compilation.module(), rates, call);
    if (!kernels)
      return kernels.error();
    for (const KernelBound &kernel : *kernels) {
      auto like = llvm::find_if(bounds.kernels, [&](const KernelBound &other) {
        return other.isLike(kernel);
      });
      if (like == bounds.kernels.end())
        bounds.kernels.push_back(kernel);
      else
        ++like->times;
    }
  }
  const MachineRates::Atom *most = nullptr;
  for (const KernelBound &kernel : bounds.kernels) {
    bounds.seconds += kernel.seconds() * double(kernel.times);
    bounds.work += kernel.work * double(kernel.times);
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

/// The cases of the model; nothing where the flags are wrong, which has been
/// told.
std::optional<std::vector<BenchCase>> casesOf(const Options &options,
                                              mlir::ModuleOp module) {
  auto refuse = [](const llvm::Twine &why) {
    reportError(why);
    return std::nullopt;
  };
  ModelInfo info = describeModel(module);
  bool decodes = !info.cache.empty();
  if (options.promptTokens && !decodes)
    return refuse("--prompt is for models that decode");
  if (info.kind == ModelKind::Tensors) {
    if (!options.sizes.empty() && !options.inputs.empty())
      return refuse("give --in or --size: files have their own sizes");
    Result<BenchInputs> inputs = options.inputs.empty()
                                     ? inputsOfSizes(options.sizes, module)
                                     : inputsOfFiles(options.inputs, module);
    if (!inputs)
      return refuse(inputs.error().text);
    return std::vector{BenchCase{"", {std::move(*inputs)}}};
  }
  if (!options.sizes.empty() || !options.inputs.empty())
    return refuse("--size and --in are for models of plain tensors");
  PromptRange range(info);
  int64_t prompt = options.promptTokens ? options.promptTokens : range.usual;
  if (decodes && (prompt < range.least || prompt > range.most))
    return refuse("--prompt expects " + llvm::Twine(range.least) + " to " +
                  llvm::Twine(range.most) + " tokens, found " +
                  llvm::Twine(prompt));
  return casesOfTokens(info, prompt);
}

int stopped() {
  reportError("interrupted before all rounds were run");
  return ExitInterrupted;
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
  int built = buildCommand(build);
  if (InterruptGuard::flag())
    return stopped();
  if (built)
    return built;
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
  if (options.promptTokens)
    words.insert(words.end(),
                 {"--prompt", std::to_string(options.promptTokens)});
  std::vector<llvm::StringRef> arguments(words.begin(), words.end());
  std::string output = work.file("figures.json"), error;
  std::optional<llvm::StringRef> redirects[] = {std::nullopt, output,
                                                std::nullopt};
  int code = llvm::sys::ExecuteAndWait(build.output, arguments, std::nullopt,
                                       redirects, 0, 0, &error);
  if (code == ExitInterrupted)
    return code; // it has said so
  if (InterruptGuard::flag())
    return stopped();
  if (code < 0)
    return reportError(
        Error{"the model cannot be run: " + error, Error::Machine});
  if (code)
    return code;
  auto text = llvm::MemoryBuffer::getFile(output);
  Result<nlohmann::json> json = parseJson(
      text ? std::string_view((*text)->getBuffer()) : "", "OUT bench");
  if (!json)
    return reportError(json.error());
  found.fmaPeak = json->value("fma_peak_gflops", 0.0);
  found.read = json->value("read_bandwidth_gb", 0.0);
  for (const nlohmann::json &figure : (*json)["figures"])
    if (double seconds = figure.value("seconds", 0.0); seconds > 0) {
      std::string unit = figure.value("unit", "");
      std::string value;
      if (unit != "us")
        value = concat(std::llround(figure.value("value", 0.0)), " ", unit);
      found.figures.push_back({figure.value("name", ""), seconds, value});
    }
  return 0;
}

nlohmann::json toJson(const Bounds &bounds) {
  nlohmann::json out = {{"bound_gflops", bounds.rate()},
                        {"bound_of_peak", bounds.rate() / bounds.peak},
                        {"bound_seconds", bounds.seconds},
                        {"operations", bounds.work},
                        {"kernels", nlohmann::json::array()}};
  if (!bounds.name.empty())
    out["name"] = bounds.name;
  for (const KernelBound &kernel : bounds.kernels)
    out["kernels"].push_back({{"name", kernel.name},
                              {"times", kernel.times},
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
  os << "bound" << (bounds.name.empty() ? "" : " of ") << bounds.name
     << format(": %.1f GFLOP/s a thread, %.1f %% of the ", bounds.rate(),
               100 * bounds.rate() / bounds.peak)
     << bounds.peakName;
  if (!bounds.name.empty())
    os << format(", %.2f us", bounds.seconds * 1e6);
  os << '\n';
  for (const KernelBound &kernel : bounds.kernels) {
    os << "  ";
    if (kernel.times > 1)
      os << kernel.times << " times ";
    os << kernel.name << " in tiles of " << kernel.tile << ": "
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

/// A case's time beside its bound.
void print(const Run::Figure &figure, const nlohmann::json &shares,
           const Bounds &bounds, int threads) {
  llvm::outs() << figure.name << ", " << threads
               << (threads == 1 ? " thread: " : " threads: ")
               << format("%.2f us", figure.seconds * 1e6)
               << (figure.value.empty() ? "" : ", ") << figure.value
               << format("\n%.1f GFLOP/s, %.1f %% of the ",
                         shares["gflops"].get<double>(),
                         100 * shares["of_peak"].get<double>())
               << bounds.peakName
               << format(" (%.0f GFLOP/s), %.1f %% of the bound\n",
                         shares["peak_gflops"].get<double>(),
                         100 * shares["of_bound"].get<double>());
}

} // namespace

int benchCommand(const Options &options) {
  if (options.machine)
    return machineCommand(options);
  if (options.model.empty()) {
    reportError("heed bench needs a model or --machine");
    return 2;
  }
  InterruptGuard interrupt;
  Compilation compilation(options);
  if (!compilation.import() || !compilation.runTo(Stage::Scheduled))
    return 1;
  auto cases = casesOf(options, compilation.module());
  if (!cases)
    return 2;
  Result<RatesOf> rates = ratesFor(options, compilation.target());
  if (!rates)
    return reportError(rates.error());
  std::vector<Bounds> all;
  for (const BenchCase &timed : *cases) {
    Result<Bounds> bounds = boundsOf(compilation, rates->rates, timed);
    if (!bounds)
      return reportError(Error{options.model + ": " + bounds.error().text});
    all.push_back(std::move(*bounds));
  }
  if (InterruptGuard::flag())
    return stopped();
  Run found;
  if (!options.boundOnly)
    if (int code = run(options, found))
      return code;
  nlohmann::json json = nlohmann::json::array();
  for (auto [i, bounds] : llvm::enumerate(all)) {
    nlohmann::json shares = toJson(bounds);
    if (!options.boundOnly) {
      const Run::Figure &figure = found.figures[i];
      // Shares of the peak of the same run: the clock may have changed since
      // the table was measured.
      double rate = bounds.work / figure.seconds / 1e9;
      double peak = found.fmaPeak * bounds.peak / bounds.fmaPeak;
      shares.update({{"call", figure.name},
                     {"threads", options.threads},
                     {"seconds", figure.seconds},
                     {"gflops", rate},
                     {"peak_gflops", peak},
                     {"of_peak", rate / peak},
                     {"of_bound", bounds.secondsIn(found) / figure.seconds}});
      if (!options.json)
        print(figure, shares, bounds, options.threads);
    }
    if (!options.json)
      print(bounds);
    json.push_back(std::move(shares));
  }
  if (!options.json) {
    llvm::outs() << "rates: " << rates->source << '\n';
    return 0;
  }
  json =
      all.front().name.empty() ? json.front() : nlohmann::json{{"cases", json}};
  json["rates"] = rates->source;
  llvm::outs() << json.dump(1) << '\n';
  return 0;
}

} // namespace heed
