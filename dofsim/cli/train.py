"""``dofsim train``: train a depth estimator."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Annotated, Literal

import typer

from dofsim.cli.help import HelpAll
from dofsim.cli.options import Confidence, Quiet, Resolution, hint_at_skip_bad

_OURS = ("out", "quiet")
USUAL = frozenset((
    "out", "data", "dataset", "objective", "generator", "size", "steps", "batch", "seed", "split", "raw", "skip_bad",
    "augment", "target", "backbone", "start", "frozen", "rate", "bf16", "threads", "workers", "validate_every",
    "patience", "quiet", "help_all",
))  # fmt: skip
"""Parameters whose options the short help shows."""


def train(
    context: typer.Context,
    out: Annotated[Path, typer.Option("-o", "--out", metavar="RUN", help="Run folder; a run in it is gone on with.")],
    data: Annotated[str | None, typer.Option(metavar="ROOT", help="Folder or file of the data.")] = None,
    dataset: Annotated[
        str | None, typer.Option(metavar="NAME", help="nyu, nyu-h5, nyu-png, diml, folder, ..., mixture.  [auto]")
    ] = None,
    objective: Annotated[
        Literal["l1", "gan", "cgan", "pix2pix", "ssi", "pacgan", "acgan", "cyclegan", "volumetric"] | None,
        typer.Option(help="What is minimised.  [pix2pix]"),
    ] = None,
    generator: Annotated[
        Literal["unet", "encoder-decoder", "timm"] | None,
        typer.Option(help="U-Net of pix2pix, the same without skips, or a U-Net around a timm backbone.  [unet]"),
    ] = None,
    size: Annotated[int | None, typer.Option(metavar="PX", help="Side of a training picture.  [256]")] = None,
    steps: Annotated[int | None, typer.Option(metavar="N", help="Batches to learn from.  [10000]")] = None,
    batch: Annotated[
        int | None, typer.Option(metavar="N", help="Pictures of a batch, all processes together.  [1; timm 8]")
    ] = None,
    seed: Annotated[int | None, typer.Option(metavar="N", help="Of weights, data and dropout.  [0]")] = None,
    split: Annotated[str | None, typer.Option(metavar="NAME", help="Part to train on.  [train]")] = None,
    raw: Annotated[bool | None, typer.Option("--raw/--filled", help="Depth with the sensor's holes.  [filled]")] = None,
    skip_bad: Annotated[
        bool | None, typer.Option("--skip-bad/--no-skip-bad", help="Leave out frames that cannot be read.")
    ] = None,
    resolution: Resolution = None,
    confidence: Confidence = None,
    augment: Annotated[Literal["plain", "report", "strong"] | None, typer.Option(help="[report]")] = None,
    by_scene: Annotated[
        bool | None, typer.Option("--by-scene/--by-frame", help="Draw scenes alike, or frames.  [by-scene]")
    ] = None,
    class_by: Annotated[
        Literal["type", "source"] | None, typer.Option(help="What AC-GAN's scene classes are.  [type]")
    ] = None,
    packs: Annotated[list[str] | None, typer.Option(metavar="PACK", help="Rendered scenes of a mixture.")] = None,
    target: Annotated[
        Literal["relative", "metric"] | None, typer.Option(help="[metric where every frame is, unless ssi]")
    ] = None,
    scale: Annotated[
        Literal["log", "inverse", "linear"] | None, typer.Option(help="In what a metric target is linear.  [log]")
    ] = None,
    nearest: Annotated[float | None, typer.Option(metavar="M", help="Of a metric target.  [0.25]")] = None,
    farthest: Annotated[float | None, typer.Option(metavar="M", help="Of a metric target.  [10]")] = None,
    backbone: Annotated[
        str | None, typer.Option(metavar="NAME", help="timm's name for it.  [tf_efficientnet_lite0]")
    ] = None,
    start: Annotated[
        str | None, typer.Option(metavar="imagenet|random|RUN", help="Weights to start from.  [random; timm imagenet]")
    ] = None,
    frozen: Annotated[int | None, typer.Option(metavar="N", help="Stages of the backbone that stay.  [0]")] = None,
    levels: Annotated[int | None, typer.Option(metavar="N", help="Halvings of a U-Net.  [by size, 8 at most]")] = None,
    filters: Annotated[int | None, typer.Option(metavar="N", help="Of a U-Net's first layer.  [64]")] = None,
    discriminator_filters: Annotated[
        int | None, typer.Option(metavar="N", help="Of a discriminator's first layer.  [64]")
    ] = None,
    upsample: Annotated[
        Literal["transposed", "resize"] | None, typer.Option(help="How a U-Net grows.  [transposed]")
    ] = None,
    dropout: Annotated[float | None, typer.Option(metavar="SHARE", help="Of a U-Net.  [0.5]")] = None,
    noise: Annotated[
        bool | None, typer.Option("--noise/--no-noise", help="Dropout at test time too.  [no-noise]")
    ] = None,
    statistics: Annotated[
        Literal["picture", "running"] | None, typer.Option(help="Of a U-Net's normalisation at test time.  [picture]")
    ] = None,
    head: Annotated[Literal["tanh", "linear"] | None, typer.Option(help="[tanh; ssi linear]")] = None,
    l1_weight: Annotated[float | None, typer.Option(metavar="W", help="[100]")] = None,
    edge_weight: Annotated[float | None, typer.Option(metavar="W", help="Of the edge gradients in ssi.  [1]")] = None,
    auxiliary_weight: Annotated[float | None, typer.Option(metavar="W", help="Of AC-GAN's classes.  [1]")] = None,
    cycle_weight: Annotated[float | None, typer.Option(metavar="W", help="Of CycleGAN's cycle.  [10]")] = None,
    identity_weight: Annotated[
        float | None, typer.Option(metavar="W", help="As a share of the cycle's.  [0.5]")
    ] = None,
    pack: Annotated[int | None, typer.Option(metavar="N", help="Pairs that PacGAN judges at once.  [2]")] = None,
    pool: Annotated[int | None, typer.Option(metavar="N", help="Pictures in CycleGAN's pools.  [50]")] = None,
    voxels: Annotated[int | None, typer.Option(metavar="N", help="Sides of the critic's cube.  [32]")] = None,
    rate: Annotated[
        float | None, typer.Option(metavar="LR", help="Peak learning rate.  [2e-4; ssi on timm 1e-3]")
    ] = None,
    encoder_rate: Annotated[float | None, typer.Option(metavar="LR", help="Of the backbone.  [2e-4; 3e-4]")] = None,
    discriminator_rate: Annotated[float | None, typer.Option(metavar="LR", help="[2e-4]")] = None,
    beta1: Annotated[float | None, typer.Option(metavar="B", help="Of Adam.  [0.5; ssi on timm 0.9]")] = None,
    weight_decay: Annotated[float | None, typer.Option(metavar="W", help="[0; ssi on timm 0.02]")] = None,
    warm_up: Annotated[int | None, typer.Option(metavar="STEPS", help="[0; ssi on timm 150]")] = None,
    cool_down: Annotated[
        float | None, typer.Option(metavar="SHARE", help="Of the steps, at the end, with falling rates.  [0]")
    ] = None,
    decline: Annotated[Literal["linear", "cosine"] | None, typer.Option(help="How they fall.  [linear]")] = None,
    ema: Annotated[float | None, typer.Option(metavar="DECAY", help="Average the weights.  [0: do not]")] = None,
    clip: Annotated[float | None, typer.Option(metavar="NORM", help="Clip the gradient.  [0: do not]")] = None,
    bf16: Annotated[bool | None, typer.Option("--bf16/--no-bf16", help="bfloat16.  [no-bf16]")] = None,
    compile: Annotated[  # noqa: A002 - torch's own word
        bool | None, typer.Option("--compile/--no-compile", help="torch.compile.  [no-compile]")
    ] = None,
    channels_last: Annotated[
        bool | None, typer.Option("--channels-last/--channels-first", help="Layout of convolutions.  [channels-first]")
    ] = None,
    threads: Annotated[int | None, typer.Option(metavar="N", help="Of torch on a CPU.  [0: torch decides]")] = None,
    workers: Annotated[
        int | None, typer.Option(metavar="N", help="Processes that read and augment.  [0: a thread]")
    ] = None,
    save_every: Annotated[int | None, typer.Option(metavar="STEPS", help="[500]")] = None,
    validate_every: Annotated[int | None, typer.Option(metavar="STEPS", help="[500]")] = None,
    log_every: Annotated[int | None, typer.Option(metavar="STEPS", help="[50]")] = None,
    patience: Annotated[
        int | None, typer.Option(metavar="N", help="Stop after so many validations without a better one.  [0: never]")
    ] = None,
    quiet: Quiet = False,
    help_all: HelpAll = False,
) -> None:
    """Train a depth estimator, as pix2pix or one of its relatives; needs dofsim[train].

    Everything is in the folder RUN: the configuration, the last and the best checkpoint, losses and pictures for
    TensorBoard. The same command goes on with a run that was stopped, to the same result; what is not said is taken
    from the run.

    \b
    Examples:
      dofsim train --data nyu.h5 -o runs/pix2pix
      dofsim train --data rooms/ --objective ssi --generator timm -o runs/lite0
      accelerate launch -m dofsim train --data nyu.h5 -o runs/pix2pix      (several processes)
    """
    given = {name: value for name, value in context.params.items() if name not in _OURS and value not in (None, [], ())}
    given = {name: tuple(value) if isinstance(value, list) else value for name, value in given.items()}
    from dofsim.cli.training import Watcher
    from dofsim.pix2pix._torch import require

    require("torch", "accelerate", "safetensors", "tensorboard")
    from dofsim.pix2pix.settings import configure

    config = configure(out, given)
    config.check()
    from dofsim.pix2pix.loop import train as learn
    from dofsim.pix2pix.sources import open_material

    with Watcher(config, quiet=quiet) as watcher, hint_at_skip_bad():
        material = open_material(config)
        watcher.begin(material.about, material.bad)
        outcome = learn(
            material.config, out, material.source, validator=material.validator, preview=material.preview,
            watch=watcher.tell,
        )  # fmt: skip
        if outcome.main:
            watcher.end(out, step=outcome.progress.step, best=outcome.progress.best)


RARE = frozenset(inspect.signature(train).parameters) - USUAL
"""Parameters whose options are left out of the short help."""
