"""The table in a page of Markdown, between two marks: one table for each kind of machine."""
from . import table
from .rows import ROWS



def join(parts):
    """Results of several runs on one machine; of a row that stands in several, the last counts."""
    results = {}
    for part in parts:
        assert part["machine"]["cpu"] == parts[0]["machine"]["cpu"], "results of different machines"
        results.update({(result["row"], result["threads"]): result for result in part["results"]})
    order = {row.name: number for number, row in enumerate(ROWS)}
    return {**parts[-1], "results": sorted(results.values(), key=lambda result: order.get(result["row"], len(order)))}


def text(measured):
    machine, results = measured["machine"], measured["results"]
    peak = [result["fma_peak"] for result in results if "fma_peak" in result]
    bf16 = [result["bf16_peak"] for result in results if result.get("bf16_peak")]
    about = f"{machine['cpu']}, {machine['date']}, {results[0]['threads']} thread: f32 FMA peak {min(peak):.0f}-{max(peak):.0f} GFLOP/s"
    about += f", dpbf16 peak {min(bf16):.0f}-{max(bf16):.0f} GFLOP/s" if bf16 else ""
    versions = sorted({package for packages in measured["versions"].values() for package in packages})
    groups = {}
    for result in results:
        groups.setdefault(result["unit"], []).append(result)
    parts = [about + ".", "Peers: " + ", ".join(versions) + "."]
    for unit, group in groups.items():
        parts.append(f"{unit}:\n\n{table.as_markdown(group)}")
    reasons = table.notes(results)
    if reasons:
        parts.append("\n".join("- " + reason for reason in reasons))
    return "\n\n".join(part.rstrip("\n") for part in parts) + "\n"


def marks(machine):
    return [f"<!-- bench/compare, {machine['cpu']}: {word} -->\n" for word in ("begin", "end")]


def put(path, measured):
    """Between the marks of this machine; where there are none, at the end."""
    old = path.read_text() if path.exists() else ""
    begin, end = marks(measured["machine"])
    new = begin + text(measured) + end
    if begin in old and end in old:
        path.write_text(old[:old.index(begin)] + new + old[old.index(end) + len(end):])
    else:
        path.write_text(old + ("\n" if old else "") + new)
