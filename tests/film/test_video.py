"""Clips: time, sound, colour, rotation and depth of bits stay; depth is steady; the focus follows."""

from __future__ import annotations

import os
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from dofsim.depth import DepthKind, DepthMap
from dofsim.errors import DepthError, OutputError, ParameterError, PhotoError
from dofsim.film.clip import Clip
from dofsim.film.encode import Encoder
from dofsim.film.follow import Follower, Plane
from dofsim.film.join import check_clip_name, decoding_times, join
from dofsim.film.look import Look
from dofsim.film.refocus import refocus_clip
from dofsim.film.steady import Stabiliser, Steady
from dofsim.lens import physical_factor
from tests.film.clips import HEIGHT, TIMES, WIDTH, picture, quick_depth, turn_quarter, write_clip

av = pytest.importorskip("av", reason="PyAV is not installed (pip install 'dofsim[video]')")


def copy(source: Path, out: Path, part_frames: int = 99) -> None:
    check_clip_name(source, out)
    with Clip(source) as clip:
        encoder, parts = Encoder(clip, 8), []
        for index, moment in enumerate(clip.moments()):
            if index and index % part_frames == 0:
                parts.append(encoder.finish())
            encoder.encode(moment, moment.pixels)
        parts.append(encoder.finish())
        height, width = moment.pixels.shape[:2]
        join(clip, parts, out, width=width, height=height, crf=8)


def frames_of(path: Path) -> tuple[list[np.ndarray], list[float], dict]:
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        context = stream.codec_context
        about = {
            "tags": (context.color_primaries, context.color_trc, context.colorspace, context.color_range),
            "pix_fmt": context.pix_fmt,
            "codec": context.name,
            "sound": len(container.streams.audio),
        }
        decoded = list(container.decode(stream))
        return [frame.to_ndarray(format="rgb24") for frame in decoded], [frame.time for frame in decoded], about


def sound_of(path: Path) -> list[tuple[float, bytes]]:
    with av.open(str(path)) as container:
        tone = container.streams.audio[0]
        return [
            (float(packet.pts * packet.time_base), bytes(packet)) for packet in container.demux(tone) if packet.size
        ]


@pytest.mark.parametrize(
    ("suffix", "part_frames"), [(".mp4", 99), (".mov", 99), (".mkv", 99), (".mp4", 3), (".mp4", 1), (".mkv", 4)]
)
def test_time_sound_and_colour_stay(tmp_path, suffix, part_frames) -> None:
    source, out = write_clip(tmp_path / "in.mp4"), tmp_path / f"out{suffix}"
    copy(source, out, part_frames)
    frames, times, about = frames_of(out)
    before, times_before, about_before = frames_of(source)
    assert about == about_before | {"pix_fmt": "yuv420p"}
    # Matroska counts in ms, and with older FFmpegs from 0: the sound's lead before the picture delays both alike.
    tolerance = 1.1e-3 if suffix == ".mkv" else 1e-5
    later = times[0] if suffix == ".mkv" else 0.0
    assert 0.0 <= later <= 0.065
    np.testing.assert_allclose(np.array(times) - later, times_before, atol=tolerance)
    np.testing.assert_allclose(np.diff(times), np.diff(TIMES) / 12000, atol=2 * tolerance)
    for frame, was in zip(frames, before, strict=True):
        assert np.abs(frame.astype(int) - was).mean() < 2
    heard, was_heard = sound_of(out), sound_of(source)
    assert [data for _, data in heard] == [data for _, data in was_heard]
    np.testing.assert_allclose([time - later for time, _ in heard], [time for time, _ in was_heard], atol=2e-3)


def test_a_stated_rotation_is_carried_out(tmp_path) -> None:
    source = write_clip(tmp_path / "in.mp4", sound=False)
    turn_quarter(source)
    copy(source, tmp_path / "out.mp4")
    frames, _, _ = frames_of(tmp_path / "out.mp4")
    assert frames[0].shape == (WIDTH, HEIGHT, 3)
    expected = np.rot90(picture(0), -1)
    assert np.abs(frames[0].astype(int) - expected).mean() < 4
    with av.open(str(tmp_path / "out.mp4")) as container:
        assert next(container.decode(video=0)).rotation == 0


