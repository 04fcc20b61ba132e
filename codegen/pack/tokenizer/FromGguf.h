//===- FromGguf.h - The tokenizer in a GGUF file's metadata ---------------===//
#pragma once

#include "codegen/pack/tokenizer/TokenizerModel.h"
#include "runtime/formats/Gguf.h"

namespace heed {

/// By `tokenizer.ggml.model`: gpt2 is byte-level BPE, by the file's own rule
/// (`tokenizer.ggml.pre`); llama and t5 are SentencePiece's BPE and unigram,
/// whose scores the file has. `label` starts the messages: the file's name.
/// Errors: missing metadata, metadata of another type or size, ids out of
/// range, another model, an unknown rule, duplicates, merges of unknown tokens.
Result<TokenizerTable> buildFromGguf(const Gguf &file,
                                     const std::string &label);

} // namespace heed
