"""Read folders of RGB-D pairs in the layout ``<source>/<scene>/<id>.jpg`` + ``<id>.depth.png``.

Every kind of depth becomes one thing: inverse depth, near is large, NaN is unknown.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from dofsim.errors import DepthError, ParameterError

#: Kinds of stored depth: value = PNG integer * scale, in the unit named here.
KINDS = (
    "metric_depth_mm",
    "disparity_px",
    "inverse_depth_1_per_m",
    "relative_depth",
    "relative_inverse_depth",
)

_LAYOUT = "ROOT/index.csv, ROOT/<source>/source.json, ROOT/<source>/<scene>/<id>.jpg and <id>.depth.png"


@dataclass(frozen=True)
class RgbdSource:
    """What ``source.json`` says about a source.

    Attributes
    ----------
    name : str
        Folder name.
    kind : str
        One of :data:`KINDS`.
    scale : float
        Unit per PNG step.
    shift : float
        Added to disparities (px of the stored image) to make them absolute; 0 where unknown.
    shift_by_scene : mapping
        Shift per scene, where it differs.
    licence : str
        As stated at the origin.
    synthetic : bool
        Rendered, not photographed.
    estimated_by : str
        The method, where the depth was computed from pictures rather than measured; such depth has speckles.
    """

    name: str
    kind: str
    scale: float
    shift: float = 0.0
    shift_by_scene: Mapping[str, float] = field(default_factory=dict)
    licence: str = ""
    synthetic: bool = False
    estimated_by: str = ""


@dataclass(frozen=True)
class RgbdPair:
    """One photo with depth, not yet read.

    Attributes
    ----------
    source : RgbdSource
    scene, identifier : str
    photo_path, depth_path : Path
    """

    source: RgbdSource
    scene: str
    identifier: str
    photo_path: Path
    depth_path: Path

    @property
    def key(self) -> str:
        """``source/scene``: the unit of splitting and weighting."""
        return f"{self.source.name}/{self.scene}"


def read_source(folder: Path) -> RgbdSource:
    """Read a source's ``source.json``.

    Parameters
    ----------
    folder : Path
        The source's folder.

    Returns
    -------
    RgbdSource

    Raises
    ------
    DepthError
        If the file is missing, is no JSON, or names an unknown kind.
    """
    path = folder / "source.json"
    try:
        record: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        source = RgbdSource(
            name=folder.name,
            kind=str(record["kind"]),
            scale=float(record["scale"]),
            shift=float(record.get("shift") or 0.0),
            shift_by_scene={k: float(v or 0.0) for k, v in (record.get("shift_by_scene") or {}).items()},
            licence=str(record.get("licence", "")),
            synthetic=bool(record.get("synthetic", False)),
            estimated_by=str(record.get("estimated_by") or ""),
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise DepthError(f"{path} does not describe a source (needs at least kind and scale): {error}") from error
    if source.kind not in KINDS:
        raise DepthError(f"{path} names the depth kind {source.kind!r}; known are {', '.join(KINDS)}")
    return source


def index_folder(root: str | Path) -> list[RgbdPair]:
    """List every pair under a root, sorted by source, scene and id.

    ``index.csv`` is used where it exists (columns source, scene, id); otherwise the folders are walked.

    Parameters
    ----------
    root : path
        Folder that holds the source folders.

    Returns
    -------
    list of RgbdPair

    Raises
    ------
    ParameterError
        If nothing of the expected layout is found; the message shows the layout.
    DepthError
        If the index or a source's description is damaged.
    """
    root = Path(root)
    index = root / "index.csv"
    keys: list[tuple[str, str, str]] = []
    if index.is_file():
        with index.open(newline="", encoding="utf-8") as stream:
            try:
                keys = [(row["source"], row["scene"], row["id"]) for row in csv.DictReader(stream)]
            except (KeyError, UnicodeDecodeError, csv.Error) as error:
                raise DepthError(f"{index} is no index of pairs (needs the columns source, scene and id)") from error
    elif root.is_dir():
        for path in root.glob("*/*/*.depth.png"):
            keys.append((path.parts[-3], path.parts[-2], path.name.removesuffix(".depth.png")))
    if not keys:
        raise ParameterError(f"no RGB-D pairs under {root}; expected {_LAYOUT} (--data ROOT)")
    sources: dict[str, RgbdSource] = {}
    pairs = []
    for name, scene, identifier in sorted(keys):
        if name not in sources:
            sources[name] = read_source(root / name)
        folder = root / name / scene
        photo, depth = folder / f"{identifier}.jpg", folder / f"{identifier}.depth.png"
        pairs.append(RgbdPair(sources[name], scene, identifier, photo, depth))
    return pairs


def inverse_depth(stored: npt.NDArray[np.integer[Any]], source: RgbdSource, scene: str = "") -> npt.NDArray[np.float32]:
    """Turn stored PNG integers into inverse depth.

    Parameters
    ----------
    stored : integer array (h, w)
        0 is unknown.
    source : RgbdSource
    scene : str
        For shifts that differ by scene.

    Returns
    -------
    float32 array (h, w)
        Near is large, NaN is unknown. In 1/m for metric and phone depth; up to a positive scale for
        disparities whose shift is known; up to scale and shift otherwise. ``relative_depth`` becomes its
        reciprocal, which keeps the order only.
    """
    value = np.where(stored > 0, stored.astype(np.float64) * source.scale, np.nan)
    if source.kind == "metric_depth_mm":
        value = 1000.0 / value
    elif source.kind == "relative_depth":
        value = 1.0 / value
    else:
        value = value + (source.shift or source.shift_by_scene.get(scene, 0.0))
    return value.astype(np.float32)


def read_pair(pair: RgbdPair) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.float32]]:
    """Read a photo and its inverse depth.

    Parameters
    ----------
    pair : RgbdPair

    Returns
    -------
    photo : uint8 array (h, w, 3)
        sRGB.
    inverse : float32 array (h, w)
        Near is large, NaN is unknown.

    Raises
    ------
    DepthError
        If a file is missing or broken, or the two differ in size.
    """
    try:
        with Image.open(pair.photo_path) as image:
            photo = np.asarray(image.convert("RGB"))
        with Image.open(pair.depth_path) as image:
            stored = np.asarray(image)
    except (OSError, ValueError) as error:
        raise DepthError(f"{pair.key}/{pair.identifier} cannot be read: {error}") from error
    if stored.ndim != 2 or stored.shape != photo.shape[:2]:
        raise DepthError(f"{pair.key}/{pair.identifier}: the depth is {stored.shape}, its photo {photo.shape[:2]}")
    return photo, inverse_depth(stored, pair.source, pair.scene)
