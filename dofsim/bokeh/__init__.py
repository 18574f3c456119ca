"""The renderer. It takes linear light and a signed circle of confusion, and knows nothing of depth, files or networks."""

from dofsim.bokeh.render import render

__all__ = ["render"]
