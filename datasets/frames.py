"""Photos with known depth as one sequence, whatever layout they lie in on disk.

:func:`open_frames` recognises the layout; a :class:`Frames` then knows every frame's scene and name without reading
it, and reads one when it is asked for. It may be pickled and used after a fork, as data loaders do.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, overload

import numpy as np
import numpy.typing as npt

from dofsim.datasets.reader import KINDS, SPLITS, Depth, Entry, Photo, Reader
from dofsim.depth.depth_map import DepthKind
from dofsim.errors import DepthError, FrameError, ParameterError

__all__ = ["KINDS", "SPLITS", "BadFrame", "Frame", "Frames", "open_frames"]


@dataclass(frozen=True, eq=False)
class Frame:
    """One photo with its depth.

    Attributes
    ----------
    photo : uint8 (h, w, 3)
        sRGB.
    depth : float32 (h, w)
        NaN is unknown, and at least one pixel is known. Metres, above 0, where ``kind`` is ``METRIC``; otherwise
        inverse depth, where near is large (1/m for ``INVERSE``, any scale and shift for ``RELATIVE``).
    kind : DepthKind
    dataset : str
        Name of the data set, such as ``"nyu"``; a packed frame keeps that of its origin.
    scene, identifier : str
        Frames of one scene are near copies: split and weigh by scene.
    scene_type : str or None
        What the scene is, such as ``"kitchen"``, where the data set says so.
    """

    photo: Photo
    depth: Depth
    kind: DepthKind
    dataset: str
    scene: str
    identifier: str
    scene_type: str | None = None

    @property
    def name(self) -> str:
        """``scene/identifier``."""
        return f"{self.scene}/{self.identifier}"

    @property
    def known(self) -> npt.NDArray[np.bool_]:
        """Where the depth is known, bool (h, w)."""
        return np.isfinite(self.depth)


@dataclass(frozen=True)
class BadFrame:
    """A frame that was skipped, and why."""

    name: str
    reason: str


class Frames(Sequence[Frame]):
    """A sequence of frames that are read when they are asked for.

    Parameters
    ----------
    reader : Reader
    entries : sequence of Entry
    bad : sequence of BadFrame
        Frames that are left out of ``entries`` because they cannot be used.
    """

    def __init__(self, reader: Reader, entries: Sequence[Entry], bad: Sequence[BadFrame] = ()) -> None:
        self.reader = reader
        self.entries = tuple(entries)
        self.bad = tuple(bad)

    def __len__(self) -> int:
        return len(self.entries)

    @overload
    def __getitem__(self, index: int) -> Frame: ...

    @overload
    def __getitem__(self, index: slice) -> Frames: ...

    def __getitem__(self, index: int | slice) -> Frame | Frames:
        """Read a frame; a slice gives a shorter sequence.

        Raises
        ------
        FrameError
            If the frame cannot be used: a file is missing or broken, photo and depth differ in size, or no pixel's
            depth is known. The message names the frame.
        """
        if isinstance(index, slice):
            return Frames(self.reader, self.entries[index], self.bad)
        entry = self.entries[index]
        try:
            photo, depth = self.reader.read(entry)
        except DepthError as error:
            said = str(error)
            raise FrameError(said if entry.name in said else f"{entry.name}: {said}") from error
        except Exception as error:
            raise FrameError(f"{entry.name} cannot be read: {' '.join(str(error).split())}") from error
        return _checked(photo, depth, entry)

    @property
    def keys(self) -> list[tuple[str, str]]:
        """(scene, identifier) of every frame."""
        return [(entry.scene, entry.identifier) for entry in self.entries]

    @property
    def scenes(self) -> list[str]:
        """Scene of every frame."""
        return [entry.scene for entry in self.entries]

    @property
    def scene_types(self) -> list[str | None]:
        """Scene type of every frame; None where the data set names none."""
        return [entry.scene_type for entry in self.entries]

    @property
    def kinds(self) -> list[DepthKind]:
        """Kind of every frame's depth."""
        return [entry.kind for entry in self.entries]

    def select(self, indices: Sequence[int]) -> Frames:
        """The frames of some indices, in that order."""
        return Frames(self.reader, [self.entries[index] for index in indices], self.bad)

    def readable(self, on_bad: Callable[[BadFrame], None] | None = None) -> Iterator[tuple[int, Frame]]:
        """Read frame after frame and yield (index, frame).

        Parameters
        ----------
        on_bad : callable, optional
            Called with each frame that cannot be used, which is then skipped; without it the first one is fatal.

        Raises
        ------
        FrameError
            As ``frames[index]``, without ``on_bad``.
        """
        for index, entry in enumerate(self.entries):
            try:
                frame = self[index]
            except FrameError as error:
                if on_bad is None:
                    raise
                on_bad(BadFrame(entry.name, str(error)))
                continue
            yield index, frame

    def without_bad(self, on_frame: Callable[[], None] = lambda: None) -> Frames:
        """Read every frame once and leave out those that cannot be used; they are listed in ``bad``.

        Parameters
        ----------
        on_frame : callable, optional
            Called after each frame, for a progress bar.

        Returns
        -------
        Frames

        Raises
        ------
        DepthError
            If none is left.
        """
        bad: list[BadFrame] = []
        good = []
        for index in range(len(self)):
            try:
                self[index]
            except FrameError as error:
                bad.append(BadFrame(self.entries[index].name, str(error)))
            else:
                good.append(index)
            on_frame()
        if bad and not good:
            raise DepthError(f"none of the {len(self)} frames can be used; the first: {bad[0].reason}")
        return Frames(self.reader, [self.entries[index] for index in good], (*self.bad, *bad))


