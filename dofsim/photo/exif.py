"""EXIF blocks: read two facts, and bring a block up to date in place so that all its other bytes survive.

Maker notes hold offsets from the start of the block, and only their maker knows where; a block that is
parsed and written anew loses them. So tags are overwritten where they stand.
"""

from __future__ import annotations

import io
import struct
from typing import Any

from PIL import Image
from PIL.JpegImagePlugin import JpegImageFile

ORIENTATION = 0x0112
EXIF_IFD = 0x8769
GPS_IFD = 0x8825
FOCAL_LENGTH_35MM = 0xA405
_PIXEL_WIDTH, _PIXEL_HEIGHT = 0xA002, 0xA003
_THUMBNAIL_OFFSET, _THUMBNAIL_LENGTH = 0x0201, 0x0202

# TIFF tags that say how the picture is laid out in its file; they mean nothing in another one.
_LAYOUT_TAGS = frozenset(
    (
        *(*range(254, 267), 273, 274, *range(277, 280), 284, *range(288, 294), 297, 301, *range(317, 326), 330),
        *(332, 334, *range(336, 342), 347, *range(512, 522), *range(529, 533), 700, 34675),
    )
)

_TYPE_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8}


def bare_exif(block: bytes) -> bytes | None:
    r"""Strip the ``Exif\0\0`` that some containers put before the TIFF structure; None if none is left."""
    while block.startswith(b"Exif\0\0"):
        block = block[6:]
    return block if block[:4] in (b"II*\0", b"MM\0*") else None


def exif_of_tiff(tags: Image.Exif) -> bytes | None:
    """EXIF block with those tags of a TIFF file that describe the photo rather than the file's layout."""
    kept = Image.Exif()
    kept.endian = tags.endian
    for tag, value in tags.items():
        if tag not in _LAYOUT_TAGS:
            kept[tag] = tags.get_ifd(tag) if tag in (EXIF_IFD, GPS_IFD) else value
    return bare_exif(kept.tobytes()) if len(kept) else None


def focal_length_35mm(block: bytes | None) -> float | None:
    """35 mm-equivalent focal length in mm that an EXIF block states, or None."""
    if block is None:
        return None
    try:
        tags = Image.Exif()
        tags.load(b"Exif\0\0" + block)
        value = float(tags.get_ifd(EXIF_IFD).get(FOCAL_LENGTH_35MM, 0))
    except Exception:  # noqa: BLE001 - a damaged EXIF block must not cost the picture
        return None
    return value if 0 < value < 10_000 else None


class _Block:
    """A TIFF structure whose entries are changed where they stand."""

    def __init__(self, block: bytes) -> None:
        self.data = bytearray(block)
        self.order = "<" if block[:2] == b"II" else ">"

    def number(self, offset: int, code: str) -> int:
        return int(struct.unpack_from(self.order + code, self.data, offset)[0])

    def put(self, offset: int, code: str, value: int) -> None:
        struct.pack_into(self.order + code, self.data, offset, value)

    def entries(self, directory: int) -> dict[int, int]:
        """Offset of the 12-byte entry of each tag of the directory at an offset."""
        count = self.number(directory, "H")
        starts = [directory + 2 + 12 * index for index in range(count)]
        return {self.number(start, "H"): start for start in starts}

    def end(self, directory: int) -> int:
        """Offset of the pointer to the directory that follows the one at an offset."""
        return directory + 2 + 12 * self.number(directory, "H")

    def drop(self, directory: int, tag: int) -> None:
        """Take the entry of a tag, if there is one, out of the directory at an offset."""
        entry = self.entries(directory).get(tag)
        if entry is not None:
            end = self.end(directory) + 4
            self.data[entry:end] = self.data[entry + 12 : end] + bytes(12)
            self.put(directory, "H", self.number(directory, "H") - 1)

    def get(self, entry: int) -> int:
        return self.number(entry + 8, "H" if self.number(entry + 2, "H") == 3 else "L")

    def set(self, entry: int, value: int) -> None:
        """Overwrite a SHORT or LONG entry that holds one number; a SHORT too small for it becomes a LONG."""
        if value > 0xFFFF:
            self.put(entry + 2, "H", 4)
        if self.number(entry + 2, "H") == 3:
            self.put(entry + 8, "H", value)
            self.put(entry + 10, "H", 0)
        else:
            self.put(entry + 8, "L", value)
        self.put(entry + 4, "L", 1)


def updated_exif(block: bytes, width: int, height: int, thumbnail: bytes | None, *, limit: int | None = None) -> bytes:
    """Bring an EXIF block up to date with an upright picture; nothing else in it changes.

    Parameters
    ----------
    block : bytes
        TIFF structure as read.
    width, height : int
        Size of the upright picture, px; written where the block states a size.
    thumbnail : bytes or None
        JPEG stream that takes the place of the old thumbnail if it fits there; otherwise the old one is unlinked.
    limit : int or None
        Largest size in bytes that the container can hold; to fit it, a thumbnail at the end is cut off.

    Returns
    -------
    bytes
        The updated block.

    Raises
    ------
    ValueError, struct.error
        If the block is damaged.
    """
    exif = _Block(block)
    first = exif.number(4, "L")
    main = exif.entries(first)
    if ORIENTATION in main:
        exif.set(main[ORIENTATION], 1)
    for tag, value in ((0x0100, width), (0x0101, height)):
        if tag in main:
            exif.set(main[tag], value)
    if EXIF_IFD in main:
        inner = exif.entries(exif.get(main[EXIF_IFD]))
        for tag, value in ((_PIXEL_WIDTH, width), (_PIXEL_HEIGHT, height)):
            if tag in inner:
                exif.set(inner[tag], value)
    link = exif.end(first)
    second = exif.number(link, "L")
    if second:
        _replace_thumbnail(exif, link, second, thumbnail, limit)
    return bytes(exif.data)


