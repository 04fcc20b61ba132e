"""The command line of bench/compare."""
import argparse
import datetime
import json
import math
import os
import pathlib
import platform
import subprocess
import sys
import time

from . import environment, page, scaling, table
from .environment import Environment
from .heed_side import SOURCE
from .measure import Comparison
from .peer import Peer
from .rows import ROWS, TINY, is_quick

DESCRIPTION = """heed and other programs on the same work, one round of each in turns, on the same CPU.

A row is a model file that `heed build` compiles. Each peer's result is compared with heed's before it is timed; a peer that has
several ways to say a row is measured in the fastest of them. GFLOP/s count allowed scores only, 4 D each. Rates are of the best
round; "ratio" is heed's to the best peer's, "% of peak" of this machine's f32 (or bf16) multiply-add peak measured in between, "% of
bound" of what `heed bench` says could be reached (docs/bound.md),
"spread" how far heed's middle round is from its best, "mask" what a peer spent before on building the mask.

The peers are installed by pip into a venv in heed's cache. What cannot be installed, or cannot express a row, says so."""
QUICK_SECONDS = 100  # after which --quick begins nothing new
EXAMPLES = """examples:
  bench/compare --quick
  bench/compare --rows 'f32 causal' --json causal.json
  bench/compare --peers torch,onnxruntime --rows minilm
  bench/compare --from a.json b.json --page docs/performance.md
  bench/compare --plots docs/plots

exit codes: 0 good, 1 nothing could be measured, 2 wrong usage
"""


