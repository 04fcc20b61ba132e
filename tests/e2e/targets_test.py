"""Programs for several machines, and the arithmetic of bf16, on AVX-512 and on AMX, both emulated where there is none."""
import unittest

from support import AMX, FLAGS, HEED, SOURCE, EndToEnd, for_target, plain_attentions, run, with_amx

SUMS = "examples/sums/sums.yaml"
TOUR = ["03-masked", "05-grouped", "07-sliding-window", "08-score-rules", "09-decoder-block"]
# Tails of tiles of every size.
SIZES = [1, 17, 150, 300]


class Targets(EndToEnd):
    def test_the_best_that_the_cpu_can_run(self):
        program = self.build(SUMS, "--target=x86-64-v3,graniterapids,x86-64-v4")
        self.assertEqual(run(program, "generate", "12+30=").stdout, b"42\n")
        best = "graniterapids" if AMX else "x86-64-v4" if "avx512vl" in FLAGS else "x86-64-v3"
        self.assertIn(best, run(program, "info").stdout.decode())

    def test_two_old_targets_answer_alike(self):
        program = self.build(SUMS, "--target=x86-64-v3,x86-64-v3")
        self.assertEqual(run(program, "generate", "999+1=").stdout, b"1000\n")

    def refused(self, code, words, *command):
        done = run(*command, check=False)
        text = done.stderr.decode()
        self.assertEqual((done.returncode, done.stdout, text.count("\n")), (code, b"", 1), text)
        for word in words:
            self.assertIn(word, text)

    @unittest.skipIf(AMX, "this CPU has all that heed can compile for")
    def test_no_target_fits(self):
        program = self.build(SUMS, "--target=graniterapids")
        self.refused(3, ["compiled for graniterapids", "lacks amx-tile" if "avx512_bf16" in FLAGS else "lacks"],
                     program, "generate", "1+1=")

    def test_a_list_with_an_unknown_target(self):
        self.refused(1, ["znver9", "x86-64-v4"], HEED, "build", SOURCE / SUMS, "--target=x86-64-v3,znver9", "-o", self.folder / "x")
        self.refused(1, ["several targets", "heed build"], HEED, "ir", SOURCE / SUMS, "--target=x86-64-v3,x86-64-v4")
        self.assertFalse((self.folder / "x").exists())

    # Bf16

    def compare(self, path, program, environment=None):
        """Against the oracle in f64, which knows no bf16: within 2 % of the largest output."""
        self.assertEqualsOracle(path, program, SIZES, 2e-2, environment)

    def test_tensors_of_bf16_without_an_atom_for_them(self):
        """Products are f32: an output is rounded, once."""
        for head in (64, 33, 5):
            path = self.folder / f"short{head}.yaml"
            path.write_text(plain_attentions(["all", "kv <= q", "kv <= q and q - kv < 40"], 2, head, "q", "kv", element="bf16"))
            self.assertEqualsOracle(path, self.build(path, "--target=x86-64-v3"), SIZES, 4e-3)

    def test_bf16_of_the_tour(self):
        for name in TOUR:
            path = SOURCE / "examples/tour" / f"{name}.yaml"
            self.compare(path, self.build(path, "--numerics=bf16", *for_target("znver5")))

    def test_amx_of_the_tour(self):
        for name in TOUR:
            path = SOURCE / "examples/tour" / f"{name}.yaml"
            program = self.build(path, "--numerics=bf16", *for_target("graniterapids"))
            self.compare(path, *with_amx(program))

    def test_amx_adds(self):
        program, environment = with_amx(self.build(SUMS, "--numerics=bf16", *for_target("graniterapids")))
        self.assertEqual(run(program, "generate", "12+30=", env=environment).stdout, b"42\n")


if __name__ == "__main__":
    unittest.main()
