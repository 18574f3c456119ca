"""A training batch as tensors, and where batches come from."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeAlias

from dofsim.pix2pix._torch import require

require("torch")

import torch  # noqa: E402
from torch import Tensor  # noqa: E402

from dofsim.datasets.loader import prefetch  # noqa: E402


@dataclass(frozen=True, eq=False)
class Batch:
    """A batch, or a process's part of one.

    Attributes
    ----------
    photo : float (n, 3, h, w)
        In -1..1.
    target : float (n, 1, h, w)
        Encoded depth, near is large; 0 where unknown.
    mask : bool (n, 1, h, w)
        Where the depth is known.
    label : int64 (n,)
        Scene class, -1 where unknown.
    """

    photo: Tensor
    target: Tensor
    mask: Tensor
    label: Tensor

    @property
    def size(self) -> int:
        """Number of pictures."""
        return int(self.photo.shape[0])

    def to(self, device: torch.device, *, channels_last: bool = False) -> Batch:
        """The batch on a device."""
        layout = torch.channels_last if channels_last else torch.contiguous_format
        photo = self.photo.to(device, non_blocking=True).contiguous(memory_format=layout)
        rest = (part.to(device, non_blocking=True) for part in (self.target, self.mask, self.label))
        return Batch(photo, *rest)

    def part(self, first: int, last: int) -> Batch:
        """Pictures ``first`` to ``last``, the latter excluded."""
        return Batch(*(tensor[first:last] for tensor in (self.photo, self.target, self.mask, self.label)))


#: (step, first, last) -> pictures first..last of the step's batch, a pure function of these three.
Draw: TypeAlias = Callable[[int, int, int], Batch]


class Source:
    """Where batches come from: each one a pure function of its step, so that nothing has to be saved to resume.

    Parameters
    ----------
    draw : callable
        (step, first, last) -> those pictures of the step's batch.
    size : int
        Pictures of a batch, over all processes together.
    """

    def __init__(self, draw: Draw, size: int) -> None:
        self.draw = draw
        self.size = size

    def batches(self, first: int, last: int, rank: int = 0, world: int = 1) -> Iterator[tuple[int, Batch]]:
        """Yield (step, this process's share of its batch) for first <= step < last, made ahead of use by a thread."""
        share = self.size // world
        return prefetch(lambda step: self.draw(step, rank * share, (rank + 1) * share), first, last)

    def unpaired(self) -> Source:
        """Photos of one draw with the depth of another, so that no photo comes with its own depth but by chance."""

        def draw(step: int, first: int, last: int) -> Batch:
            return mismatch(self.draw(2 * step, first, last), self.draw(2 * step + 1, first, last))

        return Source(draw, self.size)


def mismatch(photos: Batch, depths: Batch) -> Batch:
    """The photos of one batch with the depth of another."""
    return Batch(photos.photo, depths.target, depths.mask, depths.label)
