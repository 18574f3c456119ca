"""Depth files in and out."""

from __future__ import annotations

import io
import json
import os
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from dofsim.depth import DepthKind, DepthMap
from dofsim.depth.files import read_depth, write_depth
from dofsim.errors import DepthError, OutputError, ParameterError

if TYPE_CHECKING:
    from pathlib import Path

RNG = np.random.default_rng(7)
BYTES = RNG.integers(0, 256, (5, 7), np.uint8)
WORDS = RNG.integers(1, 65536, (5, 7), np.uint16)
FLOATS = RNG.uniform(0.3, 9.0, (5, 7)).astype(np.float32)


def save(path: Path, numbers: npt.NDArray[Any]) -> Path:
    """Write numbers by the plain means of other programs."""
    match path.suffix:
        case ".png":
            Image.fromarray(numbers).save(path)
        case ".jpg":
            Image.fromarray(numbers).save(path, quality=100)
        case ".tif":
            import tifffile

            tifffile.imwrite(path, numbers)
        case ".npy":
            np.save(path, numbers)
        case ".exr":
            save_exr(path, {"Z": numbers})
    return path


def save_exr(path: Path, channels: dict[str, npt.NDArray[Any]], **header: Any) -> Path:
    import OpenEXR

    head = {"compression": OpenEXR.ZIP_COMPRESSION, "type": OpenEXR.scanlineimage} | header
    OpenEXR.File(head, {name: np.ascontiguousarray(values) for name, values in channels.items()}).write(str(path))
    return path


@pytest.mark.parametrize("suffix", [".png", ".tif", ".npy"])
@pytest.mark.parametrize("numbers", [BYTES, WORDS], ids=["uint8", "uint16"])
@pytest.mark.parametrize("near", ["bright", "dark"])
def test_integers_are_relative(tmp_path: Path, suffix: str, numbers: npt.NDArray[Any], near: Any) -> None:
    depth = read_depth(save(tmp_path / f"d{suffix}", numbers), near=near)
    share = numbers / np.float32(np.iinfo(numbers.dtype).max)
    assert (depth.kind, depth.source, depth.detail) == (DepthKind.RELATIVE, "file", f"d{suffix}")
    np.testing.assert_allclose(depth.values, share if near == "bright" else 1 - share, atol=1e-6)


@pytest.mark.parametrize("suffix", [".tif", ".npy", ".exr"])
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_floats_stay_in_their_unit(tmp_path: Path, suffix: str, dtype: Any) -> None:
    numbers = FLOATS.astype(np.float32 if suffix == ".exr" and dtype is np.float64 else dtype)
    path = save(tmp_path / f"d{suffix}", numbers)
    for kind in DepthKind:
        depth = read_depth(path, kind=kind)
        assert depth.kind is kind
        np.testing.assert_array_equal(depth.values, numbers.astype(np.float32))
    assert read_depth(path).kind is DepthKind.RELATIVE
    np.testing.assert_array_equal(read_depth(path, near="dark").values, -numbers.astype(np.float32))


@pytest.mark.parametrize("suffix", [".png", ".tif", ".npy"])
@pytest.mark.parametrize("near", ["bright", "dark"])
def test_sixteen_bit_metric_is_millimetres(tmp_path: Path, suffix: str, near: Any) -> None:
    depth = read_depth(save(tmp_path / f"d{suffix}", WORDS), kind=DepthKind.METRIC, near=near)
    np.testing.assert_allclose(depth.values, WORDS / 1000.0, rtol=1e-6)


def test_jpeg(tmp_path: Path) -> None:
    smooth = np.add.outer(np.arange(40), np.arange(60)).astype(np.uint8) * 2
    path = save(tmp_path / "d.jpg", smooth)
    np.testing.assert_allclose(read_depth(path).values, smooth / 255, atol=0.01)
    # A grey picture saved as colour, as phones' depth apps do.
    path = save(tmp_path / "c.jpg", np.repeat(smooth[..., None], 3, axis=2))
    np.testing.assert_allclose(read_depth(path, near="dark").values, 1 - smooth / 255, atol=0.01)


def test_format_is_told_by_content(tmp_path: Path) -> None:
    path = save(tmp_path / "d.png", WORDS)
    path = path.rename(tmp_path / "d.tif")
    np.testing.assert_allclose(read_depth(path).values, WORDS / 65535, atol=1e-6)


@pytest.mark.parametrize(
    "pixels",
    [
        np.repeat(BYTES[..., None], 3, axis=2),
        np.dstack([BYTES, BYTES, BYTES, np.full_like(BYTES, 255)]),
        np.dstack([BYTES, np.full_like(BYTES, 255)]),
    ],
    ids=["RGB", "RGBA", "LA"],
)
@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_grey_saved_as_colour(tmp_path: Path, pixels: npt.NDArray[Any], suffix: str) -> None:
    Image.fromarray(pixels).save(tmp_path / f"d{suffix}")
    np.testing.assert_allclose(read_depth(tmp_path / f"d{suffix}").values, BYTES / 255, atol=1e-6)


