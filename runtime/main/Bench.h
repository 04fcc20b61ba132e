//===- Bench.h - What OUT bench times -------------------------------------===//
#pragma once

#include "runtime/main/RandomInputs.h"

namespace heed {

/// What the rounds found, best of each. On Ctrl-C (InterruptGuard) every
/// function ends behind the call of the model that runs, with an error.
class Bench {
public:
  Bench(Model &model, unsigned rounds) : model(model), rounds(rounds) {}

  /// Reads a prompt, and decodes `tokens` behind it.
  Status decoder(size_t prompt, size_t tokens);
  /// Reads the sentences of `sentenceCases`.
  Status encoder();
  Status tensors(std::span<const TensorRef> inputs);
  /// Memory at 1/8, 1/4, 1/2 and all of the context.
  Status memory();
  /// The figures; as one line of JSON, or as lines.
  std::string text(bool json) const;
  double opened = 0; // seconds that opening the model took

private:
  struct Figure {
    std::string name;
    double value;
    std::string unit;
    double ratio = 0; // of the machine's peak; 0: there is none
    const char *of = "";
    double seconds = 0; // of one step or call; 0: it is no time of one
  };
  Status openSession(unsigned slots);
  /// `bytes`: what a token reads.
  Status fillPeaks(uint64_t bytes);
  void fillPieces(uint32_t meetings);
  double prefillCost(size_t tokens) const;
  Result<double> time(const StepRows &rows);
  Result<double> feed(size_t first, size_t count);
  Result<double> sentences(size_t batch, size_t length);

  Model &model;
  unsigned rounds;
  Random random{1};
  std::unique_ptr<Session> session;
  double fma = 0, read = 0;
  double readAlone = 0, readPieces = 0; // by one thread; as kernels read
  uint64_t tokenBytes = 0;              // that decoding one token reads
  std::vector<uint8_t> buffer;          // what stands for the cache
  std::vector<Figure> figures;
};

} // namespace heed
