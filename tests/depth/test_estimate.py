"""Depth networks are run as their records say; the networks here are made of a node or two."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pytest

from dofsim.depth import DepthKind, registry
from dofsim.depth import estimate as estimate_module
from dofsim.depth.estimate import estimate
from dofsim.depth.registry import ModelRecord, write_record
from dofsim.errors import ModelError, ParameterError

if TYPE_CHECKING:
    from pathlib import Path

onnx = pytest.importorskip("onnx", reason="onnx makes the test's networks")

PHOTO = np.random.default_rng(5).integers(0, 256, (120, 160, 3), np.uint8)


def make_model(
    path: Path,
    *,
    shape: tuple[Any, ...] = (1, 3, "h", "w"),
    output: tuple[Any, ...] = (1, 1, "h", "w"),
    weights: tuple[float, float, float] = (1.0, 0.0, 0.0),
    half: bool = False,
    channels: int = 1,
    more_outputs: int = 0,
    external: str | None = None,
) -> Path:
    """A network that puts out a weighted sum of the channels it sees."""
    from onnx import TensorProto, helper, numpy_helper

    kind = TensorProto.FLOAT16 if half else TensorProto.FLOAT
    kernel = np.array([weights] * channels, np.float16 if half else np.float32).reshape(channels, 3, 1, 1)
    weight = numpy_helper.from_array(kernel, "weight")
    if external is not None:
        weight.ClearField("raw_data")
        weight.data_location = TensorProto.EXTERNAL
        entry = weight.external_data.add()
        entry.key, entry.value = "location", external
    squeezes = len(output) == 3
    nodes = [helper.make_node("Conv", ["photo", "weight"], ["wide" if squeezes else "depth"])]
    initializers = [weight]
    if squeezes:
        initializers.append(numpy_helper.from_array(np.array([1], np.int64), "axes"))
        nodes.append(helper.make_node("Squeeze", ["wide", "axes"], ["depth"]))
    outputs = [helper.make_tensor_value_info("depth", kind, output)]
    for i in range(more_outputs):
        nodes.append(helper.make_node("Identity", ["depth"], [f"more{i}"]))
        outputs.append(helper.make_tensor_value_info(f"more{i}", kind, output))
    graph = helper.make_graph(nodes, "g", [helper.make_tensor_value_info("photo", kind, shape)], outputs, initializers)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    path.write_bytes(model.SerializeToString())
    return path


def expected(photo: npt.NDArray[Any], height: int, width: int, record: ModelRecord) -> npt.NDArray[np.float32]:
    import cv2

    red = cv2.resize(photo, (width, height), interpolation=cv2.INTER_AREA)[..., 0] / np.iinfo(photo.dtype).max
    return ((red - record.mean[0]) / record.std[0]).astype(np.float32)


@pytest.mark.parametrize(
    ("shape", "output"),
    [
        ((1, 3, "h", "w"), (1, 1, "h", "w")),
        # Depth Anything V2 small
        (("batch", 3, "height", "width"), ("batch", "height", "width")),
        ((None, 3, None, None), (None, None, None)),
        # MiDaS small
        ((1, 3, 256, 256), (1, 256, 256)),
        ((1, 3, 256, 256), (1, 1, 256, 256)),
    ],
)
def test_signatures(tmp_path: Path, shape: tuple[Any, ...], output: tuple[Any, ...]) -> None:
    path = make_model(tmp_path / "m.onnx", shape=shape, output=output)
    depth = estimate(PHOTO, model=path)
    side = 256 if 256 in shape else 448
    assert depth.shape == (side, side)
    assert (depth.kind, depth.source, depth.detail) == (DepthKind.RELATIVE, "estimator", "m")


@pytest.mark.parametrize(
    ("photo_shape", "size"),
    [
        ((60, 80), (192, 256)),
        ((80, 60), (256, 192)),
        ((50, 50), (256, 256)),
        ((1536, 2048), (192, 256)),
        ((108, 192), (160, 288)),
        ((40, 20), (320, 160)),
        ((9, 600), (32, 1824)),
    ],
)
def test_record_rules_size_and_normalisation(
    tmp_path: Path, photo_shape: tuple[int, int], size: tuple[int, int]
) -> None:
    path = make_model(tmp_path / "m.onnx")
    record = ModelRecord("named", path, input_size=256, mean=(0.5, 0.4, 0.3), std=(0.25, 0.5, 0.5))
    write_record(record)
    red = np.zeros((*photo_shape, 3), np.uint8)
    red[..., 0], red[..., 1] = 204, 99
    depth = estimate(red, model=path)
    assert depth.shape == size
    assert depth.detail == "named"
    np.testing.assert_allclose(depth.values, (0.8 - 0.5) / 0.25, atol=1e-5)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_photo_is_averaged_over_area(tmp_path: Path, dtype: Any) -> None:
    path = make_model(tmp_path / "m.onnx")
    record = ModelRecord("m", path, input_size=32)
    write_record(record)
    photo = PHOTO.astype(dtype) * (257 if dtype is np.uint16 else 1)
    np.testing.assert_allclose(estimate(photo, model=path).values, expected(photo, 32, 32, record)[: 24 + 8], atol=0.01)


def test_mirrored_photo_gives_mirrored_depth(tmp_path: Path) -> None:
    path = make_model(tmp_path / "m.onnx")
    write_record(ModelRecord("m", path, input_size=64))
    mirrored = estimate(PHOTO[:, ::-1], model=path).values[:, ::-1]
    np.testing.assert_allclose(mirrored, estimate(PHOTO, model=path).values, atol=0.01)


def test_flip_averages_over_the_mirrored_photo(tmp_path: Path) -> None:
    from onnx import TensorProto, helper, numpy_helper

    # a network that knows left from right: red plus a third of the pixel to the left of it
    kernel = np.zeros((1, 3, 1, 3), np.float32)
    kernel[0, 0, 0] = 1 / 3, 1, 0
    graph = helper.make_graph(
        [helper.make_node("Conv", ["photo", "weight"], ["depth"], pads=[0, 1, 0, 1])], "g",
        [helper.make_tensor_value_info("photo", TensorProto.FLOAT, (1, 3, "h", "w"))],
        [helper.make_tensor_value_info("depth", TensorProto.FLOAT, (1, 1, "h", "w"))],
        [numpy_helper.from_array(kernel, "weight")],
    )  # fmt: skip
    path = tmp_path / "m.onnx"
    path.write_bytes(
        helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9).SerializeToString()
    )
    write_record(ModelRecord("m", path, input_size=64))
    mirrored_photo = np.ascontiguousarray(PHOTO[:, ::-1])
    plain, mirrored = estimate(PHOTO, model=path).values, estimate(mirrored_photo, model=path).values[:, ::-1]
    assert np.abs(plain - mirrored).max() > 0.05
    both = estimate(PHOTO, model=path, flip=True).values
    np.testing.assert_allclose(both, (plain + mirrored) / 2, atol=0.02)
    np.testing.assert_allclose(both, estimate(mirrored_photo, model=path, flip=True).values[:, ::-1], atol=0.02)
    write_record(ModelRecord("m", path, input_size=64, flip=True))
    np.testing.assert_array_equal(estimate(PHOTO, model=path).values, both)
    np.testing.assert_array_equal(estimate(PHOTO, model=path, flip=False).values, plain)


@pytest.mark.parametrize(
    ("output", "near_is_large", "weight", "check"),
    [
        (DepthKind.RELATIVE, True, -1.0, lambda red: -red),
        (DepthKind.RELATIVE, False, 1.0, lambda red: -red),
        (DepthKind.INVERSE, True, -1.0, np.zeros_like),
        (DepthKind.METRIC, True, 3.0, lambda red: np.maximum(3 * red, 0.01)),
    ],
)
def test_output_kinds(tmp_path: Path, output: DepthKind, near_is_large: bool, weight: float, check: Any) -> None:
    path = make_model(tmp_path / "m.onnx", weights=(weight, 0, 0))
    record = ModelRecord(
        "m", path, input_size=64, mean=(0, 0, 0), std=(1, 1, 1), output=output, near_is_large=near_is_large
    )
    write_record(record)
    depth = estimate(PHOTO, model=path)
    assert depth.kind is output
    assert depth.shape == (64, 64)
    np.testing.assert_allclose(depth.values, check(expected(PHOTO, *depth.shape, record)), atol=0.01)


def test_half_precision(tmp_path: Path) -> None:
    path = make_model(tmp_path / "m.onnx", half=True)
    assert estimate(PHOTO, model=path).values.dtype == np.float32


def test_smallest_photo(tmp_path: Path) -> None:
    path = make_model(tmp_path / "m.onnx")
    write_record(ModelRecord("m", path, input_size=64))
    assert estimate(PHOTO[:1, :1], model=path).is_flat()


def test_session_is_opened_once_and_again_when_the_file_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import onnxruntime

    opened: list[onnxruntime.SessionOptions] = []
    original = onnxruntime.InferenceSession

    def count(path: Any, options: onnxruntime.SessionOptions, **more: Any) -> Any:
        opened.append(options)
        return original(path, options, **more)

    monkeypatch.setattr(onnxruntime, "InferenceSession", count)
    path = make_model(tmp_path / "m.onnx")
    first = estimate(PHOTO, model=path, threads=1)
    estimate(PHOTO, model=path, threads=1)
    assert len(opened) == 1
    assert opened[0].intra_op_num_threads == 1
    make_model(path, weights=(2.0, 0, 0))
    os.utime(path, ns=(1, 1))
    np.testing.assert_allclose(estimate(PHOTO, model=path, threads=1).values, 2 * first.values, atol=1e-5)


# ------------------------------------------------------------------------------------------------ bad models


@pytest.mark.parametrize(
    "bad",
    [
        {"shape": (1, 4, "h", "w")},
        {"shape": (2, 3, "h", "w")},
        {"shape": (1, "h", "w", 3)},
        {"more_outputs": 1},
        {"output": (1, 2, "h", "w"), "channels": 2},
    ],
    ids=str,
)
def test_other_signatures_are_refused(tmp_path: Path, bad: dict[str, Any]) -> None:
    with pytest.raises(ModelError, match=r"m\.onnx"):
        estimate(PHOTO, model=make_model(tmp_path / "m.onnx", **bad))


@pytest.mark.parametrize("content", [b"", b"%PDF-1.7", b"\x08\x09" * 300])
def test_files_that_are_no_models(tmp_path: Path, content: bytes, capfd: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "m.onnx").write_bytes(content)
    with pytest.raises(ModelError, match="cannot be opened as an ONNX model") as error:
        estimate(PHOTO, model=tmp_path / "m.onnx")
    assert "\n" not in str(error.value)
    assert capfd.readouterr().err == ""


def test_exchanged_weights_are_refused(tmp_path: Path) -> None:
    path = make_model(tmp_path / "m.onnx")
    write_record(ModelRecord("m", path))
    make_model(path, weights=(2.0, 0, 0))
    with pytest.raises(ModelError, match="SHA-256"):
        estimate(PHOTO, model=path)


@pytest.mark.parametrize("how", ["relative", "absolute", "link"])
def test_external_data_elsewhere_is_refused(tmp_path: Path, how: str) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    outside = tmp_path / "data.bin"
    np.array([1, 0, 0], np.float32).tofile(outside)
    np.array([1, 0, 0], np.float32).tofile(folder / "beside.bin")
    assert estimate(PHOTO, model=make_model(folder / "good.onnx", external="beside.bin")).shape == (448, 448)
    (folder / "link.bin").symlink_to(outside)
    place = {"relative": "../data.bin", "absolute": str(outside), "link": "link.bin"}[how]
    with pytest.raises(ModelError, match="cannot be opened"):
        estimate(PHOTO, model=make_model(folder / "bad.onnx", external=place))


def test_output_that_is_no_number(tmp_path: Path) -> None:
    path = make_model(tmp_path / "m.onnx", weights=(float("nan"), 0, 0))
    with pytest.raises(ModelError, match="no finite"):
        estimate(PHOTO, model=path)


def test_missing_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "WEIGHTS_FOLDER", tmp_path)
    with pytest.raises(ModelError, match="not installed"):
        estimate(PHOTO)


@pytest.mark.parametrize(
    "pixels", [np.zeros((9, 9), np.uint8), np.zeros((9, 9, 3), np.float32), np.zeros((0, 9, 3), np.uint8)]
)
def test_photo_must_be_a_colour_picture(pixels: npt.NDArray[np.uint8]) -> None:
    with pytest.raises(ParameterError, match="photo"):
        estimate_module.estimate(pixels)
