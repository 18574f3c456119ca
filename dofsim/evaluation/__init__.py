"""Evaluate depth models on data sets, the way the field does."""

from __future__ import annotations

from dofsim.evaluation.evaluate import Evaluation, ImageScores, evaluate
from dofsim.evaluation.predict import Predictor, open_predictor

__all__ = ["Evaluation", "ImageScores", "Predictor", "evaluate", "open_predictor"]
