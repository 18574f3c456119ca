"""Objectives for relative inverse depth, blind to scale and shift and to pixels of unknown depth.

Sources: the scale-and-shift-invariant losses and the multi-scale gradient matching of Ranftl et al.,
"Towards robust monocular depth estimation", TPAMI 2022 (MiDaS), equations 4-11.
"""

from __future__ import annotations

from dofsim.pix2pix._torch import require

require("torch")

import torch  # noqa: E402
from torch import Tensor  # noqa: E402

_EPSILON = 1e-6


def _masked_mean(value: Tensor, mask: Tensor) -> Tensor:
    return (value * mask).flatten(1).sum(1) / mask.flatten(1).sum(1).clamp_min(1.0)


def _shaped(value: Tensor) -> Tensor:
    return value.reshape(-1, 1, 1, 1)


def robust_normalise(depth: Tensor, mask: Tensor) -> Tensor:
    """Subtract the median of the known pixels and divide by their mean absolute deviation from it.

    Parameters
    ----------
    depth : float (n, 1, h, w)
    mask : bool or float (n, 1, h, w)
        1 where the depth is known.

    Returns
    -------
    float (n, 1, h, w)
        Invariant to a positive scale and a shift of ``depth``.
    """
    known = mask.bool()
    median = depth.masked_fill(~known, float("nan")).flatten(1).nanmedian(dim=1).values.nan_to_num(0.0)
    centred = depth - _shaped(median)
    spread = _masked_mean(centred.abs(), known.to(depth.dtype))
    return centred / _shaped(spread.clamp_min(_EPSILON))


def align(prediction: Tensor, target: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
    """Bring a prediction to its target by the least-squares scale (>= 0) and shift of each picture.

    Parameters
    ----------
    prediction, target, mask : (n, 1, h, w)

    Returns
    -------
    aligned : float (n, 1, h, w)
        ``a * prediction + b``; gradients flow through a and b.
    correlation : float (n,)
        Pearson's, -1..1: negative where the prediction is upside down and a is held at 0.
    """
    weight = mask.to(prediction.dtype)
    centred = (prediction - _shaped(_masked_mean(prediction, weight))) * weight
    mean_t = _shaped(_masked_mean(target, weight))
    goal = (target - mean_t) * weight
    covariance = _masked_mean(centred * goal, weight)
    variance = _masked_mean(centred * centred, weight).clamp_min(_EPSILON)
    # a negative scale would let an upside-down prediction score well
    scale = (covariance / variance).clamp_min(0.0)
    spread = (variance * _masked_mean(goal * goal, weight).clamp_min(_EPSILON)).sqrt()
    return _shaped(scale) * centred + mean_t, covariance / spread


def edge_gradient(residual: Tensor, mask: Tensor, scales: int = 4) -> Tensor:
    """Mean absolute gradient of a residual over several scales: depth edges where the truth has them, and none else.

    The mean over scales and directions, not their sum as in MiDaS: the sum outweighs the data term while the
    prediction is still wrong everywhere, and teaches a flat map first.

    Parameters
    ----------
    residual, mask : (n, 1, h, w)
    scales : int
        Each one halves the resolution by dropping every second row and column, so that holes never mix in.

    Returns
    -------
    float (n,)
    """
    weight = mask.to(residual.dtype)
    total = residual.new_zeros(residual.shape[0])
    for step in (2**k for k in range(scales)):
        r, m = residual[..., ::step, ::step], weight[..., ::step, ::step]
        across = m[..., 1:] * m[..., :-1]
        down = m[..., 1:, :] * m[..., :-1, :]
        total = total + _masked_mean((r[..., 1:] - r[..., :-1]).abs(), across)
        total = total + _masked_mean((r[..., 1:, :] - r[..., :-1, :]).abs(), down)
    return total / (2.0 * scales)


def ssi(prediction: Tensor, target: Tensor, mask: Tensor, *, edges: float = 1.0, scales: int = 4) -> Tensor:
    """Scale-and-shift-invariant loss with multi-scale edge gradients.

    Most of the data term compares after least-squares alignment, which is how relative depth is measured; the
    rest is 1 - correlation, which knows which way is near when the aligned term has no gradient.

    Parameters
    ----------
    prediction : float (n, 1, h, w)
    target : float (n, 1, h, w)
        Inverse depth; values where ``mask`` is 0 are ignored, NaN included.
    mask : bool (n, 1, h, w)
    edges : float
        Weight of the gradient term.
    scales : int

    Returns
    -------
    float ()
        Mean over the pictures that have known pixels.
    """
    prediction = prediction.float()
    known = mask.bool()
    target = torch.where(known, target.float(), torch.zeros_like(target, dtype=torch.float32))
    weight = known.float()
    goal = robust_normalise(target, known) * weight
    # a far outlier (a pixel at the sensor) must not rule a whole picture
    goal = goal.clamp(-8.0, 8.0)
    fitted, correlation = align(prediction, goal, weight)
    data = _masked_mean((fitted - goal).abs(), weight) + 0.25 * (1.0 - correlation)
    loss = data + edges * edge_gradient(fitted - goal, weight, scales)
    present = (weight.flatten(1).sum(1) > 0).float()
    return (loss * present).sum() / present.sum().clamp_min(1.0)


def l1(prediction: Tensor, target: Tensor, mask: Tensor) -> Tensor:
    """Mean absolute difference of the known pixels, per picture and then the mean over pictures that have any.

    Parameters
    ----------
    prediction : float (n, c, h, w)
    target : float (n, c, h, w)
        Values where ``mask`` is 0 are ignored, NaN included.
    mask : bool (n, 1, h, w)

    Returns
    -------
    float ()
    """
    prediction = prediction.float()
    known = mask.bool().expand_as(prediction)
    difference = torch.where(known, prediction - torch.where(known, target.float(), prediction), 0.0).abs()
    present = known.flatten(1).any(dim=1).float()
    return (_masked_mean(difference, known.float()) * present).sum() / present.sum().clamp_min(1.0)
