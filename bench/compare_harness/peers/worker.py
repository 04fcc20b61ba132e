"""Runs in the peers' environment: answers questions, a line of JSON each, about one peer.

prepare  builds the row in every way the peer has, checks each against heed's result, keeps the fastest
round    the best time of some calls
"""
import importlib
import json
import os
import sys
import time

import numpy


class NotExpressible(Exception):
    """The peer has no way to say this row."""


class Way:
    """One way to compute a row: run() is what is timed, result() gives float32 in heed's shape."""

    def __init__(self, name, run, result, mask_seconds=None):
        self.name, self.run, self.result, self.mask_seconds = name, run, result, mask_seconds


def best_of(run, seconds, least=1):
    """(best seconds of a call, calls): for about that time."""
    best, calls, until = 1e30, 0, time.perf_counter() + seconds
    while calls < least or time.perf_counter() < until:
        began = time.perf_counter()
        run()
        best = min(best, time.perf_counter() - began)
        calls += 1
    return best, calls


def one_line(error):
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text[:160]}"


class Worker:
    def __init__(self, peer):
        self.peer, self.way = importlib.import_module(peer + "_peer"), None

    def prepare(self, row, folder, threads, tolerance):
        self.way = None
        expected = numpy.load(folder + "/expected.npy")
        kept, said = [], []
        for make in self.peer.ways(row, folder, threads):
            try:
                way = make()
                began = time.perf_counter()
                found = numpy.asarray(way.result(), numpy.float32).reshape(expected.shape)
                seconds = time.perf_counter() - began
                error = float(numpy.abs(found - expected).max())
                if not error <= tolerance:
                    said.append(f"{way.name}: differs from heed by {error:.2g}, at most {tolerance:.2g} is allowed")
                    continue
                # A first call may compile; more than one slow call is too many to choose between ways.
                kept.append((best_of(way.run, 0.02, 2 if seconds < 0.5 else 1)[0], error, way))
            except NotExpressible:
                raise
            except Exception as error:  # whatever a peer throws is what the table says
                said.append(one_line(error))
        if not kept:
            return {"failed": said[0] if said else "not expressible"}
        seconds, error, self.way = min(kept, key=lambda entry: entry[0])
        return {"way": self.way.name, "error": error, "mask_seconds": self.way.mask_seconds, "refused": said,
                "ways": {way.name: seconds for seconds, _, way in kept}}

    def round(self, seconds):
        best, calls = best_of(self.way.run, seconds)
        return {"seconds": best, "calls": calls}


def main():
    # What a peer prints must not stand between the answers.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    worker = None
    for line in sys.stdin:
        question = json.loads(line)
        try:
            worker = worker or Worker(sys.argv[1])
            answer = getattr(worker, question.pop("do"))(**question)
        except NotExpressible as reason:
            answer = {"failed": "not expressible" + (f": {reason}" if str(reason) else "")}
        except Exception as error:
            answer = {"failed": one_line(error)}
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


if __name__ == "__main__":
    # The peers' files say `from worker import …`: that must be this one.
    sys.modules["worker"] = sys.modules["__main__"]
    main()
