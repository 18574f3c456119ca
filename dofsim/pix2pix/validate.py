"""Figures of a generator on the scenes that are kept out of training."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from dofsim.datasets.mixture import reduce_pair
from dofsim.datasets.rgbd import RgbdPair, index_folder, read_pair
from dofsim.datasets.split import split_scenes
from dofsim.datasets.terms import is_phone
from dofsim.metrics.depth import aligned_error
from dofsim.pix2pix._torch import require

require("torch", "timm")

import torch  # noqa: E402
from torch import Tensor  # noqa: E402

from dofsim.pix2pix.generator import MULTIPLE, Generator  # noqa: E402


def fitted_size(height: int, width: int, longest: int) -> tuple[int, int]:
    """(height, width), multiples of 32, nearest to the photo's aspect ratio with the given longest side."""
    scale = longest / max(height, width)
    rows = max(MULTIPLE, round(height * scale / MULTIPLE) * MULTIPLE)
    columns = max(MULTIPLE, round(width * scale / MULTIPLE) * MULTIPLE)
    return rows, columns


@torch.no_grad()
def predict(generator: torch.nn.Module, photo: npt.NDArray[np.uint8], longest: int = 320) -> npt.NDArray[np.float32]:
    """Relative inverse depth of a photo at the photo's size.

    Parameters
    ----------
    generator : torch.nn.Module
        In evaluation mode.
    photo : uint8 (h, w, 3)
    longest : int
        Longest side that the generator sees, px.

    Returns
    -------
    float32 (h, w)
    """
    height, width = photo.shape[:2]
    rows, columns = fitted_size(height, width, longest)
    how = cv2.INTER_AREA if rows * columns < height * width else cv2.INTER_LINEAR
    small = cv2.resize(photo, (columns, rows), interpolation=how)
    tensor = torch.from_numpy(small.astype(np.float32) / 127.5 - 1.0).permute(2, 0, 1)[None]
    depth = generator(tensor.contiguous(memory_format=torch.channels_last))[0, 0].numpy()
    return cv2.resize(depth, (width, height), interpolation=cv2.INTER_LINEAR).astype(np.float32, copy=False)


def heldout_validator(data: str | Path, *, longest: int = 320) -> Callable[[dict[str, Tensor]], dict[str, float]]:
    """A function from weights to the aligned error on held-out scenes, averaged per scene.

    Parameters
    ----------
    data : path
        Folder with ``rgbd/``.
    longest : int
        Longest side that the generator sees, px.

    Returns
    -------
    callable
        State dict -> ``{"error", "phone"}``; empty if no scene is held out.
    """
    pairs: list[RgbdPair] = list(split_scenes(index_folder(Path(data) / "rgbd")).heldout)
    loaded = [(pair, *reduce_pair(*read_pair(pair), 480)) for pair in pairs]

    def validate(weights: dict[str, Tensor]) -> dict[str, float]:
        if not loaded:
            return {}
        generator = Generator()
        generator.load_state_dict(weights)
        generator.eval()
        by_scene: dict[str, list[float]] = defaultdict(list)
        phones = set()
        for pair, photo, inverse in loaded:
            by_scene[pair.key].append(aligned_error(predict(generator, photo, longest), inverse))
            if is_phone(pair.source.name):
                phones.add(pair.key)
        mean = {key: float(np.mean(values)) for key, values in by_scene.items()}
        result = {"error": round(float(np.mean(list(mean.values()))), 4)}
        if phones:
            result["phone"] = round(float(np.mean([mean[key] for key in phones])), 4)
        return result

    return validate
