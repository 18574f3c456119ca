"""One place that says what to install when torch is missing."""

from __future__ import annotations

import importlib.util

from dofsim.errors import MissingExtraError


def require(*modules: str) -> None:
    """Check that optional modules can be imported.

    Raises
    ------
    MissingExtraError
        Naming the first one that cannot, and the extra that brings it.
    """
    for module in modules:
        if importlib.util.find_spec(module) is None:
            raise MissingExtraError(f"{module} is not installed; pip install 'dofsim[train]' brings it")
