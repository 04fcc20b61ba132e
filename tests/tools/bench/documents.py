"""Writes q.npy, doc.npy, mixed.npy and short.npy for documents.yaml into a folder.

usage: documents.py FOLDER
"""
import array
import pathlib
import sys


def write(name, kind, shape, values):
    header = f"{{'descr': '{kind}', 'fortran_order': False, 'shape': {shape}, }}"
    header = header.ljust(117) + "\n"
    (folder / name).write_bytes(b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header.encode() + values.tobytes())


folder = pathlib.Path(sys.argv[1])
folder.mkdir(parents=True, exist_ok=True)
write("q.npy", "<f4", (1, 96, 64), array.array("f", [0.5] * (96 * 64)))
write("doc.npy", "<i4", (96,), array.array("i", [0] * 10 + [1] * 50 + [2] * 36))
write("mixed.npy", "<i4", (96,), array.array("i", (i % 2 for i in range(96))))
write("short.npy", "<i4", (5,), array.array("i", range(5)))
