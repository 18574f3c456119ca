"""Photos with known depth: readers, the licence filter, splits, augmentation, and scenes made here.

Installed as ``dofsim.datasets``. Nothing here redistributes data of others. There are two sides: frames of research
data sets, metric where they are (``frames`` and the readers below it), and the mixture that shipped weights are
trained on, which yields a photo (uint8, sRGB) and its inverse depth (float32, near is large, NaN is unknown).

Modules
-------
frames : a data set as a sequence of frames, whatever its layout
recognise : which layout a folder has
nyu, nyu_files, diml, folder, side_by_side, packed : the layouts
prepare : pack a data set into one HDF5 file
fabricate : made-up data sets in the exact layouts
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

from dofsim.datasets.frames import SPLITS, Frame, Frames, open_frames
from dofsim.datasets.rgbd import RgbdPair, RgbdSource, index_folder, read_pair
from dofsim.datasets.split import Split, split_scenes
from dofsim.datasets.terms import TERMS, Terms, may_train

__all__ = [
    "SPLITS",
    "TERMS",
    "Frame",
    "Frames",
    "RgbdPair",
    "RgbdSource",
    "Split",
    "Terms",
    "index_folder",
    "may_train",
    "open_frames",
    "read_pair",
    "split_scenes",
]
