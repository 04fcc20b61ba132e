//===- ViewCommand.cpp - heed view --mask: what the masks look like -------===//
#include "runtime/support/AtomicFile.h"
#include "tools/heed/Commands.h"
#include "tools/heed/Compilation.h"
#include "tools/heed/Report.h"
#include "tools/heed/view/FieldPicture.h"
#include "tools/heed/view/Svg.h"

#include "ir/Axes.h"
#include "ir/Grouping.h"
#include "passes/masks/Causality.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/raw_ostream.h"

#include <memory>

using namespace heed::attn;
using llvm::StringRef;

namespace heed {
namespace {

/// At most this many heads of a mask that differs between heads are drawn.
constexpr int64_t mostHeads = 4;

/// An attention, and the layers that it stands in.
struct Place {
  AttentionOp op;
  std::vector<unsigned> layers;
};

/// Attentions of the module; one that differs from another only by its weights
/// is drawn once.
std::vector<Place> placesOf(mlir::ModuleOp module) {
  llvm::DenseMap<StringRef, std::vector<unsigned>> calls;
  for (auto function : module.getOps<mlir::func::FuncOp>()) {
    unsigned layer = 0;
    if (function->hasAttr("attn.entry"))
      function.walk([&](mlir::func::CallOp call) {
        calls[call.getCallee()].push_back(layer++);
      });
  }
  std::vector<Place> places;
  module.walk([&](AttentionOp op) {
    const std::vector<unsigned> &layers =
        calls[op->getParentOfType<mlir::func::FuncOp>().getName()];
    for (Place &known : places)
      if (known.op.getMask() == op.getMask() && known.op.getTables().empty() &&
          known.op.getLoc() == op.getLoc()) {
        known.layers.insert(known.layers.end(), layers.begin(), layers.end());
        return;
      }
    places.push_back({op, layers});
  });
  return places;
}

/// `layers 0, 2` or `layers 0 to 29`.
std::string layersInWords(std::vector<unsigned> layers) {
  llvm::sort(layers);
  if (layers.empty())
    return "";
  if (layers.size() == 1)
    return "layer " + std::to_string(layers[0]);
  if (layers.back() - layers.front() + 1 == layers.size())
    return "layers " + std::to_string(layers.front()) + " to " +
           std::to_string(layers.back());
  std::string text = "layers";
  for (auto [i, layer] : llvm::enumerate(layers))
    text += (i ? ", " : " ") + std::to_string(layer);
  return text;
}

/// The mask in the model file's words, with its line.
std::string maskInWords(AttentionOp op, StringRef file) {
  auto buffer = llvm::MemoryBuffer::getFile(file);
  llvm::SmallVector<StringRef> lines;
  if (buffer)
    (*buffer)->getBuffer().split(lines, '\n');
  std::string found;
  op.getLoc()->walk([&](mlir::Location inner) {
    auto place = llvm::dyn_cast<mlir::FileLineColLoc>(inner);
    if (!place || place.getLine() == 0 || place.getLine() > lines.size())
      return mlir::WalkResult::advance();
    StringRef line = lines[place.getLine() - 1].trim();
    if (size_t at = line.find("mask:"); at != StringRef::npos) {
      StringRef mask = line.substr(at);
      // Inside braces the mask ends with them, or at the next key.
      if (line.contains("{"))
        mask = mask.take_until([](char c) { return c == '}'; });
      found = (llvm::sys::path::filename(file) + ":" +
               llvm::Twine(place.getLine()) + "  " + mask)
                  .str();
      return mlir::WalkResult::interrupt();
    }
    return mlir::WalkResult::advance();
  });
  return found.empty() ? llvm::sys::path::filename(file).str() +
                             "  no mask: every pair meets"
                       : found;
}

int64_t staticSize(mlir::Value tensor, StringRef name, int64_t otherwise) {
  auto type = llvm::dyn_cast<mlir::RankedTensorType>(tensor.getType());
  int64_t size = type ? axisSize(type, name) : mlir::ShapedType::kDynamic;
  return mlir::ShapedType::isDynamic(size) ? otherwise : size;
}

/// Queries of one tile of the kernel.
int64_t queriesOfTile(AttentionOp op) {
  AttentionScheduleAttr schedule = op.getScheduleAttr();
  return schedule
             ? std::max<int64_t>(1, schedule.getQueries() / headsOfTile(op))
             : 48;
}

/// Draws the model's attentions, one after the other.
class Page {
public:
  explicit Page(const Options &options)
      : options(options), name(llvm::sys::path::stem(options.model)) {}

  void masks(mlir::ModuleOp module) {
    MaskAnalysis analysis(module);
    for (const Place &place : placesOf(module)) {
      AttentionOp op = place.op;
      MaskFacts &facts = analysis.of(op);
      int64_t heads = axisSize(op.getQ().getType(), axis::Heads);
      bool perHead = op.getMask().dependsOnHead() && heads > 1;
      for (int64_t head = 0; head < (perHead ? std::min(heads, mostHeads) : 1);
           ++head) {
        std::string title = name;
        if (std::string layers = layersInWords(place.layers); !layers.empty())
          title += ", " + layers;
        if (perHead)
          title +=
              ", head " + std::to_string(head) + " of " + std::to_string(heads);
        mask(op, facts, head, title);
      }
    }
  }

