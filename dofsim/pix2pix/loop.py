"""The training loop, on Hugging Face Accelerate: one process or several, CPU or GPU.

A run can be killed at any step; the same call goes on from its last checkpoint to the same result, because a batch and
every random number depend on the seed and the step alone, and everything else is in the checkpoint. On a CPU the
result is the same to the last bit.
"""

from __future__ import annotations

import atexit
import copy
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple, Protocol

from dofsim.errors import FrameError, OutputError, ParameterError
from dofsim.files import atomic_path
from dofsim.pix2pix._torch import require
from dofsim.pix2pix.config import RunConfig
from dofsim.pix2pix.stopping import Stop, stopping
from dofsim.pix2pix.stored import FREE, differences, has_learnt, read_config

require("torch", "accelerate", "safetensors", "tensorboard")

import numpy as np  # noqa: E402
import torch  # noqa: E402
from accelerate import Accelerator, DistributedDataParallelKwargs  # noqa: E402
from accelerate.utils import broadcast, gather_object  # noqa: E402
from torch import Tensor  # noqa: E402

from dofsim.pix2pix.batch import Batch, Draw, Source  # noqa: E402
from dofsim.pix2pix.board import Board  # noqa: E402
from dofsim.pix2pix.checkpoint import BEST, LAST, Progress, load_state, save_state, save_tensors  # noqa: E402
from dofsim.pix2pix.cycle import Cycle  # noqa: E402
from dofsim.pix2pix.learner import Learner, Paired  # noqa: E402
from dofsim.pix2pix.model import DepthModel, make_generator  # noqa: E402

Row = tuple[str, dict[str, float]]


class Validator(Protocol):
    """What decides which checkpoint is the best one."""

    def measure(self, model: DepthModel, part: int, parts: int) -> list[Row]:
        """Scores of this process's part of the pictures: (scene, name -> value)."""

    def summarise(self, rows: Sequence[Row]) -> dict[str, float]:
        """Figures over the rows of all processes; ``error`` decides, smaller is better. Empty without rows."""


@dataclass(frozen=True)
class Status:
    """Where a run stands, for whoever watches it.

    Attributes
    ----------
    step, steps : int
    losses : dict
        Means since the last status.
    images_per_second : float
        Of all processes, without validation and saving.
    scores : dict
        Of the last validation, empty before the first.
    """

    step: int
    steps: int
    losses: dict[str, float] = field(default_factory=dict)
    images_per_second: float = 0.0
    scores: dict[str, float] = field(default_factory=dict)


class Outcome(NamedTuple):
    """What a run has come to.

    Attributes
    ----------
    learner : Learner
    progress : Progress
        Steps that are done, and the error of the best validation.
    main : bool
        Whether this is the process that speaks for all of them.
    """

    learner: Learner
    progress: Progress
    main: bool


def make_learner(config: RunConfig) -> Learner:
    """The networks of a configuration, started from its seed."""
    torch.manual_seed(config.seed)
    generator = make_generator(config)
    return (Cycle if config.objective.name == "cyclegan" else Paired)(config, generator)


def train(
    config: RunConfig, out: str | Path, source: Source | Draw, *, validator: Validator | None = None,
    preview: Batch | None = None, watch: Callable[[Status], None] | None = None, until: int | None = None,
) -> Outcome:  # fmt: skip
    """Train to the last step, or go on with a run that was stopped.

    Parameters
    ----------
    config : RunConfig
    out : path
        Run folder: ``config.json``, ``last.safetensors``, ``best.safetensors``, ``log.csv``, ``validation.csv`` and
        TensorBoard's events.
    source : Source or callable
        Batches; a callable is one's ``draw``.
    validator : Validator, optional
        Measures the averaged generator every ``config.validate_every`` steps.
    preview : Batch, optional
        Pictures to show in TensorBoard beside what the generator makes of them.
    watch : callable, optional
        Told at the start and every ``config.log_every`` steps, on the main process.
    until : int, optional
        Stop (and save) after this step, as a kill would.

    Returns
    -------
    Outcome

    Raises
    ------
    ParameterError
        If the folder holds a run of other settings, or the processes cannot share the batch.
    ModelError
        If a checkpoint cannot be read, or training diverges.
    FrameError
        If a frame cannot be used; the steps before it are saved, if one process trains.
    OutputError
        If the folder cannot be written.
    KeyboardInterrupt, SystemExit
        After SIGINT or SIGTERM, once the step is finished and saved.
    """
    config.check()
    out = Path(out)
    if config.threads:
        torch.set_num_threads(config.threads)
    # Each network has its own statistics in every process; the main one's are saved.
    engine = Accelerator(mixed_precision="no", kwargs_handlers=[DistributedDataParallelKwargs(broadcast_buffers=False)])
    if engine.num_processes > 1:
        atexit.register(_leave_group)
    run = _Run(config, out, engine, validator, preview, watch)
    source = source if isinstance(source, Source) else Source(source, config.batch)
    with stopping() as stop:
        return run.go(source.unpaired() if config.objective.name == "cyclegan" else source, until, stop)


