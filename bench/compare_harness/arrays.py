"""Files of numbers without numpy: .npy and safetensors."""
import array
import json
import math
import random
import struct


def write_npy(path, shape, values):
    """values: an array.array of type f, i or q, row-major."""
    descr = {"f": "<f4", "i": "<i4", "q": "<i8"}[values.typecode]
    assert len(values) == math.prod(shape), path
    header = f"{{'descr': '{descr}', 'fortran_order': False, 'shape': {tuple(shape)}, }}".encode()
    header += b" " * (-(10 + len(header) + 1) % 64) + b"\n"
    with open(path, "wb") as file:
        file.write(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header)
        values.tofile(file)


def write_safetensors(path, name, shape, values):
    """One f32 tensor."""
    about = json.dumps({name: {"dtype": "F32", "shape": list(shape), "data_offsets": [0, 4 * len(values)]}}).encode()
    about += b" " * (-len(about) % 8)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(about)) + about)
        values.tofile(file)


class Normal:
    """Numbers that are N(0, 1): drawn once, and read from a place that the seed says, round and round."""
    PERIOD = 1 << 20

    def __init__(self):
        self.pool = None

    def take(self, count, seed):
        if self.pool is None:
            draw = random.Random(1)
            self.pool = array.array("f", (draw.gauss(0, 1) for _ in range(self.PERIOD)))
        # A place of its own for each seed and each time round, so that no two rows are alike.
        begin = random.Random(seed).randrange(self.PERIOD)
        out = array.array("f")
        while len(out) < count:
            out += self.pool[begin:begin + count - len(out)]
            begin = (begin * 5 + 12345) % self.PERIOD
        return out


normal = Normal()
