"""A peer: a process in the peers' environment that computes rows on demand (peers/worker.py)."""
import json
import os
import pathlib
import select
import subprocess
import tempfile
import time

WORKER = pathlib.Path(__file__).resolve().parent / "peers" / "worker.py"
PATIENCE = 600  # seconds for one answer: FlexAttention compiles C++


class PeerFailed(Exception):
    """One line: why there is no figure."""


class Peer:
    def __init__(self, name, environment, cpus):
        self.name, self.environment, self.cpus, self.process = name, environment, cpus, None

    def start(self):
        threads = str(len(self.cpus))
        variables = {**os.environ, "OMP_NUM_THREADS": threads, "MKL_NUM_THREADS": threads, "PYTHONDONTWRITEBYTECODE": "1",
                     "TORCHINDUCTOR_CACHE_DIR": str(self.environment.folder.parent / "inductor")}
        self.errors = tempfile.TemporaryFile()
        self.process = subprocess.Popen(
            [self.environment.python, WORKER, self.name], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.errors,
            env=variables, preexec_fn=lambda: os.sched_setaffinity(0, self.cpus))

    def ask(self, patience=PATIENCE, **question):
        """Sends a question, returns the answer, which may take `patience` seconds. Errors: PeerFailed; the process is then gone
        or has said why."""
        if self.process is None:
            self.start()
        try:
            self.process.stdin.write(json.dumps(question).encode() + b"\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            pass  # read() below says what became of it
        until, line = time.monotonic() + patience, b""
        while not line.endswith(b"\n"):
            if not select.select([self.process.stdout], [], [], max(0, until - time.monotonic()))[0]:
                self.stop()
                raise PeerFailed(f"no answer in {patience:.0f} s")
            part = os.read(self.process.stdout.fileno(), 1 << 16)
            if not part:
                raise PeerFailed(self.last_words())
            line += part
        answer = json.loads(line)
        if "failed" in answer:
            raise PeerFailed(answer["failed"])
        return answer

    def last_words(self):
        self.process.wait()
        self.errors.seek(0)
        lines = [line for line in self.errors.read().decode(errors="replace").splitlines() if line.strip()]
        code, self.process = self.process.returncode, None
        return f"stopped with {code}: {lines[-1] if lines else 'said nothing'}"

    def stop(self):
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None