def _leave_group() -> None:
    """Close the connections to the other processes before Python ends: threads that are left abort it at times."""
    if torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()


class _Run:
    """A training run in progress."""

    def __init__(
        self, config: RunConfig, out: Path, engine: Accelerator, validator: Validator | None, preview: Batch | None,
        watch: Callable[[Status], None] | None,
    ) -> None:  # fmt: skip
        self.config, self.out, self.engine = config, out, engine
        self.validator, self.watch = validator, watch
        self._check_share()
        self._open_folder()
        self.learner = make_learner(config)
        self.progress = Progress()
        memory: dict[str, Tensor] = {}
        last = out / LAST
        if last.is_file():
            self.progress, memory = load_state(last, self.learner)
        # Before the networks are wrapped: a copy of the bare generator, for validation.
        self.judged = DepthModel(copy.deepcopy(self.learner.generator), config.encoding).to(engine.device).eval()
        self.learner.prepare(engine)
        self.learner.remember(self._own(memory))
        self.preview = preview.to(engine.device) if preview is not None and engine.is_main_process else None
        self.board = Board(out, self.progress.step) if engine.is_main_process else None
        self.scores: dict[str, float] = {}

    def _check_share(self) -> None:
        processes = self.engine.num_processes
        share, rest = divmod(self.config.batch, processes)
        pack = self.config.objective.pack if self.config.objective.name == "pacgan" else 1
        if rest or share % pack:
            raise ParameterError(
                f"{processes} processes cannot share a batch of {self.config.batch} evenly"
                + (f" in packs of {pack}" if pack > 1 else "")
                + "; make --batch a multiple of both"
            )

    def _open_folder(self) -> None:
        """Make the folder and store the configuration, unless something was learnt there with another one."""
        if has_learnt(self.out):
            other = [name for name in differences(read_config(self.out), self.config) if name not in FREE]
            if other:
                raise ParameterError(
                    f"{self.out} holds a run with other settings ({', '.join(other)}); give another folder (-o), or "
                    "the same settings to go on with it"
                )
        if self.engine.is_main_process:
            try:
                self.out.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise OutputError(f"the run folder {self.out} cannot be made: {error.strerror}") from error
            with atomic_path(self.out / "config.json") as temporary:
                temporary.write_text(self.config.to_json() + "\n", encoding="utf-8")
        self.engine.wait_for_everyone()

    def go(self, source: Source, until: int | None, stop: Stop) -> Outcome:
        """Learn until the last step, an early stop, or a signal."""
        config, progress, engine = self.config, self.progress, self.engine
        end = config.steps if until is None else min(until, config.steps)
        losses: list[dict[str, Tensor]] = []
        began, paused, seen = time.monotonic(), 0.0, 0
        self._tell(Status(progress.step, config.steps))
        try:
            if not self._exhausted():
                for step, batch in source.batches(progress.step, end, engine.process_index, engine.num_processes):
                    factor = self._step(step, batch, losses)
                    seen += config.batch
                    progress.step = at = step + 1
                    asked = self._agree(stop.asked)
                    if at % config.log_every == 0 or at == end or asked:
                        self._log(losses, config.optimiser.rate * factor, seen / (time.monotonic() - began - paused))
                        began, paused, seen = time.monotonic(), 0.0, 0
                        losses.clear()
                    pause = time.monotonic()
                    if at % config.validate_every == 0 or at == config.steps:
                        self._validate()
                    over = asked or self._exhausted()
                    if at % config.save_every == 0 or at == end or over:
                        self._save()
                    paused += time.monotonic() - pause
                    if over:
                        break
        except FrameError:
            # Alone, because the other processes do not know of it and would not take part.
            if progress.step and engine.num_processes == 1:
                self._save()
            raise
        finally:
            if self.board:
                self.board.close()
        engine.wait_for_everyone()
        stop.leave()
        return Outcome(self.learner, progress, engine.is_main_process)

    def _step(self, step: int, batch: Batch, losses: list[dict[str, Tensor]]) -> float:
        key = (self.config.seed, step, self.engine.process_index)
        torch.manual_seed(int(np.random.SeedSequence(key).generate_state(1, np.uint64)[0] >> np.uint64(1)))
        for network in self.learner.networks.values():
            network.train()
        factor = self.learner.set_rate(step)
        batch = batch.to(self.engine.device, channels_last=self.config.channels_last)
        losses.append(self.learner.learn(batch, np.random.default_rng(key)))
        self.learner.average.follow(step + 1)
        return factor

    def _agree(self, flag: bool) -> bool:
        """Whether any process has been asked to stop."""
        if self.engine.num_processes == 1:
            return flag
        asked = torch.tensor([float(flag)], device=self.engine.device)
        return bool(self.engine.reduce(asked, "sum").item() > 0)

    def _exhausted(self) -> bool:
        patience = self.config.patience
        return self.progress.step >= self.config.steps or bool(patience and self.progress.stale >= patience)

    def _log(self, losses: list[dict[str, Tensor]], rate: float, images_per_second: float) -> None:
        names = list(losses[0])
        means = torch.stack([torch.stack([row[name] for row in losses]).mean() for name in names])
        means = self.engine.reduce(means, "mean")
        told = dict(zip(names, means.tolist(), strict=True))
        if self.board:
            self.board.losses(self.progress.step, told, rate, images_per_second)
        self._tell(Status(self.progress.step, self.config.steps, told, images_per_second, self.scores))

    def _tell(self, status: Status) -> None:
        if self.watch and self.engine.is_main_process:
            self.watch(status)

    @torch.no_grad()
    def _validate(self) -> None:
        weights = self.learner.average.weights
        if self.engine.num_processes > 1:
            weights = {name: broadcast(value.clone()) for name, value in weights.items()}
        self.judged.generator.load_state_dict(weights)
        at = self.progress.step
        if self.board and self.preview is not None:
            torch.manual_seed(self.config.seed)
            self.board.pictures(at, self.preview, self.judged.generator(self.preview.photo))
        if self.validator is None:
            return
        torch.manual_seed(self.config.seed)
        rows = self.validator.measure(self.judged, self.engine.process_index, self.engine.num_processes)
        self.scores = self.validator.summarise(gather_object(rows))
        if not self.scores:
            return
        better = self.scores["error"] < self.progress.best
        self.progress.stale = 0 if better else self.progress.stale + 1
        if self.board:
            self.board.scores(at, self.scores)
        if better:
            self.progress.best = self.scores["error"]
            if self.engine.is_main_process:
                told = {"config": self.config.to_json(), "step": str(at), "error": f"{self.progress.best:.6g}"}
                save_tensors(self.out / BEST, weights, told)

    def _save(self) -> None:
        memory = {name: self.engine.gather(value[None]) for name, value in self.learner.memory().items()}
        if self.engine.is_main_process:
            save_state(self.out / LAST, self.learner, self.progress, memory)

    def _own(self, memory: dict[str, Tensor]) -> dict[str, Tensor]:
        """Give this process its part of a saved memory."""
        for value in memory.values():
            if value.shape[0] != self.engine.num_processes:
                raise ParameterError(
                    f"{self.out} was trained by {value.shape[0]} processes, each with an image pool of its own; go on "
                    "with as many"
                )
        return {name: value[self.engine.process_index].to(self.engine.device) for name, value in memory.items()}
