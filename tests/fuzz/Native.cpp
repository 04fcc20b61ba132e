//===- Native.cpp - A built executable beside the oracle ------------------===//
#include "tests/fuzz/Native.h"

#include "ir/Axes.h"
#include "runtime/formats/Npy.h"
#include "tests/oracle/Compare.h"
#include "tests/oracle/Inputs.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/Program.h"

using namespace heed;
using namespace heed::fuzz;
using namespace heed::oracle;
using namespace mlir;

namespace {

/// Files of one check, gone when it ends.
class Workshop {
public:
  Workshop() {
    (void)llvm::sys::fs::createUniqueDirectory("heed-fuzz", folder);
  }
  ~Workshop() { (void)llvm::sys::fs::remove_directories(folder); }

  std::string file(const Twine &name) const {
    SmallString<128> path(folder);
    llvm::sys::path::append(path, name);
    return path.str().str();
  }
  /// What a program complains about; nothing when it ends well.
  std::string run(ArrayRef<std::string> command) const {
    SmallVector<StringRef> words(command.begin(), command.end());
    std::string errors = file("errors"), message;
    std::optional<StringRef> redirects[] = {std::nullopt, StringRef(""),
                                            StringRef(errors)};
    llvm::ErrorOr<std::string> program =
        llvm::sys::findProgramByName(command[0]);
    int code = llvm::sys::ExecuteAndWait(program ? *program : command[0], words,
                                         std::nullopt, redirects,
                                         /*SecondsToWait=*/120, 0, &message);
    if (code == 0)
      return {};
    auto said = llvm::MemoryBuffer::getFile(errors);
    return llvm::sys::path::filename(command[0]).str() + " " + command[1] +
           " gives " + std::to_string(code) + ": " + message +
           (said ? (*said)->getBuffer().str() : "");
  }

private:
  SmallString<128> folder;
};

/// Inputs as files, and the flags that name them.
class Call {
public:
  Call(const Workshop &workshop, func::FuncOp function, uint64_t seed)
      : workshop(workshop), function(function) {
    options.seed = seed;
  }

  bool prepare(Surroundings &around);
  const std::vector<std::string> &flags() const { return words; }
  StringRef output() const { return outputName; }
  /// The part of the executable's output that the oracle has computed.
  bool compare(const Npy &output, double &most) const;

private:
  void tokens();
  void tensors(ArrayRef<Datum> arguments);

  const Workshop &workshop;
  func::FuncOp function;
  InputOptions options;
  std::vector<std::string> words;
  std::string outputName;
  std::shared_ptr<const Tensor> expected;
  // Of tokens: the lengths of the sequences, padded to the longest.
  std::vector<int64_t> lengths;
  int64_t longest = 0;
};

} // namespace

/// Sequences of several lengths from position 0 on, padded at the right.
void Call::tokens() {
  std::mt19937_64 random(options.seed);
  std::vector<std::pair<int64_t, int64_t>> rows;
  for (uint64_t s = 0, n = 1 + random() % 3; s < n; ++s) {
    lengths.push_back(1 + int64_t(random() % 40));
    longest = std::max(longest, lengths.back());
    rows.push_back({0, lengths.back()});
  }
  options.rows["token"] = rows;
}

bool Call::prepare(Surroundings &around) {
  bool hasTokens = false;
  for (unsigned i = 0; i < function.getNumArguments(); ++i)
    hasTokens |= isa<attn::RaggedType>(function.getArgumentTypes()[i]);
  if (hasTokens) {
    tokens();
  } else {
    std::mt19937_64 random(options.seed);
    for (StringRef axis : {"q", "kv", "token"})
      options.sizes[axis] = 1 + int64_t(random() % 80);
  }
  FailureOr<std::vector<Datum>> arguments = Inputs(function, options).make();
  if (failed(arguments))
    return false;
  if (hasTokens) {
    // All rows are wanted: the executable gives them all.
    int64_t count = 0;
    for (int64_t length : lengths)
      count += length;
    for (unsigned i = 0; i < function.getNumArguments(); ++i)
      if (function.getArgAttrOfType<StringAttr>(i, "attn.role") == "wanted") {
        Tensor all({"output"}, {count});
        for (int64_t row = 0; row < count; ++row)
          all.values[row] = double(row);
        (*arguments)[i] = datum(std::move(all));
      }
  }
  tensors(*arguments);
  FailureOr<std::vector<Datum>> results =
      evaluateFunction(function, *arguments, around);
  if (failed(results))
    return false;
  outputName = resultName(function, 0);
  expected = std::get<std::shared_ptr<const Tensor>>(results->front());
  return true;
}

