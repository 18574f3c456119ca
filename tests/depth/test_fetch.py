"""Known models, fetched from a server on this machine and carried by hand."""

from __future__ import annotations

import hashlib
import http.server
import json
import threading
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from dofsim.cli.app import run
from dofsim.depth import DepthKind, registry
from dofsim.depth.estimate import estimate
from dofsim.depth.fetch import fetch_model, install_model
from dofsim.depth.registry import find_model, known_models, known_record, models_folder
from dofsim.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

CONTENT = np.random.default_rng(3).integers(0, 256, 300_000, np.uint8).tobytes()


class Server(http.server.ThreadingHTTPServer):
    """Serves ``content`` under every path but /missing."""

    content = CONTENT
    ranges = True
    cut: int | None = None
    asked: list[str | None]


class Handler(http.server.BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        wish = self.headers.get("Range")
        self.server.asked.append(wish)
        content, begin = self.server.content, 0
        if self.path == "/missing":
            self.send_error(404, "Not Found")
            return
        if wish and self.server.ranges:
            begin = int(wish.removeprefix("bytes=").removesuffix("-"))
            if begin >= len(content):
                self.send_error(416)
                return
            self.send_response(206)
        else:
            self.send_response(200)
        self.send_header("Content-Length", str(len(content) - begin))
        self.end_headers()
        self.wfile.write(content[begin : self.server.cut])

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def server() -> Iterator[Server]:
    with Server(("127.0.0.1", 0), Handler) as running:
        running.asked = []
        thread = threading.Thread(target=running.serve_forever, daemon=True)
        thread.start()
        yield running
        running.shutdown()
        thread.join()


@pytest.fixture
def known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, server: Server) -> dict[str, Any]:
    """A known model "toy"; change the dict and :func:`write` it to change its record."""
    monkeypatch.setattr(registry, "KNOWN_FOLDER", tmp_path / "known")
    monkeypatch.setenv("DOFSIM_MODELS", str(tmp_path / "models" / "deep"))
    (tmp_path / "known").mkdir()
    record = {
        "name": "toy", "licence": "MIT", "url": f"http://127.0.0.1:{server.server_port}/toy.onnx",
        "size": len(CONTENT), "sha256": hashlib.sha256(CONTENT).hexdigest(),
    }  # fmt: skip
    write(record)
    return record


def write(record: dict[str, Any]) -> None:
    (registry.KNOWN_FOLDER / "toy.json").write_text(json.dumps(record))


def part() -> Path:
    return models_folder() / "toy.onnx.part"


def test_a_model_that_is_not_here_is_asked_for_and_then_found(known: dict[str, Any], server: Server) -> None:
    with pytest.raises(ModelError, match=r"MIT, 0 MB.*dofsim models fetch toy.*by hand as .*toy\.onnx"):
        find_model("toy")
    assert server.asked == []
    steps: list[tuple[int, int | None]] = []
    record = fetch_model("toy", progress=lambda so_far, total: steps.append((so_far, total)))
    assert record.file == models_folder() / "toy.onnx"
    assert record.file.read_bytes() == CONTENT
    assert steps[-1] == (len(CONTENT), len(CONTENT))
    assert find_model("toy") == record
    assert not part().exists()
    fetch_model("toy")
    assert len(server.asked) == 1


@pytest.mark.parametrize("ranges", [True, False])
def test_a_download_goes_on_where_it_broke_off(known: dict[str, Any], server: Server, ranges: bool) -> None:
    server.cut, server.ranges = 200_000, ranges
    with pytest.raises(ModelError, match=r"goes on where it stopped"):
        fetch_model("toy")
    assert part().stat().st_size == 200_000
    server.cut = None
    assert fetch_model("toy").file.read_bytes() == CONTENT
    assert server.asked == [None, "bytes=200000-"]


@pytest.mark.parametrize("size", [len(CONTENT), None])
def test_a_part_that_is_whole_needs_no_more_bytes(known: dict[str, Any], size: int | None) -> None:
    write(known | {"size": size})
    part().parent.mkdir(parents=True)
    part().write_bytes(CONTENT)
    assert fetch_model("toy").file.read_bytes() == CONTENT


def test_other_content_is_thrown_away(known: dict[str, Any], server: Server) -> None:
    server.content = CONTENT[::-1]
    with pytest.raises(ModelError, match=r"is not toy .*SHA-256 .* removed"):
        fetch_model("toy")
    assert list(models_folder().iterdir()) == []
    server.content = CONTENT
    assert fetch_model("toy").file.read_bytes() == CONTENT


def test_a_file_that_is_missing_or_a_server_that_is_off_is_one_clear_line(
    known: dict[str, Any], server: Server
) -> None:
    address = f"http://127.0.0.1:{server.server_port}"
    write(known | {"url": f"{address}/missing"})
    with pytest.raises(ModelError, match=r"404 Not Found.*by hand"):
        fetch_model("toy")
    write(known | {"url": "http://127.0.0.1:9/off"})
    with pytest.raises(ModelError, match=r"could not be fetched.*by hand"):
        fetch_model("toy")
    write(known | {"url": None})
    with pytest.raises(ModelError, match=r"not known where"):
        fetch_model("toy")


