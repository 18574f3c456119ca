"""Files that outlive a release: what an older one wrote is read, what a newer one wrote is refused by name.

A newer release is this one with a higher number, so that every format is tried as its next change will make it.
"""

from __future__ import annotations

import importlib
import json
import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import pytest

from dofsim.batch.depth_cache import DepthCache
from dofsim.batch.journal import JOURNAL, JSON, Journal, read_report
from dofsim.depth import DepthKind, DepthMap
from dofsim.depth.files import read_depth, write_depth
from dofsim.depth.registry import ModelRecord, read_record, write_record
from dofsim.errors import DepthError, DofsimError, ModelError, ParameterError, PhotoError
from dofsim.formats import check_format
from dofsim.photo import Photo
from dofsim.pix2pix.settings import published
from dofsim.pix2pix.stored import read_config
from dofsim.recipe import Recipe, read_recipe

ROOT = Path(__file__).resolve().parents[1]
DEPTH = DepthMap(np.linspace(1, 3, 12, dtype=np.float32).reshape(3, 4), DepthKind.METRIC)


@dataclass(frozen=True)
class Format:
    """A kind of file: where the number of its format stands in the code, how it is written and read."""

    row: str  # what the table of RELEASING.md calls it
    numbers: tuple[str, ...]  # every module that holds the number, with its name
    write: Callable[[Path], Path]
    read: Callable[[Path], Any]
    error: type[DofsimError]

    @property
    def number(self) -> int:
        """The newest that this release reads, and the one that it writes."""
        module, name = self.numbers[0].rsplit(".", 1)
        return int(getattr(importlib.import_module(module), name))

    @contextmanager
    def next_release(self) -> Iterator[None]:
        """As a release would be that has changed the format."""
        following = self.number + 1
        with ExitStack() as stack:
            for place in self.numbers:
                stack.enter_context(patch(place, following))
            yield


def write_packed(folder: Path) -> Path:
    pytest.importorskip("h5py", reason="packed data sets take dofsim[data]")
    from dofsim.datasets import fabricate
    from dofsim.datasets.prepare import prepare
    from dofsim.datasets.recognise import open_reader

    return prepare(open_reader(fabricate.write_nyu_labelled(folder / "nyu")), folder / "packed.h5").path


def read_packed(place: Path) -> Any:
    from dofsim.datasets import open_frames

    frames = open_frames(place, split="all")
    return [(frame.name, frame.photo.tolist(), np.nan_to_num(frame.depth).tolist()) for frame in frames]


def write_run(folder: Path) -> Path:
    place = folder / "config.json"
    place.write_text(published("acgan", "timm").to_json())
    return place


def write_recipe(folder: Path) -> Path:
    photo = Photo.from_array(np.zeros((3, 4, 3), np.uint8))
    return Recipe(focus="0.4", blur="3%").written_into(photo, DEPTH).save(folder / "result.png")


def write_network(folder: Path) -> Path:
    (folder / "mine.onnx").write_bytes(b"x")
    return write_record(ModelRecord("mine", folder / "mine.onnx", input_size=256, flip=True))


def write_batch(folder: Path) -> Path:
    with Journal(str(folder), Recipe(blur="3%").to_dict(), resume=False, overwrite=False) as journal:
        journal.add({"source": "a", "output": "b", "status": "done"})
    return folder / JOURNAL


def resume(place: Path) -> Any:
    with Journal(str(place.parent), Recipe(blur="3%").to_dict(), resume=True, overwrite=False) as journal:
        return list(journal.rows())


def write_report(folder: Path) -> Path:
    return write_batch(folder).with_name(JSON)


