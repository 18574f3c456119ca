"""Sphinx: ``sphinx-build -W -n --keep-going docs docs/_build`` (``pip install -e '.[docs]'``).

Nothing is asked of the network while the pages are built, nor by the pages when they are read.
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "_ext"))

import dofsim

project = "dofsim"
author = "The dofsim authors"
copyright = f"2025-2026, {author}, Apache-2.0"  # noqa: A001 - Sphinx names it
version = release = dofsim.__version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.viewcode", "numpydoc", "links", "names"]
exclude_patterns = ["_build", "_ext"]

myst_enable_extensions = ["colon_fence", "deflist", "attrs_inline"]
myst_heading_anchors = 3
myst_links_external_new_tab = False

# numpydoc prints types as they are written ("float32 array, shape (H, W)") and makes no links of them.
numpydoc_show_class_members = False
autodoc_member_order = "bysource"
# Docstrings say more of a type than an annotation can: shapes, units, ranges.
autodoc_typehints = "none"
autodoc_default_options = {"members": True}
autodoc_preserve_defaults = True
# Training is described without torch, which would be the largest part of the environment.
autodoc_mock_imports = ["accelerate", "albumentations", "safetensors", "tensorboard", "timm", "torch"]
maximum_signature_line_length = 88

nitpicky = True

html_theme = "furo"
html_title = f"dofsim {release}"
html_static_path: list[str] = []
html_theme_options = {
    "source_repository": "https://github.com/dofsim/dofsim/",
    "source_branch": "main",
    "source_directory": "docs/",
}
pygments_style = "friendly"
pygments_dark_style = "monokai"
