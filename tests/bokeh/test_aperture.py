"""Apertures that are no discs: their shapes are those of the definition, and light is neither lost nor made."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from dofsim.bokeh import Aperture, render
from dofsim.bokeh.oracle import scatter, shape_light
from dofsim.errors import ParameterError

SHAPES = {
    "hexagon": Aperture(blades=6, rotation=10),
    "pentagon": Aperture(blades=5, roundness=0.3),
    "triangle": Aperture(blades=3),
    "oval": Aperture(squeeze=0.5),
    "donut": Aperture(obstruction=0.4),
    "bubble": Aperture(bubble=0.8),
    "creamy": Aperture(bubble=-0.8),
    "lemon": Aperture(cats_eye=0.8),
    "all": Aperture(blades=7, rotation=5, roundness=0.5, squeeze=0.8, obstruction=0.2, bubble=0.4, cats_eye=0.5),
}
shapes = pytest.mark.parametrize("aperture", list(SHAPES.values()), ids=list(SHAPES))


def picture(height: int, width: int, seed: int = 0) -> npt.NDArray[np.float32]:
    return np.random.default_rng(seed).random((height, width, 3), dtype=np.float32)


@shapes
@pytest.mark.parametrize("coc", [5.0, -5.0, 13.0, -13.0, 29.0])
def test_the_image_of_a_point_is_that_of_the_definition(aperture: Aperture, coc: float) -> None:
    rgb, y, x = np.zeros((121, 141, 3), np.float32), 45, 90
    rgb[y, x] = 1000.0
    image = render(rgb, np.full((121, 141), coc, np.float32), aperture, threads=1)[..., 0] / 1000
    half = 0.5 * np.hypot(121, 141)
    light = shape_light(aperture, coc, ((x - 70) / half, (y - 60) / half))
    n = light.shape[0] // 2
    truth = np.zeros((121 + 2 * n, 141 + 2 * n))
    truth[y : y + 2 * n + 1, x : x + 2 * n + 1] = light
    # An uneven brightness is cut into a few steps.
    assert np.abs(image - truth[n:-n, n:-n]).sum() < (0.16 if aperture.bubble or aperture.cats_eye else 0.1)


@pytest.mark.parametrize(("name", "reach"), [("triangle", 4.0), ("triangle", -10.0), ("bubble", -4.0), ("all", 4.0)])
def test_surfaces_equal_the_oracle_away_from_the_border(name: str, reach: float) -> None:
    # What the border reflects keeps its own shape in the kernels, and is mirrored too in the oracle.
    rgb, inner = picture(32, 34), np.s_[11:-11, 11:-11]
    coc = np.full((32, 34), reach, np.float32)
    gathered, plain = (draw(rgb, coc, SHAPES[name])[inner] for draw in (render, scatter))
    np.testing.assert_allclose(gathered, plain, atol=0.05)
    coc[:, ::2] *= 1.2  # no longer calm, so that it is drawn and not gathered
    drawn, plain = (draw(rgb, coc, SHAPES[name])[inner] for draw in (render, scatter))
    assert np.abs(drawn - plain).mean() < 0.02


@shapes
def test_a_constant_picture_stays_constant(aperture: Aperture) -> None:
    coc = np.broadcast_to(np.linspace(-30, 30, 160, dtype=np.float32), (90, 160))
    np.testing.assert_allclose(render(np.full((90, 160, 3), 0.7, np.float32), coc, aperture), 0.7, rtol=1e-4)


@shapes
def test_energy_is_kept(aperture: Aperture) -> None:
    rgb = picture(96, 128) * 5
    for radius in (3.0, -11.0):
        coc = np.full((96, 128), radius, np.float32)
        assert render(rgb, coc, aperture).mean(dtype=np.float64) == pytest.approx(rgb.mean(dtype=np.float64), rel=4e-3)


@shapes
def test_threads_do_not_change_the_picture(aperture: Aperture) -> None:
    rgb, coc = picture(300, 96), np.full((300, 96), 9.0, np.float32)
    coc[100:180] = -4.0
    assert np.array_equal(render(rgb, coc, aperture, threads=2), render(rgb, coc, aperture, threads=1))


def test_a_round_aperture_is_the_disc_to_the_bit() -> None:
    rgb, coc = picture(60, 70), np.full((60, 70), 6.0, np.float32)
    for same in (Aperture(), Aperture(blades=9, roundness=1.0)):
        assert np.array_equal(render(rgb, coc, same), render(rgb, coc))


def test_the_rim_of_a_polygon_has_its_corners_on_the_circle() -> None:
    turns = np.radians([10.0, 40.0, 70.0, 130.0, -20.0])  # corner, middle of a side, corner, corner, middle of a side
    side = np.cos(np.pi / 6)
    straight = Aperture(blades=6, rotation=10).reach(turns)
    np.testing.assert_allclose(straight, [1, side, 1, 1, side], rtol=1e-12)
    curved = Aperture(blades=6, rotation=10, roundness=0.25).reach(turns)
    np.testing.assert_allclose(curved, [1, 0.75 * side + 0.25, 1, 1, 0.75 * side + 0.25], rtol=1e-12)
    assert Aperture(rotation=10).reach(turns).tolist() == [1, 1, 1, 1, 1]


def test_light_over_the_disc_is_that_of_the_definition() -> None:
    rho = np.array([0.0, 0.3, 0.5, 0.9, 1.0])
    lens = Aperture(obstruction=0.4, bubble=0.5)
    np.testing.assert_allclose(lens.light(rho, behind=True), [0, 0, 0.75, 1.31, 1.5], rtol=1e-12)
    np.testing.assert_allclose(lens.light(rho, behind=False), [0, 0, 1.25, 0.69, 0.5], rtol=1e-12)


@pytest.mark.parametrize(
    ("name", "ends"),
    [("blades", (0, 3, 32)), ("rotation", (-360.0, 360)), ("roundness", (0, 1)), ("squeeze", (0.25, 1.0)),
     ("obstruction", (0.0, 0.9)), ("bubble", (-1, 1)), ("cats_eye", (0.0, 1.0)), ("fringing", (0, 0.1))],
)  # fmt: skip
def test_the_ends_of_every_range_are_within_it(name: str, ends: tuple[float, ...]) -> None:
    for value in ends:
        assert getattr(Aperture(**{name: value}), name) == value  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"blades": 1}, "3 blades at least"),
        ({"blades": 2}, "3 blades at least"),
        ({"blades": 5.5}, "3 blades at least"),
        ({"squeeze": 0.0}, "squeeze lies in 0.25..1"),
        ({"cats_eye": float("nan")}, r"cats eye lies in 0..1, not nan \(--cats-eye 0..1\)"),
        ({"obstruction": 1}, r"obstruction lies in 0..0.9, not 1 \(--donut 0..0.9\)"),
        ({"bubble": "soap"}, "bubble lies in -1..1"),
    ],
)
def test_what_no_aperture_can_be_is_refused_with_a_sentence(wrong: dict[str, float], says: str) -> None:
    with pytest.raises(ParameterError, match=says):
        Aperture(**wrong)  # type: ignore[arg-type]
