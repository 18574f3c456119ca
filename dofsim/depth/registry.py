"""Which depth networks there are, and what one has to know to run each.

A record is a JSON file beside its ``.onnx`` file and named alike (``estimator.onnx``, ``estimator.json``)::

    {"name": "dofsim-lite2", "licence": "Apache-2.0", "training_data": ["..."], "sha256": "...",
     "input_size": 256, "multiple": 32, "mean": [0.5, 0.5, 0.5], "std": [0.5, 0.5, 0.5], "output": "relative"}

The package's own estimator has one; a model of your own needs none if the defaults suit it. The records of public
networks (``known/``) lie in the package too, their files do not: :mod:`dofsim.depth.fetch` brings one into the folder
of models, or you put it there by hand.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import sys
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from dofsim.depth.depth_map import DepthKind
from dofsim.errors import ModelError
from dofsim.files import atomic_path
from dofsim.formats import check_format

WEIGHTS_FOLDER = Path(__file__).resolve().parent / "weights"
KNOWN_FOLDER = Path(__file__).resolve().parent / "known"
DEFAULT_MODEL = "estimator"

RECORD_FORMAT = 1
"""Version of the records; it grows with every key that a reader may not leave out. A record without one is of 1."""

_IMAGENET_MEAN = (0.485, 0.456, 0.406)
_IMAGENET_STD = (0.229, 0.224, 0.225)


@dataclass(frozen=True)
class ModelRecord:
    """What one has to know about a depth network.

    Attributes
    ----------
    name : str
        Short name.
    file : pathlib.Path
        The ``.onnx`` file: one input, float (N, 3, H, W), and one output, (N, H, W) or (N, 1, H, W).
    licence : str
        SPDX name of the licence of the weights, ``"unknown"`` if nobody said.
    training_data : tuple of str
        What the network was trained on.
    sha256 : str or None
        Hash of the file in hexadecimal; checked before the file is opened if there is one.
    input_size : int or None
        Longer side of the network's input, px, for photos of up to 4:3; the aspect ratio of the photo is kept, and
        wider or taller ones get as many pixels as one of 4:3. None: ``square`` px on both sides, whatever the photo's
        aspect ratio. A size that is fixed in the file wins.
    multiple : int
        Both sides of the input are multiples of it.
    square : int
        See ``input_size``.
    mean, std : tuple of 3 floats
        The network sees (rgb - mean) / std, rgb in 0..1, encoded as in the photo.
    output : DepthKind
        What the network puts out.
    near_is_large : bool
        Whether a ``RELATIVE`` output is large where it is near; otherwise its sign is turned.
    flip : bool
        Whether the mean over the photo and its mirror image is taken unless the caller says otherwise.
    title : str
        Whose model it is, in a line.
    url : str or None
        Where the file is to be had.
    size : int or None
        Of the file, bytes.
    """

    name: str
    file: Path
    licence: str = "unknown"
    training_data: tuple[str, ...] = ()
    sha256: str | None = None
    input_size: int | None = None
    multiple: int = 32
    # A multiple of 32 (convolutional networks) and of 14 (vision transformers).
    square: int = 448
    mean: tuple[float, float, float] = _IMAGENET_MEAN
    std: tuple[float, float, float] = _IMAGENET_STD
    output: DepthKind = DepthKind.RELATIVE
    near_is_large: bool = True
    flip: bool = False
    title: str = ""
    url: str | None = None
    size: int | None = None

    def __post_init__(self) -> None:
        sizes = (self.multiple, self.square, *(() if self.input_size is None else (self.input_size,)))
        if not all(size in range(1, 8193) for size in sizes):
            raise ModelError(f"the record of the depth model {self.name!r} has sizes outside 1..8192 px")
        if self.input_size is not None and self.input_size % self.multiple:
            raise ModelError(
                f"the record of the depth model {self.name!r} has an input_size of {self.input_size} px, "
                f"which is no multiple of {self.multiple}"
            )
        if not all(deviation > 0 for deviation in self.std):
            raise ModelError(f"the record of the depth model {self.name!r} has a std that is not above 0")
        if self.flip not in (True, False):
            raise ModelError(f"the record of the depth model {self.name!r} has a flip that is neither true nor false")
        if self.sha256 is not None and not re.fullmatch(r"[0-9a-f]{64}", self.sha256):
            raise ModelError(f"the record of the depth model {self.name!r} has a sha256 that is not 64 hex digits")

    def verify(self) -> None:
        """Compare the file's hash with the recorded one.

        Raises
        ------
        ModelError
            If the file cannot be read or is not the recorded one.
        """
        if self.sha256 is None:
            return
        found = sha256_of(self.file)
        if found != self.sha256:
            raise ModelError(
                f"{self.file} is not the file its record describes (SHA-256 {found[:12]}… instead of "
                f"{self.sha256[:12]}…); get it anew (for a shipped model: reinstall dofsim)"
            )


def find_model(name_or_path: str | os.PathLike[str] | None = None) -> ModelRecord:
    """Find the record of a depth network.

    Parameters
    ----------
    name_or_path : str or path, optional
        The name of a shipped or a known model, an ``.onnx`` file, or a folder that holds exactly one, such as the
        folder of a training run that was exported. Default: the package's own estimator.

    Returns
    -------
    ModelRecord
        Read from the JSON file beside the model; for a model of your own without one, the defaults: ImageNet
        normalisation, relative output, near is large.

    Raises
    ------
    ModelError
        If there is no such model, its record is damaged, or its file is not there.
    """
    if name_or_path is None or os.fspath(name_or_path) in (DEFAULT_MODEL, "default"):
        return _shipped(DEFAULT_MODEL)
    text = os.fspath(name_or_path)
    if text in shipped_models():
        return _shipped(text)
    if text in known_models():
        return _installed(known_record(text))
    path = Path(text)
    if path.is_dir():
        files = sorted(path.glob("*.onnx"))
        if not files and any(path.glob("*.safetensors")):
            raise ModelError(f"the run {path} has not been exported yet; dofsim export {path} makes its .onnx file")
        if len(files) != 1:
            raise ModelError(f"the folder {path} holds {len(files)} .onnx files; give the path of one (--model FILE)")
        path = files[0]
    if not path.is_file():
        names = ", ".join((*shipped_models(), *known_models())) or "none"
        raise ModelError(
            f"there is no depth model {text!r}; give one of these names ({names}) or an .onnx file (--model)"
        )
    if path.suffix.lower() != ".onnx":
        raise ModelError(f"{path} is not an .onnx file; export the depth model to ONNX (dofsim export)")
    record = path.with_suffix(".json")
    return read_record(record) if record.is_file() else ModelRecord(path.stem, path)


def shipped_models() -> tuple[str, ...]:
    """Names of the models in the package.

    Returns
    -------
    tuple of str
        Sorted.
    """
    return tuple(sorted(path.stem for path in WEIGHTS_FOLDER.glob("*.json")))


def known_models() -> tuple[str, ...]:
    """Names of the public models that dofsim has a record of, whether or not their files are on this machine.

    Returns
    -------
    tuple of str
        Sorted.
    """
    return tuple(sorted(path.stem for path in KNOWN_FOLDER.glob("*.json")))


def known_record(name: str) -> ModelRecord:
    """The record of a known model; its file, which may be missing, lies in :func:`models_folder`.

    Parameters
    ----------
    name : str
        One of :func:`known_models`.

    Returns
    -------
    ModelRecord

    Raises
    ------
    ModelError
        If there is no such record.
    """
    if name not in known_models():
        raise ModelError(f"there is no known model {name!r}; there are {', '.join(known_models()) or 'none'}")
    return replace(read_record(KNOWN_FOLDER / f"{name}.json"), file=models_folder() / f"{name}.onnx")


def models_folder() -> Path:
    """Folder of the models that were fetched or carried here.

    Returns
    -------
    pathlib.Path
        The environment variable ``DOFSIM_MODELS``, else the user's data folder; it need not exist.
    """
    if given := os.environ.get("DOFSIM_MODELS"):
        return Path(given).expanduser()
    if sys.platform == "win32":
        base = os.environ.get("LOCALAPPDATA") or "~/AppData/Local"
    elif sys.platform == "darwin":
        base = "~/Library/Application Support"
    else:
        base = os.environ.get("XDG_DATA_HOME") or "~/.local/share"
    return Path(base).expanduser() / "dofsim" / "models"


def read_record(path: str | os.PathLike[str]) -> ModelRecord:
    """Read the record of a model.

    Parameters
    ----------
    path : path
        The JSON file; the model is the ``.onnx`` file of the same name beside it. Keys that are no attributes of
        :class:`ModelRecord` are left alone, so a record may say more (recipe, figures).

    Returns
    -------
    ModelRecord

    Raises
    ------
    ModelError
        If the file cannot be read, is no such record, or is of a newer format.
    """
    place = Path(path)
    try:
        stored: Any = json.loads(place.read_text(encoding="utf-8"))
        if not isinstance(stored, dict):
            raise TypeError("it is no JSON object")
        check_format(stored.get("format", RECORD_FORMAT), RECORD_FORMAT, f"the record {place}", ModelError)
        known = {key: stored[key] for key in asdict(ModelRecord("", place)) if key in stored and key != "file"}
        for key in ("mean", "std"):
            if key in known:
                red, green, blue = map(float, known[key])
                known[key] = (red, green, blue)
        if "training_data" in known:
            known["training_data"] = tuple(map(str, known["training_data"]))
        if "output" in known:
            known["output"] = DepthKind(known["output"])
        return replace(ModelRecord(place.stem, place.with_suffix(".onnx")), **known)
    except OSError as error:
        raise ModelError(f"cannot read the record of a depth model {place}: {error.strerror}") from error
    except (ValueError, TypeError, AttributeError, RecursionError) as error:
        raise ModelError(f"{place} is not the record of a depth model ({error}); correct or remove it") from error


def write_record(record: ModelRecord, **more: Any) -> Path:
    """Write a record beside its model, with the hash that the file has now.

    Parameters
    ----------
    record : ModelRecord
        ``record.file`` must exist; its hash replaces ``record.sha256``.
    **more
        Further JSON values to keep in the file (recipe, figures).

    Returns
    -------
    pathlib.Path
        The JSON file.

    Raises
    ------
    ModelError
        If the model's file cannot be read.
    OutputError
        If the record cannot be written.
    """
    stored = {"format": RECORD_FORMAT} | asdict(replace(record, sha256=sha256_of(record.file)))
    stored |= {"output": record.output.value} | more
    del stored["file"]
    place = record.file.with_suffix(".json")
    with atomic_path(place) as temporary:
        temporary.write_text(json.dumps(stored, indent=2) + "\n", encoding="utf-8")
    return place


def sha256_of(path: str | os.PathLike[str]) -> str:
    """SHA-256 of a file.

    Parameters
    ----------
    path : path
        The file.

    Returns
    -------
    str
        64 hexadecimal digits.

    Raises
    ------
    ModelError
        If the file cannot be read.
    """
    try:
        with Path(path).open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise ModelError(f"cannot read the depth model {os.fspath(path)!r}: {error.strerror}") from error


def _installed(record: ModelRecord) -> ModelRecord:
    if not record.file.is_file():
        size = f", {record.size / 1e6:.0f} MB" if record.size else ""
        raise ModelError(
            f"the depth model {record.name} ({record.licence}{size}) is not on this machine; get it with "
            f"'dofsim models fetch {record.name}', or put the file there by hand as {record.file}"
        )
    return record


def _shipped(name: str) -> ModelRecord:
    record = WEIGHTS_FOLDER / f"{name}.json"
    if not record.is_file() or not record.with_suffix(".onnx").is_file():
        raise ModelError(
            f"the package's depth model {name!r} is not installed; reinstall dofsim, or name an .onnx file (--model)"
        )
    return read_record(record)
