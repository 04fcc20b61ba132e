"""Results as a table: of text, or of Markdown."""
from .environment import TITLES

HEADINGS = ["row", "heed", "% of peak", "% of bound", *TITLES.values(), "ratio", "mask, ms", "spread"]


def rate(result, part):
    """Work a second, in the row's unit."""
    return result["work"] / part["best"] / (1e9 if result["unit"] == "GFLOP/s" else 1)


def number(value):
    return f"{value:.0f}" if value >= 20 else f"{value:.1f}"


def cell(result, part):
    if part is None:
        return ""
    return number(rate(result, part)) if "best" in part else shorten(part["note"])


def shorten(note):
    for known, said in (("not expressible", "-"), ("not installed", "not installed"), ("cannot be installed", "cannot be installed"),
                        ("left out: no time", "no time")):
        if note.startswith(known):
            return said
    return "failed"


def shares(result):
    """[of the peak, of the bound], "" where there is none."""
    # Where no atom multiplies bf16, f32 multiply-adds do.
    peak = result["type"] == "bf16" and result.get("bf16_peak") or result.get("fma_peak")
    if not peak or "best" not in result["heed"]:
        return ["", ""]
    share, bound = result["operations"] / result["heed"]["best"] / 1e9 / peak, result.get("bound_of_peak")
    return [f"{100 * share:.0f} %", f"{100 * share / bound:.0f} %" if bound else ""]


def best_peer(result):
    """(name, part) of the fastest, or None."""
    timed = [(part["best"], name) for name, part in result["peers"].items() if "best" in part]
    return min(timed)[1] if timed else None


def mask_times(result):
    """What each peer spent to make the mask, before any of the times that are compared."""
    names = {"torch": "SDPA", "flex": "Flex", "onnxruntime": "ORT", "openvino": "OV", "iree": "IREE"}
    return ", ".join(f"{names[name]} {1e3 * part['mask_seconds']:.1f}" for name, part in result["peers"].items()
                     if part.get("mask_seconds"))


def line(result):
    heed, best = result["heed"], best_peer(result)
    cells = [result["row"] + ("" if result["threads"] == 1 else f", {result['threads']} threads")]
    cells += [cell(result, heed), *shares(result)]
    cells += [cell(result, result["peers"].get(name)) for name in TITLES]
    if best and "best" in heed:
        cells.append(f"{result['peers'][best]['best'] / heed['best']:.2f}")
    else:
        cells.append("")
    cells += [mask_times(result), f"{100 * heed['spread']:.0f} %" if "best" in heed else ""]
    return cells


def columns(rows):
    """The columns that say something."""
    used = [i for i in range(len(rows[0])) if i == 0 or any(row[i] for row in rows[1:])]
    return [[row[i] for i in used] for row in rows]


def as_text(results):
    rows = columns([HEADINGS, *map(line, results)])
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    out = []
    for row in rows:
        out.append("  ".join(word.ljust(width) if i == 0 else word.rjust(width)
                             for i, (word, width) in enumerate(zip(row, widths))).rstrip())
    return "\n".join([*out, "", *notes(results)]) + "\n"


def progress(result):
    """A result in one line, as it comes."""
    parts = [f"{TITLES[name]} {cell(result, part)}" for name, part in result["peers"].items() if "best" in part]
    said = cell(result, result["heed"]) if "best" in result["heed"] else result["heed"]["note"]
    return f"{result['row']}, {result['threads']} thread{'s'[:result['threads'] > 1]}: heed {said}" + "".join(f", {part}" for part in parts)


def as_markdown(results):
    rows = columns([HEADINGS, *map(line, results)])
    out = ["| " + " | ".join(row) + " |" for row in rows]
    out.insert(1, "|" + "---|" * len(rows[0]))
    return "\n".join(out) + "\n"


def notes(results):
    """The reasons of all that gave no figure, each once with its rows."""
    reasons = {}
    for result in results:
        for name, part in (("heed", result["heed"]), *((TITLES[name], part) for name, part in result["peers"].items())):
            if part.get("note", "not expressible") != "not expressible":
                reasons.setdefault((name, part["note"]), []).append(result["row"])
    return [f"{name}: {note} ({rows[0] if len(rows) == 1 else f'{len(rows)} rows'})" for (name, note), rows in reasons.items()]
