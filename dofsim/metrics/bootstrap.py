"""Confidence intervals of a mean by resampling (Efron, "Bootstrap methods", Annals of Statistics 1979)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from dofsim.errors import ParameterError

_BLOCK = 2**19


def bootstrap_mean(
    values: npt.ArrayLike,
    groups: Sequence[str] | None = None,
    *,
    level: float = 0.95,
    draws: int = 2000,
    seed: int = 0,
) -> tuple[float, float, float]:
    """Mean and percentile bootstrap interval.

    Parameters
    ----------
    values : array-like of float (n,)
        NaN values are left out.
    groups : sequence of str, optional
        Values of one group, such as the frames of a scene, are averaged first, and groups are resampled: frames of a
        scene are near copies, and resampling them as if they were not makes the interval too narrow.
    level : float
        Coverage, 0..1.
    draws : int
    seed : int

    Returns
    -------
    mean, low, high : float
        All NaN without values.

    Raises
    ------
    ParameterError
        If ``groups`` has another length, or the level is not between 0 and 1.
    """
    data = np.asarray(values, np.float64)
    if not 0 < level < 1:
        raise ParameterError(f"the level of an interval is between 0 and 1, not {level}")
    if groups is not None:
        if len(groups) != data.size:
            raise ParameterError(f"there are {data.size} values and {len(groups)} groups")
        members: dict[str, list[float]] = {}
        for value, group in zip(data.tolist(), groups, strict=True):
            if not np.isnan(value):
                members.setdefault(group, []).append(value)
        data = np.array([np.mean(held) for held in members.values()], np.float64)
    data = data[~np.isnan(data)]
    if data.size == 0:
        return float("nan"), float("nan"), float("nan")
    rng = np.random.default_rng(seed)
    # as many draws at once as fit into some megabytes
    block = max(1, _BLOCK // data.size)
    means = np.concatenate(
        [
            data[rng.integers(0, data.size, (min(block, draws - begun), data.size))].mean(axis=1)
            for begun in range(0, draws, block)
        ]
    )
    low, high = np.quantile(means, ((1 - level) / 2, (1 + level) / 2))
    return float(data.mean()), float(low), float(high)
