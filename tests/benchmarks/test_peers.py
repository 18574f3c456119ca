"""Programs of others: found, called as documented, and left out with a reason when they fail."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from dofsim.bench.blur import Plan, measure
from dofsim.bench.contender import Contender
from dofsim.bench.peers import PEERS, Files, Found, Peer, PeerError, find_peers
from dofsim.bench.scene import BenchScene
from dofsim.bench.table import to_markdown

# Copies the first file named on its command line to the last one of the same kind, and notes the command line.
COPY = """
files = [word.split("path=")[-1] for word in args if word.endswith((".ppm", ".png"))]
shutil.copy(files[0], files[-1])
"""


@pytest.fixture
def programs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """An empty folder that is the whole PATH."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    return folder


def fake(folder: Path, name: str, says: str, body: str = COPY) -> None:
    """A program that ``says`` something when asked what it is, and otherwise runs ``body``."""
    program = folder / name
    program.write_text(
        f"#!{sys.executable} -IS\nimport os, shutil, sys\nargs = sys.argv[1:]\n"
        f"if not any(word.endswith(('.ppm', '.png')) for word in args):\n    print({says!r})\n    sys.exit()\n"
        f"open(os.path.join({str(folder)!r}, '..', {name!r} + '.log'), 'a').write(repr(args) + '\\n')\n{body}"
    )
    program.chmod(0o755)


def work(found: Found, name: str) -> Contender:
    return next(one for one in found.contenders if one.name == name)


def test_those_that_are_not_there_are_named(programs: Path, tmp_path: Path) -> None:
    found = find_peers(tmp_path, 1)
    assert found.contenders == []
    assert found.skipped["Blender, Defocus node"] == "no program blender on the PATH"
    assert found.skipped["ImageMagick, -compose blur"] == "no program magick or convert on the PATH"
    assert len(found.skipped) == len(PEERS) == 4


def test_programs_that_fail_are_skipped_with_their_reason(programs: Path, tmp_path: Path) -> None:
    fake(programs, "convert", "convert: ImageMagick is not installed here")
    fake(programs, "gmic", "Version 2.9.4", "sys.exit('out of memory')")
    fake(programs, "gegl", "gegl:lens-blur radius", "pass")
    (programs / "blender").write_text("#!/no/such/interpreter\n")
    (programs / "blender").chmod(0o755)
    skipped = find_peers(tmp_path, 1).skipped
    assert skipped["ImageMagick, -compose blur"] == "the program convert on the PATH is another one"
    assert skipped["G'MIC, depth of field, 32 steps"] == "gmic failed with code 1: out of memory"
    assert skipped["gegl:lens-blur"] == "gegl wrote no picture"
    assert skipped["Blender, Defocus node"].startswith("blender does not start: ")


def test_peers_are_timed_called_as_documented_and_their_versions_recorded(programs: Path, tmp_path: Path) -> None:
    fake(programs, "gegl", "gegl:lens-blur\nProperties:\nradius")
    fake(programs, "magick", "Version: ImageMagick 7.1.1-29 Q16")
    fake(programs, "gmic", "\x1b[1mVersion 3.2.1\x1b[0m")
    fake(programs, "blender", "Blender 4.2.1 LTS")
    found = find_peers(tmp_path, 1)
    assert found.skipped == {}
    assert found.versions["ImageMagick"] == "7.1.1-29"
    assert found.versions["G'MIC"] == "3.2.1"
    assert found.versions["Blender"] == "4.2.1"

    ours = Contender("ours", lambda _scene, _radius: lambda: None)
    plan = Plan(0.01, (6.0,), repeats=1, budget_s=0)
    result = measure(plan, [ours, *found.contenders], versions=found.versions)
    assert {row.contender for row in result.rows} == {"ours", *(peer.name for peer in PEERS)}
    assert all((row.overhead_s or 0) > 0 for row in result.rows[1:])
    assert "ImageMagick 7.1.1-29" in to_markdown(result)

    calls = {name: (tmp_path / f"{name}.log").read_text() for name in ("gegl", "magick", "gmic", "blender")}
    assert "'gegl:lens-blur', 'radius=6', 'aux=[', 'gegl:load', 'path=" in calls["gegl"]
    assert "'gegl:nop', 'gegl:ppm-save'" in calls["gegl"]
    assert "compose:args=3x3', '-compose', 'blur', '-composite'" in calls["magick"]
    assert "'fx_blur_dof', '3,32,1,0,50,50,30,30,0,1,1,0', '-k[0]', '-o'" in calls["gmic"]
    assert "'--background', '--factory-startup', '--python'" in calls["blender"]


def test_a_peer_that_breaks_during_the_run_is_left_out(programs: Path, tmp_path: Path) -> None:
    fake(programs, "gegl", "gegl:lens-blur radius")
    found = find_peers(tmp_path, 1)
    fake(programs, "gegl", "gegl:lens-blur radius", "sys.exit('no space left')")
    ours = Contender("ours", lambda _scene, _radius: lambda: None)
    result = measure(Plan(0.01, (6.0, 8.0), repeats=1, budget_s=0), [ours, *found.contenders])
    assert [row.contender for row in result.rows] == ["ours", "ours"]
    assert result.skipped == {"gegl:lens-blur": "gegl failed with code 1: no space left"}
    assert "Skipped: gegl:lens-blur (gegl failed with code 1: no space left)." in to_markdown(result)
    with pytest.raises(PeerError, match="no space"):
        work(found, "gegl:lens-blur").prepare(
            BenchScene(np.zeros((9, 9, 3), np.uint8), np.zeros((9, 9), np.float32)), 4
        )()


@pytest.mark.parametrize("peer", PEERS, ids=lambda peer: peer.title)
def test_the_radius_is_the_one_that_was_asked_for(peer: Peer, tmp_path: Path) -> None:
    """The real programs, where there are any: a spot under half the largest radius spreads as far as it should."""
    if not any(map(shutil.which, peer.programs)):
        pytest.skip(f"{' or '.join(peer.programs)} is not installed")
    found = find_peers(tmp_path, 1, [peer])
    if not found.contenders:
        pytest.skip(found.skipped[peer.name])
    files = Files(*(tmp_path / f"spot{index}{suffix}" for index, suffix in enumerate(peer.suffixes)))
    spot = np.zeros((101, 101, 3), np.uint8)
    spot[48:53, 48:53] = 255
    mask = np.full((101, 101), 128, np.uint8)
    mask[:4], mask[-4:] = 0, 255  # G'MIC stretches the mask to its range
    cv2.imwrite(str(files.photo), spot)
    cv2.imwrite(str(files.mask), mask)
    radius = 20.0
    caller = work(found, peer.name).prepare.__self__
    command = [caller.program, *peer.arguments(files, radius, 1)]
    import subprocess

    subprocess.run(command, check=True, capture_output=True)
    light = cv2.imread(str(files.out), cv2.IMREAD_UNCHANGED)[..., 1].astype(np.float64)
    light /= 65535.0 if light.max() > 255 else 255.0
    # Blender and GEGL work on linear light.
    if peer.title in ("gegl:lens-blur", "Blender"):
        light = np.where(light <= 0.04045, light / 12.92, ((light + 0.055) / 1.055) ** 2.4)
    y = np.arange(101) - 50
    rms = np.sqrt((light.sum(axis=1) * y * y).sum() / light.sum())
    expected = np.hypot(radius * 128 / 255 / 2, np.sqrt(2))  # a disc of radius r has an rms of r / 2 along an axis
    assert rms == pytest.approx(expected, rel=0.15)
