"""Work that is shared by threads is done once, and errors in it are heard."""

from __future__ import annotations

import threading
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


@pytest.mark.parametrize("threads", [2, 3])
def test_as_many_run_at_a_time_as_there_are_threads(threads: int) -> None:
    together = threading.Barrier(threads)
    lock = threading.Lock()
    running: set[int] = set()
    most = 0

    def work(item: int) -> None:
        nonlocal most
        with lock:
            running.add(item)
            most = max(most, len(running))
        # Each waits for the others: fewer threads would never get past this.
        together.wait(60)
        time.sleep(0.01)
        with lock:
            running.remove(item)

    with Workers(threads) as workers:
        workers.run(work, range(4 * threads))
    assert most == threads


def test_one_thread_is_the_one_that_asks() -> None:
    seen: set[int] = set()
    with Workers(1) as workers:
        workers.run(lambda _: seen.add(threading.get_ident()), range(5))
        with workers.beside(lambda _: seen.add(threading.get_ident()), range(5)):
            pass
    assert seen == {threading.get_ident()}