def test_sixteen_bit_colour_png_keeps_its_bits(tmp_path: Path) -> None:
    import cv2

    cv2.imwrite(str(tmp_path / "d.png"), np.repeat(WORDS[..., None], 3, axis=2))
    np.testing.assert_allclose(read_depth(tmp_path / "d.png").values, WORDS / 65535, atol=1e-7)


def test_palette_and_one_bit(tmp_path: Path) -> None:
    Image.fromarray(BYTES).convert("P").save(tmp_path / "p.png")
    np.testing.assert_allclose(read_depth(tmp_path / "p.png").values, BYTES / 255, atol=1e-6)
    Image.fromarray(BYTES > 99).save(tmp_path / "b.png")
    np.testing.assert_array_equal(read_depth(tmp_path / "b.png").values, BYTES > 99)


def test_separate_planes_and_white_is_zero_tiff(tmp_path: Path) -> None:
    import tifffile

    tifffile.imwrite(
        tmp_path / "s.tif", np.stack([WORDS] * 3), photometric="rgb", planarconfig="separate", compression="zlib"
    )
    np.testing.assert_allclose(read_depth(tmp_path / "s.tif").values, WORDS / 65535, atol=1e-7)
    tifffile.imwrite(tmp_path / "w.tif", WORDS, photometric="miniswhite")
    np.testing.assert_allclose(read_depth(tmp_path / "w.tif").values, 1 - WORDS / 65535, atol=1e-6)


@pytest.mark.parametrize(
    ("channels", "chosen"),
    [
        (("R", "G", "B", "Z"), "Z"),
        (("R", "depth.Z"), "depth.Z"),
        (("R", "ViewLayer.Depth.Z"), "ViewLayer.Depth.Z"),
        (("Y",), "Y"),
        (("disparity",), "disparity"),
    ],
)
def test_exr_channel(tmp_path: Path, channels: tuple[str, ...], chosen: str) -> None:
    values = {name: np.full((4, 6), i, np.float32) for i, name in enumerate(channels, start=1)}
    values[chosen] = np.arange(24, dtype=np.float32).reshape(4, 6) + 1
    depth = read_depth(save_exr(tmp_path / "d.exr", values), kind=DepthKind.METRIC)
    np.testing.assert_array_equal(depth.values, values[chosen])


def test_exr_grey_colour_and_nonsense(tmp_path: Path) -> None:
    grey = dict.fromkeys("RGB", FLOATS)
    np.testing.assert_array_equal(read_depth(save_exr(tmp_path / "g.exr", grey)).values, FLOATS)
    with pytest.raises(DepthError, match="coloured"):
        read_depth(save_exr(tmp_path / "c.exr", grey | {"B": FLOATS * 2}))
    with pytest.raises(DepthError, match=r"channels \(u, v\)"):
        read_depth(save_exr(tmp_path / "uv.exr", {"u": FLOATS, "v": FLOATS}))
    window = (np.array([0, 0], np.int32), np.array([9, 9], np.int32))
    with pytest.raises(DepthError, match="data window"):
        read_depth(save_exr(tmp_path / "w.exr", {"Z": FLOATS}, displayWindow=window))


def test_metric_infinity_is_sky(tmp_path: Path) -> None:
    sky = FLOATS.copy()
    sky[0] = np.inf
    depth = read_depth(save(tmp_path / "d.npy", sky), kind=DepthKind.METRIC)
    assert np.isinf(depth.values[0]).all()
    write_depth(depth, tmp_path / "d.png")
    restored = read_depth(tmp_path / "d.png")
    assert restored.kind is DepthKind.METRIC
    assert np.isinf(restored.values[0]).all()


# ------------------------------------------------------------------------------------------------ contradictions


def test_contradictions(tmp_path: Path) -> None:
    png8, png16 = save(tmp_path / "8.png", BYTES), save(tmp_path / "16.png", WORDS)
    with pytest.raises(ParameterError, match="near cannot be dark"):
        read_depth(png16, kind=DepthKind.INVERSE, near="dark")
    with pytest.raises(ParameterError, match="no unit"):
        read_depth(png16, kind=DepthKind.INVERSE)
    with pytest.raises(ParameterError, match="8 bits"):
        read_depth(png8, kind=DepthKind.METRIC)
    with pytest.raises(ParameterError, match="bright"):
        read_depth(png8, near="left")  # type: ignore[arg-type]
    own = write_depth(DepthMap(FLOATS, DepthKind.RELATIVE), tmp_path / "own.png")
    with pytest.raises(ParameterError, match="no unit"):
        read_depth(own, kind=DepthKind.METRIC)
    with pytest.raises(ParameterError, match="near bright"):
        read_depth(own, near="dark")


