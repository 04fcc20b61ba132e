//===- MaskExprTest.cpp - Masks against a direct evaluation ---------------===//
//
// Random predicates are written as text and evaluated beside it, point by
// point, by closures that share nothing with the parser.
//
//===----------------------------------------------------------------------===//
#include "frontend/MaskExpr.h"

#include "mlir/IR/MLIRContext.h"

#include <catch2/catch.hpp>
#include <functional>
#include <random>

using namespace heed;

namespace {

struct Point {
  int64_t q, kv, h, qLength, kvLength;
  std::vector<int64_t> doc;
};
struct Number {
  std::string text;
  std::function<int64_t(const Point &)> value;
};
struct Predicate {
  std::string text;
  std::function<bool(const Point &)> holds;
};

int64_t floorDiv(int64_t a, int64_t b) {
  return a / b - (a % b != 0 && (a < 0) != (b < 0));
}

class Writer {
public:
  explicit Writer(unsigned seed) : random(seed) {}

  int pick(int n) {
    return std::uniform_int_distribution<int>(0, n - 1)(random);
  }

  Number number(int depth) {
    switch (depth > 0 ? pick(12) : pick(7)) {
    case 0:
    case 1:
      return {"q", [](const Point &p) { return p.q; }};
    case 2:
    case 3:
      return {"kv", [](const Point &p) { return p.kv; }};
    case 4: {
      int64_t n = pick(9);
      return {std::to_string(n), [n](const Point &) { return n; }};
    }
    case 5:
      switch (pick(5)) {
      case 0:
        return {"window", [](const Point &) { return 3; }};
      case 1:
        return {"h", [](const Point &p) { return p.h; }};
      case 2:
        return {"limits[1]", [](const Point &) { return 2; }};
      case 3:
        return {"q_len", [](const Point &p) { return p.qLength; }};
      default:
        return {"kv_len", [](const Point &p) { return p.kvLength; }};
      }
    case 6:
      if (pick(2))
        return {"doc[q]", [](const Point &p) { return p.doc[p.q]; }};
      return {"doc[kv]", [](const Point &p) { return p.doc[p.kv]; }};
    case 7: {
      Number a = number(depth - 1), b = number(depth - 1);
      return {"(" + a.text + " + " + b.text + ")",
              [=](const Point &p) { return a.value(p) + b.value(p); }};
    }
    case 8: {
      Number a = number(depth - 1), b = number(0);
      return {a.text + " - " + b.text,
              [=](const Point &p) { return a.value(p) - b.value(p); }};
    }
    case 9: {
      Number a = number(depth - 1);
      int64_t n = pick(5) - 2;
      return {"(" + a.text + ") * " + (n < 0 ? "-" : "") +
                  std::to_string(std::abs(n)),
              [=](const Point &p) { return a.value(p) * n; }};
    }
    case 10: {
      Number a = number(depth - 1);
      int64_t n = 1 + pick(4);
      return {"(" + a.text + ") floordiv " + std::to_string(n),
              [=](const Point &p) { return floorDiv(a.value(p), n); }};
    }
    default: {
      Number a = number(depth - 1);
      int64_t n = 1 + pick(4);
      return {"(" + a.text + ") mod " + std::to_string(n), [=](const Point &p) {
                return a.value(p) - n * floorDiv(a.value(p), n);
              }};
    }
    }
  }

