"""Depth maps from files and to files.

What a file's numbers mean is settled here once. A picture of integers shows depth as brightness and has no unit:
it is read as relative, near bright, unless the caller says otherwise. Files that dofsim wrote carry a record
(kind and range, under the key ``dofsim:depth``) and come back as what they were.
"""

from __future__ import annotations

import json
import math
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from dofsim.depth._decode import RECORD_KEY, decode
from dofsim.depth.depth_map import DepthKind, DepthMap
from dofsim.errors import DepthError, OutputError, ParameterError
from dofsim.files import atomic_path, read_whole
from dofsim.formats import check_format

if TYPE_CHECKING:
    from collections.abc import Callable

NearIs = Literal["bright", "dark"]

RECORD_VERSION = 1
"""Version of the record; it grows when a reader of the former one would misread it."""


class _Record(NamedTuple):
    """What a file that dofsim wrote says of its map; the ends are inverse depth."""

    kind: DepthKind
    far: float
    near: float
    refined: bool


_STEPS = 65535
_MILLIMETRES_PER_METRE = 1000.0


def read_depth(path: str | os.PathLike[str], *, kind: DepthKind | None = None, near: NearIs = "bright") -> DepthMap:
    """Read a depth map from a PNG, TIFF, NPY, EXR or JPEG file.

    The format is told by the content, not by the name. Colour pictures are accepted if they are grey in truth.
    From an EXR file the channel Z is taken, else depth.Z (or any layer's Z), Y, R, or the only one.

    Parameters
    ----------
    path : path
        The file.
    kind : DepthKind, optional
        What the numbers mean. Default: what the file says of itself if dofsim wrote it, otherwise ``RELATIVE``,
        also for files of floating-point numbers: nothing in them tells metres from disparities, so say
        ``METRIC`` or ``INVERSE`` where it is so.

        ``METRIC``: integers of 16 bit or more are millimetres (as in NYU, DIML and Kinect files), floating-point
        numbers are metres; by definition far is large, whatever ``near`` says.
        ``INVERSE``: floating-point numbers in 1/m.
        ``RELATIVE``: integers of 8 and 16 bit become 0..1, all other numbers stay as they are.
    near : {"bright", "dark"}
        Which end of a relative map is near: its large numbers or its small ones. ``"dark"`` turns integers v of
        8 and 16 bit into max - v and all other numbers into -v.

    Returns
    -------
    DepthMap
        With ``source="file"``.

    Raises
    ------
    DepthError
        If the file is missing, not a depth map, damaged, coloured, or holds values that cannot be depths.
    ParameterError
        If ``kind`` and ``near`` contradict each other or the file.
    """
    if near not in ("bright", "dark"):
        raise ParameterError(f"near is either 'bright' or 'dark', not {near!r}")
    if kind is DepthKind.INVERSE and near == "dark":
        raise ParameterError(
            "inverse depth in 1/m is large where it is near, so near cannot be dark; if the file holds distances, "
            "its kind is metric (--depth-kind metric); if it has no unit, relative (--depth-kind relative)"
        )
    data = _read_bytes(path)
    try:
        numbers, record = decode(data, path)
        return _interpret(numbers, record, kind, near, path)
    except DepthError as error:
        message = str(error)
        if os.fspath(path) in message:
            raise
        raise DepthError(f"{path} cannot serve as a depth map: {message}") from error


def write_depth(depth: DepthMap, path: str | os.PathLike[str], *, overwrite: bool = False) -> Path:
    """Write a depth map to a PNG, TIFF, NPY or EXR file, whole or not at all.

    ``.png``, ``.tif``: 16-bit grey, near bright: inverse depth scaled so that 0 is the farthest and 65535 the nearest
    pixel; the kind and both ends are stored beside it (PNG text chunk, TIFF description), and :func:`read_depth`
    restores kind and unit to within half a step, (near - far) / 131070 in inverse depth.
    ``.npy``, ``.exr`` (channel Z): the float32 values in their own unit, exactly; an EXR file also tells its kind.

    Parameters
    ----------
    depth : DepthMap
        The map.
    path : path
        The file; its suffix chooses the format.
    overwrite : bool
        Whether an existing file may be replaced.

    Returns
    -------
    pathlib.Path
        The path as given.

    Raises
    ------
    OutputError
        If the suffix is unknown, the file exists and must stay, or its place cannot be written to.
    """
    writers: dict[str, Callable[[DepthMap, Path], None]] = {
        ".png": _write_png,
        ".tif": _write_tiff,
        ".tiff": _write_tiff,
        ".npy": _write_npy,
        ".exr": _write_exr,
    }
    place = Path(path)
    writer = writers.get(place.suffix.lower())
    if writer is None:
        raise OutputError(f"cannot write {path}: a depth map is written as .png, .tif, .npy or .exr (-o NAME.png)")
    with atomic_path(place, overwrite=overwrite) as temporary:
        writer(depth, temporary)
    return place


# ---------------------------------------------------------------------------------------------------- meaning


