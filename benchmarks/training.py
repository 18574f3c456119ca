"""Images per second of training, and what memory layout, precision and ``torch.compile`` change about it.

Run ``python benchmarks/training.py``; it writes ``benchmarks/results/training.json`` and ``training.md``. All variants
of a network take turns on the same batch, and only the ratios within one run mean something. ``--compile`` adds the
compiled variants, which takes some minutes. Where there is a GPU it runs there; ``--batch 64 --bf16`` is then the
setting of interest.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from accelerate import Accelerator

from dofsim.bench.machine import describe_machine, describe_versions
from dofsim.bench.timing import Timing, interleave
from dofsim.datasets._program import program
from dofsim.files import atomic_path
from dofsim.pix2pix.batch import Batch
from dofsim.pix2pix.layers import parameter_count
from dofsim.pix2pix.loop import make_learner
from dofsim.pix2pix.settings import override, published

RESULTS = Path(__file__).resolve().parent / "results"
PLAIN = "as it is"


@dataclass(frozen=True)
class Network:
    """What is trained: an objective and a generator at a size, px, and a batch."""

    name: str
    objective: Any
    generator: Any
    size: int
    batch: int


NETWORKS = (
    Network("pix2pix, U-Net-256", "pix2pix", "unet", 256, 1),
    Network("l1, U-Net-256", "l1", "unet", 256, 1),
    Network("ssi, U-Net around EfficientNet-Lite0", "ssi", "timm", 224, 8),
)
VARIANTS: dict[str, dict[str, Any]] = {PLAIN: {}, "channels last": {"channels_last": True}, "bfloat16": {"bf16": True}}
COMPILED: dict[str, dict[str, Any]] = {
    "compiled": {"compile": True},
    "compiled, channels last": {"compile": True, "channels_last": True},
}


def stepper(
    network: Network, variant: dict[str, Any], filters: int, engine: Accelerator
) -> tuple[Callable[[], Any], int]:
    """A training step on a batch that is there already, and how many parameters learn."""
    wishes = {
        "batch": network.batch,
        "filters": filters,
        "discriminator_filters": filters,
        "start": "random",
        **variant,
    }
    config = override(published(network.objective, network.generator, network.size), wishes)
    learner = make_learner(config)
    learner.prepare(engine)
    for part in learner.networks.values():
        part.train()
    shape = (network.batch, 1, network.size, network.size)
    chance = torch.Generator().manual_seed(0)
    photo = torch.rand(network.batch, 3, network.size, network.size, generator=chance) * 2 - 1
    target, mask = torch.rand(shape, generator=chance) * 2 - 1, torch.rand(shape, generator=chance) > 0.1
    batch = Batch(photo, target, mask, torch.full((network.batch,), -1)).to(
        engine.device, channels_last=config.channels_last
    )

    def step() -> None:
        learner.learn(batch, np.random.default_rng(0))
        learner.average.follow(1)
        if engine.device.type == "cuda":
            torch.cuda.synchronize()

    return step, sum(map(parameter_count, learner.networks.values()))


def to_markdown(results: dict[str, Any]) -> str:
    """The table: images/s by the median (slowest - fastest), and the ratio to the plain variant."""
    names = list(next(iter(results["networks"].values()))["variants"])
    lines = [f"| | parameters | {' | '.join(names)} |", "|---|---|" + "---|" * len(names)]
    for network, found in results["networks"].items():
        cells = []
        for name in names:
            cell = found["variants"][name]
            text = f"{cell['median']:.3g} ({cell['slowest']:.3g} - {cell['fastest']:.3g})"
            cells.append(text if name == PLAIN else f"{text}, {cell['ratio']:.2f}x")
        lines.append(f"| {network} | {found['parameters'] / 1e6:.2f} M | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def main(arguments: Sequence[str] | None = None) -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--networks", nargs="+", choices=[n.name for n in NETWORKS], help="all of them when omitted")
    parser.add_argument("--variants", nargs="+", choices=list(VARIANTS), default=list(VARIANTS))
    parser.add_argument("--compile", action="store_true", help="the compiled variants too")
    parser.add_argument("--batch", type=int, help="instead of each network's own")
    parser.add_argument("--size", type=int, help="instead of each network's own")
    parser.add_argument("--filters", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--budget", type=float, default=120.0, help="seconds per variant")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--out", type=Path, default=RESULTS, help="folder of the results")
    given = parser.parse_args(arguments)
    torch.set_num_threads(given.threads)
    engine = Accelerator(mixed_precision="no")
    variants = {name: VARIANTS[name] for name in given.variants} | (COMPILED if given.compile else {})
    networks: dict[str, Any] = {}
    for network in NETWORKS:
        if given.networks and network.name not in given.networks:
            continue
        sized = Network(
            network.name, network.objective, network.generator, given.size or network.size, given.batch or network.batch
        )
        made = {name: stepper(sized, variant, given.filters, engine) for name, variant in variants.items()}
        timings: dict[str, Timing] = interleave(
            {name: step for name, (step, _) in made.items()}, rounds=given.rounds, budget_s=given.budget,
            on_run=lambda name, network=network.name: print(f"{network}: {name}", file=sys.stderr),  # type: ignore[misc]
        )  # fmt: skip
        plain = timings[next(iter(timings))].median
        networks[f"{sized.name}, {sized.size} px, batch {sized.batch}"] = {
            "parameters": made[next(iter(made))][1],
            "variants": {
                name: {
                    "median": sized.batch / timing.median, "slowest": sized.batch / timing.spread[1],
                    "fastest": sized.batch / timing.spread[0], "ratio": plain / timing.median,
                    "seconds": timing.seconds,
                }
                for name, timing in timings.items()
            },
        }  # fmt: skip
    device = torch.cuda.get_device_name() if engine.device.type == "cuda" else "CPU"
    results = {
        "machine": {**describe_machine(), "device": device, "threads": given.threads},
        "versions": describe_versions("torch", "timm", "accelerate"),
        "networks": networks,
    }
    given.out.mkdir(parents=True, exist_ok=True)
    for name, text in (("training.json", json.dumps(results, indent=1) + "\n"), ("training.md", to_markdown(results))):
        with atomic_path(given.out / name) as temporary:
            temporary.write_text(text, encoding="utf-8")
    print(to_markdown(results), end="")


if __name__ == "__main__":
    program(main)
