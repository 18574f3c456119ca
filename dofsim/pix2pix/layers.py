"""Layers that pix2pix uses in its own way, and how its weights start."""

from __future__ import annotations

from typing import Literal

from dofsim.pix2pix._torch import require

require("torch")

import torch  # noqa: E402
import torch.nn.functional as F  # noqa: E402, N812
from torch import Tensor, nn  # noqa: E402


class PictureNorm(nn.BatchNorm2d):
    """Batch normalisation that can keep using a picture's own statistics at test time.

    pix2pix normalises "using the statistics of the test batch, rather than aggregated statistics of the training
    batch" (Isola et al., section 3.3), with a batch of one: each picture by itself. Taking every picture of a test
    batch by itself makes the result independent of what else is in the batch.

    Parameters
    ----------
    channels : int
    statistics : {"picture", "running"}
        ``running`` is ordinary batch normalisation.
    """

    def __init__(self, channels: int, statistics: Literal["picture", "running"] = "picture") -> None:
        super().__init__(channels)
        self.statistics = statistics

    def forward(self, x: Tensor) -> Tensor:
        """Normalise, float (n, c, h, w)."""
        if self.training or self.statistics == "running":
            return super().forward(x)
        return F.instance_norm(x, None, None, self.weight, self.bias, use_input_stats=True, eps=self.eps)


class Noise(nn.Module):
    """Dropout that can stay on at test time: the only noise that pix2pix has.

    Parameters
    ----------
    share : float
        Of the values that are dropped.
    always : bool
        Also outside training.
    """

    def __init__(self, share: float = 0.5, *, always: bool = False) -> None:
        super().__init__()
        self.share = share
        self.always = always

    def forward(self, x: Tensor) -> Tensor:
        """Drop single values, float of any shape."""
        return F.dropout(x, self.share, training=self.training or self.always)


def upsampling(inputs: int, outputs: int, how: Literal["transposed", "resize"], *, bias: bool) -> nn.Module:
    """Double height and width, and change the channels.

    Parameters
    ----------
    inputs, outputs : int
        Channels.
    how : {"transposed", "resize"}
        A transposed 4 x 4 convolution of stride 2, as published; or nearest-neighbour resizing and a 3 x 3
        convolution, which leaves no checkerboard (Odena et al., "Deconvolution and checkerboard artifacts", Distill
        2016).
    bias : bool

    Returns
    -------
    torch.nn.Module
    """
    if how == "transposed":
        return nn.ConvTranspose2d(inputs, outputs, 4, stride=2, padding=1, bias=bias)
    return nn.Sequential(
        nn.Upsample(scale_factor=2.0, mode="nearest"), nn.Conv2d(inputs, outputs, 3, padding=1, bias=bias)
    )


def start_normal(network: nn.Module, deviation: float = 0.02) -> nn.Module:
    """Start weights as pix2pix does: kernels N(0, 0.02), scales of normalisation N(1, 0.02), biases 0.

    Parameters
    ----------
    network : torch.nn.Module
        Changed in place.
    deviation : float

    Returns
    -------
    torch.nn.Module
        The same network.
    """
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d | nn.Conv3d | nn.Linear):
            nn.init.normal_(module.weight, 0.0, deviation)
        elif isinstance(module, nn.BatchNorm2d | nn.BatchNorm3d):
            nn.init.normal_(module.weight, 1.0, deviation)
        else:
            continue
        if module.bias is not None:
            nn.init.zeros_(module.bias)
    return network


def checkerboard(picture: Tensor) -> Tensor:
    """How much of a picture repeats every two pixels, which transposed convolutions are prone to.

    What a binomial filter takes away is cut into blocks of 2 x 2 pixels. What the four places of a block have on
    average over 8 x 8 blocks is no detail of the picture but a pattern of the network.

    Parameters
    ----------
    picture : float (n, c, h, w)
        h and w at least 18.

    Returns
    -------
    float (n,)
        RMS of the pattern as a share of the picture's standard deviation. Independent pixels have about 0.1.
    """
    channels = picture.shape[1]
    row = picture.new_tensor([0.25, 0.5, 0.25], dtype=torch.float32)
    kernel = (row[:, None] * row).expand(channels, 1, 3, 3)
    detail = picture[..., 1:-1, 1:-1].float() - F.conv2d(picture.float(), kernel, groups=channels)
    height, width = (side // 16 * 16 for side in detail.shape[-2:])
    cut = detail[..., :height, :width]
    places = torch.stack([cut[..., r::2, c::2] for r in (0, 1) for c in (0, 1)])
    pattern = F.avg_pool2d(places.flatten(0, 1), 8).unflatten(0, (4, -1))
    rms = pattern.square().mean(dim=(0, 2, 3, 4)).sqrt()
    return rms / picture.float().flatten(1).std(dim=1).clamp_min(1e-12)


def parameter_count(network: nn.Module) -> int:
    """Number of trainable parameters."""
    return sum(p.numel() for p in network.parameters() if p.requires_grad)
