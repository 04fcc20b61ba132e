#include "passes/MaskFlow.h"

#include "ir/Axes.h"
#include "passes/masks/FlowRelation.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "llvm/ADT/SetVector.h"

using namespace heed;
using namespace heed::attn;
using namespace mlir;
using masks::MaskSet;

/// More sets than this, for all values of symbols by head, are left symbolic.
static constexpr size_t MaxSets = 256;

/// The values of a table of constants; empty where it is none.
static SmallVector<int64_t> constantTable(Operation *op, StringRef name) {
  auto names = op->getAttrOfType<ArrayAttr>("table_names");
  if (!names)
    return {};
  // Tables are the integer operands, in the order of their names.
  unsigned first = 0;
  SmallVector<Value> tables;
  for (Value operand : op->getOperands())
    if (auto type = dyn_cast<RankedTensorType>(operand.getType());
        type && type.getElementType().isInteger())
      tables.push_back(operand);
  for (Attribute each : names) {
    if (cast<StringAttr>(each).getValue() == name && first < tables.size()) {
      DenseIntElementsAttr values;
      if (auto constant = tables[first].getDefiningOp<arith::ConstantOp>())
        values = dyn_cast<DenseIntElementsAttr>(constant.getValue());
      SmallVector<int64_t> result;
      if (values)
        for (const APInt &value : values)
          result.push_back(value.getSExtValue());
      return result;
    }
    ++first;
  }
  return {};
}

/// Values of each symbol for each head; empty for symbols that are no matter of
/// heads, or that are not known.
static SmallVector<int64_t> valuesOfSymbol(Operation *op, MaskSymbolAttr symbol,
                                           int64_t heads) {
  SmallVector<int64_t> values;
  if (symbol.getIndex() == SymbolIndex::Head) {
    values = constantTable(op, symbol.getTable().getValue());
  } else if (symbol.getTable().getValue().empty() &&
             symbol.getName().getValue() == "h") {
    for (int64_t h = 0; h < heads; ++h)
      values.push_back(h);
  }
  return int64_t(values.size()) == heads ? values : SmallVector<int64_t>();
}

std::vector<SmallVector<int64_t>> heed::valuesByHead(Operation *op,
                                                     MaskAttr mask) {
  int64_t heads = axisSize(op->getOperand(0).getType(), axis::Heads);
  std::vector<SmallVector<int64_t>> all;
  for (MaskSymbolAttr symbol : mask.getSymbols())
    all.push_back(valuesOfSymbol(op, symbol, heads));
  return all;
}

MaskSet heed::flowOfMask(Operation *op, MaskAttr mask, StringRef qAxis,
                         StringRef kvAxis) {
  MLIRContext *context = mask.getContext();
  int64_t heads = axisSize(op->getOperand(0).getType(), axis::Heads);
  unsigned numSymbols = mask.getSymbols().size();
  SmallVector<masks::MaskSymbol> symbols;
  SmallVector<AffineExpr> rowsThatExist; // of lengths that the mask reads
  std::vector<SmallVector<int64_t>> byHead = valuesByHead(op, mask);
  for (MaskSymbolAttr symbol : mask.getSymbols()) {
    StringRef name = symbol.getName().getValue();
    bool scalar =
        symbol.getTable().getValue().empty() && !symbol.dependsOnHead();
    if (scalar && (name == "q_len" || name == "kv_len")) {
      StringRef axis = name == "q_len" ? qAxis : kvAxis;
      rowsThatExist.push_back(
          getAffineSymbolExpr(symbols.size(), context) - 1 -
          getAffineDimExpr(name == "q_len" ? 0 : 1, context));
      symbols.push_back(
          {(axis + "_len").str(), masks::MaskSymbol::Parameter, 0});
    } else if (scalar && name == "b") {
      symbols.push_back({"b", masks::MaskSymbol::Parameter, 0});
    } else {
      // By head but not known, or by token: it may differ along a path.
      bool varies = symbol.isOpaque() || symbol.dependsOnHead();
      symbols.push_back({name.str(), varies ? masks::MaskSymbol::Opaque
                                            : masks::MaskSymbol::Parameter});
    }
  }

  llvm::SmallSetVector<IntegerSet, 8> sets;
  bool anyHead =
      llvm::any_of(byHead, [](auto &values) { return !values.empty(); });
  for (int64_t h = 0; h < (anyHead ? heads : 1) && sets.size() <= MaxSets; ++h)
    for (IntegerSet set : mask.getDisjuncts()) {
      SmallVector<AffineExpr> values;
      for (unsigned s = 0; s < numSymbols; ++s)
        values.push_back(byHead[s].empty()
                             ? getAffineSymbolExpr(s, context)
                             : getAffineConstantExpr(byHead[s][h], context));
      set = set.replaceDimsAndSymbols(
          {getAffineDimExpr(0, context), getAffineDimExpr(1, context)}, values,
          2, numSymbols);
      SmallVector<AffineExpr> constraints(set.getConstraints());
      SmallVector<bool> equalities(set.getEqFlags());
      llvm::append_range(constraints, rowsThatExist);
      equalities.append(rowsThatExist.size(), false);
      sets.insert(IntegerSet::get(2, numSymbols, constraints, equalities));
    }
  std::string error;
  std::optional<MaskSet> flow;
  if (sets.size() <= MaxSets)
    flow = MaskSet::get(context, sets.getArrayRef(), symbols, error);
  if (flow)
    return *flow;
  MaskSet all = masks::everythingFlow(context);
  return MaskSet::between(context, {}, masks::IntegerUnion(2, 0), all.atMost(),
                          error.empty() ? "the mask has too many sets" : error);
}

