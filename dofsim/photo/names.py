"""What files of photos are called."""

from __future__ import annotations

from pathlib import PurePath

# HEIC is read by few programs besides the phone's own, so a HEIC photo becomes a JPEG unless somebody says otherwise.
_SUFFIX_OF = {".heic": ".jpg", ".heif": ".jpg", ".hif": ".jpg"}
_WRITABLE = {".jpg", ".jpeg", ".png", ".tif", ".tiff", ".webp", ".avif"}
PHOTO_SUFFIXES = frozenset((*_WRITABLE, *_SUFFIX_OF))
"""Endings, in lower case, of the files that are taken for photos where a whole folder is given."""


def suffix_for(photo: PurePath) -> str:
    """File suffix that a result gets by default: the photo's own where that is commonly readable, else ``.jpg``.

    Parameters
    ----------
    photo : PurePath
        The input.

    Returns
    -------
    str
        With its dot, in lower case.
    """
    suffix = photo.suffix.lower()
    return suffix if suffix in _WRITABLE else _SUFFIX_OF.get(suffix, ".jpg")
