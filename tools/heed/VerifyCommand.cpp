//===- VerifyCommand.cpp - heed verify: the proofs, as a table ------------===//
#include "tools/heed/Commands.h"
#include "tools/heed/Compilation.h"
#include "tools/heed/Report.h"
#include "tools/heed/VerifyCertificate.h"
#include "tools/heed/VerifyPromises.h"

#include "mlir/IR/Verifier.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/JSON.h"
#include "llvm/Support/raw_ostream.h"

using namespace mlir;

namespace heed {
namespace {

const char *wordOf(Fact::Verdict verdict) {
  switch (verdict) {
  case Fact::Proved:
    return "proved";
  case Fact::Fails:
    return "fails";
  case Fact::NotProved:
    return "not proved";
  case Fact::Tested:
    return "tested";
  case Fact::Found:
    return "found";
  }
  llvm_unreachable("all verdicts are named above");
}

void printTable(llvm::raw_ostream &os, const ModelFacts &facts) {
  size_t subjects = 0, kinds = 0;
  for (const Fact &fact : facts.facts) {
    subjects = std::max(subjects, fact.subject.size());
    kinds = std::max(kinds, fact.kind.size());
  }
  std::string last;
  for (const Fact &fact : facts.facts) {
    std::string subject = fact.subject == last ? "" : fact.subject;
    last = fact.subject;
    os << llvm::left_justify(subject, subjects) << "  "
       << llvm::left_justify(fact.kind, kinds) << "  "
       << llvm::left_justify(wordOf(fact.verdict), 10)
       << llvm::format("%7.2f ms  ", fact.seconds * 1e3) << fact.words << "  ("
       << placeOf(fact.at) << ")\n";
  }
}

/// The path of a counterexample: places in the model file, and what is read
/// there.
void printSteps(llvm::json::OStream &json,
                ArrayRef<std::pair<Location, std::string>> steps) {
  if (steps.empty())
    return;
  json.attributeArray("steps", [&] {
    for (const auto &[at, words] : steps)
      json.object([&] {
        json.attribute("at", placeOf(at));
        json.attribute("words", words);
      });
  });
}

void printJson(llvm::raw_ostream &os, const std::string &model,
               const ModelFacts &facts,
               const std::vector<PromiseCheck> &promises, double seconds) {
  llvm::json::OStream json(os, 2);
  json.object([&] {
    json.attribute("model", model);
    json.attribute("seconds", seconds);
    json.attributeArray("facts", [&] {
      for (const Fact &fact : facts.facts)
        json.object([&] {
          json.attribute("subject", fact.subject);
          json.attribute("kind", fact.kind);
          json.attribute("verdict", wordOf(fact.verdict));
          json.attribute("words", fact.words);
          json.attribute("at", placeOf(fact.at));
          json.attribute("seconds", fact.seconds);
          printSteps(json, fact.notes);
        });
    });
    json.attributeArray("promises", [&] {
      for (const PromiseCheck &promise : promises)
        json.object([&] {
          json.attribute("promise", promise.name);
          json.attribute("holds", promise.holds);
          json.attribute("verdict", wordOf(promise.verdict()));
          if (promise.at) {
            json.attribute("at", placeOf(*promise.at));
            json.attribute("words", promise.words);
          }
          printSteps(json, promise.notes);
        });
    });
  });
  os << '\n';
}

/// `model.yaml:17:13: error: promised causal: …`, and the steps.
void report(const PromiseCheck &promise) {
  InFlightDiagnostic error = emitError(*promise.at);
  error << "promised `" << promise.name << "`: " << promise.words;
  for (auto &[at, text] : promise.notes)
    error.attachNote(at) << text;
}

} // namespace

int verifyCommand(const Options &options) {
  // A check takes the model file's word, and none of the compiler's.
  if (!options.checkCertificate.empty() && options.certificate.empty() &&
      !options.json)
    return checkCertificate(options);
  Compilation compilation(options);
  if (!compilation.import() || failed(mlir::verify(compilation.module())))
    return 1;
  double started = now();
  ModelFacts facts(compilation.module());
  std::vector<PromiseCheck> promises =
      checkPromises(compilation.module(), facts);
  double seconds = now() - started;
  if (options.json) {
    printJson(llvm::outs(), options.model, facts, promises, seconds);
  } else if (options.checkCertificate.empty()) {
    printTable(llvm::outs(), facts);
    for (const PromiseCheck &promise : promises)
      if (promise.holds)
        llvm::outs() << "promised `" << promise.name << "`: holds\n";
    llvm::outs() << llvm::format("%zu facts in %.1f ms\n", facts.facts.size(),
                                 seconds * 1e3);
  }
  llvm::outs().flush();
  bool good = true;
  for (const PromiseCheck &promise : promises)
    if (!promise.holds) {
      report(promise);
      good = false;
    }
  if (!options.certificate.empty())
    if (int code = writeCertificate(options, facts, promises))
      return code;
  if (!good)
    return 1;
  if (!options.checkCertificate.empty())
    return checkCertificate(options);
  return 0;
}

} // namespace heed
