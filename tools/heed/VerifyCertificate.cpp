#include "tools/heed/VerifyCertificate.h"

#include "passes/masks/certificate/Prover.h"
#include "passes/masks/certificate/Tester.h"
#include "tools/heed/CertifiedPromises.h"
#include "tools/heed/Report.h"
#include "tools/heed/VerifyClaims.h"

#include <map>

#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/raw_ostream.h"

using namespace heed;
using namespace mlir;
using certificate::Claim;

/// Points of a claim that has no proof.
static constexpr unsigned TestedPoints = 2000;

/// A certificate is small; what is larger was not written by heed.
static constexpr uint64_t MostBytes = 64 << 20;

/// Rows of an output that are followed to all that they read, where the ops
/// were only proved together.
static constexpr int64_t TestedRows = 24;

/// Tests a claim that has no proof; empty, or how it is false.
static std::string test(const Claim &claim, const ModelOutline &model,
                        const ModelFacts &facts) {
  if (claim.kind != "model")
    return certificate::findCounterexample(model.outline, claim, TestedPoints);
  for (const auto &[entry, output, causality] : facts.outputs)
    for (int64_t row = 0; row < TestedRows && output->name == claim.title;
         ++row)
      if (findLeak(entry->graph, output->node, row, TestedRows, {}))
        return "false at row " + std::to_string(row);
  return "";
}

/// What promises that fail say of claims, on one line: no claim of that kind
/// that was not proved may pass for one that nothing is known of.
static std::string failureOf(const Claim &claim,
                             ArrayRef<PromiseCheck> promises) {
  static const std::map<std::string, std::string> kinds = {
      {"causal", "model"},      {"cacheable", "kept"},
      {"rows_covered", "rows"}, {"no_leak", "leak"},
      {"cache", "cache"},       {"receptive_field", "reads"},
      {"aligned", "aligned"}};
  for (const PromiseCheck &promise : promises) {
    auto kind = kinds.find(StringRef(promise.name).split(": ").first.str());
    if (promise.holds || kind == kinds.end() || kind->second != claim.kind)
      continue;
    const std::string at = placeOf(*promise.at);
    // One mask's promise is no other's.
    if (claim.kind != "model" && claim.kind != "reads" &&
        !StringRef(claim.title).starts_with(at + " "))
      continue;
    std::string words =
        "failed " + at + " promised `" + promise.name + "`: " + promise.words;
    for (const auto &[at, text] : promise.notes)
      words += "; " + placeOf(at) + " " + text;
    llvm::replace(words, '\n', ' ');
    return words;
  }
  return "";
}

/// The claim and how it is known; empty, and `error` says why, where it is
/// false. Gives the claim its parts.
static std::string conclude(ModelClaim &each, const ModelOutline &model,
                            const ModelFacts &facts, bool &isProved,
                            std::string &error) {
  Claim &claim = each.claim;
  isProved = true;
  for (const certificate::Parts &parts : each.tries) {
    claim.parts = parts;
    if (auto proved = certificate::certify(model.outline, claim, error))
      return *proved;
  }
  claim.parts.clear();
  if (each.search)
    if (auto least = certificate::certifyLeast(
            model.outline, claim, each.search->first, each.search->second)) {
      claim.parts = least->parts;
      return *certificate::certify(model.outline, claim, error);
    }
  isProved = false;
  const std::string open = certificate::print(claim) + "open\n\n";
  if (each.tries.empty() || (each.isGuess && claim.kind != "model"))
    return open;
  // The keys that rows are said to see are a choice of heed's, and how far each
  // mask looks ahead may not be enough for the whole: nothing is false.
  claim.parts = each.tries.front();
  const bool isFalse = StringRef(error).starts_with("false");
  if (isFalse && claim.kind == "rows") {
    claim.parts.clear();
    return open;
  }
  if (!isFalse || claim.kind == "model")
    error = test(claim, model, facts);
  if (!error.empty())
    return "";
  // The rows of a whole model are not tested without the compiler.
  return claim.kind == "model" ? open
                               : certificate::print(claim) + "tested " +
                                     std::to_string(TestedPoints) + "\n\n";
}

