"""What ``python -m tests.fuzz.guided`` tries, on whole inputs and some that are broken; and what it found."""

from __future__ import annotations

import base64
import io
from pathlib import Path
from random import Random

import pytest
from PIL import Image

from dofsim.photo import xmp
from tests.fuzz.guided import main
from tests.fuzz.mutate import mutated
from tests.fuzz.parsers import PARSERS, seeds_by_name
from tests.photo.conftest import Make

FORMS = {"xmp": "text", "recipe": "text", "google": "text", "frames": "jpeg", "editable": "jpeg", "exif": "tiff"}
CASES = 200


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    return seeds_by_name(tmp_path_factory.mktemp("corpus"))


@pytest.mark.parametrize("name", PARSERS)
def test_whole_inputs_and_some_that_are_broken(corpus: dict[str, bytes], name: str) -> None:
    parser = PARSERS[name]
    seeds = parser.seeds(corpus)
    for seed in seeds:
        parser.check(seed)
    for number in range(CASES):
        random = Random(number)
        parser.check(mutated(random.choice(seeds), FORMS.get(name, name), random))


def _deep(levels: int, inside: str) -> bytes:
    return Make.xmp(f"{inside}<a>" + "<b>" * levels + "</b>" * levels + "</a>")


def _bomb() -> bytes:
    """A thumbnail that claims 65535 x 65535 pixels."""
    stream = io.BytesIO()
    Image.new("L", (8, 8)).save(stream, "JPEG")
    data = bytearray(stream.getvalue())
    at = data.index(b"\xff\xc0")
    data[at + 5 : at + 9] = b"\xff\xff\xff\xff"
    return bytes(data)


def _recipe(**values: str) -> bytes:
    return xmp.with_properties(None, xmp.RECIPE, "dofsim", values)


FOUND = {
    "an element in an element, and so on": ("xmp", _deep(5000, '<c xmlns:t="http://ns.adobe.com/tiff/1.0/"/>')),
    "the same before depth": ("google", _deep(5000, f'<c xmlns:g="{xmp.GDEPTH}" g:Data="x"/>')),
    "the end of the packet in a comment": ("xmp", Make.xmp() + b"<!-- </rdf:RDF> -->"),
    "a default namespace that is taken back": (
        "xmp",
        Make.xmp('<a xmlns="" xmlns:e="http://ns.adobe.com/exif/1.0/" e:GPSLatitude="1"/>'),
    ),
    "a recipe with a list in a list, and so on": ("recipe", _recipe(Blades="[" * 100_000)),
    "a recipe with a number beyond floats": ("recipe", _recipe(Rotation="1" * 4000)),
    "a recipe with an empty text": ("recipe", _recipe(Blur="")),
    "a recipe with infinity": ("recipe", _recipe(Rotation="1e999")),
    "a thumbnail that is a bomb": ("exif", Make.exif(1, thumbnail=_bomb())),
    "a JPEG that ends in a marker": ("editable", b"\xff\xd8\xff"),
}
"""By what is odd about it: a parser, and an input that it once took badly."""


@pytest.mark.parametrize("oddity", FOUND)
def test_what_was_found(oddity: str) -> None:
    name, data = FOUND[oddity]
    PARSERS[name].check(data)


def test_a_thumbnail_that_is_a_bomb_costs_no_picture(tmp_path: Path) -> None:
    import dataclasses

    import numpy as np

    from dofsim.photo import Photo
    from dofsim.photo.metadata import Metadata

    photo = Photo.from_array(np.zeros((16, 24, 3), np.uint8))
    carrying = dataclasses.replace(photo, metadata=Metadata(exif=Make.exif(1, thumbnail=_bomb())))
    with Image.open(carrying.save(tmp_path / "out.jpg")) as image:
        assert image.size == (24, 16)


def test_damaged_depth_costs_no_editable_result(tmp_path: Path) -> None:
    # Found by fuzzing: the photo was read with a note, and its own compressed picture was then looked for by its depth.
    import numpy as np

    import dofsim
    from dofsim.depth import DepthKind, DepthMap
    from dofsim.photo.editable import write_editable

    data = Make.google(Make.picture(24, 16), np.tile(np.arange(12, dtype=np.uint8), (8, 1)))
    path = tmp_path / "google.jpg"
    path.write_bytes(data.replace(b"GDepth:Data", b"GDepth<Data"))
    photo = dofsim.read_photo(path)
    assert photo.depth is None
    depth = DepthMap(np.tile(np.linspace(0, 1, 24, dtype=np.float32), (16, 1)), DepthKind.RELATIVE)
    sizes = write_editable(photo, tmp_path / "out.jpg", original=photo, depth=depth)
    assert sizes.untouched
    assert np.array_equal(dofsim.read_photo(tmp_path / "out.jpg").pixels, photo.pixels)


def test_a_strip_of_a_photo_can_be_refocused_again(tmp_path: Path) -> None:
    # Found by fuzzing: of 7 columns depth keeps less than one, and the one that it has was taken for another photo's.
    import numpy as np

    import dofsim
    from dofsim.depth import DepthKind, DepthMap
    from dofsim.photo.editable import write_editable

    photo = dofsim.Photo.from_array(np.full((32768, 7, 3), 90, np.uint8))
    depth = DepthMap(np.linspace(0, 1, 32768, dtype=np.float32)[:, None], DepthKind.RELATIVE)
    write_editable(photo, tmp_path / "out.jpg", original=photo, depth=depth)
    assert dofsim.read_photo(tmp_path / "out.jpg").depth is not None


def test_the_checks_notice(monkeypatch: pytest.MonkeyPatch, corpus: dict[str, bytes]) -> None:
    monkeypatch.setattr(xmp, "with_properties", lambda packet, *_: packet + b"<!-- -->")
    with pytest.raises(AssertionError, match="what was written is not read"):
        PARSERS["xmp"].check(corpus["plain.xmp"])


def test_one_input_can_be_tried_again(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    place = tmp_path / "input"
    place.write_bytes(base64.b64decode("/9j/"))
    monkeypatch.setattr("sys.argv", ["guided", "--only", f"editable={place}"])
    assert main() == 0
