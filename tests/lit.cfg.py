# Text tests: RUN lines checked by FileCheck. A file's folder says what it tests.
import os
import lit.formats

config.name = "heed"
config.test_format = lit.formats.ShTest(execute_external=False)
config.suffixes = [".mlir", ".yaml", ".test"]
config.excludes = ["Inputs", "golden", "CMakeLists.txt"]
config.test_source_root = os.path.dirname(__file__)
config.test_exec_root = os.path.join(config.heed_build, "tests", "lit")
config.environment["PATH"] = os.pathsep.join(
    [os.path.join(config.heed_build, *at) for at in [("tools",), ("tests", "frontend"), ("tests", "oracle")]] +
    [config.llvm_tools, config.environment["PATH"]])
config.substitutions.append(("%examples", os.path.join(config.heed_source, "examples")))
