"""What every layout of a data set on disk can tell of itself, and how its frames are read."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from dofsim.depth.depth_map import DepthKind

Photo = npt.NDArray[np.uint8]
Depth = npt.NDArray[np.float32]

#: Parts of a data set. ``trainval`` is ``train`` and ``val`` together: the official training part where there is one.
SPLITS = ("train", "val", "trainval", "test", "all")
#: Kinds by the number that files and batches hold.
KINDS = (DepthKind.METRIC, DepthKind.INVERSE, DepthKind.RELATIVE)


@dataclass(frozen=True)
class Entry:
    """What is known of a frame before it is read.

    Attributes
    ----------
    dataset, scene, identifier, scene_type, kind
        As in :class:`~dofsim.datasets.frames.Frame`.
    place : object
        Where the reader finds it: paths, or a number.
    millimetres : bool
        Whether the depth is stored in whole millimetres up to 65,535.
    """

    dataset: str
    scene: str
    identifier: str
    place: Any
    kind: DepthKind = DepthKind.METRIC
    scene_type: str | None = None
    millimetres: bool = False

    @property
    def name(self) -> str:
        """``scene/identifier``."""
        return f"{self.scene}/{self.identifier}"


class Reader(ABC):
    """A layout on disk: how to recognise it, what it holds, and how to read a frame of it.

    Parameters
    ----------
    root : path
        Folder or file of the data set.
    raw : bool
        Take the depth as the sensor saw it, with holes, where the data set also has one with the holes filled in.
    """

    #: Name for ``--dataset``.
    name: ClassVar[str]
    #: One line for humans.
    title: ClassVar[str]
    #: The expected tree, as text.
    tree: ClassVar[str]
    #: Where the owners publish the data; empty for data of the user's own.
    origin: ClassVar[str] = ""

    def __init__(self, root: Path, *, raw: bool = False) -> None:
        self.root = root
        self.raw = raw
        #: What the layout was opened with, for the record.
        self.options: dict[str, Any] = {"raw": raw}

    @classmethod
    @abstractmethod
    def recognise(cls, root: Path) -> bool:
        """Whether the layout is found at a root, by names alone or by the head of one file."""

    @abstractmethod
    def entries(self, split: str) -> list[Entry]:
        """The entries of one of :data:`SPLITS`, in an order that never changes; may be empty.

        Those of ``"all"`` are the same objects as those of the parts.

        Raises
        ------
        DepthError
            If the data set is damaged, or misses what tells its parts apart; :meth:`missing` then says the same.
        """

    @abstractmethod
    def read(self, entry: Entry) -> tuple[Photo, Depth]:
        """Read a frame: uint8 (h, w, 3) and float32 (h, w) in the unit of the entry's kind; unknown may be 0 or NaN.

        Raises
        ------
        DepthError, OSError, ValueError, KeyError
            If it cannot be read.
        """

    def notes(self) -> list[str]:
        """What was found, one line each."""
        return []

    def missing(self) -> list[str]:
        """What is missing or does not fit together, one line each."""
        return []
