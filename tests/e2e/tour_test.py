"""Every model of examples/tour, compiled and run, against the f64 oracle on the same inputs."""
import unittest

from support import SOURCE, EndToEnd

TOUR = sorted((SOURCE / "examples/tour").glob("*.yaml"))
# One of each, ends of vectors and tiles, and more than a tile.
SIZES = [1, 17, 150]
FUSIONS = {
    "03-masked": ["fuse-mask-softmax", "fuse-attention"],
    "07-sliding-window": ["fuse-attention"],
    "08-score-rules": ["fuse-attention"],
    "09-decoder-block": ["merge-linears", "fuse-prologue", "fuse-epilogue"],
    "10-encoder-block": ["fuse-prologue", "fuse-epilogue"],
}


class Tour(EndToEnd):
    def compare(self, path, *flags):
        self.assertEqualsOracle(path, self.build(path, *flags), SIZES, 2e-5)


def add(name, test):
    setattr(Tour, "test_" + name.replace("-", "_"), test)


for path in TOUR:
    add(path.stem, lambda self, path=path: self.compare(path))
    for fusion in FUSIONS.get(path.stem, []):
        add(f"{path.stem}_without_{fusion}", lambda self, path=path, fusion=fusion: self.compare(path, f"--disable={fusion}"))


if __name__ == "__main__":
    unittest.main()
