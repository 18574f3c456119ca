"""Where the batches of a configuration come from, and what its generator is measured on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from dofsim.errors import DepthError, ParameterError
from dofsim.pix2pix._torch import require
from dofsim.pix2pix.config import RunConfig

require("torch")

import torch  # noqa: E402
from torch import Tensor  # noqa: E402

from dofsim.datasets.batches import load_batches  # noqa: E402
from dofsim.datasets.loader import to_tensors  # noqa: E402
from dofsim.datasets.mixture import Batch as Drawn  # noqa: E402
from dofsim.datasets.stream import FrameStream  # noqa: E402
from dofsim.datasets.transforms import Transform  # noqa: E402
from dofsim.depth.depth_map import DepthKind  # noqa: E402
from dofsim.pix2pix.batch import Batch, Source, mismatch  # noqa: E402
from dofsim.pix2pix.settings import open_split  # noqa: E402
from dofsim.pix2pix.validate import SceneValidator, Truth, heldout_validator  # noqa: E402

if TYPE_CHECKING:
    from dofsim.datasets.frames import BadFrame, Frame, Frames

#: Frames of the validation part that are measured, spread evenly, and how many of them TensorBoard shows.
_MOST_MEASURED = 200
_SHOWN = 4
#: Batches that may have nothing to learn from at the start of a run.
_TRIES = 8
_OTHER_SEED = 1_000_003


class Material(NamedTuple):
    """What a run needs of its data."""

    config: RunConfig
    source: Source
    validator: SceneValidator | None
    preview: Batch | None
    about: str = ""
    bad: tuple[BadFrame, ...] = ()


def open_material(config: RunConfig) -> Material:
    """Open the data of a configuration.

    Parameters
    ----------
    config : RunConfig

    Returns
    -------
    Material
        Its ``config`` also names the scene classes of the data where the objective needs them; ``about`` says in
        words what it is, ``bad`` are the frames that were left out.

    Raises
    ------
    ParameterError, DepthError
        If the data is not there, empty, or cannot teach what is asked for.
    """
    if config.data.dataset == "mixture":
        return _mixture(config)
    data = config.data
    frames = open_split(data, data.split)
    if config.objective.name == "acgan" and not data.classes:
        names = sorted({name for name in classes_of(frames, data.class_by) if name})
        if len(names) < 2:
            named = f" but {names[0]!r}" if names else ""
            raise ParameterError(
                f"AC-GAN learns scene classes, and {data.root} names none{named}; choose another objective, or "
                "--class-by source"
            )
        config = replace(config, data=replace(data, classes=tuple(names)))
    source = FrameSource(frames, config)
    check_teaches(source, config)
    about = f"{len(frames):,} frames of {len(set(frames.scenes)):,} scenes"
    if data.split != "train" or not frames.reader.entries("val"):
        preview = preview_batch(frames, config)
        return Material(config, source, None, preview, f"{about}, without validation", frames.bad)
    held = open_split(data, "val")
    bad = (*frames.bad, *held.bad)
    return Material(config, source, frame_validator(held, config), preview_batch(held, config), about, bad)


def classes_of(frames: Frames, by: str) -> list[str | None]:
    """Scene class of every frame: the scene type that the data set names, or the first part of the scene's name."""
    if by == "source":
        return [scene.split("/")[0] for scene in frames.scenes]
    return frames.scene_types


class FrameSource(Source):
    """Batches of augmented frames.

    Parameters
    ----------
    frames : Frames
    config : RunConfig
        ``config.workers`` processes read and augment ahead; without any, a thread does.
    seed : int, optional
        Instead of the configuration's.
    """

    def __init__(self, frames: Frames, config: RunConfig, seed: int | None = None) -> None:
        self._frames, self._config = frames, config
        self._stream = _EncodedStream(frames, config, config.seed if seed is None else seed)
        number = {name: index for index, name in enumerate(config.data.classes)}
        self._label_of = [number.get(name or "", -1) for name in classes_of(frames, config.data.class_by)]
        super().__init__(self._draw, config.batch)

    def batches(self, first: int, last: int, rank: int = 0, world: int = 1) -> Iterator[tuple[int, Batch]]:
        """See :meth:`Source.batches`; raises :class:`~dofsim.errors.FrameError` for a frame that cannot be used."""
        if not self._config.workers:
            yield from super().batches(first, last, rank, world)
            return
        loader = load_batches(self._stream, first, last, workers=self._config.workers, rank=rank, world=world)
        for step, batch in enumerate(loader, first):
            yield step, self._tensors(batch.photo, batch.depth, batch.index.tolist())

    def unpaired(self) -> Source:
        """See :meth:`Source.unpaired`; the depth comes from a stream with another seed."""
        return _Unpaired(self, FrameSource(self._frames, self._config, self._config.seed + _OTHER_SEED))

    def _draw(self, step: int, first: int, last: int) -> Batch:
        drawn = [self._stream.sample(step, place) for place in range(first, last)]
        photos = torch.from_numpy(np.stack([frame.photo for frame in drawn]))
        depths = torch.from_numpy(np.stack([frame.depth for frame in drawn]))
        return self._tensors(photos, depths, [self._stream.index(step, place) for place in range(first, last)])

    def _tensors(self, photo: Tensor, encoded: Tensor, indices: Sequence[int]) -> Batch:
        """uint8 (n, h, w, 3) and encoded depth (n, h, w), NaN where unknown, as a batch."""
        target = encoded[:, None]
        mask = torch.isfinite(target)
        labels = torch.tensor([self._label_of[index] for index in indices])
        return Batch(photo.permute(0, 3, 1, 2) / 127.5 - 1.0, target.nan_to_num(0.0), mask, labels)


