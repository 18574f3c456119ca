"""A clip out of its encoded parts and the sound of the old one, whole or not at all."""

from __future__ import annotations

import heapq
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from dofsim.errors import OutputError, ParameterError
from dofsim.files import atomic_path
from dofsim.film._av import first_line, require_av
from dofsim.film.encode import codec_of, set_up

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from dofsim.film.clip import Clip
    from dofsim.film.encode import Packets

SUFFIXES = (".mp4", ".m4v", ".mov", ".mkv")

Stamps = npt.NDArray[np.int64]


def check_clip_name(source: Path, out: Path) -> None:
    """Refuse a name that is no clip's, a folder, and the clip itself.

    Raises
    ------
    ParameterError
    """
    if out.suffix.lower() not in SUFFIXES:
        raise ParameterError(f"cannot write {out}: choose one of {', '.join(SUFFIXES)} (-o NAME.mp4)")
    if out.is_dir():
        raise ParameterError(f"{out} is a folder; name a file (-o NAME.mp4)")
    if out.exists() and source.exists() and out.samefile(source):
        raise ParameterError(f"{out} is the clip itself; name another file (-o NAME.mp4)")


def join(clip: Clip, parts: Iterable[Packets], out: Path, *, width: int, height: int, crf: int) -> None:
    """Write parts one after the other, with the clip's sound copied as it is.

    Parameters
    ----------
    clip : Clip
    parts : iterable of Packets
        Gone through twice; one is held at a time.
    out : Path
        ``.mp4``, ``.m4v``, ``.mov`` or ``.mkv``.
    width, height : int
        Of the picture, px.
    crf : int
        That the parts were encoded with.

    Raises
    ------
    OutputError
        If the file cannot be written.
    PhotoError
        If the clip's sound is damaged.
    """
    av = require_av()
    with atomic_path(out) as temporary:
        try:
            with _writing(av, temporary) as container:
                # This encoder encodes nothing; it knows what the head of the file has to say of the stream.
                stream = container.add_stream(codec_of(clip), rate=clip.rate)
                set_up(stream.codec_context, clip, width, height, crf)
                stream.time_base = clip.stream.time_base
                if clip.deep and out.suffix.lower() != ".mkv":
                    # Apple's players take H.265 under this name alone.
                    stream.codec_context.codec_tag = "hvc1"
                sounds = {sound.index: container.add_stream_from_template(sound) for sound in clip.sounds}
                delay = max(_delay(part.pts) for part in parts)
                pictures = _pictures(av, parts, delay, stream, clip.stream.time_base)
                for packet in heapq.merge(pictures, _sound(clip, sounds), key=_seconds):
                    container.mux(packet)
        except av.error.FFmpegError as error:
            raise OutputError(f"{out} cannot be written ({first_line(error)})") from error


def decoding_times(pts: Stamps, before: Stamps, delay: int) -> Stamps:
    """When each packet of a part is to be decoded: as many frames before it is shown as any frame is held back.

    Encoders tell that too, but of their own part alone, and a part's first times would come before the last ones of
    the part before where frames do not follow each other evenly.

    Parameters
    ----------
    pts : int64 array, shape (n,)
        When each is shown, in the order of decoding.
    before : int64 array, shape (delay,), or (0,) for the first part
        The last times of the part before, in order.
    delay : int
        Frames, see :func:`_delay`.

    Returns
    -------
    int64 array, shape (n,)
        Each is later than the one before, and no later than its frame is shown.
    """
    shown = np.sort(pts)
    if before.size < delay:
        lead = max(int(shown[min(delay, shown.size - 1)] - shown[0]), delay)
        before = shown[0] - lead + np.arange(delay) * lead // max(delay, 1)
    return np.concatenate((before, shown))[: shown.size]


def _delay(pts: Stamps) -> int:
    """How many frames that are shown later are decoded before a frame, at most."""
    rank = np.argsort(np.argsort(pts))
    return int(np.max(np.arange(pts.size) - rank))


def _pictures(av: Any, parts: Iterable[Packets], delay: int, stream: Any, time_base: Any) -> Iterator[Any]:
    before = np.zeros(0, np.int64)
    for part in parts:
        times = decoding_times(part.pts, before, delay)
        ends = np.cumsum(part.sizes)
        for index, end in enumerate(ends):
            packet = av.Packet(part.data[end - part.sizes[index] : end].tobytes())
            packet.time_base, packet.stream = time_base, stream
            packet.pts, packet.dts = int(part.pts[index]), int(times[index])
            packet.duration = int(part.durations[index])
            packet.is_keyframe = bool(part.keys[index])
            yield packet
        before = np.concatenate((before, np.sort(part.pts)))[-delay:] if delay else before


def _sound(clip: Clip, sounds: dict[int, Any]) -> Iterator[Any]:
    for packet in clip.sound():
        packet.stream = sounds[packet.stream.index]
        yield packet


def _seconds(packet: Any) -> float:
    return float(packet.dts * packet.time_base)


def _writing(av: Any, place: Path) -> AbstractContextManager[Any]:
    options = {} if place.suffix.lower() == ".mkv" else {"movflags": "+faststart"}
    opened: AbstractContextManager[Any] = av.open(str(place), "w", options=options)
    return opened