  /// A sum stands on the left or right of a product here only in brackets, so
  /// the text means what the closure does without knowing precedence.
  Predicate predicate(int depth) {
    switch (depth > 0 ? pick(7) : pick(3)) {
    case 0:
    case 1: {
      static const char *ops[] = {"<", "<=", ">", ">=", "==", "!="};
      int op = pick(6);
      Number a = number(2), b = number(2);
      return {a.text + " " + ops[op] + " " + b.text, [=](const Point &p) {
                int64_t x = a.value(p), y = b.value(p);
                return op == 0   ? x < y
                       : op == 1 ? x <= y
                       : op == 2 ? x > y
                       : op == 3 ? x >= y
                       : op == 4 ? x == y
                                 : x != y;
              }};
    }
    case 2:
      if (pick(3))
        return {"same(doc)",
                [](const Point &p) { return p.doc[p.q] == p.doc[p.kv]; }};
      return {"all", [](const Point &) { return true; }};
    case 3: {
      Predicate a = predicate(depth - 1);
      return {"not (" + a.text + ")",
              [=](const Point &p) { return !a.holds(p); }};
    }
    case 4: {
      Number a = number(1), b = number(1), c = number(1);
      return {a.text + " <= " + b.text + " < " + c.text, [=](const Point &p) {
                return a.value(p) <= b.value(p) && b.value(p) < c.value(p);
              }};
    }
    case 5: {
      Predicate a = predicate(depth - 1), b = predicate(depth - 1);
      return {"(" + a.text + ") and (" + b.text + ")",
              [=](const Point &p) { return a.holds(p) && b.holds(p); }};
    }
    default: {
      // Unbracketed: `and` binds before `or`, `not` before both.
      Predicate a = predicate(0), b = predicate(0), c = predicate(0);
      return {"not " + a.text + " or " + b.text + " and " + c.text,
              [=](const Point &p) {
                return !a.holds(p) || (b.holds(p) && c.holds(p));
              }};
    }
    }
  }

private:
  std::mt19937 random;
};

/// A symbol's value at a point, by its name and table.
int64_t symbolAt(attn::MaskSymbolAttr symbol, const Point &p) {
  if (symbol.getTable().getValue() == "doc")
    return p.doc[symbol.getIndex() == attn::SymbolIndex::Query ? p.q : p.kv];
  llvm::StringRef name = symbol.getName().getValue();
  return name == "h" ? p.h : name == "q_len" ? p.qLength : p.kvLength;
}

int64_t evaluate(mlir::AffineExpr expr, const std::vector<int64_t> &dims,
                 const std::vector<int64_t> &symbols) {
  using mlir::AffineExprKind;
  if (auto constant = mlir::dyn_cast<mlir::AffineConstantExpr>(expr))
    return constant.getValue();
  if (auto dim = mlir::dyn_cast<mlir::AffineDimExpr>(expr))
    return dims[dim.getPosition()];
  if (auto symbol = mlir::dyn_cast<mlir::AffineSymbolExpr>(expr))
    return symbols[symbol.getPosition()];
  auto binary = mlir::cast<mlir::AffineBinaryOpExpr>(expr);
  int64_t a = evaluate(binary.getLHS(), dims, symbols),
          b = evaluate(binary.getRHS(), dims, symbols);
  switch (expr.getKind()) {
  case AffineExprKind::Add:
    return a + b;
  case AffineExprKind::Mul:
    return a * b;
  case AffineExprKind::FloorDiv:
    return floorDiv(a, b);
  case AffineExprKind::Mod:
    return a - b * floorDiv(a, b);
  default:
    FAIL("an operator that masks do not have");
    return 0;
  }
}

bool allows(attn::MaskAttr mask, const Point &p) {
  std::vector<int64_t> symbols;
  for (attn::MaskSymbolAttr symbol : mask.getSymbols())
    symbols.push_back(symbolAt(symbol, p));
  for (mlir::IntegerSet set : mask.getDisjuncts()) {
    bool all = true;
    for (unsigned i = 0; i < set.getNumConstraints(); ++i) {
      int64_t value = evaluate(set.getConstraint(i), {p.q, p.kv}, symbols);
      all &= set.isEq(i) ? value == 0 : value >= 0;
    }
    if (all)
      return true;
  }
  return false;
}

} // namespace

TEST_CASE("random masks become the sets that they say") {
  mlir::MLIRContext context;
  context.loadDialect<attn::AttnDialect>();
  ExprNames names;
  names.integers = {{"window", 3}};
  names.lists = {{"limits", {4, 2}}};
  names.inputs = {"doc"};
  unsigned parsed = 0;
  for (unsigned seed = 0; seed < 600; ++seed) {
    Writer writer(seed);
    Predicate predicate = writer.predicate(3);
    Diagnostics diags;
    diags.setSource("mask.yaml", predicate.text);
    Node node;
    node.kind = Node::Scalar;
    node.at = {1, 1};
    node.text = predicate.text;
    std::optional<ParsedMask> mask = parseMask(&context, node, names, diags);
    INFO("seed " << seed << ": " << predicate.text);
    if (!mask) { // the only thing that may be wrong with it
      INFO(diags.str());
      REQUIRE(diags.str().find("union of more than") != std::string::npos);
      continue;
    }
    ++parsed;
    Point p{0, 0, 0, 6, 7, {}};
    for (int i = 0; i < 8; ++i)
      p.doc.push_back(writer.pick(3));
    for (p.h = 0; p.h < 2; ++p.h)
      for (p.q = 0; p.q < 7; ++p.q)
        for (p.kv = 0; p.kv < 7; ++p.kv)
          if (allows(mask->mask, p) != predicate.holds(p)) {
            INFO("q " << p.q << " kv " << p.kv << " h " << p.h);
            REQUIRE(allows(mask->mask, p) == predicate.holds(p));
          }
  }
  CHECK(parsed > 500);
}

TEST_CASE("operators bind as in Python") {
  mlir::MLIRContext context;
  context.loadDialect<attn::AttnDialect>();
  ExprNames names;
  auto at = [&](const char *text, int64_t q, int64_t kv) {
    Diagnostics diags;
    Node node;
    node.kind = Node::Scalar;
    node.text = text;
    auto mask = parseMask(&context, node, names, diags);
    INFO(diags.str());
    REQUIRE(mask);
    return allows(mask->mask, {q, kv, 0, 9, 9, {}});
  };
  CHECK(at("2 * q + 1 == kv", 3, 7));
  CHECK_FALSE(at("2 * (q + 1) == kv", 3, 7));
  CHECK(at("q - kv - 1 == 1", 5, 3));
  CHECK(at("q - 7 floordiv 2 == 0", 3, 0));
  CHECK(at("-q + 5 == kv", 2, 3));
  CHECK(at("(0 - q) mod 4 == 1", 3, 0));
  CHECK(at("not q == kv", 1, 2));
  CHECK(at("q == 1 or q == 2 and kv == 9", 1, 0));
}
