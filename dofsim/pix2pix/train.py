"""Train the generator: ``python -m dofsim.pix2pix.train --data DATA --out RUN``.

A run can be killed at any step; the same command goes on from its last checkpoint to the same weights, because a
batch depends on the seed and the step alone and everything else is in the checkpoint.
"""

from __future__ import annotations

import argparse
import csv
import json
import math
import signal
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from dofsim.errors import ModelError, OutputError, ParameterError
from dofsim.pix2pix._torch import require

require("torch", "timm")

import torch  # noqa: E402
from torch import Tensor, nn  # noqa: E402

from dofsim.datasets._program import program  # noqa: E402
from dofsim.datasets.loader import prefetch, to_tensors  # noqa: E402
from dofsim.datasets.mixture import Batch, permitted_mixture  # noqa: E402
from dofsim.datasets.pack import open_packs  # noqa: E402
from dofsim.pix2pix.generator import Generator, parameter_count  # noqa: E402
from dofsim.pix2pix.objectives import ssi  # noqa: E402


@dataclass(frozen=True)
class Config:
    """Everything that decides a run's result.

    Attributes
    ----------
    data : str
        Folder with ``rgbd/`` and ``mattes/``.
    packs : tuple of str
        Files of generated scenes (:mod:`dofsim.datasets.pack`).
    shares : (real, composite, rendered)
    steps, batch : int
    resolution : int
        Root of a training picture's area, px.
    rate, encoder_rate : float
        Peak learning rates of the new layers and of the pretrained encoder.
    warm_up : int
        Steps of linear warm-up to the peak rate.
    cool_down : float
        Share of the steps at the end over which the rate falls along a cosine to a hundredth of its peak. Until
        then it is constant, so that a run can be made longer while it goes on.
    decay : float
        Weight decay.
    ema : float
        Decay of the exponential moving average that is exported.
    edges : float
        Weight of the edge-gradient term.
    clip : float
        Largest norm of the gradient.
    bf16 : bool
        bfloat16 autocast.
    seed, threads : int
    start : str
        ``imagenet``, ``random``, or a checkpoint of another run to start from.
    frozen : int
        How many of the encoder's first stages stay as they are, see :class:`Generator`; 0 with ``random``.
    save_every, validate_every : int
        In steps.
    """

    data: str
    packs: tuple[str, ...] = ()
    shares: tuple[float, float, float] = (0.4, 0.2, 0.4)
    steps: int = 4000
    batch: int = 8
    resolution: int = 256
    rate: float = 1e-3
    encoder_rate: float = 3e-4
    warm_up: int = 150
    cool_down: float = 0.4
    decay: float = 0.02
    ema: float = 0.998
    edges: float = 1.0
    clip: float = 5.0
    bf16: bool = True
    seed: int = 0
    threads: int = 2
    start: str = "imagenet"
    frozen: int = 3
    save_every: int = 50
    validate_every: int = 400

    def check(self) -> None:
        """Raise :class:`~dofsim.errors.ParameterError` for values that cannot work."""
        if self.steps < 1 or self.batch < 1 or self.save_every < 1 or self.validate_every < 1:
            raise ParameterError("steps, batch, save_every and validate_every are at least 1")
        if not 0 <= self.ema < 1:
            raise ParameterError(f"ema is {self.ema}; it lies in 0..1, 1 excluded")


def learning_rate_factor(step: int, config: Config) -> float:
    """Factor on the peak learning rate at a step: linear warm-up, constant, then a cosine to 0.01."""
    if step < config.warm_up:
        return (step + 1) / config.warm_up
    begin = config.steps * (1.0 - config.cool_down)
    if step <= begin:
        return 1.0
    progress = min((step - begin) / max(1.0, config.steps - begin), 1.0)
    return 0.01 + 0.99 * 0.5 * (1.0 + math.cos(math.pi * progress))