  /// The receptive field of a row in the middle, through all attentions of the
  /// entry in the order in which they run.
  void field(mlir::ModuleOp module) {
    MaskAnalysis analysis(module);
    std::vector<AttentionOp> ops;
    for (auto function : module.getOps<mlir::func::FuncOp>())
      if (function->hasAttr("attn.entry"))
        collect(function, module, ops);
    int64_t length = 0;
    for (AttentionOp op : ops) {
      // Fields of two kinds of positions are not one.
      if (!analysis.of(op).keysReachTile() || !analysis.of(op).error().empty())
        return;
      length = std::max(length, lengthOf(op));
    }
    if (ops.empty())
      return;
    length = std::min<int64_t>(length, 2048);
    std::vector<std::unique_ptr<view::ExampleMask>> masks;
    view::FieldPicture picture{name + ", receptive field", {}, length, 0};
    for (auto [i, op] : llvm::enumerate(ops)) {
      masks.push_back(std::make_unique<view::ExampleMask>(op, analysis.of(op),
                                                          length, length, 0));
      if (!masks.back()->whyNot().empty())
        return;
      picture.layers.push_back(
          {"layer " + std::to_string(i), masks.back().get()});
    }
    picture.out = length * 3 / 4;
    // A row that looks ahead shows more.
    for (AttentionOp op : ops)
      if (auto ahead = computeCausality(analysis.of(op).set()).counterexample;
          ahead && ahead->q < length && ahead->kv < length)
        picture.out = ahead->q;
    add(view::draw(picture));
  }

  bool empty() const { return body.empty(); }
  std::string text(bool svg) const {
    std::string title = name + ": masks and tiles";
    return svg ? view::svgPage(title, body, height)
               : view::htmlPage(title, body, height);
  }

private:
  int64_t lengthOf(AttentionOp op) {
    return options.length
               ? options.length
               : view::pleasantLength(op.getMask(), queriesOfTile(op));
  }

  void mask(AttentionOp op, MaskFacts &facts, int64_t head,
            const std::string &title) {
    int64_t length = lengthOf(op);
    int64_t queries = staticSize(op.getQ(), op.getQAxis(), length);
    int64_t keys = facts.keysReachTile()
                       ? queries
                       : staticSize(op.getK(), op.getKvAxis(), length);
    view::ExampleMask example(op, facts, queries, keys, head);
    if (!example.whyNot().empty()) {
      llvm::errs() << options.model
                   << ": warning: a mask is not drawn: " << example.whyNot()
                   << '\n';
      return;
    }
    view::MaskPicture picture{
        op,       &facts,
        &example, options.tile ? options.tile : queriesOfTile(op),
        title,    maskInWords(op, options.model),
        {}};
    // A short picture would have two or three tiles.
    if (int64_t fitting = std::max<int64_t>(1, queries / 10);
        !options.tile && picture.tile > fitting) {
      picture.notes.push_back("A tile of the kernel has " +
                              std::to_string(picture.tile) + " queries.");
      picture.tile = fitting;
    }
    add(view::draw(picture));
  }

  /// The attentions of a function and of what it calls, in order.
  static void collect(mlir::func::FuncOp function, mlir::ModuleOp module,
                      std::vector<AttentionOp> &ops) {
    function.walk([&](mlir::Operation *op) {
      if (auto attention = llvm::dyn_cast<AttentionOp>(op))
        ops.push_back(attention);
      else if (auto call = llvm::dyn_cast<mlir::func::CallOp>(op))
        collect(module.lookupSymbol<mlir::func::FuncOp>(call.getCallee()),
                module, ops);
    });
  }

  void add(const view::Drawing &drawing) {
    body += "<g transform='translate(0," + std::to_string(height) + ")'>\n" +
            drawing.svg + "</g>\n";
    height += drawing.height + 30;
  }

  const Options &options;
  std::string name, body;
  double height = 0;
};

} // namespace

int viewCommand(const Options &options) {
  Compilation compilation(options);
  if (!compilation.import() || !compilation.runTo(Stage::Scheduled))
    return 1;
  Page page(options);
  page.masks(compilation.module());
  if (page.empty()) {
    reportError(options.model + ": there is no attention to draw");
    return 1;
  }
  page.field(compilation.module());
  std::string output =
      options.output.empty()
          ? (llvm::sys::path::stem(options.model) + "-mask.html").str()
          : options.output;
  std::string text = page.text(StringRef(output).ends_with(".svg"));
  Result<AtomicFile> file = AtomicFile::create(output);
  if (!file)
    return reportError(file.error());
  if (Status written = file->append(
          Bytes(reinterpret_cast<const uint8_t *>(text.data()), text.size()));
      !written)
    return reportError(written.error());
  if (Status done = file->commit(); !done)
    return reportError(done.error());
  llvm::outs() << output << '\n';
  return 0;
}

} // namespace heed
