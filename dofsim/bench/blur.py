"""``dofsim bench blur``: our renderer and the others, in turns on the same picture."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace

from dofsim.bench.contender import Contender
from dofsim.bench.machine import describe_machine, describe_versions
from dofsim.bench.memory import Peak
from dofsim.bench.peers import PeerError
from dofsim.bench.scene import BenchScene, make_scene
from dofsim.bench.timing import Timing, interleave

_CROP_SIDE_PX = 128
# A program's start varies by some 10 ms; on a small picture it must not drown the blur.
_PROGRAM_CROP_SIDE_PX = 500
_FILES = " (files alone)"


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
        Threads of our renderer and of the peers.
    """

    megapixels: float = 12.0
    radii: tuple[float, ...] = (8.0, 24.0, 64.0)
    repeats: int = 5
    budget_s: float = 30.0
    threads: int = 1

    def steps(self, contenders: Sequence[Contender]) -> int:
        """Upper bound of the runs that :func:`measure` reports."""
        works = len(contenders) + sum(contender.overhead is not None for contender in contenders)
        return len(self.radii) * (self.repeats + 1) * works


@dataclass(frozen=True)
class Row:
    """One contender at one radius, times in s for the whole picture.

    Attributes
    ----------
    contender : str
        Name.
    radius_px : float
        Largest radius.
    median_s, fastest_s, slowest_s : float
        Of the rounds that count, less ``overhead_s``.
    rounds : int
        How many those are.
    scaled_from_px : int or None
        Size of the small picture that was really blurred.
    overhead_s : float or None
        Median for starting the program, reading and writing the files, already subtracted.
    times_ours : float
        Median over that of the first contender.
    """

    contender: str
    radius_px: float
    median_s: float
    fastest_s: float
    slowest_s: float
    rounds: int
    scaled_from_px: int | None
    overhead_s: float | None
    times_ours: float


@dataclass(frozen=True)
class Result:
    """A finished run: the plan, the rows, what they were measured on, who could not take part and why, and memory."""

    plan: Plan
    width: int
    height: int
    machine: dict[str, str | int]
    versions: dict[str, str]
    rows: tuple[Row, ...]
    skipped: dict[str, str] = field(default_factory=dict)
    peaks: tuple[Peak, ...] = ()

    def with_peaks(self, peaks: Sequence[Peak]) -> Result:
        """The same with peak memory."""
        return replace(self, peaks=tuple(peaks))

    def median(self, contender: str, radius_px: float) -> float | None:
        """Median time, s, if the contender took part."""
        for row in self.rows:
            if row.contender == contender and row.radius_px == radius_px:
                return row.median_s
        return None


def measure(
    plan: Plan,
    contenders: Sequence[Contender],
    *,
    versions: Mapping[str, str] | None = None,
    skipped: Mapping[str, str] | None = None,
    on_step: Callable[[str], None] = lambda _: None,
) -> Result:
    """Time all contenders, interleaved, radius by radius.

    Parameters
    ----------
    plan : Plan
        Sizes and rounds.
    contenders : sequence of Contender
        The first one is what the others are compared with. A peer that fails is left out and named in the result.
    versions : mapping of str to str, optional
        Versions of peers, by name, for the record.
    skipped : mapping of str to str, optional
        Who could not take part and why, for the record.
    on_step : callable, optional
        Told what runs next.

    Returns
    -------
    Result
    """
    scene = make_scene(round(plan.megapixels * 1e6))
    failed: dict[str, str] = {}
    rows: list[Row] = []
    for radius in plan.radii:
        rows += _one_radius(plan, scene, radius, contenders, failed, on_step)
    height, width = scene.depth.shape
    return Result(
        plan,
        width,
        height,
        describe_machine(),
        {**describe_versions(), **(versions or {})},
        tuple(rows),
        {**(skipped or {}), **failed},
    )


def to_json(result: Result) -> str:
    """The result as a JSON document."""
    return json.dumps(asdict(result), indent=2) + "\n"


def _one_radius(
    plan: Plan,
    scene: BenchScene,
    radius: float,
    contenders: Sequence[Contender],
    failed: dict[str, str],
    on_step: Callable[[str], None],
) -> list[Row]:
    def guarded(name: str, work: Callable[[], object]) -> Callable[[], object]:
        def run() -> None:
            if name not in failed:
                try:
                    work()
                except PeerError as error:
                    failed[name] = str(error)

        return run

    side = max(_CROP_SIDE_PX, round(3 * radius))
    small = make_scene(side * side)
    program_side = max(side, _PROGRAM_CROP_SIDE_PX)
    medium = make_scene(program_side * program_side)
    arenas: dict[str, BenchScene] = {}
    works: dict[str, Callable[[], object]] = {}
    for contender in contenders:
        name = contender.name
        guarded(name, contender.prepare(small, radius))()  # compiles, loads, and touches what has to be
        crop = small if contender.overhead is None else medium
        arenas[name] = crop if contender.is_cropped and crop.pixels < scene.pixels else scene
        works[name] = guarded(name, contender.prepare(arenas[name], radius))
        if contender.overhead is not None:
            works[name + _FILES] = guarded(name, contender.overhead(arenas[name], radius))
    timings = interleave(
        {name: work for name, work in works.items() if name.removesuffix(_FILES) not in failed},
        rounds=plan.repeats,
        budget_s=plan.budget_s,
        on_run=lambda name: on_step(f"R = {radius:g} px: {name}"),
    )
    ours = timings[contenders[0].name].median
    return [
        _row(contender, radius, timings, ours, arenas[contender.name], scene)
        for contender in contenders
        if contender.name not in failed
    ]


def _row(
    contender: Contender,
    radius: float,
    timings: Mapping[str, Timing],
    ours: float,
    arena: BenchScene,
    scene: BenchScene,
) -> Row:
    name = contender.name
    overhead = timings[name + _FILES].median if name + _FILES in timings else None
    timing = timings[name].less(overhead or 0.0).scaled(scene.pixels / arena.pixels)
    fastest, slowest = timing.spread
    return Row(
        contender=name,
        radius_px=radius,
        median_s=timing.median,
        fastest_s=fastest,
        slowest_s=slowest,
        rounds=len(timing.seconds),
        scaled_from_px=None if arena is scene else arena.pixels,
        overhead_s=overhead,
        times_ours=timing.median / ours,
    )
