//===- FromGguf.h - The tokenizer in a GGUF file's metadata ---------------===//
#pragma once

#include "codegen/pack/tokenizer/TokenizerModel.h"
#include "runtime/formats/Gguf.h"

namespace heed {

/// Byte-level BPE (`tokenizer.ggml.model` = gpt2) by the file's own rule
/// (`tokenizer.ggml.pre`). `label` starts the messages: the file's name.
/// Errors: missing metadata, metadata of another type or size, ids out of
/// range, another model, an unknown rule, duplicates, merges of unknown tokens.
Result<TokenizerTable> buildFromGguf(const Gguf &file,
                                     const std::string &label);

} // namespace heed
