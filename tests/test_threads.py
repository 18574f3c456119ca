"""How many threads there are: the caller's wish, the environment's, or the cores."""

from __future__ import annotations

import os

import numpy as np
import pytest

from dofsim.bokeh import render
from dofsim.errors import ParameterError
from dofsim.threads import MOST_THREADS, count_threads


def test_the_wish_wins_over_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for asked in ("2", " 1 ", str(MOST_THREADS)):
        monkeypatch.setenv("DOFSIM_THREADS", asked)
        assert count_threads() == int(asked)
        assert count_threads(3) == 3


def test_numbers_that_no_machine_has(monkeypatch: pytest.MonkeyPatch) -> None:
    for wrong in (0, -1, MOST_THREADS + 1, 100_000_000):
        with pytest.raises(ParameterError, match=f"from 1 to {MOST_THREADS}, not {wrong} .--threads"):
            count_threads(wrong)
        with pytest.raises(ParameterError, match="--threads"):
            render(np.ones((4, 4, 3), np.float32), np.full((4, 4), 3, np.float32), threads=wrong)
    for text in ("0", "-1", "many", "1.5", "100000000"):
        monkeypatch.setenv("DOFSIM_THREADS", text)
        with pytest.raises(ParameterError, match=r"\(DOFSIM_THREADS\)"):
            count_threads()


def test_unasked_there_are_as_many_threads_as_cores_for_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DOFSIM_THREADS", raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: 7)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 2, 5}, raising=False)
    assert count_threads() == 3
    monkeypatch.delattr(os, "sched_getaffinity")
    assert count_threads() == 7
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    assert count_threads() == 1
