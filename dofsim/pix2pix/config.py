"""Everything that decides a training run's result, as data. Needs no torch."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal, get_args

from dofsim.depth.registry import ModelRecord
from dofsim.errors import ParameterError
from dofsim.pix2pix.encoding import Encoding

#: Version of the run folder's format.
FORMAT = 1

#: Height and width of a mixture's pictures are multiples of this (:func:`dofsim.datasets.mixture.batch_shape`).
_MIXTURE_MULTIPLE = 32

GeneratorName = Literal["unet", "encoder-decoder", "timm"]
ObjectiveName = Literal["l1", "gan", "cgan", "pix2pix", "ssi", "pacgan", "acgan", "cyclegan", "volumetric"]
Upsample = Literal["transposed", "resize"]
Statistics = Literal["picture", "running"]
Head = Literal["tanh", "linear"]
Decline = Literal["linear", "cosine"]
Augment = Literal["plain", "report", "strong"]


@dataclass(frozen=True)
class DataConfig:
    """What is learnt from.

    Attributes
    ----------
    root : str
        Folder of the data.
    dataset : str
        A layout that :func:`dofsim.datasets.frames.open_frames` knows, or ``mixture``: the permitted sources, mattes
        and rendered scenes that shipped weights learn from (:mod:`dofsim.datasets.mixture`).
    split : str
        Part that is trained on; ``val`` decides what is best.
    raw, skip_bad : bool
        Depth with the sensor's holes; leave out frames that cannot be read.
    resolution : {"HR", "LR"}, optional
    confidence : float, optional
        Of DIML, see :func:`dofsim.datasets.frames.open_frames`.
    augment : str
        ``plain``, ``report`` (resize, crop, flip: the jitter of pix2pix) or ``strong``, see
        :class:`dofsim.datasets.transforms.Transform`.
    by_scene : bool
        Draw scenes alike, not frames: a scene of sixty frames is one place.
    packs, shares
        Rendered scenes and (real, composite, rendered) shares of a mixture.
    class_by : {"type", "source"}
        What a frame's scene class is: the scene type that the data set names, or the first part of its scene's name.
    classes : tuple of str
        Scene classes of the auxiliary head, in the order of its outputs.
    """

    root: str = ""
    dataset: str = "auto"
    split: str = "train"
    raw: bool = False
    skip_bad: bool = False
    resolution: str | None = None
    confidence: float | None = None
    augment: Augment = "report"
    by_scene: bool = True
    packs: tuple[str, ...] = ()
    shares: tuple[float, float, float] = (0.4, 0.2, 0.4)
    class_by: Literal["type", "source"] = "type"
    classes: tuple[str, ...] = ()


@dataclass(frozen=True)
class GeneratorConfig:
    """The network from photo to depth.

    Attributes
    ----------
    name : {"unet", "encoder-decoder", "timm"}
        The U-Net of pix2pix, the same without skips, or a U-Net around a timm backbone.
    filters : int
        Channels of the first layer of the first two; 64 as published.
    levels : int
        How often the first two halve the picture; 8 as published (U-Net-256).
    upsample : {"transposed", "resize"}
        Transposed convolutions as published, or resize and convolve.
    dropout : float
        In the first three blocks of the expanding half; 0.5 as published.
    noise : bool
        Keep the dropout at test time, as the noise of pix2pix.
    statistics : {"picture", "running"}
        What batch normalisation uses at test time: the picture's own statistics, as published, or the running mean.
    backbone : str
        A timm model that supports ``features_only``.
    widths : tuple of int
        Channels of the expanding half around it, from stride 32 to stride 2.
    frozen : int
        How many of a timm encoder's first stages stay as they are.
    head : {"tanh", "linear"}
        What squashes the output.
    start : str
        ``random``, ``imagenet`` (timm's encoder), or a run folder or file to start from.
    """

    name: GeneratorName = "unet"
    filters: int = 64
    levels: int = 8
    upsample: Upsample = "transposed"
    dropout: float = 0.5
    noise: bool = False
    statistics: Statistics = "picture"
    backbone: str = "tf_efficientnet_lite0"
    widths: tuple[int, ...] = (192, 128, 80, 48, 32)
    frozen: int = 0
    head: Head = "tanh"
    start: str = "random"

    @property
    def multiple(self) -> int:
        """Height and width of an input are multiples of this."""
        return 32 if self.name == "timm" else 2**self.levels


@dataclass(frozen=True)
class ObjectiveConfig:
    """What is minimised.

    Attributes
    ----------
    name : str
        ``l1``; ``gan`` (discriminator of depth alone); ``cgan`` (of photo and depth); ``pix2pix`` (L1 + cGAN); ``ssi``
        (scale-and-shift-invariant, with edge gradients); ``pacgan`` (pix2pix whose discriminator judges several pairs
        at once); ``acgan`` (pix2pix whose discriminator also names the scene class); ``cyclegan`` (unpaired);
        ``volumetric`` (L1 + a critic of voxels in the camera's frustum).
    l1 : float
        Weight of the L1 term; 100 as published.
    edges : float
        Weight of the edge gradients in ``ssi``.
    filters : int
        Channels of the discriminator's first layer; 64 as published.
    pack : int
        Pairs that one input of PacGAN's discriminator holds.
    auxiliary : float
        Weight of AC-GAN's class loss.
    cycle, identity : float
        Weights of CycleGAN's reconstruction and identity losses, the latter as a share of the former.
    pool : int
        Former pictures that CycleGAN's discriminators are reminded of.
    voxels : int
        Sides of the volumetric critic's cube.
    """

    name: ObjectiveName = "pix2pix"
    l1: float = 100.0
    edges: float = 1.0
    filters: int = 64
    pack: int = 2
    auxiliary: float = 1.0
    cycle: float = 10.0
    identity: float = 0.5
    pool: int = 50
    voxels: int = 32


@dataclass(frozen=True)
class OptimiserConfig:
    """How it is minimised.

    Attributes
    ----------
    rate, encoder_rate, discriminator_rate : float
        Peak learning rates; the second one is for a timm encoder.
    beta1, beta2 : float
        Of Adam.
    decay : float
        Decoupled weight decay of matrices and kernels; 0 is plain Adam.
    warm_up : int
        Steps of linear warm-up.
    cool_down : float
        Share of the steps at the end over which the rates fall; constant until then, so that a run can be made
        longer while it goes on.
    decline : {"linear", "cosine"}
        How they fall: to 0 in a line, or along a cosine to a hundredth.
    ema : float
        Decay of the averaged generator, which is what is validated and exported; 0 takes the generator itself.
    clip : float
        Largest norm of the generator's gradient; 0 does not clip.
    """

    rate: float = 2e-4
    encoder_rate: float = 2e-4
    discriminator_rate: float = 2e-4
    beta1: float = 0.5
    beta2: float = 0.999
    decay: float = 0.0
    warm_up: int = 0
    cool_down: float = 0.0
    decline: Decline = "linear"
    ema: float = 0.0
    clip: float = 0.0


@dataclass(frozen=True)
class RunConfig:
    """A whole run.

    Attributes
    ----------
    data, generator, objective, optimiser, encoding
    size : int
        Side of a square training picture, px; in a mixture the root of its area.
    steps : int
        Batches to learn from.
    batch : int
        Pictures of a batch, over all processes together; 1 as published.
    seed : int
    bf16 : bool
        bfloat16 autocast.
    compile, channels_last : bool
        ``torch.compile``; convolutions with the channels innermost.
    threads : int
        Of torch on a CPU; 0 leaves it to torch.
    workers : int
        Processes that read and augment frames ahead; 0 is a thread of this one.
    save_every, validate_every, log_every : int
        In steps.
    patience : int
        Validations without a new best one after which the run ends; 0 never ends it.
    """

    data: DataConfig = field(default_factory=DataConfig)
    generator: GeneratorConfig = field(default_factory=GeneratorConfig)
    objective: ObjectiveConfig = field(default_factory=ObjectiveConfig)
    optimiser: OptimiserConfig = field(default_factory=OptimiserConfig)
    encoding: Encoding = field(default_factory=Encoding)
    size: int = 256
    steps: int = 10000
    batch: int = 1
    seed: int = 0
    bf16: bool = False
    compile: bool = False
    channels_last: bool = False
    threads: int = 0
    workers: int = 0
    save_every: int = 500
    validate_every: int = 500
    log_every: int = 50
    patience: int = 0

    def check(self) -> None:
        """Raise :class:`~dofsim.errors.ParameterError` for values that cannot work."""
        self.encoding.check()
        generator, objective, optimiser = self.generator, self.objective, self.optimiser
        _among("generator", generator.name, GeneratorName)
        _among("objective", objective.name, ObjectiveName)
        _among("upsample", generator.upsample, Upsample)
        _among("statistics", generator.statistics, Statistics)
        _among("head", generator.head, Head)
        _among("decline", optimiser.decline, Decline)
        _among("augmentation", self.data.augment, Augment)
        counts = {
            "steps": self.steps, "batch": self.batch, "save_every": self.save_every, "log_every": self.log_every,
            "validate_every": self.validate_every, "filters": min(generator.filters, objective.filters),
        }  # fmt: skip
        for name, value in counts.items():
            if value < 1:
                raise ParameterError(f"{name} is {value}; it is at least 1 ({_option(name)} 1)")
        shares = {"ema": optimiser.ema, "dropout": generator.dropout, "beta1": optimiser.beta1}
        for name, share in shares.items():
            if not 0 <= share < 1:
                raise ParameterError(f"{name} is {share}; it lies in 0..1, 1 excluded ({_option(name)} 0.5)")
        if not 0 <= optimiser.cool_down <= 1:
            raise ParameterError(
                f"cool_down is {optimiser.cool_down}; it is a share of the steps, 0..1 (--cool-down 0.5)"
            )
        if not min(optimiser.rate, optimiser.encoder_rate, optimiser.discriminator_rate) > 0:
            raise ParameterError("learning rates are above 0 (--rate 2e-4, --encoder-rate, --discriminator-rate)")
        others = {
            "seed": self.seed, "warm_up": optimiser.warm_up, "patience": self.patience, "threads": self.threads,
            "workers": self.workers, "clip": optimiser.clip, "decay": optimiser.decay,
        }  # fmt: skip
        for name, amount in others.items():
            if amount < 0:
                raise ParameterError(f"{name} is {amount}; it is at least 0 ({_option(name)} 0)")
        self._check_together()

    def _check_together(self) -> None:
        generator, objective = self.generator, self.objective
        if generator.name != "timm" and not 3 <= generator.levels <= 10:
            raise ParameterError(f"a U-Net has 3 to 10 levels, not {generator.levels} (--levels 8)")
        if self.size % generator.multiple and self.data.dataset != "mixture":
            levels = (self.size & -self.size).bit_length() - 1
            fewer = f", or --levels {levels}" if generator.name != "timm" and levels >= 3 else ""
            raise ParameterError(
                f"pictures of {self.size} px do not fit the generator, whose sides are multiples of "
                f"{generator.multiple}; give another --size{fewer}"
            )
        smallest = 64 if generator.name == "timm" else 32
        if self.size < smallest:
            raise ParameterError(f"pictures of {self.size} px are too small; give at least --size {smallest}")
        if generator.start == "imagenet" and generator.name != "timm":
            raise ParameterError("only a timm generator starts from ImageNet; give --start random or a run")
        if objective.name == "ssi" and self.encoding.target == "metric":
            raise ParameterError(
                "the objective ssi is blind to scale and shift; give it relative depth (--target relative)"
            )
        if objective.name == "ssi" and generator.head == "tanh":
            raise ParameterError(
                "the objective ssi takes any scale and shift; give the generator one that is linear (--head linear)"
            )
        if objective.name == "pacgan" and (objective.pack < 2 or self.batch % objective.pack):
            raise ParameterError(
                f"PacGAN packs {objective.pack} pairs of a batch of {self.batch}; give at least --pack 2, and a "
                "multiple of that as --batch"
            )
        if objective.name == "volumetric" and objective.voxels not in (16, 32, 64, 128):
            raise ParameterError(
                f"the volumetric critic has 16, 32, 64 or 128 voxels a side, not {objective.voxels} (--voxels 32)"
            )
        if self.data.dataset == "mixture":
            if objective.name == "acgan":
                raise ParameterError("AC-GAN learns scene classes, and a mixture names none; choose another objective")
            if _MIXTURE_MULTIPLE % generator.multiple:
                raise ParameterError(
                    f"sides of a mixture's pictures are multiples of {_MIXTURE_MULTIPLE} px, and this generator wants "
                    f"multiples of {generator.multiple}; give it fewer levels (--levels 5)"
                )

    def to_json(self) -> str:
        """The whole configuration, with the format's version."""
        return json.dumps({"format": FORMAT, **asdict(self)}, indent=1)

    def model_record(self, file: Path, name: str = "") -> ModelRecord:
        """What one has to know to use the generator as a depth model.

        Parameters
        ----------
        file : Path
            Of the model, there or to be written.
        name : str
            Of the model; the objective's and the generator's when omitted.
        """
        kept = self.data.dataset == "mixture"
        size = max(1, round(self.size / self.generator.multiple)) * self.generator.multiple
        return ModelRecord(
            name or f"{self.objective.name}-{self.generator.name}",
            file,
            training_data=(f"{self.data.dataset} ({self.data.split})",),
            input_size=size if kept else None,
            square=size,
            multiple=self.generator.multiple,
            mean=(0.5, 0.5, 0.5),
            std=(0.5, 0.5, 0.5),
            output=self.encoding.output,
        )


def _among(what: str, value: str, names: Any) -> None:
    if value not in get_args(names):
        flag = _option("augment" if what == "augmentation" else what)
        raise ParameterError(f"there is no {what} {value!r}; there are {', '.join(get_args(names))} ({flag})")


def _option(name: str) -> str:
    return "--weight-decay" if name == "decay" else "--" + name.replace("_", "-")
