"""PatchGAN, the discriminator of pix2pix, with its packed and its classifying form.

It never sees what the depth is where that is unknown. Truth and prediction get the same value there, so that a
hole tells nothing, and a patch counts as much as it knows.
"""

from __future__ import annotations

from dofsim.errors import ParameterError
from dofsim.pix2pix._torch import require

require("torch")

import torch  # noqa: E402
import torch.nn.functional as F  # noqa: E402, N812
from torch import Tensor, nn  # noqa: E402

from dofsim.pix2pix.layers import start_normal  # noqa: E402


class PatchGAN(nn.Module):
    """70 x 70 PatchGAN (Isola et al., CVPR 2017, appendix 6.1.2): C64 - C128 - C256 - C512 - 1.

    Parameters
    ----------
    inputs : int
        Channels: 4 for a photo and its depth, 1 for depth alone, ``m`` times as many for PacGAN.
    filters : int
        Channels of the first layer.
    classes : int
        With an auxiliary head for so many scene classes (AC-GAN, Odena et al., ICML 2017); 0 is without.

    Notes
    -----
    Input: float (n, inputs, h, w), h and w at least 32; see :func:`pair` and :func:`pack`.
    Output: logits, float (n, 1, h', w'), one for every patch of 70 x 70 px, 30 x 30 for 256 px; above 0 is real.

    With 4 inputs it has 2,766,657 parameters.
    """

    def __init__(self, inputs: int = 4, filters: int = 64, *, classes: int = 0) -> None:
        super().__init__()
        widths = [filters, filters * 2, filters * 4, filters * 8]
        layers: list[nn.Module] = [nn.Conv2d(inputs, widths[0], 4, 2, 1), nn.LeakyReLU(0.2)]
        for before, width, stride in zip(widths, widths[1:], (2, 2, 1), strict=False):
            layers += [nn.Conv2d(before, width, 4, stride, 1, bias=False), nn.BatchNorm2d(width), nn.LeakyReLU(0.2)]
        self.trunk = nn.Sequential(*layers)
        self.judge = nn.Conv2d(widths[-1], 1, 4, 1, 1)
        self.name = nn.Linear(widths[-1], classes) if classes else None
        start_normal(self)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor | tuple[Tensor, Tensor]:
        """Judge every patch, and with an auxiliary head name the scene from what is known of it.

        Parameters
        ----------
        x : float (n, inputs, h, w)
        mask : bool (n, 1, h, w), optional
            Needed by an auxiliary head, and by it alone.

        Returns
        -------
        logits : float (n, 1, h', w')
        classes : float (n, classes)
            Logits; only with an auxiliary head.
        """
        features = self.trunk(x)
        logits: Tensor = self.judge(features)
        if self.name is None or mask is None:
            return logits
        weight = F.interpolate(coverage(mask), features.shape[-2:], mode="area").to(features.dtype)
        total = weight.sum(dim=(2, 3)).clamp_min(1e-6)
        return logits, self.name((features * weight).sum(dim=(2, 3)) / total)


def pair(photo: Tensor, depth: Tensor, mask: Tensor) -> Tensor:
    """What a conditional discriminator sees: the photo, and the depth with 0 in its holes.

    Parameters
    ----------
    photo : float (n, 3, h, w)
    depth : float (n, 1, h, w)
        Truth or prediction, in -1..1.
    mask : bool (n, 1, h, w)
        Where the *truth* is known, for both of them.

    Returns
    -------
    float (n, 4, h, w)
    """
    return torch.cat((photo, hide(depth, mask).to(photo.dtype)), dim=1)


def hide(depth: Tensor, mask: Tensor) -> Tensor:
    """Depth with 0 where it is unknown, whatever stood there, NaN included; no gradient flows there."""
    return torch.where(mask, depth, torch.zeros_like(depth))


def pack(x: Tensor, count: int) -> Tensor:
    """Lay ``count`` neighbours of a batch over each other (PacGAN, Lin et al., NeurIPS 2018).

    Parameters
    ----------
    x : (n, c, h, w)
        n a multiple of ``count``.
    count : int

    Returns
    -------
    (n / count, c * count, h, w)

    Raises
    ------
    ParameterError
        If the batch cannot be divided.
    """
    if x.shape[0] % count:
        raise ParameterError(f"a batch of {x.shape[0]} cannot be packed by {count}; make it a multiple")
    return x.reshape(x.shape[0] // count, x.shape[1] * count, *x.shape[2:])


def coverage(mask: Tensor, kernels: tuple[tuple[int, int], ...] = ((4, 2), (4, 2), (4, 2), (4, 1), (4, 1))) -> Tensor:
    """How much is known of each patch of a PatchGAN.

    Parameters
    ----------
    mask : bool or float (n, c, h, w)
        1 where the depth is known.
    kernels : sequence of (size, stride)
        Of the convolutions, each padded by 1.

    Returns
    -------
    float (n, 1, h', w')
        0..1, pixels in a patch's middle counting more, as they do for the patch; 0 if and only if nothing of a patch
        is known. The mean over channels.
    """
    known = mask.float().mean(dim=1, keepdim=True)
    for size, stride in kernels:
        known = F.avg_pool2d(known, size, stride, 1, count_include_pad=False)
    return known
