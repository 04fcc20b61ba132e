//===- ViewCommand.cpp - heed view --mask: what the masks look like -------===//
#include "tools/heed/Commands.h"
#include "tools/heed/Compilation.h"
#include "tools/heed/Report.h"
#include "tools/heed/view/FieldPicture.h"
#include "tools/heed/view/Svg.h"

#include "ir/Axes.h"
#include "ir/Grouping.h"
#include "passes/ModelFlow.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/raw_ostream.h"

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

  /// The field of a row in the middle of each output that has rows, through the
  /// whole model; of the model stage.
  std::vector<view::Drawing> fields(mlir::ModuleOp module) {
    std::vector<view::Drawing> drawn;
    int64_t length = options.length;
    if (!length)
      module.walk([&](MaskOp op) {
        length = std::max(length, view::pleasantLength(op.getMask(), 48));
      });
    length = std::clamp<int64_t>(length, 16, 2048);
    const ModelFlow flows(module);
    for (const EntryFlow &flow : flows.entries())
      for (const EntryFlow::Output &output : flow.outputs)
        if (!output.axis.empty())
          drawn.push_back(draw(view::fieldOf(
              flow, output, name + ", receptive field of " + output.name,
              length, length * 3 / 4)));
    return drawn;
  }

  void add(const view::Drawing &drawing) {
    body += "<g transform='translate(0," + std::to_string(height) + ")'>\n" +
            drawing.svg + "</g>\n";
    height += drawing.height + 30;
  }
  bool empty() const { return body.empty(); }
  view::Drawing whole() const { return {body, height}; }

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

  const Options &options;
  std::string name, body;
  double height = 0;
};

} // namespace

int viewCommand(const Options &options) {
  if (options.attention)
    return viewAttention(options);
  Compilation compilation(options);
  if (!compilation.import())
    return 1;
  Page page(options);
  std::vector<view::Drawing> fields = page.fields(compilation.module());
  if (!compilation.runTo(Stage::Scheduled))
    return 1;
  page.masks(compilation.module());
  if (page.empty()) {
    reportError(options.model + ": there is no attention to draw");
    return 1;
  }
  for (const view::Drawing &field : fields)
    page.add(field);
  std::string output =
      options.output.empty()
          ? (llvm::sys::path::stem(options.model) + "-mask.html").str()
          : options.output;
  return view::writePage(
      output, llvm::sys::path::stem(options.model).str() + ": masks and tiles",
      page.whole());
}

} // namespace heed
