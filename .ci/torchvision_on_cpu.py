"""pytest plugin: let the torchvision of PyPI be imported beside a CPU build of torch.

PyPI's torchvision is built for CUDA; without CUDA's libraries its operators stay undefined, and its own import then
stumbles over two of them. timm needs of torchvision only what is written in Python, so declaring those operators is
enough. Used by .ci/run alone.
"""

from __future__ import annotations

import torch

_LIBRARY = torch.library.Library("torchvision", "DEF")
for _operator in ("nms", "qnms"):
    _LIBRARY.define(f"{_operator}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
