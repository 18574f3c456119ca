"""The commands that are killed, and how to tell whether what they wrote is whole."""

from __future__ import annotations

import importlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import numpy as np
from PIL import Image

PART_FRAMES = 4
"""Of a clip's part here, instead of 120, so that a short clip has several."""

State = dict[str, str]
"""What is finished in an output, by name, each with a digest of what it holds."""


@dataclass(frozen=True)
class Job:
    """A command that is killed.

    Attributes
    ----------
    name : str
    arguments : tuple of str
        Of ``dofsim``.
    inputs : tuple of Path
        Files that must stay as they are.
    output : Path
        The file, or folder, that it writes.
    look : callable
        The state of an output that is there; raises if anything in it is half-written.
    again : tuple of str
        Options with which the same command goes on after a kill.
    midway : bool
        Whether whole files of an earlier moment of the run may stand in the output, as those of a training do.
    in_parts : bool
        Whether a run that was killed goes on after its last part, and is killed again meanwhile until it is through.
    """

    name: str
    arguments: tuple[str, ...]
    inputs: tuple[Path, ...]
    output: Path
    look: Callable[[Path], State]
    again: tuple[str, ...] = ()
    midway: bool = False
    in_parts: bool = False

    def state(self) -> State:
        """The state of the output; empty if there is none."""
        return self.look(self.output) if self.output.exists() else {}


def make_jobs(folder: Path) -> tuple[list[Job], list[str]]:
    """All jobs, and what is left out and why."""
    jobs, left_out = [], []
    for make, needs in (
        (_render, ()), (_render_over_input, ()), (_prepare, ("h5py",)), (_batch, ()), (_batch_with_workers, ()),
        (_video, ("av",)), (_video_in_parts, ("av",)),
        (_train, ("torch", "accelerate", "safetensors", "tensorboard", "h5py")),
    ):  # fmt: skip
        name = make.__name__.strip("_").replace("_", " ")
        missing = [module for module in needs if importlib.util.find_spec(module) is None]
        if missing:
            left_out.append(f"{name}: {', '.join(missing)} is not installed")
            continue
        place = folder / name.replace(" ", "-")
        place.mkdir()
        jobs.append(make(name, place))
    return jobs, left_out


def _noise(place: Path, seed: int, size: tuple[int, int] = (96, 128)) -> Path:
    rng = np.random.default_rng(seed)
    Image.fromarray(rng.integers(0, 256, (*size, 3)).astype(np.uint8)).save(place)
    return place


def _ramp(place: Path) -> Path:
    Image.fromarray(np.tile(np.linspace(0, 255, 128).astype(np.uint8), (96, 1))).save(place)
    return place


def _render(name: str, place: Path) -> Job:
    """A rendering beside its input, in place of an older result."""
    photo, depth = _noise(place / "photo.png", 0), _ramp(place / "depth.png")
    output = _noise(place / "photo.dof.png", 1)
    arguments = ("render", str(photo), "--depth", str(depth), "--blur", "5%", "--overwrite", "--quiet")
    return Job(name, arguments, (photo, depth), output, _picture)


def _render_over_input(name: str, place: Path) -> Job:
    """A rendering that replaces its input."""
    photo, depth = _noise(place / "photo.png", 0), _ramp(place / "depth.png")
    arguments = ("render", str(photo), "-o", str(photo), "--depth", str(depth), "--blur", "5%", "--overwrite", "-q")
    return Job(name, arguments, (depth,), photo, _picture)


def _prepare(name: str, place: Path) -> Job:
    """A packing of a data set."""
    from dofsim.datasets import fabricate

    nyu = fabricate.write_nyu_png(place / "nyu", scenes={"kitchen_0001a": 6}, test=0)
    output = place / "packed.h5"
    return Job(name, ("data", "prepare", str(nyu), "-o", str(output)), _files(nyu), output, _frames)


def _batch(name: str, place: Path) -> Job:
    """A folder of photos, in this very process."""
    photos = _phone_photos(place / "photos")
    arguments = ("batch", str(photos), "-o", str(place / "out"), "--blur", "5%", "--workers", "0", "--quiet")
    return Job(name, arguments, _files(photos), place / "out", _results, ("--resume",))


def _batch_with_workers(name: str, place: Path) -> Job:
    """The same with processes that have to end too."""
    photos = _phone_photos(place / "photos")
    arguments = ("batch", str(photos), "-o", str(place / "out"), "--blur", "5%", "--workers", "1", "--quiet")
    return Job(name, arguments, _files(photos), place / "out", _results, ("--resume",))


