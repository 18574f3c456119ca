"""Peak memory of the renderer above its input and output, measured in a process of its own.

The parent writes the input as ``.npy`` files; the child (``python -m dofsim.bench.memory LINEAR COC THREADS``) loads
them, renders once to warm up, lets Linux forget the peak so far, renders again, and prints what the second call held at
most beyond what stood there before it. A call from Python would count what the parent's other contenders left behind.
"""

from __future__ import annotations

import ctypes
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from dofsim.bench.contender import Role
from dofsim.bench.scene import BenchScene

_STATUS, _FORGET = Path("/proc/self/status"), Path("/proc/self/clear_refs")


@dataclass(frozen=True)
class Peak:
    """Memory of one role at one radius, in MB (10^6 bytes): at the peak, above input and output."""

    contender: str
    radius_px: float
    megabytes: float


def can_measure() -> bool:
    """Whether the system tells a process its peak and lets it start anew (Linux does)."""
    try:
        _FORGET.write_text("5", encoding="ascii")
        return "VmHWM" in _STATUS.read_text(encoding="ascii")
    except OSError:
        return False


def measure_peaks(
    scene: BenchScene,
    roles: Mapping[str, Role],
    radii: Sequence[float],
    on_step: Callable[[str], None] = lambda _: None,
) -> tuple[Peak, ...]:
    """Peak memory of every role at every radius.

    Parameters
    ----------
    scene : BenchScene
        What to render.
    roles : mapping of str to Role
        By name.
    radii : sequence of float
        Largest radii, px.
    on_step : callable, optional
        Told what runs next.

    Returns
    -------
    tuple of Peak
        Empty where the system does not tell.
    """
    if not can_measure():
        return ()
    peaks = []
    with tempfile.TemporaryDirectory(prefix="dofsim-bench-") as name:
        folder = Path(name)
        np.save(folder / "linear.npy", scene.linear)
        for radius in radii:
            for contender, role in roles.items():
                on_step(f"memory, R = {radius:g} px: {contender}")
                np.save(folder / "coc.npy", scene.noisy(role.noise).coc(radius))
                peaks.append(Peak(contender, radius, _ask_child(folder, role.threads)))
    return tuple(peaks)


def _ask_child(folder: Path, threads: int) -> float:
    files = [str(folder / name) for name in ("linear.npy", "coc.npy")]
    command = [sys.executable, "-m", "dofsim.bench.memory", *files, str(threads)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603  # ourselves
    return float(done.stdout)


def _status_bytes(key: str) -> int:
    for line in _STATUS.read_text(encoding="ascii").splitlines():
        if line.startswith(f"{key}:"):
            return int(line.split()[1]) * 1024
    raise RuntimeError(f"/proc/self/status has no {key}")


def _give_back_free_memory() -> None:
    """Let the C library return what it keeps of freed memory, which the next render would use without being seen."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)


def render_and_tell(linear_file: Path, coc_file: Path, threads: int) -> float:
    """What a render holds at most, MB above input and output: the child's work."""
    from dofsim.bokeh import render

    linear, coc = np.load(linear_file), np.load(coc_file)
    render(linear, coc, threads=threads)
    _give_back_free_memory()
    _FORGET.write_text("5", encoding="ascii")
    before = _status_bytes("VmRSS")
    out = render(linear, coc, threads=threads)
    return (_status_bytes("VmHWM") - before - out.nbytes) / 1e6


if __name__ == "__main__":
    print(render_and_tell(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])))  # noqa: T201
