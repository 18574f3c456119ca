"""Clips in and out, a frame at a time: upright RGB in, the same clip with other pictures out.

Time stamps, sound, colour tags and sample aspect ratio travel with it; a rotation that the file only states is carried
out, so that the result needs to state none.
"""

from __future__ import annotations

import math
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import numpy.typing as npt

from dofsim.errors import OutputError, ParameterError, PhotoError
from dofsim.files import atomic_path
from dofsim.film._av import first_line, require_av

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator
    from types import TracebackType

Pixels = npt.NDArray[np.uint8] | npt.NDArray[np.uint16]

SUFFIXES = (".mp4", ".m4v", ".mov", ".mkv")
# Numbers of ITU-T H.273.
_HDR_CURVES = {16: "HDR10 (PQ)", 18: "HLG"}
_UNSPECIFIED = 2
_BT709, _BT601, _BT2020 = 1, 5, 9
_MATRICES = {1: _BT709, 4: 4, 5: _BT601, 6: _BT601, 7: 7, 9: _BT2020}
_HD_ROWS = 720


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
    """A clip that is copied frame by frame; used as a context, at whose end the result is there whole or not at all.

    Parameters
    ----------
    source : path
        Anything that FFmpeg reads, with 8 to 16 bits per channel and standard dynamic range.
    out : path
        ``.mp4``, ``.m4v``, ``.mov`` or ``.mkv``: H.264, or H.265 where the clip has more than 8 bits. The sound is
        copied as it is.
    crf : int
        Constant rate factor of the encoder, 0..51; small is fine.

    Raises
    ------
    MissingExtraError
        If PyAV is not installed.
    PhotoError
        If the clip cannot be read, has no picture, or is HDR.
    ParameterError
        If ``out`` has another ending, or is the clip itself.
    OutputError
        If ``out`` cannot be written.
    """

    def __init__(self, source: str | os.PathLike[str], out: str | os.PathLike[str], *, crf: int = 18) -> None:
        self._av = require_av()
        self._source, self._out = Path(source), Path(out)
        if self._out.suffix.lower() not in SUFFIXES:
            raise ParameterError(f"cannot write {out}: choose one of {', '.join(SUFFIXES)}")
        if self._out.exists() and self._source.exists() and self._out.samefile(self._source):
            raise ParameterError(f"{out} is the clip itself; name another output file")
        self._crf = crf
        self._stack = ExitStack()
        self._encoder: Any = None
        self._waiting: list[Any] = []
        self._last_pts: int | None = None

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            try:
                self._input = stack.enter_context(self._av.open(str(self._source)))
            except FileNotFoundError:
                raise PhotoError(f"there is no file {self._source}") from None
            except (self._av.error.FFmpegError, OSError, ValueError) as error:
                raise PhotoError(f"{self._source} cannot be read as a clip ({first_line(error)})") from error
            if not self._input.streams.video:
                raise PhotoError(f"{self._source} has no picture; give a video")
            self._stream = self._input.streams.video[0]
            self._check(self._stream.codec_context)
            self._stream.thread_type = "AUTO"
            temporary = stack.enter_context(atomic_path(self._out))
            self._container = stack.enter_context(self._writing(temporary))
            self._sound = {
                sound.index: self._container.add_stream_from_template(sound) for sound in self._input.streams.audio
            }
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None and self._encoder is not None:
                self._flush()
                self._container.mux(self._encoder.encode(None))
        except self._av.error.FFmpegError as failure:
            failed = OutputError(f"{self._out} cannot be written ({first_line(failure)})")
            self._stack.__exit__(OutputError, failed, None)
            raise failed from failure
        self._stack.__exit__(kind, error, trace)

    @property
    def frames(self) -> int | None:
        """How many frames there are, where the file says so or its length and rate do."""
        if self._stream.frames:
            return int(self._stream.frames)
        if self._stream.duration and self._stream.average_rate:
            return max(1, round(float(self._stream.duration * self._stream.time_base * self._stream.average_rate)))
        return None

    @property
    def notes(self) -> tuple[str, ...]:
        """What the user should know, a sentence each."""
        kinds = {stream.type for stream in self._input.streams} - {"video", "audio"}
        left = [f"its {kind} streams are left out" for kind in sorted(kinds)]
        if len(self._input.streams.video) > 1:
            left.append("of its pictures only the first is kept")
        return tuple(left)

    def moments(self) -> Iterator[Moment]:
        """Frames in the order in which they are shown; sound is copied meanwhile.

        Raises
        ------
        PhotoError
            If the clip is damaged before its first frame.
        """
        wanted = [self._stream, *self._input.streams.audio]
        shown = 0
        try:
            for packet in self._input.demux(wanted):
                if packet.stream.index in self._sound:
                    if packet.dts is not None:
                        packet.stream = self._sound[packet.stream.index]
                        self._waiting.append(packet)
                    # The file's head, which goes before the first packet, has to name the encoder of the pictures.
                    if self._encoder is not None:
                        self._flush()
                    continue
                for frame in packet.decode():
                    shown += 1
                    yield self._moment(frame)
        except self._av.error.FFmpegError as error:
            raise PhotoError(f"{self._source} is damaged after {shown} frames ({first_line(error)})") from error
        if not shown:
            raise PhotoError(f"{self._source} holds no frame")

    def write(self, moment: Moment, pixels: Pixels) -> None:
        """Write a frame at the time of a moment.

        Parameters
        ----------
        moment : Moment
            Later than the last one.
        pixels : array like its pixels

        Raises
        ------
        OutputError
            If it cannot be encoded.
        """
        av = self._av
        try:
            if self._encoder is None:
                self._encoder = self._open_encoder(pixels)
            deep = pixels.dtype == np.uint16
            frame = av.VideoFrame.from_ndarray(pixels, format="rgb48le" if deep else "rgb24").reformat(
                format=self._encoder.pix_fmt, dst_colorspace=self._matrix, dst_color_range=self._range
            )
            frame.pts, frame.time_base = moment.pts, self._stream.time_base
            self._container.mux(self._encoder.encode(frame))
        except av.error.FFmpegError as error:
            raise OutputError(f"{self._out} cannot be written ({first_line(error)})") from error

    def _flush(self) -> None:
        for packet in self._waiting:
            self._container.mux(packet)
        self._waiting.clear()

    def _check(self, context: Any) -> None:
        if context.color_trc in _HDR_CURVES:
            raise PhotoError(
                f"{self._source} is an HDR clip, {_HDR_CURVES[context.color_trc]}, and dofsim works in standard "
                "dynamic range; convert it first (ffmpeg's zscale and tonemap filters do)"
            )
        if context.format is None or not context.width:
            raise PhotoError(f"{self._source} has a picture of a codec that is not known here")
        components = context.format.components
        self._deep = max(component.bits for component in components) > 8
        hd = max(context.height, context.width) >= _HD_ROWS
        guess = _BT709 if hd else _BT601
        self._matrix = _MATRICES.get(context.colorspace, guess)
        # 2 is full range.
        self._range = 2 if context.color_range == 2 or context.format.name.startswith("yuvj") else 1

    def _moment(self, frame: Any) -> Moment:
        name = "rgb48le" if self._deep else "rgb24"
        picture = frame.reformat(format=name, src_colorspace=self._matrix, src_color_range=self._range)
        # Both count quarter turns counterclockwise.
        pixels = np.rot90(picture.to_ndarray(), round(frame.rotation / 90) % 4)
        base = self._stream.time_base
        pts = frame.pts
        if pts is None:
            rate = self._stream.average_rate or 25
            pts = 0 if self._last_pts is None else self._last_pts + max(1, round(1 / (rate * base)))
        elif self._last_pts is not None and pts <= self._last_pts:
            pts = self._last_pts + 1
        self._last_pts = pts
        height, width = pixels.shape[:2]
        # Codecs that halve the resolution of colour want even sides; the odd last line of a rare clip goes.
        return Moment(np.ascontiguousarray(pixels[: height // 2 * 2, : width // 2 * 2]), pts, float(pts * base))

    def _open_encoder(self, pixels: Pixels) -> Any:
        source = self._stream.codec_context
        rate = self._stream.average_rate or 25
        options = {"crf": str(self._crf), "preset": "fast"}
        if self._deep:
            options["x265-params"] = "log-level=error"
        encoder = self._container.add_stream("libx265" if self._deep else "libx264", rate=rate, options=options)
        encoder.height, encoder.width = pixels.shape[:2]
        encoder.pix_fmt = "yuv420p10le" if self._deep else "yuv420p"
        encoder.time_base = encoder.codec_context.time_base = self._stream.time_base
        context = encoder.codec_context
        if self._deep and self._out.suffix.lower() != ".mkv":
            # Apple's players take H.265 under this name alone.
            context.codec_tag = "hvc1"
        context.color_primaries, context.color_trc = source.color_primaries, source.color_trc
        context.colorspace = source.colorspace if source.colorspace != _UNSPECIFIED else self._matrix
        context.color_range = self._range
        ratio = source.sample_aspect_ratio
        if ratio and ratio != 1 and math.isfinite(ratio):
            sideways = (source.width > source.height) != (pixels.shape[1] > pixels.shape[0])
            context.sample_aspect_ratio = 1 / ratio if sideways else ratio
        return encoder

    def _writing(self, place: Path) -> AbstractContextManager[Any]:
        options = {} if place.suffix.lower() == ".mkv" else {"movflags": "+faststart"}
        try:
            container = self._av.open(str(place), "w", options=options)
        except (self._av.error.FFmpegError, OSError) as error:
            raise OutputError(f"{self._out} cannot be written ({first_line(error)})") from error
        opened: AbstractContextManager[Any] = container
        return opened
