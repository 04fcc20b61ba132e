//===- CpuFeatures.cpp - What this CPU has, as the kernel says
//-------------===//
#include "runtime/step/CpuFeatures.h"
#include "runtime/step/Model.h"
#include "runtime/support/Text.h"

#include <catch2/catch.hpp>
#include <fstream>

using namespace heed;
using Catch::Matchers::Contains;

TEST_CASE("cpuHas: what the kernel says of this CPU") {
  std::ifstream file("/proc/cpuinfo");
  std::string line;
  while (std::getline(file, line) && !line.starts_with("flags"))
    ;
  line += ' ';
  // LLVM's name, the kernel's name.
  const char *names[][2] = {
      {"sse2", "sse2"},
      {"sse4.2", "sse4_2"},
      {"avx", "avx"},
      {"avx2", "avx2"},
      {"fma", "fma"},
      {"f16c", "f16c"},
      {"bmi2", "bmi2"},
      {"lzcnt", "abm"},
      {"avx512f", "avx512f"},
      {"avx512bw", "avx512bw"},
      {"avx512vl", "avx512vl"},
      {"avx512vnni", "avx512_vnni"},
      {"avx512bf16", "avx512_bf16"},
      {"amx-tile", "amx_tile"},
      {"amx-bf16", "amx_bf16"},
      {"avxvnni", "avx_vnni"},
      {"gfni", "gfni"},
      {"avx512fp16", "avx512_fp16"},
  };
  for (auto &[ours, kernels] : names) {
    INFO(ours);
    CHECK(cpuHas(ours) ==
          (line.find(concat(" ", kernels, " ")) != std::string::npos));
  }
  CHECK_FALSE(cpuHas("avx1024f"));
  CHECK(missingFeatures("+sse2,,avx1024f,+sse9") == "avx1024f, sse9");
}

TEST_CASE("Model: no variant for this CPU") {
  const heed_variant none[] = {{"future", "sse2,avx1024f,sse9", nullptr},
                               {nullptr, nullptr, nullptr}};
  Result<std::unique_ptr<Model>> model = Model::open("/nowhere", none, 1);
  REQUIRE_FALSE(model);
  CHECK(model.error().fault == Error::Machine);
  CHECK_THAT(model.error().text, Contains("compiled for future") &&
                                     Contains("lacks avx1024f, sse9"));
}
