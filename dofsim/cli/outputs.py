"""Where results go: names beside the input, names in a folder, and never onto an input by accident."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from dofsim.errors import OutputError, ParameterError
from dofsim.files import require_folder
from dofsim.photo.names import suffix_for

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


def place_outputs(
    photos: Sequence[Path], out: Path | None, tag: str, *, suffix: str | None = None, option: str = "-o"
) -> list[Path]:
    """Choose an output path for every photo.

    Parameters
    ----------
    photos : sequence of Path
        The inputs.
    out : Path or None
        A file (for one photo), a folder (an existing one, or one to be made: a name without a suffix), or ``None``
        for a name beside each input.
    tag : str
        Goes between name and suffix: ``pug.heic`` becomes ``pug.TAG.jpg``.
    suffix : str, optional
        Suffix of generated names; default: :func:`dofsim.photo.names.suffix_for`.
    option : str
        The option's name, for messages.

    Returns
    -------
    list of Path
        As many as photos, all different.

    Raises
    ------
    ParameterError
        If several photos shall go into one file, or two of them into files of the same name.
    OutputError
        If the folder cannot be made, or that of a file does not exist.
    """
    several = len(photos) > 1
    if out is not None and not _is_folder(out):
        if several:
            raise ParameterError(f"{len(photos)} photos do not fit into one file; give a folder ({option} FOLDER/)")
        require_folder(out.parent, out)
        return [out]
    if out is not None:
        try:
            out.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OutputError(f"cannot make the folder {out}: {error.strerror}") from error
    places = [(out or photo.parent) / f"{photo.stem}.{tag}{suffix or suffix_for(photo)}" for photo in photos]
    for index, place in enumerate(places):
        if place in places[:index]:
            first, second = photos[places.index(place)], photos[index]
            raise ParameterError(
                f"{first} and {second} would both become {place}; render them one at a time ({option} NAME)"
            )
    return places


def refuse_inputs(places: Iterable[Path], inputs: Iterable[Path], *, overwrite: bool) -> None:
    """Stop before an output replaces an input.

    Parameters
    ----------
    places : iterable of Path
        The outputs.
    inputs : iterable of Path
        The photos and depth files that are read.
    overwrite : bool
        Whether the user asked for exactly that.

    Raises
    ------
    OutputError
        If an output is an input and may not be.
    """
    if overwrite:
        return
    inputs = [path for path in inputs if path.exists()]
    for place in places:
        if place.exists() and any(place.samefile(path) for path in inputs):
            raise OutputError(f"{place} is an input; choose another name with -o, or allow it with --overwrite")


def _is_folder(out: Path) -> bool:
    # A result without a suffix would have no format, so such a name can only mean a folder.
    return out.is_dir() or (not out.exists() and not out.suffix)
