"""Depth maps: the typed object, files in and out, edge-aware refinement, and the estimator."""

from dofsim.depth.depth_map import DepthKind, DepthMap

__all__ = ["DepthKind", "DepthMap"]
