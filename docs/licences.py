"""Make the list of licences, ``docs/licences.md``, from what the pinned packages say of themselves.

    pip install --dry-run --ignore-installed --quiet -c constraints.txt --report report.json '.[all]'
    python docs/licences.py report.json

pip (25 or newer) only reports the metadata and installs nothing. What a wheel carries beside its own code no metadata
tells: that stands in :data:`CARRIED`, as read in the wheels for Linux.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from dofsim.depth import registry
from dofsim.files import atomic_path

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "licences.md"
EXTRAS = ("data", "train", "ui", "cluster", "plot", "video")

#: Licences of packages whose metadata names none.
LOOKED_UP = {"openexr": "BSD-3-Clause"}
#: What wheels carry beside their own code that is more than permissive.
CARRIED = {
    "av": "FFmpeg (LGPL-2.1-or-later), and with it x264 and x265 (GPL-2.0-or-later), so the whole is under the GPL",
    "numpy": "GCC's libgfortran and libquadmath (GPL and LGPL, with the exception for run-time libraries)",
    "opencv-python-headless": "FFmpeg (LGPL-2.1-or-later), GCC's libgfortran (as numpy)",
    "pillow-heif": "libheif and libde265 (LGPL-3.0-or-later) and x265 (GPL-2.0-or-later): its makers state GPL-2.0 for "
    "the wheel as a whole",
    "scipy": "GCC's libgfortran and libquadmath (as numpy)",
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


def read_report(report: str) -> dict[str, dict[str, Any]]:
    """Metadata of every package that ``dofsim[all]`` brings, by its normalised name."""
    installed = json.loads(Path(report).read_text(encoding="utf-8"))["install"]
    return {canonicalize_name(each["metadata"]["name"]): each["metadata"] for each in installed}


def brought_by(packages: dict[str, dict[str, Any]]) -> dict[str, list[str]]:
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
            for line in packages[name].get("requires_dist", []):
                asked = Requirement(line)
                if asked.marker is None or asked.marker.evaluate({"extra": extra}):
                    todo += [(canonicalize_name(asked.name), wish) for wish in ("", *asked.extras)]
        for name in {name for name, _ in seen}:
            ways.setdefault(name, []).append(way)
    return {name: [""] if "" in found else found for name, found in ways.items()}


def licence(name: str, metadata: dict[str, Any]) -> str:
    """What a package says its licence is: the SPDX expression, else the classifiers, else the short text; or nothing."""
    classifiers = [line.split(" :: ")[-1] for line in metadata.get("classifier", []) if line.startswith("License ::")]
    text = str(metadata.get("license", "")).strip()
    found = metadata.get("license_expression") or LOOKED_UP.get(name)
    found = found or " or ".join(each for each in classifiers if each != "OSI Approved")
    if not found and len(text.splitlines()) == 1 and len(text) < 80:
        found = text
    return str(found).replace("|", "/")


def page(packages: dict[str, dict[str, Any]]) -> str:
    """The whole page."""
    ways = brought_by(packages)
    del ways["dofsim"]
    licences = {name: licence(name, packages[name]) for name in ways}
    if silent := sorted(name for name, found in licences.items() if not found):
        sys.exit(f"these do not say under which licence they are; look it up and name it in LOOKED_UP: {silent}")

    def row(name: str, *cells: str) -> str:
        return f"| {' | '.join((packages[name]['name'], *cells))} |"

    def comes_with(name: str) -> str:
        return "every install" if ways[name] == [""] else ", ".join(f"`{way}`" for way in ways[name])

    strict = []
    for name in sorted(ways):
        own = [f"itself {licences[name]}"] if _STRICT.search(licences[name]) else []
        carried = [f"its wheel carries {CARRIED[name]}"] if name in CARRIED else []
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
    if len(sys.argv) != 2:
        sys.exit("usage: python docs/licences.py report.json (of pip; the docstring has its command)")
    text = page(read_report(sys.argv[1]))
    with atomic_path(PAGE) as temporary:
        temporary.write_text(text, encoding="utf-8")
