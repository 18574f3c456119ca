"""Refocus a clip: read, find steady depth, follow the focus, render, write, in constant memory."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from dofsim import __version__
from dofsim.errors import ParameterError
from dofsim.film.ahead import ahead
from dofsim.film.clip import Clip
from dofsim.film.direct import Director, Shot
from dofsim.film.encode import Encoder
from dofsim.film.join import check_clip_name, join
from dofsim.film.look import Look
from dofsim.film.parts import Parts

PART_FRAMES = 120
"""Frames of a part. Each begins with a key frame, as x264 would set one after 250 frames at the latest."""
_HASHED_BYTES = 1 << 20


@dataclass(frozen=True)
class ClipSummary:
    """How the refocusing of a clip went.

    Attributes
    ----------
    frames : int
        Of the clip.
    made : int
        Of them, in this run; the others were there.
    width, height : int
        Px, upright.
    cuts : int
        Scene cuts that were found.
    seconds : float
        That it took.
    notes : tuple of str
        What the user should know, a sentence each.
    """

    frames: int
    made: int
    width: int
    height: int
    cuts: int
    seconds: float
    notes: tuple[str, ...]


def refocus_clip(
    source: str | os.PathLike[str],
    out: str | os.PathLike[str],
    look: Look | None = None,
    *,
    crf: int = 18,
    resume: bool = False,
    overwrite: bool = False,
    part_frames: int = PART_FRAMES,
    threads: int | None = None,
    on_start: Callable[[int | None, int], None] | None = None,
    on_frame: Callable[[int], None] | None = None,
) -> ClipSummary:
    """Refocus a clip.

    Every ``part_frames`` frames what is done is written into a folder beside ``out``, ``OUT.parts``, which goes when
    the clip is whole. A run that was stopped, or killed, goes on from there, to the same clip.

    Parameters
    ----------
    source : path
        See :class:`dofsim.film.clip.Clip`.
    out : path
        ``.mp4``, ``.m4v``, ``.mov`` or ``.mkv``: H.264, or H.265 where the clip has more than 8 bits. The sound is
        copied as it is. It is there whole or not at all.
    look : Look, optional
        How; default: as :class:`dofsim.film.look.Look` has it. Grain is not added: it would stand still over the
        moving picture.
    crf : int
        Constant rate factor of the encoder, 0..51; small is fine.
    resume : bool
        Go on with a run that was stopped, if there is one.
    overwrite : bool
        Forget it.
    part_frames : int
        >= 2.
    threads : int, optional
        Of network and renderer; default: all cores.
    on_start : callable, optional
        Called with the number of frames, None where the clip does not tell, and how many of them are done already.
    on_frame : callable, optional
        Called with the index of each frame before it is worked on.

    Returns
    -------
    ClipSummary

    Raises
    ------
    ParameterError
        If something is out of range, or there is a stopped run that nobody mentioned, or one with another look.
    PhotoError, MissingExtraError
        See :class:`dofsim.film.clip.Clip`.
    OutputError
        If the clip or its parts cannot be written.
    DepthError, ModelError
        See :func:`dofsim.prepare`; an f-number takes metric depth.
    """
    look, source, out = look or Look(), Path(source), Path(out)
    if part_frames < 2:
        raise ParameterError(f"a part has at least 2 frames, not {part_frames}")
    check_clip_name(source, out)
    begun = time.perf_counter()
    with (
        Clip(source) as clip,
        Parts(out, _recipe(source, look, crf, part_frames), resume=resume, overwrite=overwrite) as parts,
    ):
        kept = 0 if parts.progress is None else parts.progress.frames
        if on_start is not None:
            on_start(clip.frames, kept)
        director = Director(look, threads, parts.progress, parts.state)
        encoder = Encoder(clip, crf)
        with closing(ahead(director.shots(clip.moments(start=kept)))) as shots:
            shot: Shot | None = None
            for shot in shots:
                if on_frame is not None:
                    on_frame(shot.progress.frames - 1)
                result = shot.scene.render_setting(
                    shot.setting, shape=look.shape, highlights=look.highlights, grain=False, threads=threads
                )
                encoder.encode(shot.moment, result.pixels)
                if shot.progress.frames % part_frames == 0:
                    parts.add(encoder.finish(), shot.progress, shot.state)
            if shot is not None and shot.progress != parts.progress:
                parts.add(encoder.finish(), shot.progress, shot.state)
        done = director.progress
        join(clip, parts, out, width=done.width, height=done.height, crf=crf)
        parts.remove()
        notes = clip.notes
        counted = clip.stream.frames
    if done.frames < counted:
        short = (
            f"the file counts {counted} frames and shows {done.frames}: it is damaged, or was only marked as trimmed"
        )
        notes = (*notes, short)
    if director.lost:
        notes = (*notes, "a scene cut took the subject of --focus-at away; the focus was guessed from there on")
    seconds = time.perf_counter() - begun
    return ClipSummary(done.frames, done.frames - kept, done.width, done.height, done.cuts, seconds, notes)


def _recipe(source: Path, look: Look, crf: int, part_frames: int) -> dict[str, Any]:
    """What a clip depends on, ready for JSON."""
    from importlib.metadata import version

    from dofsim.depth.registry import find_model, sha256_of

    model = find_model(look.model)
    return {
        "dofsim": __version__,
        "av": version("av"),
        "clip": _fingerprint(source),
        "look": {**asdict(look), "focus": str(look.focus), "model": model.sha256 or sha256_of(model.file)},
        "crf": crf,
        "part_frames": part_frames,
    }


def _fingerprint(source: Path) -> str:
    """Of the size of a file, its head and its tail: hashing all of a long clip would take minutes."""
    with source.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        digest = hashlib.sha256(str(size).encode())
        for place in (0, max(size - _HASHED_BYTES, 0)):
            file.seek(place)
            digest.update(file.read(_HASHED_BYTES))
    return digest.hexdigest()
