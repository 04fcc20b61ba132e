#include "tools/heed/VerifyCertificate.h"

#include "passes/masks/certificate/Prover.h"
#include "passes/masks/certificate/Tester.h"
#include "tools/heed/Report.h"
#include "tools/heed/VerifyClaims.h"

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
static std::string test(const Claim &claim, const ModelFacts &facts) {
  if (claim.kind != "model")
    return certificate::findCounterexample(claim, TestedPoints);
  for (const auto &[entry, output, causality] : facts.outputs)
    for (int64_t row = 0; row < TestedRows && output->name == claim.mask; ++row)
      if (findLeak(entry->graph, output->node, row, TestedRows, {}))
        return "false at row " + std::to_string(row);
  return "";
}

/// The claim and how it is known; empty, and `error` says why, where it is
/// false.
static std::string conclude(const Claim &claim, const ModelFacts &facts,
                            std::string &error) {
  bool proved = false;
  if (claim.kind == "model") {
    for (const auto &[entry, output, causality] : facts.outputs)
      proved |= output->name == claim.mask && causality.eachAlone;
    if (proved)
      return certificate::print(claim) + "proof\n";
  } else if (std::optional<std::string> text =
                 certificate::certify(claim, error)) {
    return *text;
  }
  if (!StringRef(error).starts_with("false"))
    error = test(claim, facts);
  int64_t points = claim.kind == "model" ? TestedRows : TestedPoints;
  return error.empty() ? certificate::print(claim) + "tested " +
                             std::to_string(points) + "\n"
                       : "";
}

int heed::writeCertificate(const Options &options, const ModelFacts &facts) {
  std::optional<std::vector<Claim>> claims =
      claimsOfModel(options.model, facts);
  if (!claims)
    return 1;
  std::string text;
  for (const Claim &claim : *claims) {
    std::string error, proved = conclude(claim, facts, error);
    if (proved.empty()) {
      reportError("claim " + claim.kind + " at " + claim.at + " is " + error +
                  ": a fault of heed");
      return 3;
    }
    text += proved + "\n";
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

/// The claims of a certificate without their proofs, and the line of each.
static std::vector<std::pair<std::string, unsigned>>
statements(StringRef text) {
  std::vector<std::pair<std::string, unsigned>> all;
  bool isProof = true;
  unsigned number = 0;
  while (!text.empty()) {
    auto [line, rest] = text.split('\n');
    text = rest;
    ++number;
    if (line.starts_with("claim ")) {
      all.emplace_back("", number);
      isProof = false;
    }
    isProof |= line == "proof" || line.starts_with("tested ");
    if (!isProof)
      all.back().first += line.str() + "\n";
  }
  return all;
}

int heed::checkCertificate(const Options &options, const ModelFacts &facts) {
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
  std::optional<std::vector<Claim>> claims =
      claimsOfModel(options.model, facts);
  if (!claims)
    return 1;

  certificate::CheckResult result = certificate::check(text.str());
  if (!result.error.empty())
    return fail(result.error);
  auto said = statements(text);
  for (size_t i = 0; i < said.size() || i < claims->size(); ++i) {
    std::string wanted = i < claims->size() ? print((*claims)[i]) : "";
    if (i >= said.size())
      return fail("says nothing of `" + StringRef(wanted).split('\n').first +
                  "` at " + (*claims)[i].at);
    if (said[i].first != wanted)
      return fail("line " + Twine(said[i].second) + ": `" +
                  StringRef(said[i].first).split('\n').first +
                  "` is not what " + options.model + " says there");
  }
  // What was not proved is tested again.
  if (result.tested > 0)
    for (const Claim &claim : *claims)
      if (std::string found = test(claim, facts); !found.empty())
        return fail("claim " + claim.kind + " at " + claim.at + " is " + found);
  llvm::outs() << path << ": " << result.claims << " claims proved";
  if (result.tested)
    llvm::outs() << ", " << result.tested << " tested by brute force on "
                 << TestedPoints << " points each, not proved";
  llvm::outs() << '\n';
  return 0;
}
