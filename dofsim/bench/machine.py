"""What a figure was measured on: without it no figure means anything."""

from __future__ import annotations

import os
import platform
from importlib import metadata
from pathlib import Path

_LIBRARIES = ("dofsim", "numpy", "numba", "llvmlite", "opencv-python-headless", "pillow", "onnxruntime")


def describe_machine() -> dict[str, str | int]:
    """Processor, cores that this process may use, system, and Python.

    Returns
    -------
    dict
        Keys ``processor``, ``cores``, ``system``, ``python``.
    """
    return {
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1,
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
    }


def describe_versions(*more: str) -> dict[str, str]:
    """Versions of dofsim and of the libraries that the figures depend on, those that are installed.

    Parameters
    ----------
    *more : str
        Further distributions.
    """
    versions = {}
    for name in (*_LIBRARIES, *more):
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return versions


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    named = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return named[0] if named else platform.processor() or "unknown"
