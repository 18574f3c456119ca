"""Animated GIF and WebP, a frame at a time, with Pillow."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from PIL import Image

from dofsim.errors import OutputError
from dofsim.files import atomic_path

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable, Iterator

    from dofsim.film.frames import Frame

_GIF_TICK_MS = 10
_WEBP_QUALITY = 85


class _Reel(Image.Image):
    """A picture that Pillow takes for an animation and whose frames are made when it asks for them.

    Pillow wants all frames of a WebP at once otherwise, and at 4K a focus pull of two seconds would take a gigabyte.
    """

    def __init__(self, frames: Iterator[Frame], count: int, palette: Image.Image | None) -> None:
        super().__init__()
        self.n_frames = count
        self.is_animated = True
        self._frames = frames
        self._palette_of = palette
        self._at = -1
        self.seek(0)

    def seek(self, frame: int) -> None:
        """Go to the next frame; going back, which writers do when they have ended, changes nothing."""
        if frame >= self.n_frames:
            raise EOFError
        while self._at < frame:
            picture = Image.fromarray(next(self._frames))
            if self._palette_of is not None:
                picture = picture.quantize(palette=self._palette_of, dither=Image.Dither.FLOYDSTEINBERG)
            self.im, self._mode, self._size = picture.im, picture.mode, picture.size
            self.palette = picture.palette
            self._at += 1

    def tell(self) -> int:
        """Number of the frame that is there now."""
        return self._at


def write_animation(
    path: str | os.PathLike[str], frames: Iterable[Frame], count: int, fps: float, colours: Frame
) -> None:
    """Write an endless GIF or WebP, whole or not at all.

    Parameters
    ----------
    path : path
        Ends with ``.gif`` or ``.webp``.
    frames : iterable of uint8 array, shape (H, W, 3)
        sRGB; taken one after the other, and not kept but for a GIF's 1 byte per pixel.
    count : int
        How many they are.
    fps : float
        Frames per second. A GIF counts in hundredths of a second, so its frames differ by one of them.
    colours : uint8 array, shape (H, W, 3)
        Picture that has the colours of all frames: a GIF's palette is made of it. With a palette for each frame, flat
        areas would flicker.

    Raises
    ------
    OutputError
        If the file cannot be written.
    """
    with atomic_path(path) as temporary:
        gif = temporary.suffix.lower() == ".gif"
        palette = Image.fromarray(colours).quantize(256, method=Image.Quantize.FASTOCTREE) if gif else None
        tick = _GIF_TICK_MS if gif else 1
        times = [round(index * 1000.0 / fps / tick) * tick for index in range(count + 1)]
        durations = [after - before for before, after in pairwise(times)]
        reel = _Reel(iter(frames), count, palette)
        try:
            if gif:
                reel.save(temporary, "GIF", save_all=True, duration=durations, loop=0, optimize=False)
            else:
                reel.save(temporary, "WEBP", save_all=True, duration=durations, loop=0, quality=_WEBP_QUALITY)
        except ValueError as error:
            raise OutputError(f"{path} cannot be written ({error}); make it smaller (--size 640)") from error
