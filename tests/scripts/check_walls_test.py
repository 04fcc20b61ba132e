"""check-walls.py on small trees that keep the law and that break it."""
import pathlib
import subprocess
import sys
import tempfile
import unittest

SCRIPT = pathlib.Path(__file__).resolve().parent / "check-walls.py"


class CheckWalls(unittest.TestCase):
    def setUp(self):
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.root = pathlib.Path(scratch.name)

    def write(self, path, text):
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    def check(self):
        done = subprocess.run([sys.executable, SCRIPT, self.root], capture_output=True, text=True)
        return done.stdout.strip(), done.returncode

    def test_what_the_law_allows(self):
        self.write("frontend/A.cpp", '#include "ir/Attn.h"\n#include "runtime/formats/Gguf.h"\n#include <vector>\n')
        self.write("tools/heed.cpp", '#include "frontend/A.h"\n#include "codegen/B.h"\n')
        self.assertEqual(self.check(), ("the walls stand", 0))

    def test_each_breach_is_named_at_its_line(self):
        self.write("codegen/B.cpp", '// two\n#include "passes/Arena.h"\n')
        self.write("passes/C.cpp", '#include "frontend/A.h"\n')
        text, code = self.check()
        self.assertEqual(code, 1)
        self.assertIn("codegen/B.cpp:2: codegen may not include passes/Arena.h", text)
        self.assertIn("passes/C.cpp:1: passes may not include frontend/A.h", text)

    def test_the_runtime_knows_no_llvm(self):
        self.write("runtime/step/S.cpp", "#include <llvm/ADT/StringRef.h>\n")
        self.assertIn("runtime/step/S.cpp:1: runtime knows nothing of llvm/ADT/StringRef.h", self.check()[0])

    def test_a_room_inside_a_room_has_its_own_law(self):
        self.write("passes/masks/M.cpp", '#include "ir/Attn.h"\n')
        self.assertIn("passes/masks may not include ir/Attn.h", self.check()[0])

    def test_a_pass_has_its_file_and_its_test(self):
        self.write("passes/Passes.td", 'def Fuse : Pass<"attn-fuse-mask", "mlir::ModuleOp"> {\n')
        text, _ = self.check()
        self.assertIn("pass attn-fuse-mask has no passes/FuseMask.cpp", text)
        self.assertIn("pass attn-fuse-mask has no tests/passes/fuse-mask.mlir", text)
        self.write("passes/FuseMask.cpp", "")
        self.write("tests/passes/fuse-mask.mlir", "")
        self.assertEqual(self.check()[1], 0)

    def test_the_checker_of_certificates_is_short_and_alone(self):
        folder = "passes/masks/certificate/"
        for name in ("Checker.h", "Checker.cpp", "Formula.cpp"):
            self.write(folder + name, "#include <vector>\n" * 166)
        self.assertEqual(self.check(), ("the walls stand", 0))
        self.write(folder + "Formula.cpp", "#include <vector>\n" * 168)
        self.assertIn("the checker of certificates has 500 lines, expected fewer than 500", self.check()[0])
        for other in ('"passes/masks/Exact.h"', "<llvm/ADT/StringRef.h>", '"passes/masks/certificate/Prover.h"'):
            self.write(folder + "Formula.cpp", f"// one\n#include {other}\n")
            self.assertIn(f"{folder}Formula.cpp:2: the checker of certificates includes {other[1:-1]}", self.check()[0])
        (self.root / folder / "Formula.cpp").unlink()
        self.assertIn(f"{folder}Formula.cpp:1: a file of the checker of certificates is not there", self.check()[0])

    def test_a_model_file_is_outlined_without_the_compiler(self):
        self.write("tools/heed/ModelOutline.cpp", '#include "mlir/IR/Builders.h"\n#include "frontend/Model.h"\n')
        self.assertIn("tools/heed/ModelOutline.cpp:1: tools knows nothing of mlir/IR/Builders.h", self.check()[0])


if __name__ == "__main__":
    unittest.main()
