"""Speed and memory of the renderer, its baselines and its peers; and how time grows with size and radius.

Run ``python benchmarks/blur.py`` with dofsim installed (and matplotlib, for the figure). It writes ``blur.json``,
``blur.md`` and ``blur.png`` into ``benchmarks/results``. Only the ratios within one run mean something: all contenders
take turns on the same picture. Programs of others (GEGL, ImageMagick, G'MIC, Blender) take part where they are on the
PATH; the ones that are not are named.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path

from figure import draw_growth

from dofsim.bench.blur import Plan, Result, measure
from dofsim.bench.contender import Contender, compiled_gather, contenders, our_roles
from dofsim.bench.growth import Growth, measure_growth
from dofsim.bench.memory import can_measure, measure_peaks
from dofsim.bench.peers import PEERS, Found, find_peers
from dofsim.bench.scene import make_scene
from dofsim.bench.table import growth_to_markdown, to_markdown
from dofsim.files import atomic_path

RESULTS = Path(__file__).resolve().parent / "results"
SIZES = (1.0, 3.0, 12.0)
LARGE = (48.0, 100.0)
CURVE = (4.0, 8.0, 16.0, 32.0, 64.0, 128.0)


def say(step: str) -> None:
    """Tell on stderr what runs next."""
    print(step, file=sys.stderr, flush=True)


def growth_contenders(everybody: list[Contender]) -> list[Contender]:
    """Those whose curves tell something: not the Python loop, noisy depth or cropped peers; the gather on crops."""
    unwanted = ("naive gather", "Python loop", "noise")
    whole = [one for one in everybody if not one.is_cropped and not any(word in one.name for word in unwanted)]
    return [*whole, Contender("naive gather, compiled", compiled_gather, is_cropped=True)]


def write(folder: Path, result: Result, growth: Growth | None) -> None:
    """Write the tables and figures; without matplotlib there is no picture."""
    folder.mkdir(parents=True, exist_ok=True)
    record = asdict(result) | ({} if growth is None else {"growth": asdict(growth)})
    text = to_markdown(result) + ("" if growth is None else "\n\n" + growth_to_markdown(growth))
    for name, content in (("blur.json", json.dumps(record, indent=1) + "\n"), ("blur.md", text + "\n")):
        with atomic_path(folder / name) as temporary:
            temporary.write_text(content, encoding="utf-8")
    print(text)
    if growth is not None:
        try:
            draw_growth(growth, folder / "blur.png")
        except ImportError:
            say("no figure: matplotlib is not installed")


def run(wish: argparse.Namespace, found: Found, on_step: Callable[[str], None]) -> tuple[Result, Growth | None]:
    """Measure what is wanted."""
    radii = tuple(wish.radius or (8.0, 24.0, 64.0))
    plan = Plan(wish.megapixels, radii, repeats=wish.repeats, budget_s=wish.budget, threads=wish.threads)
    everybody = [*contenders(wish.threads, wish.more_threads), *found.contenders]
    result = measure(plan, everybody, versions=found.versions, skipped=found.skipped, on_step=on_step)
    if wish.memory and can_measure():
        roles = our_roles(wish.threads, wish.more_threads)
        result = result.with_peaks(measure_peaks(make_scene(round(plan.megapixels * 1e6)), roles, radii, on_step))
    if not wish.growth:
        return result, None
    sizes = wish.size or [*SIZES, *(LARGE if wish.large else ())]
    growing = growth_contenders([one for one in everybody if one.name not in result.skipped])
    base = replace(plan, repeats=min(plan.repeats, 3), budget_s=wish.growth_budget)
    return result, measure_growth(base, growing, sizes, wish.curve or CURVE, on_step=on_step)


def main() -> int:
    """Measure and write the results."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--megapixels", type=float, default=12.0)
    parser.add_argument("--radius", type=float, action="append", help="largest radius, px; repeatable [8 24 64]")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument(
        "--budget", type=float, default=10.0, help="seconds per contender and radius; one turn at least"
    )
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--more-threads", type=int, default=2, help="our renderer also runs with so many")
    parser.add_argument("--no-peers", dest="peers", action="store_false", help="do not look for programs of others")
    parser.add_argument("--no-memory", dest="memory", action="store_false", help="do not measure peak memory")
    parser.add_argument("--no-growth", dest="growth", action="store_false", help="no curves over size and radius")
    parser.add_argument("--size", type=float, action="append", help="a size of the curve, MP; repeatable [1 3 12]")
    parser.add_argument("--large", action="store_true", help="let the curve go on to 48 and 100 MP (6 GB of memory)")
    parser.add_argument("--curve", type=float, action="append", help="a radius of the curve, px; repeatable [4 .. 128]")
    parser.add_argument("--growth-budget", type=float, default=5.0, help="seconds per contender and point of a curve")
    parser.add_argument("--out", type=Path, default=RESULTS, help="folder of the results")
    wish = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="dofsim-bench-") as folder:
        found = find_peers(Path(folder), wish.threads, PEERS if wish.peers else ())
        result, growth = run(wish, found, say)
    write(wish.out, result, growth)
    return 0


if __name__ == "__main__":
    sys.exit(main())