def test_ten_bits_stay_and_hdr_is_refused(tmp_path) -> None:
    deep = write_clip(tmp_path / "deep.mp4", pix_fmt="yuv420p10le", codec="libx265")
    copy(deep, tmp_path / "out.mp4")
    _, times, about = frames_of(tmp_path / "out.mp4")
    assert (about["pix_fmt"], about["codec"]) == ("yuv420p10le", "hevc")
    np.testing.assert_allclose(np.diff(times), np.diff(TIMES) / 12000, atol=1e-4)
    with av.open(str(tmp_path / "out.mp4")) as container:
        assert container.streams.video[0].codec_context.codec_tag == "hvc1"
    for trc, name in ((16, "PQ"), (18, "HLG")):
        hdr = write_clip(tmp_path / "hdr.mp4", pix_fmt="yuv420p10le", codec="libx265", trc=trc)
        with pytest.raises(PhotoError, match=name):
            copy(hdr, tmp_path / "no.mp4")
    assert not (tmp_path / "no.mp4").exists()


def test_what_cannot_be_read_or_written(tmp_path) -> None:
    clip = write_clip(tmp_path / "in.mp4")
    (tmp_path / "text.mp4").write_text("no clip at all, but text of some length")
    with pytest.raises(PhotoError, match="no file"):
        copy(tmp_path / "none.mp4", tmp_path / "out.mp4")
    with pytest.raises(PhotoError, match="clip"):
        copy(tmp_path / "text.mp4", tmp_path / "out.mp4")
    with pytest.raises(ParameterError, match=r"\.mp4"):
        copy(clip, tmp_path / "out.avi")
    (tmp_path / "folder.mp4").mkdir()
    with pytest.raises(ParameterError, match="folder"):
        copy(clip, tmp_path / "folder.mp4")
    (tmp_path / "folder.mp4").rmdir()
    with pytest.raises(ParameterError, match="itself"):
        copy(clip, clip)
    with pytest.raises(OutputError, match="does not exist"):
        copy(clip, tmp_path / "no" / "out.mp4")
    with pytest.raises(OutputError, match="-o"):
        refocus_clip(clip, tmp_path / "no" / "out.mp4")

    def stop(index: int) -> None:
        if index == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        refocus_clip(clip, tmp_path / "out.mp4", on_frame=stop)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.mp4", "text.mp4"]


def test_pipes_and_lists_of_other_files_are_no_clips(tmp_path) -> None:
    os.mkfifo(tmp_path / "pipe.mp4")
    with pytest.raises(PhotoError, match="no regular file"):
        Clip(tmp_path / "pipe.mp4").__enter__()
    write_clip(tmp_path / "in.mp4")
    (tmp_path / "list.mp4").write_text("ffconcat version 1.0\nfile in.mp4\n")
    with pytest.raises(PhotoError, match="a list of other files"):
        Clip(tmp_path / "list.mp4").__enter__()


def test_parts_of_uneven_frames_are_decoded_in_order() -> None:
    # After a part of slow frames comes one of fast frames, and the other way round; each holds back 2 frames.
    parts = [np.array(pts) for pts in ([0, 900, 600, 300, 1200], [1203, 1212, 1209, 1206], [1300, 9000, 5000, 4000])]
    times, before = [], np.zeros(0, np.int64)
    for pts in parts:
        times.append(decoding_times(pts, before, 2))
        before = np.sort(pts)[-2:]
    assert (np.diff(np.concatenate(times)) > 0).all()
    assert (np.concatenate(times) <= np.concatenate(parts)).all()


def test_a_real_lens_takes_metric_depth() -> None:
    look, plane = Look(aperture=2.0, focal_length=26), Plane(0.5, 0.1, 2.0)
    setting = look.setting(plane, DepthKind.INVERSE, 2000.0)
    assert setting.factor == pytest.approx(physical_factor(2.0, 26, 0.5, 2000.0))
    assert setting.sharp_px == 0
    with pytest.raises(DepthError, match=r"--blur 2.5%"):
        look.setting(plane, DepthKind.RELATIVE, 2000.0)
    artistic = Look(blur="1%", sharp_range=0.0).setting(plane, DepthKind.RELATIVE, 2000.0)
    assert artistic.factor * 1.5 == pytest.approx(20.0)
    for wrong in ({"aperture": 2, "blur": "1%"}, {"focal_length": 26}, {"aperture": 0}, {"sharp_range": 2}):
        with pytest.raises(ParameterError, match="--"):
            Look(**wrong)


