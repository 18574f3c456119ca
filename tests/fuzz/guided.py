"""Try our own parsers with inputs that are bred for the branches they reach (coverage-guided fuzzing).

``python -m tests.fuzz.guided --seconds 300`` from a clone, with atheris beside dofsim (``pip install atheris``;
it has wheels for Linux). Each parser of :mod:`tests.fuzz.parsers` gets a process, the time, and a corpus in ``--corpus
FOLDER`` that the next run goes on from. A finding ends its parser's turn; its input is kept in that folder, and
``--only PARSER=FILE`` tries it again, without atheris.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.fuzz.case import workshop
from tests.fuzz.parsers import PARSERS, seeds_by_name

SECONDS = 10
"""That an input may take."""
BOUND_MB = 1000
LARGEST = 20_000
"""Bytes of an input at most."""


def breed(name: str, corpus: Path, seconds: int, seed: int) -> dict[str, object]:
    """Try a parser for so long in a process of its own; figures."""
    corpus.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=workshop()) as folder:
        by_name = seeds_by_name(Path(folder))
        for number, data in enumerate(PARSERS[name].seeds(by_name)):
            (corpus / f"seed{number}").write_bytes(data)
        words = Path(folder) / "words"
        words.write_text("".join(f'"{_escaped(word)}"\n' for word in PARSERS[name].words), encoding="ascii")
        command = [
            sys.executable, "-m", "tests.fuzz.guided", "--inside", name, str(corpus), f"-max_total_time={seconds}",
            f"-seed={seed}", f"-timeout={SECONDS}", f"-rss_limit_mb={BOUND_MB}", f"-max_len={LARGEST}", "-verbosity=1",
            f"-artifact_prefix={corpus}.", "-print_final_stats=1", *([f"-dict={words}"] if PARSERS[name].words else []),
        ]  # fmt: skip
        done = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
    said = done.stdout + done.stderr
    runs = re.search(r"stat::number_of_executed_units:\s+(\d+)", said)
    branches = re.findall(r"\bcov: (\d+)", said)
    most = re.search(r"stat::peak_rss_mb:\s+(\d+)", said)
    figures: dict[str, object] = {
        "parser": name, "executions": int(runs[1]) if runs else 0, "branches": int(branches[-1]) if branches else 0,
        "peak_mb": int(most[1]) if most else 0, "finding": "",
    }  # fmt: skip
    if done.returncode:
        artifact = re.search(r"Test unit written to (\S+)", said)
        cause = re.search(r"Uncaught Python exception: ===\n(.*)", said)
        figures["finding"] = cause[1] if cause else said[-2000:]
        figures["input"] = artifact[1] if artifact else ""
    return figures


def inside(name: str, options: list[str]) -> None:
    """Be the process that tries a parser; libFuzzer ends it."""
    import atheris

    parser = PARSERS[name]
    with atheris.instrument_imports(include=list(parser.modules)):
        for module in parser.modules:
            __import__(module)
    for _ in range(2):  # imports inside functions are none of a branch
        for data in sorted(Path(options[0]).glob("seed*")):
            parser.check(data.read_bytes())
    atheris.Setup([sys.argv[0], *options], parser.check)
    atheris.Fuzz()


def _escaped(word: bytes) -> str:
    return "".join(f"\\x{byte:02x}" for byte in word)


def main() -> int:
    """Run the program."""
    if sys.argv[1:2] == ["--inside"]:
        inside(sys.argv[2], sys.argv[3:])
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz.guided", description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=int, default=300, help="for each parser")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--parser", action="append", choices=PARSERS, help="only this one; may be given again")
    parser.add_argument("--corpus", type=Path, default=Path(tempfile.gettempdir()) / "dofsim-corpus")
    parser.add_argument("--only", metavar="PARSER=FILE", help="try one input again, here")
    arguments = parser.parse_args()
    if arguments.only:
        name, _, place = arguments.only.partition("=")
        PARSERS[name].check(Path(place).read_bytes())
        return 0
    try:
        import atheris  # noqa: F401
    except ImportError:
        parser.error("this takes atheris; pip install atheris")
    findings = 0
    for name in arguments.parser or PARSERS:
        figures = breed(name, arguments.corpus / name, arguments.seconds, arguments.seed)
        print(json.dumps(figures), flush=True)
        findings += bool(figures["finding"])
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
