"""Programs of others that blur by a depth map, timed where they are installed: GEGL, ImageMagick, G'MIC, Blender.

Each gets the photo as an 8-bit file and the radius as a grey file (1.0 = largest radius), and writes an 8-bit file.
What it takes for the same without the blur is subtracted, so that only the blurring counts. None of them knows which
surface hides which. The blurs of ImageMagick and G'MIC are Gaussian; a sigma of half the radius spreads light as far
(in the mean square) as a disc does.

Tried with GEGL 0.4.42, ImageMagick 6.9.11 (not with 7, whose program is ``magick``), G'MIC 2.9.4, and Blender 5.0.1
(started as its Python module; not with an earlier one).
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from dofsim.bench.contender import Contender
from dofsim.bench.scene import BenchScene, make_scene

_SMALL_PX = 64 * 48
_PATIENCE_S = 60.0


class PeerError(Exception):
    """A program of others failed, or wrote no picture; the message says what happened in one line."""


class Files(NamedTuple):
    """What a peer reads and writes."""

    photo: Path
    mask: Path
    out: Path


@dataclass(frozen=True)
class Peer:
    """How to call a program.

    Attributes
    ----------
    name : str
        As in the table.
    programs : tuple of str
        Names to look for on the PATH; the first one counts.
    proof : tuple of str
        Arguments whose output tells that the program is what it is called.
    sign : str
        Regular expression that the output matches; its group, if it has one, is the version.
    suffixes : tuple of str
        Of the photo, the mask and the output.
    arguments : callable
        ``arguments(files, radius_px, threads)``; a radius of 0 means: read and write only.
    is_cropped : bool
        See :class:`dofsim.bench.contender.Contender`.
    version : tuple of str
        Another command whose whole output is the version, for programs that do not tell theirs.
    """

    name: str
    programs: tuple[str, ...]
    proof: tuple[str, ...]
    sign: str
    suffixes: tuple[str, str, str]
    arguments: Callable[[Files, float, int], Sequence[str]]
    is_cropped: bool = False
    version: tuple[str, ...] = ()

    @property
    def title(self) -> str:
        """Name without what is done with it."""
        return self.name.split(",")[0]


def _gegl(files: Files, radius: float, _: int) -> list[str]:
    # Without linear-mask=true the radius follows the mask's codes as they are.
    blur = ["gegl:lens-blur", f"radius={radius:g}", "aux=[", "gegl:load", f"path={files.mask}", "]"]
    save = ["gegl:ppm-save", f"path={files.out}", "bitdepth=8"]
    return [str(files.photo), "--", *(blur if radius else ["gegl:nop"]), *save]


def _imagemagick(files: Files, radius: float, _: int) -> list[str]:
    sigma = f"{radius / 2:g}"
    blur = [str(files.mask), "-define", f"compose:args={sigma}x{sigma}", "-compose", "blur", "-composite"]
    return [str(files.photo), *(blur if radius else []), "-depth", "8", str(files.out)]


def _gmic(files: Files, radius: float, _: int) -> list[str]:
    # Amplitude, steps, depth from the bottom layer, not inverted; the rest belongs to depth that is not given.
    blur = ["fx_blur_dof", f"{radius / 2:g},32,1,0,50,50,30,30,0,1,1,0"] if radius else []
    return ["-v", "0", str(files.photo), str(files.mask), *blur, "-k[0]", "-o", str(files.out)]


def _blender(files: Files, radius: float, threads: int) -> list[str]:
    script = Path(__file__).with_name("blender_defocus.py")
    given = [str(files.photo), str(files.mask), str(files.out), f"{radius:g}", str(threads)]
    return ["--background", "--factory-startup", "--python", str(script), "--", *given]


PEERS = (
    Peer(
        "gegl:lens-blur", ("gegl",), ("--info", "gegl:lens-blur"), r"lens-blur[\s\S]*radius",
        (".ppm", ".pgm", ".ppm"), _gegl, version=("dpkg-query", "--show", "--showformat=${Version}", "gegl"),
    ),
    Peer(
        "ImageMagick, -compose blur", ("magick", "convert"), ("-version",), r"Version: ImageMagick (\S+)",
        (".ppm", ".pgm", ".ppm"), _imagemagick, is_cropped=True,
    ),
    Peer(
        "G'MIC, depth of field, 32 steps", ("gmic",), ("-version",), r"Version (\d\S*)",
        (".ppm", ".pgm", ".ppm"), _gmic,
    ),
    Peer(
        "Blender, Defocus node", ("blender",), ("--version",), r"Blender (\d\S*)",
        (".png", ".png", ".png"), _blender, is_cropped=True,
    ),
)  # fmt: skip


class Found(NamedTuple):
    """Peers that work here, their versions, and the others with the reason why not, all by name."""

    contenders: list[Contender]
    versions: dict[str, str]
    skipped: dict[str, str]


def find_peers(folder: Path, threads: int, peers: Sequence[Peer] = PEERS) -> Found:
    """Look for the programs and let each blur a tiny picture.

    Parameters
    ----------
    folder : path
        Where the files to read and write go; the caller removes it.
    threads : int
        Threads that they may use, as far as they can be told.
    peers : sequence of Peer, optional
        Whom to look for.

    Returns
    -------
    Found
    """
    found = Found([], {}, {})
    for peer in peers:
        try:
            program, version = _locate(peer)
            caller = _Caller(peer, program, folder, threads)
            caller.blur(make_scene(_SMALL_PX), 4.0)()
        except PeerError as error:
            found.skipped[peer.name] = str(error)
            continue
        found.versions[peer.title] = version
        found.contenders.append(Contender(peer.name, caller.blur, peer.is_cropped, caller.copy))
    return found


def _locate(peer: Peer) -> tuple[str, str]:
    reason = f"no program {' or '.join(peer.programs)} on the PATH"
    for name in peer.programs:
        program = shutil.which(name)
        if program is None:
            continue
        said = _run([program, *peer.proof], _PATIENCE_S, os.environ)
        # Colours are in the way of the version.
        match = re.search(peer.sign, re.sub(r"\x1b\[[0-9;]*m", "", said))
        if match:
            return program, match.group(1) if match.groups() else _ask_version(peer)
        reason = f"the program {name} on the PATH is another one"
    raise PeerError(reason)


def _ask_version(peer: Peer) -> str:
    try:
        return _run(peer.version, _PATIENCE_S, os.environ).strip()
    except PeerError:
        return "of unknown version"


@dataclass(frozen=True)
class _Caller:
    """Makes the works of one peer."""

    peer: Peer
    program: str
    folder: Path
    threads: int

    def blur(self, scene: BenchScene, max_radius_px: float) -> Callable[[], object]:
        """Start the program, read, blur, write."""
        return self._work(scene, max_radius_px, max_radius_px)

    def copy(self, scene: BenchScene, max_radius_px: float) -> Callable[[], object]:
        """Start the program, read, write."""
        return self._work(scene, max_radius_px, 0.0)

    def _work(self, scene: BenchScene, mask_radius_px: float, radius_px: float) -> Callable[[], object]:
        files = self._write(scene, mask_radius_px)
        command = [self.program, *self.peer.arguments(files, radius_px, self.threads)]
        count = str(self.threads)
        environment = {
            **os.environ, "OMP_NUM_THREADS": count, "GEGL_THREADS": count, "GEGL_USE_OPENCL": "no",
            "MAGICK_THREAD_LIMIT": count,
        }  # fmt: skip

        def work() -> None:
            files.out.unlink(missing_ok=True)
            _run(command, None, environment)
            # A header is there only if the program got to its end.
            if not files.out.is_file() or files.out.stat().st_size < scene.pixels // 4:
                raise PeerError(f"{Path(self.program).name} wrote no picture")

        return work

    def _write(self, scene: BenchScene, max_radius_px: float) -> Files:
        import cv2

        height, width = scene.depth.shape
        stem = f"{width}x{height}"
        ours = re.sub(r"\W+", "-", self.peer.name)
        photo, mask, out = self.peer.suffixes
        files = Files(self.folder / f"{stem}{photo}", self.folder / f"{stem}-mask{mask}", self.folder / f"{ours}{out}")
        if not files.photo.exists():
            radius = np.abs(scene.coc(max_radius_px)) * np.float32(255.0 / max_radius_px)
            cv2.imwrite(str(files.photo), scene.rgb[..., ::-1])
            cv2.imwrite(str(files.mask), np.clip(np.round(radius), 0, 255).astype(np.uint8))
        return files


def _run(command: Sequence[str], timeout_s: float | None, environment: os._Environ[str] | dict[str, str]) -> str:
    name = Path(command[0]).name
    try:
        done = subprocess.run(  # noqa: S603  # the peers' own programs, no shell
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=timeout_s,
            check=False,
            env=dict(environment),
        )
    except subprocess.TimeoutExpired as error:
        raise PeerError(f"{name} did not answer within {timeout_s:g} s") from error
    except OSError as error:
        raise PeerError(f"{name} does not start: {error.strerror or error}") from error
    if done.returncode:
        lines = (done.stderr or done.stdout).strip().splitlines()
        raise PeerError(f"{name} failed with code {done.returncode}: {lines[-1][:200] if lines else 'no message'}")
    return done.stdout + done.stderr
