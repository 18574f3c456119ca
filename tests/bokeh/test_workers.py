"""Work that is shared by threads is done once, and errors in it are heard."""

from __future__ import annotations

import time

import pytest

from dofsim.bokeh.workers import Workers, stopping
from dofsim.errors import StoppedError


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_work_beside_a_block_is_done_once_however_long_the_block_takes(threads: int) -> None:
    for pause in (0.0, 0.05):
        beside: list[int] = []
        within: list[int] = []
        with Workers(threads) as workers:
            with workers.beside(beside.append, range(40)):
                time.sleep(pause)
                workers.run(within.append, range(30))
            assert sorted(beside) == list(range(40))
            assert sorted(within) == list(range(30))


@pytest.mark.parametrize("threads", [1, 2])
def test_an_error_in_the_work_beside_is_raised(threads: int) -> None:
    def fail(item: int) -> None:
        if item == 7:
            raise IndexError(item)

    with Workers(threads) as workers, pytest.raises(IndexError), workers.beside(fail, range(40)):
        pass


@pytest.mark.parametrize("threads", [1, 2])
def test_an_error_in_the_block_ends_the_work_beside(threads: int) -> None:
    done: list[int] = []

    def slow(item: int) -> None:
        time.sleep(0.01)
        done.append(item)

    with Workers(threads) as workers, pytest.raises(ValueError, match="block"), workers.beside(slow, range(1000)):
        raise ValueError("block")
    assert len(done) < 1000


@pytest.mark.parametrize("threads", [1, 2])
def test_work_beside_is_given_up_when_it_shall_stop(threads: int) -> None:
    done: list[int] = []
    with stopping(lambda: len(done) >= 3), Workers(threads) as workers:
        with pytest.raises(StoppedError), workers.beside(done.append, range(1000)):
            pass
        assert len(done) < 10
