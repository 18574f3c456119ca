"""Packing: without loss, resumable after any end, verified, and whole or not there."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap

import h5py
import numpy as np
import pytest

from dofsim.datasets import SPLITS, _parts, fabricate, open_frames
from dofsim.datasets._codecs import COMPRESSIONS
from dofsim.datasets._hdf5 import open_hdf5
from dofsim.datasets.packed import Packed, encode_depth
from dofsim.datasets.prepare import prepare
from dofsim.datasets.recognise import open_reader
from dofsim.datasets.resize import parse_size, resize
from dofsim.errors import DepthError, MissingExtraError, OutputError, ParameterError


def same(one, other) -> bool:
    return (
        np.array_equal(one.photo, other.photo)
        and np.array_equal(one.depth, other.depth, equal_nan=True)
        and (one.name, one.kind, one.dataset, one.scene_type)
        == (other.name, other.kind, other.dataset, other.scene_type)
    )


@pytest.mark.parametrize("compression", COMPRESSIONS)
def test_nothing_is_lost(roots, layout, compression, tmp_path):
    out = tmp_path / "packed.h5"
    done = prepare(open_reader(roots[layout]), out, compression=compression)
    frames, packed = open_frames(roots[layout], split="all"), open_frames(out, split="all")
    assert (done.frames, done.resumed, done.bad) == (len(frames), 0, ())
    assert len(packed) == len(frames)
    assert all(same(one, other) for one, other in zip(frames, packed, strict=True))
    for split in SPLITS:
        originals, copies = (open_reader(root).entries(split) for root in (roots[layout], out))
        assert {entry.name for entry in copies} == {entry.name for entry in originals}
    assert list(tmp_path.iterdir()) == [out]


def test_millimetres_are_stored_as_such_and_nothing_else_is(roots, tmp_path):
    for layout, kind in [("nyu-png", "uint16"), ("nyu", "float32")]:
        out = tmp_path / f"{layout}.h5"
        prepare(open_reader(roots[layout]), out)
        with h5py.File(out) as file:
            (name,) = file["arrays"]
            stored = file["arrays"][name]["depth"]
            assert stored.dtype == kind
            assert stored.chunks == (1, 48, 64)
            assert file["arrays"][name]["photo"].chunks == (1, 48, 64, 3)
    odd = np.array([[1.0005, np.nan]], np.float32)
    assert encode_depth(odd, millimetres=True) is odd
    far = np.array([[70.0]], np.float32)
    assert encode_depth(far, millimetres=True) is far


def test_other_programs_read_gzip_without_a_plugin(roots, tmp_path):
    prepare(open_reader(roots["nyu"]), tmp_path / "out.h5", compression="gzip")
    frame = open_frames(tmp_path / "out.h5", split="all")[2]
    with h5py.File(tmp_path / "out.h5") as file:
        row = file["index/row"][2]
        np.testing.assert_array_equal(file["arrays/48x64-float32/photo"][row], frame.photo)
        np.testing.assert_array_equal(file["arrays/48x64-float32/depth"][row], frame.depth)
        assert file["index/identifier"][2] == frame.identifier.encode()


def test_chunks_are_those_of_the_registered_filters(roots, tmp_path):
    hdf5plugin = pytest.importorskip("hdf5plugin", reason="hdf5plugin is not installed; it reads LZ4 and Zstandard")
    assert hdf5plugin.FILTERS
    for compression in ("lz4", "zstd"):
        out = tmp_path / f"{compression}.h5"
        prepare(open_reader(roots["nyu"]), out, compression=compression)
        with h5py.File(out) as file:
            np.testing.assert_array_equal(
                file["arrays/48x64-float32/photo"][()], [frame.photo for frame in open_frames(out, split="all")]
            )


def test_a_packed_file_can_be_packed_again(roots, tmp_path):
    prepare(open_reader(roots["nyu"], raw=True), tmp_path / "whole.h5")
    prepare(open_reader(tmp_path / "whole.h5"), tmp_path / "small.h5", size=24)
    packed = Packed(tmp_path / "small.h5")
    assert packed.info["dataset"] == "nyu"
    assert packed.info["options"] == {"raw": True}
    assert len(packed.entries("test")) == 4
    assert {frame.depth.shape for frame in open_frames(tmp_path / "small.h5", split="all")} == {(18, 24)}


def test_one_split_only(roots, tmp_path):
    out = tmp_path / "test.h5"
    prepare(open_reader(roots["nyu"]), out, split="test")
    assert len(open_frames(out, split="test")) == len(open_frames(out, split="all")) == 4
    with pytest.raises(DepthError, match="split 'train'"):
        open_frames(out)


def test_frames_of_many_sizes(tmp_path):
    root = fabricate.write_folder(tmp_path / "in", {"a": {"x": 2}}, size=(20, 30))
    fabricate.write_folder(root, {"b": {"y": 1}}, size=(30, 20))
    fabricate.write_folder(root, {"c": {"z": 1}}, size=(30, 20), kind="relative_inverse_depth")
    prepare(open_reader(root), tmp_path / "out.h5")
    packed = open_frames(tmp_path / "out.h5", split="all")
    assert all(same(one, other) for one, other in zip(open_frames(root, split="all"), packed, strict=True))
    with h5py.File(tmp_path / "out.h5") as file:
        assert set(file["arrays"]) == {"20x30-uint16", "30x20-uint16", "30x20-float32"}


def test_smaller_frames_hold_values_of_the_larger_ones(roots, tmp_path):
    out = tmp_path / "small.h5"
    prepare(open_reader(roots["nyu-png"]), out, size=parse_size("32"))
    originals = {frame.name: frame for frame in open_frames(roots["nyu-png"], split="all")}
    for frame in open_frames(out, split="all"):
        assert frame.photo.shape == (24, 32, 3)
        assert set(frame.depth[frame.known]) <= set(originals[frame.name].depth.ravel())


def test_sizes():
    assert parse_size("640") == 640
    assert parse_size("286x200") == (200, 286)
    for text in ("", "x", "0", "7", "640x", "1.5", "-640", "64x4"):
        with pytest.raises(ParameterError, match="longest side"):
            parse_size(text)
    photo, depth = fabricate.make_frame(0, (20, 30))
    metres = depth.astype(np.float32)
    assert resize(photo, metres, 100)[1].shape == (20, 30)
    assert resize(photo, metres, (50, 60))[0].shape == (50, 60, 3)
    assert resize(photo, metres, 15)[1].shape == (10, 15)


def test_a_second_run_finds_the_work_done(roots, tmp_path):
    out = tmp_path / "out.h5"
    prepare(open_reader(roots["nyu"]), out)
    before = out.stat().st_mtime_ns
    again = prepare(open_reader(roots["nyu"]), out)
    assert again.frames == 12
    assert not again.fresh
    assert out.stat().st_mtime_ns == before
    with pytest.raises(OutputError, match="holds something else"):
        prepare(open_reader(roots["nyu"], raw=True), out)
    assert out.stat().st_mtime_ns == before
    prepare(open_reader(roots["nyu"], raw=True), out, overwrite=True)
    assert open_frames(out, split="all")[0].known.mean() < 1


def test_a_run_that_stopped_goes_on(roots, tmp_path, monkeypatch):
    monkeypatch.setattr(_parts, "PART_BYTES", 30_000)
    out = tmp_path / "out.h5"
    seen = []

    def stop(name):
        seen.append(name)
        if len(seen) == 8:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        prepare(open_reader(roots["nyu"]), out, on_frame=stop)
    assert not out.exists()
    first = len(seen)
    seen.clear()
    done = prepare(open_reader(roots["nyu"]), out, on_frame=seen.append)
    assert 0 < done.resumed < 8
    assert len(seen) == 12 - done.resumed
    assert first == 8
    assert all(
        same(a, b) for a, b in zip(open_frames(roots["nyu"], split="all"), open_frames(out, split="all"), strict=True)
    )
    assert list(tmp_path.iterdir()) == [out]


def test_another_plan_starts_anew(roots, tmp_path, monkeypatch):
    monkeypatch.setattr(_parts, "PART_BYTES", 30_000)
    out = tmp_path / "out.h5"

    def stop(name):
        if name.endswith("0009"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        prepare(open_reader(roots["nyu"]), out, on_frame=stop)
    done = prepare(open_reader(roots["nyu"], raw=True), out)
    assert done.resumed == 0
    assert open_frames(out, split="all")[11].known.mean() < 1


PROGRAM = """
    import resource, signal, sys
    from pathlib import Path
    from dofsim.datasets import _parts
    from dofsim.datasets.prepare import prepare
    from dofsim.datasets.recognise import open_reader
    from dofsim.errors import DofsimError
    _parts.PART_BYTES = 30_000
    limit = int(sys.argv[3])
    if limit:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    def tell(name):
        print(name, flush=True)
    try:
        prepare(open_reader(sys.argv[1]), Path(sys.argv[2]), on_frame=tell)
    except DofsimError as error:
        sys.exit(f"{type(error).__name__}: {error}")
