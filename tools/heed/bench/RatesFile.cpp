//===- RatesFile.cpp - Rate tables in files, and this machine's in the cache
//===//
#include "tools/heed/bench/RatesFile.h"

#include "runtime/formats/Json.h"
#include "runtime/step/CpuFeatures.h"
#include "runtime/support/AtomicFile.h"
#include "runtime/support/Text.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/raw_ostream.h"
#include "llvm/Support/xxhash.h"

#include <cmath>

namespace heed {

nlohmann::json toJson(const MachineRates &rates, const std::string &cpu) {
  nlohmann::json out = {
      {"cpu", cpu}, {"l1_bytes", rates.l1}, {"l2_bytes", rates.l2}};
  out["atoms"] = out["vectors"] = nlohmann::json::array();
  for (const MachineRates::Atom &atom : rates.atoms)
    out["atoms"].push_back({{"kind", atom.kind},
                            {"name", atom.name},
                            {"lanes", atom.lanes},
                            {"gflops", atom.registers},
                            {"fed_gflops", atom.fed}});
  for (const MachineRates::Vectors &of : rates.vectors)
    out["vectors"].push_back({{"lanes", of.lanes},
                              {"loads_gbs", of.loads},
                              {"softmax_gscores", of.softmax},
                              {"softmax_beside_gscores", of.softmaxBeside}});
  for (const MachineRates::Reads &of : rates.reads)
    out["reads"].push_back({{"bytes", of.bytes}, {"gbs", of.rate}});
  return out;
}

namespace {

/// Reads members of JSON objects; remembers the first that is not as it should
/// be.
class Reader {
public:
  explicit Reader(std::string path) : path(std::move(path)) {}
  std::string error;