# ------------------------------------------------------------------------------------------------ bad files


def bad_files() -> dict[str, bytes]:
    def png(numbers: npt.NDArray[Any]) -> bytes:
        buffer = io.BytesIO()
        Image.fromarray(numbers).save(buffer, "PNG")
        return buffer.getvalue()

    def npy(numbers: npt.NDArray[Any]) -> bytes:
        buffer = io.BytesIO()
        np.save(buffer, numbers, allow_pickle=numbers.dtype == object)
        return buffer.getvalue()

    hole = FLOATS.copy()
    hole[2, 3] = np.nan
    noise = RNG.integers(0, 65536, (64, 64), np.uint16)
    return {
        "empty": b"",
        "pdf.png": b"%PDF-1.7\n",
        "truncated.png": png(noise)[:1000],
        "header.png": b"\x89PNG\r\n\x1a\n",
        "truncated.jpg": b"\xff\xd8\xff\xe0\x00\x10JFIF",
        "truncated.tif": b"II*\0\x08\0\0\0",
        "truncated.npy": npy(FLOATS)[:-9],
        "truncated.exr": b"\x76\x2f\x31\x01\x02\0\0\0chan",
        "pickle.npy": npy(np.array([[{}]], dtype=object)),
        "three.npy": npy(np.zeros((2, 3, 4))),
        "one.npy": npy(np.zeros(4)),
        "none.npy": npy(np.zeros((0, 4))),
        "huge.npy": npy(np.zeros((2, 3), np.float32)).replace(b"(2, 3), }", b"(9**9, 3), }"),
        "complex.npy": npy(np.zeros((3, 4), complex)),
        "bool.npy": npy(np.zeros((3, 4), bool)),
        "nan.npy": npy(hole),
        "overflow.npy": npy(np.full((3, 4), 1e300)),
        "colour.png": png(RNG.integers(0, 256, (5, 7, 3), np.uint8)),
        "transparent.png": png(np.dstack([BYTES, BYTES, BYTES, BYTES])),
    }


