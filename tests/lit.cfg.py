# Text tests: RUN lines checked by FileCheck. A file's folder says what it tests.
import os
import lit.formats

config.name = "heed"
config.test_format = lit.formats.ShTest(execute_external=False)
config.suffixes = [".mlir", ".yaml", ".test"]
config.excludes = ["Inputs", "golden", "e2e", "CMakeLists.txt"]
config.test_source_root = os.path.dirname(__file__)
config.test_exec_root = os.path.join(config.heed_build, "tests", "lit")
# heed's tools and the drivers that a folder of tests builds are called by name.
programs = [os.path.join(config.heed_build, "tools"), config.llvm_tools]
programs += [os.path.join(config.heed_build, "tests", room) for room in ("frontend", "codegen", "oracle", "fuzz")]
config.environment["PATH"] = os.pathsep.join(programs + [config.environment["PATH"]])
config.substitutions.append(("%examples", os.path.join(config.heed_source, "examples")))
config.substitutions.append(("%kernels", os.path.join(config.heed_source, "bench", "kernels")))
