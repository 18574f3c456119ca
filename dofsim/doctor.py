"""Look whether everything that dofsim needs is there and works, and say what to do about what does not."""

from __future__ import annotations

import importlib
import os
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from typing import Any

from dofsim import __version__
from dofsim.errors import DofsimError, MissingExtraError, ModelError

LIBRARIES = {
    "defusedxml": "defusedxml",
    "fsspec": "fsspec",
    "imagecodecs": "imagecodecs",
    "numba": "numba",
    "numpy": "numpy",
    "onnxruntime": "onnxruntime",
    "opencv-python-headless": "cv2",
    "openexr": "OpenEXR",
    "pillow": "PIL",
    "pillow-heif": "pillow_heif",
    "rich": "rich",
    "tifffile": "tifffile",
    "typer": "typer",
}
"""What the base install brings: name of the distribution, and of the module that it is imported as."""

EXTRAS = {
    "data": "h5py",
    "plot": "matplotlib",
    "train": "torch",
    "ui": "gradio",
    "video": "av",
    "cluster": "ray",
}
"""The optional parts, and the distribution that each stands and falls with."""

_TELLING_FEATURES = ("sse4.2", "avx", "avx2", "fma", "f16c", "avx512f", "avx512vl", "neon", "sve")
_ENOUGH_MEMORY = 500_000_000


@dataclass(frozen=True)
class Finding:
    """What was found about one thing.

    Attributes
    ----------
    name : str
        Of the thing.
    text : str
        What a person wants to know about it, in one line.
    facts : dict
        The same for machines; values that JSON can hold.
    problem : str or None
        What is wrong and what to do about it, in one line; None: nothing.
    exit_code : int
        That a command leaves with because of the problem; 0 without one.
    """

    name: str
    text: str
    facts: dict[str, Any] = field(default_factory=dict)
    problem: str | None = None
    exit_code: int = 0


def examine(on_step: Callable[[str], None] = lambda _: None) -> list[Finding]:
    """Examine the installation and the machine.

    Parameters
    ----------
    on_step : callable
        Told the name of each thing before it is looked at.

    Returns
    -------
    list of Finding
        One for each of :data:`THINGS`; it raises nothing.
    """
    found = []
    for name, look in THINGS.items():
        on_step(name)
        try:
            text, facts = look()
            found.append(Finding(name, text, facts))
        except DofsimError as error:
            found.append(Finding(name, "broken", {}, f"{name}: {error}", error.exit_code))
        except Exception as error:  # noqa: BLE001 - whatever is wrong with a machine is what is looked for here
            reason = " ".join(f"{type(error).__name__}: {error}".split())[:300]
            advice = "reinstall dofsim (pip install --force-reinstall dofsim)"
            if "no locator available" in reason:
                reason, advice = "Numba may write to no folder", NO_CACHE_REMEDY
            found.append(Finding(name, "broken", {}, f"{name}: {reason}; {advice}", DofsimError.exit_code))
    return found


NO_CACHE_REMEDY = "set NUMBA_CACHE_DIR to a folder that you may write to"


def _versions() -> tuple[str, dict[str, Any]]:
    folder = Path(__file__).resolve().parent
    python = sys.version.split()[0]
    return f"{__version__}, Python {python}, in {folder}", {
        "version": __version__, "python": python, "executable": sys.executable, "folder": str(folder),
    }  # fmt: skip


def _libraries() -> tuple[str, dict[str, Any]]:
    versions: dict[str, Any] = {}
    for distribution, module in LIBRARIES.items():
        try:
            importlib.import_module(module)
            versions[distribution] = metadata.version(distribution)
        except metadata.PackageNotFoundError:
            versions[distribution] = "another distribution's"
        except ImportError as error:
            raise MissingExtraError(
                f"{distribution} cannot be imported ({error}); pip install {distribution}"
            ) from None
    return ", ".join(f"{name} {version}" for name, version in versions.items()), versions


def _extras() -> tuple[str, dict[str, Any]]:
    versions: dict[str, Any] = {}
    for extra, distribution in EXTRAS.items():
        try:
            versions[extra] = f"{distribution} {metadata.version(distribution)}"
        except metadata.PackageNotFoundError:
            versions[extra] = None
    return ", ".join(f"{extra}: {version or 'not installed'}" for extra, version in versions.items()), versions


def _processor() -> tuple[str, dict[str, Any]]:
    from dofsim.bench.machine import describe_machine
    from dofsim.threads import count_threads

    machine = describe_machine()
    threads = count_threads()
    asked = " (DOFSIM_THREADS)" if os.environ.get("DOFSIM_THREADS", "").strip() else ""
    text = f"{machine['processor']}, {machine['cores']} cores for this process, {threads} threads{asked}"
    return text, {**machine, "threads": threads}


