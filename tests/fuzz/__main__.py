"""Break files of every kind that dofsim reads, and see that it ends in a picture or in one sentence.

``python -m tests.fuzz --cases 200000 --seed 1`` from a clone; a case is its number, so ``--only N`` runs one again, and
``--keep FOLDER`` leaves its file there. With ``--record FILE`` a run that was stopped, by ``--seconds`` or by hand, is
gone on with by the same command: what the record counts as done is not run again. A finding is anything but a result or
a DofsimError of one line: another exception, a crash, ten seconds without an end, memory above the bound, or an input
that was touched.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

from dofsim.warmup import compile_discs
from tests.fuzz.case import prepared, run_case, workshop
from tests.fuzz.tally import CHUNK, Tally
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
    parser.add_argument("--json", type=Path, help="write the figures of this run here")
    parser.add_argument("--record", type=Path, help=f"add up runs here, and go on; in chunks of {CHUNK} cases")
    arguments = parser.parse_args()
    if arguments.record and (arguments.first % CHUNK or arguments.cases % CHUNK):
        parser.error(f"a --record takes --first and --cases in multiples of {CHUNK}")
    try:
        tally = Tally(arguments.seed, arguments.record)
    except ValueError as error:
        parser.error(str(error))
    began = time.monotonic()
    # Its folder may lie in memory, and must not stay there.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))

    def on_result(result: dict[str, Any]) -> None:
        if result["finding"]:
            print(f"case {result['case']} ({result['kind']}): {result['finding']}", flush=True)
        if tally.add(result):
            tally.keep(time.monotonic() - began)

    compile_discs()
    with tempfile.TemporaryDirectory(dir=workshop()) as folder:
        base = Path(folder)
        spans = tally.left(arguments.first, arguments.cases)
        if arguments.only is not None or not arguments.workers:
            corpus = prepared(base)
            if arguments.only is not None:
                spans = [(arguments.only, arguments.only + 1)]
            for span in spans:
                for number in range(*span):
                    on_result(run_case(number, arguments.seed, corpus, base, arguments.keep))
        else:
            run_in_workers(spans, arguments.seed, arguments.workers, base, on_result, arguments.seconds)
    tally.finish()
    figures = tally.figures(time.monotonic() - began)
    if arguments.json:
        arguments.json.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    totals: Counter[str] = Counter()
    for outcome, number in figures["outcomes"].items():
        totals[outcome.rpartition(" -> ")[2]] += number
    slowest = figures["slowest"]
    print(
        f"{figures['cases']} cases in {figures['seconds']} s: {len(tally.findings)} findings; "
        f"at most {figures['peak'] / 1e6:.0f} MB; slowest {slowest['seconds']:.1f} s of the processor "
        f"(case {slowest.get('case')}, {slowest.get('kind')}); outcomes: "
        + ", ".join(f"{outcome} {number}" for outcome, number in totals.most_common())
    )
    return 1 if tally.findings else 0


if __name__ == "__main__":
    sys.exit(main())
