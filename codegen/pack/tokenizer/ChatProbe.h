//===- ChatProbe.h - What a chat template writes around messages ----------===//
//
// A template is a program in Jinja. It is run here, at build time, on made-up
// conversations; what it writes between their contents becomes the table's chat
// section. Then the section has to write longer conversations exactly as the
// template does, or it is not used: an unusual template leads to no chat and a
// reason, never to a wrong prompt.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "codegen/pack/tokenizer/TokenizerModel.h"

namespace heed {

/// The chat section (runtime/tokenizer/ChatTemplate.h) of a template. Where it
/// is not understood the section holds the reason, which is appended to
/// `warnings` too. Sets the model's end of turn, if it has none, to the special
/// token that the template puts behind a reply.
std::string addChat(TokenizerModel &model, std::string_view source,
                    const std::string &label,
                    std::vector<std::string> &warnings);

} // namespace heed
