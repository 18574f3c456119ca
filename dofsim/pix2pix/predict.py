"""Estimate depth with a model in torch, exactly as :mod:`dofsim.depth.estimate` does with its ONNX export."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from dofsim.depth.depth_map import DepthMap
from dofsim.depth.estimate import Pixels, _input_size, _interpret, _prepare
from dofsim.depth.registry import ModelRecord
from dofsim.errors import ModelError
from dofsim.pix2pix._torch import require

require("torch")

import torch  # noqa: E402

from dofsim.pix2pix.model import DepthModel, load_generator  # noqa: E402


@torch.no_grad()
def predict(model: DepthModel, pixels: Pixels, record: ModelRecord) -> DepthMap:
    """Estimate the depth of a photo.

    Parameters
    ----------
    model : DepthModel
        In evaluation mode.
    pixels : uint8 or uint16 array, shape (H, W, 3)
        The photo, upright, RGB, encoded (not linear).
    record : ModelRecord
        How to feed the model and what comes out.

    Returns
    -------
    DepthMap
        At the network's own resolution, which covers the whole photo.

    Raises
    ------
    ModelError
        If the model puts out no finite numbers.
    """
    device = next(model.parameters()).device
    height, width = _input_size(record, [1, 3, None, None], *pixels.shape[:2])
    photo = torch.from_numpy(_prepare(pixels, height, width, record)).to(device)
    values = model(photo)[0, 0].float().cpu().numpy()
    if not np.isfinite(values).all():
        raise ModelError(f"the model {record.name} puts out numbers that are not finite; its training has diverged")
    return _interpret(values, record)


class Estimator:
    """The trained model of a run, ready to be asked.

    Parameters
    ----------
    run : path
        Run folder or one of its ``.safetensors`` files, see :func:`dofsim.pix2pix.load_generator`.

    Raises
    ------
    ModelError
        As :func:`dofsim.pix2pix.load_generator`.
    """

    def __init__(self, run: str | Path) -> None:
        self.model, self.config = load_generator(run)
        self.record = self.config.model_record(Path(run), Path(run).stem)

    def estimate(self, pixels: Pixels) -> DepthMap:
        """Estimate the depth of a photo, see :func:`predict`."""
        return predict(self.model, np.ascontiguousarray(pixels), self.record)
