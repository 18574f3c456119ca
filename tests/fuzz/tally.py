"""What came of the cases, added up over several runs: a record on disk tells which numbers are done."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

from dofsim.files import atomic_path

CHUNK = 250
"""Cases that are given out together, and enter the record together."""


class Tally:
    """Figures of a range of cases.

    Parameters
    ----------
    seed : int
        Of the cases.
    record : Path, optional
        A file that keeps the figures of the chunks that are complete; what it has already counts as done.

    Raises
    ------
    ValueError
        If the record is of another seed.
    """

    def __init__(self, seed: int, record: Path | None = None) -> None:
        self.seed, self.record = seed, record
        self.done: set[int] = set()
        self.outcomes: Counter[str] = Counter()
        self.cpu: defaultdict[str, float] = defaultdict(float)
        self.findings: list[dict[str, Any]] = []
        self.slowest: dict[str, Any] = {"seconds": 0.0}
        self.peak = 0
        self.seconds = 0.0
        self._open: defaultdict[int, list[dict[str, Any]]] = defaultdict(list)
        if record is not None and record.exists():
            self._recall(json.loads(record.read_text(encoding="utf-8")))

    def _recall(self, told: dict[str, Any]) -> None:
        if told["seed"] != self.seed:
            raise ValueError(f"{self.record} is of seed {told['seed']}; give the same, or another --record")
        for first, last in told["ranges"]:
            self.done |= set(range(first // CHUNK, last // CHUNK))
        self.outcomes.update(told["outcomes"])
        self.cpu.update(told["processor_seconds"])
        self.findings, self.slowest = told["findings"], told["slowest"]
        self.peak, self.seconds = told["peak"], told["seconds"]

    def left(self, first: int, cases: int) -> list[tuple[int, int]]:
        """Spans of a range that are still to be run, each within a chunk, in order."""
        last, spans = first + cases, []
        while first < last:
            end = min(first // CHUNK * CHUNK + CHUNK, last)
            if first // CHUNK not in self.done:
                spans.append((first, end))
            first = end
        return spans

    def add(self, result: dict[str, Any]) -> bool:
        """Take in what came of a case; whether its chunk is complete with it."""
        chunk = result["case"] // CHUNK
        self._open[chunk].append(result)
        if len(self._open[chunk]) < CHUNK:
            return False
        self._fold(self._open.pop(chunk))
        self.done.add(chunk)
        return True

    def _fold(self, results: list[dict[str, Any]]) -> None:
        for result in results:
            self.outcomes[f"{result['kind']} -> {result['outcome']}"] += 1
            self.cpu[result["kind"]] += result["seconds"]
            self.slowest = max(self.slowest, result, key=lambda each: each["seconds"])
            self.peak = max(self.peak, result["peak"])
            if result["finding"]:
                self.findings.append(result)

    def keep(self, seconds: float) -> None:
        """Write the record; so many seconds went by in this run. Chunks that are not complete stay out."""
        if self.record is not None:
            figures = self.figures(seconds)
            with atomic_path(self.record) as temporary:
                temporary.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")

    def finish(self) -> None:
        """Count the cases of chunks that are not complete too."""
        for results in self._open.values():
            self._fold(results)
        self._open.clear()

    def figures(self, seconds: float) -> dict[str, Any]:
        """Everything, for JSON; ``processor_seconds`` of each kind of file, ``peak`` in bytes."""
        return {
            "seed": self.seed, "cases": self.outcomes.total(), "ranges": _ranges(self.done),
            "seconds": round(self.seconds + seconds, 1), "peak": self.peak, "findings": self.findings,
            "slowest": self.slowest, "outcomes": dict(sorted(self.outcomes.items())),
            "processor_seconds": {kind: round(spent, 2) for kind, spent in sorted(self.cpu.items())},
        }  # fmt: skip


def _ranges(chunks: set[int]) -> list[list[int]]:
    """Chunks as ranges of numbers of cases, those that touch joined."""
    ranges: list[list[int]] = []
    for chunk in sorted(chunks):
        if ranges and ranges[-1][1] == chunk * CHUNK:
            ranges[-1][1] += CHUNK
        else:
            ranges.append([chunk * CHUNK, chunk * CHUNK + CHUNK])
    return ranges
