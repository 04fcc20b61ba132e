//===- Syntax.h - The tree of a chat template -----------------------------===//
#pragma once

#include "codegen/pack/tokenizer/jinja/Value.h"

#include <utility>

namespace heed::jinja {

struct Expression;
using ExpressionPtr = std::unique_ptr<Expression>;

struct Expression {
  enum Kind {
    Literal,     // value
    Name,        // text
    Member,      // args[0].text
    Index,       // args[0][args[1]]
    Slice,       // args[0][args[1]:args[2]]; an absent bound is null
    Call,        // args[0](args[1..], named)
    Filter,      // args[0] | text(args[1..])
    Test,        // args[0] is text
    Not,         // not args[0]
    Negate,      // -args[0]
    Binary,      // args[0] text args[1]
    Conditional, // args[0] if args[1] else args[2]; args[2] may be null
    ListOf,      // [args...]
  };
  Kind kind = Literal;
  /// Of the tree below, itself counted; bounds every recursion over it.
  unsigned height = 1;
  std::string text;
  Value value;
  std::vector<ExpressionPtr> args;
  std::vector<std::pair<std::string, ExpressionPtr>> named;
};

struct Node;
using Nodes = std::vector<Node>;

struct Node {
  enum Kind {
    Text,   // text
    Output, // {{ value }}
    If,     // value: body, otherwise (elif is an If in otherwise)
    For,    // text in value: body
    Set,    // text = value, or text.member = value
  };
  Kind kind = Text;
  std::string text = {}, member = {};
  ExpressionPtr value = {};
  Nodes body = {}, otherwise = {};
};

} // namespace heed::jinja
