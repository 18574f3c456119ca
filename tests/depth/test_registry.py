"""Records of depth networks."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

import pytest

from dofsim.depth import DepthKind, registry
from dofsim.depth.registry import ModelRecord, find_model, read_record, write_record
from dofsim.errors import ModelError

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def model(tmp_path: Path) -> Path:
    path = tmp_path / "mine.onnx"
    path.write_bytes(b"not looked into here")
    return path


def test_record_round_trip(model: Path) -> None:
    record = ModelRecord(
        "mine", model, "CC-BY-4.0", ("a", "b"), input_size=288, mean=(0.5, 0.5, 0.5), output=DepthKind.METRIC
    )
    place = write_record(record, recipe={"steps": 3})
    assert place == model.with_suffix(".json")
    assert json.loads(place.read_text())["recipe"] == {"steps": 3}
    stored = find_model(model)
    assert stored.sha256 == hashlib.sha256(model.read_bytes()).hexdigest()
    assert ModelRecord(**(vars(stored) | {"sha256": None})) == record
    stored.verify()


def test_exchanged_file_is_noticed(model: Path) -> None:
    record = read_record(write_record(ModelRecord("mine", model)))
    model.write_bytes(b"other weights")
    with pytest.raises(ModelError, match="SHA-256"):
        record.verify()


def test_model_without_a_record_gets_the_defaults(model: Path) -> None:
    record = find_model(str(model))
    assert (record.name, record.file, record.sha256, record.licence) == ("mine", model, None, "unknown")
    assert (record.output, record.near_is_large, record.input_size) == (DepthKind.RELATIVE, True, None)
    record.verify()


def test_run_folder(model: Path) -> None:
    assert find_model(model.parent).file == model
    (model.parent / "second.onnx").write_bytes(b"")
    with pytest.raises(ModelError, match=r"holds 2 \.onnx files"):
        find_model(model.parent)


def test_unknown_models(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no depth model 'midnight'"):
        find_model("midnight")
    (tmp_path / "weights.pth").write_bytes(b"x")
    with pytest.raises(ModelError, match=r"not an \.onnx file"):
        find_model(tmp_path / "weights.pth")


def test_shipped_model_by_name_and_by_default(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "WEIGHTS_FOLDER", model.parent)
    with pytest.raises(ModelError, match="not installed"):
        find_model()
    write_record(ModelRecord("lite", model.rename(model.parent / "estimator.onnx"), "Apache-2.0"))
    assert find_model().name == "lite"
    assert find_model("estimator") == find_model()
    assert registry.shipped_models() == ("estimator",)
    (model.parent / "estimator.onnx").unlink()
    with pytest.raises(ModelError, match="reinstall"):
        find_model()


@pytest.mark.parametrize(
    "stored",
    [
        "nonsense",
        [1],
        {"input_size": 250},
        {"input_size": "large"},
        {"input_size": 256.5},
        {"multiple": 0},
        {"mean": [0.5]},
        {"std": [0, 0, 0]},
        {"sha256": "abc"},
        {"sha256": 5},
        {"output": "disparity"},
        {"training_data": 3},
        {"flip": "often"},
    ],
)
def test_bad_records(model: Path, stored: Any) -> None:
    text = stored if isinstance(stored, str) else json.dumps(stored)
    model.with_suffix(".json").write_text(text)
    with pytest.raises(ModelError, match="record of "):
        find_model(model)


def test_own_weights_are_what_their_record_says() -> None:
    if not (registry.WEIGHTS_FOLDER / "estimator.onnx").is_file():
        pytest.skip("the estimator has not been trained yet")
    record = find_model()
    record.verify()
    assert record.sha256 is not None
    assert record.licence != "unknown"
    assert record.training_data
    assert record.file.stat().st_size <= 12e6
