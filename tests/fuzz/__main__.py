"""Break files of every kind that dofsim reads, and see that it ends in a picture or in one sentence.

``python -m tests.fuzz --cases 200000 --seed 1`` from a clone; a case is its number, so ``--only N`` runs one again, and
``--keep FOLDER`` leaves its file there. A finding is anything but a result or a DofsimError of one line: another
exception, a crash, ten seconds without an end, memory above the bound, or an input that was touched.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

from dofsim.warmup import compile_discs
from tests.fuzz.case import prepared, run_case
from tests.fuzz.workers import run_in_workers


def main() -> int:
    """Run the program."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__.splitlines()[0])
    parser.add_argument("--cases", type=int, default=3000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--first", type=int, default=0, help="number of the first case")
    parser.add_argument("--workers", type=int, default=2, help="processes; 0: this one")
    parser.add_argument("--seconds", type=float, default=float("inf"), help="begin no more after so long")
    parser.add_argument("--only", type=int, help="run one case again, here")
    parser.add_argument("--keep", type=Path, help="leave the file of --only in this folder")
    parser.add_argument("--json", type=Path, help="write the figures here")
    arguments = parser.parse_args()
    outcomes: Counter[tuple[str, str]] = Counter()
    findings: list[dict[str, Any]] = []
    slowest: dict[str, Any] = {"seconds": 0.0}
    most = 0
    began = time.monotonic()

    def on_result(result: dict[str, Any]) -> None:
        nonlocal slowest, most
        outcomes[result["kind"], result["outcome"]] += 1
        slowest = max(slowest, result, key=lambda each: each["seconds"])
        most = max(most, result["peak"])
        if result["finding"]:
            findings.append(result)
            print(f"case {result['case']} ({result['kind']}): {result['finding']}", flush=True)

    compile_discs()
    with tempfile.TemporaryDirectory() as base:
        if arguments.only is not None or not arguments.workers:
            corpus = prepared(Path(base))
            only = arguments.only
            numbers = range(arguments.first, arguments.first + arguments.cases) if only is None else [only]
            for number in numbers:
                on_result(run_case(number, arguments.seed, corpus, Path(base), arguments.keep))
        else:
            run_in_workers(
                arguments.first,
                arguments.cases,
                arguments.seed,
                arguments.workers,
                Path(base),
                on_result,
                arguments.seconds,
            )
    figures = {
        "cases": sum(outcomes.values()), "seed": arguments.seed, "seconds": round(time.monotonic() - began, 1),
        "peak_mb": round(most / 1e6), "findings": findings, "slowest": slowest,
        "outcomes": {f"{kind} -> {outcome}": n for (kind, outcome), n in sorted(outcomes.items())},
    }  # fmt: skip
    if arguments.json:
        arguments.json.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    print(f"{figures['cases']} cases in {figures['seconds']} s: {len(findings)} findings; outcomes: ", end="")
    totals = Counter()
    for (_, outcome), n in outcomes.items():
        totals[outcome] += n
    print(", ".join(f"{outcome} {n}" for outcome, n in totals.most_common()))
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
