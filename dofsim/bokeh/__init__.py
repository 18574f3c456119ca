"""The renderer: it takes linear light and a signed circle of confusion, and knows no depth, file or network."""

from dofsim.bokeh.aperture import Aperture
from dofsim.bokeh.render import render

__all__ = ["Aperture", "render"]