class _EncodedStream(FrameStream):
    """A stream whose depth is encoded already, so that workers do it."""

    def __init__(self, frames: Frames, config: RunConfig, seed: int) -> None:
        transform = Transform(config.data.augment, config.size)
        super().__init__(frames, transform, batch=config.batch, seed=seed, by_scene=config.data.by_scene)
        self._encoding = config.encoding

    def sample(self, step: int, place: int) -> Frame:
        frame = super().sample(step, place)
        return replace(frame, depth=self._encoding.encode(frame.depth, frame.kind))


class _Unpaired(Source):
    """Photos of one source with the depth of another."""

    def __init__(self, photos: Source, depths: Source) -> None:
        self._photos, self._depths = photos, depths
        super().__init__(lambda *place: mismatch(photos.draw(*place), depths.draw(*place)), photos.size)

    def batches(self, first: int, last: int, rank: int = 0, world: int = 1) -> Iterator[tuple[int, Batch]]:
        both = (source.batches(first, last, rank, world) for source in (self._photos, self._depths))
        for (step, photos), (_, depths) in zip(*both, strict=True):
            yield step, mismatch(photos, depths)


def check_teaches(source: Source, config: RunConfig) -> None:
    """Make sure that the first pictures have any depth to learn from.

    Raises
    ------
    DepthError
        If none of them has.
    """
    for step in range(_TRIES):
        if source.draw(step, 0, config.batch).mask.any():
            return
    raise DepthError(
        f"the first {_TRIES * config.batch} pictures have no depth to learn from; check --nearest and --farthest "
        f"({config.encoding.nearest} to {config.encoding.farthest} m), and the data with `dofsim data check`"
    )


def frame_validator(frames: Frames, config: RunConfig) -> SceneValidator:
    """Measure on evenly spread frames, read anew each time, so that they need no memory."""
    spread = np.unique(np.linspace(0, len(frames) - 1, min(_MOST_MEASURED, len(frames))).round().astype(int))

    def read(index: int) -> Truth:
        frame = frames[int(spread[index])]
        return Truth(frame.scene, frame.photo, frame.depth, frame.kind)

    record = config.model_record(Path("best.onnx"))
    farthest = max(config.encoding.farthest, 10.0)
    return SceneValidator(len(spread), read, record, farthest=farthest)


def preview_batch(frames: Frames, config: RunConfig) -> Batch:
    """A few frames without augmentation, from different places of the sequence."""
    chosen = np.unique(np.linspace(0, len(frames) - 1, min(_SHOWN, len(frames))).round().astype(int))
    shown = replace(config, batch=len(chosen), data=replace(config.data, augment="plain", by_scene=False))
    some = frames.select([int(index) for index in chosen])
    return FrameSource(some, shown).draw(0, 0, len(chosen))


def _mixture(config: RunConfig) -> Material:
    from dofsim.datasets.mixture import permitted_mixture
    from dofsim.datasets.pack import open_packs

    data = config.data
    mixture = permitted_mixture(
        data.root, rendered=open_packs(data.packs), seed=config.seed, shares=data.shares, resolution=config.size
    )

    def draw(step: int, first: int, last: int) -> Batch:
        drawn = mixture.batch(step, config.batch)
        # The objective ssi takes any scale and shift; the others compare with what a picture's range is written as.
        return from_mixture(drawn if config.objective.name == "ssi" else _encoded(drawn, config)).part(first, last)

    source = Source(draw, config.batch)
    record = config.model_record(Path("best.onnx"))
    about = f"{len(mixture.real)} real pictures, {sum(len(part.photo) for part in mixture.rendered)} rendered ones"
    preview = source.draw(0, 0, min(_SHOWN, config.batch))
    return Material(config, source, heldout_validator(data.root, record), preview, about)


def from_mixture(drawn: Drawn) -> Batch:
    """A mixture's batch as tensors, without scene classes."""
    photo, target, mask = to_tensors(drawn)
    return Batch(photo, target, mask, torch.full((photo.shape[0],), -1))


def _encoded(drawn: Drawn, config: RunConfig) -> Drawn:
    """A mixture's batch with its inverse depth encoded, each picture by its own range."""
    known = np.where(drawn.mask, drawn.inverse, np.float32(np.nan))
    encoded = np.stack([config.encoding.encode(inverse, DepthKind.RELATIVE) for inverse in known])
    return Drawn(drawn.photo, np.nan_to_num(encoded), np.isfinite(encoded))
