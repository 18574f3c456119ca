"""Refuse a tag that does not say what its tree says: ``python .ci/check_tag.py v0.2.0``.

The version stands in ``dofsim/__init__.py`` alone, so that it is right in an unpacked archive and in a clone without
tags as well. The tag has to be ``v`` and that, and the newest section of the CHANGELOG of this version and of a day.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def fault(tag: str, version: str, changes: str) -> str | None:
    """What is wrong with a tag, in a sentence; None if nothing is.

    Parameters
    ----------
    tag : str
    version : str
        What the tree calls itself.
    changes : str
        The CHANGELOG.

    Returns
    -------
    str or None
    """
    if not re.fullmatch(r"\d+\.\d+\.\d+((a|b|rc)\d+)?", version):
        return f"the version {version!r} is none of the form 1.2.3 or 1.2.3rc1; correct __version__"
    if tag != f"v{version}":
        return f"the tag {tag} is not that of the version {version}; name it v{version}, or correct __version__"
    _, *sections = re.split(r"^## ", changes, flags=re.MULTILINE)
    titles, bodies = zip(*(section.split("\n", 1) for section in sections), strict=True)
    if titles[0] != "Unreleased" or bodies[0].strip():
        return "CHANGELOG.md does not begin with an empty section Unreleased; name the present one after the release"
    if not re.fullmatch(rf"{re.escape(version)} - \d{{4}}-\d\d-\d\d", "".join(titles[1:2])):
        return f"the newest section of CHANGELOG.md is not called '{version} - YEAR-MONTH-DAY'; name it so"
    return None


def main(arguments: list[str]) -> str | int:
    """Check a tag against the tree that this file lies in."""
    if len(arguments) != 1:
        return "usage: python .ci/check_tag.py TAG"
    code = (ROOT / "dofsim" / "__init__.py").read_text(encoding="utf-8")
    (version,) = re.findall(r'^__version__ = "(.*)"$', code, re.MULTILINE)
    return fault(arguments[0], version, (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")) or 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
