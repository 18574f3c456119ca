"""Fair timing on a noisy machine: contenders take turns, and only ratios from one run are compared."""

from __future__ import annotations

import statistics
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_KEEP_WARM_UP_BELOW = 3


@dataclass(frozen=True)
class Timing:
    """Wall times of one contender.

    Attributes
    ----------
    seconds : tuple of float
        One per round, s, in order; the first round is left out where at least two others exist.
    """

    seconds: tuple[float, ...]

    @property
    def median(self) -> float:
        """Median, s."""
        return statistics.median(self.seconds)

    @property
    def spread(self) -> tuple[float, float]:
        """Fastest and slowest round, s."""
        return min(self.seconds), max(self.seconds)

    def less(self, seconds: float) -> Timing:
        """The same times without ``seconds`` of something else in each; never below 0."""
        return Timing(tuple(max(second - seconds, 0.0) for second in self.seconds))

    def scaled(self, factor: float) -> Timing:
        """The same times as if the work had been ``factor`` times as large."""
        return Timing(tuple(second * factor for second in self.seconds))


def interleave(
    contenders: Mapping[str, Callable[[], object]],
    *,
    rounds: int,
    budget_s: float,
    on_run: Callable[[str], None] = lambda _: None,
) -> dict[str, Timing]:
    """Let contenders run in turns, so that a slow minute of the machine hits all of them.

    Parameters
    ----------
    contenders : mapping of str to callable
        Name and work. The work should be warm (compiled) already.
    rounds : int
        Turns that count, >= 1; one more comes first as warm-up.
    budget_s : float
        Time that one contender may take in all, s; it leaves when its next turn would exceed this, but has one
        turn at least.
    on_run : callable, optional
        Called with the contender's name before each turn.

    Returns
    -------
    dict of str to Timing
        In the order of ``contenders``.
    """
    taken: dict[str, list[float]] = {name: [] for name in contenders}
    for _ in range(rounds + 1):
        for name, work in contenders.items():
            seconds = taken[name]
            if seconds and sum(seconds) + seconds[-1] > budget_s:
                continue
            on_run(name)
            start = time.perf_counter()
            work()
            seconds.append(time.perf_counter() - start)
    return {
        name: Timing(tuple(seconds[1:] if len(seconds) >= _KEEP_WARM_UP_BELOW else seconds))
        for name, seconds in taken.items()
    }
