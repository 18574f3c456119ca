"""Many small files through ``dofsim batch``: photos/s, and the memory and open files of every process meanwhile.

    python benchmarks/batch.py --photos 20000 --workers 2 --json results/batch.json
    python benchmarks/batch.py --photos 8 --photo PHOTO --workers 1      # then 2, and --each: one process per photo
    python benchmarks/batch.py --photos 500 --engine ray                 # the same on a Ray of this machine

The photos are few different ones, copied, so that with the depth cache the network hardly runs: what is measured is
what a run costs beside its pictures. Memory and files are read from /proc every half second (Linux); time is also that
of the processor, which depends less on what else runs. With --photo the copies are of that one, and no depth is kept.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from dofsim.batch.worker import ONE_THREAD

DIFFERENT = 16
IN_A_FOLDER = 1000


def make_photos(folder: Path, photos: int, width: int, height: int, photo: Path | None = None) -> None:
    """Write copies of a photo, or of JPEGs of smooth noise, in a tree of folders."""
    rng = np.random.default_rng(0)
    kinds = []
    for index in range(0 if photo else min(DIFFERENT, photos)):
        coarse = Image.fromarray(rng.integers(0, 256, (4, 6, 3)).astype(np.uint8))
        path = folder / f"kind{index}.tmp"
        coarse.resize((width, height), Image.Resampling.BICUBIC).save(path, "JPEG")
        kinds.append(path.read_bytes())
        path.unlink()
    if photo:
        kinds.append(photo.read_bytes())
    for index in range(photos):
        path = folder / f"{index // IN_A_FOLDER:03d}" / f"{index:06d}.jpg"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(kinds[index % len(kinds)])


def descendants(pid: int) -> list[int]:
    """Process ids of the children of a process, and of theirs."""
    found: list[int] = []
    try:
        for task in Path(f"/proc/{pid}/task").iterdir():
            for child in (task / "children").read_text().split():
                found += [int(child), *descendants(int(child))]
    except OSError:  # it is gone
        pass
    return found


def processor_s(pid: int) -> float:
    """Processor time that a process has used; 0 if it is gone."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def look_at(pid: int) -> tuple[float, int]:
    """Peak memory in MB and open files of a process; nothing if it is gone."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
        peak = next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM:"))
        return peak, len(os.listdir(f"/proc/{pid}/fd"))  # noqa: PTH208 - only their number
    except (OSError, StopIteration):
        return 0.0, 0


def measure_each(folder: Path) -> dict[str, Any]:
    """Run ``dofsim render`` with one thread for every photo of a folder, one after the other."""
    begun = time.perf_counter()
    photos = sorted((folder / "in").rglob("*.jpg"))
    for photo in photos:
        command = [sys.executable, "-m", "dofsim", "render", str(photo), "-o", str(folder / "out.jpg"), "-q"]
        subprocess.run(command, check=True, env={**os.environ, **ONE_THREAD})
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    seconds = time.perf_counter() - begun
    return {
        "photos": len(photos),
        "seconds": round(seconds, 1),
        "photos_per_s": round(len(photos) / seconds, 3),
        "processor_ms_per_photo": round(1000 * (used.ru_utime + used.ru_stime) / len(photos), 1),
    }


def measure(folder: Path, workers: int, engine: str, *, keep_depth: bool) -> dict[str, Any]:
    """Run ``dofsim batch`` over a folder and watch it."""
    command = [sys.executable, "-m", "dofsim", "batch", str(folder / "in"), "-o", str(folder / "out"), "-q"]
    command += ["--workers", str(workers), "--engine", engine]
    if keep_depth:
        command += ["--depth-cache", str(folder / "cache"), "--blur", "3px"]
    begun = time.perf_counter()
    parent_mb = worker_mb = 0.0
    parent_files = worker_files = 0
    early_mb = 0.0
    seen: dict[int, float] = {}
    with subprocess.Popen(command) as process:
        while process.poll() is None:
            peak, files = look_at(process.pid)
            parent_mb, parent_files = max(parent_mb, peak), max(parent_files, files)
            seen[process.pid] = processor_s(process.pid)
            for child in descendants(process.pid):
                seen[child] = max(seen.get(child, 0.0), processor_s(child))
                peak, files = look_at(child)
                worker_mb, worker_files = max(worker_mb, peak), max(worker_files, files)
            if time.perf_counter() - begun < 30:
                early_mb = worker_mb
            time.sleep(0.5)
    # Exact where processes wait for their children; Ray's do not, and the last half second of each is missing.
    waited = resource.getrusage(resource.RUSAGE_CHILDREN)
    used = max(waited.ru_utime + waited.ru_stime, sum(seen.values()))
    report = json.loads((folder / "out" / "report.json").read_text())
    seconds = time.perf_counter() - begun
    return {
        "engine": engine,
        "workers": workers,
        "photos": len(report["photos"]),
        "done": report["done"],
        "failed": report["failed"],
        "exit_code": process.returncode,
        "seconds": round(seconds, 1),
        "photos_per_s": round(report["done"] / seconds, 2),
        "processor_ms_per_photo": round(1000 * used / max(report["done"], 1), 2),
        "of_it_parent_ms": round(1000 * seen.get(process.pid, 0.0) / max(report["done"], 1), 2),
        "parent_peak_mb": round(parent_mb, 1),
        "worker_peak_mb": round(worker_mb, 1),
        "worker_peak_mb_after_30_s": round(early_mb, 1),
        "parent_open_files": parent_files,
        "worker_open_files": worker_files,
    }


def main() -> None:
    """Parse, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=int, default=20_000)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--engine", choices=("local", "ray"), default="local")
    parser.add_argument("--width", type=int, default=48)
    parser.add_argument("--height", type=int, default=32)
    parser.add_argument("--photo", type=Path, help="copy this one")
    parser.add_argument("--each", action="store_true", help="one process per photo instead of a batch")
    parser.add_argument("--json", type=Path, help="also write the figures there")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="dofsim-batch-") as name:
        folder = Path(name)
        (folder / "in").mkdir()
        make_photos(folder / "in", arguments.photos, arguments.width, arguments.height, arguments.photo)
        if arguments.each:
            figures = measure_each(folder)
        else:
            figures = measure(folder, arguments.workers, arguments.engine, keep_depth=arguments.photo is None)
    text = json.dumps(figures, indent=2)
    if arguments.json:
        arguments.json.write_text(text + "\n", encoding="utf-8")
    sys.stdout.write(text + "\n")


if __name__ == "__main__":
    main()
