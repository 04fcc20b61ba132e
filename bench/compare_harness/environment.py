"""The peers' Python environment: a venv in heed's cache, filled by pip from wherever this machine's pip looks."""
import os
import pathlib
import subprocess
import sys
import venv

# peer: what pip installs, and the version that was measured.
PEERS = {
    "torch": ["torch==2.13.0", "numpy==2.4.6"],
    "flex": ["torch==2.13.0", "numpy==2.4.6"],
    "openvino": ["openvino==2026.4.1", "onnx==1.23.2", "numpy==2.4.6"],
    "onnxruntime": ["onnxruntime==1.31.1", "onnx==1.23.2", "numpy==2.4.6"],
    "iree": ["iree-base-compiler==3.13.0", "iree-base-runtime==3.13.0", "numpy==2.4.6"],
}
TITLES = {"torch": "torch", "flex": "FlexAttention", "openvino": "OpenVINO", "onnxruntime": "ONNX Runtime", "iree": "IREE"}
PLOTS = ["matplotlib==3.11.2", "numpy==2.4.6"]


def cache_folder():
    return pathlib.Path(os.environ.get("HEED_CACHE") or "~/.cache/heed").expanduser() / "compare"


class Environment:
    def __init__(self, folder, install=True):
        self.folder, self.may_install = folder, install
        self.python = folder / "bin" / "python"

    def missing(self, packages):
        """None where all of the packages are there; else one line that says why not."""
        stamp = self.folder / ("installed " + " ".join(packages).replace("/", "_"))
        if stamp.exists():
            return None
        if not self.may_install:
            return "not installed"
        try:
            if not self.python.exists():
                venv.create(self.folder, with_pip=True)
        except (OSError, subprocess.CalledProcessError) as error:
            return f"no venv in {self.folder}: {error} (Debian: apt-get install python3-venv)"
        print(f"compare: installing {' '.join(packages)}", file=sys.stderr, flush=True)
        pip = [self.python, "-m", "pip", "install", "--quiet", "--no-input", "--disable-pip-version-check", "--retries=1", *packages]
        done = subprocess.run(pip, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                              errors="replace")
        if done.returncode:
            lines = [line.strip() for line in done.stdout.splitlines() if line.strip()] or ["pip gave no reason"]
            said = next((line for line in lines if line.startswith("ERROR")), lines[-1])
            return "cannot be installed: " + said.removeprefix("ERROR: ")[:120]
        stamp.touch()
        return None
