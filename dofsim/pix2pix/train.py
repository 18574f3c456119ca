"""Train the shipped estimator: ``python -m dofsim.pix2pix.train --data DATA --out RUN``.

The recipe of the weights in the package: a U-Net around an EfficientNet, the objective ``ssi``, and the mixture of
permitted photos, mattes and rendered scenes. The loop is that of ``dofsim train`` (:mod:`dofsim.pix2pix.loop`), so a
run can be killed at any step, and the same command goes on with it.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from dofsim.datasets._program import program
from dofsim.errors import ParameterError
from dofsim.pix2pix._torch import require

require("torch", "timm")

import torch  # noqa: E402

from dofsim.pix2pix.config import RunConfig  # noqa: E402
from dofsim.pix2pix.layers import parameter_count  # noqa: E402
from dofsim.pix2pix.loop import Status, train  # noqa: E402
from dofsim.pix2pix.settings import configure, override, published  # noqa: E402
from dofsim.pix2pix.sources import open_material  # noqa: E402

#: What the recipe sets apart from :func:`dofsim.pix2pix.settings.published`; every one is an option of the program.
RECIPE: dict[str, Any] = {
    "backbone": "tf_efficientnet_lite2",
    "widths": (192, 128, 64, 32, 16),
    "frozen": 3,
    "steps": 4000,
    "batch": 8,
    "shares": (0.4, 0.2, 0.4),
    "rate": 1e-3,
    "encoder_rate": 3e-4,
    "warm_up": 150,
    "cool_down": 0.4,
    "weight_decay": 0.02,
    "ema": 0.998,
    "edge_weight": 1.0,
    "clip": 5.0,
    "seed": 0,
    "threads": 2,
    "start": "imagenet",
    "save_every": 50,
    "validate_every": 400,
    "log_every": 50,
}

#: Former names of options.
_ALIASES = {"weight_decay": "--decay", "edge_weight": "--edges", "size": "--resolution"}


def bf16_pays() -> bool:
    """Whether this machine computes in bfloat16 faster than in float32: GPUs that can, and CPUs with AVX-512."""
    if torch.cuda.is_available():
        return bool(torch.cuda.is_bf16_supported())
    return torch.backends.cpu.get_cpu_capability().startswith("AVX512")


def recipe(given: dict[str, Any]) -> RunConfig:
    """Configuration of a run of the recipe.

    Parameters
    ----------
    given : dict
        Settings that shall differ, by their flat names.
    """
    fixed = {"dataset": "mixture", "objective": "ssi", "generator": "timm", "target": "relative"}
    chosen = {**RECIPE, "bf16": bf16_pays(), "channels_last": True, **given}
    if chosen["start"] == "random":
        chosen["frozen"] = given.get("frozen", 0)
    return override(published("ssi", "timm", chosen.get("size", 256)), {**fixed, **chosen})


def main(arguments: Sequence[str] | None = None) -> None:
    """Command line of the recipe."""
    parser = argparse.ArgumentParser(
        prog="python -m dofsim.pix2pix.train", description=__doc__, argument_default=argparse.SUPPRESS
    )
    parser.add_argument("--out", required=True, help="run folder; gone on with if it holds a run")
    parser.add_argument("--data", help="folder with rgbd/ and mattes/")
    parser.add_argument("--packs", nargs="*", help="generated scenes: packs, or folders of them")
    parser.add_argument("--size", "--resolution", type=int, help="root of a picture's area, px  [256]")
    parser.add_argument("--bf16", action=argparse.BooleanOptionalAction, help="bfloat16  [where it pays]")
    for name, default in RECIPE.items():
        flags = [f"--{name.replace('_', '-')}", *([_ALIASES[name]] if name in _ALIASES else [])]
        many = {"nargs": len(default) if name == "shares" else "+"} if isinstance(default, tuple) else {}
        kind = type(default[0]) if isinstance(default, tuple) else type(default)
        parser.add_argument(*flags, type=kind, help=f"[{default}]", **many)  # type: ignore[arg-type]
    given = vars(parser.parse_args(arguments))
    out = given.pop("out")
    given = {name: tuple(value) if isinstance(value, list) else value for name, value in given.items()}
    if (Path(out) / "config.json").exists():
        config = configure(out, given)
    elif "data" in given:
        config = recipe(given)
    else:
        raise ParameterError(f"there is no run at {out} to go on with; say what to train on (--data DATA)")
    config.check()
    material = open_material(config)

    def watch(status: Status) -> None:
        if not status.losses:
            return
        losses = ", ".join(f"{name} {value:.4f}" for name, value in status.losses.items())
        scores = ", ".join(f"{name} {value:.4f}" for name, value in status.scores.items())
        print(f"{status.step}/{status.steps}: {losses}; {status.images_per_second:.1f} images/s; {scores}", flush=True)

    outcome = train(
        material.config, out, material.source, validator=material.validator, preview=material.preview, watch=watch
    )
    print(
        f"{out}: step {outcome.progress.step}, best error {outcome.progress.best:.4f}, "
        f"{parameter_count(outcome.learner.generator) / 1e6:.2f} M parameters that learn"
    )


if __name__ == "__main__":
    program(main)
