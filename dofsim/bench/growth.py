"""How the time grows with the picture and with the radius."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from dofsim.bench.blur import Plan, Result, measure
from dofsim.bench.contender import Contender


@dataclass(frozen=True)
class Growth:
    """Finished runs.

    Attributes
    ----------
    sizes : tuple of Result
        One per size of the picture, ascending, all with the same single radius.
    radii : tuple of Result
        One per radius, ascending, all of the same size.
    """

    sizes: tuple[Result, ...]
    radii: tuple[Result, ...]


def measure_growth(
    plan: Plan,
    contenders: Sequence[Contender],
    sizes: Sequence[float],
    radii: Sequence[float],
    *,
    size_radius_px: float = 24.0,
    on_step: Callable[[str], None] = lambda _: None,
) -> Growth:
    """Time the contenders at every size and at every radius.

    A contender whose median exceeds the plan's budget leaves: the next size or radius would take it longer still.

    Parameters
    ----------
    plan : Plan
        Repeats, budget, threads, and the size of the picture at which the radius varies.
    contenders : sequence of Contender
        As for :func:`dofsim.bench.blur.measure`; the first one stays to the end.
    sizes : sequence of float
        Sizes of the picture, millions of pixels.
    radii : sequence of float
        Largest radii, px.
    size_radius_px : float, optional
        Largest radius while the size varies, px.
    on_step : callable, optional
        Told what runs next.

    Returns
    -------
    Growth
    """
    by_size = [replace(plan, megapixels=size, radii=(size_radius_px,)) for size in sorted(sizes)]
    by_radius = [replace(plan, radii=(radius,)) for radius in sorted(radii)]
    return Growth(_sweep(by_size, contenders, on_step), _sweep(by_radius, contenders, on_step))


def _sweep(
    plans: Sequence[Plan], contenders: Sequence[Contender], on_step: Callable[[str], None]
) -> tuple[Result, ...]:
    results: list[Result] = []
    staying = list(contenders)
    for plan in plans:

        def say(step: str, size: float = plan.megapixels) -> None:
            on_step(f"{size:g} MP, {step}")

        result = measure(plan, staying, on_step=say)
        results.append(result)
        quick = {row.contender for row in result.rows if row.scaled_from_px or row.median_s <= plan.budget_s}
        staying = [one for one in staying if one is contenders[0] or one.name in quick]
    return tuple(results)
