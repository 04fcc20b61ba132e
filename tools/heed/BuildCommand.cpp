//===- BuildCommand.cpp - heed build: a model becomes an executable -------===//
#include "codegen/EmitObject.h"
#include "codegen/Link.h"
#include "codegen/ModelDescription.h"
#include "codegen/Target.h"
#include "codegen/pack/PackWeights.h"
#include "codegen/pack/tokenizer/BuildTokenizer.h"
#include "runtime/formats/WeightSource.h"
#include "runtime/model/ModelFile.h"
#include "runtime/support/Text.h"
#include "runtime/tokenizer/Tokenizer.h"
#include "tools/heed/Commands.h"
#include "tools/heed/Compilation.h"
#include "tools/heed/Report.h"
#include "tools/heed/WorkFolder.h"

#include "llvm/ADT/SmallString.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/Path.h"

#include <thread>

namespace heed {
namespace {

/// Seconds of each step, for --timing.
class Timing {
public:
  void step(const char *name) {
    double time = now();
    steps.push_back({name, time - last});
    last = time;
  }
  void print() const {
    double all = 0;
    for (auto [name, seconds] : steps) {
      llvm::errs() << llvm::format("%8.3f s  ", seconds) << name << '\n';
      all += seconds;
    }
    llvm::errs() << llvm::format("%8.3f s  in all, %.3f s without packing\n",
                                 all, all - steps.back().second);
  }

private:
  double last = now();
  std::vector<std::pair<const char *, double>> steps;
};

/// How many kernels there are, and the time that each takes in LLVM: its passes
/// and its machine code.
void printKernels(const std::vector<KernelObject> &objects,
                  const TimeOfFunctions &optimised) {
  double all = 0, worst = 0;
  unsigned kernels = 0;
  llvm::StringRef slowest;
  for (const KernelObject &object : objects)
    if (object.isKernel) {
      double seconds = object.seconds + optimised.lookup(object.name);
      all += seconds;
      ++kernels;
      if (seconds > worst) {
        worst = seconds;
        slowest = object.name;
      }
    }
  if (kernels)
    llvm::errs() << llvm::format("%8u kernels: mean %.3f s, worst %.3f s, ",
                                 kernels, all / kernels, worst)
                 << slowest << '\n';
}

/// Errors: the file cannot be written.
Status writeObject(const std::string &path, llvm::StringRef code) {
  std::error_code failure;
  llvm::raw_fd_ostream file(path, failure);
  if (!failure) {
    file << code;
    file.close();
    failure = file.error();
    file.clear_error();
  }
  if (failure)
    return Error{"the object file cannot be written: " + failure.message(),
                 Error::Machine};
  return {};
}

std::string modelText(mlir::ModuleOp module, llvm::StringRef key) {
  auto model = module->getAttrOfType<mlir::DictionaryAttr>("attn.model");
  auto value = model ? model.getAs<mlir::StringAttr>(key) : mlir::StringAttr();
  return value ? value.getValue().str() : std::string();
}

/// libheed_runtime.a: in the build tree or installed beside this program.
std::string runtimeLibrary() {
  std::string self = llvm::sys::fs::getMainExecutable(nullptr, nullptr);
  llvm::StringRef bin = llvm::sys::path::parent_path(self),
                  root = llvm::sys::path::parent_path(bin);
  for (llvm::StringRef folder : {"runtime", "lib", "../runtime"}) {
    llvm::SmallString<128> path(root);
    llvm::sys::path::append(path, folder, "libheed_runtime.a");
    if (llvm::sys::fs::exists(path))
      return path.str().str();
  }
  return (root + "/lib/libheed_runtime.a").str();
}

/// The tokenizer's file at `path`, for the model. An encoder cuts its texts at
/// the model's context, or at 256 tokens as sentence-transformers does,
/// whatever its files say. Errors: those of the file, more tokens than the
/// model has rows for.
Result<TokenizerTable> tokenizerTable(const std::string &path,
                                      const ModelInfo &info) {
  TokenizerOptions options;
  if (info.kind == ModelKind::Encoder && info.context)
    options.json.maxLength = options.vocabTxt.maxLength =
        std::min<uint32_t>(info.context, 256);
  Result<TokenizerTable> table = buildTokenizer(path, options);
  if (!table || info.kind == ModelKind::Tensors)
    return table;
  Result<Tokenizer> tokenizer =
      Tokenizer::open(std::as_bytes(std::span(table->bytes)));
  if (!tokenizer)
    return tokenizer.error();
  size_t tokens = tokenizer->vocabularySize(), rows = info.vocabulary;
  if (tokens > rows)
    return Error{concat(path, ": ", tokens,
                        " tokens, but the model has rows for ", rows)};
  if (tokens < rows)
    table->warnings.push_back(concat(
        path, ": ", tokens, " tokens, and the model has rows for ", rows));
  return table;
}

} // namespace

int buildCommand(const Options &options) {
  Timing timing;
  llvm::LLVMContext context;
  std::vector<Variant> variants;
  std::vector<std::unique_ptr<Compilation>> compilations;
  // What packing needs is declared in the module; keep it from the stages that
  // erase it.
  mlir::OwningOpRef<mlir::ModuleOp> declared;
  std::optional<TokenizerTable> tokenizer;
  std::optional<WeightSource> source;
  ModelInfo description;
  llvm::SmallVector<llvm::StringRef> targets;
  llvm::StringRef(options.target).split(targets, ',');
  for (llvm::StringRef target : targets) {
    compilations.push_back(
        std::make_unique<Compilation>(options, target.trim().str()));
    Compilation &compilation = *compilations.back();
    if (!compilation.import())
      return 1;
    auto isSame = [&](const Variant &other) {
      return other.target.getName().getValue() ==
             compilation.target().getName().getValue();
    };
    if (llvm::any_of(variants, isSame))
      continue;
    timing.step("read the model");
    if (!compilation.runTo(Stage::Scheduled))
      return 1;
    timing.step("fuse and schedule");
    if (!compilation.runTo(Stage::Tiled))
      return 1;
    timing.step("tiles");
    if (!declared) {
      declared = compilation.module().clone();
      description = compilation.info();
      // Before any code is made: a faulty tokenizer, or weights that are no
      // numbers, are told at once.
      if (std::string path = modelText(*declared, "tokenizer"); !path.empty()) {
        Result<TokenizerTable> table = tokenizerTable(path, description);
        if (!table)
          return reportError(table.error());
        for (const std::string &warning : table->warnings)
          llvm::errs() << "heed: warning: " << warning << '\n';
        tokenizer.emplace(std::move(*table));
      }
      timing.step("tokenizer");
      if (std::string path = modelText(*declared, "weights");
          options.emit == "exe" && !path.empty() &&
          !llvm::StringRef(path).starts_with("random:")) {
        Result<WeightSource> opened = WeightSource::open(path);
        if (!opened)
          return reportError(opened.error());
        source.emplace(std::move(*opened));
        if (Status good = checkWeights(*declared, *source); !good)
          return reportError(good.error());
        timing.step("check weights");
      }
    }
    addTarget(description, compilation.info());
    if (!compilation.runTo(Stage::Vector))
      return 1;
    timing.step("vectors");
    if (!compilation.runTo(Stage::Llvm))
      return 1;
    timing.step("lower to llvm");
    variants.push_back(
        translateToLlvm(compilation.module(), context, options.emulate));
    if (!variants.back().module)
      return 3;
    timing.step("optimise");
  }
  // The program takes the first that its CPU can run: the most demanding one.
  llvm::SmallVector<llvm::StringRef> known = targetNames();
  auto rank = [&](const Variant &variant) {
    return llvm::find(known, variant.target.getName().getValue()) -
           known.begin();
  };
  llvm::sort(variants, [&](const Variant &a, const Variant &b) {
    return rank(a) > rank(b);
  });
  TimeOfFunctions optimised;
  for (Variant &variant : variants)
    for (const auto &time : variant.optimised)
      optimised[time.getKey()] += time.getValue();
  auto module = joinVariants(std::move(variants));
  std::string output =
      options.output.empty() ? description.name : options.output;
  if (options.emit == "obj") {
    llvm::SmallVector<char, 0> code;
    llvm::raw_svector_ostream os(code);
    if (failed(emitMachineCode(*module, MachineCode::Object, os)))
      return 3;
    Bytes object(reinterpret_cast<const uint8_t *>(code.data()), code.size());
    Result<AtomicFile> file =
        AtomicFile::create(options.output.empty() ? output + ".o" : output);
    if (!file)
      return reportError(file.error());
    if (Status written = file->append(object); !written)
      return reportError(written.error());
    if (Status done = file->commit(); !done)
      return reportError(done.error());
    return 0;
  }

  WorkFolder work;
  if (!work.made()) {
    reportError("no temporary folder can be made; is the disk full?");
    return 3;
  }
  unsigned jobs = options.jobs > 0 ? static_cast<unsigned>(options.jobs)
                                   : std::thread::hardware_concurrency();
  std::vector<KernelObject> kernels = emitObjects(*module, jobs);
  if (kernels.empty())
    return 3;
  timing.step("machine code");
  std::string base = work.file("program");
  std::vector<std::string> files;
  for (const KernelObject &kernel : kernels) {
    files.push_back(work.file("model." + std::to_string(files.size()) + ".o"));
    if (Status written = writeObject(
            files.back(), {kernel.object.data(), kernel.object.size()});
        !written)
      return reportError(written.error());
  }
  if (Status linked = linkExecutable(files, runtimeLibrary(), base); !linked)
    return reportError(linked.error());
  timing.step("link");

  // The executable is the linked program with the model behind it.
  auto pack = [&](ModelFileWriter &writer) -> Status {
    Progress progress("packing weights");
    if (Status begun = writer.beginSection(SectionKind::Weights); !begun)
      return begun;
    return packWeights(
        *declared, source ? &*source : nullptr,
        [&](std::span<const uint8_t> bytes) { return writer.write(bytes); },
        [&](int64_t done, int64_t total) { progress.update(done, total); });
  };
  Result<ModelFileWriter> writer = ModelFileWriter::create(output, base);
  if (!writer)
    return reportError(writer.error());
  std::string info = description.encode();
  if (Status written = writer->section(
          SectionKind::Info,
          Bytes(reinterpret_cast<const uint8_t *>(info.data()), info.size()));
      !written)
    return reportError(written.error());
  if (tokenizer) {
    Bytes bytes(reinterpret_cast<const uint8_t *>(tokenizer->bytes.data()),
                tokenizer->bytes.size());
    if (Status written = writer->section(SectionKind::Tokenizer, bytes);
        !written)
      return reportError(written.error());
  }
  std::optional<ModelFileWriter> beside;
  if (options.weights == "beside") {
    Result<ModelFileWriter> file = ModelFileWriter::create(output + ".weights");
    if (!file)
      return reportError(file.error());
    beside.emplace(std::move(*file));
    if (Status packed = pack(*beside); !packed)
      return reportError(packed.error());
    writer->weightsBeside(beside->endSection());
    if (Status done = beside->commit(); !done)
      return reportError(done.error());
  } else {
    if (Status packed = pack(*writer); !packed)
      return reportError(packed.error());
    writer->endSection();
  }
  if (Status done = writer->commit(); !done)
    return reportError(done.error());
  timing.step("pack weights");
  if (options.timing) {
    timing.print();
    printKernels(kernels, optimised);
    auto size = [](const std::string &path) {
      uint64_t bytes = 0;
      return llvm::sys::fs::file_size(path, bytes) ? 0 : double(bytes) / 1e6;
    };
    double program = size(base),
           tables = tokenizer ? double(tokenizer->bytes.size()) / 1e6 : 0;
    double weights =
        beside ? size(output + ".weights") : size(output) - program - tables;
    llvm::errs() << llvm::format(
        "%8.3f MB code, %.3f MB tokenizer, %.3f MB weights\n", program, tables,
        weights);
  }
  return 0;
}

} // namespace heed
