"""Photos with known depth: readers, the licence filter, splits, augmentation, and scenes made here.

Installed as ``dofsim.datasets``. Everything yields the same pair: a photo (uint8, sRGB) and its
inverse depth (float32, near is large, NaN is unknown). Nothing here redistributes data of others.

Modules
-------
terms : which sources may train shipped weights, and why
rgbd : reader for folders of RGB-D pairs
split : scenes kept out of training
mattes, segments, composites : subjects, matted or cut from scenes with depth, placed into photos with depth
truth : reader of ray-traced scenes
raycast, textures, parts, plants, furnish, places, arrangements, scenes : procedural scenes with exact depth
meshes, patterns, organic : triangle meshes, bold patterns, rounded bodies, for ray tracing
traced : a stage handed to Mitsuba
truth_parts, truth_places, truth_stages, truth_sparks, truth_scenes : test scenes seen through thin lenses
traced_world, traced_set, traced_layouts, traced_light, traced_scenes : training scenes with light that bounces
pack : generated scenes packed into a cache file
augment, mixture, loader : the stream of training batches
"""

from __future__ import annotations

from dofsim.datasets.rgbd import RgbdPair, RgbdSource, index_folder, read_pair
from dofsim.datasets.split import Split, split_scenes
from dofsim.datasets.terms import TERMS, Terms, may_train

__all__ = [
    "TERMS",
    "RgbdPair",
    "RgbdSource",
    "Split",
    "Terms",
    "index_folder",
    "may_train",
    "read_pair",
    "split_scenes",
]
