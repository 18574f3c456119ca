"""H.264 in MP4 out of frames, with PyAV."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

from dofsim.errors import OutputError
from dofsim.files import atomic_path
from dofsim.film._av import SCALING_THREADS, first_line, require_av

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable

    from dofsim.film.frames import Frame

BT709 = 1
"""Number of BT.709 in ITU-T H.273: of its primaries, of its curve and of its matrix."""


def exact_rate(fps: float) -> Fraction:
    """The frame rate that is meant: 23.976 is 24000/1001, and so on for television's other rates."""
    whole = round(fps)
    television = Fraction(whole * 1000, 1001)
    return television if abs(float(television) - fps) < 2e-3 else Fraction(fps).limit_denominator(1000)


def write_movie(path: str | os.PathLike[str], frames: Iterable[Frame], fps: float, *, crf: int = 18) -> None:
    """Write an MP4 that players of any age read: H.264, 8 bits, BT.709; whole or not at all.

    Parameters
    ----------
    path : path
        Ends with ``.mp4``, ``.m4v`` or ``.mov``.
    frames : iterable of uint8 array, shape (H, W, 3)
        sRGB, all of one size, of even sides; taken one after the other.
    fps : float
        Frames per second.
    crf : int
        x264's constant rate factor, 0..51, small is fine.

    Raises
    ------
    MissingExtraError
        If PyAV is not installed.
    OutputError
        If the file cannot be written.
    """
    av = require_av()
    rate = exact_rate(fps)
    with atomic_path(path) as temporary:
        try:
            with av.open(str(temporary), "w", options={"movflags": "+faststart"}) as container:
                stream = None
                for pixels in frames:
                    if stream is None:
                        stream = container.add_stream("libx264", rate=rate, options={"crf": str(crf)})
                        stream.height, stream.width = pixels.shape[:2]
                        stream.pix_fmt = "yuv420p"
                        context = stream.codec_context
                        context.color_primaries = context.color_trc = context.colorspace = BT709
                        context.color_range = av.video.reformatter.ColorRange.MPEG
                    frame = av.VideoFrame.from_ndarray(pixels, format="rgb24").reformat(
                        format="yuv420p", dst_colorspace="ITU709", dst_color_range="MPEG", threads=SCALING_THREADS
                    )
                    container.mux(stream.encode(frame))
                if stream is not None:
                    container.mux(stream.encode(None))
        except av.error.FFmpegError as error:
            raise OutputError(f"{path} cannot be written ({first_line(error)})") from error
