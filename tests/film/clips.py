"""Clips that the tests write themselves."""

from __future__ import annotations

import struct
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from dofsim.depth import DepthKind, DepthMap

WIDTH, HEIGHT = 96, 64
TIMES = (0, 1000, 2000, 5000, 5500, 9000)
"""Time stamps of a variable frame rate, in 1/12000 s."""


def picture(index: int, colour: tuple[int, int, int] = (200, 60, 40)) -> np.ndarray:
    """A square that moves to the right over a smooth ground, uint8 (64, 96, 3)."""
    x, y = np.meshgrid(np.linspace(0, 1, WIDTH), np.linspace(0, 1, HEIGHT))
    frame = np.stack((60 + 60 * x, 80 + 60 * y, 100 + 0 * x), axis=2)
    frame[20:44, 10 + 4 * index : 34 + 4 * index] = colour
    return frame.astype(np.uint8)


def write_clip(
    path: Path, *, sound: bool = True, pix_fmt: str = "yuv420p", codec: str = "libx264", trc: int = 1,
    frames: list[np.ndarray] | None = None, times: tuple[int, ...] = TIMES, rate: int = 12,
) -> Path:  # fmt: skip
    """Write frames at the given times, with a tone of half a second."""
    import av

    frames = [picture(index) for index in range(len(times))] if frames is None else frames
    options = {"crf": "10"} | ({"x265-params": "log-level=error"} if codec == "libx265" else {})
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream(codec, rate=rate, options=options)
        stream.height, stream.width = frames[0].shape[:2]
        stream.pix_fmt = pix_fmt
        context = stream.codec_context
        context.time_base = stream.time_base = Fraction(1, 12000)
        context.color_primaries, context.color_trc, context.colorspace, context.color_range = 1, trc, 1, 1
        if sound:
            tone: Any = container.add_stream("aac", rate=16000)
            tone.layout = "mono"
            wave = np.sin(np.arange(8000) * 0.2).astype(np.float32)
            for start in range(0, 7168, 1024):
                block = av.AudioFrame.from_ndarray(wave[None, start : start + 1024], format="fltp", layout="mono")
                block.sample_rate, block.pts, block.time_base = 16000, start, Fraction(1, 16000)
                container.mux(tone.encode(block))
        for pixels, time in zip(frames, times, strict=True):
            frame = av.VideoFrame.from_ndarray(pixels, format="rgb24").reformat(
                format=pix_fmt, dst_colorspace="ITU709", dst_color_range="MPEG", threads=1
            )
            frame.pts, frame.time_base = time, Fraction(1, 12000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
        if sound:
            container.mux(tone.encode(None))
    return path


def quick_depth(pixels: np.ndarray, **_: object) -> DepthMap:
    """In place of a network, where what it sees does not matter: what is bright is near."""
    import cv2

    small = cv2.resize(pixels, (64, 48), interpolation=cv2.INTER_AREA)
    return DepthMap(small.mean(axis=2, dtype=np.float32) / 255, DepthKind.RELATIVE, "estimator")


def turn_quarter(path: Path) -> None:
    """Let an MP4 state that its picture is to be turned a quarter clockwise, as phones held upright do."""
    data = bytearray(path.read_bytes())
    at = data.index(b"tkhd") + 4 + 40
    one = 1 << 16
    data[at : at + 36] = struct.pack(">9i", 0, one, 0, -one, 0, 0, HEIGHT * one, 0, 1 << 30)
    path.write_bytes(bytes(data))
