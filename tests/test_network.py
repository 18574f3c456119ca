"""Nothing is sent anywhere: a photo is rendered with the network cut, and nobody even tries to reach it."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

ROOT = Path(__file__).resolve().parents[1]

# Runs a command line where Python refuses every socket, and tells how often any library asked the kernel for a way out.
PROGRAM = """
import json, socket, sys
from pathlib import Path

def tries():
    heads, values = (line.split() for line in Path("/proc/self/net/snmp").read_text().splitlines() if line[:3] == "Ip:")
    return int(values[heads.index("OutNoRoutes")])

def refuse(event, arguments):
    if event.startswith("socket."):
        asked.append(event)
        raise OSError("the network is cut")

cut, before, asked = sys.argv[1] == "cut", 0, []
if cut:
    before = tries()
from dofsim.cli.app import run
sys.addaudithook(refuse)
code = run(sys.argv[2:])
during = tries() - before if cut else 0
control = 0
if cut:
    import ctypes, struct
    address = struct.pack("=HHL8x", socket.AF_INET, 80, int.from_bytes(bytes([203, 0, 113, 1]), "little"))
    libc = ctypes.CDLL(None)
    libc.connect(libc.socket(socket.AF_INET, socket.SOCK_STREAM, 0), address, len(address))
    control = tries() - before - during
print(json.dumps({"code": code, "asked": asked, "during": during, "control": control}))
"""


def _cuts() -> bool:
    unshare = shutil.which("unshare")
    return (
        unshare is not None
        and subprocess.run([unshare, "-rn", "true"], capture_output=True, check=False).returncode == 0
    )


@pytest.mark.parametrize("cut", [False, True], ids=["sockets refused", "network cut"])
def test_a_whole_rendering_asks_nobody(tmp_path: Path, cut: bool) -> None:
    if cut and not _cuts():
        pytest.skip("this system lets no process give up its network (unshare -rn)")
    photo, out = tmp_path / "photo.jpg", tmp_path / "out.jpg"
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (72, 96, 3)).astype(np.uint8)).save(photo)
    arguments = ["cut" if cut else "refused", "render", str(photo), "--source", "estimator", "-o", str(out)]
    command = [*(["unshare", "-rn"] if cut else []), sys.executable, "-c", PROGRAM, *arguments]
    finished = subprocess.run(command, check=False, capture_output=True, text=True, cwd=ROOT, timeout=300)
    assert finished.returncode == 0, finished.stderr
    told = json.loads(finished.stdout.splitlines()[-1])
    assert (told["code"], told["asked"], told["during"]) == (0, [], 0)
    # The kernel does count: somebody who tried, tried in vain but not unseen.
    assert told["control"] == (1 if cut else 0)
    with Image.open(out) as image:
        assert image.size == (96, 72)


def test_onnx_runtime_is_loaded_in_one_place_and_told_to_be_silent(monkeypatch: pytest.MonkeyPatch) -> None:
    import onnxruntime

    from dofsim.depth import runtime

    told = []
    monkeypatch.setattr(onnxruntime, "disable_telemetry_events", lambda: told.append(True))
    assert runtime.load() is onnxruntime
    assert told == [True]
    importers = _importers("onnxruntime")
    # The first of them for its types alone.
    assert importers == ["dofsim/depth/estimate.py", "dofsim/depth/runtime.py"]


def test_only_fetching_a_model_knows_how_to_reach_the_network() -> None:
    clients = r"urllib\.(request|error)|http\.client|socket|requests|ssl|ftplib|huggingface_hub"
    # The second looks whether the page can listen where it shall.
    assert _importers(clients) == ["dofsim/depth/fetch.py", "dofsim/ui/server.py"]


def _importers(modules: str) -> list[str]:
    statement = re.compile(rf"^\s*(import|from) ({modules})\b", re.MULTILINE)
    paths = sorted(path for folder in ("dofsim", "datasets") for path in (ROOT / folder).rglob("*.py"))
    return [str(path.relative_to(ROOT)) for path in paths if statement.search(path.read_text(encoding="utf-8"))]
