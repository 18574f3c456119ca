"""Figures of merit for depth maps."""

from __future__ import annotations

from dofsim.metrics.depth import DepthScores, aligned_error, fit_scale_shift, pair_order, score_metric, score_relative

__all__ = ["DepthScores", "aligned_error", "fit_scale_shift", "pair_order", "score_metric", "score_relative"]
