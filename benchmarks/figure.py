"""The figure of ``benchmarks/blur.py``: time against megapixels and against radius, both axes logarithmic."""

from __future__ import annotations

from pathlib import Path

from dofsim.bench.blur import Row
from dofsim.bench.contender import OURS
from dofsim.bench.growth import Growth
from dofsim.files import atomic_path


def draw_growth(growth: Growth, place: Path) -> None:
    """Draw both panels into a PNG; needs matplotlib.

    Points are medians, bars reach from the fastest to the slowest round. The dotted line in the panel of sizes rises
    with the number of pixels.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 4.6), layout="constrained")
    by_size, by_radius = figure.subplots(1, 2, sharey=True)
    sizes = [(result.plan.megapixels, row) for result in growth.sizes for row in result.rows]
    radii = [(row.radius_px, row) for result in growth.radii for row in result.rows]
    names = list(dict.fromkeys(row.contender for _, row in [*sizes, *radii]))
    for axes, points, label in ((by_size, sizes, "megapixels"), (by_radius, radii, "largest radius R, px")):
        for index, name in enumerate(names):
            _curve(axes, [(x, row) for x, row in points if row.contender == name], name, f"C{index}")
        axes.set(xscale="log", yscale="log", xlabel=label)
        axes.grid(visible=True, which="major", alpha=0.4)
        ticks = sorted({x for x, _ in points})
        axes.set_xticks(ticks, [f"{x:g}" for x in ticks])
        axes.minorticks_off()
    if growth.sizes:
        radius = growth.sizes[0].plan.radii[0]
        by_size.set_title(f"R = {radius:g} px")
        own = [(x, row.median_s) for x, row in sizes if row.contender == OURS]
        if len(own) > 1:
            (x0, y0), (x1, _) = own[0], own[-1]
            by_size.plot([x0, x1], [y0, y0 * x1 / x0], ":", color="grey", label="linear in pixels", zorder=0)
    if growth.radii:
        by_radius.set_title(f"{growth.radii[0].plan.megapixels:g} megapixels")
    by_size.set_ylabel("seconds (median)")
    handles = dict(zip(*reversed(by_size.get_legend_handles_labels()), strict=True))
    handles |= dict(zip(*reversed(by_radius.get_legend_handles_labels()), strict=True))
    figure.legend(handles.values(), handles.keys(), loc="outside right upper", frameon=False, fontsize="small")
    with atomic_path(place) as temporary:
        figure.savefig(temporary, format="png", dpi=110, metadata={"Software": None})


def _curve(axes: object, points: list[tuple[float, Row]], name: str, colour: str) -> None:
    if not points:
        return
    x = [place for place, _ in points]
    y = [row.median_s for _, row in points]
    # A difference that noise swallowed is 0, which no logarithmic axis has.
    below = [row.median_s - max(row.fastest_s, row.median_s / 100) for _, row in points]
    above = [row.slowest_s - row.median_s for _, row in points]
    own = name == OURS
    axes.errorbar(  # type: ignore[attr-defined]
        x, y, yerr=[below, above], label=name, color=colour, marker="o", markersize=4, capsize=2, lw=2.4 if own else 1.2
    )  # fmt: skip
