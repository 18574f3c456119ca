"""A training batch as tensors, and where batches come from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from dofsim.pix2pix._torch import require

require("torch")

import torch  # noqa: E402
from torch import Tensor  # noqa: E402


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
Source: TypeAlias = Callable[[int, int, int], Batch]
