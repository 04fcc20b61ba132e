"""What a user can get wrong from the command line: one clear message, an exit code of 1 to 3, no file left behind."""
import os
import pathlib
import re
import signal
import struct
import subprocess
import tempfile
import time
import unittest

from support import HEED, SOURCE, EndToEnd, run, write_ids, write_npy

SUMS = SOURCE / "examples/sums/sums.yaml"
INPUT, USAGE, MACHINE = 1, 2, 3


class BadInput(EndToEnd):
    def refused(self, code, message, *command, **options):
        done = run(*command, check=False, **options)
        text = done.stderr.decode(errors="replace")
        self.assertEqual(done.returncode, code, f"{command}: {text}")
        self.assertIn(message, text)
        self.assertLess(text.count("\n"), 6, text)
        return text

    # heed

    def test_a_command_that_is_not_known(self):
        self.refused(USAGE, "did you mean build", HEED, "biuld", SUMS)

    def test_a_model_file_that_is_not_there(self):
        self.refused(INPUT, "nothing-here.yaml", HEED, "build", "nothing-here.yaml")

    def test_a_target_that_is_not_known(self):
        self.refused(INPUT, "znver5", HEED, "build", SUMS, "--target=znver9", "-o", self.folder / "x")

    def test_outputs_that_cannot_be_written(self):
        (self.folder / "a-file").write_text("kept")
        for out in ("no-such-folder/sums", "a-file/sums", "."):
            done = run(HEED, "build", SUMS, "-o", self.folder / out, check=False)
            self.assertIn(done.returncode, (INPUT, MACHINE))
            self.assertIn(str(self.folder / out), done.stderr.decode())
        self.assertEqual((self.folder / "a-file").read_text(), "kept")

    def test_a_full_disk_leaves_no_file(self):
        # The limit on a file's size stands for the disk: first the object file does not fit, then the
        # linked program, then the weights.
        whole = self.build(SUMS).stat().st_size
        for limit in (0, 4096, 100_000, whole // 2, whole - 4096):
            with tempfile.TemporaryDirectory() as folder:
                out = pathlib.Path(folder) / "sums"
                done = run("env", f"TMPDIR={folder}", HEED, "build", SUMS, "-o", out, check=False, limit_file=limit)
                self.assertEqual(done.returncode, MACHINE, f"limit {limit}: {done.stderr.decode()}")
                self.assertEqual(os.listdir(folder), [], f"limit {limit}")

    def test_a_small_file_system_leaves_no_file(self):
        with tempfile.TemporaryDirectory() as folder:
            script = 'mount -t tmpfs -o size=$1 heed "$2" || exit 77; shift 2; "$@"; code=$?; ls -A "$OUT"; exit $code'
            for size in ("64k", "600k"):
                out = pathlib.Path(folder) / "sums"
                done = run("env", f"TMPDIR={folder}", f"OUT={folder}", "unshare", "--mount", "sh", "-c", script, "sh", size, folder,
                           HEED, "build", SUMS, "-o", out, check=False)
                if done.returncode in (1, 77) and b"mount" in done.stderr + done.stdout or b"unshare" in done.stderr:
                    self.skipTest("skipped: no file system can be mounted here")
                self.assertEqual(done.returncode, MACHINE, done.stderr.decode())
                self.assertEqual(done.stdout, b"", "left behind")

    def test_a_full_standard_output(self):
        with open("/dev/full", "wb") as full:
            self.refused(MACHINE, "standard output", HEED, "ir", SUMS, "--stage=model", stdout=full)
            self.refused(MACHINE, "standard output", self.build(SUMS), "generate", "1+1=", stdout=full)

    def test_an_existing_output_survives_a_failed_build(self):
        out = self.folder / "kept"
        out.write_text("an older program")
        bad = self.folder / "bad.yaml"
        bad.write_text(SUMS.read_text().replace("norm.weight, eps", "nrom.weight, eps"))
        (self.folder / "sums.safetensors").write_bytes((SUMS.parent / "sums.safetensors").read_bytes())
        (self.folder / "tokenizer.json").write_bytes((SUMS.parent / "tokenizer.json").read_bytes())
        done = run(HEED, "build", bad, "-o", out, check=False)
        self.assertEqual(done.returncode, INPUT)
        self.assertIn("nrom.weight", done.stderr.decode())
        self.assertEqual(out.read_text(), "an older program")

    def test_weights_that_are_no_numbers(self):
        # A GGUF of one Q8_0 tensor [16, 32]: a block is an f16 scale, then 32 bytes.
        infinity, nan = b"\x00\x7c", b"\x00\x7e"
        for scale in (infinity, nan):
            blocks = [b"\x00\x3c" + bytes(32)] * 16
            blocks[5] = scale + bytes(32)
            header = b"GGUF" + struct.pack("<IQQ", 3, 1, 0)
            header += struct.pack("<Q", 1) + b"w" + struct.pack("<IQQIQ", 2, 32, 16, 8, 0)
            (self.folder / "w.gguf").write_bytes(header + bytes(-len(header) % 32) + b"".join(blocks))
            (self.folder / "m.yaml").write_text("model: m\nweights: w.gguf\ndims: {row: any, in: 32, out: 16}\n"
                                                'inputs: {x: "f32[row, in]"}\noutputs: {y: [x, {linear: w, out: out}]}\n')
            # Before any code is made, and so before the folder of the output is missed.
            out = self.folder / "none/m"
            self.refused(INPUT, "w.gguf: weight 'w' has a scale that is not finite in row 5, block 0", HEED, "build",
                         self.folder / "m.yaml", "-o", out)

    def test_ctrl_c_while_a_model_is_timed(self):
        temporary = self.folder / "temporary"
        temporary.mkdir()
        bench = subprocess.Popen([HEED, "bench", SUMS, "--rounds", "1000"], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                 env={**os.environ, "TMPDIR": str(temporary)}, start_new_session=True)

        def waits(child):
            """The model's program has been started and catches SIGINT: bit 1."""
            try:
                status = pathlib.Path(f"/proc/{child}/status").read_text()
            except OSError:
                return False
            return "Name:\tmodel\n" in status and int(re.search(r"SigCgt:\s*(\w+)", status)[1], 16) & 2

        children = pathlib.Path(f"/proc/{bench.pid}/task/{bench.pid}/children")
        while bench.poll() is None and not any(waits(child) for child in children.read_text().split()):
            time.sleep(0.02)
        os.killpg(bench.pid, signal.SIGINT)  # as a terminal: to all of its programs
        out, text = bench.communicate()
        self.assertEqual((bench.returncode, out, text.decode()), (130, b"", "error: interrupted before all rounds were run\n"))
        self.assertEqual(os.listdir(temporary), [])

    # the executable

    def test_prompts(self):
        program = self.build(SUMS)
        self.refused(INPUT, "context", program, "generate", "1+" * 40)
        self.refused(USAGE, "did you mean generate", program, "genrate", "1+1=")
        self.refused(USAGE, "--tokens", program, "generate", "1+1=", "--tokens", "many")

    def test_ids_out_of_range(self):
        program, ids = self.build(SUMS), self.folder / "ids.npy"
        for wrong in (14, -1, 1 << 40):
            write_ids(ids, [[0, 2, wrong]])
            self.refused(INPUT, "range", program, "run", "--ids", ids, "--out", f"logits={self.folder}/l.npy")

    def test_ids_that_are_too_many(self):
        program, ids = self.build(SUMS), self.folder / "ids.npy"
        write_ids(ids, [[2] * 33])
        self.refused(INPUT, "context", program, "run", "--ids", ids, "--out", f"logits={self.folder}/l.npy")

    def test_ids_that_are_no_ids(self):
        program, ids = self.build(SUMS), self.folder / "ids.npy"
        out = f"logits={self.folder}/l.npy"
        write_npy(ids, (1, 2), [0.5, 1.0], "f")
        self.refused(INPUT, "ids.npy", program, "run", "--ids", ids, "--out", out)
        ids.write_bytes(b"\x93NUMPY\x01")
        self.refused(INPUT, "ids.npy", program, "run", "--ids", ids, "--out", out)
        self.refused(INPUT, "missing.npy", program, "run", "--ids", self.folder / "missing.npy", "--out", out)
        write_ids(ids, [[0, 2]])
        self.refused(INPUT, "logits", program, "run", "--ids", ids, "--out", f"hidden={self.folder}/l.npy")

    def test_an_output_file_that_cannot_be_written(self):
        program, ids = self.build(SUMS), self.folder / "ids.npy"
        write_ids(ids, [[0, 2]])
        self.refused(INPUT, "no-such-folder", program, "run", "--ids", ids, "--out", f"logits={self.folder}/no-such-folder/l.npy")

    def test_a_damaged_executable(self):
        whole = self.build(SUMS).read_bytes()
        cut = self.folder / "cut"
        for size in (len(whole) - 1, len(whole) - 300_000):
            cut.write_bytes(whole[:size])
            cut.chmod(0o755)
            self.refused(INPUT, "", cut, "generate", "1+1=")

    def test_a_cpu_without_the_instructions(self):
        flags = pathlib.Path("/proc/cpuinfo").read_text()
        if "amx_tile" in flags:
            self.skipTest("skipped: this CPU has all that heed can compile for")
        program = self.build(SUMS, "--target=graniterapids")
        for command in (["generate", "1+1="], ["info"], ["check"]):
            text = self.refused(MACHINE, "amx", program, *command)
            self.assertEqual(text.count("\n"), 1, text)

    def test_a_program_that_is_killed_leaves_no_output(self):
        out = self.folder / "killed"
        child = subprocess.Popen([HEED, "build", SUMS, "-o", out], stderr=subprocess.DEVNULL)
        child.kill()
        child.wait()
        self.assertFalse(out.exists())


if __name__ == "__main__":
    unittest.main()
