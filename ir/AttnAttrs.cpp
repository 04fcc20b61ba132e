//===- AttnAttrs.cpp - Axes, masks, targets, tile bounds ------------------===//
#include "ir/AffineText.h"
#include "ir/Attn.h"

#include "mlir/AsmParser/AsmParser.h"
#include "mlir/IR/DialectImplementation.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace heed::attn;

#define GET_ATTRDEF_CLASSES
#include "ir/AttnAttrs.cpp.inc"

void AttnDialect::registerAttributes() {
  addAttributes<
#define GET_ATTRDEF_LIST
#include "ir/AttnAttrs.cpp.inc"
      >();
}

//===----------------------------------------------------------------------===//
// Axes
//===----------------------------------------------------------------------===//

Attribute AxesAttr::parse(AsmParser &parser, Type) {
  SmallVector<StringAttr> names;
  auto parseName = [&]() -> ParseResult {
    std::string name;
    if (parser.parseKeywordOrString(&name))
      return failure();
    names.push_back(StringAttr::get(parser.getContext(), name));
    return success();
  };
  if (parser.parseLess() ||
      parser.parseCommaSeparatedList(AsmParser::Delimiter::Square, parseName) ||
      parser.parseGreater())
    return {};
  return AxesAttr::get(parser.getContext(), names);
}

void AxesAttr::print(AsmPrinter &printer) const {
  printer << "<[";
  llvm::interleaveComma(getNames(), printer.getStream(), [&](StringAttr name) {
    printer.printKeywordOrString(name.getValue());
  });
  printer << "]>";
}

LogicalResult
AxesAttr::verifyEncoding(ArrayRef<int64_t> shape, Type,
                         function_ref<InFlightDiagnostic()> emitError) const {
  if (shape.size() != getNames().size())
    return emitError() << "C1: " << getNames().size()
                       << " axis names for a tensor of rank " << shape.size();
  llvm::StringSet<> seen;
  for (StringAttr name : getNames())
    if (!seen.insert(name.getValue()).second)
      return emitError() << "C2: axis `" << name.getValue()
                         << "` is named twice";
  return success();
}

//===----------------------------------------------------------------------===//
// Mask symbols: `W`, `doc_q : doc[q]`
//===----------------------------------------------------------------------===//

static FailureOr<MaskSymbolAttr> parseMaskSymbol(AsmParser &parser) {
  StringRef name, table, index;
  if (parser.parseKeyword(&name))
    return failure();
  SymbolIndex by = SymbolIndex::None;
  if (succeeded(parser.parseOptionalColon())) {
    SMLoc loc;
    if (parser.parseKeyword(&table) || parser.parseLSquare() ||
        parser.getCurrentLocation(&loc) || parser.parseKeyword(&index) ||
        parser.parseRSquare())
      return failure();
    std::optional<SymbolIndex> known = symbolizeSymbolIndex(index);
    if (!known) {
      parser.emitError(loc, "expected q, kv, h or b, found `") << index << "`";
      return failure();
    }
    by = *known;
  }
  MLIRContext *context = parser.getContext();
  return MaskSymbolAttr::get(context, StringAttr::get(context, name),
                             StringAttr::get(context, table), by);
}

static void printMaskSymbol(AsmPrinter &printer, MaskSymbolAttr symbol) {
  printer << symbol.getName().getValue();
  if (!symbol.getTable().getValue().empty())
    printer << " : " << symbol.getTable().getValue() << '['
            << stringifySymbolIndex(symbol.getIndex()) << ']';
}

Attribute MaskSymbolAttr::parse(AsmParser &parser, Type) {
  if (parser.parseLess())
    return {};
  FailureOr<MaskSymbolAttr> symbol = parseMaskSymbol(parser);
  if (failed(symbol) || parser.parseGreater())
    return {};
  return *symbol;
}

void MaskSymbolAttr::print(AsmPrinter &printer) const {
  printer << '<';
  printMaskSymbol(printer, *this);
  printer << '>';
}

bool MaskSymbolAttr::dependsOnHead() const {
  return getIndex() == SymbolIndex::Head ||
         (getTable().getValue().empty() && getName().getValue() == "h");
}

