"""Write a photo: to a temporary file beside the target, which then takes the target's place in one step."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from dofsim.errors import DofsimError, DofsimWarning, OutputError, ParameterError
from dofsim.files import atomic_path, require_folder
from dofsim.photo.decode import quiet
from dofsim.photo.encode import FORMATS, encode
from dofsim.photo.photo import Photo


def write_photo(
    photo: Photo,
    path: str | os.PathLike[str] | None = None,
    *,
    quality: int | None = None,
    overwrite: bool = False,
    finish: Callable[[bytes], bytes] | None = None,
) -> Path:
    """Write a photo with its metadata.

    EXIF, XMP and ICC profile go to the output byte for byte, except for what is no longer true: the orientation
    becomes 1, a stated size follows the picture, the thumbnail shows the new picture, and properties that describe
    depth maps and other pictures stored in the input are left out.

    Parameters
    ----------
    photo : Photo
        The photo.
    path : str, path-like, or None
        The extension decides the format: .jpg, .jpeg, .png, .tif, .tiff, .webp, .heic, .heif, .avif.
        None means the file that the photo came from.
    quality : int or None
        1..100 for the lossy formats; default JPEG and WebP 94, HEIC and AVIF 90.
    overwrite : bool
        Allow to replace the file that the photo was read from. Other existing files are always replaced.
    finish : callable, optional
        Gets the encoded file and gives what is written.

    Returns
    -------
    Path
        The file that was written.

    Raises
    ------
    ParameterError
        On an unknown extension, a quality out of range, transparency in a JPEG, or the input's own path without
        ``overwrite``.
    OutputError
        If the file cannot be written; whatever stood there is untouched.

    Warns
    -----
    DofsimWarning
        If metadata is left out because it is damaged or too long for the format.
    """
    if path is None:
        if photo.path is None:
            raise ParameterError("the photo came from no file; name the output file")
        path = photo.path
    path = Path(path)
    file_format = FORMATS.get(path.suffix.lower())
    if file_format is None:
        raise ParameterError(
            f"the extension {path.suffix!r} of {path.name} is none of the output formats {', '.join(FORMATS)} "
            "(-o NAME.jpg)"
        )
    if photo.path is not None and not overwrite and _same_file(path, photo.path):
        raise ParameterError(f"{path} is the photo itself; name another output file, or allow it with --overwrite")
    try:
        if path.is_dir():
            raise OutputError(f"{path} is a folder; name a file in it (-o FOLDER/NAME.jpg)")
        require_folder(path.parent, path)
    except OSError as error:
        raise OutputError(f"{path} cannot be written: {error.strerror or error}") from None
    left_out: list[str] = []
    try:
        with quiet():
            data = encode(photo, file_format, quality, left_out)
            if finish is not None:
                data = finish(data)
    except DofsimError:
        raise
    except Exception as error:  # encoders raise anything on pictures that they cannot hold
        reason = str(error).strip().splitlines()[0].rstrip(".") if str(error).strip() else type(error).__name__
        raise OutputError(f"{path.name} cannot be written as {file_format} ({reason})") from error
    with atomic_path(path) as temporary:
        temporary.write_bytes(data)
    for sentence in left_out:
        warnings.warn(f"{path.name}: {sentence}", DofsimWarning, stacklevel=3)
    return path


def _same_file(path: Path, other: Path) -> bool:
    with suppress(OSError):
        if path.samefile(other):
            return True
    return path.absolute() == other.absolute()
