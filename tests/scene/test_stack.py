"""Focus stacks: the sidecar has to tell the exact optics, and a folder appears whole or not at all."""

from __future__ import annotations

import json

import numpy as np
import pytest
from PIL import Image

from dofsim import lens
from dofsim.bokeh import render
from dofsim.depth import DepthKind, DepthMap
from dofsim.errors import DepthError, OutputError, ParameterError
from dofsim.files import atomic_folder
from dofsim.photo import Photo, read_photo
from dofsim.scene import Scene
from dofsim.stack import plan_stack, write_stack


@pytest.fixture
def scene() -> Scene:
    pixels = np.random.default_rng(2).integers(0, 256, (40, 60, 3)).astype(np.uint8)
    ramp = np.tile(np.linspace(0.2, 0.8, 60, dtype=np.float32), (40, 1))
    return Scene(Photo.from_array(pixels), DepthMap(ramp, DepthKind.RELATIVE))


def test_slices_can_be_made_again_from_the_sidecar_alone(scene, tmp_path) -> None:
    folder = tmp_path / "stack"
    seen: list[int] = []
    settings = plan_stack(scene, 4, blur="5px")
    write_stack(scene, folder, settings, highlights=False, grain=False, on_slice=seen.append)
    about = json.loads((folder / "stack.json").read_text())
    photo = read_photo(folder / about["photo"]["file"])
    np.testing.assert_array_equal(photo.pixels, scene.photo.pixels)
    inverse = np.load(folder / about["inverse_depth"]["file"])
    assert inverse.dtype == np.float32
    for row in about["slices"]:
        coc = (row["K"] * (row["focus_inverse_depth"] - inverse)).astype(np.float32)
        again = photo.with_linear(render(photo.linear(), coc)).pixels
        difference = np.abs(again.astype(int) - np.asarray(Image.open(folder / row["file"])))
        assert difference.max() <= 1
        assert np.abs(coc).max() == pytest.approx(row["largest_radius_px"], rel=1e-4)
    rows = about["slices"]
    assert [row["focus"] for row in rows] == pytest.approx([1, 2 / 3, 1 / 3, 0])
    assert max(row["largest_radius_px"] for row in rows) == pytest.approx(5.0)
    assert len({row["K"] for row in rows}) == 1
    assert rows[0]["focus_m"] is None
    assert seen == [0, 1, 2, 3]
    assert len(list(folder.iterdir())) == 4 + 3


def test_a_real_lens_is_told_in_metres(scene, tmp_path) -> None:
    metric = Scene(scene.photo, DepthMap(2.0 / scene.depth.values, DepthKind.METRIC))
    settings = plan_stack(metric, 2, aperture=2.0, focal_length=85)
    about = write_stack(metric, tmp_path / "stack", settings, aperture=2.0, focal_length=85, slice_format="jpg")
    near, far = about["slices"]
    assert (near["focus_m"], far["focus_m"]) == pytest.approx((2.5, 10.0))
    assert near["K"] == pytest.approx(lens.physical_factor(2.0, 85, 0.4, metric.diagonal_px), rel=1e-5)
    assert about["lens"]["f_number"] == 2.0
    assert about["lens"]["focal_length_35mm"] == 85
    assert about["inverse_depth"]["unit"] == "1/m"


def test_what_cannot_be(scene, tmp_path) -> None:
    with pytest.raises(ParameterError, match="--slices"):
        plan_stack(scene, 1)
    with pytest.raises(DepthError, match="--blur"):
        plan_stack(scene, 4, aperture=2.0)
    with pytest.raises(ParameterError, match="exclude each other"):
        plan_stack(scene, 4, aperture=2.0, blur="2%")
    flat = Scene(scene.photo, DepthMap(np.ones((40, 60), np.float32), DepthKind.RELATIVE))
    with pytest.raises(DepthError, match="same"):
        plan_stack(flat, 4)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "precious.txt").write_text("x")
    with pytest.raises(OutputError, match="choose another name"):
        write_stack(scene, tmp_path / "full", plan_stack(scene, 2))
    with pytest.raises(OutputError, match="make it first"):
        write_stack(scene, tmp_path / "no" / "where", plan_stack(scene, 2))
    assert [path.name for path in tmp_path.rglob("*")] == ["full", "precious.txt"]


def test_an_interruption_leaves_no_folder(scene, tmp_path) -> None:
    def interrupt(index: int) -> None:
        if index == 1:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_stack(scene, tmp_path / "stack", plan_stack(scene, 3), on_slice=interrupt)
    assert not list(tmp_path.iterdir())
    (tmp_path / "empty").mkdir()
    with atomic_folder(tmp_path / "empty") as temporary:
        (temporary / "a").touch()
    assert [path.name for path in (tmp_path / "empty").iterdir()] == ["a"]


def test_the_command_line(tmp_path, capfd) -> None:
    from dofsim.cli.app import run

    ramp = np.repeat(np.tile(np.arange(96, dtype=np.uint8), (64, 1))[..., None], 3, axis=2)
    Image.fromarray(ramp).save(tmp_path / "photo.png")
    out = tmp_path / "out"
    assert run(["stack", str(tmp_path / "photo.png"), "-o", str(out), "--slices", "3", "--size", "48"]) == 0
    assert capfd.readouterr().out.strip() == str(out)
    about = json.loads((out / "stack.json").read_text())
    assert about["photo"]["made_from"] == "photo.png"
    with Image.open(out / "slice-02.png") as image:
        assert image.size == (48, 32)
    assert run(["stack", str(tmp_path / "photo.png"), "-o", str(out)]) == 5
    assert run(["stack", str(tmp_path / "photo.png"), "-o", str(tmp_path / "b"), "--slices", "1"]) == 2
    assert run(["stack", str(tmp_path / "photo.png"), "-o", str(tmp_path / "b"), "--aperture", "2"]) == 4
    assert not (tmp_path / "b").exists()