def _instructions() -> tuple[str, dict[str, Any]]:
    from llvmlite import binding
    from numba import config

    name = config.CPU_NAME or binding.get_host_cpu_name()
    try:
        features = sorted(feature for feature, there in binding.get_host_cpu_features().items() if there)
    except RuntimeError:  # LLVM does not know them on every platform
        features = []
    telling = [feature for feature in _TELLING_FEATURES if feature in features]
    # The kernels run in threads of dofsim's own, without the GIL; Numba's layer is for other people's code.
    layer = str(config.THREADING_LAYER)
    text = f"{name} for LLVM: {' '.join(telling) or 'no vectors known'}; Numba's threading layer {layer}, not used"
    return text, {"cpu": name, "features": features, "numba_threading_layer": layer, "jit": not config.DISABLE_JIT}


def _memory() -> tuple[str, dict[str, Any]]:
    from dofsim import memory

    free, limit = memory.free(), memory.limit(None)
    if limit < _ENOUGH_MEMORY:
        raise DofsimError(
            f"{memory.megabytes(limit)} may be used, too little for a photo of 12 megapixels; "
            f"close other programs, or give more ({memory.LIMIT}=2GB)"
        )
    text = f"{free / 1e9:.1f} GB free, one photo may use {limit / 1e9:.1f} GB"
    return text, {"free_bytes": free, "limit_bytes": limit}


def _cache() -> tuple[str, dict[str, Any]]:
    from dofsim.warmup import NEEDED, count_kept, kept_in

    folders = kept_in()
    kept = count_kept()
    writable = all(_is_writable(folder) for folder in folders)
    state = "warm" if kept == NEEDED else "cold" if kept == 0 else "partly warm"
    advice = "" if kept == NEEDED else " (dofsim warmup compiles the rest)"
    place = os.path.commonpath(folders)
    text = f"{kept} of {NEEDED} compiled kernels, {state}{advice}; under {place}"
    if kept < NEEDED and not writable:
        raise DofsimError(f"the kernels' folders under {place} are read-only; {NO_CACHE_REMEDY}")
    return f"{text}, {'writable' if writable else 'read-only'}", {
        "folders": [str(folder) for folder in folders], "writable": writable, "state": state, "kernels": NEEDED,
        "kept": kept,
    }  # fmt: skip


def _is_writable(folder: Path) -> bool:
    existing = next(place for place in (folder, *folder.parents) if place.exists())
    return os.access(existing, os.W_OK)


def _estimator() -> tuple[str, dict[str, Any]]:
    from dofsim.depth.estimate import estimate
    from dofsim.depth.registry import find_model, known_models, known_record
    from dofsim.selftest import known_scene

    record = find_model()
    if record.sha256 is None:
        raise ModelError("the shipped weights come without a hash; reinstall dofsim")
    record.verify()
    pixels = known_scene().photo.pixels
    start = time.perf_counter()
    depth = estimate(pixels)
    seconds = time.perf_counter() - start
    fetched = [name for name in known_models() if known_record(name).file.is_file()]
    volume = record.file.stat().st_size
    more = f"; fetched: {', '.join(fetched)}" if fetched else ""
    text = f"{record.name}, {volume / 1e6:.1f} MB, hash right, first answer after {seconds:.2f} s{more}"
    return text, {
        "name": record.name, "file": str(record.file), "bytes": volume, "sha256": record.sha256, "seconds": seconds,
        "grid": list(depth.shape), "fetched": fetched,
    }  # fmt: skip


def _self_test() -> tuple[str, dict[str, Any]]:
    from dofsim.bokeh.warmup import is_cold
    from dofsim.selftest import self_test
    from dofsim.warmup import compile_discs

    start = time.perf_counter()
    if is_cold():
        compile_discs()
    self_test()
    first = time.perf_counter() - start
    again = min(self_test() for _ in range(3))
    self_test(16)
    text = f"sharp parts unchanged, all light of a point there; {1000 * again:.0f} ms (first time {first:.2f} s)"
    return text, {"seconds": again, "first_seconds": first}


THINGS: dict[str, Callable[[], tuple[str, dict[str, Any]]]] = {
    "dofsim": _versions,
    "libraries": _libraries,
    "extras": _extras,
    "processor": _processor,
    "instructions": _instructions,
    "memory": _memory,
    "kernel cache": _cache,
    "estimator": _estimator,
    "self-test": _self_test,
}
"""What is examined, in this order."""
