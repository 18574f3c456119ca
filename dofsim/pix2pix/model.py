"""From a configuration to a generator, and from a run to a model that puts out depth."""

from __future__ import annotations

import math
from pathlib import Path

from dofsim.depth.depth_map import DepthKind
from dofsim.pix2pix._torch import require
from dofsim.pix2pix.config import RunConfig
from dofsim.pix2pix.encoding import Encoding

require("torch")

import torch  # noqa: E402
from torch import Tensor, nn  # noqa: E402

from dofsim.pix2pix.checkpoint import fill, generator_weights, start_weights  # noqa: E402
from dofsim.pix2pix.unet import UNet  # noqa: E402


def make_generator(config: RunConfig, *, start: bool = True) -> nn.Module:
    """The generator of a configuration.

    Parameters
    ----------
    config : RunConfig
    start : bool
        Give it the weights that the configuration starts from; otherwise they are random.

    Returns
    -------
    torch.nn.Module
        Photo (n, 3, h, w) in -1..1 -> encoded depth (n, 1, h, w).

    Raises
    ------
    ModelError
        If the backbone or the start is unknown or does not fit.
    MissingExtraError
        If timm is needed and missing.
    """
    shape = config.generator
    if shape.name == "timm":
        from dofsim.pix2pix.generator import Generator

        network: nn.Module = Generator(
            shape.backbone, shape.widths, pretrained=start and shape.start == "imagenet", frozen=shape.frozen,
            head=shape.head,
        )  # fmt: skip
    else:
        network = UNet(
            shape.levels, shape.filters, skips=shape.name == "unet", upsample=shape.upsample, dropout=shape.dropout,
            noise=shape.noise, statistics=shape.statistics, head=shape.head,
        )  # fmt: skip
    if start and shape.start not in ("random", "imagenet"):
        fill(network, start_weights(shape.start), shape.start)
    return network


class DepthModel(nn.Module):
    """A generator that puts out depth in its own unit instead of encoded depth.

    Parameters
    ----------
    generator : torch.nn.Module
    encoding : Encoding

    Notes
    -----
    Input: float (n, 3, h, w) in -1..1. Output: float (n, 1, h, w), metres, or relative inverse depth.
    """

    def __init__(self, generator: nn.Module, encoding: Encoding) -> None:
        super().__init__()
        self.generator = generator
        self.encoding = encoding

    def forward(self, photo: Tensor) -> Tensor:
        """Estimate depth, (n, 3, h, w) -> (n, 1, h, w)."""
        encoded: Tensor = self.generator(photo).float()
        return decode(encoded, self.encoding)


def decode(encoded: Tensor, encoding: Encoding) -> Tensor:
    """:meth:`dofsim.pix2pix.encoding.Encoding.decode` for tensors."""
    if encoding.output is DepthKind.RELATIVE:
        return encoded
    share = (encoded.clamp(-1.0, 1.0) + 1.0) / 2.0
    near, far = encoding.nearest, encoding.farthest
    if encoding.scale == "linear":
        return share * (near - far) + far
    if encoding.scale == "inverse":
        return 1.0 / (share * (1.0 / near - 1.0 / far) + 1.0 / far)
    return torch.exp(share * (math.log(near) - math.log(far)) + math.log(far))


def load_generator(run: str | Path) -> tuple[DepthModel, RunConfig]:
    """The trained model of a run.

    Parameters
    ----------
    run : path
        Run folder (its best checkpoint, else its last one), or one of its ``.safetensors`` files.

    Returns
    -------
    model : DepthModel
        In evaluation mode, on the CPU.
    config : RunConfig
        ``config.model_record()`` says how to feed it, ``config.encoding.output`` what comes out.

    Raises
    ------
    ModelError
        If there is no checkpoint, or it is broken or of another architecture.
    """
    weights, config = generator_weights(run)
    generator = make_generator(config, start=False)
    fill(generator, weights, str(run))
    return DepthModel(generator, config.encoding).eval(), config
