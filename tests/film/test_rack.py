"""Focus pulls: which half of the picture is sharp when, that the lens stays, and what the files hold."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageSequence

from dofsim import lens
from dofsim.depth import DepthKind, DepthMap
from dofsim.errors import DepthError, MissingExtraError, ParameterError
from dofsim.film.frames import shrink, to_frame
from dofsim.film.rack import plan_rack, rack_frames, write_frames
from dofsim.photo import Photo
from dofsim.scene import Scene
from dofsim.sequence import eased, lens_settings

FAR, NEAR = np.s_[:, :36], np.s_[:, 60:]


def test_ease_starts_and_ends_at_rest() -> None:
    steps = np.array(eased(25))
    assert (steps[0], steps[12], steps[-1]) == (0.0, 0.5, 1.0)
    assert np.diff(steps).min() > 0
    assert np.diff(steps)[0] < 0.2 / 24 < 1.4 / 24 < np.diff(steps)[12]
    assert np.allclose(np.diff(eased(25, "linear")), 1 / 24)
    with pytest.raises(ParameterError):
        eased(1)


def test_the_focus_goes_through_and_the_lens_stays(scene, pixels) -> None:
    settings = plan_rack(scene, 0.0, 1.0, frames=5, blur="5px", sharp_range=0.0)
    assert [setting.focus for setting in settings] == pytest.approx([0.0, 0.15625, 0.5, 0.84375, 1.0])
    assert len({setting.factor for setting in settings}) == 1
    assert settings[0].max_radius(scene.depth) == pytest.approx(5.0)
    frames = list(rack_frames(scene, settings, grain=False))
    np.testing.assert_array_equal(frames[0][FAR], pixels[FAR])
    np.testing.assert_array_equal(frames[-1][NEAR], pixels[NEAR])
    for index, soft in ((0, NEAR), (2, FAR), (2, NEAR), (4, FAR)):
        assert frames[index][soft].std() < 0.7 * pixels[soft].std()


def test_a_focus_whose_sharp_range_is_all_of_the_picture_leaves_the_others_blurred(scene) -> None:
    settings = plan_rack(scene, 0.0, 1.0, frames=3, blur="5px", sharp_range=0.6)
    assert [setting.max_radius(scene.depth) for setting in settings] == pytest.approx([5.0, 0.0, 5.0])


def test_points_metres_and_apertures(scene, metric) -> None:
    by_point = plan_rack(scene, "10%,50%", "90%,50%", frames=3)
    assert [setting.focus for setting in by_point] == pytest.approx([0.0, 0.5, 1.0])
    stops = plan_rack(scene, 0, 1, frames=3, apertures=(16.0, 4.0), blur="8px", ease="linear")
    assert [setting.factor for setting in stops] == pytest.approx(np.array([0.25, 0.5, 1.0]) * stops[-1].factor)
    assert stops[-1].max_radius(scene.depth) == pytest.approx(8.0, rel=0.03)
    real = plan_rack(metric, "4m", "1m", frames=2, apertures=(2.0, 2.0), focal_length=85)
    for setting, inverse in zip(real, (0.25, 1.0), strict=True):
        assert setting.focus == pytest.approx(inverse)
        assert setting.factor == pytest.approx(lens.physical_factor(2.0, 85, inverse, metric.diagonal_px))
        assert setting.sharp_px == 0.0
    with pytest.raises(DepthError):
        plan_rack(scene, "1m", 1, frames=3)
    with pytest.raises(ParameterError, match="focal"):
        plan_rack(scene, 0, 1, frames=3, apertures=(2, 2), focal_length=50)
    with pytest.raises(ParameterError, match="f-number"):
        lens_settings(metric, [1.0], f_numbers=[0.0])
    flat = Scene(scene.photo, DepthMap(np.ones((48, 96), np.float32), DepthKind.RELATIVE))
    with pytest.raises(DepthError, match="same everywhere"):
        plan_rack(flat, 0, 1, frames=3)


@pytest.mark.parametrize(("text", "number"), [("f/16", 16.0), ("F/1.4", 1.4), ("2.8", 2.8), (4, 4.0)])
def test_f_numbers_are_read(text, number) -> None:
    assert lens.parse_f_number(text) == number


@pytest.mark.parametrize("text", ["f/0", "-2", "wide", "inf", ""])
def test_no_f_numbers(text) -> None:
    with pytest.raises(ParameterError, match="f-number"):
        lens.parse_f_number(text)


def test_boomerang_comes_back_frame_by_frame(scene) -> None:
    settings = plan_rack(scene, 0, 1, frames=4)
    there = list(rack_frames(scene, settings))
    both = list(rack_frames(scene, settings, boomerang=True))
    assert len(both) == 6
    for frame, expected in zip(both, [*there, there[2], there[1]], strict=True):
        np.testing.assert_array_equal(frame, expected)


def test_shrink_keeps_light_makes_even_sides_and_never_enlarges() -> None:
    stripes = np.zeros((61, 81, 3), np.uint8)
    stripes[:, ::2] = 255
    photo = Photo.from_array(stripes)
    small = shrink(photo, 41)
    assert (small.width, small.height) == (40, 30)
    assert small.linear()[5:-5, 5:-5].mean() == pytest.approx(photo.linear().mean(), abs=0.02)
    same = shrink(Photo.from_array(stripes[:60, :80]), 4000)
    np.testing.assert_array_equal(same.pixels, stripes[:60, :80])
    deep = Photo(np.full((4, 4, 3), 65535, np.uint16))
    assert (to_frame(deep) == 255).all()
    with pytest.raises(ParameterError, match="--size"):
        shrink(photo, 8)


@pytest.mark.parametrize("suffix", [".gif", ".webp"])
def test_animations_hold_every_frame_in_time(tmp_path, suffix) -> None:
    def frames():
        for index in range(6):
            asked.append(index)
            yield np.full((32, 48, 3), 40 * index, np.uint8)

    asked: list[int] = []
    seen: list[int] = []
    path = tmp_path / f"out{suffix}"
    write_frames(path, frames(), 6, 24.0, np.repeat(np.arange(256, dtype=np.uint8), 3).reshape(16, 16, 3), seen.append)
    assert asked == seen == list(range(6))
    with Image.open(path) as image:
        assert image.n_frames == 6
        assert image.info["loop"] == 0
        levels, durations = [], []
        for frame in ImageSequence.Iterator(image):
            frame.load()
            levels.append(np.asarray(frame.convert("RGB")).mean())
            durations.append(frame.info["duration"])
    np.testing.assert_allclose(levels, 40 * np.arange(6), atol=3)
    assert sum(durations) == 250
    assert [path.name for path in tmp_path.iterdir()] == [path.name]


def test_an_animation_that_fails_leaves_nothing(tmp_path) -> None:
    def frames():
        yield np.zeros((32, 48, 3), np.uint8)
        raise DepthError("by design")

    for suffix in (".gif", ".webp"):
        with pytest.raises(DepthError, match="by design"):
            write_frames(tmp_path / f"out{suffix}", frames(), 3, 24.0, np.zeros((8, 8, 3), np.uint8))
    assert not list(tmp_path.iterdir())


def test_mp4_is_tagged_timed_and_true_in_colour(tmp_path) -> None:
    av = pytest.importorskip("av", reason="PyAV is not installed (pip install 'dofsim[video]')")
    colours = [(200, 40, 30), (30, 180, 60), (40, 60, 190)]
    path = tmp_path / "out.mp4"
    write_frames(
        path, (np.full((64, 96, 3), colour, np.uint8) for colour in colours), 3, 23.976, np.zeros((8, 8, 3), np.uint8)
    )
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        context = stream.codec_context
        assert (context.color_primaries, context.color_trc, context.colorspace, context.color_range) == (1, 1, 1, 1)
        assert float(stream.average_rate) == pytest.approx(24000 / 1001)
        decoded = [frame.to_ndarray(format="rgb24") for frame in container.decode(stream)]
    assert len(decoded) == 3
    for frame, colour in zip(decoded, colours, strict=True):
        np.testing.assert_allclose(frame.reshape(-1, 3).mean(axis=0), colour, atol=3)


def test_without_pyav_the_extra_is_named(tmp_path, monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(MissingExtraError, match=r"dofsim\[video\]"):
        write_frames(tmp_path / "out.mp4", iter(()), 1, 24.0, np.zeros((8, 8, 3), np.uint8))


@pytest.fixture
def files(tmp_path, pixels) -> Path:
    Image.fromarray(pixels).save(tmp_path / "photo.png")
    return tmp_path / "photo.png"


def call(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "dofsim", "rack", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_the_command_line(files, tmp_path) -> None:
    out = tmp_path / "out.webp"
    done = call(files, "--from", 0.2, "--to", 0.9, "--frames", 3, "--boomerang", "--aperture-from", "f/8", "-o", out)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == str(out)
    assert "4 frames of 96x48" in done.stderr
    with Image.open(out) as image:
        assert image.n_frames == 4


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["-o", "out.avi"], 2, "(-o NAME.mp4)"),
        (["-o", "out.gif", "--frames", "1"], 2, "(--frames 48)"),
        (["-o", "out.gif", "--fps", "0"], 2, "(--fps 24)"),
        (["-o", "out.gif", "--seconds", "9999"], 2, "(--seconds 2)"),
        (["-o", "out.gif", "--aperture-to", "2"], 2, "(--aperture-from f/16)"),
        (["-o", "out.gif", "--aperture-from", "wide"], 2, "(--aperture-from 1.8)"),
        (["-o", "out.gif", "--blades", "2"], 2, "(--blades 6)"),
        (["-o", "no/such/out.gif"], 5, "does not exist"),
        (["-o", "out.gif", "--from", "7"], 2, "--from 7m"),
        (["-o", "out.gif", "--to", "2m"], 4, "(--to X,Y)"),
    ],
)
def test_bad_wishes(files, tmp_path, monkeypatch, capfd, arguments, code, says) -> None:
    from dofsim.cli.app import run

    monkeypatch.chdir(tmp_path)
    assert run(["rack", str(files), *arguments]) == code
    err = capfd.readouterr().err
    assert says in err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["photo.png"]