def _video(name: str, place: Path) -> Job:
    """A clip of six frames with sound."""
    from tests.film.clips import write_clip

    clip = write_clip(place / "clip.mp4")
    arguments = ("video", str(clip), "-o", str(place / "out.mp4"), "--threads", "1", "--quiet")
    return Job(name, arguments, (clip,), place / "out.mp4", _film)


def _video_in_parts(name: str, place: Path) -> Job:
    """A clip of several parts, which comes out the same to the byte however often it is killed."""
    from tests.film.clips import picture, write_clip

    # x264's result varies by itself where pictures are narrower.
    frames = [picture(index % 15).repeat(4, axis=0).repeat(4, axis=1) for index in range(6 * PART_FRAMES)]
    clip = write_clip(place / "clip.mp4", frames=frames, times=tuple(range(0, 1000 * len(frames), 1000)))
    arguments = ("video", str(clip), "-o", str(place / "out.mp4"), "--quiet")
    return Job(name, arguments, (clip,), place / "out.mp4", _bytes, ("--resume",), in_parts=True)


def _train(name: str, place: Path) -> Job:
    """A few steps of a tiny network, saved after each."""
    from dofsim.datasets import fabricate

    nyu = fabricate.write_nyu_labelled(place / "nyu")
    arguments = (
        "train", "--data", str(nyu), "--dataset", "nyu", "-o", str(place / "run"), "--size", "32", "--levels", "3",
        "--filters", "4", "--discriminator-filters", "4", "--batch", "2", "--steps", "6", "--save-every", "1",
        "--validate-every", "3", "--log-every", "2", "--threads", "1", "--quiet",
    )  # fmt: skip
    return Job(name, arguments, _files(nyu), place / "run", _checkpoints, midway=True)


def _phone_photos(folder: Path) -> Path:
    """Four photos that carry depth, so that no network has to guess it."""
    from tests.photo.conftest import Make

    folder.mkdir()
    depth = np.tile(np.linspace(0, 255, 24).astype(np.uint8), (16, 1))
    for number in range(4):
        picture = np.random.default_rng(number).integers(0, 256, (64, 96, 3)).astype(np.uint8)
        (folder / f"{number}.jpg").write_bytes(Make.apple(picture, depth))
    return folder


def _files(folder: Path) -> tuple[Path, ...]:
    return tuple(sorted(path for path in folder.rglob("*") if path.is_file()))


# ------------------------------------------------------------------------------------------------- looking


def _digest(*parts: bytes) -> str:
    return sha256(b"".join(parts)).hexdigest()


def _picture(path: Path) -> State:
    with Image.open(path) as image:
        return {path.name: _digest(np.asarray(image).tobytes())}


def _bytes(path: Path) -> State:
    return {path.name: _digest(path.read_bytes())}


def _frames(path: Path) -> State:
    from dofsim.datasets import open_frames

    frames = open_frames(path, split="all")
    return {path.name: _digest(*(frame.photo.tobytes() + frame.depth.tobytes() for frame in frames))}


def _results(folder: Path) -> State:
    """Pictures; the reports hold times, and have to be whole."""
    if (folder / "report.json").exists():
        rows = json.loads((folder / "report.json").read_text(encoding="utf-8"))["photos"]
        lines = (folder / "report.csv").read_text(encoding="utf-8").splitlines()
        assert len(lines) == len(rows) + 1, f"{len(lines) - 1} rows in report.csv, {len(rows)} in report.json"
    state: State = {}
    for path in sorted(folder.rglob("*.jpg")):
        state |= _picture(path)
    return state


def _film(path: Path) -> State:
    import av

    pixels, sound = [], 0
    with av.open(str(path)) as container:
        for frame in container.decode():
            if isinstance(frame, av.VideoFrame):
                # Threads that stay with the library would be missing in the processes forked later.
                pixels.append(frame.reformat(format="rgb24", threads=1).to_ndarray().tobytes())
            else:
                sound += frame.samples
    assert min(len(pixels), sound) > 0, f"{len(pixels)} frames and {sound} samples of sound"
    return {path.name: _digest(*pixels)}


def _checkpoints(run: Path) -> State:
    """Tensors of the last and the best checkpoint; the configuration has to be whole."""
    from dofsim.pix2pix.checkpoint import load_tensors
    from dofsim.pix2pix.stored import BEST, LAST, read_config

    if not any((run / name).exists() for name in (LAST, BEST)):
        return {}
    read_config(run)
    state: State = {}
    for name in (LAST, BEST):
        if (run / name).exists():
            tensors, _ = load_tensors(run / name)
            state[name] = _digest(*(key.encode() + tensors[key].numpy().tobytes() for key in sorted(tensors)))
    return state
