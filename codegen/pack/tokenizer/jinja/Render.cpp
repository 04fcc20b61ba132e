#include "codegen/pack/tokenizer/jinja/Render.h"

#include "runtime/support/Text.h"

#include <algorithm>

namespace heed::jinja {

namespace {

constexpr size_t MostSteps = 100000, LongestText = 1 << 20;

std::string_view stripped(std::string_view text, bool left, bool right) {
  constexpr std::string_view Spaces = " \t\n\r\f\v";
  while (left && !text.empty() &&
         Spaces.find(text.front()) != std::string_view::npos)
    text.remove_prefix(1);
  while (right && !text.empty() &&
         Spaces.find(text.back()) != std::string_view::npos)
    text.remove_suffix(1);
  return text;
}

/// After the first problem evaluation returns early with Undefined.
class Renderer {
public:
  explicit Renderer(const Map &variables) : scope(variables) {}

  Result<std::string> run(const Nodes &nodes) {
    renderNodes(nodes);
    if (!problem.empty())
      return Error{problem};
    return std::move(out);
  }

private:
  Value fail(std::string what) {
    if (problem.empty())
      problem = std::move(what);
    return {};
  }

  void renderNodes(const Nodes &nodes) {
    for (const Node &node : nodes)
      if (problem.empty())
        renderNode(node);
  }

  void renderNode(const Node &node) {
    switch (node.kind) {
    case Node::Text:
      out += node.text;
      break;
    case Node::Output:
      out += textOf(evaluate(*node.value));
      break;
    case Node::If:
      renderNodes(evaluate(*node.value).truth() ? node.body : node.otherwise);
      break;
    case Node::For:
      renderLoop(node);
      break;
    case Node::Set:
      renderSet(node);
      break;
    }
    if (out.size() > LongestText)
      fail("the template's text is over a megabyte");
  }

  void renderLoop(const Node &node) {
    Value items = evaluate(*node.value);
    if (items.kind != Value::ListKind) {
      fail("a loop over what is not a list");
      return;
    }
    // A loop's variables end with it.
    Map outside = scope;
    List list = *items.list;
    for (size_t i = 0; problem.empty() && i < list.size(); ++i) {
      scope = outside;
      scope[node.text] = list[i];
      auto index = static_cast<int64_t>(i);
      scope["loop"] = Value::of(
          Map{{"first", Value::of(i == 0)},
              {"last", Value::of(i + 1 == list.size())},
              {"index0", Value::of(index)},
              {"index", Value::of(index + 1)},
              {"length", Value::of(static_cast<int64_t>(list.size()))},
              {"previtem", i == 0 ? Value() : list[i - 1]},
              {"nextitem", i + 1 == list.size() ? Value() : list[i + 1]}});
      renderNodes(node.body);
    }
    scope = std::move(outside);
  }

  void renderSet(const Node &node) {
    Value value = evaluate(*node.value);
    if (node.member.empty()) {
      scope[node.text] = std::move(value);
      return;
    }
    auto at = scope.find(node.text);
    if (at == scope.end() || at->second.kind != Value::MapKind)
      fail(concat("set of a member of ", inQuotes(node.text),
                  ", which is no namespace"));
    else
      (*at->second.map)[node.member] = std::move(value);
  }

  std::string textOf(const Value &value) {
    switch (value.kind) {
    case Value::Undefined:
      return {};
    case Value::None:
      return "None";
    case Value::Bool:
      return value.number ? "True" : "False";
    case Value::Int:
      return std::to_string(value.number);
    case Value::String:
      return value.text;
    case Value::ListKind:
    case Value::MapKind:
      fail("a list or a map is written as text");
      return {};
    }
    return {};
  }

  Value evaluate(const Expression &e) {
    if (++steps > MostSteps)
      return fail("the template does not end");
    if (!problem.empty())
      return {};
    switch (e.kind) {
    case Expression::Literal:
      return e.value;
    case Expression::Name: {
      auto at = scope.find(e.text);
      return at == scope.end() ? Value() : at->second;
    }
    case Expression::Member:
      return member(evaluate(*e.args[0]), e.text);
    case Expression::Index:
      return index(evaluate(*e.args[0]), evaluate(*e.args[1]));
    case Expression::Slice:
      return slice(e);
    case Expression::Call:
      return call(e);
    case Expression::Filter:
      return filter(e);
    case Expression::Test:
      return test(e);
    case Expression::Not:
      return Value::of(!evaluate(*e.args[0]).truth());
    case Expression::Negate: {
      Value value = evaluate(*e.args[0]);
      if (value.kind != Value::Int)
        return fail("minus of what is not a number");
      return Value::of(-value.number);
    }
    case Expression::Binary:
      return binary(e);
    case Expression::Conditional:
      if (evaluate(*e.args[1]).truth())
        return evaluate(*e.args[0]);
      return e.args[2] ? evaluate(*e.args[2]) : Value();
    case Expression::ListOf: {
      List items;
      for (const ExpressionPtr &item : e.args)
        items.push_back(evaluate(*item));
      return Value::of(std::move(items));
    }
    }
    return {};
  }