def arguments(words):
    parser = argparse.ArgumentParser(prog="bench/compare", description=DESCRIPTION, epilog=EXAMPLES,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("--list", action="store_true", help="name the rows and end")
    add("--rows", metavar="TEXT", action="append", default=[], help="only rows whose name holds all words of TEXT; several times")
    add("--quick", action="store_true", help="a choice of rows in at most 2 minutes, once the peers are installed: where the time is short, "
        "fewer rounds, peers and rows")
    add("--rounds", metavar="N", type=int, help="rounds of each (default 7, quick 3)")
    add("--threads", metavar="N", type=int, default=1, help="threads of heed and of each peer (default 1)")
    add("--peers", metavar="LIST", default=",".join(environment.PEERS), help="of %(default)s, or none")
    add("--no-install", action="store_true", help="use the peers that are installed, install none")
    add("--venv", metavar="DIR", type=pathlib.Path, help="the peers' environment (default: ${HEED_CACHE:-~/.cache/heed}/compare/venv)")
    add("--heed", metavar="FILE", type=pathlib.Path, default=SOURCE / "build/tools/heed", help="default: build/tools/heed")
    add("--json", metavar="FILE", type=pathlib.Path, help="write all that was measured")
    add("--from", metavar="FILE", dest="sources", nargs="+", type=pathlib.Path, help="measure nothing, show what --json wrote")
    add("--page", metavar="FILE", type=pathlib.Path, help="put the table between the marks in a page of Markdown")
    add("--plots", metavar="DIR", type=pathlib.Path, help="measure scaling instead of rows and draw it: SVG. Here --rows names series: "
        + ", ".join(scaling.TITLES))
    add("--tiny", action="store_true", help=argparse.SUPPRESS)  # rows for tests
    options = parser.parse_args(words)
    unknown = [name for name in peer_names(options) if name not in environment.PEERS]
    if unknown:
        parser.error(f"unknown peer {unknown[0]!r}; there are {', '.join(environment.PEERS)}")
    if options.rounds is not None and options.rounds < 1:
        parser.error(f"--rounds expects a number from 1 on, found {options.rounds}")
    wrong = [title for title in options.rows if options.plots and title not in scaling.TITLES]
    if wrong:
        parser.error(f"--plots has no series {wrong[0]!r}; there are {', '.join(scaling.TITLES)}")
    if not 1 <= options.threads <= len(os.sched_getaffinity(0)):
        parser.error(f"--threads expects 1 to {len(os.sched_getaffinity(0))}, found {options.threads}")
    return options, parser


def peer_names(options):
    return [] if options.peers == "none" else options.peers.split(",")


def chosen(options):
    rows = TINY if options.tiny else [row for row in ROWS if not options.quick or is_quick(row)]
    if options.rows:
        rows = [row for row in rows if any(all(word in row.name for word in text.split()) for text in options.rows)]
    return rows


def machine():
    """A processor's name says little (a virtual machine's may say "AMD EPYC"): its widest vector unit goes with it."""
    said = dict(reversed([[word.strip() for word in line.split(":", 1)] for line in open("/proc/cpuinfo") if ":" in line]))
    units = said.get("flags", "").split()
    unit = next((unit for unit in ("amx_bf16", "avx512_bf16", "avx512f", "avx2") if unit in units), "no vectors that heed knows")
    return {"cpu": f"{said.get('model name', 'unknown')} ({unit})", "cpus": os.cpu_count(), "system": platform.platform(),
            "date": datetime.date.today().isoformat()}


def open_peers(options, env, cpus):
    """(peers that are there, {name: why not} of the others)."""
    peers, absent = [], {}
    for name in peer_names(options):
        why = env.missing(environment.PEERS[name])
        if why:
            absent[name] = why
            print(f"compare: {environment.TITLES[name]}: {why}", file=sys.stderr)
        else:
            peers.append(Peer(name, env, cpus))
    return peers, absent


def comparison(options, env, threads):
    # The last CPUs: the first serves most interrupts.
    cpus = sorted(os.sched_getaffinity(0))[-threads:]
    peers, absent = open_peers(options, env, cpus)
    cache = environment.cache_folder()
    rounds = options.rounds or (3 if options.quick or options.plots else 7)
    until = time.monotonic() + QUICK_SECONDS if options.quick else math.inf
    return Comparison(options.heed, peers, absent, cache / "work", cache.parent / "all-MiniLM-L6-v2/model.safetensors", cpus, rounds,
                      0.05 if options.quick else 0.1, until)


def measure_rows(options, env, rows):
    compare, results = comparison(options, env, options.threads), []
    try:
        for number, row in enumerate(rows):
            if results and time.monotonic() > compare.until:
                print(f"compare: left out, as there is no time: {', '.join(row.name for row in rows[number:])}", file=sys.stderr)
                break
            results.append(compare.measure(row, compare.share(len(rows) - number)))
            print(table.progress(results[-1]), file=sys.stderr, flush=True)
    finally:
        compare.stop()
    return {"machine": machine(), "versions": environment.PEERS, "results": results}


def measure_scaling(options, env):
    """Measures what the plots show and draws them; DIR/scaling.json keeps the numbers, those of other series too."""
    why = env.missing(environment.PLOTS)
    if why:
        print(f"compare: matplotlib: {why}, so nothing can be drawn", file=sys.stderr)
        return 1
    options.plots.mkdir(parents=True, exist_ok=True)
    file = options.plots / "scaling.json"
    series = json.loads(file.read_text())["series"] if file.exists() else {}
    series |= scaling.measure(lambda threads: comparison(options, env, threads), len(os.sched_getaffinity(0)),
                              options.rows or scaling.TITLES)
    file.write_text(json.dumps({"machine": machine(), "series": series}, indent=1) + "\n")
    return draw(options, env, file)


def draw(options, env, measured):
    return subprocess.run([env.python, "-B", pathlib.Path(__file__).parent / "plots.py", measured, options.plots]).returncode


def main():
    options, parser = arguments(sys.argv[1:])
    rows = chosen(options)
    if options.list:
        print("\n".join(row.name for row in rows))
        return 0
    env = Environment(options.venv or environment.cache_folder() / "venv", install=not options.no_install)
    if options.sources:
        try:
            measured = page.join([json.loads(path.read_text()) for path in options.sources])
        except (OSError, ValueError) as error:
            parser.error(f"--from: cannot be read: {error}")
    elif not options.heed.exists():
        parser.error(f"{options.heed} is not there: build heed first, or say --heed FILE")
    elif options.plots:
        return measure_scaling(options, env)
    elif not rows:
        parser.error("no row has such a name; bench/compare --list names them")
    else:
        measured = measure_rows(options, env, rows)
    print(table.as_text(measured["results"]), end="")
    if options.json:
        options.json.write_text(json.dumps(measured, indent=1) + "\n")
    if options.page:
        page.put(options.page, measured)
    return 0 if any("best" in result["heed"] for result in measured["results"]) else 1
