"""Draws what scaling.py measured, as SVG. Runs in the peers' environment: plots.py MEASURED.json FOLDER"""
import json
import pathlib
import sys

import matplotlib

matplotlib.use("svg")
# The same numbers give the same file; text stays text.
matplotlib.rcParams.update({"svg.hashsalt": "heed", "svg.fonttype": "none", "font.size": 10, "axes.grid": True,
                            "grid.alpha": 0.3, "axes.spines.top": False, "axes.spines.right": False})
from matplotlib import pyplot  # noqa: E402 (the back end is chosen first)

AXES = {"sequence": "queries and keys", "head": "head size", "heads": "heads", "batch": "batch", "threads": "threads"}


def rate(result, part):
    return result["work"] / part["best"] / 1e9


def lines(results):
    """{label: (style, [(result, heed's or the peer's part)])}"""
    out = {}
    several = len({result["mask"] for result in results}) > 1
    for result in results:
        behind = f", {result['mask']}" if several else ""
        for who, part in (("heed", result["heed"]), *result["peers"].items()):
            if "best" in part:
                style = ("o-" if who == "heed" else "s--")
                out.setdefault(("heed" if who == "heed" else "torch") + behind, (style, []))[1].append((result, part))
    return out


def draw(folder, name, title, xlabel, ylabel, curves, logarithmic=False, tall=False, ticks=None):
    """curves: [(label, style, xs, ys)]"""
    figure, axes = pyplot.subplots(figsize=(5.6, 3.6))
    for label, style, xs, ys in curves:
        axes.plot(xs, ys, style, label=label, markersize=4, linewidth=1.4)
    if logarithmic:
        axes.set_xscale("log", base=2)
    if tall:
        axes.set_yscale("log")
    else:
        axes.set_ylim(bottom=0)
    if ticks:
        axes.set_xticks(ticks, [f"{tick // 1024}k" if tick >= 1024 and tick % 1024 == 0 else str(tick) for tick in ticks])
        axes.minorticks_off()
    axes.set(title=title, xlabel=xlabel, ylabel=ylabel)
    axes.legend(frameon=False, fontsize=8)
    figure.tight_layout()
    figure.savefig(folder / f"{name}.svg", metadata={"Date": None})
    pyplot.close(figure)


def main():
    measured, folder = json.loads(pathlib.Path(sys.argv[1]).read_text()), pathlib.Path(sys.argv[2])
    series = measured["series"]
    for title, results in series.items():
        if title == "threads":
            continue
        curves = [(label, style, [r["x"] for r, _ in points], [rate(r, part) for r, part in points])
                  for label, (style, points) in lines(results).items()]
        ticks = sorted({r["x"] for r in results})
        peak = [("f32 FMA peak", "k:", ticks, [max(r.get("fma_peak", 0) for r in results)] * len(ticks))]
        draw(folder, f"rate-{title}", f"f32 attention, 1 thread: rate against {AXES[title]}", AXES[title],
             "GFLOP/s of allowed scores", curves + peak, logarithmic=title != "head", ticks=ticks)
    sequence(folder, series.get("sequence", []))
    threads(folder, series.get("threads", []))


def sequence(folder, results):
    """Time and memory against the length."""
    if not results:
        return
    ticks = sorted({r["x"] for r in results})
    draw(folder, "time-sequence", "f32 attention, D=64, 1 thread: time of a call", AXES["sequence"], "ms",
         [(label, style, [r["x"] for r, _ in points], [1e3 * part["best"] for r, part in points])
          for label, (style, points) in lines(results).items()], logarithmic=True, tall=True, ticks=ticks)
    causal = [r for r in results if r["mask"] == "causal" and r["heed"].get("memory")]
    draw(folder, "memory-sequence", "f32 causal attention, D=64: memory", AXES["sequence"], "MB",
         [("heed: beyond the inputs (the output is in it)", "o-", [r["x"] for r in causal], [r["heed"]["memory"] / 1e6 for r in causal]),
          ("inputs and output", "k:", [r["x"] for r in causal], [r["tensors"] / 1e6 for r in causal])], logarithmic=True, ticks=ticks)


def threads(folder, all_results):
    curves, rows = [], {}
    for result in all_results:
        if "best" in result["heed"]:
            rows.setdefault(result["row"], []).append(result)
    for row, results in rows.items():
        curves.append((row.removeprefix("attention f32 "), "o-", [r["x"] for r in results],
                       [results[0]["heed"]["best"] / r["heed"]["best"] for r in results]))
    if not rows:
        return
    most = max(r["x"] for r in all_results)
    curves.append(("ideal", "k:", [1, most], [1, most]))
    draw(folder, "threads", "f32 attention: heed's speed-up by threads", "threads", "times one thread", curves,
         ticks=list(range(1, most + 1)))


if __name__ == "__main__":
    main()
