"""One row, heed and its peers in turns: a round of each, then the next round, all on the same CPUs."""
import dataclasses
import math
import pathlib
import statistics
import sys
import time

from .heed_side import Heed, Refused, atom_rates
from .peer import PeerFailed
from .rows import DOCUMENTS, SOFTCAP, WINDOW, Attention, MiniLM

BF16_ATOM = "dpbf16 1x16x2"
SLOW = 0.3  # seconds of a call: of such a peer two rounds are enough
HURRY = 15  # seconds that a peer may take for one answer where the whole run has a budget
NO_TIME = "left out: no time"


def description(row, minilm):
    """A row as the workers read it."""
    about = {**dataclasses.asdict(row), "kind": type(row).__name__, "type": row.type}
    if isinstance(row, Attention):
        about.update(window=WINDOW, documents=DOCUMENTS, softcap=SOFTCAP if row.softcap else 0)
    if isinstance(row, MiniLM):
        about["weights"] = str(minilm)
    return about


def spread(times):
    """How far the middle round is from the best, as a share."""
    return statistics.median(times) / min(times) - 1


@dataclasses.dataclass
class Comparison:
    """heed, the peers that are there, and where files go."""
    heed: pathlib.Path
    peers: list
    absent: dict  # {name: why not} of the others
    work: pathlib.Path
    minilm: pathlib.Path  # its weights
    cpus: list
    rounds: int
    seconds: float  # of a peer's round
    until: float = math.inf  # when all has to be done, by time.monotonic()
    longest: dict = dataclasses.field(default_factory=dict)  # seconds that a peer took to prepare a row

    def share(self, rows):
        """When the first of so many rows has to be done, so that the others get as much."""
        now = time.monotonic()
        return now + max(0, self.until - now) / rows

    def ask(self, peer, **question):
        left = self.until - time.monotonic()
        if left <= 0:
            raise PeerFailed(NO_TIME)
        return peer.ask(**question) if left == math.inf else peer.ask(patience=min(HURRY, left), **question)

    def stop(self):
        for peer in self.peers:
            peer.stop()

    def measure(self, row, until=math.inf):
        """{"row", "heed": {…}, "peers": {name: {…}}}; a part that gives no figure has "note" in its place.

        Towards `until` peers are left out that took long before, and rounds after the first.
        """
        result = {"row": row.name, "type": row.type, "unit": row.unit, "work": row.work, "threads": len(self.cpus), "heed": {},
                  "peers": {name: {"note": why} for name, why in self.absent.items()}}
        try:
            program = Heed(self.heed, row, self.work / row.name.replace(" ", "-"), self.cpus)
            program.result()
            result.update(program.bound(self.heed))
        except Refused as reason:
            result["heed"]["note"] = str(reason)
            return result
        ready = []
        for peer in self.peers:
            print(f"compare: {row.name}: {peer.name}", file=sys.stderr, flush=True)
            began = time.monotonic()
            if began + self.longest.get(peer.name, 0) > until:
                result["peers"][peer.name] = {"note": NO_TIME}
                continue
            try:
                answer = self.ask(peer, do="prepare", row=description(row, self.minilm), folder=str(program.folder),
                                  threads=len(self.cpus), tolerance=row.tolerance)
                result["peers"][peer.name] = {**answer, "times": []}
                ready.append(peer)
            except PeerFailed as reason:
                result["peers"][peer.name] = {"note": str(reason)}
            self.longest[peer.name] = max(self.longest.get(peer.name, 0), time.monotonic() - began)
        self.rounds_of(row, program, ready, result, until)
        return result

    def rounds_of(self, row, program, ready, result, until):
        times, fma, bf16, memory = [], 0, 0, None
        for _ in range(self.rounds):
            if times and time.monotonic() > until:
                break
            seconds, peak, memory = program.round()
            times.append(seconds)
            fma = max(fma, peak)
            if row.type == "bf16":
                bf16 = max(bf16, atom_rates(self.heed, self.cpus).get(BF16_ATOM, 0) * len(self.cpus))
            for peer in list(ready):
                taken = result["peers"][peer.name]["times"]
                if len(taken) >= 2 and min(taken) > SLOW:
                    continue
                try:
                    taken.append(self.ask(peer, do="round", seconds=self.seconds)["seconds"])
                except PeerFailed as reason:
                    result["peers"][peer.name] = {"note": str(reason)}
                    ready.remove(peer)
        result["fma_peak"], result["bf16_peak"] = fma, bf16 or None
        result["heed"] = {"times": times, "memory": memory}
        for part in (result["heed"], *result["peers"].values()):
            if part.get("times"):
                part.update(best=min(part["times"]), spread=spread(part["times"]))
