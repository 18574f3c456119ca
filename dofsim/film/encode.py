"""New pictures of a clip as packets of H.264 or H.265: what time stamps, colour tags and shape of pixels say stays.

A rotation that the file only states was carried out when it was read, so the result needs to state none.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from dofsim.errors import OutputError
from dofsim.film._av import SCALING_THREADS, first_line, require_av

if TYPE_CHECKING:
    from dofsim.film.clip import Clip, Moment, Pixels

_UNSPECIFIED = 2


@dataclass(frozen=True)
class Packets:
    """Encoded frames, in the order of decoding; the first one can be decoded without any other.

    Attributes
    ----------
    data : uint8 array, shape (N,)
        The packets, one after the other.
    sizes : int64 array, shape (n,)
        Bytes of each.
    pts, durations : int64 array, shape (n,)
        Time stamp and length of each, in units of the clip's time base; a length of 0 is unknown.
    keys : bool array, shape (n,)
        Whether it can be decoded without any other.
    """

    data: npt.NDArray[np.uint8]
    sizes: npt.NDArray[np.int64]
    pts: npt.NDArray[np.int64]
    durations: npt.NDArray[np.int64]
    keys: npt.NDArray[np.bool_]


def codec_of(clip: Clip) -> str:
    """FFmpeg's name of the encoder of a clip's result: H.265 where the clip has more than 8 bits, else H.264."""
    return "libx265" if clip.deep else "libx264"


def set_up(context: Any, clip: Clip, width: int, height: int, crf: int) -> None:
    """Let a codec context encode like a clip.

    Parameters
    ----------
    context : av.VideoCodecContext
        Of :func:`codec_of`, not yet open.
    clip : Clip
    width, height : int
        Of the upright picture, px.
    crf : int
        Constant rate factor, 0..51.
    """
    source = clip.stream.codec_context
    context.options = {"crf": str(crf), "preset": "fast"} | ({"x265-params": "log-level=error"} if clip.deep else {})
    context.height, context.width = height, width
    context.pix_fmt = "yuv420p10le" if clip.deep else "yuv420p"
    context.framerate, context.time_base = clip.rate, clip.stream.time_base
    context.color_primaries, context.color_trc = source.color_primaries, source.color_trc
    context.colorspace = source.colorspace if source.colorspace != _UNSPECIFIED else clip.matrix
    context.color_range = clip.range
    ratio = source.sample_aspect_ratio
    if ratio and ratio != 1 and math.isfinite(ratio):
        sideways = (source.width > source.height) != (width > height)
        context.sample_aspect_ratio = 1 / ratio if sideways else ratio


class Encoder:
    """Encodes frames that follow each other into packets that need no frame before them.

    Parameters
    ----------
    clip : Clip
        Whose frames they stand for.
    crf : int
        Constant rate factor, 0..51; small is fine.
    """

    def __init__(self, clip: Clip, crf: int) -> None:
        self._av = require_av()
        self._clip, self._crf = clip, crf
        self._context: Any = None
        self._packets: list[Any] = []

    def encode(self, moment: Moment, pixels: Pixels) -> None:
        """Encode a frame at the time of a moment.

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
            if self._context is None:
                self._context = av.CodecContext.create(codec_of(self._clip), "w")
                set_up(self._context, self._clip, pixels.shape[1], pixels.shape[0], self._crf)
                # Parameters of the stream stand in the head of the file and not before every key frame.
                self._context.flags |= av.codec.context.Flags.global_header
            name = "rgb48le" if pixels.dtype == np.uint16 else "rgb24"
            frame = av.VideoFrame.from_ndarray(pixels, format=name).reformat(
                format=self._context.pix_fmt,
                dst_colorspace=self._clip.matrix,
                dst_color_range=self._clip.range,
                threads=SCALING_THREADS,
            )
            frame.pts, frame.time_base = moment.pts, self._clip.stream.time_base
            self._packets += self._context.encode(frame)
        except av.error.FFmpegError as error:
            raise OutputError(f"a frame cannot be encoded ({first_line(error)})") from error

    def finish(self) -> Packets:
        """The packets of all frames; the next frame begins anew.

        Raises
        ------
        OutputError
            If they cannot be encoded.
        """
        try:
            packets = [*self._packets, *self._context.encode(None)]
        except self._av.error.FFmpegError as error:
            raise OutputError(f"a frame cannot be encoded ({first_line(error)})") from error
        self._context, self._packets = None, []
        return Packets(
            np.frombuffer(b"".join(bytes(packet) for packet in packets), np.uint8),
            np.array([packet.size for packet in packets], np.int64),
            np.array([packet.pts for packet in packets], np.int64),
            np.array([packet.duration or 0 for packet in packets], np.int64),
            np.array([packet.is_keyframe for packet in packets], np.bool_),
        )
