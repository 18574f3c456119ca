"""Render test scenes through thin lenses: the truth that a depth-of-field renderer is measured against.

``python -m dofsim.datasets.truth_scenes FOLDER --seed N`` writes one ``.npz`` and one ``.json`` for each of the ten
classes of :mod:`dofsim.datasets.truth_stages`, and ``lens.json``, as ``benchmarks/truth.py`` reads them. Scenes that
are there already are kept, so an interrupted run goes on where it stopped.

A lens ray with coordinate u (``|u| <= 1``) through pixel p sees at depth z the pinhole's pixel ``p - coc(z) u``.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from dofsim.datasets._program import program
from dofsim.datasets.raycast import Camera
from dofsim.datasets.traced import Lens, Picture, focal_px, mitsuba, picture, sensor
from dofsim.datasets.truth_parts import Setting
from dofsim.datasets.truth_sparks import spark_light
from dofsim.datasets.truth_stages import CLASSES
from dofsim.errors import OutputError, ParameterError
from dofsim.files import atomic_path

#: Height and width of the pictures, px.
SIZE = (480, 640)
TAGS = ("near", "mid", "far")
SENSOR_MM = 36.0
_SKIN = 3e-4  # how far before a point, relative to its distance, a surface may be and still be taken for its own
_STEP = 64  # samples rendered at a time: bounds memory, and halves of these give the noise


def psnr(a: Picture, b: Picture) -> float:
    """Peak signal-to-noise ratio in display space (clipped, sRGB), dB."""

    def encode(linear: Picture) -> Picture:
        x = np.clip(linear, 0, 1)
        return np.where(x <= 0.0031308, 12.92 * x, 1.055 * x ** (1 / 2.4) - 0.055).astype(np.float32)

    return float(-10 * np.log10(max(float(np.mean((encode(a) - encode(b)) ** 2)), 1e-10)))


def _average(
    mi: Any, scene: Any, setting: Setting, camera: Camera, lens: Lens, samples: int, seed: int
) -> tuple[Picture, float]:
    """The picture from ``samples`` samples, and the PSNR between its two halves."""
    rounds = max(2, samples // _STEP)
    view = sensor(mi, camera, SIZE, lens)
    halves = [spark_light(mi, scene, setting.stage.sparks, camera, SIZE, lens, seed * 2 + k) for k in range(2)]
    for k in range(rounds):
        halves[k % 2] += picture(mi, scene, view, samples // rounds, seed * 1000 + k) / np.float32(rounds // 2)
    return (halves[0] + halves[1]) / np.float32(2), psnr(halves[0], halves[1])


def trace_lens(
    mi: Any, scene: Any, camera: Camera, size: tuple[int, int], lens: Lens, lens_points: npt.NDArray[np.float64]
) -> tuple[Picture, Picture, Picture]:
    """Follow one ray through the middle of each pixel for each given point of the lens.

    Parameters
    ----------
    mi : module
    scene : mitsuba.Scene
    camera : Camera
        At the origin, looking along z without roll.
    size : (height, width)
        Px.
    lens : Lens
    lens_points : float64 (n, 2)
        Within the unit disc; (0, 0) is the pinhole.

    Returns
    -------
    depth : float32 (h, w)
        m along the axis at the last of the points; inf where nothing is.
    hidden, outside : float32 (h, w)
        Share of the rays that end on what the pinhole cannot see, and outside its picture.
    """
    height, width = size
    focal = focal_px(camera, width)
    x = ((np.arange(width) + 0.5 - width / 2) / focal)[None, :] * np.ones((height, 1))
    y = ((height / 2 - np.arange(height) - 0.5) / focal)[:, None] * np.ones((1, width))
    hidden, outside = np.zeros(height * width, np.float32), np.zeros(height * width, np.float32)
    depth = np.zeros(height * width, np.float32)
    for u, v in lens_points * lens.aperture_radius:
        # every ray through the lens point meets the pinhole's ray in the plane of focus
        dx, dy = (x - u / lens.focus).ravel(), (y - v / lens.focus).ravel()
        towards = mi.Vector3f(mi.Float(-dx.astype(np.float32)), mi.Float(dy.astype(np.float32)), 1.0)
        origin = mi.Point3f(-float(u), float(v), 0.0)
        depth = np.array(scene.ray_intersect_preliminary(mi.Ray3f(origin, towards)).t, np.float32)
        z = np.where(np.isfinite(depth), depth, 1.0)
        at = mi.Vector3f(*(mi.Float(a.astype(np.float32)) for a in (-(u + z * dx), v + z * dy, z)))
        away = (np.abs(u + z * dx) * focal > z * width / 2) | (np.abs(v + z * dy) * focal > z * height / 2)
        sight = mi.Ray3f(mi.Point3f(0.0, 0.0, 0.0), at)
        sight.maxt = 1 - _SKIN
        covered = np.array(scene.ray_test(sight))
        valid = np.isfinite(depth)
        hidden += valid & covered & ~away
        outside += valid & away
    n = np.float32(len(lens_points))
    return depth.reshape(size), (hidden / n).reshape(size), (outside / n).reshape(size)


def disc_points(count: int) -> npt.NDArray[np.float64]:
    """Points spread evenly over the unit disc (Vogel's spiral), float64 (count, 2)."""
    k = np.arange(count) + 0.5
    radius, angle = np.sqrt(k / count), k * np.pi * (3 - np.sqrt(5))
    return np.stack((radius * np.cos(angle), radius * np.sin(angle)), axis=1)


def choose_lens(depth: Picture, focal: float, focus: float, reach: float) -> Lens:
    """The lens in focus at ``focus`` m whose largest circle of confusion has a radius of ``reach`` px."""
    spread = float(np.abs(1 / focus - 1 / depth).max())
    return Lens(reach / (focal * spread) if reach > 0 and spread > 1e-6 else 0.03, focus)


def render_scene(
    mi: Any, setting: Setting, *, name: str, kind: str, samples: int = 256, seed: int = 0, rays: int = 64
) -> tuple[dict[str, npt.NDArray[Any]], dict[str, Any]]:
    """Render one setting through a pinhole and its three lenses.

    Parameters
    ----------
    mi : module
    setting : Setting
    name, kind : str
        Of the scene and its class, for the record.
    samples : int
        Per pixel, for each picture.
    seed : int
    rays : int
        Per pixel, for the maps of hidden and outside.

    Returns
    -------
    arrays : dict
        ``image`` float16 (h, w, 3) linear; ``depth`` float32 (h, w) m; for each lens ``truth_TAG`` float16 and
        ``hidden_TAG``, ``outside_TAG`` uint8, 255 is all rays.
    record : dict
        What ``lens.json`` holds about the scene.

    Raises
    ------
    ParameterError
        If the picture shows places where nothing is.
    """
    height, width = SIZE
    camera = Camera((0.0, 0.0, 0.0), fov=math.radians(setting.fov))
    focal = focal_px(camera, width)
    scene = setting.stage.scene(mi)
    depth, _, _ = trace_lens(mi, scene, camera, SIZE, Lens(0.0, 1.0), np.zeros((1, 2)))
    if not np.isfinite(depth).all():
        raise ParameterError(f"{name}: {np.isinf(depth).sum()} pixels show nothing; put a backdrop on the stage")
    image, noise = _average(mi, scene, setting, camera, Lens(0.0, 1.0), samples, seed)
    arrays: dict[str, npt.NDArray[Any]] = {"image": image.astype(np.float16), "depth": depth}
    focal_mm = focal * SENSOR_MM / width
    record: dict[str, Any] = {
        "name": name, "cls": kind, "desc": setting.text, "width": width, "height": height, "fov_x_deg": setting.fov,
        "focal_px": focal, "sensor_width_mm": SENSOR_MM, "focal_mm": focal_mm, "input_spp": samples,
        "input_psnr_between_halves_db": noise, "lenses": [],
    }  # fmt: skip
    for k, (tag, focus, reach) in enumerate(zip(TAGS, setting.focus, setting.reach, strict=True)):
        lens = choose_lens(depth, focal, focus, reach)
        truth, noise = _average(mi, scene, setting, camera, lens, samples, seed + k + 1)
        _, hidden, outside = trace_lens(mi, scene, camera, SIZE, lens, disc_points(rays))
        coc = focal * lens.aperture_radius * (1 / focus - 1 / depth.astype(np.float64))
        arrays[f"truth_{tag}"] = truth.astype(np.float16)
        arrays[f"hidden_{tag}"] = np.round(hidden * 255).astype(np.uint8)
        arrays[f"outside_{tag}"] = np.round(outside * 255).astype(np.uint8)
        record["lenses"].append({
            "tag": tag, "focus_m": focus, "aperture_radius_m": lens.aperture_radius,
            "f_number_36mm": focal_mm / 1000 / (2 * lens.aperture_radius), "coc_min_px": float(coc.min()),
            "coc_max_px": float(coc.max()), "spp": samples, "psnr_between_halves_db": noise,
            "hidden_mean": float(hidden.mean()), "outside_mean": float(outside.mean()),
        })  # fmt: skip
    return arrays, record


def write_set(
    folder: str | Path, *, seed: int, samples: int = 256, kinds: Sequence[str] = tuple(CLASSES), threads: int = 1
) -> list[Path]:
    """Render one scene of each kind into a folder; those that are there are kept.

    Parameters
    ----------
    folder : path
    seed : int
        Other seeds give other geometry, textures and light.
    samples : int
        Per pixel.
    kinds : sequence of str
        Of :data:`~dofsim.datasets.truth_stages.CLASSES`.
    threads : int

    Returns
    -------
    list of Path
        The ``.npz`` files.

    Raises
    ------
    ParameterError
        If a kind is unknown.
    MissingExtraError
        If Mitsuba is not installed.
    OutputError
        If a file cannot be written.
    """
    unknown = [kind for kind in kinds if kind not in CLASSES]
    if unknown:
        raise ParameterError(f"{unknown[0]!r} is no kind of scene; there are {', '.join(CLASSES)}")
    mi = mitsuba(threads)
    folder = Path(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"the folder {folder} cannot be made: {error}") from error
    paths = []
    for kind in kinds:
        number = list(CLASSES).index(kind)
        name = f"{kind}_{seed}"
        path, note = folder / f"{name}.npz", folder / f"{name}.json"
        if not (path.is_file() and note.is_file()):
            setting = CLASSES[kind](np.random.default_rng((seed, number)))
            arrays, record = render_scene(
                mi, setting, name=name, kind=kind, samples=samples, seed=(seed * 100 + number) * 10
            )
            with atomic_path(path) as part, part.open("wb") as stream:
                np.savez_compressed(stream, **arrays)  # type: ignore[arg-type]
            with atomic_path(note) as part:
                part.write_text(json.dumps(record, indent=1) + "\n")
            sys.stderr.write(f"{name}: {record['desc']}\n")
            notes = [json.loads(found.read_text()) for found in sorted(folder.glob("*_*.json"))]
            with atomic_path(folder / "lens.json") as part:
                part.write_text(json.dumps({found["name"]: found for found in notes}, indent=1) + "\n")
        paths.append(path)
    return paths


def main(arguments: Sequence[str] | None = None) -> None:
    """Command line: render a set."""
    parser = argparse.ArgumentParser(prog="python -m dofsim.datasets.truth_scenes", description=__doc__)
    parser.add_argument("folder", help="where the scenes go")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--samples", type=int, default=256, help="rays per pixel of each picture")
    parser.add_argument("--kinds", nargs="*", default=list(CLASSES), choices=list(CLASSES))
    parser.add_argument("--threads", type=int, default=1)
    given = parser.parse_args(arguments)
    for path in write_set(
        given.folder, seed=given.seed, samples=given.samples, kinds=given.kinds, threads=given.threads
    ):
        print(path)  # noqa: T201


if __name__ == "__main__":
    program(main)
