"""Augment a photo and its inverse depth together: one homography for both, colour for the photo alone.

The photo is resampled smoothly, the depth by its nearest sample, so that neither depths across an edge nor
known and unknown pixels are ever mixed.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

Photo = npt.NDArray[np.uint8]
Inverse = npt.NDArray[np.float32]

_RINGS = 24


@dataclass(frozen=True)
class Strength:
    """How strongly to augment; zero everywhere leaves a centred crop.

    Attributes
    ----------
    zoom : float
        Smallest share of the largest fitting crop's side, 0..1.
    aspect : float
        Largest relative change of the aspect ratio.
    rotation : float
        Standard deviation of the rotation, degrees.
    perspective : float
        Largest shift of a corner, as a share of the side.
    roll : float
        Probability of a camera that is turned by any angle, upside down too.
    colour, blur, noise : float
        0..1, how often and how strongly.
    look : float
        How often a rendered picture takes over the look of a real one, 0..1.
    """

    zoom: float = 0.55
    aspect: float = 0.12
    rotation: float = 4.0
    perspective: float = 0.05
    roll: float = 0.06
    colour: float = 1.0
    blur: float = 0.3
    noise: float = 0.4
    look: float = 0.8


def view(
    photo: Photo, inverse: Inverse, size: tuple[int, int], rng: np.random.Generator, strength: Strength | None = None
) -> tuple[Photo, Inverse]:
    """Look at a random part of a scene: crop, scale, flip, rotate, tilt, and seldom turn it by any angle.

    Parameters
    ----------
    photo : uint8 (h, w, 3)
    inverse : float32 (h, w)
        NaN is unknown.
    size : (height, width)
        Of the result.
    rng : numpy Generator
    strength : Strength, optional

    Returns
    -------
    photo : uint8 (height, width, 3)
    inverse : float32 (height, width)
        Its values are values of the input; what lies outside the input is NaN.
    """
    strength = strength or Strength()
    height, width = size
    rolled = rng.random() < strength.roll
    if rolled:
        quarters = int(rng.integers(1, 4))
        photo, inverse = np.rot90(photo, quarters).copy(), np.rot90(inverse, quarters).copy()
    rows, columns = inverse.shape
    aspect = width / height * np.exp(rng.uniform(-strength.aspect, strength.aspect))
    crop_h = min(rows, columns / aspect)
    share = 1.0 if rng.random() < 0.35 else rng.uniform(1.0 - strength.zoom * 0.8, 1.0)
    if strength.zoom == 0:
        share = 1.0
    crop_h *= share
    crop_w = crop_h * aspect
    left = rng.uniform(0.0, max(columns - crop_w, 0.0)) if strength.zoom else (columns - crop_w) / 2
    top = rng.uniform(0.0, max(rows - crop_h, 0.0)) if strength.zoom else (rows - crop_h) / 2
    unit = np.array([[-0.5, -0.5], [0.5, -0.5], [0.5, 0.5], [-0.5, 0.5]])
    unit = unit + rng.uniform(-1, 1, (4, 2)) * strength.perspective * rng.random()
    angle = np.deg2rad(np.clip(rng.normal(0.0, 1.0), -2.5, 2.5) * strength.rotation * (3.0 if rolled else 1.0))
    box = unit * (crop_w, crop_h)
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    corners = box @ turn + (left + crop_w / 2 - 0.5, top + crop_h / 2 - 0.5)
    flip = rng.random() < 0.5
    ends = np.array([[0, 0], [width, 0], [width, height], [0, height]], dtype=np.float64) - 0.5
    if flip:
        ends[:, 0] = width - 1 - ends[:, 0]
    matrix = cv2.getPerspectiveTransform(corners.astype(np.float32), ends.astype(np.float32))
    if min(crop_h / height, crop_w / width) > 1.6:  # a plain bilinear sample would alias
        photo = cv2.GaussianBlur(photo, (0, 0), 0.35 * min(crop_h / height, crop_w / width))  # type: ignore[assignment]
    seen = cv2.warpPerspective(
        photo, matrix, (width, height), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101
    )
    depth = cv2.warpPerspective(
        inverse,
        matrix,
        (width, height),
        flags=cv2.INTER_NEAREST,
        borderMode=cv2.BORDER_CONSTANT,
        borderValue=float("nan"),
    )
    return seen.astype(np.uint8, copy=False), depth.astype(np.float32, copy=False)


def limit_range(inverse: Inverse, rng: np.random.Generator) -> Inverse:
    """Forget what lies beyond a random distance, as sensors of limited range do: the order of what is near counts then.

    Parameters
    ----------
    inverse : float32 (h, w)
        NaN is unknown.
    rng : numpy Generator

    Returns
    -------
    float32 (h, w)
        At least a quarter of the known pixels stay known.
    """
    known = inverse[np.isfinite(inverse)]
    if known.size == 0:
        return inverse
    least = np.quantile(known, rng.uniform(0.1, 0.75))
    return np.where(inverse >= least, inverse, np.float32(np.nan)).astype(np.float32, copy=False)


def borrow_look(photo: Photo, other: Photo, rng: np.random.Generator) -> Photo:
    """Give a picture the look of another one: its colours, its contrast, and how much detail it has at each scale.

    What a network learns late from rendered scenes is how these look. Mean and spread of the three CIELAB channels move
    towards the other's (Reinhard et al., Color transfer between images, IEEE CG&A 2001), and so does the power spectrum
    in rings, but for the lowest frequencies; both by the same random share of 0.4..1.

    Parameters
    ----------
    photo : uint8 (h, w, 3)
    other : uint8 (h', w', 3)
    rng : numpy Generator

    Returns
    -------
    uint8 (h, w, 3)
    """
    height, width = photo.shape[:2]
    other = cv2.resize(other, (width, height), interpolation=cv2.INTER_AREA).astype(np.uint8, copy=False)
    share = rng.uniform(0.4, 1.0)
    own, wanted = (cv2.cvtColor(p.astype(np.float32) / 255.0, cv2.COLOR_RGB2LAB) for p in (photo, other))
    means, spreads = zip(
        *((lab.reshape(-1, 3).mean(0), lab.reshape(-1, 3).std(0) + 1.0) for lab in (own, wanted)), strict=True
    )
    scale = np.clip(spreads[1] / spreads[0], 0.3, 2.0) ** share
    moved = (own - means[0]) * scale + means[0] + share * (means[1] - means[0])
    result = np.clip(cv2.cvtColor(moved.astype(np.float32), cv2.COLOR_LAB2RGB), 0.0, 1.0)

    spectra = [np.fft.rfft2(p, axes=(0, 1)) for p in (result, other.astype(np.float32) / 255.0)]
    place = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width)[None, :]) / 0.72 * _RINGS
    ring = np.minimum(place.astype(np.int64), _RINGS - 1).ravel()
    power = [np.bincount(ring, (np.abs(s) ** 2).mean(axis=2).ravel(), _RINGS) for s in spectra]
    gain = np.clip(np.sqrt(power[1] / np.maximum(power[0], 1e-9)), 0.4, 2.0) ** share
    gain[:2] = 1.0
    smooth = np.interp(place, np.arange(_RINGS) + 0.5, gain)[..., None]
    result = np.fft.irfft2(spectra[0] * smooth, s=(height, width), axes=(0, 1))
    return np.clip(result * 255.0 + 0.5, 0, 255).astype(np.uint8)


def tone(photo: Photo, rng: np.random.Generator, amount: float = 1.0) -> Photo:
    """Random exposure, contrast, gamma, white balance and saturation.

    Parameters
    ----------
    photo : uint8 (h, w, 3)
    rng : numpy Generator
    amount : float
        0 changes nothing.

    Returns
    -------
    uint8 (h, w, 3)
    """
    ramp = np.linspace(0.0, 1.0, 256)[:, None]
    gamma = np.exp(rng.normal(0.0, 0.25) * amount)
    gain = np.exp(rng.normal(0.0, 0.18) * amount)
    contrast = np.exp(rng.normal(0.0, 0.2) * amount)
    balance = np.exp(rng.normal(0.0, 0.07, 3) * amount)
    table = ((ramp**gamma - 0.5) * contrast + 0.5) * gain * balance
    table = (np.clip(table, 0.0, 1.0) * 255.0 + 0.5).astype(np.uint8)
    photo = cv2.LUT(photo, table[:, None, :])  # type: ignore[assignment]
    saturation = float(np.clip(1.0 + rng.normal(0.0, 0.3) * amount, 0.0, 2.0))
    if rng.random() < 0.04 * amount:
        saturation = 0.0
    grey = np.array([0.299, 0.587, 0.114])
    mix = saturation * np.eye(3) + (1.0 - saturation) * np.tile(grey, (3, 1))
    return cv2.transform(photo, mix).astype(np.uint8, copy=False)


def degrade(photo: Photo, rng: np.random.Generator, blur: float = 0.3, noise: float = 0.4) -> Photo:
    """Random softness, grain and JPEG traces.

    Parameters
    ----------
    photo : uint8 (h, w, 3)
    rng : numpy Generator
    blur, noise : float
        Probabilities.

    Returns
    -------
    uint8 (h, w, 3)
    """
    if rng.random() < blur:
        photo = cv2.GaussianBlur(photo, (0, 0), float(rng.uniform(0.4, 1.8)))  # type: ignore[assignment]
    if rng.random() < noise:
        sigma = float(rng.uniform(1.0, 9.0))
        grain = rng.standard_normal(photo.shape, dtype=np.float32) * sigma
        photo = np.clip(photo + grain + 0.5, 0, 255).astype(np.uint8)
    if rng.random() < noise * 0.5:
        done, coded = cv2.imencode(".jpg", photo, (cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(25, 90))))
        if done:
            photo = cv2.imdecode(coded, cv2.IMREAD_COLOR).astype(np.uint8, copy=False)
    return photo


def defocus(photo: Photo, inverse: Inverse, rng: np.random.Generator) -> Photo:
    """Blur what lies far from a random depth, as the lens that took many real photos did.

    Parameters
    ----------
    photo : uint8 (h, w, 3)
    inverse : float32 (h, w)
        NaN counts as far.
    rng : numpy Generator

    Returns
    -------
    uint8 (h, w, 3)
    """
    known = np.isfinite(inverse)
    if known.sum() < 16:
        return photo
    far, near = np.percentile(inverse[known], (2, 98))
    if near - far <= 0:
        return photo
    level = np.clip((np.where(known, inverse, far) - far) / (near - far), 0.0, 1.0)
    focus = rng.uniform(0.5, 1.0)
    radius = cv2.GaussianBlur(np.abs(level - focus).astype(np.float32), (0, 0), 1.0)
    result = photo.astype(np.float32)
    strength = rng.uniform(1.0, 4.0)
    for step in (0.33, 0.66):
        soft = cv2.GaussianBlur(photo, (0, 0), float(0.3 + strength * step)).astype(np.float32)
        share = np.clip((radius - step * 0.6) / 0.15, 0.0, 1.0)[..., None]
        result = result * (1.0 - share) + soft * share
    return result.astype(np.uint8)
