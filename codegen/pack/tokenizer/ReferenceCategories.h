//===- ReferenceCategories.h - Unicode as the reference library sees it ---===//
//
// Hugging Face's `tokenizers` asks an old table for the categories that BERT's
// rules need (marks, punctuation, format characters), older than those of the
// regular expressions beside it. A trained model has met what that table says,
// so heed says the same.
//
//===----------------------------------------------------------------------===//
#pragma once

#include <utf8proc.h>

namespace heed {

/// The general category; marks (Mn), punctuation (P*) and format characters
/// (Cf) that the reference does not know as such count as unassigned.
utf8proc_category_t referenceCategory(char32_t character);

/// Whether the reference knows the character's canonical decomposition, if it
/// has one.
bool referenceDecomposes(char32_t character);

} // namespace heed