void Call::tensors(ArrayRef<Datum> arguments) {
  for (auto [i, argument] : llvm::enumerate(arguments)) {
    auto tensor = std::get_if<std::shared_ptr<const Tensor>>(&argument);
    if (!tensor)
      continue;
    std::string name = argumentName(function, i), path = workshop.file(name);
    auto role = function.getArgAttrOfType<StringAttr>(i, "attn.role");
    if (role == "tokens") {
      std::vector<int64_t> ids, mask;
      auto next = (*tensor)->values.begin();
      for (int64_t length : lengths)
        for (int64_t t = 0; t < longest; ++t) {
          ids.push_back(t < length ? int64_t(*next++) : 0);
          mask.push_back(t < length);
        }
      int64_t shape[] = {int64_t(lengths.size()), longest};
      (void)bool(writeNpy(path, shape, std::span<const int64_t>(ids)));
      (void)bool(
          writeNpy(path + ".mask", shape, std::span<const int64_t>(mask)));
      words.insert(words.end(),
                   {"--ids", path, "--attention-mask", path + ".mask"});
    } else if (role != "wanted") {
      std::vector<float> floats((*tensor)->values.begin(),
                                (*tensor)->values.end());
      (void)bool(
          writeNpy(path, (*tensor)->sizes, std::span<const float>(floats)));
      words.insert(words.end(), {"--in", name + "=" + path});
    }
  }
}

bool Call::compare(const Npy &output, double &most) const {
  Result<std::vector<float>> floats = output.floats();
  if (!floats)
    return false;
  Tensor found = *expected;
  found.values.clear();
  if (expected->axes.front() == attn::axis::Output) {
    int64_t width = int64_t(floats->size()) /
                    std::max<int64_t>(longest * int64_t(lengths.size()), 1);
    for (auto [s, length] : llvm::enumerate(lengths)) {
      auto row = floats->begin() + int64_t(s) * longest * width;
      found.values.insert(found.values.end(), row, row + length * width);
    }
  } else {
    found.values.assign(floats->begin(), floats->end());
  }
  if (found.values.size() != expected->values.size())
    return false;
  most = difference(Datum(expected), datum(std::move(found)));
  return true;
}

std::string heed::fuzz::checkNative(const RandomModel &model, ModuleOp module,
                                    StringRef heed, ArrayRef<std::string> flags,
                                    StringRef disabled, double tolerance) {
  Workshop workshop;
  std::string file = workshop.file("model.yaml"),
              program = workshop.file("out");
  std::error_code failure;
  llvm::raw_fd_ostream(file, failure) << model.yaml();
  std::vector<std::string> build = {heed.str(), "build", file, "-o", program};
  llvm::append_range(build, flags);
  if (!disabled.empty())
    build.insert(build.end(), {"--disable", disabled.str()});
  if (std::string fault = workshop.run(build); !fault.empty())
    return fault;

  WeightTable weights;
  Surroundings around{weights, {}};
  for (auto function : module.getOps<func::FuncOp>()) {
    if (!function->hasAttr("attn.entry"))
      continue;
    Call call(workshop, function, model.seed);
    if (!call.prepare(around))
      return "the oracle cannot evaluate the model";
    std::vector<Npy> outputs;
    for (const char *threads : {"1", "3"}) {
      std::string path = workshop.file(Twine("threads") + threads);
      std::vector<std::string> command = {program, "run"};
      command.insert(command.end(), call.flags().begin(), call.flags().end());
      command.insert(
          command.end(),
          {"--out", (call.output() + "=" + path).str(), "--threads", threads});
      if (std::string fault = workshop.run(command); !fault.empty())
        return fault;
      Result<Npy> output = Npy::open(path);
      if (!output)
        return output.error().text;
      outputs.push_back(std::move(*output));
    }
    double most = 0;
    if (!call.compare(outputs[0], most))
      return "the executable's output has another shape";
    std::string fault;
    if (!(most <= tolerance))
      llvm::raw_string_ostream(fault)
          << "the executable differs by " << llvm::format("%.3g", most);
    else if (!std::ranges::equal(outputs[0].view().bytes,
                                 outputs[1].view().bytes))
      fault = "three threads give other bits than one";
    if (!fault.empty())
      return fault;
  }
  return {};
}
