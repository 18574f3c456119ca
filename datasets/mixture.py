"""The stream of training batches: real scenes, composites and rendered scenes, mixed by weight.

A batch is a pure function of (seed, step). Nothing has to be saved to resume, and two runs see the same data
whatever was interrupted.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from dofsim.datasets import augment
from dofsim.datasets.composites import compose, ground_plane
from dofsim.datasets.mattes import Subject, read_subjects
from dofsim.datasets.rgbd import RgbdPair, index_folder, read_pair
from dofsim.datasets.segments import segments_of
from dofsim.datasets.split import scene_weights, split_scenes
from dofsim.datasets.terms import is_phone
from dofsim.datasets.truth import read_truths
from dofsim.errors import ParameterError

Photo = npt.NDArray[np.uint8]
Inverse = npt.NDArray[np.float32]

#: Width / height of a batch, drawn anew at every step: landscape and portrait as phones take them, and square.
ASPECTS = (4 / 3, 3 / 4, 1.0, 3 / 2, 2 / 3, 4 / 3, 3 / 4)


def batch_shape(resolution: int, aspect: float) -> tuple[int, int]:
    """(height, width), multiples of 32, of about ``resolution**2`` px and the given width / height."""
    height = max(32, round(resolution / aspect**0.5 / 32) * 32)
    width = max(32, round(resolution * aspect**0.5 / 32) * 32)
    return height, width


@dataclass(frozen=True, eq=False)
class Batch:
    """One training batch.

    Attributes
    ----------
    photo : uint8 (n, h, w, 3)
    inverse : float32 (n, h, w)
        0 where unknown.
    mask : bool (n, h, w)
        Where the depth is known.
    """

    photo: Photo
    inverse: Inverse
    mask: npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Rendered:
    """Rendered scenes of one size: uint8 (n, h, w, 3) and float (n, h, w) inverse depth; may be memory-mapped.

    ``weight`` is how often one is drawn, relative to those of other packs; None: as often as it has scenes.
    """

    photo: Photo
    inverse: npt.NDArray[np.floating]  # type: ignore[type-arg]
    weight: float | None = None


@dataclass(eq=False)
class Mixture:
    """Where training pictures come from, and in which shares.

    Attributes
    ----------
    real : list of (photo, inverse)
    weight : float64 (len(real),)
        Probability of each real pair, summing to 1.
    subjects : list of Subject
    rendered : list of Rendered
    shares : (real, composite, rendered)
        Probabilities; a part that is empty gives its share to the others.
    seed : int
    resolution : int
        Root of a batch picture's area, px.
    """

    real: list[tuple[Photo, Inverse]]
    weight: npt.NDArray[np.float64]
    subjects: Sequence[Subject] = ()
    rendered: Sequence[Rendered] = ()
    shares: tuple[float, float, float] = (0.4, 0.2, 0.4)
    seed: int = 0
    resolution: int = 256
    strength: augment.Strength = field(default_factory=augment.Strength)

    def __post_init__(self) -> None:
        real, composite, rendered = self.shares
        shares = np.array([
            real if self.real else 0.0,
            composite if self.subjects and (self.real or self.rendered) else 0.0,
            rendered if self.rendered else 0.0,
        ])  # fmt: skip
        if shares.sum() <= 0:
            raise ParameterError("the training mixture is empty: give real pairs or rendered scenes")
        self._shares = shares / shares.sum()

    def _real(self, rng: np.random.Generator) -> tuple[Photo, Inverse]:
        return self.real[int(rng.choice(len(self.real), p=self.weight))]

    def _rendered(self, rng: np.random.Generator) -> tuple[Photo, Inverse]:
        sizes = np.array(
            [len(part.photo) if part.weight is None else part.weight for part in self.rendered], dtype=np.float64
        )
        part = self.rendered[int(rng.choice(len(sizes), p=sizes / sizes.sum()))]
        index = int(rng.integers(len(part.photo)))
        return np.asarray(part.photo[index]), np.asarray(part.inverse[index], dtype=np.float32)

    def sample(self, size: tuple[int, int], rng: np.random.Generator) -> tuple[Photo, Inverse]:
        """Draw one augmented picture of the given (height, width); NaN is unknown depth."""
        kind = int(rng.choice(3, p=self._shares))
        if kind == 2 or not self.real or (kind == 1 and self.rendered and rng.random() < 0.35):
            photo, inverse = self._rendered(rng)
        else:
            photo, inverse = self._real(rng)
        if kind == 1 and rng.random() < 0.1:
            inverse = ground_plane(inverse.shape, rng)
        photo, inverse = augment.view(photo, inverse, size, rng, self.strength)
        if kind == 1:
            photo, inverse = compose(photo, inverse, self.subjects, rng)
        elif kind == 2 and rng.random() < 0.25:
            inverse = augment.limit_range(inverse, rng)
        if kind == 2 and self.real and rng.random() < self.strength.look:
            photo = augment.borrow_look(photo, self._real(rng)[0], rng)
        if rng.random() < 0.2:
            photo = augment.defocus(photo, inverse, rng)
        photo = augment.tone(photo, rng, self.strength.colour)
        photo = augment.degrade(photo, rng, self.strength.blur, self.strength.noise)
        return photo, inverse

    def batch(self, step: int, size: int) -> Batch:
        """The batch of a training step; depends on the seed, the step and the batch size alone.

        Parameters
        ----------
        step : int
        size : int
            Pictures in the batch.

        Returns
        -------
        Batch
        """
        aspect = ASPECTS[int(np.random.default_rng((self.seed, step)).integers(len(ASPECTS)))]
        height, width = batch_shape(self.resolution, aspect)
        photos = np.empty((size, height, width, 3), np.uint8)
        inverses = np.empty((size, height, width), np.float32)
        for index in range(size):
            rng = np.random.default_rng((self.seed, step, index))
            for _ in range(8):
                photo, inverse = self.sample((height, width), rng)
                known = inverse[np.isfinite(inverse)]
                if known.size > 0.15 * inverse.size and np.ptp(known) > 0:
                    break
            photos[index], inverses[index] = photo, inverse
        mask = np.isfinite(inverses)
        return Batch(photos, np.where(mask, inverses, 0).astype(np.float32), mask)


def reduce_pair(photo: Photo, inverse: Inverse, longest: int) -> tuple[Photo, Inverse]:
    """Reduce a pair so that its longest side is at most ``longest`` px; depth by nearest sample."""
    height, width = inverse.shape
    scale = longest / max(height, width)
    if scale >= 1.0:
        return photo, inverse
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    small = cv2.resize(photo, size, interpolation=cv2.INTER_AREA)
    depth = cv2.resize(inverse, size, interpolation=cv2.INTER_NEAREST)
    return small.astype(np.uint8, copy=False), depth.astype(np.float32, copy=False)


def drop_speckles(inverse: Inverse, *, area: float = 0.004, jump: float = 0.04) -> Inverse:
    """Forget the islands that stereo matching leaves where it was misled, and the pixels beside unknown ones.

    Parameters
    ----------
    inverse : float32 (h, w)
        NaN is unknown.
    area : float
        Islands of less than this share of the picture are dropped.
    jump : float
        What sets an island apart, as a share of the range (1st to 99th percentile).

    Returns
    -------
    float32 (h, w)
    """
    known = np.isfinite(inverse)
    if not known.any():
        return inverse
    low, high = np.percentile(inverse[known], (1, 99))
    if high <= low:
        return inverse
    steps = 10_000
    scaled = np.where(known, (inverse - low) / (high - low) * steps + 1000, 0)
    levels = np.clip(scaled, 0, np.iinfo(np.int16).max).astype(np.int16)
    cv2.filterSpeckles(levels, 0, round(area * inverse.size), jump * steps)
    beside = cv2.dilate((levels <= 0).astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
    return np.where(beside, np.float32(np.nan), inverse).astype(np.float32, copy=False)


def pair_weights(pairs: Sequence[RgbdPair], phone: float = 3.0) -> npt.NDArray[np.float64]:
    """Weights by scene, phone scenes ``phone`` times as often as others: they are few and they are what is wanted."""
    weight = scene_weights(pairs)
    weight = weight * np.array([phone if is_phone(pair.source.name) else 1.0 for pair in pairs])
    result: npt.NDArray[np.float64] = weight / weight.sum()
    return result


def _read(pair: RgbdPair) -> tuple[Photo, Inverse]:
    photo, inverse = read_pair(pair)
    return photo, drop_speckles(inverse) if pair.source.estimated_by == "SGBM" else inverse


def permitted_mixture(
    data: str | Path, *, rendered: Sequence[Rendered] = (), seed: int = 0, longest: int = 420,
    shares: tuple[float, float, float] = (0.4, 0.2, 0.4), resolution: int = 256,
) -> Mixture:  # fmt: skip
    """The mixture that shipped weights are trained on.

    Parameters
    ----------
    data : path
        Folder with ``rgbd/`` and, optionally, ``mattes/`` and ``truth/dev/`` (the project's own renders).
    rendered : sequence of Rendered
    seed : int
    longest : int
        Real photos are reduced to this longest side, px.
    shares : (real, composite, rendered)
    resolution : int

    Returns
    -------
    Mixture
        Without held-out scenes and without sources whose terms do not permit it.
    """
    data = Path(data)
    pairs = split_scenes(index_folder(data / "rgbd")).train
    real = [reduce_pair(*_read(pair), longest) for pair in pairs]
    weight = pair_weights(pairs)
    own = [reduce_pair(*scene, longest) for scene in read_truths(data / "truth" / "dev")]
    if own:  # each weighs as much as a permitted scene that is no phone's
        weight = np.concatenate([weight, np.full(len(own), weight.max() / 3.0)])
        weight = weight / weight.sum()
    subjects = 3 * read_subjects(data / "mattes") if (data / "mattes").is_dir() else []
    first = {pair.key: number for number, pair in reversed(list(enumerate(pairs)))}
    subjects += segments_of((key, *real[number]) for key, number in sorted(first.items()))
    return Mixture(real + own, weight, subjects, list(rendered), shares, seed, resolution)
