"""Which layout a folder has, and what to say when it has none."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

from dofsim.datasets.diml import Diml, DimlReport
from dofsim.datasets.folder import RgbdFolder
from dofsim.datasets.nyu import NyuLabelled
from dofsim.datasets.nyu_files import NyuH5, NyuPng
from dofsim.datasets.packed import Packed
from dofsim.datasets.reader import Reader
from dofsim.datasets.side_by_side import SideBySide
from dofsim.errors import ParameterError

#: Every layout, in the order in which they are tried.
READERS: tuple[type[Reader], ...] = (
    Packed, NyuLabelled, NyuH5, NyuPng, Diml, DimlReport, RgbdFolder, SideBySide,
)  # fmt: skip
#: Names for ``dataset``.
DATASETS = ("auto", *(reader.name for reader in READERS))


def open_reader(root: str | Path, dataset: str = "auto", *, raw: bool = False, **options: Any) -> Reader:
    """Open a data set in its layout.

    Parameters
    ----------
    root : path
    dataset : str
        One of :data:`DATASETS`.
    raw, **options
        See :func:`dofsim.datasets.frames.open_frames`; an option that is None counts as not given.

    Returns
    -------
    Reader

    Raises
    ------
    ParameterError
        If the layout is not found there, or a name or an option is unknown.
    DepthError
        If a file that decides the layout is damaged.
    """
    root = Path(root)
    reader = recognise(root) if dataset == "auto" else _named(dataset)
    if reader is None:
        raise ParameterError(wrong_root(root))
    if dataset != "auto" and not _fits(reader, root):
        other = recognise(root)
        hint = f" (it looks like --dataset {other.name})" if other else ""
        raise ParameterError(wrong_root(root, reader) + hint)
    given = {name: value for name, value in options.items() if value is not None}
    known = inspect.signature(reader.__init__).parameters
    unknown = [name for name in given if name not in known]
    if unknown:
        raise ParameterError(
            f"the layout {reader.name!r} has no option {unknown[0]!r}; leave out --{unknown[0].replace('_', '-')}"
        )
    opened = reader(root, raw=raw, **given)
    opened.options |= given
    return opened


def recognise(root: Path) -> type[Reader] | None:
    """The first layout that is found at a root, or None."""
    return next((reader for reader in READERS if reader.recognise(root)), None)


def wrong_root(root: Path, reader: type[Reader] | None = None) -> str:
    """One sentence: the layout is not there, the expected tree, and where the owners publish the data.

    Parameters
    ----------
    root : Path
    reader : type of Reader, optional
        The layout that was asked for; all of them when omitted.
    """
    what = "does not exist" if not root.exists() else "is empty" if _is_empty(root) else None
    if reader is not None:
        tree = "; ".join(" ".join(line.split()) for line in reader.tree.splitlines())
        source = f"; the owners publish it at {reader.origin}" if reader.origin else ""
        return f"{root} {what or f'holds no {reader.title}'}; expected {tree}{source}"
    names = ", ".join(sorted({reader.name for reader in READERS}))
    return (
        f"{root} {what or f'has none of the known layouts ({names})'}; `dofsim data check` shows the expected trees "
        "and where the owners publish the data"
    )


def _named(dataset: str) -> type[Reader]:
    for reader in READERS:
        if reader.name == dataset:
            return reader
    raise ParameterError(f"unknown data set {dataset!r}; use one of {', '.join(DATASETS)} (--dataset auto)")


def _fits(reader: type[Reader], root: Path) -> bool:
    return (Diml if reader is DimlReport else reader).recognise(root)


def _is_empty(root: Path) -> bool:
    return root.is_dir() and next(root.iterdir(), None) is None
