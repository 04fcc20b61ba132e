//===- ModelFile.cpp - The model as it lies on the disk -------------------===//
#include "runtime/model/ModelFile.h"
#include "runtime/support/Text.h"

#include <cstring>

using namespace heed;

namespace {
constexpr char headerMagic[8] = {'h', 'e', 'e', 'd', 'm', 'o', 'd', 'l'};
constexpr char trailerMagic[8] = {'h', 'e', 'e', 'd', 't', 'a', 'i', 'l'};
constexpr uint32_t mostSections = 16;

struct Header {
  char magic[8];
  uint32_t version;
  uint8_t zeros[52];
};
struct Trailer {
  char magic[8];
  uint32_t version;
  uint32_t sections;
  uint64_t size;     // from the header's first byte to the trailer's last
  uint64_t table;    // offset of the table
  uint64_t checksum; // of the table
  uint8_t zeros[24];
};
static_assert(sizeof(Header) == 64 && sizeof(Trailer) == 64);
static_assert(sizeof(SectionRecord) == 32);

template <typename T> T load(Bytes bytes, uint64_t at) {
  T value;
  std::memcpy(&value, bytes.data() + at, sizeof value);
  return value;
}

template <typename T> Bytes bytesOf(const T &value) {
  return {reinterpret_cast<const uint8_t *>(&value), sizeof value};
}
} // namespace

static std::string_view sectionName(SectionKind kind) {
  switch (kind) {
  case SectionKind::Info:
    return "info";
  case SectionKind::Tokenizer:
    return "tokenizer";
  case SectionKind::Weights:
  case SectionKind::WeightsBeside:
    return "weights";
  }
  return "unknown";
}

//===----------------------------------------------------------------------===//
// Reading
//===----------------------------------------------------------------------===//

static Error otherVersion(const std::string &path, uint32_t version) {
  return {concat(path, ": the model has format version ", version,
                 ", this program reads version ", ModelFileVersion,
                 "; build both with the same heed")};
}

Status ModelFile::readTable() {
  Bytes all = file.bytes();
  const std::string &name = file.path();
  bool alone = all.size() >= 12 && !std::memcmp(all.data(), headerMagic, 8);
  if (alone && load<uint32_t>(all, 8) != ModelFileVersion)
    return otherVersion(name, load<uint32_t>(all, 8));
  bool ended =
      all.size() >= sizeof(Trailer) &&
      !std::memcmp(all.data() + all.size() - sizeof(Trailer), trailerMagic, 8);
  if (!ended)
    return Error{name + (alone ? ": the model file is cut short (its end is "
                                 "missing); build or copy it again"
                               : ": no model in this file, or it was cut "
                                 "short; build or copy it again")};

  auto trailer = load<Trailer>(all, all.size() - sizeof(Trailer));
  if (trailer.version != ModelFileVersion)
    return otherVersion(name, trailer.version);
  Error damaged{name + ": the model's table of sections is damaged; build or "
                       "copy the file again"};
  if (trailer.size > all.size() ||
      trailer.size < sizeof(Header) + sizeof(Trailer) ||
      trailer.sections > mostSections)
    return damaged;
  start = all.size() - trailer.size;
  uint64_t tableSize = trailer.sections * sizeof(SectionRecord);
  uint64_t end = trailer.size - sizeof(Trailer);
  if (start % ModelFilePage != 0 || trailer.table > end ||
      end - trailer.table != tableSize ||
      std::memcmp(all.data() + start, headerMagic, 8) != 0)
    return damaged;
  Bytes tableBytes = all.subspan(start + trailer.table, tableSize);
  if (checksumOf(tableBytes) != trailer.checksum)
    return damaged;
  table.resize(trailer.sections);
  if (!table.empty())
    std::memcpy(table.data(), tableBytes.data(), tableSize);

  for (const SectionRecord &record : table) {
    bool here = record.kind != SectionKind::WeightsBeside;
    if (here &&
        (record.offset % ModelFilePage != 0 || record.offset > trailer.table ||
         record.size > trailer.table - record.offset))
      return damaged;
    if (find(record.kind) != &record)
      return damaged;
    bool small = here && record.kind != SectionKind::Weights;
    if (small && checksumOf(section(record.kind)) != record.checksum)
      return Error{concat(name, ": the model's ", sectionName(record.kind),
                          " section is damaged (its checksum differs); build "
                          "or copy the file again")};
  }
  return {};
}

Status ModelFile::openBeside() {
  const SectionRecord *wanted = find(SectionKind::WeightsBeside);
  if (!wanted)
    return {};
  std::string path = file.path() + ".weights";
  Result<MappedFile> mapped = MappedFile::open(path);
  if (!mapped)
    return Error{concat("the weights of ", file.path(),
                        " lie beside it: ", mapped.error().text)};
  ModelFile other(std::move(*mapped));
  if (Status read = other.readTable(); !read)
    return read;
  const SectionRecord *found = other.find(SectionKind::Weights);
  if (!found || found->size != wanted->size ||
      found->checksum != wanted->checksum)
    return Error{concat(path, ": these are the weights of another build than ",
                        file.path(),
                        "; build both again, or keep together "
                        "what was built together")};
  beside.push_back(std::move(other));
  return {};
}

