"""A seeded part of what ``python -m tests.fuzz`` does at night, and the program itself noticing what it is for."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from random import Random

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[2]
CASES = 3000


def test_a_seeded_part_ends_in_pictures_and_sentences(tmp_path: Path) -> None:
    figures = tmp_path / "figures.json"
    command = [sys.executable, "-m", "tests.fuzz", "--cases", str(CASES), "--seed", "1", "--json", str(figures)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
    found = json.loads(figures.read_text(encoding="utf-8"))
    assert found["cases"] == CASES
    assert found["findings"] == []
    # Both outcomes are common, or the cases would be too kind or too cruel to tell anything.
    share = sum(n for kind, n in found["outcomes"].items() if kind.endswith("result")) / CASES
    assert 0.2 < share < 0.8


@pytest.fixture
def case(monkeypatch: pytest.MonkeyPatch) -> object:
    monkeypatch.syspath_prepend(str(ROOT))
    import tests.fuzz.case as module

    return module


@pytest.mark.parametrize(
    ("misdeed", "says"),
    [
        (lambda path, random: 1 / 0, "ZeroDivisionError"),
        (lambda path, random: path.write_bytes(b"oops"), "touched"),
        (lambda path, random: _raise("one\ntwo"), "one line"),
    ],
)
def test_the_program_notices(case: object, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, misdeed, says: str) -> None:
    from tests.fuzz import targets
    from tests.fuzz.corpus import Seed

    monkeypatch.setitem(targets.TARGETS, "misdeed", misdeed)
    seed = Seed("a.txt", "text", "misdeed", b"some bytes that can be broken")
    assert says in case.run_case(1, 1, [seed], tmp_path)["finding"]


def test_runs_add_up_and_nothing_is_done_twice(case: object, tmp_path: Path) -> None:
    from tests.fuzz.tally import CHUNK, Tally

    record = tmp_path / "record.json"
    told = {"kind": "a", "outcome": "result", "seconds": 0.5, "peak": 7, "held": 7, "finding": ""}
    first = Tally(3, record)
    assert first.left(0, 3 * CHUNK)[:2] == [(0, CHUNK), (CHUNK, 2 * CHUNK)]
    for number in range(CHUNK, 2 * CHUNK + 10):
        if first.add({"case": number, **told}):
            first.keep(60.0)
    second = Tally(3, record)
    # What the first run began and did not finish is run again, as a whole.
    assert second.left(0, 3 * CHUNK) == [(0, CHUNK), (2 * CHUNK, 3 * CHUNK)]
    assert second.left(CHUNK + 5, CHUNK) == [(2 * CHUNK, 2 * CHUNK + 5)]
    for number in range(CHUNK):
        second.add({"case": number, **told, "finding": "odd" if number == 8 else ""})
    found = second.figures(40.0)
    assert (found["cases"], found["ranges"], found["seconds"]) == (2 * CHUNK, [[0, 2 * CHUNK]], 100.0)
    assert [each["case"] for each in found["findings"]] == [8]
    with pytest.raises(ValueError, match="of seed 3"):
        Tally(4, record)


def test_memory_is_counted_for_each_case(case: object, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from tests.fuzz import targets
    from tests.fuzz.corpus import Seed

    if not Path("/proc/self/clear_refs").exists():
        pytest.skip("this system does not forget how much memory a process has held")
    monkeypatch.setitem(targets.TARGETS, "greedy", lambda path, random: np.ones(300 << 20, np.uint8).sum())
    monkeypatch.setitem(targets.TARGETS, "modest", lambda path, random: None)
    greedy, modest = (
        case.run_case(1, 1, [Seed("a.txt", "text", target, b"some bytes that can be broken")], tmp_path)
        for target in ("greedy", "modest")
    )
    assert greedy["peak"] - greedy["held"] > 250e6
    assert modest["peak"] < greedy["peak"] - 250e6


def test_a_case_is_its_number(case: object) -> None:
    from tests.fuzz.mutate import FORMS, mutated

    data = b"II*\0" + bytes(range(256)) * 3
    for form in (*FORMS, "unknown"):
        first, second = (mutated(data, form, Random(7)) for _ in range(2))
        assert first == second


def _raise(message: str) -> None:
    from dofsim.errors import PhotoError

    raise PhotoError(message)
