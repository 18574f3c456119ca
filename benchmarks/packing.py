"""What packing buys: random access to packed frames against the original files.

Run ``python benchmarks/packing.py`` with dofsim installed. Data sets are made up at the real sizes and in the real
layouts (flat boxes with noise; their photos compress about as photos do), unless ``--data ROOT`` names one of your own.
Every contender reads the same frames in the same random order, decoded to a photo and depth in metres, in turns and
with warm file caches; one process, one thread. Writes ``benchmarks/results/packing.json`` and ``packing.md``.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from dofsim.bench.machine import describe_machine, describe_versions
from dofsim.bench.timing import Timing, interleave
from dofsim.datasets import fabricate, open_frames
from dofsim.datasets.prepare import prepare
from dofsim.datasets.recognise import open_reader
from dofsim.files import atomic_path

RESULTS = Path(__file__).resolve().parent / "results"
#: Packed in what way: name, then the options of ``prepare``.
PACKED: dict[str, dict[str, Any]] = {
    "packed, lz4": {"compression": "lz4"},
    "packed, zstd": {"compression": "zstd"},
    "packed, gzip": {"compression": "gzip"},
    "packed at 286x286, lz4": {"compression": "lz4", "size": (286, 286)},
}


def made_up(base: Path, frames: int) -> dict[str, Callable[[], Path]]:
    """Makers of data sets at their real sizes."""
    nyu = (480, 640)
    numbers = range(1, frames + 1)
    scenes = {"kitchen_0001a": frames}
    room = {"12. Livingroom": (frames, 0)}
    return {
        "NYU labelled .mat, 640x480": lambda: fabricate.write_nyu_labelled(
            base / "mat", frames, train=numbers[1:], test=numbers[:1], size=nyu
        ),
        "NYU one .h5 a frame, 640x480": lambda: fabricate.write_nyu_h5(base / "h5", scenes=scenes, test=0, size=nyu),
        "NYU .jpg + .png, 640x480": lambda: fabricate.write_nyu_png(base / "png", scenes=scenes, test=0, size=nyu),
        "DIML indoor LR .png, 512x288": lambda: fabricate.write_diml(
            base / "lr", indoor=room, outdoor=(0, 0), sizes={"LR": (288, 512)}
        ),
        "DIML indoor HR .png, 1344x756": lambda: fabricate.write_diml(
            base / "hr", indoor=room, outdoor=(0, 0), sizes={"HR": (756, 1344)}
        ),
    }


def size_of(path: Path) -> int:
    """Bytes of a file, or of everything in a folder."""
    if path.is_file():
        return path.stat().st_size
    return sum(part.stat().st_size for part in path.rglob("*") if part.is_file())


def reader_of(root: Path, order: Sequence[int]) -> Callable[[], None]:
    """Reads some frames of a data set."""
    frames = open_frames(root, split="all")

    def read() -> None:
        for index in order:
            frames[index]

    return read


def measure(root: Path, work: Path, given: argparse.Namespace) -> dict[str, Any]:
    """Pack a data set in each way and read it in each way."""
    count = len(open_frames(root, split="all"))
    order = [int(index) for index in np.random.default_rng(0).permutation(count)[: given.read]]
    contenders = {"original": reader_of(root, order)}
    row: dict[str, Any] = {"frames": count, "read": len(order), "bytes": {"original": size_of(root)}, "pack_s": {}}
    for name, options in PACKED.items():
        place = work / f"{name.replace(',', '').replace(' ', '-')}.h5"
        began = time.perf_counter()
        prepare(open_reader(root), place, overwrite=True, **options)
        row["pack_s"][name] = time.perf_counter() - began
        row["bytes"][name] = size_of(place)
        contenders[name] = reader_of(place, order)
    timings = interleave(contenders, rounds=given.rounds, budget_s=given.budget)
    row["seconds"] = {name: timing.seconds for name, timing in timings.items()}
    for name, timing in timings.items():
        print(f"  {name:24s} {len(order) / timing.median:8.1f} frames/s", flush=True)
    return row


def markdown(rows: dict[str, dict[str, Any]], head: str) -> str:
    """Frames per second (range of the rounds), times the original, and megabytes a frame."""
    names = ["original", *PACKED]
    lines = [head, "", "| data | " + " | ".join(names) + " |", "|---" * (len(names) + 1) + "|"]
    for data, row in rows.items():
        base = Timing(tuple(row["seconds"]["original"])).median
        cells = []
        for name in names:
            timing = Timing(tuple(row["seconds"][name]))
            fast, slow = (row["read"] / seconds for seconds in timing.spread)
            ratio = "" if name == "original" else f", {base / timing.median:.1f}x"
            megabytes = row["bytes"][name] / row["frames"] / 2**20
            cells.append(f"{row['read'] / timing.median:.0f} ({slow:.0f} - {fast:.0f}){ratio}; {megabytes:.2f} MB")
        lines.append(f"| {data} | " + " | ".join(cells) + " |")
    lines += ["", "Packing itself, read-back and comparison included, frames/s: " + "; ".join(
        f"{data} {row['frames'] / row['pack_s']['packed, lz4']:.0f}" for data, row in rows.items()
    ) + "."]  # fmt: skip
    return "\n".join(lines) + "\n"


def main(arguments: Sequence[str] | None = None) -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--data", action="append", default=[], type=Path, help="also a data set of your own; repeatable"
    )
    parser.add_argument("--only", default="", help="only made-up data sets whose name holds this")
    parser.add_argument("--frames", type=int, default=40, help="frames of each made-up data set")
    parser.add_argument("--read", type=int, default=40, help="frames that a round reads at most")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--budget", type=float, default=60.0, help="seconds for one contender in all")
    parser.add_argument("--out", type=Path, default=RESULTS / "packing", help="written: OUT.json and OUT.md")
    given = parser.parse_args(arguments)
    rows = {}
    with tempfile.TemporaryDirectory() as folder:
        base = Path(folder)
        chosen = {name: make for name, make in made_up(base, given.frames).items() if given.only in name}
        roots = {name: make() for name, make in chosen.items()} | {f"{path.name} (real)": path for path in given.data}
        for data, root in roots.items():
            print(data, flush=True)
            rows[data] = measure(root, base, given)
    machine, versions = describe_machine(), describe_versions("h5py", "imagecodecs")
    head = (
        "Frames per second of random access, median (slowest - fastest round), times the original, size of a frame.\n"
        f"{machine['processor']}, {machine['cores']} cores, one thread; "
        + ", ".join(f"{name} {version}" for name, version in versions.items())
        + "."
    )
    text = markdown(rows, head)
    print(text)
    given.out.parent.mkdir(parents=True, exist_ok=True)
    with atomic_path(given.out.with_suffix(".md")) as place:
        place.write_text(text, encoding="utf-8")
    with atomic_path(given.out.with_suffix(".json")) as place:
        place.write_text(json.dumps({"machine": machine, "versions": versions, "data": rows}, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
