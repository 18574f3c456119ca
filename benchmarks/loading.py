"""Does the training loader keep up? Images per second of the loader, of the model, and of both together.

Run ``python benchmarks/loading.py`` with ``dofsim[train]`` installed. The data set is made up: NYU frames of 640x480 as
photos and 16-bit pictures, the same packed, and packed at 286x286, unless ``--data ROOT`` names one of your own. The
model is the fastest that dofsim trains, hence the hardest to feed: the U-Net around tf_efficientnet_lite0, a whole
training step (forward, masked L1, backward, Adam) at 256x256. "Waiting" is the share of the time in which the model
had no batch. Writes ``benchmarks/results/loading.json`` and ``loading.md``.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch

from dofsim.bench.machine import describe_machine, describe_versions
from dofsim.datasets import Frames, fabricate, open_frames
from dofsim.datasets.batches import FrameBatch, load_batches, to_floats
from dofsim.datasets.prepare import prepare
from dofsim.datasets.recognise import open_reader
from dofsim.datasets.stream import FrameStream
from dofsim.datasets.transforms import RECIPES, Transform
from dofsim.files import atomic_path
from dofsim.pix2pix.generator import Generator

RESULTS = Path(__file__).resolve().parent / "results"


def training_step(device: str) -> Callable[[FrameBatch], None]:
    """One step of the fastest model."""
    torch.manual_seed(0)
    model = Generator().to(device).train().to(memory_format=torch.channels_last)
    optimiser = torch.optim.Adam(model.parameters(), 2e-4, foreach=True)

    def step(batch: FrameBatch) -> None:
        photo, depth, mask = to_floats(batch, device)
        optimiser.zero_grad(set_to_none=True)
        error = (model(photo.contiguous(memory_format=torch.channels_last)) - 1.0 / depth.clamp(min=0.1)).abs()
        loss = (error * mask).sum() / mask.sum().clamp(min=1)
        loss.backward()
        optimiser.step()
        if device != "cpu":
            torch.cuda.synchronize()

    return step


def run(
    stream: FrameStream, steps: int, workers: int, step: Callable[[FrameBatch], None] | None
) -> tuple[float, float]:
    """Images per second after a warm-up, and the share of the time spent waiting for a batch."""
    warm = max(2, 2 * workers)
    waited = 0.0
    began = last = time.perf_counter()
    for number, batch in enumerate(load_batches(stream, 0, steps + warm, workers=workers)):
        arrived = time.perf_counter()
        if number == warm:
            began, waited = last, 0.0
        waited += arrived - last
        if step is not None:
            step(batch)
        last = time.perf_counter()
    return steps * stream.batch / (last - began), waited / (last - began)


def main(arguments: Sequence[str] | None = None) -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, help="a data set of your own instead of the made-up one")
    parser.add_argument("--frames", type=int, default=64, help="frames of the made-up data set")
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument(
        "--steps", type=int, default=40, help="steps of each loader run; with the model a quarter of them"
    )
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--recipe", action="append", choices=RECIPES, help="repeatable  [all]")
    parser.add_argument("--workers", action="append", type=int, help="repeatable  [1 2]")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads(), help="of the model")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--out", type=Path, default=RESULTS / "loading", help="written: OUT.json and OUT.md")
    given = parser.parse_args(arguments)
    torch.set_num_threads(given.threads)
    step = training_step(given.device)
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as folder:
        base = Path(folder)
        root = given.data or fabricate.write_nyu_png(
            base / "png", scenes={"kitchen_0001a": given.frames}, test=0, size=(480, 640)
        )
        prepare(open_reader(root), base / "whole.h5", split="all")
        prepare(open_reader(root), base / "small.h5", split="all", size=(286, 286))
        sources = {"original files": root, "packed": base / "whole.h5", "packed at 286x286": base / "small.h5"}
        opened = {name: open_frames(place, split="all") for name, place in sources.items()}
        first = next(iter(load_batches(stream_of(opened["packed"], "report", given), 0, 1, workers=0)))
        alone = [model_alone(step, first, max(2, given.steps // 4), given.batch) for _ in range(given.rounds)]
        for name, frames in opened.items():
            for recipe in given.recipe or RECIPES:
                stream = stream_of(frames, recipe, given)
                for workers in given.workers or (1, 2):
                    found = [run(stream, given.steps, workers, None)[0] for _ in range(given.rounds)]
                    row: dict[str, Any] = {"data": name, "recipe": recipe, "workers": workers, "loader": found}
                    if recipe != "plain":
                        # the model alone takes turns with both together, because the machine is not always as fast
                        both, again = [], []
                        for _ in range(given.rounds):
                            both.append(run(stream, max(2, given.steps // 4), workers, step))
                            again.append(model_alone(step, first, max(2, given.steps // 4), given.batch))
                        row |= {
                            "both": [pair[0] for pair in both],
                            "waiting": [pair[1] for pair in both],
                            "model": again,
                        }
                        alone += again
                    rows.append(row)
                    print(row, flush=True)
    facts = {
        "machine": describe_machine(), "versions": describe_versions("h5py", "imagecodecs", "albumentations", "torch"),
        "device": given.device, "threads": given.threads, "batch": given.batch, "size": given.size, "rows": rows,
    }  # fmt: skip
    text = markdown(rows, facts)
    print(text)
    given.out.parent.mkdir(parents=True, exist_ok=True)
    with atomic_path(given.out.with_suffix(".md")) as place:
        place.write_text(text, encoding="utf-8")
    with atomic_path(given.out.with_suffix(".json")) as place:
        place.write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")


def stream_of(frames: Frames, recipe: str, given: argparse.Namespace) -> FrameStream:
    """The stream of a recipe."""
    return FrameStream(frames, Transform(recipe, given.size), batch=given.batch)


def model_alone(step: Callable[[FrameBatch], None], batch: FrameBatch, steps: int, size: int) -> float:
    """Images per second with a batch that is there already."""
    step(batch)
    began = time.perf_counter()
    for _ in range(steps):
        step(batch)
    return steps * size / (time.perf_counter() - began)


def markdown(rows: Sequence[dict[str, Any]], facts: dict[str, Any]) -> str:
    """One line a source, recipe and number of workers."""
    machine = facts["machine"]
    sizes = f"batch {facts['batch']}, {facts['size']}x{facts['size']}"
    where = (
        f"{machine['processor']}, {machine['cores']} cores, model on {facts['device']}, {facts['threads']} thread(s)"
    )
    lines = [
        f"Images per second, medians ({sizes}); waiting: share of the time in which the model had no batch.",
        f"{where}, torch {facts['versions']['torch']}.",
        "",
        "| data | recipe | workers | loader alone | model alone | both | both / model | waiting |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        cells = [row["data"], row["recipe"], str(row["workers"]), f"{statistics.median(row['loader']):.0f}"]
        if "both" in row:
            both, model = statistics.median(row["both"]), statistics.median(row["model"])
            ratio = statistics.median(a / b for a, b in zip(row["both"], row["model"], strict=True))
            waiting = statistics.median(row["waiting"])
            cells += [f"{model:.1f}", f"{both:.1f}", f"{ratio:.2f}", f"{waiting:.1%}"]
        else:
            cells += ["", "", "", ""]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
