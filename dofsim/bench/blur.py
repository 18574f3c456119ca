"""``dofsim bench blur``: our renderer against the report's loop, its compiled twin, and a JPEG round trip."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass

import numpy as np

from dofsim.bench.machine import describe_machine, describe_versions
from dofsim.bench.scene import BenchScene, make_scene
from dofsim.bench.timing import Timing, interleave

OURS = "dofsim"
_CROP_SIDE_PX = 128


@dataclass(frozen=True)
class Plan:
    """What to measure.

    Attributes
    ----------
    megapixels : float
        Size of the picture, in millions of pixels.
    radii : tuple of float
        Largest blur radii, px.
    repeats : int
        Rounds that count.
    budget_s : float
        Time that one contender may take per radius, s.
    threads : int
        Threads of our renderer.
    """

    megapixels: float = 12.0
    radii: tuple[float, ...] = (8.0, 24.0, 64.0)
    repeats: int = 5
    budget_s: float = 30.0
    threads: int = 1

    @property
    def steps(self) -> int:
        """Upper bound of the runs that :func:`measure` reports, without extra contenders."""
        return len(self.radii) * (self.repeats + 1) * len(_contenders(self))


@dataclass(frozen=True)
class Contender:
    """Somebody who blurs.

    Attributes
    ----------
    name : str
        As in the table.
    prepare : callable
        ``prepare(scene, max_radius_px)`` returns the work to be timed, without arguments.
    is_cropped : bool
        Too slow for the whole picture: timed on a small version of the scene with the same radii, and scaled by the
        number of pixels.
    """

    name: str
    prepare: Callable[[BenchScene, float], Callable[[], object]]
    is_cropped: bool = False


@dataclass(frozen=True)
class Row:
    """One contender at one radius, times in s for the whole picture."""

    contender: str
    radius_px: float
    median_s: float
    fastest_s: float
    slowest_s: float
    rounds: int
    scaled_from_px: int | None
    times_ours: float


@dataclass(frozen=True)
class Result:
    """A finished run: the plan, the rows, and what they were measured on."""

    plan: Plan
    width: int
    height: int
    machine: dict[str, str | int]
    versions: dict[str, str]
    rows: tuple[Row, ...]


def measure(plan: Plan, *, extra: Sequence[Contender] = (), on_step: Callable[[str], None] = lambda _: None) -> Result:
    """Time all contenders, interleaved, radius by radius.

    Parameters
    ----------
    plan : Plan
        Sizes and rounds.
    extra : sequence of Contender
        Others to time along, such as peers that happen to be installed.
    on_step : callable, optional
        Told what runs next.

    Returns
    -------
    Result
    """
    scene = make_scene(round(plan.megapixels * 1e6))
    contenders = [*_contenders(plan), *extra]
    rows: list[Row] = []
    for radius in plan.radii:
        side = max(_CROP_SIDE_PX, round(3 * radius))
        small = make_scene(side * side)
        for contender in contenders:
            contender.prepare(small, radius)()  # compiles, loads, and touches what has to be
        arenas = {contender.name: small if contender.is_cropped else scene for contender in contenders}
        works = {contender.name: contender.prepare(arenas[contender.name], radius) for contender in contenders}
        timings = interleave(
            works,
            rounds=plan.repeats,
            budget_s=plan.budget_s,
            on_run=lambda name, radius=radius: on_step(f"R = {radius:g} px: {name}"),  # type: ignore[misc]
        )
        scaled = {name: timing.scaled(scene.pixels / arenas[name].pixels) for name, timing in timings.items()}
        ours = scaled[OURS].median
        rows += [
            _row(contender, radius, scaled[contender.name], ours, arenas[contender.name]) for contender in contenders
        ]
    height, width = scene.depth.shape
    return Result(plan, width, height, describe_machine(), describe_versions(), tuple(rows))


def to_json(result: Result) -> str:
    """The result as a JSON document."""
    return json.dumps(asdict(result), indent=2) + "\n"


def to_markdown(result: Result) -> str:
    """The result as a Markdown table: seconds and, in brackets, how many times ours."""
    plan, radii = result.plan, result.plan.radii
    lines = [
        f"{result.width} x {result.height} px, R = largest radius; median s (fastest - slowest), and times {OURS}.",
        f"{result.machine['processor']}, {result.machine['cores']} cores, {OURS} with {plan.threads} thread(s); "
        + ", ".join(f"{name} {version}" for name, version in result.versions.items())
        + f", Python {result.machine['python']}.",
        "",
        "| | " + " | ".join(f"R = {radius:g}" for radius in radii) + " |",
        "|---" * (len(radii) + 1) + "|",
    ]
    names = dict.fromkeys(row.contender for row in result.rows)
    cropped: set[int] = set()
    for name in names:
        cells = []
        for row in (row for row in result.rows if row.contender == name):
            mark = "*" if row.scaled_from_px else ""
            cropped |= {row.scaled_from_px} if row.scaled_from_px else set()
            ratio = "" if name == OURS else f", {row.times_ours:.3g}x"
            cells.append(f"{row.median_s:.3g}{mark} ({row.fastest_s:.3g} - {row.slowest_s:.3g}){ratio}")
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    if cropped:
        sizes = ", ".join(f"{size:,}" for size in sorted(cropped))
        lines += ["", f"\\* timed on a small version of the scene ({sizes} px) and scaled by the number of pixels."]
    return "\n".join(lines)


def _row(contender: Contender, radius: float, timing: Timing, ours: float, arena: BenchScene) -> Row:
    fastest, slowest = timing.spread
    return Row(
        contender=contender.name,
        radius_px=radius,
        median_s=timing.median,
        fastest_s=fastest,
        slowest_s=slowest,
        rounds=len(timing.seconds),
        scaled_from_px=arena.pixels if contender.is_cropped else None,
        times_ours=timing.median / ours,
    )


def _contenders(plan: Plan) -> list[Contender]:
    def ours(scene: BenchScene, radius: float) -> Callable[[], object]:
        from dofsim.bokeh import render

        linear, coc = scene.linear, scene.coc(radius)
        return lambda: render(linear, coc, threads=plan.threads)

    return [
        Contender(OURS, ours),
        Contender("JPEG decode + encode, q92", _jpeg_round_trip),
        Contender("naive gather, compiled", _compiled_gather),
        Contender("the report's Python loop", _python_loop, is_cropped=True),
    ]


def _jpeg_round_trip(scene: BenchScene, _: float) -> Callable[[], object]:
    from PIL import Image

    def encode(image: Image.Image) -> bytes:
        stream = io.BytesIO()
        image.save(stream, "JPEG", quality=92)
        return stream.getvalue()

    data = encode(Image.fromarray(scene.rgb))
    return lambda: encode(Image.open(io.BytesIO(data)))


def _compiled_gather(scene: BenchScene, radius: float) -> Callable[[], object]:
    from dofsim.bokeh.naive_loop import compiled_gather

    gather = compiled_gather()
    rgb, radii = scene.rgb.astype(np.float32), np.abs(scene.coc(radius))
    out = np.empty_like(rgb)
    return lambda: gather(rgb, radii, out)


def _python_loop(scene: BenchScene, radius: float) -> Callable[[], object]:
    from dofsim.bokeh.naive_loop import blur_loop

    radii = np.abs(scene.coc(radius))
    return lambda: blur_loop(scene.rgb, radii)
