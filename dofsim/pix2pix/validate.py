"""Figures of a generator while it is being trained: what decides which checkpoint is the best."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from dofsim.datasets.mixture import reduce_pair
from dofsim.datasets.rgbd import index_folder, read_pair
from dofsim.datasets.split import split_scenes
from dofsim.datasets.terms import is_phone
from dofsim.depth.depth_map import DepthKind, DepthMap
from dofsim.depth.registry import ModelRecord
from dofsim.errors import DepthError
from dofsim.metrics.depth import aligned_error, score_metric
from dofsim.pix2pix.model import DepthModel
from dofsim.pix2pix.predict import predict

Row = tuple[str, dict[str, float]]


@dataclass(frozen=True, eq=False)
class Truth:
    """A photo with its known depth.

    Attributes
    ----------
    scene : str
        Figures are averaged within scenes, then over them.
    photo : uint8 (h, w, 3)
    depth : float32 (h, w)
        In the unit of ``kind``; NaN is unknown.
    kind : DepthKind
    groups : tuple of str
        Groups of scenes whose error is told apart.
    """

    scene: str
    photo: npt.NDArray[np.uint8]
    depth: npt.NDArray[np.float32]
    kind: DepthKind = DepthKind.RELATIVE
    groups: tuple[str, ...] = ()


class SceneValidator:
    """Measure a model on some photos with known depth.

    Parameters
    ----------
    count : int
        How many there are.
    read : callable
        Index -> :class:`Truth`.
    record : ModelRecord
        How to feed the model. Metric models are scored in metres (``error`` is AbsRel), relative ones by the error
        of inverse depth after least-squares alignment (:func:`dofsim.metrics.depth.aligned_error`).
    nearest, farthest : float
        Range that a metric truth is compared in, m.
    """

    def __init__(
        self, count: int, read: Callable[[int], Truth], record: ModelRecord, *, nearest: float = 1e-3,
        farthest: float = 10.0,
    ) -> None:  # fmt: skip
        self._count, self._read, self._record = count, read, record
        self._range = nearest, farthest

    def measure(self, model: DepthModel, part: int = 0, parts: int = 1) -> list[Row]:
        """Scores of every ``parts``-th picture from ``part`` on; pictures that have nothing to measure are left out."""
        rows = []
        for index in range(part, self._count, parts):
            truth = self._read(index)
            try:
                scores = self.score(predict(model, truth.photo, self._record), truth)
            except DepthError:
                continue
            rows.append((truth.scene, {**scores, **dict.fromkeys(truth.groups, scores["error"])}))
        return rows

    def score(self, depth: DepthMap, truth: Truth) -> dict[str, float]:
        """Scores of one picture, at the truth's size."""
        height, width = truth.depth.shape
        found = cv2.resize(depth.values, (width, height), interpolation=cv2.INTER_LINEAR)
        if depth.kind is DepthKind.METRIC:
            metres = truth.depth if truth.kind is DepthKind.METRIC else np.float32(1) / truth.depth
            nearest, farthest = self._range
            scores = score_metric(found, metres, nearest=nearest, farthest=farthest)
            return {"error": scores.abs_rel, "rmse": scores.rmse, "delta1": scores.delta1}
        inverse = np.float32(1) / truth.depth if truth.kind is DepthKind.METRIC else truth.depth
        return {"error": aligned_error(found, inverse)}

    def summarise(self, rows: Sequence[Row]) -> dict[str, float]:
        """Mean over scenes of the mean over each scene's pictures, for every score."""
        by_name: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
        for scene, scores in rows:
            for name, value in scores.items():
                by_name[name][scene].append(value)
        return {
            name: float(np.mean([np.mean(values) for _, values in sorted(by_scene.items())]))
            for name, by_scene in by_name.items()
        }


def heldout_validator(data: str | Path, record: ModelRecord) -> SceneValidator:
    """Measure on the permitted scenes that are kept out of training, phone scenes also by themselves.

    Parameters
    ----------
    data : path
        Folder with ``rgbd/``.
    record : ModelRecord
        How to feed the generator.
    """
    pairs = split_scenes(index_folder(Path(data) / "rgbd")).heldout
    truths = [
        Truth(pair.key, *reduce_pair(*read_pair(pair), 480), groups=("phone",) if is_phone(pair.source.name) else ())
        for pair in pairs
    ]
    return SceneValidator(len(truths), truths.__getitem__, record)
