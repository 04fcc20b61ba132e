"""scripts/instruction-counts on assembly as LLVM writes it."""
import importlib.machinery
import importlib.util
import pathlib
import unittest

SCRIPT = pathlib.Path(__file__).resolve().parents[2] / "scripts" / "instruction-counts"
loader = importlib.machinery.SourceFileLoader("instruction_counts", str(SCRIPT))
counts = importlib.util.module_from_spec(importlib.util.spec_from_loader("instruction_counts", loader))
loader.exec_module(counts)

KERNEL = """\
attention_3:                            # @attention_3
\tpushq\t%rbp
\tvmovups\t%zmm9, 64(%rsp)                 # 64-byte Spill
.LBB2_1:                                # =>This Loop Header: Depth=1
                                        #     Child Loop BB2_2 Depth 2
\tvfmadd231ps\t%zmm0, %zmm1, %zmm2
.LBB2_2:                                #   Parent Loop BB2_1 Depth=1
                                        # =>  This Inner Loop Header: Depth=2
\tvmovups\t(%rax), %zmm0
\tvbroadcastss\t(%rcx,%rdx,4), %zmm1
\tvfmadd231ps\t%zmm0, %zmm1, %zmm2
\tvfmadd231ps\t64(%rax), %zmm1, %zmm3
\tvfmadd231ps\t(%rcx){1to16}, %zmm1, %zmm4
# %bb.3:                                #   in Loop: Header=BB2_2 Depth=2
\tvfmadd213ps\t128(%rsp), %zmm1, %zmm5     # 64-byte Folded Reload
\tmovq\t8(%rsp), %rsi                   # 8-byte Reload
\tvmovaps\t%zmm5, %zmm6
\tvmaxps\t%zmm5, %zmm6, %zmm6
\tvmovups\t%zmm6, (%rdi) {%k1}
\tjne\t.LBB2_2
# %bb.4:                                #   in Loop: Header=BB2_1 Depth=1
\tvfmadd231ps\t%zmm0, %zmm1, %zmm2
\tjmp\t.LBB2_1
.Lfunc_end2:
"""


class InstructionCounts(unittest.TestCase):
    def test_inner_loop(self):
        name, row, whole = counts.count(KERNEL)
        self.assertEqual(name.strip(), "attention_3")
        #                                        products loads bcasts stores moves others spills scalars
        self.assertEqual(row.split(), ["zmm"] + "4 2 2 1 1 1 1 2".split())
        self.assertIn("1 vectors", whole)

    def test_difference_stands_under_its_kernel(self):
        before = ["a.yaml f32: v4\n", "  kernel\n", "    zmm 24 0\n", "  other\n", "    zmm 8 0\n"]
        now = before[:4] + ["    zmm 8 1\n"]
        shown = "".join(counts.differences(before, now))
        self.assertIn("a.yaml", shown)
        self.assertIn("other", shown)
        self.assertIn("-     zmm 8 0", shown)
        self.assertIn("+     zmm 8 1", shown)
        self.assertNotIn("24", shown)
        self.assertEqual(counts.differences(before, before), [])


if __name__ == "__main__":
    unittest.main()
