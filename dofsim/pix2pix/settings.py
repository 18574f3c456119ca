"""From a few wishes to a whole configuration: what is published, what suits a generator, what a stored run says."""

from __future__ import annotations

import typing
from collections.abc import Mapping
from dataclasses import fields, is_dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dofsim.depth.depth_map import DepthKind
from dofsim.errors import ParameterError
from dofsim.pix2pix.config import DataConfig, GeneratorName, ObjectiveConfig, ObjectiveName, RunConfig
from dofsim.pix2pix.stored import has_learnt, read_config

if TYPE_CHECKING:
    from dofsim.datasets.frames import Frames

#: Name of a setting, as an option is called -> where it stands in a :class:`~dofsim.pix2pix.config.RunConfig`.
PLACES: dict[str, str] = {
    "data": "data.root",
    "generator": "generator.name",
    "objective": "objective.name",
    "l1_weight": "objective.l1",
    "edge_weight": "objective.edges",
    "auxiliary_weight": "objective.auxiliary",
    "cycle_weight": "objective.cycle",
    "identity_weight": "objective.identity",
    "discriminator_filters": "objective.filters",
    "weight_decay": "optimiser.decay",
} | {
    name: f"{part}.{name}"
    for part, names in {
        "data": (
            "dataset", "split", "raw", "skip_bad", "resolution", "confidence", "augment", "by_scene", "packs", "shares",
            "classes", "class_by",
        ),
        "generator": (
            "filters", "levels", "upsample", "dropout", "noise", "statistics", "backbone", "widths", "frozen", "head",
            "start",
        ),
        "objective": ("pack", "pool", "voxels"),
        "optimiser": (
            "rate", "encoder_rate", "discriminator_rate", "beta1", "beta2", "warm_up", "cool_down", "decline", "ema",
            "clip",
        ),
        "encoding": ("target", "scale", "nearest", "farthest"),
    }.items()
    for name in names
}  # fmt: skip

_NETWORK_LEVELS = 8


def published(objective: ObjectiveName = "pix2pix", generator: GeneratorName = "unet", size: int = 256) -> RunConfig:
    """pix2pix as published (Isola et al., CVPR 2017), or a relative of it with settings that suit it.

    Parameters
    ----------
    objective, generator : str
        See :class:`~dofsim.pix2pix.config.ObjectiveConfig` and :class:`~dofsim.pix2pix.config.GeneratorConfig`.
    size : int
        Side of a training picture, px. A U-Net has a level for every halving, eight at most.

    Returns
    -------
    RunConfig
        U-Net-256, batch 1, Adam at 2e-4 with beta1 = 0.5, no decline. ``pacgan`` has a batch of two; ``ssi`` a linear
        head. Around a timm backbone: a batch of 8 (its batch normalisation wants one), from ImageNet; with ``ssi``
        also the rates that shipped weights are trained with.
    """
    config = RunConfig(objective=ObjectiveConfig(name=objective), size=size)
    shape, optimiser, batch = config.generator, config.optimiser, 1
    halvings = (size & -size).bit_length() - 1
    levels = halvings if size == 2**halvings else _NETWORK_LEVELS
    shape = replace(shape, name=generator, levels=max(3, min(levels, _NETWORK_LEVELS)))
    if objective == "ssi":
        shape = replace(shape, head="linear")
    if generator == "timm":
        shape, batch = replace(shape, start="imagenet"), 8
        if objective == "ssi":
            optimiser = replace(
                optimiser, rate=1e-3, encoder_rate=3e-4, beta1=0.9, decay=0.02, warm_up=150, cool_down=0.4,
                decline="cosine", ema=0.998, clip=5.0,
            )  # fmt: skip
    if objective == "pacgan":
        batch = max(batch, config.objective.pack)
    return replace(config, generator=shape, optimiser=optimiser, batch=batch)


def override(config: RunConfig, given: Mapping[str, Any]) -> RunConfig:
    """Change settings by their flat names.

    Parameters
    ----------
    config : RunConfig
    given : mapping
        Name, as in :data:`PLACES` or of a field of ``RunConfig`` itself -> value.

    Raises
    ------
    ParameterError
        For a name that is none.
    """
    for name, value in given.items():
        place = PLACES.get(name, name)
        section, _, key = place.rpartition(".")
        if section:
            config = replace(config, **{section: replace(getattr(config, section), **{key: value})})
        elif key in _PLAIN:
            config = replace(config, **{key: value})
        else:
            raise ParameterError(f"there is no setting {name!r}")
    return config


_PLAIN = frozenset(
    item.name for item in fields(RunConfig) if not is_dataclass(typing.get_type_hints(RunConfig)[item.name])
)


def configure(out: str | Path, given: Mapping[str, Any]) -> RunConfig:
    """The configuration of a run folder: its own if it holds a run, else what suits the wishes.

    A run that has learnt nothing yet gives way to one that says what to train on.

    Parameters
    ----------
    out : path
        Run folder.
    given : mapping
        Settings that the user asked for, by their flat names; nothing for those that are left to the defaults.

    Returns
    -------
    RunConfig
        Not checked yet.

    Raises
    ------
    ModelError
        If the folder's configuration cannot be read.
    ParameterError
        For a name that is none, or if there is neither a run nor data.
    """
    if has_learnt(out) or (not given.get("data") and (Path(out) / "config.json").exists()):
        return override(read_config(out), given)
    if not given.get("data"):
        raise ParameterError(f"there is no run at {out} to go on with; say what to train on (--data ROOT)")
    base = published(given.get("objective", "pix2pix"), given.get("generator", "unet"), given.get("size", 256))
    config = override(base, given)
    return config if "target" in given or config.data.dataset == "mixture" else _suited(config)


def open_split(data: DataConfig, split: str) -> Frames:
    """Frames of a part of the data, see :func:`dofsim.datasets.frames.open_frames`."""
    from dofsim.datasets.frames import open_frames

    return open_frames(
        data.root, data.dataset, split, raw=data.raw, skip_bad=data.skip_bad, resolution=data.resolution,
        confidence=data.confidence,
    )  # fmt: skip


def _suited(config: RunConfig) -> RunConfig:
    """Name the layout that is found, and learn metres where every frame has them and the objective sees them."""
    frames = open_split(replace(config.data, skip_bad=False), config.data.split)
    metric = DepthKind.RELATIVE not in frames.kinds and config.objective.name != "ssi"
    target = "metric" if metric else "relative"
    return override(config, {"dataset": frames.reader.name, "target": target})
