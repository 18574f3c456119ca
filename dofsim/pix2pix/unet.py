"""The generator of pix2pix: a U-Net of strided 4 x 4 convolutions (Isola et al., CVPR 2017, appendix 6.1.1).

With 8 levels, 64 filters and 256 px it is U-Net-256::

    contracting  C64 - C128 - C256 - C512 - C512 - C512 - C512 - C512, to 1 x 1
    expanding    CD512 - CD512 - CD512 - C512 - C256 - C128 - C64, then to one channel, tanh

Ck is convolution, batch normalisation and (leaky, 0.2) ReLU with k filters, CDk has dropout of 0.5 besides. The first
convolution and the innermost have no normalisation (the innermost would subtract the only pixel there is). As in the
authors' PyTorch code, only the last layer has a bias.
"""

from __future__ import annotations

from dofsim.errors import ParameterError
from dofsim.pix2pix._torch import require

require("torch")

import torch  # noqa: E402
from torch import Tensor, nn  # noqa: E402

from dofsim.pix2pix.config import Head, Statistics, Upsample  # noqa: E402
from dofsim.pix2pix.layers import Noise, PictureNorm, start_normal, upsampling  # noqa: E402

_DROPPED_BLOCKS = 3


class UNet(nn.Module):
    """U-Net of pix2pix, or the same without skips.

    Parameters
    ----------
    levels : int
        How often the picture is halved, at least 3.
    filters : int
        Channels of the first layer; they double until eight times as many.
    inputs, outputs : int
        Channels.
    skips : bool
        False is the encoder-decoder of the paper's comparison.
    upsample : {"transposed", "resize"}
    dropout : float
        In the first three expanding blocks.
    noise : bool
        Dropout at test time too.
    statistics : {"picture", "running"}
        Of the normalisation at test time, see :class:`~dofsim.pix2pix.layers.PictureNorm`.
    head : {"tanh", "linear"}

    Notes
    -----
    Input: float (n, inputs, h, w) in -1..1, h and w multiples of ``2**levels``.
    Output: float (n, outputs, h, w); in -1..1 after tanh.

    U-Net-256 with one output channel has 54,409,857 parameters; 39,073,409 without skips.
    """

    def __init__(
        self,
        levels: int = 8,
        filters: int = 64,
        *,
        inputs: int = 3,
        outputs: int = 1,
        skips: bool = True,
        upsample: Upsample = "transposed",
        dropout: float = 0.5,
        noise: bool = False,
        statistics: Statistics = "picture",
        head: Head = "tanh",
    ) -> None:
        super().__init__()
        if levels < 3:
            raise ParameterError(f"a U-Net has at least 3 levels, not {levels}")
        self.multiple = 2**levels
        self.skips = skips
        widths = [filters * min(2**level, 8) for level in range(levels)]
        self.down = nn.ModuleList()
        for level, width in enumerate(widths):
            layers: list[nn.Module] = [] if level == 0 else [nn.LeakyReLU(0.2)]
            layers.append(nn.Conv2d(widths[level - 1] if level else inputs, width, 4, 2, 1, bias=False))
            if 0 < level < levels - 1:
                layers.append(PictureNorm(width, statistics))
            self.down.append(nn.Sequential(*layers))
        self.up = nn.ModuleList()
        for block, width in enumerate(reversed(widths[:-1])):
            joined = 2 if skips and block else 1
            layers = [
                nn.ReLU(),
                upsampling(widths[levels - 1 - block] * joined, width, upsample, bias=False),
                PictureNorm(width, statistics),
            ]
            if dropout and block < _DROPPED_BLOCKS:
                layers.append(Noise(dropout, always=noise))
            self.up.append(nn.Sequential(*layers))
        last: list[nn.Module] = [nn.ReLU(), upsampling(filters * (2 if skips else 1), outputs, upsample, bias=True)]
        self.head = nn.Sequential(*last, *([nn.Tanh()] if head == "tanh" else []))
        start_normal(self)

    def forward(self, photo: Tensor) -> Tensor:
        """Map a picture, (n, inputs, h, w) -> (n, outputs, h, w).

        Raises
        ------
        ParameterError
            If a side is no multiple of ``2**levels``.
        """
        height, width = photo.shape[-2:]
        if not torch.jit.is_tracing() and (height % self.multiple or width % self.multiple):
            raise ParameterError(
                f"a picture of {width} x {height} px does not fit the U-Net; its sides are multiples of {self.multiple}"
            )
        seen = []
        deep = photo
        for block in self.down:
            deep = block(deep)
            seen.append(deep)
        seen.pop()
        for index, block in enumerate(self.up):
            deep = block(deep)
            if self.skips:
                deep = torch.cat((deep, seen[-1 - index]), dim=1)
        depth: Tensor = self.head(deep)
        return depth