FORMATS = [
    Format("packed data set", ("dofsim.datasets.packed.VERSION", "dofsim.datasets._merge.VERSION",
            "dofsim.datasets.prepare.VERSION"), write_packed,
           read_packed, DepthError),
    Format("training run", ("dofsim.pix2pix.stored.FORMAT", "dofsim.pix2pix.config.FORMAT"), write_run,
           lambda place: read_config(place.parent), ModelError),
    Format("recipe in the XMP of a result", ("dofsim.recipe.FORMAT",), write_recipe, read_recipe, ParameterError),
    *(
        Format("depth map", ("dofsim.depth.files.RECORD_VERSION",),
               lambda folder, kind=kind: write_depth(DEPTH, folder / f"depth{kind}"),  # type: ignore[misc]
               lambda place: read_depth(place).values.tolist(), DepthError)
        for kind in (".png", ".tif", ".exr")
    ),
    Format("record of a depth network", ("dofsim.depth.registry.RECORD_FORMAT",), write_network, read_record,
           ModelError),
    Format("journal of a batch", ("dofsim.batch.journal.FORMAT",), write_batch, resume, ParameterError),
    Format("report of a batch", ("dofsim.batch.journal.FORMAT",), write_report,
           lambda place: read_report(str(place.parent))["photos"], PhotoError),
]  # fmt: skip
each_format = pytest.mark.parametrize("kept", FORMATS, ids=lambda kept: kept.row.replace(" ", "-"))


@each_format
def test_what_an_older_release_wrote_is_read(kept: Format, tmp_path: Path) -> None:
    place = kept.write(tmp_path)
    now = kept.read(place)
    with kept.next_release():
        assert kept.read(place) == now


@each_format
def test_what_a_newer_release_wrote_is_refused_by_name(kept: Format, tmp_path: Path) -> None:
    with kept.next_release():
        place = kept.write(tmp_path)
        kept.read(place)
    with pytest.raises(kept.error) as refused:
        kept.read(place)
    said = str(refused.value)
    assert place.name in said or str(place.parent) in said
    assert re.search(rf"of format {kept.number + 1}, by .*dofsim.* up to {kept.number}; update dofsim \(pip", said)
    assert "\n" not in said


def test_what_was_written_before_there_were_numbers_is_read(tmp_path: Path) -> None:
    place = write_network(tmp_path)
    stored = json.loads(place.read_text())
    del stored["format"]
    place.write_text(json.dumps(stored))
    assert read_record(place).flip

    place = write_batch(tmp_path)
    head, *rows = place.read_text().splitlines()
    told = json.loads(head)
    del told["format"], told["recipe"]["grain"]  # nor did that dofsim know of grain
    told |= {"dofsim": "0.0.9", "recipe": told["recipe"] | {"version": "0.0.9"}}
    place.write_text("\n".join([json.dumps(told), *rows, ""]))
    assert [row["source"] for row in resume(place)] == ["a"]


def test_a_run_of_a_batch_whose_recipe_is_newer_is_refused(tmp_path: Path) -> None:
    with patch("dofsim.recipe.FORMAT", 2):
        place = write_batch(tmp_path)
    with pytest.raises(ParameterError, match="recipe is of format 2"):
        resume(place)


def test_settings_that_came_later_are_at_their_defaults_in_older_runs(tmp_path: Path) -> None:
    place = write_run(tmp_path)
    stored = json.loads(place.read_text())
    del stored["patience"], stored["generator"]["noise"]
    place.write_text(json.dumps(stored))
    assert read_config(tmp_path) == published("acgan", "timm")


def test_depth_that_another_release_kept_is_passed_over(tmp_path: Path) -> None:
    cache = DepthCache(tmp_path)
    cache.put(cache.key(b"photo", None, flip=None), DEPTH)
    with patch("dofsim.batch.depth_cache._VERSION", 2):
        assert cache.get(cache.key(b"photo", None, flip=None)) is None
    assert cache.get(cache.key(b"photo", None, flip=None)) is not None


@pytest.mark.parametrize("stated", [None, True, 0, -1, 1.0, "2", [1], np.array([1, 2])])
def test_what_is_no_number_of_a_format(stated: Any) -> None:
    with pytest.raises(DepthError, match=r"it is of format .* not a version number"):
        check_format(stated, 1, "it", DepthError)


def test_the_table_of_formats_says_what_the_code_does() -> None:
    from dofsim import stack
    from dofsim.batch import depth_cache

    _, table = (ROOT / "RELEASING.md").read_text(encoding="utf-8").split("## Formats that outlive a release")
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines() if line[:1] == "|"]
    stated = {cells[0]: cells[2] for cells in rows[2:]}
    numbers = {kept.row: kept.number for kept in FORMATS}
    numbers |= {"focus stack": stack.FORMAT_VERSION, "depth cache": depth_cache._VERSION}
    assert stated == {name: str(number) for name, number in numbers.items()}