  Value member(const Value &base, std::string_view name) {
    if (base.kind == Value::Undefined)
      return fail(concat("member ", inQuotes(name), " of an undefined value"));
    if (base.kind != Value::MapKind)
      return {};
    auto at = base.map->find(name);
    return at == base.map->end() ? Value() : at->second;
  }

  Value index(const Value &base, const Value &key) {
    if (key.kind == Value::String)
      return member(base, key.text);
    if (base.kind != Value::ListKind || key.kind != Value::Int)
      return fail("an index that its value does not have");
    auto size = static_cast<int64_t>(base.list->size());
    int64_t at = key.number < 0 ? key.number + size : key.number;
    return at < 0 || at >= size ? Value() : (*base.list)[at];
  }

  Value slice(const Expression &e) {
    Value base = evaluate(*e.args[0]);
    bool isList = base.kind == Value::ListKind;
    if (!isList && base.kind != Value::String)
      return fail("a slice of what is no list and no text");
    auto size =
        static_cast<int64_t>(isList ? base.list->size() : base.text.size());
    auto bound = [&](const ExpressionPtr &given, int64_t otherwise) {
      if (!given)
        return otherwise;
      Value value = evaluate(*given);
      if (value.kind != Value::Int)
        fail("a slice's bound is not a number");
      int64_t at = value.number < 0 ? value.number + size : value.number;
      return std::clamp<int64_t>(at, 0, size);
    };
    int64_t begin = bound(e.args[1], 0);
    int64_t end = std::max(begin, bound(e.args[2], size));
    if (isList)
      return Value::of(
          List(base.list->begin() + begin, base.list->begin() + end));
    return Value::of(base.text.substr(begin, end - begin));
  }

  Value call(const Expression &e) {
    const Expression &callee = *e.args[0];
    if (callee.kind == Expression::Member)
      return method(e, evaluate(*callee.args[0]), callee.text);
    if (callee.kind != Expression::Name)
      return fail("a call of what is no function");
    if (callee.text == "raise_exception") {
      Value message = e.args.size() > 1 ? evaluate(*e.args[1]) : Value();
      return fail(concat("it says: ", textOf(message)));
    }
    if (callee.text == "namespace") {
      Map members;
      for (const auto &[name, value] : e.named)
        members[name] = evaluate(*value);
      return Value::of(std::move(members));
    }
    return fail(concat("the function ", inQuotes(callee.text),
                       " is not one that heed has"));
  }

  Value method(const Expression &e, const Value &base, std::string_view name) {
    if (base.kind == Value::String && e.args.size() == 1) {
      if (name == "strip" || name == "lstrip" || name == "rstrip")
        return Value::of(std::string(
            stripped(base.text, name != "rstrip", name != "lstrip")));
    }
    if (base.kind == Value::String && e.args.size() == 2) {
      Value argument = evaluate(*e.args[1]);
      if (argument.kind == Value::String && name == "startswith")
        return Value::of(base.text.starts_with(argument.text));
      if (argument.kind == Value::String && name == "endswith")
        return Value::of(base.text.ends_with(argument.text));
      if (argument.kind == Value::String && name == "split")
        return split(base.text, argument.text);
    }
    if (base.kind == Value::MapKind && name == "get" && e.args.size() >= 2) {
      Value key = evaluate(*e.args[1]);
      Value found =
          key.kind == Value::String ? member(base, key.text) : Value();
      if (found.kind == Value::Undefined)
        return e.args.size() > 2 ? evaluate(*e.args[2]) : Value::none();
      return found;
    }
    return fail(
        concat("the method ", inQuotes(name), " is not one that heed has"));
  }

  Value split(std::string_view text, std::string_view by) {
    if (by.empty())
      return fail("a split by nothing");
    List parts;
    for (size_t at; (at = text.find(by)) != std::string_view::npos;) {
      parts.push_back(Value::of(std::string(text.substr(0, at))));
      text.remove_prefix(at + by.size());
    }
    parts.push_back(Value::of(std::string(text)));
    return Value::of(std::move(parts));
  }

