"""Depth models as one kind of function, whether ONNX Runtime or torch computes them."""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from dofsim.depth.depth_map import DepthKind, DepthMap
from dofsim.depth.estimate import estimate
from dofsim.depth.registry import ModelRecord, find_model
from dofsim.errors import MissingExtraError, ModelError

Photo = npt.NDArray[np.uint8]

#: Files of a run folder that training writes.
RUN_FILE, WEIGHTS = "config.json", (".safetensors",)


@dataclass(frozen=True)
class Predictor:
    """A depth model, ready to be called with a photo.

    Attributes
    ----------
    name : str
    origin : str
        Where the weights are.
    kind : DepthKind
        What it puts out.
    runtime : str
        ``"onnxruntime"`` or ``"torch"``.
    call : callable
        uint8 (h, w, 3) -> DepthMap at any resolution, over the whole photo.
    sha256 : str or None
        Recorded hash of the weights.
    flip : bool
        Average with the mirrored photo's depth.
    """

    name: str
    origin: str
    kind: DepthKind
    runtime: str
    call: Callable[[Photo], DepthMap]
    sha256: str | None = None
    flip: bool = False

    def __call__(self, photo: Photo) -> npt.NDArray[np.float32]:
        """Depth at the photo's size, float32 (h, w), in the unit of ``kind``: resized bilinearly.

        Raises
        ------
        ModelError
            If the model fails.
        """
        depth = self._sized(photo)
        if self.flip:
            mirrored = self._sized(np.ascontiguousarray(photo[:, ::-1]))
            depth = (depth + mirrored[:, ::-1]) / np.float32(2.0)
        return depth

    def _sized(self, photo: Photo) -> npt.NDArray[np.float32]:
        import cv2

        found = self.call(photo)
        if found.kind is not self.kind:
            raise ModelError(
                f"the model {self.name} puts out {found.kind.value} depth, not {self.kind.value} as recorded"
            )
        size = photo.shape[1], photo.shape[0]
        sized = cv2.resize(found.values, size, interpolation=cv2.INTER_LINEAR)
        return sized.astype(np.float32, copy=False)


def open_predictor(
    model: str | os.PathLike[str] | None = None, *, threads: int | None = None, flip: bool = False
) -> Predictor:
    """Open a model: a registered name, an ``.onnx`` file, or a run folder or ``.safetensors`` file of training.

    Parameters
    ----------
    model : str or path, optional
        Default: the shipped estimator.
    threads : int, optional
        Of the network.
    flip : bool
        Average with the mirrored photo's depth (test-time augmentation).

    Returns
    -------
    Predictor

    Raises
    ------
    ModelError
        If there is no such model, or it is damaged or of another signature.
    MissingExtraError
        If a run needs torch and it is not installed.
    """
    path = None if model is None else Path(model)
    if path is not None and ((path / RUN_FILE).is_file() or path.suffix in WEIGHTS):
        opened = _from_run(path, threads)
    else:
        opened = _from_onnx(model, threads)
    return replace(opened, flip=flip)


def _from_onnx(model: str | os.PathLike[str] | None, threads: int | None) -> Predictor:
    record = find_model(model)
    # A first photo finds out about the file at once, before a data set is read.
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3)).astype(np.uint8)
    estimate(noise, model=model, threads=threads)
    return Predictor(
        record.name,
        record.file.name,
        record.output,
        "onnxruntime",
        lambda photo: estimate(photo, model=model, threads=threads),
        record.sha256,
    )


def _from_run(path: Path, threads: int | None) -> Predictor:
    if not path.exists():
        raise ModelError(f"there is no run or checkpoint {path} (--model NAME|FILE|RUN)")
    try:
        torch = importlib.import_module("torch")
        estimator = importlib.import_module("dofsim.pix2pix.predict").Estimator
    except ImportError as error:
        raise MissingExtraError(
            f"{path} is a run of training, which needs torch; pip install 'dofsim[train]' brings it, or evaluate the "
            "run's export (dofsim export RUN -o MODEL.onnx, then --model MODEL.onnx)"
        ) from error
    if threads is not None:
        torch.set_num_threads(threads)
    opened = estimator(path)
    record: ModelRecord = opened.record
    return Predictor(record.name, str(path), record.output, "torch", opened.estimate, record.sha256)