  const nlohmann::json *member(const nlohmann::json &object, const char *key) {
    auto found = object.is_object() ? object.find(key) : object.end();
    if (object.is_object() && found != object.end())
      return &*found;
    fail(concat("`", key, "` is missing"));
    return nullptr;
  }
  std::string text(const nlohmann::json &object, const char *key) {
    const nlohmann::json *value = member(object, key);
    const auto *text = value ? value->get_ptr<const std::string *>() : nullptr;
    if (value && !text)
      fail(concat("`", key, "` must be a text"));
    return text ? *text : "";
  }
  /// A number from `least` on, below 1e9.
  double number(const nlohmann::json &object, const char *key, double least) {
    const nlohmann::json *value = member(object, key);
    double found = value && value->is_number() ? value->get<double>() : NAN;
    if (value && !(found >= least && found < 1e9))
      fail(concat("`", key, "` must be a number from ",
                  least == 0 ? "0" : "0.001", " on, found ",
                  printable(value->dump(), 40)));
    return found;
  }
  const nlohmann::json *list(const nlohmann::json &object, const char *key) {
    const nlohmann::json *value = member(object, key);
    if (value && !value->is_array())
      fail(concat("`", key, "` must be a list"));
    return value && value->is_array() ? value : nullptr;
  }
  void fail(const std::string &what) {
    if (error.empty())
      error = concat(path, ": no rate table: ", what);
  }

private:
  std::string path;
};

} // namespace

Result<MachineRates> readRates(const std::string &path,
                               const std::string &cpu) {
  auto file = llvm::MemoryBuffer::getFile(path);
  if (!file)
    return Error{concat(path, ": cannot be read: ", file.getError().message())};
  llvm::StringRef text = (*file)->getBuffer();
  Result<nlohmann::json> json = parseJson({text.data(), text.size()}, path);
  if (!json)
    return json.error();
  constexpr double rate = 1e-3;
  Reader reader(path);
  MachineRates rates;
  std::string of = reader.text(*json, "cpu");
  rates.l1 = static_cast<int64_t>(reader.number(*json, "l1_bytes", 0));
  rates.l2 = static_cast<int64_t>(reader.number(*json, "l2_bytes", 0));
  if (const nlohmann::json *atoms = reader.list(*json, "atoms"))
    for (const nlohmann::json &atom : *atoms)
      rates.atoms.push_back({reader.text(atom, "kind"),
                             reader.text(atom, "name"),
                             static_cast<int>(reader.number(atom, "lanes", 1)),
                             reader.number(atom, "gflops", rate),
                             reader.number(atom, "fed_gflops", 0)});
  if (const nlohmann::json *vectors = reader.list(*json, "vectors"))
    for (const nlohmann::json &vector : *vectors)
      rates.vectors.push_back(
          {static_cast<int>(reader.number(vector, "lanes", 1)),
           reader.number(vector, "loads_gbs", rate),
           reader.number(vector, "softmax_gscores", rate),
           reader.number(vector, "softmax_beside_gscores", rate)});
  // Older tables have none.
  if (json->is_object() && json->contains("reads"))
    if (const nlohmann::json *reads = reader.list(*json, "reads"))
      for (const nlohmann::json &read : *reads)
        rates.reads.push_back(
            {static_cast<int64_t>(reader.number(read, "bytes", 1)),
             reader.number(read, "gbs", rate)});
  if (!cpu.empty() && of != cpu)
    reader.fail("it is of another CPU, " + inQuotes(of));
  if (!reader.error.empty())
    return Error{reader.error};
  return rates;
}

std::string ratesCachePath() {
  llvm::SmallString<128> path;
  auto start = [&](const char *variable, llvm::StringRef below) {
    const char *value = std::getenv(variable);
    if (!path.empty() || !value || !*value)
      return;
    path = value;
    llvm::sys::path::append(path, below);
  };
  start("HEED_CACHE", "");
  start("XDG_CACHE_HOME", "heed");
  start("HOME", ".cache/heed");
  if (path.empty())
    return "";
  llvm::sys::path::append(
      path, "rates-" + llvm::utohexstr(llvm::xxh3_64bits(cpuIdentity()), true) +
                ".json");
  return path.str().str();
}

Status cacheRates(const MachineRates &rates) {
  std::string path = ratesCachePath();
  if (path.empty())
    return Error{"none of HEED_CACHE, XDG_CACHE_HOME and HOME is set"};
  if (std::error_code failure =
          llvm::sys::fs::create_directories(llvm::sys::path::parent_path(path)))
    return Error{
        concat(path, ": its folder cannot be made: ", failure.message())};
  Result<AtomicFile> file = AtomicFile::create(path);
  if (!file)
    return file.error();
  std::string text = toJson(rates, cpuIdentity()).dump(1) + "\n";
  if (Status written = file->append(
          {reinterpret_cast<const uint8_t *>(text.data()), text.size()});
      !written)
    return written;
  return file->commit();
}

MachineRates cachedRates() {
  std::string path = ratesCachePath();
  std::string told;
  if (!path.empty() && llvm::sys::fs::exists(path)) {
    Result<MachineRates> cached = readRates(path, cpuIdentity());
    if (cached)
      return *cached;
    told = cached.error().text + "; measured again";
  }
  MachineRates rates = measureMachine();
  if (Status written = cacheRates(rates); !written && told.empty())
    told = "the measured rates are not kept: " + written.error().text;
  if (!told.empty())
    llvm::errs() << "heed: warning: " << told << '\n';
  return rates;
}

Result<MachineRates> ratesNamed(const std::string &name) {
  if (name == "measured")
    return cachedRates();
  return readRates(name);
}

MachineRates builtinRates(attn::TargetAttr target) {
  MachineRates rates;
  for (attn::AtomAttr atom : target.getAtoms()) {
    std::string kind = atom.getKind().str(), name = kind;
    std::replace(name.begin(), name.end(), '_', ' ');
    rates.atoms.push_back(
        {kind,
         concat(name, " ", atom.getM(), "x", atom.getN(), "x", atom.getK()),
         static_cast<int>(atom.getN()), static_cast<double>(atom.getRate()),
         0});
  }
  rates.l1 = target.getL1();
  rates.l2 = target.getL2();
  return rates;
}

attn::TargetAttr withRates(attn::TargetAttr target, const MachineRates &rates) {
  llvm::SmallVector<attn::AtomAttr> atoms;
  for (attn::AtomAttr atom : target.getAtoms()) {
    const MachineRates::Atom *measured =
        rates.atom(atom.getKind().getValue(), static_cast<int>(atom.getN()));
    // As a register tile is fed, which is how it will run.
    double rate = !measured           ? 0
                  : measured->fed > 0 ? measured->fed
                                      : measured->registers;
    atoms.push_back(rate < 1 ? atom
                             : attn::AtomAttr::get(target.getContext(),
                                                   atom.getKind(), atom.getM(),
                                                   atom.getN(), atom.getK(),
                                                   std::llround(rate)));
  }
  return attn::TargetAttr::get(target.getContext(), target.getName(),
                               target.getFeatures(), target.getVector(),
                               target.getRegisters(),
                               rates.l1 ? rates.l1 : target.getL1(),
                               rates.l2 ? rates.l2 : target.getL2(), atoms);
}

} // namespace heed
