"""Small pictures for eyes: shrink, colour, and wrap as PNG. Knows arrays only."""

from __future__ import annotations

import base64
import html
import io
from typing import Any

import numpy as np
import numpy.typing as npt

LONGEST_SIDE = 512
"""Longer side of the pictures that notebooks show, px."""


def shrink(values: npt.NDArray[Any], longest_side: int, *, mean: bool = True) -> npt.NDArray[Any]:
    """A smaller version of a picture or map, or itself if it is small enough.

    Parameters
    ----------
    values : array, shape (H, W) or (H, W, channels)
        uint8, uint16 or float32.
    longest_side : int
        Of the result at most, px.
    mean : bool
        Whether a pixel becomes the mean of those that it stands for, or one of them: a mean of two depths is the depth
        of nothing.

    Returns
    -------
    array
        Of the same dtype and number of dimensions.
    """
    height, width = values.shape[:2]
    scale = longest_side / max(height, width)
    if scale >= 1:
        return values
    import cv2

    size = max(1, round(width * scale)), max(1, round(height * scale))
    how = cv2.INTER_AREA if mean else cv2.INTER_NEAREST
    return np.asarray(cv2.resize(np.ascontiguousarray(values), size, interpolation=how), values.dtype)


def coloured(nearness: npt.NDArray[np.float32]) -> npt.NDArray[np.uint8]:
    """Depth in colours: red is near, blue is far.

    Parameters
    ----------
    nearness : float32 array, shape (H, W)
        Normalised inverse depth: 0 = farthest, 1 = nearest.

    Returns
    -------
    uint8 array, shape (H, W, 3)
        RGB.
    """
    import cv2

    level = np.rint(np.clip(nearness, 0.0, 1.0) * 255.0).astype(np.uint8)
    return np.ascontiguousarray(cv2.applyColorMap(level, cv2.COLORMAP_TURBO)[..., ::-1])


def png(pixels: npt.NDArray[np.uint8]) -> bytes:
    """A picture as PNG.

    Parameters
    ----------
    pixels : uint8 array, shape (H, W, 3) or (H, W, 4)
        RGB or RGBA.

    Returns
    -------
    bytes
    """
    from PIL import Image

    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "PNG")
    return stream.getvalue()


def figure(picture: bytes, caption: str) -> str:
    """A PNG with a line below it, as HTML that holds both.

    Parameters
    ----------
    picture : bytes
        PNG.
    caption : str
        Plain text, also what is read to those who do not see the picture.

    Returns
    -------
    str
    """
    text = html.escape(caption)
    data = base64.b64encode(picture).decode()
    return (
        '<figure style="display:inline-block;margin:0 1em 0 0">'
        f'<img src="data:image/png;base64,{data}" alt="{text}"><figcaption>{text}</figcaption></figure>'
    )
