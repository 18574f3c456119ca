"""Ray tracing with Mitsuba 3: a stage of textured meshes and lights, seen through a pinhole or a thin lens.

Mitsuba is a development dependency (``pip install mitsuba``) and needs an LLVM shared library, 16 or newer (Debian:
``apt-get install libllvm19``). Coordinates as in :mod:`dofsim.datasets.raycast`: x right, y up, z into the scene.
Surfaces are Lambertian unless told to shine, so that their radiance does not depend on the place of the viewer.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from dofsim.datasets import meshes
from dofsim.datasets.meshes import Mesh
from dofsim.datasets.raycast import Camera
from dofsim.errors import MissingExtraError, ParameterError

Picture = npt.NDArray[np.float32]
Material = Literal["matte", "mirror", "glass"]

_MIRROR = np.array([-1.0, 1.0, 1.0])  # the stage's x points right, Mitsuba's left
_LLVM = ("/usr/lib/*/libLLVM.so.2[0-9]*", "/usr/lib/*/libLLVM.so.1[6-9]*", "/usr/lib/*/libLLVM-1[6-9].so*")
_LEAST_LLVM = 16


def mitsuba(threads: int = 1) -> Any:
    """Import Mitsuba with its vectorised LLVM backend.

    Parameters
    ----------
    threads : int

    Returns
    -------
    module

    Raises
    ------
    MissingExtraError
        If Mitsuba or a recent LLVM library is not installed.
    """
    try:
        import drjit
        import mitsuba as mi
    except ImportError as error:
        raise MissingExtraError("mitsuba is not installed; pip install mitsuba brings it") from error
    if "DRJIT_LIBLLVM_PATH" not in os.environ:
        libraries = [path for pattern in _LLVM for path in sorted(Path("/").glob(pattern[1:]))]
        if libraries:
            os.environ["DRJIT_LIBLLVM_PATH"] = str(libraries[0])
    try:
        mi.set_variant("llvm_ad_rgb")
    except ImportError as error:
        raise MissingExtraError("Mitsuba finds no LLVM; install libllvm19 or set DRJIT_LIBLLVM_PATH") from error
    found, *_ = drjit.detail.llvm_version()
    if found < _LEAST_LLVM:  # it would abort at the first picture
        raise MissingExtraError(f"Mitsuba finds only LLVM {found}; install libllvm19 or set DRJIT_LIBLLVM_PATH")
    drjit.set_thread_count(threads)
    return mi


@dataclass(frozen=True)
class Lens:
    """A thin lens.

    Attributes
    ----------
    aperture_radius : float
        m; 0 is a pinhole.
    focus : float
        Distance of the plane in focus along the axis, m.
    """

    aperture_radius: float
    focus: float


@dataclass(frozen=True, eq=False)
class Part:
    """A mesh and its looks, see :meth:`Stage.add`."""

    mesh: Mesh
    look: npt.ArrayLike = (0.0, 0.0, 0.0)
    glow: npt.ArrayLike | None = None
    lights: bool = False
    shine: float = 0.0
    far: bool = False
    material: Material = "matte"


@dataclass(eq=False)
class Stage:
    """Meshes with their looks, and lights.

    Attributes
    ----------
    ambient : (r, g, b)
        Radiance from all directions; zero is none.
    suns : list of ((x, y, z), (r, g, b))
        Direction towards a far light, and its irradiance.
    gather : bool
        Find the ambient light by rays that leave the surfaces, which is far less noisy than aiming at it, unless small
        bright things glow nearby.
    sky : float32 (h, 2 h, 3), optional
        Radiance from all directions, zenith first; instead of ``ambient``.
    sparks : list of ((x, y, z), radius, (r, g, b))
        Small bright balls, m and radiance. They light nothing, and Mitsuba sees them black: their own light is added by
        :func:`dofsim.datasets.truth_sparks.spark_light`, since rays drawn at random would seldom meet them.
    """

    ambient: tuple[float, float, float] = (0.0, 0.0, 0.0)
    suns: list[tuple[tuple[float, float, float], tuple[float, float, float]]] = field(default_factory=list)
    gather: bool = True
    sky: Picture | None = None
    sparks: list[tuple[tuple[float, float, float], float, npt.NDArray[np.float64]]] = field(default_factory=list)
    parts: list[Part] = field(default_factory=list)

    def add(
        self, mesh: Mesh, look: npt.ArrayLike = (0.0, 0.0, 0.0), *, glow: npt.ArrayLike | None = None,
        lights: bool = False, shine: float = 0.0, far: bool = False, material: Material = "matte",
    ) -> None:  # fmt: skip
        """Put a mesh on the stage.

        Parameters
        ----------
        mesh : Mesh
        look : float (h, w, 3) or (3,)
            Texture or colour: linear reflectance, 0..1.
        glow : float (h, w, 3) or (3,), optional
            Radiance that the surface sends out by itself.
        lights : bool
            Whether that light also falls on other surfaces.
        shine : float
            0 is Lambertian, towards 1 a coat of varnish that is ever smoother.
        far : bool
            Whether it shows what lies far behind it, as a window does: training scenes give it an inverse depth of 0.
        material : {"matte", "mirror", "glass"}
            Matte surfaces have a look; mirrors and glass show others (:meth:`scene` with several bounces only).
        """
        self.parts.append(Part(mesh, look, glow, lights, shine, far, material))

    def __len__(self) -> int:
        return len(self.parts)

    def scene(self, mi: Any, *, bounces: int = 1) -> Any:
        """Hand the stage to Mitsuba.

        Parameters
        ----------
        mi : module
            From :func:`mitsuba`.
        bounces : int
            1 is direct light only.

        Returns
        -------
        mitsuba.Scene

        Raises
        ------
        ParameterError
            If the stage is empty.
        """
        parts = list(self.parts)
        if self.sparks:
            balls = [meshes.ball(10, 20).placed(place, size=radius) for place, radius, _ in self.sparks]
            parts.append(Part(meshes.joined(balls)))
        if not parts:
            raise ParameterError("an empty stage cannot be traced; add a mesh")
        if bounces == 1:
            aimed = 1 if self.suns and self.gather else 3
            content: dict[str, Any] = {
                "integrator": {"type": "direct", "emitter_samples": aimed, "bsdf_samples": int(self.gather)}
            }
        else:
            content = {"integrator": {"type": "path", "max_depth": bounces + 1}}
        content["type"] = "scene"
        if self.sky is not None:
            content["ambient"] = {"type": "envmap", "bitmap": mi.Bitmap(np.ascontiguousarray(self.sky))}
        elif any(self.ambient):
            content["ambient"] = {
                "type": "constant", "radiance": _colour(self.ambient),
                "sampling_weight": 0.0 if self.suns and self.gather else 1.0,
            }  # fmt: skip
        for k, (towards, irradiance) in enumerate(self.suns):
            direction = -np.asarray(towards, np.float64) * _MIRROR
            content[f"sun{k}"] = {
                "type": "directional", "direction": direction.tolist(), "irradiance": _colour(irradiance),
            }  # fmt: skip
        # Mitsuba wants something to sample, if only what no other surface is lit by
        lit = any(self.ambient) or self.suns or self.sky is not None or any(part.lights for part in parts)
        for k, part in enumerate(parts):
            props = mi.Properties()
            surface: dict[str, Any] = {"type": "diffuse", "reflectance": _texture(mi, part.look)}
            if part.shine > 0:
                coat: dict[str, Any] = {"type": "roughplastic", "alpha": 0.4 - 0.35 * part.shine}
                surface = {"diffuse_reflectance": surface["reflectance"], **coat}
            if part.material == "mirror":
                surface = {"type": "conductor", "material": "none"}
            surface = {"type": "dielectric"} if part.material == "glass" else {"type": "twosided", "bsdf": surface}
            props["bsdf"] = mi.load_dict(surface)
            if part.glow is not None:
                weight = float(part.lights or not lit)
                props["emitter"] = mi.load_dict(
                    {"type": "area", "radiance": _texture(mi, part.glow), "sampling_weight": weight}
                )
            content[f"part{k}"] = _shape(mi, f"part{k}", part.mesh, props)
        return mi.load_dict(content)


def _colour(rgb: npt.ArrayLike) -> dict[str, Any]:
    return {"type": "rgb", "value": [float(c) for c in np.asarray(rgb)]}


def _texture(mi: Any, look: npt.ArrayLike) -> dict[str, Any]:
    array = np.asarray(look, np.float32)
    if array.ndim == 1:
        return _colour(array)
    bitmap = mi.Bitmap(np.ascontiguousarray(array))
    return {"type": "bitmap", "bitmap": bitmap, "raw": True, "wrap_mode": "repeat"}


def _shape(mi: Any, name: str, mesh: Mesh, props: Any) -> Any:
    shape = mi.Mesh(
        name, len(mesh.vertices), len(mesh.faces), props=props, has_vertex_normals=mesh.normals is not None,
        has_vertex_texcoords=True,
    )  # fmt: skip
    values = mi.traverse(shape)
    values["vertex_positions"] = (mesh.vertices * _MIRROR).astype(np.float32).ravel()
    values["faces"] = mesh.faces.astype(np.uint32).ravel()
    values["vertex_texcoords"] = mesh.uv.astype(np.float32).ravel()
    if mesh.normals is not None:
        values["vertex_normals"] = (mesh.normals * _MIRROR).astype(np.float32).ravel()
    values.update()
    return shape


def focal_px(camera: Camera, width: int) -> float:
    """Focal length in px of a picture so many px wide."""
    return float(width / 2.0 / np.tan(camera.fov / 2.0))


def sensor(mi: Any, camera: Camera, size: tuple[int, int], lens: Lens | None = None) -> Any:
    """Mitsuba's camera: a pinhole, or a thin lens; pixels average their own square."""
    height, width = size
    right, up, forward = camera.axes() * _MIRROR
    to_world = np.eye(4)
    to_world[:3, :3] = np.stack((-right, up, forward), axis=1)
    to_world[:3, 3] = np.asarray(camera.position) * _MIRROR
    content: dict[str, Any] = {
        "type": "perspective", "fov": float(np.degrees(camera.fov)), "fov_axis": "x", "near_clip": 0.01,
        "far_clip": 1e4, "to_world": mi.ScalarTransform4f(to_world),
        "film": {
            "type": "hdrfilm", "width": width, "height": height, "rfilter": {"type": "box"}, "pixel_format": "rgb",
            "component_format": "float32",
        },
        "sampler": {"type": "multijitter"},
    }  # fmt: skip
    if lens is not None and lens.aperture_radius > 0:
        content |= {"type": "thinlens", "aperture_radius": lens.aperture_radius, "focus_distance": lens.focus}
    return mi.load_dict(content)


def picture(mi: Any, scene: Any, camera: Any, samples: int, seed: int) -> Picture:
    """Render with so many samples a pixel; linear RGB, float32 (h, w, 3)."""
    return np.array(mi.render(scene, sensor=camera, spp=samples, seed=seed), np.float32)
