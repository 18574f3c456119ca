"""Share one cache of compiled kernels: cold and warm races, another processor's kernels, damaged files.

``python -m tests.soak.cache`` from a clone, with every kernel (some minutes of the processor); ``--few`` takes those of
grain and encoding alone. Prints what each process compiled and loaded, and ends with 1 if one failed, gave another
picture, or compiled what was there.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

WORK = """
import json, sys
import numpy as np
import dofsim
from dofsim import warmup

few = sys.argv[1] == "few"
ramp = np.linspace(0, 1, 24 * 32 * 3, dtype=np.float32).reshape(24, 32, 3)
if few:
    from dofsim.grain import add_grain, estimate_grain
    from dofsim.photo.colour import ColourProfile
    codes = np.rint(255 * ramp).astype(np.uint8)
    names = ["dofsim._grain.add_codes", "dofsim.photo._kernels.encode"]
    warmup.compile_last_steps()
    picture = ColourProfile().from_linear(ramp, like=codes)
else:
    names = list(warmup.KERNELS)
    warmup.warm_up()
    photo = dofsim.Photo.from_array(np.rint(255 * ramp).astype(np.uint8))
    depth = dofsim.DepthMap(np.ascontiguousarray(ramp[..., 0]), dofsim.DepthKind.RELATIVE)
    picture = dofsim.prepare(photo, depth=depth).render(blur="3px", threads=1).pixels
kernels = [warmup.dispatcher(name) for name in names]
count = lambda which: sum(sum(getattr(kernel.stats, which).values()) for kernel in kernels)
print(json.dumps({"compiled": count("cache_misses"), "loaded": count("cache_hits"), "picture": picture.tolist()}))
"""
GENERIC = {"NUMBA_CPU_NAME": "generic", "NUMBA_CPU_FEATURES": ""}


def start(folder: Path, few: bool, **environment: str) -> subprocess.Popen[str]:
    """Begin a process that uses the cache in a folder."""
    settings = {**os.environ, "NUMBA_CACHE_DIR": str(folder), **environment}
    settings.pop("NUMBA_DISABLE_JIT", None)
    command = [sys.executable, "-c", WORK, "few" if few else "all"]
    return subprocess.Popen(command, env=settings, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def end(process: subprocess.Popen[str]) -> dict[str, Any]:
    """What it says; ``error`` if it failed."""
    said, complained = process.communicate()
    return json.loads(said) if process.returncode == 0 else {"error": complained[-600:]}


def damage(folder: Path, suffix: str) -> int:
    """Cut files of a cache short, as a machine that lost its power leaves them; how many."""
    places = sorted(folder.rglob(f"*{suffix}"))
    for number, place in enumerate(places):
        place.write_bytes(place.read_bytes()[: 40 * (number % 2)])
    return len(places)


def share(folder: Path, few: bool) -> dict[str, list[dict[str, Any]]]:
    """Everything, in turn; what each process said."""
    said: dict[str, list[dict[str, Any]]] = {}
    said["cold race"] = [end(each) for each in [start(folder, few), start(folder, few)]]
    said["warm race"] = [end(each) for each in [start(folder, few), start(folder, few)]]
    said["another processor"] = [end(start(folder, few, **GENERIC))]
    said["another processor again"] = [end(start(folder, few, **GENERIC))]
    said["back home"] = [end(start(folder, few))]
    for suffix in (".nbc", ".nbi"):
        assert damage(folder, suffix), "the cache is empty"
        said[f"damaged {suffix}"] = [end(start(folder, few))]
        said[f"after damaged {suffix}"] = [end(start(folder, few))]
    return said


def judge(said: dict[str, list[dict[str, Any]]]) -> list[str]:
    """What is not as it should be."""
    import numpy as np

    findings = [f"{name}: {each['error']}" for name, all_of_it in said.items() for each in all_of_it if "error" in each]
    if findings:
        return findings
    first = np.array(said["cold race"][0]["picture"])
    for name, all_of_it in said.items():
        # Another processor adds in another order.
        slack = 1 if name.startswith("another") else 0
        for each in all_of_it:
            if np.abs(np.array(each["picture"]) - first).max() > slack:
                findings.append(f"{name}: another picture")
            warm = name in ("warm race", "another processor again", "back home") or name.startswith("after")
            if warm and each["compiled"]:
                findings.append(f"{name}: {each['compiled']} kernels are compiled again")
    if not said["another processor"][0]["compiled"]:
        findings.append("another processor: takes kernels that are not for it")
    return findings


def main() -> int:
    """Run the program."""
    parser = argparse.ArgumentParser(prog="python -m tests.soak.cache", description=__doc__.splitlines()[0])
    parser.add_argument("--few", action="store_true", help="only the kernels that compile fast")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        said = share(Path(folder), arguments.few)
    findings = judge(said)
    counts = {
        name: [{key: each[key] for key in ("compiled", "loaded") if key in each} for each in all_of_it]
        for name, all_of_it in said.items()
    }
    print(json.dumps({"processes": counts, "findings": findings}, indent=1))
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
