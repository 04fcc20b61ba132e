"""Every model of examples/tour, compiled and run, against the f64 oracle on the same inputs."""
import unittest

from support import HEED, ORACLE, SOURCE, EndToEnd, Model, read_npy, run

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
        model = Model(path)
        program = self.build(path, *flags)
        meaning = self.folder / (path.stem + ".mlir")
        if not meaning.exists():
            meaning.write_bytes(run(HEED, "ir", path, "--stage=model").stdout)
        for seed, size in enumerate(SIZES):
            # Where a model has two open axes, they differ.
            sizes = {name: size + 9 * i for i, name in enumerate(n for n, s in model.dims.items() if s == "any")}
            inputs = model.write_inputs(self.folder, sizes, seed)
            found = {name: self.folder / f"found-{name}.npy" for name in model.outputs}
            expected = {name: self.folder / f"expected-{name}.npy" for name in model.outputs}
            run(program, "run", *words("--in", inputs), *words("--out", found))
            run(ORACLE, meaning, *words("--inputs", inputs), *words("--outputs", expected))
            for name in model.outputs:
                right = read_npy(expected[name])
                most = max(1.0, *map(abs, right.values))
                self.assertClose(read_npy(found[name]), right, 2e-5 * most, f"{path.stem}: {name} at {sizes}")


def words(flag, files):
    return [word for name, file in files.items() for word in (flag, f"{name}={file}")]


def add(name, test):
    setattr(Tour, "test_" + name.replace("-", "_"), test)


for path in TOUR:
    add(path.stem, lambda self, path=path: self.compare(path))
    for fusion in FUSIONS.get(path.stem, []):
        add(f"{path.stem}_without_{fusion}", lambda self, path=path, fusion=fusion: self.compare(path, f"--disable={fusion}"))


if __name__ == "__main__":
    unittest.main()
