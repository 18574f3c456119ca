"""The command line: parse, call, print. Everything it can do, the Python API can do too."""

from __future__ import annotations

from dofsim.cli.app import main, start

__all__ = ["main", "start"]