@pytest.mark.parametrize("name", list(bad_files()))
def test_bad_files_get_one_sentence(tmp_path: Path, name: str, capfd: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / name
    path.write_bytes(bad_files()[name])
    with pytest.raises(DepthError) as error:
        read_depth(path)
    message = str(error.value)
    assert name in message
    assert "\n" not in message
    assert len(message) < 400


class Intruder:
    """Its pickle makes a file when it is loaded."""

    def __init__(self, place: Path) -> None:
        self.place = place

    def __reduce__(self) -> tuple[Any, ...]:
        return (os.mkdir, (str(self.place),))


def test_pickles_are_never_run(tmp_path: Path) -> None:
    np.save(tmp_path / "d.npy", np.array([[Intruder(tmp_path / "intruded")]], dtype=object), allow_pickle=True)
    with pytest.raises(DepthError, match=r"d\.npy"):
        read_depth(tmp_path / "d.npy")
    assert not (tmp_path / "intruded").exists()


def test_truncated_exr_from_a_real_one(tmp_path: Path) -> None:
    path = save_exr(tmp_path / "d.exr", {"Z": RNG.random((64, 64), np.float32)})
    path.write_bytes(path.read_bytes()[:-900])
    with pytest.raises(DepthError, match=r"d\.exr"):
        read_depth(path)


def test_places_without_a_file(tmp_path: Path) -> None:
    with pytest.raises(DepthError, match="there is no depth map"):
        read_depth(tmp_path / "nothing.png")
    with pytest.raises(DepthError, match="folder"):
        read_depth(tmp_path)
    with pytest.raises(DepthError, match="cannot read"):
        read_depth("a\0b.png")


@pytest.mark.parametrize(("kind", "value"), [(DepthKind.METRIC, 0.0), (DepthKind.INVERSE, -1.0)])
def test_impossible_depths_name_the_file(tmp_path: Path, kind: DepthKind, value: float) -> None:
    numbers = FLOATS.copy()
    numbers[0, 0] = value
    with pytest.raises(DepthError, match=r"d\.npy"):
        read_depth(save(tmp_path / "d.npy", numbers), kind=kind)


# ------------------------------------------------------------------------------------------------ writing


@pytest.mark.parametrize("kind", list(DepthKind))
@pytest.mark.parametrize("suffix", [".png", ".tif", ".TIFF"])
def test_pictures_restore_kind_and_unit(tmp_path: Path, kind: DepthKind, suffix: str) -> None:
    depth = DepthMap(FLOATS - (5 if kind is DepthKind.RELATIVE else 0), kind)
    path = write_depth(depth, tmp_path / f"d{suffix}")
    restored = read_depth(path)
    assert restored.kind is kind
    far, near = depth.range()
    error = np.abs(restored.inverse().values - depth.inverse().values).max()
    assert error <= (near - far) / 131070 * 1.02


@pytest.mark.parametrize("kind", list(DepthKind))
@pytest.mark.parametrize("suffix", [".npy", ".exr"])
def test_floats_are_exact(tmp_path: Path, kind: DepthKind, suffix: str) -> None:
    path = write_depth(DepthMap(FLOATS, kind), tmp_path / f"d{suffix}")
    restored = read_depth(path, kind=kind if suffix == ".npy" else None)
    assert restored.kind is kind
    np.testing.assert_array_equal(restored.values, FLOATS)


def test_any_program_sees_sixteen_bits_near_bright(tmp_path: Path) -> None:
    write_depth(DepthMap(FLOATS, DepthKind.METRIC), tmp_path / "d.png")
    with Image.open(tmp_path / "d.png") as picture:
        assert picture.mode == "I;16"
        pixels = np.asarray(picture)
        record = json.loads(picture.text["dofsim:depth"])  # type: ignore[attr-defined]
    assert pixels[np.unravel_index(FLOATS.argmin(), FLOATS.shape)] == 65535
    assert pixels[np.unravel_index(FLOATS.argmax(), FLOATS.shape)] == 0
    assert record["kind"] == "metric"
    assert record["near"] == pytest.approx(1 / FLOATS.min())


def test_metric_file_may_be_read_as_inverse(tmp_path: Path) -> None:
    for suffix in (".png", ".exr"):
        path = write_depth(DepthMap(FLOATS, DepthKind.METRIC), tmp_path / f"d{suffix}")
        np.testing.assert_allclose(read_depth(path, kind=DepthKind.INVERSE).values, 1 / FLOATS, rtol=1e-3)


def test_flat_depth_round_trip(tmp_path: Path) -> None:
    for kind in DepthKind:
        path = write_depth(DepthMap(np.full((3, 4), 2.5), kind), tmp_path / "d.png", overwrite=True)
        np.testing.assert_allclose(read_depth(path).values, 2.5, rtol=1e-6)


@pytest.mark.parametrize(
    "record", ["no json", "[]", '{"kind": "x", "far": 0, "near": 1}', '{"kind": "metric", "far": 2, "near": 1}']
)
def test_damaged_record(tmp_path: Path, record: str) -> None:
    info = PngInfo()
    info.add_text("dofsim:depth", record)
    Image.fromarray(WORDS).save(tmp_path / "d.png", pnginfo=info)
    with pytest.raises(DepthError, match="record"):
        read_depth(tmp_path / "d.png")
    assert read_depth(tmp_path / "d.png", kind=DepthKind.RELATIVE).kind is DepthKind.RELATIVE


def test_record_of_a_converted_file(tmp_path: Path) -> None:
    write_depth(DepthMap(FLOATS, DepthKind.METRIC), tmp_path / "d.png")
    with Image.open(tmp_path / "d.png") as picture:
        info = PngInfo()
        info.add_text("dofsim:depth", picture.text["dofsim:depth"])  # type: ignore[attr-defined]
    Image.fromarray(BYTES).save(tmp_path / "8.png", pnginfo=info)
    with pytest.raises(DepthError, match="converted"):
        read_depth(tmp_path / "8.png")


def test_bad_outputs_leave_nothing(tmp_path: Path) -> None:
    depth = DepthMap(FLOATS, DepthKind.METRIC)
    for name in ("d.xyz", "d", "nowhere/d.png"):
        with pytest.raises(OutputError, match="cannot write"):
            write_depth(depth, tmp_path / name)
    assert not os.listdir(tmp_path)  # noqa: PTH208
    for suffix in (".png", ".tif", ".npy", ".exr"):
        path = tmp_path / f"d{suffix}"
        path.write_bytes(b"old")
        with pytest.raises(OutputError, match="exists"):
            write_depth(depth, path)
        assert path.read_bytes() == b"old"
        assert write_depth(depth, path, overwrite=True) == path
        assert read_depth(path, kind=DepthKind.METRIC).shape == FLOATS.shape
    assert len(os.listdir(tmp_path)) == 4  # noqa: PTH208


def test_depth_pictures_of_phones(shared: Path) -> None:
    for name in ("flowers", "hut", "mango"):
        depth = read_depth(shared / "photos" / f"depthy_{name}-depth.jpg", near="dark")
        assert depth.kind is DepthKind.RELATIVE
        # What stands at the bottom of these photos is nearer than what is at the top.
        assert depth.values[-50:].mean() > depth.values[:50].mean() + 0.1