def test_a_file_carried_by_hand(known: dict[str, Any], tmp_path: Path) -> None:
    carried = tmp_path / "from-a-stick.onnx"
    carried.write_bytes(CONTENT[1:])
    with pytest.raises(ModelError, match=r"from-a-stick\.onnx is not toy"):
        install_model("toy", carried)
    assert carried.exists()
    carried.write_bytes(CONTENT)
    assert install_model("toy", carried).file.read_bytes() == CONTENT
    with pytest.raises(ModelError, match="cannot read"):
        install_model("toy", tmp_path / "nothing")
    with pytest.raises(ModelError, match="no known model 'other'"):
        install_model("other", carried)


def test_a_damaged_file_in_its_place_is_named_and_left(known: dict[str, Any], server: Server) -> None:
    file = models_folder() / "toy.onnx"
    file.parent.mkdir(parents=True)
    file.write_bytes(b"half of it")
    with pytest.raises(ModelError, match="remove it, then fetch it again"):
        fetch_model("toy")
    assert file.read_bytes() == b"half of it"
    file.unlink()
    assert fetch_model("toy").file.read_bytes() == CONTENT


def test_command_line(known: dict[str, Any], capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert run(["models"]) == 0
    said = capsys.readouterr().out
    assert "estimator " in said
    assert f" {find_model().file.stat().st_size / 1e6:.0f} MB" in said
    assert "toy" in said
    assert "not fetched" in said
    assert run(["models", "fetch", "toy"]) == 2
    said = capsys.readouterr().err
    assert "licence        MIT" in said
    assert "--yes" in said
    assert not (models_folder() / "toy.onnx").exists()
    assert run(["models", "fetch", "toy", "--yes"]) == 0
    assert capsys.readouterr().out.strip() == str(models_folder() / "toy.onnx")
    assert run(["models"]) == 0
    assert "here" in capsys.readouterr().out
    carried = tmp_path / "carried.onnx"
    carried.write_bytes(b"something else")
    assert run(["models", "add", "toy", str(carried)]) == 6
    assert "is not toy" in capsys.readouterr().err
    assert run(["models", "fetch", "nobody", "--yes"]) == 6


def test_a_run_that_was_not_exported_says_so(tmp_path: Path) -> None:
    (tmp_path / "best.safetensors").write_bytes(b"")
    with pytest.raises(ModelError, match=r"dofsim export"):
        find_model(tmp_path)


# ---------------------------------------------------------------- the records in the package

SIGNATURES = {
    # input shape, output shape, input for a landscape photo of 4:3
    "depth-anything-v2-small": (("batch", 3, "height", "width"), ("batch", "h14", "w14"), (392, 518)),
    "depth-anything-v2-metric-indoor-small": (("batch", 3, "height", "width"), ("batch", 1, "h", "w"), (392, 518)),
    "midas-v2.1-small": ((1, 3, 256, 256), (1, 256, 256), (256, 256)),
}


@pytest.mark.parametrize("name", known_models())
def test_records_in_the_package(name: str) -> None:
    record = known_record(name)
    assert record.name == name
    assert record.title
    assert record.licence in {"Apache-2.0", "MIT"}
    assert record.training_data
    assert record.url is not None
    assert record.url.startswith("https://")
    assert record.sha256 is not None


@pytest.mark.parametrize("name", known_models())
def test_a_network_of_the_recorded_signature_runs(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("onnx", reason="onnx makes the test's networks")
    from onnx import TensorProto, helper, numpy_helper

    shape, output, size = SIGNATURES[name]
    weight = numpy_helper.from_array(np.array([1, 0, 0], np.float32).reshape(1, 3, 1, 1), "weight")
    nodes = [helper.make_node("Conv", ["pixel_values", "weight"], ["wide" if len(output) == 3 else "depth"])]
    constants = [weight]
    if len(output) == 3:
        constants.append(numpy_helper.from_array(np.array([1], np.int64), "axes"))
        nodes.append(helper.make_node("Squeeze", ["wide", "axes"], ["depth"]))
    kind = TensorProto.FLOAT
    graph = helper.make_graph(
        nodes, "g", [helper.make_tensor_value_info("pixel_values", kind, shape)],
        [helper.make_tensor_value_info("depth", kind, output)], constants,
    )  # fmt: skip
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    monkeypatch.setenv("DOFSIM_MODELS", str(tmp_path))
    record = known_record(name)
    record.file.write_bytes(model.SerializeToString())
    photo = np.full((300, 400, 3), 255, np.uint8)
    with pytest.raises(ModelError, match="SHA-256"):
        estimate(photo, model=name)
    # the same record for the stand-in's own hash
    stored = json.loads((registry.KNOWN_FOLDER / f"{name}.json").read_text())
    stored["sha256"] = hashlib.sha256(record.file.read_bytes()).hexdigest()
    known = tmp_path / "known"
    known.mkdir()
    (known / f"{name}.json").write_text(json.dumps(stored))
    monkeypatch.setattr(registry, "KNOWN_FOLDER", known)
    depth = estimate(photo, model=name)
    assert depth.shape == size
    assert depth.kind is (DepthKind.METRIC if "metric" in name else DepthKind.RELATIVE)
    np.testing.assert_allclose(depth.values, (1 - 0.485) / 0.229, rtol=1e-4)