Result<ModelFile> ModelFile::open(const std::string &path) {
  Result<MappedFile> mapped = MappedFile::open(path);
  if (!mapped)
    return mapped.error();
  ModelFile model(std::move(*mapped));
  if (Status read = model.readTable(); !read)
    return read.error();
  if (Status read = model.openBeside(); !read)
    return read.error();
  return model;
}

const SectionRecord *ModelFile::find(SectionKind kind) const {
  for (const SectionRecord &record : table)
    if (record.kind == kind)
      return &record;
  return nullptr;
}

Bytes ModelFile::section(SectionKind kind) const {
  if (const SectionRecord *record = find(kind))
    return file.bytes().subspan(start + record->offset, record->size);
  if (kind == SectionKind::Weights && !beside.empty())
    return beside.front().section(kind);
  return {};
}

const std::string &ModelFile::weightsPath() const {
  return beside.empty() ? path() : beside.front().path();
}

Status ModelFile::verifyWeights() const {
  if (!beside.empty())
    return beside.front().verifyWeights();
  const SectionRecord *record = find(SectionKind::Weights);
  if (record && checksumOf(section(SectionKind::Weights)) != record->checksum)
    return Error{path() + ": the weights are damaged (their checksum differs); "
                          "build or copy the file again"};
  return {};
}

//===----------------------------------------------------------------------===//
// Writing
//===----------------------------------------------------------------------===//

Result<ModelFileWriter> ModelFileWriter::create(const std::string &path) {
  Result<AtomicFile> file = AtomicFile::create(path);
  if (!file)
    return file.error();
  ModelFileWriter writer(std::move(*file));
  if (Status begun = writer.begin(); !begun)
    return begun.error();
  return writer;
}

Result<ModelFileWriter> ModelFileWriter::create(const std::string &path,
                                                const std::string &base) {
  Result<MappedFile> executable = MappedFile::open(base);
  if (!executable)
    return executable.error();
  Result<AtomicFile> file = AtomicFile::create(path, 0777);
  if (!file)
    return file.error();
  if (Status copied = file->append(executable->bytes()); !copied)
    return copied.error();
  if (Status padded = file->padTo(ModelFilePage); !padded)
    return padded.error();
  ModelFileWriter writer(std::move(*file));
  if (Status begun = writer.begin(); !begun)
    return begun.error();
  return writer;
}

Status ModelFileWriter::begin() {
  start = file.written();
  Header header{};
  std::memcpy(header.magic, headerMagic, sizeof headerMagic);
  header.version = ModelFileVersion;
  return file.append(bytesOf(header));
}

Status ModelFileWriter::beginSection(SectionKind of) {
  if (Status padded = file.padTo(ModelFilePage); !padded)
    return padded;
  kind = of;
  sectionStart = file.written();
  checksum = Checksum();
  return {};
}

Status ModelFileWriter::write(Bytes bytes) {
  checksum.add(bytes);
  return file.append(bytes);
}

Status ModelFileWriter::align(uint64_t alignment) {
  static constexpr uint8_t zeros[256] = {};
  uint64_t gap = (alignment - position() % alignment) % alignment;
  while (gap > 0) {
    uint64_t step = std::min<uint64_t>(gap, sizeof zeros);
    if (Status done = write({zeros, static_cast<size_t>(step)}); !done)
      return done;
    gap -= step;
  }
  return {};
}

SectionRecord ModelFileWriter::endSection() {
  table.push_back(
      {kind, 0, sectionStart - start, position(), checksum.value()});
  return table.back();
}

Status ModelFileWriter::section(SectionKind of, Bytes bytes) {
  if (Status begun = beginSection(of); !begun)
    return begun;
  if (Status written = write(bytes); !written)
    return written;
  endSection();
  return {};
}

void ModelFileWriter::weightsBeside(const SectionRecord &weights) {
  table.push_back(
      {SectionKind::WeightsBeside, 0, 0, weights.size, weights.checksum});
}

Status ModelFileWriter::commit() {
  if (Status padded = file.padTo(64); !padded)
    return padded;
  Bytes tableBytes(reinterpret_cast<const uint8_t *>(table.data()),
                   table.size() * sizeof(SectionRecord));
  Trailer trailer{};
  std::memcpy(trailer.magic, trailerMagic, sizeof trailerMagic);
  trailer.version = ModelFileVersion;
  trailer.sections = static_cast<uint32_t>(table.size());
  trailer.table = file.written() - start;
  trailer.size = trailer.table + tableBytes.size() + sizeof trailer;
  trailer.checksum = checksumOf(tableBytes);
  if (Status written = file.append(tableBytes); !written)
    return written;
  if (Status written = file.append(bytesOf(trailer)); !written)
    return written;
  return file.commit();
}
