"""One text for both places: pages here and files on the forge.

Pages are written with links to files, ``../benchmarks/RESULTS.md#data``, which the forge shows. When Sphinx reads a
page, a link that leaves this folder becomes a link to the page that includes the file (its only line is
```` ```{include} ../benchmarks/RESULTS.md ````), else to the forge. A link to a file that is not there is a warning.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

from sphinx.util import logging

if TYPE_CHECKING:
    from sphinx.application import Sphinx

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
FORGE = "https://github.com/dofsim/dofsim/blob/main"
_INCLUDE = re.compile(r"^```\{include\} (\S+)\n```$", re.MULTILINE)
_LINK = re.compile(r"(!?)(\[(?:[^\]\[]|\[[^\]]*\])*\])\((?!https?:|mailto:|#|<)([^)\s#]+)(#[^)\s]*)?\)")
_FENCE = re.compile(r"(^```.*?^```$)", re.MULTILINE | re.DOTALL)
_log = logging.getLogger(__name__)


def included() -> dict[Path, Path]:
    """The files that pages include, and those pages."""
    pages = {}
    for page in DOCS.rglob("*.md"):
        for place in _INCLUDE.findall(page.read_text(encoding="utf-8")):
            pages[(page.parent / place).resolve()] = page
    return pages


def translate(text: str, folder: Path, page: Path, pages: dict[Path, Path]) -> str:
    """The text of a file in ``folder`` as ``page`` shows it."""

    def link(match: re.Match[str]) -> str:
        bang, label, place, anchor = match[1], match[2], match[3], match[4] or ""
        target = (folder / place).resolve()
        if not target.exists():
            _log.warning("no file %s", place, location=str(page), type="links")
            return match[0]
        if target in pages:
            target = pages[target]
        if target.is_relative_to(DOCS) or bang:
            to = Path(os.path.relpath(target, page.parent)).as_posix()
        else:
            to = f"{FORGE}/{target.relative_to(ROOT).as_posix()}"
        return f"{bang}{label}({to}{anchor})"

    parts = _FENCE.split(text)
    return "".join(part if part.startswith("```") else _LINK.sub(link, part) for part in parts)


def _read(app: Sphinx, name: str, source: list[str]) -> None:
    page = Path(app.env.doc2path(name))
    if page.suffix != ".md" or not page.is_relative_to(DOCS):
        return
    pages = included()
    match = _INCLUDE.search(source[0])
    if match is None:
        source[0] = translate(source[0], page.parent, page, pages)
        return
    file = (page.parent / match[1]).resolve()
    app.env.note_dependency(str(file))
    source[0] = translate(file.read_text(encoding="utf-8"), file.parent, page, pages)


def setup(app: Sphinx) -> dict[str, bool]:
    """Called by Sphinx."""
    app.connect("source-read", _read)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
