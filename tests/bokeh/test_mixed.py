"""Mixed pixels beside edges: found where they are, and nowhere else."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from dofsim.bokeh import rays, render
from dofsim.bokeh.mixed import Mixed, find_mixed
from dofsim.bokeh.workers import Workers

Floats = npt.NDArray[np.float32]

NEAR, FAR = np.array([0.05, 0.1, 0.3], np.float32), np.array([0.7, 0.5, 0.2], np.float32)
FRONT, BEHIND = -6.0, 4.0


def card(share: float) -> tuple[Floats, Floats]:
    """A card on the left of a wall; it covers a share of the first column of pixels that have the wall's coc."""
    rgb, coc = np.broadcast_to(FAR, (40, 60, 3)).copy(), np.full((40, 60), BEHIND, np.float32)
    rgb[:, :30], coc[:, :30] = NEAR, FRONT
    rgb[:, 30] = share * NEAR + (1 - share) * FAR
    return rgb, coc


def look(rgb: Floats, coc: Floats, softness: int = 1, threads: int = 1) -> tuple[Mixed, Floats]:
    with Workers(threads) as workers:
        return find_mixed(rgb, coc, rays.distance_to_edges(coc), np.float32(rays.JUMP), softness, workers)


@pytest.mark.parametrize("share", [0.1, 0.5])
def test_the_share_and_both_colours_are_found(share: float) -> None:
    mixed, clean = look(*card(share))
    assert np.array_equal(np.argwhere((mixed.number >= 0).all(axis=0)), [[30]])
    assert (mixed.number >= 0).sum() == 40
    np.testing.assert_allclose(mixed.share, share, atol=1e-3)
    np.testing.assert_array_equal(mixed.near, FRONT)
    np.testing.assert_allclose(mixed.tint, np.broadcast_to(NEAR, (40, 3)), atol=1e-5)
    np.testing.assert_allclose(clean[:, 30:], np.broadcast_to(FAR, (40, 30, 3)), atol=1e-5)


def test_colours_that_no_mixture_has_stay() -> None:
    for colour in (NEAR, FAR + 0.5 * (FAR - NEAR), [0.3, 0.9, 0.3]):
        rgb, coc = card(0.0)
        rgb[:, 30] = colour
        mixed, clean = look(rgb, coc)
        assert len(mixed.share) == 0
        assert np.array_equal(clean, rgb)


def test_on_a_pattern_as_strong_as_the_contrast_nothing_is_found() -> None:
    rgb, coc = card(0.3)
    rgb[:, 31:] = np.random.default_rng(0).random((40, 29, 3), dtype=np.float32)
    mixed, _ = look(rgb, coc)
    assert len(mixed.share) <= 2


def test_what_is_thinner_than_a_pixel_may_lie_beside_its_depth() -> None:
    rgb, coc = np.broadcast_to(FAR, (40, 60, 3)).copy(), np.full((40, 60), BEHIND, np.float32)
    rgb[:, 30], coc[:, 30] = NEAR, FRONT
    rgb[:, 31] = 0.8 * NEAR + 0.2 * FAR
    mixed, clean = look(rgb, coc)
    np.testing.assert_allclose(mixed.share, 0.8, atol=1e-3)
    np.testing.assert_allclose(clean[:, 31], np.broadcast_to(FAR, (40, 3)), atol=1e-5)


def test_in_larger_pictures_soft_edges_are_mixed_over_several_pixels() -> None:
    rgb, coc = card(0.0)
    for k, share in enumerate((0.5, 0.35, 0.2, 0.1)):
        rgb[:, 30 + k] = share * NEAR + (1 - share) * FAR
    mixed, _ = look(rgb, coc, softness=4)
    assert (mixed.number[20] >= 0).sum() >= 3


def test_threads_do_not_change_it() -> None:
    rgb, coc = card(0.4)
    (one, clean), (three, same) = look(rgb, coc), look(rgb, coc, threads=3)
    assert np.array_equal(clean, same)
    assert all(np.array_equal(a, b) for a, b in zip(one, three, strict=True))


@pytest.mark.parametrize(("front", "behind"), [(-6.0, 0.0), (0.0, 6.0)])
def test_pictures_come_closer_to_those_of_a_finer_grid(
    front: float, behind: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    finer, rows, columns = 3, 32, 48
    y, x = np.mgrid[: rows * finer, : columns * finer]
    covered = x + 0.37 * y < 0.6 * columns * finer
    fine = np.where(covered[..., None], NEAR, FAR)
    fine_coc = np.where(covered, front, behind).astype(np.float32) * finer
    expected = cv2.resize(render(fine, fine_coc, quality="best"), (columns, rows), interpolation=cv2.INTER_AREA)
    rgb = cv2.resize(fine, (columns, rows), interpolation=cv2.INTER_AREA)
    coc = np.ascontiguousarray(fine_coc[finer // 2 :: finer, finer // 2 :: finer] / finer)

    def error() -> float:
        return float(((render(rgb, coc, quality="best") - expected)[8:-8, 8:-8] ** 2).mean())

    with_mixed = error()
    none = Mixed(np.full(coc.shape, -1, np.int32), *np.zeros((2, 0), np.float32), np.zeros((0, 3), np.float32))
    monkeypatch.setattr(rays, "find_mixed", lambda rgb, *_: (none, rgb))
    assert with_mixed < 0.7 * error()
