"""The depth estimator's generator, objectives, training and export (extra ``dofsim[train]``)."""

from __future__ import annotations