"""


def run(root, out, limit=0):
    command = [sys.executable, "-c", textwrap.dedent(PROGRAM), str(root), str(out), str(limit)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs POSIX signals")
def test_a_killed_run_leaves_no_file_and_goes_on(roots, tmp_path):
    out = tmp_path / "out.h5"
    with run(roots["nyu"], out) as process:
        for _ in range(7):
            process.stdout.readline()
        os.kill(process.pid, signal.SIGKILL)
    assert not out.exists()
    done = prepare(open_reader(roots["nyu"]), out)
    assert done.frames == 12
    assert list(tmp_path.iterdir()) == [out]


@pytest.mark.skipif(sys.platform == "win32", reason="limits the size of files as POSIX does")
@pytest.mark.parametrize("limit", [5_000, 90_000])
def test_a_full_disk_leaves_what_was_there(roots, tmp_path, limit):
    out = tmp_path / "out.h5"
    with run(roots["nyu"], out, limit) as process:
        _, complaint = process.communicate()
    assert process.returncode == 1
    assert complaint.startswith("OutputError: cannot write")
    assert "file too large" in complaint
    assert len(complaint.strip().splitlines()) == 1
    assert not out.exists()
    assert [path.name for path in tmp_path.iterdir()] == [".out.h5.parts"]
    assert prepare(open_reader(roots["nyu"]), out).frames == 12
    assert list(tmp_path.iterdir()) == [out]


def test_a_disk_without_room_is_noticed_before(roots, tmp_path, monkeypatch):
    monkeypatch.setattr("dofsim.datasets._merge.shutil.disk_usage", lambda _: type("Usage", (), {"free": 1000})())
    with pytest.raises(OutputError, match="make room and run it again"):
        prepare(open_reader(roots["nyu"]), tmp_path / "out.h5")
    assert not (tmp_path / "out.h5").exists()


def test_bad_frames_stop_or_are_listed(tmp_path):
    root = fabricate.write_nyu_png(tmp_path / "in")
    (root / "sync" / "kitchen_0001a" / "rgb_00001.jpg").write_bytes(b"no picture")
    out = tmp_path / "out.h5"
    with pytest.raises(DepthError, match=r"kitchen_0001a/00001.*no picture, or damaged"):
        prepare(open_reader(root), out)
    assert not out.exists()
    done = prepare(open_reader(root), out, skip_bad=True)
    assert done.frames == 10
    assert [frame.name for frame in done.bad] == ["kitchen_0001a/00001"]
    assert Packed(out).skipped == done.bad
    assert any("1 frames of the original were skipped" in line for line in open_reader(out).notes())
    assert [entry.name for entry in open_reader(out).entries("all")] == [
        entry.name for entry in open_reader(root).entries("all") if entry.name != "kitchen_0001a/00001"
    ]


def test_a_part_of_bad_frames_alone(tmp_path, monkeypatch):
    monkeypatch.setattr(_parts, "PART_BYTES", 1)
    root = fabricate.write_nyu_png(tmp_path / "in")
    (root / "sync" / "study_0003" / "rgb_00002.jpg").write_bytes(b"")
    done = prepare(open_reader(root), tmp_path / "out.h5", split="trainval", skip_bad=True)
    assert (done.frames, len(done.bad)) == (7, 1)


def test_nothing_to_pack(tmp_path):
    root = fabricate.write_nyu_png(tmp_path / "in", test=0)
    with pytest.raises(DepthError, match="nothing to pack"):
        prepare(open_reader(root), tmp_path / "out.h5", split="test")
    with pytest.raises(ParameterError, match=r"\.h5 file"):
        prepare(open_reader(root), tmp_path / "out.zip")
    for path in root.rglob("rgb_*.jpg"):
        path.write_bytes(b"")
    with pytest.raises(DepthError, match="none of the 8 frames"):
        prepare(open_reader(root), tmp_path / "out.h5", skip_bad=True)


def test_damage_is_noticed_when_it_is_read(roots, tmp_path):
    out = tmp_path / "out.h5"
    prepare(open_reader(roots["nyu"]), out)
    with h5py.File(out) as file:
        (name,) = file["arrays"]
        place = file["arrays"][name]["photo"].id.get_chunk_info(3).byte_offset
    data = bytearray(out.read_bytes())
    data[place + 200] ^= 0xFF
    out.write_bytes(data)
    frames = open_frames(out, split="all")
    assert [frame.name for frame in frames.without_bad().bad] == [frames.entries[3].name]


def test_a_file_that_does_not_verify_never_appears(roots, tmp_path, monkeypatch):
    monkeypatch.setattr("dofsim.datasets._parts.checksum", lambda *_: 7)
    with pytest.raises(DepthError, match="is damaged; pack the data set again"):
        prepare(open_reader(roots["nyu"]), tmp_path / "out.h5")
    assert list(tmp_path.iterdir()) == []


def test_files_of_other_programs_and_versions(roots, tmp_path):
    out = tmp_path / "out.h5"
    with h5py.File(out, "w") as file:
        file["x"] = 1
    with pytest.raises(ParameterError, match="none of the known layouts"):
        open_frames(out)
    with pytest.raises(OutputError, match="holds something else"):
        prepare(open_reader(roots["nyu"]), out)
    out.unlink()
    prepare(open_reader(roots["nyu"]), out)
    with h5py.File(out, "r+") as file:
        file.attrs["version"] = 9
    with pytest.raises(DepthError, match=r"out\.h5 is of format 9, .*up to 1; update dofsim"):
        open_frames(out)
    out.write_bytes(out.read_bytes()[:3000])
    with pytest.raises(DepthError, match="it is truncated"):
        open_frames(out)


def test_without_the_split_file_everything_is_still_packed(tmp_path):
    root = fabricate.write_nyu_labelled(tmp_path / "in")
    (root / "splits.mat").unlink()
    prepare(open_reader(root), tmp_path / "out.h5")
    assert len(open_frames(tmp_path / "out.h5", split="all")) == 12
    with pytest.raises(DepthError, match="has no frames; there are: all 12"):
        open_frames(tmp_path / "out.h5")


def test_without_h5py_the_extra_is_named(tmp_path, monkeypatch):
    frames = fabricate.write_folder(tmp_path / "frames", {"mine": {"room": 3}})
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    (tmp_path / "packed.h5").write_bytes(b"")
    for action in (
        lambda: open_hdf5(tmp_path / "packed.h5"),
        lambda: prepare(open_reader(frames), tmp_path / "out.h5"),
    ):
        with pytest.raises(MissingExtraError, match=r"dofsim\[data\]"):
            action()
    assert not (tmp_path / "out.h5").exists()
