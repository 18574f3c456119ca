"""Depth that was estimated once is not estimated again: a folder of maps, by the content of the photo."""

from __future__ import annotations

import hashlib
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

from dofsim.depth.depth_map import DepthKind, DepthMap
from dofsim.depth.registry import find_model, sha256_of
from dofsim.errors import DofsimError, OutputError
from dofsim.files import atomic_path

if TYPE_CHECKING:
    import os

_VERSION = 1


class DepthCache:
    """A folder of depth maps at the resolution of the network that made them.

    Several processes may use one folder: entries are written whole or not at all, and the same key is the same map.

    Parameters
    ----------
    folder : path
        Made if it is not there.

    Raises
    ------
    OutputError
        If it cannot be made.
    """

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        self.folder = Path(folder)
        self._models: dict[str | None, str] = {}
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OutputError(
                f"cannot make the folder {folder}: {error.strerror}; name another (--depth-cache)"
            ) from error

    def key(self, data: bytes, model: str | None, *, flip: bool | None) -> str:
        """What a map depends on, hashed: the photo's bytes, the network's, and whether it looks twice.

        Parameters
        ----------
        data : bytes
            The photo's file.
        model, flip
            See :func:`dofsim.depth.estimate.estimate`.

        Returns
        -------
        str
            64 hex digits.

        Raises
        ------
        ModelError
            If there is no such model.
        """
        if model not in self._models:
            record = find_model(model)
            self._models[model] = f"{record.sha256 or sha256_of(record.file)} {record.flip} {record.input_size}"
        about = f"{_VERSION} {self._models[model]} {flip}\n".encode()
        return hashlib.sha256(about + hashlib.sha256(data).digest()).hexdigest()

    def get(self, key: str) -> DepthMap | None:
        """The map of a key; None if there is none, or it is damaged."""
        import numpy as np

        try:
            with np.load(self._place(key), allow_pickle=False) as stored:
                return DepthMap(stored["values"], DepthKind(str(stored["kind"])), "estimator", str(stored["detail"]))
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, DofsimError):
            return None

    def put(self, key: str, depth: DepthMap) -> None:
        """Keep a map.

        Raises
        ------
        OutputError
            If it cannot be written.
        """
        import numpy as np

        place = self._place(key)
        try:
            place.parent.mkdir(exist_ok=True)
        except OSError as error:
            raise OutputError(
                f"cannot make the folder {place.parent}: {error.strerror}; name another (--depth-cache)"
            ) from error
        with atomic_path(place) as temporary, temporary.open("wb") as stream:
            np.savez(stream, values=depth.values, kind=depth.kind.value, detail=depth.detail)

    def _place(self, key: str) -> Path:
        return self.folder / key[:2] / f"{key}.npz"
