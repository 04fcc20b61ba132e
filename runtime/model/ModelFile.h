//===- ModelFile.h - The model as it lies on the disk ---------------------===//
//
//   header (64 bytes) | sections, each at a page boundary | table | trailer
//
// It stands alone in a file, or behind an executable, from a page boundary to
// the executable's end: the trailer, the last 64 bytes, says how far back the
// header is. Little-endian; every offset counts from the header. With weights
// beside, the executable's own tail has WeightsBeside in place of Weights, and
// EXECUTABLE.weights has Weights alone.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "runtime/formats/MappedFile.h"
#include "runtime/support/AtomicFile.h"
#include "runtime/support/Checksum.h"

#include <optional>
#include <vector>

namespace heed {

inline constexpr uint32_t ModelFileVersion = 1;
inline constexpr uint64_t ModelFilePage = 4096;

enum class SectionKind : uint32_t {
  Info = 1,          // ModelInfo::encode
  Tokenizer = 2,     // a tokenizer's table (runtime/tokenizer/Table.h)
  Weights = 3,       // the packed weights
  WeightsBeside = 4, // no bytes; its record is that of the Weights in
                     // EXECUTABLE.weights
};

/// Where a section lies, as the file's table has it.
struct SectionRecord {
  SectionKind kind;
  uint32_t reserved = 0;
  uint64_t offset = 0; // from the header
  uint64_t size = 0;
  uint64_t checksum = 0; // of its bytes, see Checksum.h
};

/// A model file, mapped. Nothing is copied.
class ModelFile {
public:
  /// Maps `path`, an executable or a file that stands alone, and the weights
  /// beside it if it says so. Errors: cut short, another version, an offset
  /// beyond the file, a damaged section (Weights are not looked at; see
  /// verifyWeights), weights that are missing or of another build.
  static Result<ModelFile> open(const std::string &path);

  /// The bytes of a section, empty where the model has none. Weights are found
  /// wherever they lie.
  Bytes section(SectionKind kind) const;
  /// Reads all weights and compares their checksum.
  Status verifyWeights() const;
  const std::string &path() const { return file.path(); }
  /// The file that holds the weights.
  const std::string &weightsPath() const;

private:
  explicit ModelFile(MappedFile file) : file(std::move(file)) {}
  Status readTable();
  Status openBeside();
  const SectionRecord *find(SectionKind kind) const;

  MappedFile file;
  uint64_t start = 0; // of the header in the file
  std::vector<SectionRecord> table;
  std::vector<ModelFile> beside; // none or one
};

/// Writes a model file front to back, so that weights of any size stream
/// through little memory. The file appears whole or not at all.
///
///   auto writer = ModelFileWriter::create(path);
///   writer->beginSection(SectionKind::Weights);
///   writer->align(64); writer->write(bytes); …
///   writer->endSection(); writer->commit();
class ModelFileWriter {
public:
  /// A file that stands alone.
  static Result<ModelFileWriter> create(const std::string &path);
  /// A copy of the executable `base`, with the model behind it.
  static Result<ModelFileWriter> create(const std::string &path,
                                        const std::string &base);

  Status beginSection(SectionKind kind);
  Status write(Bytes bytes);
  /// Zeros up to a multiple of `alignment` bytes within the section.
  Status align(uint64_t alignment);
  /// Bytes of the current section so far.
  uint64_t position() const { return file.written() - sectionStart; }
  SectionRecord endSection();
  /// One whole section.
  Status section(SectionKind kind, Bytes bytes);
  /// Says that the weights lie beside; `weights` is what endSection gave there.
  void weightsBeside(const SectionRecord &weights);
  Status commit();

private:
  explicit ModelFileWriter(AtomicFile file) : file(std::move(file)) {}
  Status begin();

  AtomicFile file;
  uint64_t start = 0, sectionStart = 0;
  Checksum checksum;
  SectionKind kind{};
  std::vector<SectionRecord> table;
};

} // namespace heed