SmallVector<IntegerSet> heed::withOwnKeys(MaskAttr mask) {
  ArrayRef<MaskSymbolAttr> symbols = mask.getSymbols();
  MLIRContext *context = mask.getContext();
  SmallVector<AffineExpr> entries; // the first of a table stands for all
  for (MaskSymbolAttr symbol : symbols) {
    auto first = llvm::find_if(symbols, [&](MaskSymbolAttr other) {
      return other == symbol || (other.isOpaque() && symbol.isOpaque() &&
                                 other.getTable() == symbol.getTable());
    });
    entries.push_back(getAffineSymbolExpr(first - symbols.begin(), context));
  }
  AffineExpr q = getAffineDimExpr(0, context),
             kv = getAffineDimExpr(1, context);
  SmallVector<IntegerSet> sets(mask.getDisjuncts());
  for (IntegerSet set : mask.getDisjuncts()) {
    SmallVector<AffineExpr> constraints = {q - kv};
    SmallVector<bool> equalities = {true};
    for (auto [each, equality] :
         llvm::zip(set.getConstraints(), set.getEqFlags())) {
      constraints.push_back(
          simplifyAffineExpr(each.replaceSymbols(entries), 2, symbols.size()));
      equalities.push_back(equality);
    }
    sets.push_back(IntegerSet::get(2, symbols.size(), constraints, equalities));
  }
  return sets;
}

bool heed::promisesAligned(Operation *module) {
  auto model = module->getAttrOfType<DictionaryAttr>("attn.model");
  auto said = model ? model.getAs<ArrayAttr>("promises") : ArrayAttr();
  return said &&
         llvm::any_of(said.getAsRange<StringAttr>(), [](StringAttr promise) {
           return promise.getValue().starts_with("aligned: ");
         });
}

std::optional<MaskSet> heed::symbolicMask(Operation *op, MaskAttr mask,
                                          ArrayRef<IntegerSet> sets,
                                          std::string &error) {
  int64_t heads = axisSize(op->getOperand(0).getType(), axis::Heads);
  SmallVector<masks::MaskSymbol> symbols;
  for (MaskSymbolAttr symbol : mask.getSymbols()) {
    StringRef table = symbol.getTable().getValue();
    masks::MaskSymbol known{symbol.getName().str()};
    if (!table.empty())
      known.name =
          (table + "[" + stringifySymbolIndex(symbol.getIndex()) + "]").str();
    SmallVector<int64_t> values = valuesOfSymbol(op, symbol, heads);
    if (symbol.isOpaque())
      known.kind = masks::MaskSymbol::Opaque;
    else if (table.empty() && known.name == "kv_len")
      known.kind = masks::MaskSymbol::KeyLength;
    else if (table.empty() && known.name == "q_len")
      known.kind = masks::MaskSymbol::QueryLength;
    if (!values.empty()) {
      known.min = *llvm::min_element(values);
      known.max = *llvm::max_element(values);
    } else if (table.empty()) { // a length (there are rows), a head, a batch
      known.min = known.name == "q_len";
    }
    symbols.push_back(known);
  }
  return MaskSet::get(mask.getContext(), sets, symbols, error);
}
