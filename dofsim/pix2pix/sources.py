"""Where the batches of a configuration come from, and what its generator is measured on."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from dofsim.errors import DepthError, ParameterError
from dofsim.pix2pix._torch import require
from dofsim.pix2pix.config import RunConfig

require("torch")

import torch  # noqa: E402

from dofsim.datasets.loader import to_tensors  # noqa: E402
from dofsim.pix2pix.batch import Batch, Source  # noqa: E402
from dofsim.pix2pix.validate import SceneValidator, Truth, heldout_validator  # noqa: E402

if TYPE_CHECKING:
    from dofsim.datasets.frames import Frame, Frames

#: Frames of the validation part that are measured, spread evenly, and how many of them TensorBoard shows.
_MOST_MEASURED = 200
_SHOWN = 4
_TRIES = 8


class Material(NamedTuple):
    """What a run needs of its data."""

    config: RunConfig
    source: Source
    validator: SceneValidator | None
    preview: Batch | None
    about: str = ""


def open_material(config: RunConfig) -> Material:
    """Open the data of a configuration.

    Parameters
    ----------
    config : RunConfig

    Returns
    -------
    Material
        Its ``config`` also names the scene classes of the data where the objective needs them; ``about`` says in
        words what it is.

    Raises
    ------
    ParameterError, DepthError
        If the data is not there, empty, or cannot teach what is asked for.
    """
    if config.data.dataset == "mixture":
        return _mixture(config)
    from dofsim.datasets.frames import open_frames

    data = config.data
    frames = open_frames(data.root, data.dataset, data.split, raw=data.raw, skip_bad=data.skip_bad)
    if config.objective.name == "acgan" and not data.classes:
        names = sorted({name for name in classes_of(frames, data.class_by) if name})
        if len(names) < 2:
            raise ParameterError(
                f"AC-GAN learns scene classes, and {data.root} names {len(names)}; choose another objective, or "
                "--class-by source"
            )
        config = replace(config, data=replace(data, classes=tuple(names)))
    source = frame_source(frames, config)
    bad = f" ({len(frames.bad)} unusable ones left out)" if frames.bad else ""
    about = f"{len(frames):,} frames of {len(set(frames.scenes)):,} scenes{bad}"
    try:
        held = open_frames(data.root, data.dataset, "val", raw=data.raw, skip_bad=data.skip_bad)
    except DepthError:
        return Material(config, source, None, source(0, 0, min(_SHOWN, config.batch)), about)
    return Material(config, source, frame_validator(held, config), preview_batch(held, config), about)


def classes_of(frames: Frames, by: str) -> list[str | None]:
    """Scene class of every frame: the scene type that the data set names, or the first part of the scene's name."""
    if by == "source":
        return [scene.split("/")[0] for scene in frames.scenes]
    return frames.scene_types


def frame_source(frames: Frames, config: RunConfig) -> Source:
    """Batches of augmented frames, each a pure function of the seed, the step and the place in the batch.

    Parameters
    ----------
    frames : Frames
    config : RunConfig

    Returns
    -------
    callable
        See :data:`dofsim.pix2pix.batch.Source`. Raises :class:`~dofsim.errors.DepthError` for a frame that cannot be
        read, or when nothing that is drawn can teach anything.
    """
    by_scene: dict[str, list[int]] = defaultdict(list)
    for index, scene in enumerate(frames.scenes):
        by_scene[scene if config.data.by_scene else str(index)].append(index)
    groups = list(by_scene.values())
    number = {name: index for index, name in enumerate(config.data.classes)}
    label_of = [number.get(name or "", -1) for name in classes_of(frames, config.data.class_by)]

    def draw(step: int, place: int) -> tuple[torch.Tensor, torch.Tensor, int]:
        rng = np.random.default_rng((config.seed, step, place))
        for _ in range(_TRIES):
            group = groups[int(rng.integers(len(groups)))]
            index = group[int(rng.integers(len(group)))]
            photo, target = _tensors(frames[index], config, rng)
            if torch.isfinite(target).any():
                return photo, target, label_of[index]
        raise DepthError(
            f"{_TRIES} frames in a row, the last of them {frames.keys[index]}, have no depth to learn from in crops of "
            f"{config.size} px; check --nearest and --farthest, and the data with `dofsim data check`"
        )

    def source(step: int, first: int, last: int) -> Batch:
        return _stack([draw(step, place) for place in range(first, last)])

    return source


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
    plain = replace(config, data=replace(config.data, augment="none"))
    chosen = np.unique(np.linspace(0, len(frames) - 1, min(_SHOWN, len(frames))).round().astype(int))
    rng = np.random.default_rng(config.seed)
    return _stack([(*_tensors(frames[int(index)], plain, rng), -1) for index in chosen])