def open_frames(
    root: str | Path,
    dataset: str = "auto",
    split: str = "train",
    *,
    raw: bool = False,
    skip_bad: bool = False,
    **options: Any,
) -> Frames:
    """Open a data set.

    Parameters
    ----------
    root : path
        Its folder, or the file of a packed one.
    dataset : str
        ``"nyu"``, ``"nyu-h5"``, ``"nyu-png"``, ``"diml"``, ``"diml-report"``, ``"folder"``, ``"side-by-side"``,
        ``"packed"``, or ``"auto"``, which recognises it.
    split : str
        One of :data:`SPLITS`. Where a data set has no validation part of its own, a seeded tenth of its training
        scenes is one.
    raw : bool
        Depth as the sensor saw it, with holes, instead of filled in, where there are both (NYU, DIML indoor).
    skip_bad : bool
        Read every frame once and leave out those that cannot be used (see :meth:`Frames.without_bad`); otherwise
        such a frame raises when it is read.
    **options
        Of the layout's own: ``resolution`` (``"HR"`` or ``"LR"``) and ``confidence`` (0..1) for DIML.

    Returns
    -------
    Frames

    Raises
    ------
    ParameterError
        If the layout is not found (the message shows the expected tree and where the owners publish the data), or
        ``dataset``, ``split`` or an option is unknown.
    DepthError
        If the data set is damaged or the split is empty.
    """
    from dofsim.datasets.recognise import open_reader

    if split not in SPLITS:
        raise ParameterError(f"unknown split {split!r}; use one of {', '.join(SPLITS)} (--split test)")
    reader = open_reader(root, dataset, raw=raw, **options)
    entries = reader.entries(split)
    if not entries:
        counts = {name: len(reader.entries(name)) for name in SPLITS if name != split}
        held = ", ".join(f"{name} {count}" for name, count in counts.items() if count) or "no split has any"
        raise DepthError(f"the split {split!r} of {root} ({reader.name}) has no frames; there are: {held} (--split)")
    frames = Frames(reader, entries)
    return frames.without_bad() if skip_bad else frames


def _checked(photo: Photo, depth: Depth, entry: Entry) -> Frame:
    """Make a frame of what was read, or say what is wrong with it."""
    if photo.ndim != 3 or photo.shape[2] != 3 or photo.dtype != np.uint8 or photo.size == 0:
        raise FrameError(f"{entry.name}: the photo is {photo.shape} {photo.dtype}, not 8-bit RGB")
    if depth.shape != photo.shape[:2]:
        raise FrameError(f"{entry.name}: the depth is {_size(depth)}, its photo {_size(photo)} px")
    depth = np.array(depth, np.float32)
    unknown = ~np.isfinite(depth)
    if entry.kind is DepthKind.METRIC:
        unknown |= ~(depth > 0)
    elif entry.kind is DepthKind.INVERSE:
        unknown |= ~(depth >= 0)
    depth[unknown] = np.nan
    if unknown.all():
        raise FrameError(f"{entry.name}: no pixel has a known depth (all of them are 0 or NaN)")
    return Frame(photo, depth, entry.kind, entry.dataset, entry.scene, entry.identifier, entry.scene_type)


def _size(array: npt.NDArray[Any]) -> str:
    return "x".join(map(str, array.shape[1::-1])) if array.ndim in (2, 3) else str(array.shape)
