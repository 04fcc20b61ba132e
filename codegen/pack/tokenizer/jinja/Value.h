//===- Value.h - What a chat template computes with -----------------------===//
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace heed::jinja {

struct Value;
using List = std::vector<Value>;
using Map = std::map<std::string, Value, std::less<>>;

/// A value of the template language. Lists and maps are shared, as in Python.
struct Value {
  enum Kind { Undefined, None, Bool, Int, String, ListKind, MapKind };

  Kind kind = Undefined;
  int64_t number = 0; // Bool too
  std::string text = {};
  std::shared_ptr<List> list = {};
  std::shared_ptr<Map> map = {};

  static Value none() { return {.kind = None}; }
  static Value of(bool truth) { return {.kind = Bool, .number = truth}; }
  static Value of(int64_t number) { return {.kind = Int, .number = number}; }
  static Value of(std::string text) {
    return {.kind = String, .text = std::move(text)};
  }
  static Value of(List items) {
    return {.kind = ListKind, .list = std::make_shared<List>(std::move(items))};
  }
  static Value of(Map members) {
    return {.kind = MapKind, .map = std::make_shared<Map>(std::move(members))};
  }

  bool truth() const {
    switch (kind) {
    case Undefined:
    case None:
      return false;
    case Bool:
    case Int:
      return number != 0;
    case String:
      return !text.empty();
    case ListKind:
      return !list->empty();
    case MapKind:
      return !map->empty();
    }
    return false;
  }
};

} // namespace heed::jinja