def _tensors(frame: Frame, config: RunConfig, rng: np.random.Generator) -> tuple[torch.Tensor, torch.Tensor]:
    """An augmented photo (3, h, w) in -1..1 and its encoded depth (1, h, w) with NaN where unknown."""
    photo, depth = jitter(frame.photo, frame.depth, config.size, rng, config.data.augment)
    encoded = config.encoding.encode(depth, frame.kind)
    scaled = photo.astype(np.float32) / np.float32(127.5) - np.float32(1.0)
    return torch.from_numpy(scaled.transpose(2, 0, 1)), torch.from_numpy(encoded[None])


def jitter(
    photo: npt.NDArray[np.uint8], depth: npt.NDArray[np.float32], size: int, rng: np.random.Generator, how: str
) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.float32]]:
    """The jitter of pix2pix: resize to 286/256 of the size, crop, flip; ``none`` resizes only."""
    side = size if how == "none" else round(size * 286 / 256)
    photo = cv2.resize(photo, (side, side), interpolation=cv2.INTER_AREA).astype(np.uint8, copy=False)
    depth = cv2.resize(depth, (side, side), interpolation=cv2.INTER_NEAREST).astype(np.float32, copy=False)
    if how == "none":
        return photo, depth
    top, left = rng.integers(side - size + 1, size=2)
    view = np.s_[top : top + size, left : left + size]
    photo, depth = photo[view], depth[view]
    if rng.random() < 0.5:
        photo, depth = photo[:, ::-1], depth[:, ::-1]
    return photo, np.ascontiguousarray(depth)


def _stack(drawn: Sequence[tuple[torch.Tensor, torch.Tensor, int]]) -> Batch:
    targets = torch.stack([target for _, target, _ in drawn])
    mask = torch.isfinite(targets)
    photos = torch.stack([photo for photo, _, _ in drawn])
    return Batch(photos, targets.nan_to_num(0.0), mask, torch.tensor([label for _, _, label in drawn]))


def _mixture(config: RunConfig) -> Material:
    from dofsim.datasets.mixture import permitted_mixture
    from dofsim.datasets.pack import open_packs

    data = config.data
    mixture = permitted_mixture(
        data.root, rendered=open_packs(data.packs), seed=config.seed, shares=data.shares, resolution=config.size
    )

    def source(step: int, first: int, last: int) -> Batch:
        return from_mixture(*to_tensors(mixture.batch(step, config.batch))).part(first, last)

    record = config.model_record(Path("best.onnx"))
    about = f"{len(mixture.real)} real pictures, {sum(len(part.photo) for part in mixture.rendered)} rendered ones"
    preview = source(0, 0, min(_SHOWN, config.batch))
    return Material(config, source, heldout_validator(data.root, record), preview, about)


def from_mixture(photo: torch.Tensor, target: torch.Tensor, mask: torch.Tensor) -> Batch:
    """Tensors of a mixture's batch as a batch without scene classes."""
    return Batch(photo, target, mask, torch.full((photo.shape[0],), -1))
