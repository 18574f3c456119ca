"""From the bytes of a depth file to its numbers; what they mean is settled in :mod:`dofsim.depth.files`."""

from __future__ import annotations

import io
import json
import math
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np
import numpy.typing as npt

from dofsim import memory
from dofsim.errors import DepthError, DofsimError

if TYPE_CHECKING:
    import os
    from collections.abc import Callable

    from PIL import Image

RECORD_KEY = "dofsim:depth"

# JPEG rounds the channels of a grey picture that was saved as colour apart by a few levels.
_JPEG_GREY_TOLERANCE = 24

_PNG = b"\x89PNG\r\n\x1a\n"
_JPEG = b"\xff\xd8\xff"

Decoded = tuple[npt.NDArray[Any], str | None]


def decode(data: bytes, path: str | os.PathLike[str]) -> Decoded:
    """Decode a depth file, telling its format by its content.

    Parameters
    ----------
    data : bytes
        The whole file.
    path : path
        Its path, for the messages.

    Returns
    -------
    numbers : array, shape (h, w)
        Unsigned or signed integers or floats, in the file's own type.
    record : str or None
        The text under ``dofsim:depth`` if there is one.

    Raises
    ------
    DepthError
        If the file is of another format, damaged, coloured, partly transparent, or not two-dimensional.
    """
    decoders: tuple[tuple[tuple[bytes, ...], Callable[[bytes], Decoded]], ...] = (
        ((_PNG, _JPEG), _decode_picture),
        ((b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"), _decode_tiff),
        ((b"\x93NUMPY",), _decode_npy),
        ((b"\x76\x2f\x31\x01",), _decode_exr),
    )
    for marks, decoder in decoders:
        if data.startswith(marks):
            try:
                numbers, record = decoder(data)
            except (DofsimError, KeyboardInterrupt):
                raise
            except Exception as error:  # noqa: BLE001 - each library has its own zoo of errors for damaged files
                _damaged(path, error)
            if numbers.dtype.kind not in "uif":
                raise DepthError(f"it holds {numbers.dtype} values; a depth map holds real numbers")
            return numbers, record
    raise DepthError(f"{path} is not a PNG, TIFF, NPY, EXR or JPEG file; convert the depth map to one of them")


def _damaged(path: str | os.PathLike[str], error: Exception) -> NoReturn:
    reason = " ".join(str(error).split())[:200] or type(error).__name__
    raise DepthError(f"the depth map {path} is damaged or of an unsupported variant ({reason}); get it anew") from error


def _decode_picture(data: bytes) -> Decoded:
    from PIL import Image, ImageOps

    with Image.open(io.BytesIO(data), formats=("PNG", "JPEG")) as picture:
        _check_size(picture.height, picture.width)
        picture.load()
        text = getattr(picture, "text", {}).get(RECORD_KEY)
        record = str(text) if text is not None else None
        upright = ImageOps.exif_transpose(picture)
        # Pillow halves the bits of 16-bit colour; the byte is the bit depth in the PNG header.
        if data.startswith(_PNG) and data[24] == 16 and upright.mode in ("RGB", "RGBA", "LA"):
            return _decode_deep_colour(data), record
    if upright.mode == "RGB" and data.startswith(_JPEG):
        _grey(np.asarray(upright), _JPEG_GREY_TOLERANCE)
        return np.asarray(upright.convert("L")), record
    return _grey(_pixels(upright), 0), record


def _pixels(picture: Image.Image) -> npt.NDArray[Any]:
    mode = picture.mode
    if mode in ("L", "I", "F", "LA", "RGB", "RGBA") or mode.startswith("I;16"):
        return np.asarray(picture)
    if mode == "1":
        return np.asarray(picture.convert("L"))
    return np.asarray(picture.convert("RGBA" if "transparency" in picture.info or mode == "PA" else "RGB"))


def _decode_deep_colour(data: bytes) -> npt.NDArray[Any]:
    import cv2

    pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    if pixels is None:
        raise DepthError("its pixels cannot be decoded; get it anew")
    return _grey(pixels, 0)


def _decode_tiff(data: bytes) -> Decoded:
    import tifffile

    with tifffile.TiffFile(io.BytesIO(data)) as file:
        page = file.pages.first
        text = page.description
        record = text if text.startswith("{") and '"dofsim:depth"' in text else None
        _check_size(*page.shape)
        try:
            pixels = page.asarray()
        except ValueError as error:
            # tifffile leaves some compressions to an optional package; Pillow brings its own decoders.
            if "imagecodecs" not in str(error):
                raise
            from PIL import Image

            with Image.open(io.BytesIO(data), formats=("TIFF",)) as picture:
                pixels = _pixels(picture)
        if page.photometric == tifffile.PHOTOMETRIC.MINISWHITE and pixels.dtype.kind == "u":
            pixels = np.iinfo(pixels.dtype).max - pixels
        if pixels.ndim == 3 and page.planarconfig == tifffile.PLANARCONFIG.SEPARATE:
            pixels = np.moveaxis(pixels, 0, -1)
    if record is not None:
        record = json.dumps(json.loads(record)[RECORD_KEY])
    return _grey(pixels, 0), record


def _decode_npy(data: bytes) -> Decoded:
    stream = io.BytesIO(data)
    form = np.lib.format
    read_header = form.read_array_header_1_0 if form.read_magic(stream) == (1, 0) else form.read_array_header_2_0
    shape, _, kind = read_header(stream)
    if math.prod(shape) * kind.itemsize > len(data):
        raise DepthError(f"it claims the shape {shape}, but is cut short; get it anew")
    # Pickled objects could run code.
    numbers = np.load(io.BytesIO(data), allow_pickle=False)
    if numbers.ndim != 2:
        raise DepthError(f"its shape is {numbers.shape}; a depth map is two-dimensional, (height, width)")
    return numbers, None


def _decode_exr(data: bytes) -> Decoded:
    import OpenEXR

    with OpenEXR.File(io.BytesIO(data), header_only=True) as head:
        for part in head.parts:
            low, high = part.header["dataWindow"]
            _check_size(*(int(last) - int(first) + 1 for first, last in zip(low, high, strict=True)))
    with OpenEXR.File(io.BytesIO(data), separate_channels=True) as file:
        parts = [(part.header, part.channels) for part in file.parts]
        if not any(channels for _, channels in parts):
            raise DepthError("it is damaged; get it anew")
        for wanted in ("Z", "depth.Z", "*.Z", "Y", "R", "*"):
            for header, channels in parts:
                name = _find_channel(wanted, list(channels))
                if name is None:
                    continue
                pixels = np.array(channels[name].pixels)
                stem = name[:-1]
                others = [
                    np.array(channels[stem + c].pixels) for c in "GB" if name.endswith("R") and stem + c in channels
                ]
                if any(not np.array_equal(pixels, other) for other in others):
                    _coloured()
                if any(
                    not np.array_equal(a, b) for a, b in zip(header["dataWindow"], header["displayWindow"], strict=True)
                ):
                    raise DepthError("its data window is not its whole picture; save it uncropped")
                text = header.get(RECORD_KEY)
                return pixels, str(text) if text is not None else None
        names = ", ".join(name for _, channels in parts for name in channels)
    raise DepthError(f"none of its channels ({names}) is a depth; name it Z")


def _check_size(*shape: int) -> None:
    """Refuse what is absurdly large, before memory is taken for it."""
    from dofsim.photo.decode import MAX_PIXELS

    if math.prod(shape[:2]) > MAX_PIXELS or math.prod(shape) > 4 * MAX_PIXELS:
        size = " x ".join(map(str, shape))
        raise DepthError(f"it claims {size} values, more than the {MAX_PIXELS // 1_000_000} millions that are read")
    memory.check_photo(shape[-1], math.prod(shape[:-1]))


def _find_channel(wanted: str, names: list[str]) -> str | None:
    if wanted == "*":
        return names[0] if len(names) == 1 else None
    if wanted.startswith("*"):
        return next((name for name in names if name.endswith(wanted[1:])), None)
    return wanted if wanted in names else None


def _grey(pixels: npt.NDArray[Any], tolerance: int) -> npt.NDArray[Any]:
    """Take the one channel of a grey picture, which may be stored as grey+alpha, RGB or RGBA."""
    if pixels.ndim == 2:
        return pixels
    if pixels.ndim != 3 or pixels.shape[2] > 4:
        raise DepthError(f"its shape is {pixels.shape}; a depth map has one value for every pixel")
    channels = pixels.shape[2]
    if channels in (2, 4) and pixels.dtype.kind == "u":
        if (pixels[..., -1] != np.iinfo(pixels.dtype).max).any():
            raise DepthError("it has transparent pixels, whose depth is unknown; fill them first")
        pixels = pixels[..., :-1]
    if pixels.shape[2] == 1:
        return pixels[..., 0]
    if (np.ptp(pixels, axis=2) > tolerance).any():
        _coloured()
    return pixels[..., 1]


def _coloured() -> NoReturn:
    raise DepthError("it is a coloured picture, and no colour map can be undone; save the depth as grey")
