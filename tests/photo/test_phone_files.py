"""Untouched phone files: what each carries, and that it comes out of the saved photo again."""

from __future__ import annotations

import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dofsim.depth.depth_map import DepthKind
from dofsim.photo import Photo, read_photo

FILES = {
    "pug.heic": ((3024, 4032), (576, 768), DepthKind.INVERSE, (1.498, 4.383)),
    "image-with-depth.jpg": ((4032, 3024), (768, 576), DepthKind.INVERSE, (0.651, 2.510)),
    "image-with-matte.jpg": ((4032, 3024), (768, 576), DepthKind.INVERSE, (0.865, 1.366)),
    "table.jpg": ((1024, 768), (1024, 768), DepthKind.RELATIVE, (1 / 390.54, 1 / 12.42)),
}


def region(photo: Photo, x: float, y: float) -> float:
    """Median normalised inverse depth around a point given as shares of the picture's sides."""
    assert photo.depth is not None
    values = photo.depth.normalised()
    row, column = int(y * values.shape[0]), int(x * values.shape[1])
    return float(np.median(values[row - 5 : row + 6, column - 5 : column + 6]))


@pytest.mark.parametrize("name", FILES)
def test_size_kind_and_range(shared: Path, name: str) -> None:
    size, grid, kind, stated = FILES[name]
    photo = read_photo(shared / "photos" / name)
    assert (photo.height, photo.width) == size
    assert photo.depth is not None
    assert photo.depth.shape == grid
    assert photo.depth.kind is kind
    assert photo.depth.source == "photo"
    far, near = photo.depth.range()
    assert far >= stated[0] - 1e-3
    assert near <= stated[1] + 1e-3
    if kind is DepthKind.INVERSE:
        assert (far, near) == pytest.approx(stated, abs=0.01)
        assert photo.profile.name == "Display P3"


@pytest.mark.parametrize(
    ("name", "near", "far"),
    [
        ("pug.heic", (0.97, 0.75), (0.6, 0.2)),  # the bed in front, the wall
        ("image-with-depth.jpg", (0.4, 0.9), (0.7, 0.3)),  # the edge of the table, the wall
        ("image-with-matte.jpg", (0.5, 0.4), (0.9, 0.3)),  # the man, the shelf
        ("table.jpg", (0.5, 0.95), (0.7, 0.2)),  # the floor in front, the trees
    ],
)
def test_near_is_large_where_a_person_sees_it_near(shared: Path, name: str, near: Any, far: Any) -> None:
    photo = read_photo(shared / "photos" / name)
    assert region(photo, *near) > region(photo, *far) + 0.2


def test_the_dog_lies_between_the_bed_and_the_wall(shared: Path) -> None:
    photo = read_photo(shared / "photos" / "pug.heic")
    assert region(photo, 0.6, 0.2) < region(photo, 0.6, 0.6) < region(photo, 0.97, 0.75)
    assert photo.focal_length_35mm == 26.0


def test_the_sharp_original_is_used(shared: Path) -> None:
    photo = read_photo(shared / "photos" / "table.jpg")
    assert any("sharp original" in note for note in photo.notes)


@pytest.mark.parametrize("name", ["pug.heic", "image-with-depth.jpg"])
def test_metadata_goes_from_a_phone_file_to_a_jpeg(shared: Path, tmp_path: Path, name: str) -> None:
    photo = read_photo(shared / "photos" / name)
    saved = read_photo(photo.save(tmp_path / "out.jpg"))
    assert saved.metadata.icc == photo.metadata.icc
    assert saved.metadata.xmp == photo.metadata.xmp
    assert saved.depth is None
    before, after = photo.metadata.exif or b"", saved.metadata.exif or b""
    assert len(after) == len(before)
    # Only the thumbnail at the end of the block may differ.
    start = before.find(b"\xff\xd8\xff")
    differ = [i for i, (a, b) in enumerate(zip(before, after, strict=True)) if a != b]
    assert all(i >= start - 200 for i in differ) if start > 0 else not differ


def test_every_sample_reads_without_a_warning_and_keeps_its_codes(shared: Path) -> None:
    files = [path for path in sorted((shared / "photos").iterdir()) if path.suffix in (".jpg", ".heic")]
    assert len(files) >= 13
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for path in files:
            photo = read_photo(path)
            assert np.array_equal(photo.with_linear(photo.linear()).pixels, photo.pixels), path.name


@pytest.mark.parametrize("name", ["pug.heic", "image-with-depth.jpg"])
def test_a_truncated_phone_file_is_an_error(shared: Path, write: Any, name: str) -> None:
    from dofsim.errors import PhotoError

    data = (shared / "photos" / name).read_bytes()
    with pytest.raises(PhotoError):
        read_photo(write(name, data[: len(data) // 2]))


def test_linear_light_of_twelve_megapixels_is_quick(shared: Path) -> None:
    photo = read_photo(shared / "photos" / "pug.heic")
    photo.with_linear(photo.linear())
    start = time.process_time()
    linear = photo.linear()
    photo.with_linear(linear * np.float32(0.9))
    # Processor time, so that other work on the machine does not count; a tenth of the limit is what it takes.
    assert time.process_time() - start < 1.5
