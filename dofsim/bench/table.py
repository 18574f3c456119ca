"""Figures of ``dofsim bench blur`` as Markdown."""

from __future__ import annotations

from collections.abc import Sequence

from dofsim.bench.blur import Result, Row
from dofsim.bench.contender import JPEG
from dofsim.bench.growth import Growth
from dofsim.bench.memory import Peak


def to_markdown(result: Result) -> str:
    """Seconds and how many times ours, peak memory if measured, and who could not take part."""
    radii = result.plan.radii
    ours = result.rows[0].contender
    lines = [
        f"{result.width} x {result.height} px, R = largest radius; median s (fastest - slowest), and times {ours}.",
        describe_run(result),
        "",
        *_head([f"R = {radius:g}" for radius in radii]),
    ]
    for name in dict.fromkeys(row.contender for row in result.rows):
        cells = {row.radius_px: _cell(row, ours) for row in result.rows if row.contender == name}
        lines.append(f"| {name} | " + " | ".join(cells.get(radius, "") for radius in radii) + " |")
    lines += _notes(result.rows)
    lines += ["", *_in_words(result)]
    if result.skipped:
        lines += ["", "Skipped: " + "; ".join(f"{name} ({reason})" for name, reason in result.skipped.items()) + "."]
    if result.peaks:
        lines += ["", *_memory(result.peaks, radii)]
    return "\n".join(lines)


def growth_to_markdown(growth: Growth) -> str:
    """Time against megapixels and against radius."""
    lines = []
    if growth.sizes:
        radius = growth.sizes[0].plan.radii[0]
        heads = [f"{result.plan.megapixels:g} MP" for result in growth.sizes]
        lines += [f"Growth with size, R = {radius:g} px: median s, and s per MP.", "", *_head(heads)]
        for name in dict.fromkeys(row.contender for result in growth.sizes for row in result.rows):
            cells = []
            for result in growth.sizes:
                median = result.median(name, radius)
                per_mp = "" if median is None else f"{median:.3g}, {median / result.plan.megapixels:.3g}/MP"
                cells.append(per_mp)
            lines.append(f"| {name} | " + " | ".join(cells) + " |")
        lines += _notes([row for result in growth.sizes for row in result.rows])
    if growth.radii:
        radii = [radius for result in growth.radii for radius in result.plan.radii]
        lines += ["", f"Growth with radius, {growth.radii[0].plan.megapixels:g} MP: median s.", ""]
        lines += _head([f"R = {radius:g}" for radius in radii])
        rows = [row for result in growth.radii for row in result.rows]
        for name in dict.fromkeys(row.contender for row in rows):
            medians = {row.radius_px: f"{row.median_s:.3g}" for row in rows if row.contender == name}
            lines.append(f"| {name} | " + " | ".join(medians.get(radius, "") for radius in radii) + " |")
        lines += _notes(rows)
    return "\n".join(lines).strip()


def describe_run(result: Result) -> str:
    """Machine, threads and versions in one line."""
    threads = "1 thread" if result.plan.threads == 1 else f"{result.plan.threads} threads"
    return (
        f"{result.machine['processor']}, {result.machine['cores']} cores, {threads}; "
        + ", ".join(f"{name} {version}" for name, version in result.versions.items())
        + f", Python {result.machine['python']}."
    )


def _in_words(result: Result) -> list[str]:
    radii = result.plan.radii
    ours = result.rows[0].contender
    own = [result.median(ours, radius) or 0.0 for radius in radii]

    def ratios(above: Sequence[float], below: Sequence[float | None]) -> str:
        return ", ".join(f"{a / b:.2f}" for a, b in zip(above, below, strict=True) if b)

    lines = []
    trips = [result.median(JPEG, radius) for radius in radii]
    if all(trips):
        lines.append(f"- {ours} costs {ratios(own, trips)} JPEG round trips.")
    if len(radii) > 1:
        lines.append(f"- R = {radii[-1]:g} takes {own[-1] / own[0]:.2f} times as long as R = {radii[0]:g}.")
    for name in dict.fromkeys(row.contender for row in result.rows):
        others = [result.median(name, radius) for radius in radii]
        if name.startswith(f"{ours}, depth"):
            lines.append(f"- {name}: {ratios([other or 0.0 for other in others], own)} times as long.")
        elif name.startswith(f"{ours}, "):
            lines.append(f"- {name}: {ratios(own, others)} times as fast.")
    return lines


def _head(columns: Sequence[str]) -> list[str]:
    return ["| | " + " | ".join(columns) + " |", "|---" * (len(columns) + 1) + "|"]


def _cell(row: Row, ours: str) -> str:
    mark = ("*" if row.scaled_from_px else "") + ("†" if row.overhead_s is not None else "")
    ratio = "" if row.contender == ours else f", {row.times_ours:.3g}x"
    return f"{row.median_s:.3g}{mark} ({row.fastest_s:.3g} - {row.slowest_s:.3g}){ratio}"


def _notes(rows: Sequence[Row]) -> list[str]:
    lines = []
    cropped = sorted({row.scaled_from_px for row in rows if row.scaled_from_px})
    if cropped:
        sizes = ", ".join(f"{size:,}" for size in cropped)
        lines += ["", f"\\* timed on a small version of the scene ({sizes} px) and scaled by the number of pixels."]
    if any(row.overhead_s is not None for row in rows):
        lines += ["", "† a program of its own, less what it takes to start it, read the files and write one."]
    return lines


def _memory(peaks: Sequence[Peak], radii: Sequence[float]) -> list[str]:
    lines = ["Peak memory above input and output, MB, in a process of its own:", ""]
    lines += _head([f"R = {radius:g}" for radius in radii])
    for name in dict.fromkeys(peak.contender for peak in peaks):
        cells = {peak.radius_px: f"{peak.megabytes:.0f}" for peak in peaks if peak.contender == name}
        lines.append(f"| {name} | " + " | ".join(cells.get(radius, "") for radius in radii) + " |")
    return lines