def _replace_thumbnail(exif: _Block, link: int, directory: int, thumbnail: bytes | None, limit: int | None) -> None:
    tags = exif.entries(directory)
    start = size = 0
    if _THUMBNAIL_OFFSET in tags and _THUMBNAIL_LENGTH in tags:
        start, size = exif.get(tags[_THUMBNAIL_OFFSET]), exif.get(tags[_THUMBNAIL_LENGTH])
    inside = start > 0 and start + size <= len(exif.data)
    too_long = limit is not None and len(exif.data) > limit
    if thumbnail is not None and inside and len(thumbnail) <= size and not too_long:
        exif.data[start : start + size] = thumbnail + bytes(size - len(thumbnail))
        exif.set(tags[_THUMBNAIL_LENGTH], len(thumbnail))
        if ORIENTATION in tags:
            exif.set(tags[ORIENTATION], 1)
        return
    exif.put(link, "L", 0)
    if inside:
        # The old thumbnail shows the photo as it was; nobody must find it in the bytes either.
        exif.data[start : start + size] = bytes(size)
        if start + size >= len(exif.data) - 3:
            del exif.data[start:]


def without_orientation(block: bytes) -> bytes:
    """Take the orientation entry out of the first directory; all other bytes keep their place.

    AVIF states the orientation outside EXIF, and its writer would rewrite a block that has the tag.
    """
    exif = _Block(block)
    exif.drop(exif.number(4, "L"), ORIENTATION)
    return bytes(exif.data)


def without_gps(block: bytes) -> bytes:
    """Take the GPS directory out and overwrite its values with zeros; all other bytes keep their place.

    Raises
    ------
    ValueError, struct.error
        If the block is damaged, so that nobody can say whether it still tells a place.
    """
    exif = _Block(block)
    first = exif.number(4, "L")
    main = exif.entries(first)
    inner = exif.get(main[EXIF_IFD]) if EXIF_IFD in main else 0
    directories = [place for place in (first, inner, exif.number(exif.end(first), "L")) if place]
    before = {directory: exif.entries(directory) for directory in directories}
    for directory, entries in before.items():
        if GPS_IFD in entries:
            _wipe(exif, exif.get(entries[GPS_IFD]))
            exif.drop(directory, GPS_IFD)
    # A GPS directory that overlaps another one has wiped that as well.
    if any(exif.entries(directory).keys() != entries.keys() - {GPS_IFD} for directory, entries in before.items()):
        raise ValueError("its directories overlap")
    return bytes(exif.data)


def _wipe(exif: _Block, directory: int) -> None:
    for entry in exif.entries(directory).values():
        size = _TYPE_SIZES.get(exif.number(entry + 2, "H"), 0) * exif.number(entry + 4, "L")
        start = exif.number(entry + 8, "L")
        if size > 4 and start + size <= len(exif.data):
            exif.data[start : start + size] = bytes(size)
    end = min(exif.end(directory) + 4, len(exif.data))
    exif.data[directory:end] = bytes(end - directory)


def thumbnail_size(block: bytes) -> tuple[int, int] | None:
    """Width and height of the JPEG thumbnail in an EXIF block, px, or None if there is none that can be read."""
    try:
        tags: dict[int, Any] = {}
        exif = _Block(block)
        directory = exif.number(exif.end(exif.number(4, "L")), "L")
        if not directory:
            return None
        tags = exif.entries(directory)
        start, size = exif.get(tags[_THUMBNAIL_OFFSET]), exif.get(tags[_THUMBNAIL_LENGTH])
        with JpegImageFile(io.BytesIO(bytes(exif.data[start : start + size]))) as image:
            return image.size
    except Exception:  # noqa: BLE001 - a damaged thumbnail must not cost the picture
        return None


def exif_orientation(block: bytes | None) -> int:
    """Orientation 1..8 that an EXIF block states; 1 if it states none."""
    if block is None:
        return 1
    try:
        exif = _Block(block)
        entry = exif.entries(exif.number(4, "L")).get(ORIENTATION)
        value = 1 if entry is None else exif.get(entry)
    except (ValueError, struct.error):
        return 1
    return value if value in range(1, 9) else 1


def first_directory(block: bytes) -> list[tuple[int, int, int, bytes]]:
    """Tags of the first directory that describe the photo and not a file's layout.

    Returns
    -------
    list of (tag, TIFF type, count, value)
        Values as raw bytes in the block's byte order.

    Raises
    ------
    ValueError, struct.error
        If the block is damaged.
    """
    exif = _Block(block)
    found = []
    for tag, entry in exif.entries(exif.number(4, "L")).items():
        kind, count = exif.number(entry + 2, "H"), exif.number(entry + 4, "L")
        size = _TYPE_SIZES.get(kind, 0) * count
        start = entry + 8 if size <= 4 else exif.number(entry + 8, "L")
        if tag in _LAYOUT_TAGS or not size or start + size > len(block):
            continue
        found.append((tag, kind, count, block[start : start + size]))
    return found


def retagged(block: bytes, directory: int, tags: dict[int, int]) -> bytes:
    """Give entries of the directory at an offset other tag numbers, and make that directory the only one."""
    exif = _Block(block)
    for tag, entry in exif.entries(directory).items():
        if tag in tags:
            exif.put(entry, "H", tags[tag])
    exif.put(4, "L", directory)
    exif.put(exif.end(directory), "L", 0)
    return bytes(exif.data)