class Trainer:
    """A generator, its average, its optimiser, and the step they stand at.

    Parameters
    ----------
    config : Config
    generator : torch.nn.Module, optional
        The default U-Net when omitted; tests give a smaller one.
    """

    def __init__(self, config: Config, generator: nn.Module | None = None) -> None:
        config.check()
        self.config = config
        torch.manual_seed(config.seed)
        if generator is None:
            fresh = config.start == "random"
            generator = Generator(pretrained=not fresh, frozen=0 if fresh else config.frozen)
        if config.start not in ("imagenet", "random"):
            generator.load_state_dict(load_weights(config.start))
        self.model = generator.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.average = {name: value.detach().clone() for name, value in self.model.state_dict().items()}
        groups: list[dict[str, Any]] = []
        for encoder, rate in ((True, config.encoder_rate), (False, config.rate)):
            for decayed in (True, False):
                chosen = [
                    p for name, p in self.model.named_parameters()
                    if name.startswith("encoder.") == encoder and (p.ndim > 1) == decayed
                ]  # fmt: skip
                if chosen:
                    groups.append(
                        {"params": chosen, "lr": rate, "peak": rate, "weight_decay": config.decay if decayed else 0.0}
                    )
        self.optimiser = torch.optim.AdamW(groups)
        self.step = 0
        self.best = math.inf

    def learn(self, batch: Batch) -> float:
        """One step on a batch; returns its loss."""
        photo, target, mask = to_tensors(batch)
        factor = learning_rate_factor(self.step, self.config)
        for group in self.optimiser.param_groups:
            group["lr"] = group["peak"] * factor
        self.model.train()
        with torch.autocast("cpu", torch.bfloat16, enabled=self.config.bf16):
            prediction = self.model(photo.contiguous(memory_format=torch.channels_last))
        loss: Tensor = ssi(prediction, target, mask, edges=self.config.edges)
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        norm = nn.utils.clip_grad_norm_(self.model.parameters(), self.config.clip)
        if torch.isfinite(norm):
            self.optimiser.step()
        self.step += 1
        self._follow()
        return float(loss.detach())

    @torch.no_grad()
    def _follow(self) -> None:
        decay = min(self.config.ema, (1 + self.step) / (10 + self.step))
        for name, value in self.model.state_dict().items():
            if value.dtype.is_floating_point:
                self.average[name].lerp_(value, 1.0 - decay)
            else:
                self.average[name].copy_(value)

    def state(self) -> dict[str, Any]:
        """Everything that the rest of the run depends on."""
        return {
            "config": asdict(self.config),
            "step": self.step,
            "best": self.best,
            "model": self.model.state_dict(),
            "average": self.average,
            "optimiser": self.optimiser.state_dict(),
            "random": torch.get_rng_state(),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Take up a saved state.

        Raises
        ------
        ModelError
            If it belongs to another architecture.
        """
        try:
            self.model.load_state_dict(state["model"])
            self.optimiser.load_state_dict(state["optimiser"])
        except (RuntimeError, ValueError, KeyError) as error:
            raise ModelError(f"the checkpoint belongs to another generator: {str(error).splitlines()[0]}") from error
        self.average = state["average"]
        self.step, self.best = int(state["step"]), float(state["best"])
        torch.set_rng_state(state["random"])


def save_atomically(state: dict[str, Any], path: Path) -> None:
    """Write a checkpoint so that a kill or a full disk leaves the former one in place.

    Raises
    ------
    OutputError
        If it cannot be written.
    """
    part = path.with_name(f".{path.name}.part")
    try:
        torch.save(state, part)
        part.replace(path)
    except (OSError, RuntimeError) as error:
        part.unlink(missing_ok=True)
        raise OutputError(f"the checkpoint {path} cannot be written: {error}") from error


def load_checkpoint(path: str | Path) -> dict[str, Any]:
    """Read a checkpoint.

    Raises
    ------
    ModelError
        If it is missing, broken, or no checkpoint of this trainer.
    """
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises many kinds for a broken file
        raise ModelError(f"{path} is no readable checkpoint: {str(error).splitlines()[0]}") from error
    if not isinstance(state, dict) or "average" not in state:
        raise ModelError(f"{path} holds no generator of this trainer")
    return state


def load_weights(path: str | Path) -> dict[str, Tensor]:
    """Averaged weights of a checkpoint file, or of the last checkpoint of a run folder."""
    path = Path(path)
    weights: dict[str, Tensor] = load_checkpoint(path / "last.pt" if path.is_dir() else path)["average"]
    return weights


Validate = Callable[[dict[str, Tensor]], dict[str, float]]


def run(
    config: Config, out: str | Path, make: Callable[[int], Batch], *, generator: nn.Module | None = None,
    validate: Validate | None = None, until: int | None = None,
) -> Trainer:  # fmt: skip
    """Train to the last step, resuming from ``out/last.pt`` if it is there.

    Parameters
    ----------
    config : Config
    out : path
        Run folder: ``config.json``, ``log.csv``, ``last.pt``, ``best.pt``.
    make : callable
        Step -> batch, a pure function of the step.
    generator : torch.nn.Module, optional
    validate : callable, optional
        Averaged weights -> figures; ``error`` (smaller is better) decides which is ``best.pt``.
    until : int, optional
        Stop (and save) after this step, as a kill would.

    Returns
    -------
    Trainer

    Raises
    ------
    ParameterError, ModelError, OutputError
    """
    out = Path(out)
    torch.set_num_threads(config.threads)
    trainer = Trainer(config, generator)
    try:
        out.mkdir(parents=True, exist_ok=True)
        (out / "config.json").write_text(json.dumps(asdict(config), indent=1) + "\n", encoding="utf-8")
    except OSError as error:
        raise OutputError(f"the run folder {out} cannot be written: {error}") from error
    last = out / "last.pt"
    if last.is_file():
        trainer.restore(load_checkpoint(last))
    end = config.steps if until is None else min(until, config.steps)
    stopping = False

    def stop(_signal: int, _frame: object) -> None:
        nonlocal stopping
        stopping = True

    previous = signal.signal(signal.SIGTERM, stop)
    began, seen, losses = time.monotonic(), 0, []
    try:
        for _step, batch in prefetch(make, trainer.step, end):
            losses.append(trainer.learn(batch))
            seen += len(batch.photo)
            at = trainer.step
            if at % config.validate_every == 0 or at == config.steps:
                scores = validate(trainer.average) if validate else {}
                if scores and scores["error"] < trainer.best:
                    trainer.best = scores["error"]
                    save_atomically(trainer.state(), out / "best.pt")
                _log(out / "validation.csv", {"step": at, **scores})
            if at % config.save_every == 0 or at == end or stopping:
                save_atomically(trainer.state(), last)
                _log(out / "log.csv", {
                    "step": at,
                    "loss": round(sum(losses) / len(losses), 5),
                    "rate": round(config.rate * learning_rate_factor(at, config), 7),
                    "images_per_second": round(seen / max(time.monotonic() - began, 1e-9), 2),
                })  # fmt: skip
                began, seen, losses = time.monotonic(), 0, []
            if stopping:
                break
    finally:
        signal.signal(signal.SIGTERM, previous)
    return trainer


def _log(path: Path, row: dict[str, float]) -> None:
    new = not path.is_file()
    with path.open("a", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, list(row))
        if new:
            writer.writeheader()
        writer.writerow(row)


def main(arguments: Sequence[str] | None = None) -> None:
    """Command line of the trainer."""
    parser = argparse.ArgumentParser(prog="python -m dofsim.pix2pix.train", description=__doc__)
    parser.add_argument("--out", required=True, help="run folder; resumed if it holds a checkpoint")
    for item in fields(Config):
        flag = "--" + item.name.replace("_", "-")
        if item.name == "packs":
            parser.add_argument(flag, nargs="*", default=(), help="generated scenes: packs, or folders of them")
        elif item.name == "shares":
            parser.add_argument(
                flag, nargs=3, type=float, default=item.default, metavar=("REAL", "COMPOSITE", "RENDERED")
            )
        elif item.name == "bf16":
            parser.add_argument(flag, action=argparse.BooleanOptionalAction, default=item.default)
        elif item.name == "data":
            parser.add_argument(flag, required=True, help="folder with rgbd/ and mattes/")
        else:
            parser.add_argument(flag, type=type(item.default), default=item.default)
    given = vars(parser.parse_args(arguments))
    out = given.pop("out")
    given["packs"], given["shares"] = tuple(given["packs"]), tuple(given["shares"])
    config = Config(**given)
    config.check()
    mixture = permitted_mixture(
        config.data, rendered=open_packs(config.packs), seed=config.seed, shares=config.shares,
        resolution=config.resolution,
    )  # fmt: skip
    from dofsim.pix2pix.validate import heldout_validator

    validate = heldout_validator(config.data)
    trainer = run(config, out, lambda step: mixture.batch(step, config.batch), validate=validate)
    print(f"{out}: step {trainer.step} of {config.steps}, {parameter_count(trainer.model) / 1e6:.2f} M parameters")


if __name__ == "__main__":
    program(main)
