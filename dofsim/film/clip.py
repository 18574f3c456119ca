"""Clips, read a frame at a time: upright RGB with its time, and the sound as it is."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import numpy.typing as npt

from dofsim.errors import PhotoError
from dofsim.files import require_regular
from dofsim.film._av import SCALING_THREADS, first_line, require_av

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator
    from fractions import Fraction
    from types import TracebackType

Pixels = npt.NDArray[np.uint8] | npt.NDArray[np.uint16]

# Numbers of ITU-T H.273.
_HDR_CURVES = {16: "HDR10 (PQ)", 18: "HLG"}
_BT709, _BT601, _BT2020 = 1, 5, 9
_MATRICES = {1: _BT709, 4: 4, 5: _BT601, 6: _BT601, 7: 7, 9: _BT2020}
_HD_ROWS = 720
# Formats that name other files, which nobody gave.
_LISTS = ("concat", "dash", "hls", "imf")


@dataclass(frozen=True)
class Moment:
    """A frame of a clip.

    Attributes
    ----------
    pixels : uint8 or uint16 array, shape (H, W, 3)
        RGB, upright, in the clip's own primaries and curve; uint16 where the clip has more than 8 bits.
    pts : int
        Time stamp, in units of the clip's time base.
    seconds : float
        The same in seconds.
    """

    pixels: Pixels
    pts: int
    seconds: float


class Clip:
    """A clip that is read; used as a context.

    Parameters
    ----------
    source : path
        Anything that FFmpeg reads, with 8 to 16 bits per channel and standard dynamic range.

    Attributes
    ----------
    deep : bool
        Whether it has more than 8 bits per channel.
    matrix : int
        Its matrix from RGB to luma and chroma, as FFmpeg's scaler numbers them; guessed from the size where the clip
        does not tell.
    range : int
        1: limited range (16..235), 2: full.

    Raises
    ------
    MissingExtraError
        If PyAV is not installed.
    PhotoError
        If the clip cannot be read, has no picture, or is HDR.
    """

    deep: bool
    matrix: int
    range: int

    def __init__(self, source: str | os.PathLike[str]) -> None:
        self._av = require_av()
        self._source = Path(source)
        self._stack = ExitStack()
        self._last_pts: int | None = None

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            self._input = stack.enter_context(self._open())
            if not self._input.streams.video:
                raise PhotoError(f"{self._source} has no picture; give a video")
            self.stream = self._input.streams.video[0]
            self._check(self.stream.codec_context)
            self.stream.thread_type = "AUTO"
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.__exit__(kind, error, trace)

    @property
    def frames(self) -> int | None:
        """How many frames there are, where the file says so or its length and rate do."""
        if self.stream.frames:
            return int(self.stream.frames)
        if self.stream.duration and self.stream.average_rate:
            return max(1, round(float(self.stream.duration * self.stream.time_base * self.stream.average_rate)))
        return None

    @property
    def rate(self) -> Fraction | int:
        """Frames per second, on average; 25 where the file does not tell."""
        return self.stream.average_rate or 25

    @property
    def sounds(self) -> tuple[Any, ...]:
        """Its streams of sound."""
        return tuple(self._input.streams.audio)

    @property
    def notes(self) -> tuple[str, ...]:
        """What the user should know, a sentence each."""
        kinds = {stream.type for stream in self._input.streams} - {"video", "audio"}
        left = [f"its {kind} streams are left out" for kind in sorted(kinds)]
        if len(self._input.streams.video) > 1:
            left.append("of its pictures only the first is kept")
        return tuple(left)

    def moments(self, start: int = 0) -> Iterator[Moment]:
        """Frames in the order in which they are shown.

        Parameters
        ----------
        start : int
            Number of the first one that is wanted. Those before it are decoded, for what they are is what later ones
            differ from, but no more.

        Raises
        ------
        PhotoError
            If the clip is damaged, holds no frame, or changes its size.
        """
        shown = 0
        size: tuple[int, int] | None = None
        try:
            for frame in self._input.decode(self.stream):
                size = size or (frame.width, frame.height)
                if size != (frame.width, frame.height):
                    raise PhotoError(
                        f"the picture of {self._source} changes its size after {shown} frames; "
                        "give its parts one by one"
                    )
                pts = self._time(frame)
                shown += 1
                if shown > start:
                    yield self._moment(frame, pts)
        except self._av.error.FFmpegError as error:
            raise PhotoError(f"{self._source} is damaged after {shown} frames ({first_line(error)})") from error
        if not shown:
            raise PhotoError(f"{self._source} holds no frame")

    def sound(self) -> Iterator[Any]:
        """Packets of all its sound, from the beginning, as the file has them.

        Raises
        ------
        PhotoError
            If the clip is damaged.
        """
        if not self.sounds:
            return
        with self._open() as again:
            try:
                for packet in again.demux(again.streams.audio):
                    if packet.dts is not None:
                        yield packet
            except self._av.error.FFmpegError as error:
                raise PhotoError(f"the sound of {self._source} is damaged ({first_line(error)})") from error

    def _open(self) -> Any:
        try:
            require_regular(self._source)
            container = self._av.open(str(self._source))
        except FileNotFoundError:
            raise PhotoError(f"there is no file {self._source}") from None
        except (self._av.error.FFmpegError, OSError, ValueError) as error:
            raise PhotoError(f"{self._source} cannot be read as a clip ({first_line(error)})") from error
        if container.format.name in _LISTS:
            container.close()
            raise PhotoError(f"{self._source} is a list of other files and no clip; give one of them")
        return container

    def _check(self, context: Any) -> None:
        if context.color_trc in _HDR_CURVES:
            raise PhotoError(
                f"{self._source} is an HDR clip, {_HDR_CURVES[context.color_trc]}, and dofsim works in standard "
                "dynamic range; convert it first (ffmpeg's zscale and tonemap filters do)"
            )
        if context.format is None or not context.width:
            raise PhotoError(f"{self._source} has a picture of a codec that is not known here")
        components = context.format.components
        self.deep = max(component.bits for component in components) > 8
        hd = max(context.height, context.width) >= _HD_ROWS
        guess = _BT709 if hd else _BT601
        self.matrix = _MATRICES.get(context.colorspace, guess)
        self.range = 2 if context.color_range == 2 or context.format.name.startswith("yuvj") else 1

    def _time(self, frame: Any) -> int:
        """Time stamp of a frame, later than the one before."""
        pts: int | None = frame.pts
        if pts is None:
            step = max(1, round(1 / (self.rate * self.stream.time_base)))
            pts = 0 if self._last_pts is None else self._last_pts + step
        elif self._last_pts is not None and pts <= self._last_pts:
            pts = self._last_pts + 1
        self._last_pts = pts
        return pts

    def _moment(self, frame: Any, pts: int) -> Moment:
        name = "rgb48le" if self.deep else "rgb24"
        picture = frame.reformat(
            format=name, src_colorspace=self.matrix, src_color_range=self.range, threads=SCALING_THREADS
        )
        # Both count quarter turns counterclockwise.
        pixels = np.rot90(picture.to_ndarray(), round(frame.rotation / 90) % 4)
        height, width = pixels.shape[:2]
        # Codecs that halve the resolution of colour want even sides; the odd last line of a rare clip goes.
        even = np.ascontiguousarray(pixels[: height // 2 * 2, : width // 2 * 2])
        return Moment(even, pts, float(pts * self.stream.time_base))
