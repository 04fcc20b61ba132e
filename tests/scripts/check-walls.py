#!/usr/bin/env python3
"""Checks the law of the house: who may include whom, pass flag = file = test, and a checker that stays small.

usage: check-walls.py [ROOT]      prints every breach as file:line: what is wrong; exit code 1 where there is one
"""
import pathlib
import re
import sys

ROOMS = ("frontend", "ir", "passes", "codegen", "runtime", "tools", "tests", "bench")
# Who may include whom. The longest prefix of a file's path decides; a room may always include itself.
MAY = {
    "ir": [],
    "frontend": ["ir", "runtime/formats", "runtime/support"],
    "passes": ["ir", "runtime/support"],
    "passes/masks": ["runtime/support"],
    "codegen": ["ir", "runtime/formats", "runtime/model", "runtime/tokenizer", "runtime/support"],
    "codegen/pack/tokenizer": ["runtime/formats", "runtime/tokenizer", "runtime/support"],
    "runtime": [],
    "runtime/support": [],
    "runtime/formats": ["runtime/support"],
    "runtime/tokenizer": ["runtime/support", "runtime/formats"],
    "tools": list(ROOMS),
    "tests": list(ROOMS),
    "tests/oracle": ["ir", "passes", "frontend", "runtime/formats", "runtime/support"],
    "bench": list(ROOMS),
}
# Libraries that a room never meets: the runtime knows nothing of the compiler.
FOREIGN = {
    "runtime": re.compile(r"^(mlir|llvm|yaml-cpp|nlohmann|CLI|utf8proc|pcre2|catch2)\b"),
    "runtime/formats/Json": re.compile(r"^(mlir|llvm|yaml-cpp|CLI|utf8proc|pcre2|catch2)\b"),  # headers only
    "ir": re.compile(r"^(yaml-cpp|nlohmann|CLI|utf8proc|pcre2|catch2)\b"),
    "passes": re.compile(r"^(yaml-cpp|nlohmann|CLI|utf8proc|pcre2|catch2)\b"),
    "passes/masks": re.compile(r"^(yaml-cpp|nlohmann|CLI|utf8proc|pcre2|catch2)\b"),
}
# The outline of a model file is read without the compiler.
FOREIGN["tools/heed/ModelOutline"] = re.compile(r"^(mlir|ir|passes/(?!masks/certificate)|codegen)/")
INCLUDE = re.compile(r'^\s*#\s*include\s+(["<])([^">]+)[">]')
PASS = re.compile(r'^def\s+\w+\s*:\s*Pass<\s*"([^"]+)"')


def within(path, prefix):
    return path == prefix or path.startswith((prefix + "/", prefix + "."))


def law_of(path):
    """The longest prefix of the path that has a law."""
    return max((prefix for prefix in MAY if within(path, prefix)), key=len, default=None)


def check_includes(root, breaches):
    for room in ROOMS:
        for file in sorted((root / room).rglob("*")):
            if file.suffix not in (".h", ".cpp", ".c", ".td", ".inc"):
                continue
            name = str(file.relative_to(root))
            own = law_of(name)
            foreign = next((FOREIGN[p] for p in sorted(FOREIGN, key=len, reverse=True) if within(name, p)), None)
            for number, line in enumerate(file.read_text(errors="replace").splitlines(), 1):
                found = INCLUDE.match(line) or re.match(r'^\s*include\s+(")([^"]+)"', line)
                if not found:
                    continue
                target = found[2]
                if foreign and foreign.match(target):
                    breaches.append(f"{name}:{number}: {own} knows nothing of {target}")
                room_of_target = target.split("/")[0]
                if room_of_target not in ROOMS:
                    if found[1] == '"' and file.suffix != ".td" and (file.parent / target).exists() and "/" not in target:
                        breaches.append(f'{name}:{number}: "{target}" is included from its folder, expected from the root')
                    continue
                if not any(within(target, allowed) for allowed in [own, *MAY[own]]):
                    breaches.append(f"{name}:{number}: {own} may not include {target}")


# The checker of certificates is read by whoever does not trust the compiler: short, with its headers, and on its own.
CHECKER = [f"passes/masks/certificate/{name}" for name in
           ("Checker.h", "Checker.cpp", "Formula.cpp")]
CHECKER_LINES = 500


def check_checker(root, breaches):
    lines = 0
    for name in CHECKER:
        if not (root / name).exists():
            breaches.append(f"{name}:1: a file of the checker of certificates is not there")
            continue
        text = (root / name).read_text()
        lines += text.count("\n")
        for number, line in enumerate(text.splitlines(), 1):
            found = INCLUDE.match(line)
            if found and found[2] not in CHECKER and not (found[1] == "<" and "/" not in found[2]):
                breaches.append(f"{name}:{number}: the checker of certificates includes {found[2]}, expected itself or libstdc++")
    if lines >= CHECKER_LINES:
        breaches.append(f"{CHECKER[0]}:1: the checker of certificates has {lines} lines, expected fewer than {CHECKER_LINES}")


def check_passes(root, breaches):
    """Pass `attn-fuse-mask-softmax` is passes/FuseMaskSoftmax.cpp is tests/passes/fuse-mask-softmax.mlir."""
    for room, prefix in (("passes", "attn-"), ("codegen", "")):
        definitions = root / room / "Passes.td"
        if not definitions.exists():
            continue
        for number, line in enumerate(definitions.read_text().splitlines(), 1):
            found = PASS.match(line)
            if not found:
                continue
            flag = found[1]
            words = flag.removeprefix("attn-").removeprefix("heed-")
            if prefix and not flag.startswith(prefix):
                breaches.append(f"{room}/Passes.td:{number}: pass {flag} does not begin with {prefix}")
            file = "".join(word.capitalize() for word in words.split("-")) + ".cpp"
            if not any((root / room).rglob(file)):
                breaches.append(f"{room}/Passes.td:{number}: pass {flag} has no {room}/{file}")
            if not any((root / "tests" / room).rglob(words + ".mlir")):
                breaches.append(f"{room}/Passes.td:{number}: pass {flag} has no tests/{room}/{words}.mlir")


def main():
    root = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).parents[2]).resolve()
    breaches = []
    check_includes(root, breaches)
    check_passes(root, breaches)
    if (root / CHECKER[0]).parent.exists():
        check_checker(root, breaches)
    print("\n".join(breaches) or "the walls stand")
    return 1 if breaches else 0


if __name__ == "__main__":
    sys.exit(main())
