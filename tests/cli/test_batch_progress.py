"""What a run over many photos says: lines where nobody watches, a bar on a terminal, or errors alone."""

from __future__ import annotations

import sys
from types import SimpleNamespace

import pytest

from dofsim.cli import batch

FAILED = {"status": "failed", "source": "dog.jpg", "error": "no picture"}
SUMMARY = SimpleNamespace(done=1, kept=2, failed=30, seconds=4.0)


def run(progress: batch.BatchProgress) -> None:
    with progress:
        progress.start(33, 2)
        progress.tell({"status": "done"})
        for _ in range(30):
            progress.tell(FAILED)
        progress.end("report.json", SUMMARY)


def test_lines(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batch, "_LINE_EVERY_S", 0)
    run(batch.BatchProgress(quiet=False))
    said = capsys.readouterr()
    assert said.out == "report.json\n"
    lines = said.err.splitlines()
    assert lines[0] == "note: 2 of 33 photos are done already"
    assert lines[1].startswith("3 of 33: ")
    assert lines.count("error: dog.jpg: no picture") == batch._MOST_NAMED
    assert lines.count("error: further ones stand in the report") == 1
    assert lines[-1] == "note: 1 done, 2 kept, 30 failed in 4.0 s, 0.25 photos/s"


def test_a_terminal(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    run(batch.BatchProgress(quiet=False))
    said = capsys.readouterr()
    assert said.out == "report.json\n"
    assert said.err.count("error: dog.jpg: no picture") == batch._MOST_NAMED
    assert "33/33" in said.err


def test_quiet(capsys: pytest.CaptureFixture[str]) -> None:
    run(batch.BatchProgress(quiet=True))
    said = capsys.readouterr()
    assert said.out == ""
    assert set(said.err.splitlines()) == {"error: dog.jpg: no picture", "error: further ones stand in the report"}


def test_no_more_are_announced_than_there_are(capsys: pytest.CaptureFixture[str]) -> None:
    with batch.BatchProgress(quiet=True) as progress:
        progress.start(batch._MOST_NAMED, 0)
        for _ in range(batch._MOST_NAMED):
            progress.tell(FAILED)
    assert "further" not in capsys.readouterr().err
