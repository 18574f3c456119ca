"""Triangle meshes of simple solids with texture coordinates, for ray tracing.

Coordinates: x right, y up, z into the scene, metres. Texture coordinates (u, v) are 0..1 once across the picture, v = 0
at its upper edge. Both sides of a surface are seen; its winding only says to which side it may glow.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Mesh:
    """Triangles.

    Attributes
    ----------
    vertices : float64 (n, 3)
        m.
    faces : int64 (m, 3)
        Indices of vertices.
    uv : float64 (n, 2)
    normals : float64 (n, 3), optional
        Unit shading normals; without them the faces are flat.
    """

    vertices: Floats
    faces: npt.NDArray[np.int64]
    uv: Floats
    normals: Floats | None = None

    def placed(self, at: npt.ArrayLike = (0, 0, 0), turned: Floats | None = None, size: npt.ArrayLike = 1.0) -> Mesh:
        """The mesh scaled by ``size`` (one number or x, y, z), turned by a rotation (columns: its axes), moved."""
        scale = np.broadcast_to(np.asarray(size, np.float64), 3)
        rotation = np.eye(3) if turned is None else turned
        normals = self.normals
        if normals is not None:
            normals = (normals / scale) @ rotation.T
            normals = normals / np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-12)
        vertices = (self.vertices * scale) @ rotation.T + np.asarray(at, np.float64)
        return replace(self, vertices=vertices, normals=normals)

    def repeated(self, u: float, v: float) -> Mesh:
        """The mesh with its texture repeated ``u`` by ``v`` times."""
        return replace(self, uv=self.uv * (u, v))


def joined(meshes: Sequence[Mesh]) -> Mesh:
    """One mesh of several, smooth only where all are."""
    starts = np.cumsum([0] + [len(mesh.vertices) for mesh in meshes[:-1]])
    normals = [mesh.normals for mesh in meshes if mesh.normals is not None]
    return Mesh(
        np.concatenate([mesh.vertices for mesh in meshes]),
        np.concatenate([mesh.faces + start for mesh, start in zip(meshes, starts, strict=True)]),
        np.concatenate([mesh.uv for mesh in meshes]),
        np.concatenate(normals) if len(normals) == len(meshes) else None,
    )


def _grid_faces(rows: int, columns: int) -> npt.NDArray[np.int64]:
    """Two triangles for each cell of a (rows + 1) x (columns + 1) grid of vertices."""
    corner = (np.arange(rows)[:, None] * (columns + 1) + np.arange(columns)).ravel()
    right, below, across = corner + 1, corner + columns + 1, corner + columns + 2
    return np.concatenate((np.stack((corner, right, below), 1), np.stack((right, across, below), 1)))


def card() -> Mesh:
    """The square -1..1 in the plane z = 0, its texture upright as seen from z < 0."""
    corners = np.array([(-1, 1, 0), (1, 1, 0), (-1, -1, 0), (1, -1, 0)], np.float64)
    return Mesh(corners, _grid_faces(1, 1)[:, ::-1], np.array([(0, 0), (1, 0), (0, 1), (1, 1)], np.float64))


def floor() -> Mesh:
    """The square -1..1 in the plane y = 0, the upper edge of its texture far."""
    return card().placed(turned=np.array([[1.0, 0, 0], [0, 0, 1], [0, 1, 0]]))


def box() -> Mesh:
    """The cube -1..1, its texture once on every face."""
    turns = []
    for angle in (0.0, 0.5, 1.0, 1.5):
        c, s = np.cos(angle * np.pi), np.sin(angle * np.pi)
        turns.append(np.array([[c, 0, s], [0, 1, 0], [-s, 0, c]]))
    turns += [np.array([[1.0, 0, 0], [0, 0, s], [0, s, 0]]) for s in (-1.0, 1.0)]
    return joined([card().placed((turned @ (0, 0, -1)), turned) for turned in turns])


def ball(rows: int = 48, columns: int = 96) -> Mesh:
    """The unit sphere, poles up and down, its texture once around."""
    v, u = np.meshgrid(np.linspace(0, 1, rows + 1), np.linspace(0, 1, columns + 1), indexing="ij")
    polar, around = np.pi * v.ravel(), 2 * np.pi * u.ravel()
    points = np.stack((np.sin(polar) * np.cos(around), np.cos(polar), np.sin(polar) * np.sin(around)), axis=1)
    return Mesh(points, _grid_faces(rows, columns), np.stack((u.ravel(), v.ravel()), axis=1), points)


def lathe(profile: npt.ArrayLike, columns: int = 48) -> Mesh:
    """A solid of revolution about y.

    Parameters
    ----------
    profile : float (n, 2)
        (radius, height) from bottom to top.
    columns : int
        Faces around.

    Returns
    -------
    Mesh
        Smooth; repeat a point of the profile to keep an edge sharp.
    """
    line = np.asarray(profile, np.float64)
    step = np.diff(line, axis=0)
    outward = np.stack((step[:, 1], -step[:, 0]), axis=1)
    normal = np.concatenate((outward[:1], outward)) + np.concatenate((outward, outward[-1:]))
    normal /= np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-12)
    length = np.concatenate(([0.0], np.cumsum(np.linalg.norm(step, axis=1))))
    v, u = np.meshgrid(1 - length / length[-1], np.linspace(0, 1, columns + 1), indexing="ij")
    c, s = np.cos(2 * np.pi * u), np.sin(2 * np.pi * u)
    points = np.stack((line[:, :1] * c, np.broadcast_to(line[:, 1:], c.shape), line[:, :1] * s), axis=-1)
    normals = np.stack((normal[:, :1] * c, np.broadcast_to(normal[:, 1:], c.shape), normal[:, :1] * s), axis=-1)
    uv = np.stack((u, v), axis=-1)
    faces = _grid_faces(len(line) - 1, columns)
    return Mesh(points.reshape(-1, 3), faces, uv.reshape(-1, 2), normals.reshape(-1, 3))


def tube(columns: int = 32) -> Mesh:
    """The cylinder of radius 1, y in -1..1, closed."""
    return lathe([(0, -1), (1, -1), (1, -1), (1, 1), (1, 1), (0, 1)], columns)


def cone(columns: int = 32) -> Mesh:
    """The cone of radius 1 at y = -1 with its tip at y = 1, closed."""
    return lathe([(0, -1), (1, -1), (1, -1), (0, 1)], columns)


def polygon(outline: npt.ArrayLike) -> Mesh:
    """A flat star-shaped figure in the plane z = 0, from its outline (n, 2) around the origin."""
    line = np.asarray(outline, np.float64)
    n = len(line)
    vertices = np.zeros((n + 1, 3))
    vertices[1:, :2] = line
    around = np.arange(n)
    faces = np.stack((np.zeros(n, np.int64), around + 1, (around + 1) % n + 1), axis=1)
    low, span = line.min(axis=0), np.ptp(line, axis=0).max()
    uv = (vertices[:, :2] - low) / span
    return Mesh(vertices, faces, np.stack((uv[:, 0], 1 - uv[:, 1]), axis=1))


def ribbons(paths: Floats, widths: Floats, facing: npt.ArrayLike = (0, 0, 0)) -> Mesh:
    """Flat strips, such as hair and blades of grass, that turn their width to a viewer.

    Parameters
    ----------
    paths : float64 (n, k, 3)
        Middle lines of n strips.
    widths : float64 (n, k)
        Full width at each of their points.
    facing : (x, y, z)
        The viewer's place.

    Returns
    -------
    Mesh
        u runs 0..1 over the strips (each has one colour), v along each.
    """
    n, k = widths.shape
    along = np.gradient(paths, axis=1)
    side = np.cross(along, paths - np.asarray(facing, np.float64))
    side /= np.maximum(np.linalg.norm(side, axis=2, keepdims=True), 1e-12)
    offset = side * widths[..., None] / 2
    vertices = np.stack((paths - offset, paths + offset), axis=2)
    u = np.broadcast_to(((np.arange(n) + 0.5) / n)[:, None, None], (n, k, 2))
    v = np.broadcast_to(np.linspace(1, 0, k)[None, :, None], (n, k, 2))
    first = (np.arange(n)[:, None] * 2 * k + 2 * np.arange(k - 1)[None]).ravel()
    faces = np.concatenate((np.stack((first, first + 1, first + 2), 1), np.stack((first + 1, first + 3, first + 2), 1)))
    return Mesh(vertices.reshape(-1, 3), faces, np.stack((u, v), axis=-1).reshape(-1, 2))
