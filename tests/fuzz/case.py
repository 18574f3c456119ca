"""One case: a file of the corpus, broken by a number, and what came of it."""

from __future__ import annotations

import os
import re
import shutil
import sys
import time
import traceback
import warnings
from contextlib import suppress
from pathlib import Path
from random import Random
from typing import Any

SECONDS = 10.0
"""Of the processor; a case that takes longer counts as a hang."""
MAX_MEMORY = 400_000_000
"""What dofsim is told that it may use, bytes."""
BOUND = 1_000_000_000
"""What a process may really hold, bytes: the above, and the libraries."""
HDF5_BOUND = 5_000_000_000
"""The same with HDF5 files, whose library takes what a damaged attribute says, up to 32 bits of bytes."""


def run_case(number: int, seed: int, corpus: list[Any], folder: Path, keep: Path | None = None) -> dict[str, Any]:
    """Run one case; what came of it."""
    from dofsim.errors import DofsimError
    from tests.fuzz.mutate import mutated
    from tests.fuzz.targets import TARGETS

    random = Random(f"{seed}/{number}")
    chosen = random.choices(corpus, [each.weight for each in corpus])[0]
    data = mutated(chosen.data, chosen.form, random)
    case = folder / "case"
    shutil.rmtree(case, ignore_errors=True)
    for name, content in (*chosen.beside, (chosen.name, data)):
        (case / name).parent.mkdir(parents=True, exist_ok=True)
        (case / name).write_bytes(content)
    path = case / chosen.name
    if keep is not None:
        shutil.copytree(case, keep / f"{number}", dirs_exist_ok=True)
    kind = f"{chosen.target}: {chosen.name}"
    forget_peak()
    began = time.process_time()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            TARGETS[chosen.target](path, random)
        outcome, finding = "result", ""
    except DofsimError as error:
        outcome, finding = type(error).__name__, ""
        if not str(error) or "\n" in str(error):
            finding = f"its message is not one line: {error!s}"
    except BaseException as error:
        outcome, finding = "finding", f"{type(error).__name__}: {error}\n{traceback.format_exc(limit=-4)}"
    seconds = time.process_time() - began
    if seconds > SECONDS:
        finding = finding or f"it takes {seconds:.0f} s"
    if path.read_bytes() != data:
        finding = finding or "the input was touched"
    peak, held = memory()
    if peak > (HDF5_BOUND if chosen.form == "hdf5" else BOUND):
        finding = finding or f"the process holds {peak / 1e6:.0f} MB"
    return {
        "case": number, "kind": kind, "outcome": outcome, "seconds": seconds, "peak": peak, "held": held,
        "finding": finding,
    }  # fmt: skip


def forget_peak() -> None:
    """Let the system count the most memory that this process holds from now on, where it can (Linux)."""
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")


def memory() -> tuple[int, int]:
    """Most memory that this process has held since :func:`forget_peak`, and what it holds now, bytes.

    Where the system does not tell, both are the most that it has ever held.
    """
    try:
        status = Path("/proc/self/status").read_text(encoding="ascii")
        most, now = (int(re.search(rf"{name}:\s+(\d+) kB", status)[1]) * 1024 for name in ("VmHWM", "VmRSS"))
    except (OSError, TypeError):
        import resource

        most = now = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    return most, now


def workshop() -> str | None:
    """A folder in memory, if there is one with room: writing whole files waits for the disk otherwise, every time."""
    place = Path("/dev/shm")
    if place.is_dir() and os.access(place, os.W_OK) and shutil.disk_usage(place).free > BOUND:
        return str(place)
    return None


def compile_kernels() -> None:
    """Once and to disk, or the first renderings would count as hangs."""
    import numpy as np

    import dofsim
    from tests.fuzz.targets import any_depth

    for kind in (np.uint8, np.uint16):
        photo = dofsim.Photo.from_array(np.arange(16 * 24 * 3, dtype=kind).reshape(16, 24, 3))
        dofsim.prepare(photo, depth=any_depth(photo)).render(blur="10%")


def prepared(folder: Path) -> list[Any]:
    """The corpus, in a process that is set up for cases."""
    os.environ["DOFSIM_MAX_MEMORY"] = str(MAX_MEMORY)
    os.environ.setdefault("DOFSIM_THREADS", "1")
    from tests.fuzz.corpus import make_corpus

    corpus = folder / "corpus"
    corpus.mkdir(parents=True, exist_ok=True)
    return make_corpus(corpus)
