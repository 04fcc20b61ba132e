//===- Render.h - Runs a chat template ------------------------------------===//
#pragma once

#include "codegen/pack/tokenizer/jinja/Syntax.h"
#include "runtime/support/Result.h"

namespace heed::jinja {

/// The text of a template. Errors: what the template raises itself, an
/// operation on values that it does not fit, a function or filter that heed
/// does not have, more than 100,000 steps or a text over a megabyte.
Result<std::string> render(const Nodes &nodes, const Map &variables);

} // namespace heed::jinja
