"""The depth estimator's networks, objectives, training and export (extra ``dofsim[train]``).

Modules
-------
config, stored, settings, encoding : a whole run as data, without torch
unet, generator, layers : from photo to depth, as published and around a timm backbone
discriminator, volume, adversarial, objectives : what is minimised
learner, cycle, optimisers : what one step does
batch, sources, loop, checkpoint, board, validate : a run
model, predict, export : what a run is for
train : the recipe of the shipped weights
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dofsim.pix2pix.model import load_generator

__all__ = ["load_generator"]


def __getattr__(name: str) -> Any:
    if name == "load_generator":
        from dofsim.pix2pix.model import load_generator

        return load_generator
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