def _interpret(
    numbers: npt.NDArray[Any], record: str | None, kind: DepthKind | None, near: NearIs, path: str | os.PathLike[str]
) -> DepthMap:
    """Turn the numbers of a file into a typed depth map."""
    stored = _parse_record(record) if record is not None else None
    if record is not None and stored is None and kind is None:
        raise DepthError("its dofsim:depth record is damaged; say what the numbers are (--depth-kind)")
    if stored is not None:
        return _restore(numbers, stored, kind, near, path)
    integer = numbers.dtype.kind == "u" and numbers.dtype.itemsize <= 2
    if kind in (None, DepthKind.RELATIVE):
        values = _to_float32(numbers)
        if integer:
            values *= np.float32(1.0 / np.iinfo(numbers.dtype).max)
        if near == "dark":
            values = np.float32(1.0 if integer else 0.0) - values
        return DepthMap(values, DepthKind.RELATIVE, "file", Path(path).name)
    if kind is DepthKind.INVERSE:
        if numbers.dtype.kind != "f":
            raise ParameterError(
                f"{path} holds integers, which have no unit of 1/m; "
                "read it as relative (--depth-kind relative), or save the "
                "inverse depth as floating-point numbers (.npy, .exr, .tif)"
            )
        return DepthMap(_to_float32(numbers), DepthKind.INVERSE, "file", Path(path).name)
    if numbers.dtype.kind == "f":
        return DepthMap(_to_float32(numbers), DepthKind.METRIC, "file", Path(path).name)
    if numbers.dtype.itemsize == 1:
        raise ParameterError(
            f"{path} has 8 bits, too few for metric depth (which is millimetres in 16 bits, or metres as "
            "floating-point numbers); read it as relative (--depth-kind relative)"
        )
    return DepthMap(
        _to_float32(numbers) / np.float32(_MILLIMETRES_PER_METRE), DepthKind.METRIC, "file", Path(path).name
    )


def _restore(
    numbers: npt.NDArray[Any],
    stored: _Record,
    kind: DepthKind | None,
    near: NearIs,
    path: str | os.PathLike[str],
) -> DepthMap:
    """Undo :func:`write_depth`."""
    stored_kind, far, nearest, refined = stored
    if near == "dark":
        raise ParameterError(f"{path} was written by dofsim and is near bright; leave --near out")
    if kind not in (None, stored_kind) and stored_kind is DepthKind.RELATIVE:
        raise ParameterError(
            f"{path} was written by dofsim from relative depth, which has no unit; leave --depth-kind out"
        )
    values = _to_float32(numbers)
    is_inverse = stored_kind is not DepthKind.METRIC
    if numbers.dtype == np.uint16:
        values = (far + numbers.astype(np.float64) * ((nearest - far) / _STEPS)).astype(np.float32)
        is_inverse = True
    elif numbers.dtype.kind != "f":
        raise DepthError("its dofsim:depth record does not fit its numbers; was it converted by another program?")
    wanted = kind or stored_kind
    if is_inverse == (wanted is DepthKind.METRIC):
        with np.errstate(divide="ignore"):
            values = np.float32(1) / values
    return DepthMap(values, wanted, "file", Path(path).name, refined)


def _to_float32(numbers: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
    # What overflows becomes infinite, and DepthMap says what that means.
    with np.errstate(over="ignore", invalid="ignore"):
        return numbers.astype(np.float32)


def _make_record(depth: DepthMap) -> str:
    far, near = depth.range()
    record = {"version": RECORD_VERSION, "kind": depth.kind.value, "far": far, "near": near}
    return json.dumps({**record, "refined": True} if depth.refined else record)


def _parse_record(text: str) -> _Record | None:
    """Ends in the inverse unit, or None if the text is no record; DepthError if it is newer."""
    try:
        record = json.loads(text)
        stated = record.get("version", RECORD_VERSION)
    except (ValueError, AttributeError, RecursionError):
        return None
    check_format(stated, RECORD_VERSION, "its dofsim:depth record", DepthError)
    try:
        kind, far, near = DepthKind(record["kind"]), float(record["far"]), float(record["near"])
    except (ValueError, TypeError, KeyError):
        return None
    sane = math.isfinite(far) and math.isfinite(near) and far <= near and (kind is DepthKind.RELATIVE or far >= 0)
    return _Record(kind, far, near, record.get("refined") is True) if sane else None


# ---------------------------------------------------------------------------------------------------- reading


def _read_bytes(path: str | os.PathLike[str]) -> bytes:
    try:
        data = read_whole(path)
    except FileNotFoundError as error:
        raise DepthError(f"there is no depth map {path}; check the path") from error
    except IsADirectoryError as error:
        raise DepthError(f"{path} is a folder; give the depth map's file") from error
    except (OSError, ValueError) as error:
        reason = (isinstance(error, OSError) and error.strerror) or str(error)
        raise DepthError(f"cannot read the depth map {os.fspath(path)!r}: {reason}") from error
    if not data:
        raise DepthError(f"the depth map {path} is empty (0 bytes); get it anew")
    return data


# ---------------------------------------------------------------------------------------------------- writing


def _steps(depth: DepthMap) -> npt.NDArray[np.uint16]:
    steps: npt.NDArray[np.uint16] = np.rint(depth.normalised() * np.float32(_STEPS)).astype(np.uint16)
    return steps


def _write_png(depth: DepthMap, place: Path) -> None:
    from PIL import Image
    from PIL.PngImagePlugin import PngInfo

    info = PngInfo()
    info.add_text(RECORD_KEY, _make_record(depth))
    Image.fromarray(_steps(depth)).save(place, format="PNG", pnginfo=info, compress_level=4)


def _write_tiff(depth: DepthMap, place: Path) -> None:
    import tifffile

    description = json.dumps({RECORD_KEY: json.loads(_make_record(depth))})
    tifffile.imwrite(place, _steps(depth), photometric="minisblack", description=description, metadata=None)


def _write_npy(depth: DepthMap, place: Path) -> None:
    np.save(place, depth.values, allow_pickle=False)


def _write_exr(depth: DepthMap, place: Path) -> None:
    import OpenEXR

    header = {
        "compression": OpenEXR.ZIP_COMPRESSION,
        "type": OpenEXR.scanlineimage,
        RECORD_KEY: _make_record(depth),
    }
    try:
        OpenEXR.File(header, {"Z": depth.values}).write(str(place))
    except RuntimeError as error:
        raise OutputError(f"cannot write {place}: {error}") from error