//===----------------------------------------------------------------------===//
// Masks
//===----------------------------------------------------------------------===//

/// Parses a conjunction `"q - kv >= 0, kv - 4 == 0"` over the named dims and
/// symbols; `""` is the whole space. It stands in quotes because a bare `>=`
/// would end the attribute for MLIR's lexer.
static FailureOr<IntegerSet> parseConjunction(AsmParser &parser,
                                              ArrayRef<StringRef> dims,
                                              ArrayRef<StringRef> symbols) {
  SMLoc loc = parser.getCurrentLocation();
  std::string constraints;
  if (parser.parseString(&constraints))
    return failure();
  if (StringRef(constraints).trim().empty())
    constraints = "0 == 0";
  std::string text = "(" + llvm::join(dims, ", ") + ")[" +
                     llvm::join(symbols, ", ") + "] : (" + constraints + ")";
  IntegerSet set = parseIntegerSet(text, parser.getContext());
  if (!set)
    return parser.emitError(loc, "expected affine constraints over ")
           << llvm::join(dims, ", ") << (symbols.empty() ? "" : " and ")
           << llvm::join(symbols, ", ");
  return set;
}

/// The names of n anonymous symbols: s0, s1, …
static SmallVector<std::string> anonymous(unsigned n) {
  SmallVector<std::string> names;
  for (unsigned i = 0; i < n; ++i)
    names.push_back("s" + std::to_string(i));
  return names;
}

static bool isTrivial(IntegerSet set) {
  for (unsigned i = 0; i < set.getNumConstraints(); ++i) {
    auto constant = dyn_cast<AffineConstantExpr>(set.getConstraint(i));
    if (!constant ||
        (set.isEq(i) ? constant.getValue() != 0 : constant.getValue() < 0))
      return false;
  }
  return true;
}

static SmallVector<StringRef> namesOf(ArrayRef<MaskSymbolAttr> symbols) {
  SmallVector<StringRef> names;
  for (MaskSymbolAttr symbol : symbols)
    names.push_back(symbol.getName().getValue());
  return names;
}

Attribute MaskAttr::parse(AsmParser &parser, Type) {
  MLIRContext *context = parser.getContext();
  SmallVector<MaskSymbolAttr> symbols;
  auto parseSymbol = [&]() -> ParseResult {
    FailureOr<MaskSymbolAttr> symbol = parseMaskSymbol(parser);
    if (failed(symbol))
      return failure();
    symbols.push_back(*symbol);
    return success();
  };
  if (parser.parseLess() || parser.parseLParen() || parser.parseKeyword("q") ||
      parser.parseComma() || parser.parseKeyword("kv") ||
      parser.parseRParen() ||
      parser.parseCommaSeparatedList(AsmParser::Delimiter::OptionalSquare,
                                     parseSymbol) ||
      parser.parseColon())
    return {};
  SmallVector<IntegerSet> disjuncts;
  do {
    FailureOr<IntegerSet> set =
        parseConjunction(parser, {"q", "kv"}, namesOf(symbols));
    if (failed(set))
      return {};
    disjuncts.push_back(*set);
  } while (succeeded(parser.parseOptionalKeyword("or")));
  if (parser.parseGreater())
    return {};
  return parser.getChecked<MaskAttr>(context, symbols, disjuncts);
}

void MaskAttr::print(AsmPrinter &printer) const {
  printer << "<(q, kv)";
  if (!getSymbols().empty()) {
    printer << '[';
    llvm::interleaveComma(
        getSymbols(), printer.getStream(),
        [&](MaskSymbolAttr symbol) { printMaskSymbol(printer, symbol); });
    printer << ']';
  }
  printer << " : ";
  SmallVector<StringRef> names = namesOf(getSymbols());
  llvm::interleave(
      getDisjuncts(), printer.getStream(),
      [&](IntegerSet set) {
        printer << '"';
        if (!isTrivial(set))
          printConstraints(printer.getStream(), set, {"q", "kv"}, names);
        printer << '"';
      },
      " or ");
  printer << '>';
}

