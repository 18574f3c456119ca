"""Figures of merit for depth maps, and for pictures."""

from __future__ import annotations

from dofsim.metrics.bootstrap import bootstrap_mean
from dofsim.metrics.depth import (
    DepthScores,
    align_metric,
    aligned_error,
    fit_scale_shift,
    pair_order,
    score_metric,
    score_relative,
)
from dofsim.metrics.edges import aligned_boundary_f1, aligned_edge_error, boundary_f1, edge_rmse
from dofsim.metrics.pictures import psnr, ssim
from dofsim.metrics.protocol import Protocol, standard_protocol

__all__ = [
    "DepthScores",
    "Protocol",
    "align_metric",
    "aligned_boundary_f1",
    "aligned_edge_error",
    "aligned_error",
    "bootstrap_mean",
    "boundary_f1",
    "edge_rmse",
    "fit_scale_shift",
    "pair_order",
    "psnr",
    "score_metric",
    "score_relative",
    "ssim",
    "standard_protocol",
]
