"""What a discriminator and its generator minimise, and the memory of former pictures."""

from __future__ import annotations

from typing import Literal

from dofsim.pix2pix._torch import require

require("torch")

import numpy as np  # noqa: E402
import torch  # noqa: E402
import torch.nn.functional as F  # noqa: E402, N812
from torch import Tensor  # noqa: E402

Kind = Literal["cross-entropy", "least-squares"]


def judged(logits: Tensor, weight: Tensor, *, real: bool, kind: Kind = "cross-entropy") -> Tensor:
    """How far a discriminator's verdict is from "real", or from "not real".

    Parameters
    ----------
    logits : float (n, ...)
        Of every patch.
    weight : float (n, ...)
        What each patch knows, 0..1; patches that know nothing do not count.
    real : bool
        The wanted verdict.
    kind : {"cross-entropy", "least-squares"}
        Binary cross-entropy with logits (GAN, pix2pix), or the squared distance from 1 or 0 (LSGAN, Mao et al., ICCV
        2017, as in CycleGAN).

    Returns
    -------
    float ()
        Weighted mean of each picture, then the mean over the pictures that know anything. The generator's own loss is
        that of its pictures with ``real=True``, which is the form with a gradient while it is losing (Goodfellow et
        al., NIPS 2014, section 3).
    """
    logits = logits.float()
    goal = torch.full_like(logits, float(real))
    if kind == "cross-entropy":
        cost = F.binary_cross_entropy_with_logits(logits, goal, reduction="none")
    else:
        cost = (logits - goal).square()
    cost, weight = cost.flatten(1), weight.float().flatten(1)
    total = weight.sum(dim=1)
    present = (total > 0).float()
    mean = (cost * weight).sum(dim=1) / total.clamp_min(1e-6)
    return (mean * present).sum() / present.sum().clamp_min(1.0)


def named(logits: Tensor, label: Tensor) -> Tensor:
    """Cross-entropy of scene classes, over the pictures whose class is known.

    Parameters
    ----------
    logits : float (n, classes)
    label : int64 (n,)
        -1 is unknown.

    Returns
    -------
    float ()
        0, but connected to ``logits``, where no class is known.
    """
    known = (label >= 0).float()
    cost = F.cross_entropy(logits.float(), label.clamp_min(0), reduction="none")
    return (cost * known).sum() / known.sum().clamp_min(1.0)


class ImagePool:
    """Former pictures of a generator, so that its discriminator does not only remember the latest ones.

    Shrivastava et al., CVPR 2017, section 2.3, as CycleGAN uses it: once the pool is full, every other picture is
    exchanged for one of the pool.

    Parameters
    ----------
    size : int
        How many pictures are kept; 0 keeps none.
    """

    def __init__(self, size: int) -> None:
        self.size = size
        self.pictures: list[Tensor] = []

    def exchange(self, pictures: Tensor, rng: np.random.Generator) -> Tensor:
        """Put pictures in, and take as many out, (n, c, h, w) -> (n, c, h, w); without gradients."""
        if not self.size:
            return pictures.detach()
        taken = []
        for picture in pictures.detach():
            if len(self.pictures) < self.size:
                self.pictures.append(picture.clone())
                taken.append(picture)
            elif rng.random() < 0.5:
                place = int(rng.integers(self.size))
                taken.append(self.pictures[place])
                self.pictures[place] = picture.clone()
            else:
                taken.append(picture)
        return torch.stack(taken)
