"""Things made ahead: in order, with their errors, and no thread left."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from dofsim.film.ahead import ahead


def test_one_is_made_while_the_last_is_used() -> None:
    made = [threading.Event() for _ in range(4)]

    def items() -> Iterator[int]:
        for index, event in enumerate(made):
            event.set()
            yield index

    seen = []
    for item in ahead(items()):
        assert all(event.wait(10) for event in made[: item + 2])
        seen.append(item)
    assert seen == [0, 1, 2, 3]


def test_errors_come_after_what_was_made_before_them() -> None:
    def items() -> Iterator[int]:
        yield 1
        raise OSError("by design")

    coming = ahead(items())
    assert next(coming) == 1
    with pytest.raises(OSError, match="by design"):
        next(coming)


def test_closing_early_ends_the_thread() -> None:
    before = threading.active_count()
    coming = ahead(iter(range(10**9)))
    assert next(coming) == 0
    coming.close()
    assert threading.active_count() == before