def test_a_clip_that_breaks_off_is_told(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr("dofsim.depth.estimate.estimate", quick_depth)
    frames = [np.random.default_rng(index).integers(0, 256, (HEIGHT, WIDTH, 3)).astype(np.uint8) for index in range(12)]
    source, whole, broken = (
        write_clip(tmp_path / "in.mp4", frames=frames, times=tuple(range(12))),
        tmp_path / "whole.mp4",
        tmp_path / "cut.mp4",
    )
    copy(source, whole)
    with av.open(str(whole)) as clip:
        ends = sorted(packet.pos + packet.size for packet in clip.demux(video=0) if packet.size)
    # Between frames: whether half a frame is an error or left out changes from one FFmpeg to the next.
    broken.write_bytes(whole.read_bytes()[: ends[5]])
    summary = refocus_clip(broken, tmp_path / "out.mp4")
    assert 0 < summary.frames < 12
    assert any("counts 12 frames" in note for note in summary.notes)
    assert not refocus_clip(source, tmp_path / "out.mp4").notes


def test_a_metric_model_takes_metres_and_an_f_number(tmp_path, monkeypatch) -> None:
    def metres(pixels: np.ndarray, **_: object) -> DepthMap:
        return DepthMap(4 - 3 * quick_depth(pixels).values, DepthKind.METRIC, "estimator")

    monkeypatch.setattr("dofsim.depth.estimate.estimate", metres)
    source, sharp, soft = write_clip(tmp_path / "in.mp4", times=(0, 1000)), tmp_path / "a.mp4", tmp_path / "b.mp4"
    for out, number in ((sharp, 64.0), (soft, 1.0)):
        refocus_clip(source, out, Look(focus="1.2m", aperture=number, focal_length=200), crf=8)
    before, wide = (frames_of(path)[0][0].astype(int) for path in (source, soft))
    narrow = frames_of(sharp)[0][0].astype(int)
    assert np.abs(wide - before).mean() > 3 * np.abs(narrow - before).mean()


def textured(shift: int, seed: int = 0) -> np.ndarray:
    """A window on a wide smooth texture, uint8 (48, 64, 3)."""
    import cv2

    wide = np.random.default_rng(seed).normal(size=(48, 200, 3)).astype(np.float32)
    wide = cv2.GaussianBlur(wide, (0, 0), 2.5)
    wide = 128 + 50 * wide / wide.std()
    return np.clip(wide[:, shift : shift + 64], 0, 255).astype(np.uint8)


def test_jumping_scale_and_noise_are_calmed_and_movement_is_kept() -> None:
    rng = np.random.default_rng(1)
    truth = [np.tile(np.sin((np.arange(64) + 2 * t) / 12), (48, 1)).astype(np.float32) for t in range(12)]
    stabiliser, results, given = Stabiliser(), [], []
    for t, values in enumerate(truth):
        noisy = values * rng.uniform(0.9, 1.1) + rng.uniform(-0.1, 0.1) + rng.normal(0, 0.05, values.shape)
        given.append(noisy.astype(np.float32))
        steady = stabiliser.step(textured(2 * t), DepthMap(given[-1], DepthKind.RELATIVE))
        assert steady.cut == (t == 0)
        results.append(steady.depth.values)
    inner = np.s_[6:-6, 8:-8]

    def jumps(maps: list[np.ndarray]) -> float:
        errors = [after - before for after, before in zip(maps, truth, strict=True)]
        return float(np.mean([np.abs(b - a)[inner].mean() for a, b in pairwise(errors[3:])]))

    assert jumps(results) < 0.4 * jumps(given)
    fit = np.polyfit(truth[-1][inner].ravel(), results[-1][inner].ravel(), 1)
    assert np.abs(np.polyval(fit, truth[-1][inner]) - results[-1][inner]).mean() < 0.06


def test_the_scale_does_not_shrink_with_time() -> None:
    rng = np.random.default_rng(2)
    values = np.tile(np.linspace(0, 1, 64, dtype=np.float32), (48, 1))
    stabiliser = Stabiliser()
    for _ in range(80):
        noisy = (values + rng.normal(0, 0.1, values.shape)).astype(np.float32)
        last = stabiliser.step(textured(0), DepthMap(noisy, DepthKind.RELATIVE)).depth.values
    assert np.ptp(last.mean(axis=0)) == pytest.approx(1.0, abs=0.12)


def test_cuts_start_anew_and_movement_and_light_are_no_cuts() -> None:
    near, far = (DepthMap(np.full((48, 64), value, np.float32), DepthKind.RELATIVE) for value in (0.2, 0.9))
    stabiliser = Stabiliser()
    assert stabiliser.step(textured(0), near).cut
    assert not stabiliser.step(textured(5), near).cut
    brighter = (textured(5).astype(int) + 12).clip(0, 255).astype(np.uint8)
    assert not stabiliser.step(brighter, near).cut
    other = np.clip(textured(90, seed=7).astype(int)[:, :, ::-1] * [1.6, 0.5, 0.2], 0, 255).astype(np.uint8)
    result = stabiliser.step(other, far)
    assert result.cut
    np.testing.assert_array_equal(result.depth.values, far.values)
    with pytest.raises(ParameterError, match="--steadiness"):
        Stabiliser(1.0)


def test_a_tapped_subject_is_followed_until_a_cut() -> None:
    stabiliser = Stabiliser(0.0)
    follower = Follower("auto", "25%,50%", 96, 64)
    rng = np.random.default_rng(3)
    texture = rng.integers(60, 200, (24, 24, 3)).astype(np.uint8)
    for index in range(10):
        frame = picture(index)
        frame[20:44, 10 + 4 * index : 34 + 4 * index] = texture
        values = np.full((HEIGHT, WIDTH), 0.2, np.float32)
        values[20:44, 10 + 4 * index : 34 + 4 * index] = 0.8
        steady = stabiliser.step(frame, DepthMap(values, DepthKind.RELATIVE))
        plane = follower.step(steady, index / 24)
    assert follower.point is not None
    assert follower.point[0] * WIDTH == pytest.approx(24 + 36, abs=8)
    assert plane.focus == pytest.approx(0.8, abs=0.02)
    flat = DepthMap(np.full((HEIGHT, WIDTH), 0.2, np.float32), DepthKind.RELATIVE)
    plane = follower.step(Steady(flat, True, None), 0.5)
    assert follower.lost
    assert plane.focus == pytest.approx(0.2)


def test_the_focus_turns_in_time_not_in_frames() -> None:
    def settle(rate: int) -> float:
        follower = Follower(1.0, None, 64, 48)
        ramp = np.tile(np.linspace(0, 1, 64, dtype=np.float32), (48, 1))
        follower.step(Steady(DepthMap(ramp, DepthKind.RELATIVE), True, None), 0.0)
        moved = DepthMap(ramp + 1, DepthKind.RELATIVE)
        for index in range(1, rate // 2 + 1):
            plane = follower.step(Steady(moved, False, None), index / rate)
        return plane.focus

    assert settle(20) == pytest.approx(settle(60), abs=0.01)
    assert 1.6 < settle(20) < 1.95


def test_the_command_line(tmp_path, capfd) -> None:
    from dofsim.cli.app import run

    source, out = write_clip(tmp_path / "in.mp4", times=(0, 1000, 3000)), tmp_path / "out.mp4"
    assert run(["video", str(source), "--focus-at", "25%,50%", "--blur", "4px", "-o", str(out)]) == 0
    captured = capfd.readouterr()
    assert captured.out.strip() == str(out)
    assert "3 frames of 96x64" in captured.err
    frames, times, about = frames_of(out)
    np.testing.assert_allclose(np.diff(times), [1 / 12, 2 / 12], atol=1e-4)
    assert about["sound"] == 1
    was, _, _ = frames_of(source)
    assert 0.5 < np.abs(frames[0].astype(int) - was[0]).mean() < 30
    for arguments, code, says in (
        ([str(source), "-o", str(tmp_path / "no.gif")], 2, ".mp4"),
        ([str(source), "-o", str(tmp_path / "no.mp4"), "--steadiness", "2"], 2, "--steadiness"),
        ([str(source), "-o", str(tmp_path / "no.mp4"), "--focus-at", "200%,0%"], 2, "outside"),
        ([str(source), "-o", str(tmp_path / "no.mp4"), "--blur", "big"], 2, "--blur"),
        ([str(source), "-o", str(tmp_path / "no.mp4"), "--blades", "2"], 2, "--blades 6"),
        ([str(source), "-o", str(tmp_path / "no.mp4"), "--aperture", "f/2"], 4, "--blur"),
        ([str(tmp_path / "none.mp4"), "-o", str(tmp_path / "no.mp4")], 3, "no file"),
    ):
        assert run(["video", *arguments]) == code
        captured = capfd.readouterr()
        assert says in captured.err
        assert len(captured.err.strip().splitlines()) == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.mp4", "out.mp4"]
