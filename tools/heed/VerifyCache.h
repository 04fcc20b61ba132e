//===- VerifyCache.h - Does a cache of N keys suffice for a mask? ---------===//
#pragma once

#include "tools/heed/VerifyFacts.h"

namespace heed {

/// Empty where each head's later queries see at most `most` past keys whatever
/// the values of the mask's symbols, or why that is not so or not proved.
std::string cacheFault(const MaskUse &use, int64_t most);

} // namespace heed