  Value filter(const Expression &e) {
    Value value = evaluate(*e.args[0]);
    if (e.text == "trim" && value.kind == Value::String)
      return Value::of(std::string(stripped(value.text, true, true)));
    if (e.text == "length" || e.text == "count") {
      if (value.kind == Value::ListKind)
        return Value::of(static_cast<int64_t>(value.list->size()));
      if (value.kind == Value::String)
        return Value::of(static_cast<int64_t>(value.text.size()));
    }
    if (e.text == "default" && e.args.size() == 2)
      return value.kind == Value::Undefined ? evaluate(*e.args[1]) : value;
    return fail(concat("the filter ", inQuotes(e.text),
                       " is not one that heed has, or not for this value"));
  }

  Value test(const Expression &e) {
    Value value = evaluate(*e.args[0]);
    if (e.text == "defined")
      return Value::of(value.kind != Value::Undefined);
    if (e.text == "undefined")
      return Value::of(value.kind == Value::Undefined);
    if (e.text == "none")
      return Value::of(value.kind == Value::None);
    if (e.text == "string")
      return Value::of(value.kind == Value::String);
    if (e.text == "mapping")
      return Value::of(value.kind == Value::MapKind);
    if (e.text == "iterable" || e.text == "sequence")
      return Value::of(value.kind == Value::ListKind ||
                       value.kind == Value::MapKind ||
                       value.kind == Value::String);
    return fail(
        concat("the test ", inQuotes(e.text), " is not one that heed has"));
  }

  bool equal(const Value &a, const Value &b) {
    auto isNumber = [](const Value &v) {
      return v.kind == Value::Bool || v.kind == Value::Int;
    };
    if (isNumber(a) && isNumber(b))
      return a.number == b.number;
    if (a.kind != b.kind)
      return false;
    if (a.kind == Value::ListKind || a.kind == Value::MapKind) {
      fail("a comparison of lists or maps");
      return false;
    }
    return a.text == b.text;
  }

  Value binary(const Expression &e) {
    Value left = evaluate(*e.args[0]);
    if (e.text == "and")
      return left.truth() ? evaluate(*e.args[1]) : left;
    if (e.text == "or")
      return left.truth() ? left : evaluate(*e.args[1]);
    Value right = evaluate(*e.args[1]);
    if (!problem.empty())
      return {};
    if (e.text == "==")
      return Value::of(equal(left, right));
    if (e.text == "!=")
      return Value::of(!equal(left, right));
    if (e.text == "in")
      return contains(right, left);
    if (e.text == "~")
      return Value::of(textOf(left) + textOf(right));
    if (left.kind == Value::String && right.kind == Value::String &&
        e.text == "+") {
      if (left.text.size() + right.text.size() > LongestText)
        return fail("a text is over a megabyte");
      return Value::of(left.text + right.text);
    }
    if (left.kind != Value::Int || right.kind != Value::Int)
      return fail(concat("'", e.text, "' does not fit its two values"));
    int64_t a = left.number, b = right.number, result = 0;
    if (e.text == "<")
      return Value::of(a < b);
    if (e.text == ">")
      return Value::of(a > b);
    if (e.text == "<=")
      return Value::of(a <= b);
    if (e.text == ">=")
      return Value::of(a >= b);
    bool overflow = false;
    if (e.text == "%") {
      if (b <= 0)
        return fail("a remainder of a division by what is not positive");
      result = ((a % b) + b) % b;
    } else if (e.text == "+") {
      overflow = __builtin_add_overflow(a, b, &result);
    } else {
      overflow = __builtin_sub_overflow(a, b, &result);
    }
    return overflow ? fail("a number is too large") : Value::of(result);
  }

  Value contains(const Value &where, const Value &what) {
    if (where.kind == Value::String && what.kind == Value::String)
      return Value::of(where.text.find(what.text) != std::string::npos);
    if (where.kind == Value::MapKind && what.kind == Value::String)
      return Value::of(where.map->contains(what.text));
    if (where.kind == Value::ListKind)
      return Value::of(
          std::any_of(where.list->begin(), where.list->end(),
                      [&](const Value &item) { return equal(item, what); }));
    return fail("'in' does not fit its two values");
  }

  Map scope;
  std::string out;
  std::string problem;
  size_t steps = 0;
};

} // namespace

Result<std::string> render(const Nodes &nodes, const Map &variables) {
  return Renderer(variables).run(nodes);
}

} // namespace heed::jinja