LogicalResult MaskAttr::verify(function_ref<InFlightDiagnostic()> emitError,
                               ArrayRef<MaskSymbolAttr> symbols,
                               ArrayRef<IntegerSet> disjuncts) {
  if (disjuncts.empty())
    return emitError() << "C1: a mask needs at least one conjunction (`()` "
                          "allows everything)";
  for (IntegerSet set : disjuncts) {
    if (set.getNumDims() != 2 || set.getNumSymbols() != symbols.size())
      return emitError() << "C1: a conjunction is over (q, kv) and "
                         << symbols.size() << " symbols";
    for (AffineExpr expr : set.getConstraints()) {
      if (!expr.isPureAffine())
        return emitError()
               << "C1: a constraint is not affine in q, kv and the symbols";
      bool bad = false;
      expr.walk([&](AffineExpr part) {
        if (part.getKind() != AffineExprKind::FloorDiv &&
            part.getKind() != AffineExprKind::CeilDiv &&
            part.getKind() != AffineExprKind::Mod)
          return;
        auto divisor = dyn_cast<AffineConstantExpr>(
            cast<AffineBinaryOpExpr>(part).getRHS());
        bad |= !divisor || divisor.getValue() <= 0;
      });
      if (bad)
        return emitError()
               << "C2: floordiv and mod are by positive constants only";
    }
  }
  return success();
}

MaskAttr MaskAttr::all(MLIRContext *context) {
  AffineExpr zero = getAffineConstantExpr(0, context);
  return MaskAttr::get(context, {}, {IntegerSet::get(2, 0, zero, true)});
}

bool MaskAttr::allowsAll() const {
  return llvm::any_of(getDisjuncts(), isTrivial);
}

bool MaskAttr::dependsOnHead() const {
  return llvm::any_of(getSymbols(), [](MaskSymbolAttr symbol) {
    return symbol.dependsOnHead();
  });
}

//===----------------------------------------------------------------------===//
// Target
//===----------------------------------------------------------------------===//

AtomAttr TargetAttr::findAtom(StringRef kind) const {
  for (AtomAttr atom : getAtoms())
    if (atom.getKind().getValue() == kind)
      return atom;
  return {};
}

//===----------------------------------------------------------------------===//
// Tile loops: `full, max(affine_map) to min(affine_map) if affine_set`
//===----------------------------------------------------------------------===//

Attribute TileLoopAttr::parse(AsmParser &parser, Type) {
  StringRef kind;
  AffineMap lower, upper;
  IntegerSet guard;
  SMLoc loc;
  if (parser.parseLess() || parser.getCurrentLocation(&loc) ||
      parser.parseKeyword(&kind) || parser.parseComma() ||
      parser.parseKeyword("from") || parser.parseAffineMap(lower) ||
      parser.parseKeyword("to") || parser.parseAffineMap(upper))
    return {};
  if (kind != "full" && kind != "partial") {
    parser.emitError(loc, "expected full or partial, found `") << kind << "`";
    return {};
  }
  if (succeeded(parser.parseOptionalKeyword("if"))) {
    SmallVector<std::string> owned = anonymous(lower.getNumSymbols());
    FailureOr<IntegerSet> parsed = parseConjunction(
        parser, {}, SmallVector<StringRef>(owned.begin(), owned.end()));
    if (failed(parsed))
      return {};
    guard = *parsed;
  } else {
    guard =
        IntegerSet::get(0, lower.getNumSymbols(),
                        getAffineConstantExpr(0, parser.getContext()), true);
  }
  if (parser.parseGreater())
    return {};
  return TileLoopAttr::get(parser.getContext(), kind == "full", lower, upper,
                           guard);
}

void TileLoopAttr::print(AsmPrinter &printer) const {
  printer << '<' << (getFull() ? "full" : "partial") << ", from " << getLower()
          << " to " << getUpper();
  if (!isTrivial(getGuard())) {
    SmallVector<std::string> owned = anonymous(getGuard().getNumSymbols());
    printer << " if \"";
    printConstraints(printer.getStream(), getGuard(), {},
                     SmallVector<StringRef>(owned.begin(), owned.end()));
    printer << '"';
  }
  printer << '>';
}
