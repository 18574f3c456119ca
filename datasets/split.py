"""Split RGB-D scenes into training, held-out and evaluation-only ones.

The unit is the scene, or the family of scenes that share props or a room: frames of one scene are near
copies, and a split by frame would measure memory. Sources that may not train shipped weights are
evaluation-only as a whole.
"""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources

import numpy as np

from dofsim.datasets.rgbd import RgbdPair
from dofsim.datasets.terms import family, is_phone, may_train

#: Seed of the committed list ``heldout.json``.
SEED = 2026


@dataclass(frozen=True)
class Split:
    """Three disjoint lists of pairs.

    Attributes
    ----------
    train : permitted scenes to learn from
    heldout : permitted scenes kept out of training
    evaluation : scenes whose terms do not permit training shipped weights
    """

    train: tuple[RgbdPair, ...]
    heldout: tuple[RgbdPair, ...]
    evaluation: tuple[RgbdPair, ...]


def draw_heldout(
    pairs: Sequence[RgbdPair], *, seed: int = SEED, share: float = 0.2, phone_share: float = 0.4
) -> list[str]:
    """Draw the families to hold out, phone photos and the others apart.

    Parameters
    ----------
    pairs : sequence of RgbdPair
    seed : int
    share, phone_share : float
        Share of the permitted families of each stratum that is kept out, at least one of each.

    Returns
    -------
    list of str
        Sorted ``source/scene`` keys.
    """
    strata: dict[str, dict[str, set[str]]] = {"phone": defaultdict(set), "other": defaultdict(set)}
    for pair in pairs:
        if may_train(pair.source.name, pair.scene):
            stratum = "phone" if is_phone(pair.source.name) else "other"
            strata[stratum][family(pair.source.name, pair.scene)].add(pair.key)
    held: list[str] = []
    for stratum, part in (("phone", phone_share), ("other", share)):
        families = strata[stratum]
        # ordered by a seeded hash: adding a source later does not reshuffle the others
        order = sorted(families, key=lambda name: hashlib.sha256(f"{seed}:{name}".encode()).hexdigest())
        count = max(1, round(part * len(order))) if order else 0
        for name in order[:count]:
            held.extend(families[name])
    return sorted(held)


def carve(groups: Sequence[str], *, share: float = 0.1, seed: int = SEED) -> set[int]:
    """Draw whole groups of frames that together hold about a share of all frames.

    Parameters
    ----------
    groups : sequence of str
        Group of every frame, such as its scene.
    share : float
        0..1; groups are drawn until they hold at least this share.
    seed : int

    Returns
    -------
    set of int
        Indices of the drawn frames. Never every group: empty if there is only one.
    """
    members: dict[str, list[int]] = defaultdict(list)
    for index, group in enumerate(groups):
        members[group].append(index)
    # ordered by a seeded hash: a group more or less does not reshuffle the others
    order = sorted(members, key=lambda group: hashlib.sha256(f"{seed}:{group}".encode()).hexdigest())
    drawn: set[int] = set()
    for group in order[: len(order) - 1]:
        if len(drawn) >= share * len(groups):
            break
        drawn.update(members[group])
    return drawn


def committed_heldout() -> list[str]:
    """The ``source/scene`` keys that are never trained on, as committed with the code."""
    text = resources.files("dofsim.datasets").joinpath("heldout.json").read_text(encoding="utf-8")
    return [str(key) for key in json.loads(text)["scenes"]]


def split_scenes(pairs: Sequence[RgbdPair], heldout: Sequence[str] | None = None) -> Split:
    """Split pairs by scene.

    Parameters
    ----------
    pairs : sequence of RgbdPair
    heldout : sequence of str, optional
        ``source/scene`` keys to keep out; the committed list when omitted.

    Returns
    -------
    Split
        Disjoint by scene; every pair is in exactly one part.
    """
    keys = set(committed_heldout() if heldout is None else heldout)
    parts: dict[str, list[RgbdPair]] = {"train": [], "heldout": [], "evaluation": []}
    for pair in pairs:
        if not may_train(pair.source.name, pair.scene):
            parts["evaluation"].append(pair)
        else:
            parts["heldout" if pair.key in keys else "train"].append(pair)
    return Split(tuple(parts["train"]), tuple(parts["heldout"]), tuple(parts["evaluation"]))


def scene_weights(pairs: Sequence[RgbdPair]) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Sampling weight of each pair so that every scene counts once, however many frames it has.

    Returns
    -------
    float64 array (len(pairs),)
        Sums to 1.
    """
    count: dict[str, int] = defaultdict(int)
    for pair in pairs:
        count[pair.key] += 1
    weight = np.array([1.0 / count[pair.key] for pair in pairs], dtype=np.float64)
    return weight / weight.sum()
