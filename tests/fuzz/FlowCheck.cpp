#include "tests/fuzz/FlowCheck.h"

#include "passes/ModelFlow.h"
#include "tests/oracle/Inputs.h"

#include "llvm/Support/raw_ostream.h"

using namespace heed;
using namespace heed::fuzz;
using namespace heed::oracle;
using namespace mlir;

namespace {
using TensorPtr = std::shared_ptr<const Tensor>;

/// Which sequence and position an index along an axis means.
struct Place {
  int64_t sequence, position;
};

class Disturbed {
public:
  Disturbed(const EntryFlow &flow, std::vector<Datum> arguments,
            Surroundings &surroundings, FlowTally &tally)
      : flow(flow), entry(flow.entry), arguments(std::move(arguments)),
        surroundings(surroundings), tally(tally) {}

  std::string run() {
    FailureOr<std::vector<Datum>> base =
        evaluateFunction(entry, arguments, surroundings);
    if (failed(base))
      return "cannot be evaluated";
    for (const EntryFlow::Source &source : flow.sources) {
      const TensorPtr *input =
          std::get_if<TensorPtr>(&arguments[source.argument]);
      for (int64_t row = 0; input && row < (*input)->size(source.axis); ++row)
        if (std::string fault = disturb(source, **input, row, *base);
            !fault.empty())
          return fault;
    }
    return "";
  }

private:
  static bool isOf(const Tensor &tensor, llvm::StringRef axis, int64_t i,
                   int64_t row) {
    return i / tensor.stride(axis) % tensor.size(axis) == row;
  }

  std::string disturb(const EntryFlow::Source &source, const Tensor &input,
                      int64_t row, const std::vector<Datum> &base) {
    Tensor other = input;
    bool isInteger =
        cast<RankedTensorType>(entry.getArgumentTypes()[source.argument])
            .getElementType()
            .isInteger();
    for (int64_t i = 0; i < other.count(); ++i)
      if (isOf(other, source.axis, i, row)) {
        if (isInteger) // another id, within every table
          other.values[i] = other.values[i] == 0 ? 1 : 0;
        else
          other.values[i] += 0.625;
      }
    std::vector<Datum> changed = arguments;
    changed[source.argument] = datum(std::move(other));
    FailureOr<std::vector<Datum>> found =
        evaluateFunction(entry, changed, surroundings);
    if (failed(found))
      return "cannot be evaluated when disturbed";
    for (const EntryFlow::Output &output : flow.outputs) {
      std::optional<masks::MaskSet> reads =
          flow.graph.between(output.node, source.node);
      const Tensor &before = *std::get<TensorPtr>(base[output.result]),
                   &after = *std::get<TensorPtr>((*found)[output.result]);
      if (std::string fault =
              compare(source, row, output, reads, before, after);
          !fault.empty())
        return fault;
    }
    return "";
  }

  std::string compare(const EntryFlow::Source &source, int64_t row,
                      const EntryFlow::Output &output,
                      const std::optional<masks::MaskSet> &reads,
                      const Tensor &before, const Tensor &after) {
    // Of a pooled output every row may read every row of its sequence.
    bool isRow = !output.axis.empty() && before.has(output.axis);
    int64_t rows = isRow ? before.size(output.axis) : 1;
    Place in = placeOf(source.axis, row);
    for (int64_t out = 0; out < rows; ++out) {
      bool changes = false;
      for (int64_t i = 0; i < before.count() && !changes; ++i)
        changes = (!isRow || isOf(before, output.axis, i, out)) &&
                  before.values[i] != after.values[i];
      Place at = isRow ? placeOf(output.axis, out) : Place{in.sequence, 0};
      bool allowed = reads && at.sequence == in.sequence &&
                     allows(*reads, isRow ? at.position : 0, in.position);
      tally.allowed += allowed;
      tally.seen += changes;
      if (changes && !allowed) {
        std::string fault;
        llvm::raw_string_ostream(fault)
            << output.name << " at " << at.position << " of sequence "
            << at.sequence << " changes with row " << in.position
            << " of sequence " << in.sequence << ", which its flow forbids";
        return fault;
      }
    }
    return "";
  }

  Place placeOf(llvm::StringRef axis, int64_t index) const {
    for (auto [i, argument] : llvm::enumerate(arguments)) {
      if (auto *rows = std::get_if<std::shared_ptr<const Rows>>(&argument);
          rows && (*rows)->axis == axis)
        return {(*rows)->sequences[index], (*rows)->positions[index]};
      // Wanted rows: each names a row of the tokens.
      auto role =
          func::FuncOp(entry).getArgAttrOfType<StringAttr>(i, "attn.role");
      if (axis == "output" && role && role.getValue() == "wanted")
        return placeOf("token",
                       int64_t(std::get<TensorPtr>(argument)->values[index]));
    }
    return {0, index};
  }

  bool allows(const masks::MaskSet &reads, int64_t out, int64_t in) const {
    SmallVector<int64_t> point = {out, in};
    for (const masks::MaskSymbol &symbol : reads.getSymbols()) {
      std::optional<int64_t> value;
      for (const Datum &argument : arguments)
        if (auto *tensor = std::get_if<TensorPtr>(&argument))
          for (auto [axis, size] : llvm::zip((*tensor)->axes, (*tensor)->sizes))
            if (axis + "_len" == symbol.name)
              value = size;
      if (!value)
        return true; // unknown here
      point.push_back(*value);
    }
    return reads.atMost().contains(point);
  }

  const EntryFlow &flow;
  func::FuncOp entry;
  std::vector<Datum> arguments;
  Surroundings &surroundings;
  FlowTally &tally;
};
} // namespace

std::string heed::fuzz::checkFlow(ModuleOp module, WeightTable &weights,
                                  uint64_t seed, FlowTally &tally) {
  Surroundings surroundings{weights, {}};
  ModelFlow model(module);
  for (const EntryFlow &flow : model.entries()) {
    InputOptions options;
    options.seed = seed;
    FailureOr<std::vector<Datum>> arguments =
        Inputs(flow.entry, options).make();
    if (failed(arguments))
      return "no inputs";
    std::string fault = Disturbed(flow, *arguments, surroundings, tally).run();
    if (!fault.empty())
      return "flow: " + fault;
  }
  return "";
}