int heed::writeCertificate(const Options &options, const ModelFacts &facts,
                           ArrayRef<PromiseCheck> promises) {
  std::optional<ModelOutline> model = ModelOutline::read(options.model);
  if (!model)
    return 1;
  std::string text;
  certificate::Bases bases;
  for (ModelClaim &made : claimsOfModel(*model, facts)) {
    made.claim.base = bases.of(made.claim);
    bool isProved = false;
    std::string error, words = conclude(made, *model, facts, isProved, error);
    if (words.empty()) {
      reportError("claim " + made.claim.kind + " " + made.claim.title + " is " +
                  error + ": a fault of heed");
      return 3;
    }
    bases.add(made.claim, isProved);
    std::string failed = isProved ? "" : failureOf(made.claim, promises);
    text += failed.empty() ? words
                           : "claim " + made.claim.kind + " " +
                                 made.claim.title + "\n" + failed + "\n\n";
  }
  std::error_code failure;
  // Whole or not at all.
  if (auto temporary =
          llvm::sys::fs::TempFile::create(options.certificate + ".%%%%%%")) {
    llvm::raw_fd_ostream os(temporary->FD, /*shouldClose=*/false);
    os << text;
    os.flush();
    failure = os.error();
    os.clear_error();
    if (failure)
      llvm::consumeError(temporary->discard());
    else
      failure = llvm::errorToErrorCode(temporary->keep(options.certificate));
  } else {
    failure = llvm::errorToErrorCode(temporary.takeError());
  }
  if (failure) {
    reportError("cannot write " + options.certificate + ": " +
                failure.message());
    return 1;
  }
  return 0;
}

int heed::checkCertificate(const Options &options) {
  const std::string &path = options.checkCertificate;
  auto fail = [&](const Twine &text) {
    llvm::errs() << path << ": error: " << text << '\n';
    return 1;
  };
  uint64_t size = 0;
  if (llvm::sys::fs::is_directory(path))
    return fail("this is a folder, not a certificate");
  if (std::error_code error = llvm::sys::fs::file_size(path, size))
    return fail("cannot be read: " + error.message());
  if (size > MostBytes)
    return fail("this is no certificate: it has more than 64 MiB");
  auto file = llvm::MemoryBuffer::getFile(path);
  if (!file)
    return fail("cannot be read: " + file.getError().message());
  StringRef text = (*file)->getBuffer();
  std::optional<ModelOutline> model = ModelOutline::read(options.model);
  if (!model)
    return 1;

  certificate::CheckResult result =
      certificate::check(model->outline, text.str());
  if (!result.error.empty())
    return fail(result.error);
  // What was not proved is tested again.
  std::vector<Claim> tested, open = result.claims["open"];
  for (const Claim &claim : result.claims["tested"]) {
    // Nothing here tests a whole model: what was not proved is not known.
    if (claim.kind == "model") {
      open.push_back(claim);
      continue;
    }
    if (std::string found = certificate::findCounterexample(
            model->outline, claim, TestedPoints);
        !found.empty())
      return fail("claim " + claim.kind + " " + claim.title + " is " + found);
    tested.push_back(claim);
  }
  std::string why = findUncertified(*model, result.claims["proof"]);
  if (!result.claims["failed"].empty()) {
    SmallVector<StringRef> lines;
    text.split(lines, '\n');
    for (StringRef line : lines)
      if (line.consume_front("failed ")) {
        why += why.empty() ? "" : "\n";
        why += "the certificate says what fails: " + line.str();
      }
  }
  if (!why.empty())
    return fail(why);
  llvm::outs() << path << ": " << result.claims["proof"].size()
               << " claims proved";
  if (!tested.empty())
    llvm::outs() << ", " << tested.size()
                 << " tested by brute force, not proved";
  if (!open.empty())
    llvm::outs() << ", " << open.size() << " not made";
  llvm::outs() << '\n';
  for (const Claim &claim : tested)
    llvm::outs() << "tested: " << claim.kind << ' ' << claim.title << '\n';
  for (const Claim &claim : open)
    llvm::outs() << "not made: " << claim.kind << ' ' << claim.title << '\n';
  return 0;
}
