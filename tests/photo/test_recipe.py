"""Recipes travel in the XMP of results, beside what the photo says itself, and are followed again."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import dofsim
from dofsim.depth import DepthKind, DepthMap
from dofsim.errors import DepthError, DofsimWarning, ParameterError
from dofsim.photo import Photo, read_photo
from dofsim.photo.metadata import Metadata
from dofsim.photo.xmp import RECIPE, properties, with_properties, without_namespace
from dofsim.recipe import FORMAT, Recipe, read_recipe, recipe_of

DC = "http://purl.org/dc/elements/1.1/"
FULL = Recipe(
    focus_at="25%,75%",
    blur="3%",
    sharp_range=0.1,
    blades=6,
    rotation=12.5,
    roundness=0.25,
    squeeze=0.5,
    donut=0.4,
    bubble=-0.5,
    cats_eye=0.7,
    fringing=0.02,
    highlights=False,
    highlight_strength=2.5,
    grain=False,
    jpeg_quality=91,
)


def depth(kind: DepthKind = DepthKind.INVERSE) -> DepthMap:
    values = np.ones((64, 96), np.float32)
    values[:, :48] = 0.25
    return DepthMap(values, kind, "photo", "of a test")


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".tif", ".webp", ".heic", ".avif"])
@pytest.mark.parametrize("sixteen", [False, True])
def test_every_format_carries_the_recipe_beside_the_photos_own_xmp(
    make: Any, write: Any, tmp_path: Any, suffix: str, sixteen: bool
) -> None:
    photo = read_photo(write("in.jpg", make.jpeg(make.picture(), xmp=make.xmp())))
    if sixteen:
        photo = replace(photo, pixels=photo.pixels.astype(np.uint16) * 257)
    place = FULL.written_into(photo, depth()).save(tmp_path / f"out{suffix}")
    assert read_recipe(place) == replace(FULL, depth_origin="photo: of a test")
    packet = read_photo(place).metadata.xmp or b""
    begin, end = make.xmp().split(b"</rdf:RDF>")
    assert packet.startswith(begin)
    assert packet.endswith(b"</rdf:RDF>" + end)


def test_a_rendering_from_python_says_how_it_was_made(make: Any) -> None:
    scene = dofsim.Scene(Photo.from_array(make.picture()), depth())
    shape = dofsim.bokeh.Aperture(blades=5, obstruction=0.3)
    result = scene.render(0.75, focus_at=(23, 31), blur=0.03, shape=shape, highlights=False)
    made = recipe_of(result)
    assert made == Recipe(
        focus_at="24.47917%,49.21875%",
        blur="3%",
        sharp_range=0.02,
        blades=5,
        donut=0.3,
        highlights=False,
        depth_origin="photo: of a test",
    )
    np.testing.assert_array_equal(made.render(scene).pixels, result.pixels)
    assert recipe_of(scene.render("2m", aperture=2)) == Recipe(
        focus="2m", aperture=2, sharp_range=0.0, depth_origin="photo: of a test"
    )


def test_a_second_rendering_replaces_the_recipe_of_the_first(make: Any) -> None:
    photo = replace(Photo.from_array(make.picture()), metadata=Metadata(xmp=make.xmp()))
    once = FULL.written_into(photo, depth())
    twice = Recipe(focus="0.5").written_into(once, depth())
    assert recipe_of(twice) == Recipe(focus="0.5", blur="2%", sharp_range=0.02, depth_origin="photo: of a test")
    assert properties(twice.metadata.xmp or b"", DC) == {"source": "walk  <1>"}
    assert without_namespace(twice.metadata.xmp or b"", RECIPE).count(b"<rdf:Description") == 1


def test_a_recipe_with_depth_of_a_file_asks_for_it(make: Any) -> None:
    photo = Photo.from_array(make.picture())
    own = DepthMap(depth().values, DepthKind.RELATIVE, "file", "d.png")
    made = recipe_of(Recipe(model="x").written_into(photo, own))
    assert made is not None
    assert (made.source, made.model, made.depth_origin) == ("file", None, "file: d.png")
    with pytest.raises(DepthError, match=r"d\.png.*--depth FILE.*--source auto"):
        made.prepare(photo)
    assert made.prepare(photo, depth=depth()).depth.shape == (64, 96)
    with pytest.raises(DepthError, match="carries no depth map"):
        made.but(source="photo").prepare(photo)


@pytest.mark.parametrize("model", ["/home/me/runs/mine.onnx", "C:\\runs\\mine.onnx", "mine.onnx"])
def test_no_path_leaves_the_machine(make: Any, model: str) -> None:
    made = recipe_of(Recipe(model=model).written_into(Photo.from_array(make.picture()), depth()))
    assert made is not None
    assert made.model == "mine.onnx"


def test_what_is_given_drives_out_what_it_stands_in_place_of() -> None:
    assert FULL.but(focus="0.3").focus_at is None
    assert FULL.but(focus="0.3", focus_at="1%,1%").focus_at == "1%,1%"
    lens = FULL.but(aperture=1.8)
    assert (lens.aperture, lens.blur, lens.sharp_range) == (1.8, None, None)
    assert lens.but(focal_length=85.0, aperture=2.8).focal_length == 85.0
    assert lens.but(focal_length=85.0).but(blur="1%") == replace(FULL, blur="1%", sharp_range=None)
    assert FULL.but(blur="1%").sharp_range == 0.1
    network = Recipe(model="midas", flip=True)
    assert network.but(source="photo") == Recipe(source="photo")
    assert Recipe(source="photo").but(model="midas") == Recipe(model="midas")
    with pytest.raises(ParameterError, match="no field 'strength'"):
        FULL.but(strength=1)


def test_a_dict_there_and_back_and_as_options() -> None:
    assert Recipe.from_dict(FULL.to_dict()) == FULL
    assert FULL.to_dict()["format"] == FORMAT
    assert Recipe().options() == []
    assert " ".join(Recipe(focus="1.2m", aperture=1.8, flip=False, grain=False, model="m").options()) == (
        "--focus 1.2m --aperture 1.8 --no-grain --model m --no-flip"
    )


def test_an_older_recipe_takes_defaults_and_a_newer_one_is_refused_by_name(make: Any, tmp_path: Any) -> None:
    assert Recipe.from_dict({"format": 1, "focus": "0.4", "version": "0.0.9"}) == Recipe(focus="0.4", version="0.0.9")
    values = {"Format": "2", "Version": "7.1", "Focus": "0.4", "Swirl": "3"}
    packet = with_properties(None, RECIPE, "dofsim", values)
    photo = replace(Photo.from_array(make.picture()), metadata=Metadata(xmp=packet))
    place = photo.save(tmp_path / "newer.png")
    with pytest.raises(ParameterError, match=r"newer\.png: .*format 2, by dofsim 7\.1, .*up to 1; update dofsim"):
        read_recipe(place)


@pytest.mark.parametrize(
    ("values", "match"),
    [
        ({"Focus": "2"}, "outside 0..1"),
        ({"Aperture": "wide"}, "aperture cannot be 'wide'"),
        ({"Aperture": "NaN"}, "aperture cannot be"),
        ({"Blades": "2"}, "3 blades"),
        ({"Blades": "6.5"}, "blades cannot be 6.5"),
        ({"Grain": "1"}, "grain cannot be 1"),
        ({"Source": "moon"}, "not 'moon'"),
        ({"Format": "x"}, "not a version number"),
        ({"Format": "True"}, "not a version number"),
        ({"Swirl": "3"}, "no field 'Swirl'"),
    ],
)
def test_a_damaged_recipe_is_an_error_that_says_where(make: Any, values: dict[str, str], match: str) -> None:
    metadata = Metadata(xmp=with_properties(None, RECIPE, "dofsim", values))
    with pytest.raises(ParameterError, match=match):
        recipe_of(replace(Photo.from_array(make.picture()), metadata=metadata))


def test_photos_without_a_recipe_and_packets_that_cannot_be_read(make: Any, write: Any) -> None:
    with pytest.raises(ParameterError, match=r"in\.jpg carries no recipe"):
        read_recipe(write("in.jpg", make.jpeg(make.picture(), xmp=make.xmp())))
    for packet in (b"<x:xmpmeta", b"<a/>", b"\xff\xfe not XML"):
        assert with_properties(packet, RECIPE, "dofsim", {"Focus": "auto"}) == packet
        photo = replace(Photo.from_array(make.picture()), metadata=Metadata(xmp=packet))
        assert recipe_of(photo) is None
    damaged = replace(Photo.from_array(make.picture()), metadata=Metadata(xmp=b"<x " + RECIPE.encode()))
    with pytest.raises(ParameterError, match="damaged"):
        recipe_of(damaged)


def test_packets_of_other_forms_take_it_too(make: Any) -> None:
    rdf = 'xmlns:r="http://www.w3.org/1999/02/22-rdf-syntax-ns#"'
    others = [
        f'<r:RDF {rdf}><r:Description r:about="uuid:1" xmlns:dc="{DC}" dc:source="s"/></r:RDF>'.encode(),
        f"<r:RDF {rdf}/>".encode(),
    ]
    for packet in others:
        written = with_properties(packet, RECIPE, "dofsim", {"Focus": 'a "<&'})
        assert properties(written, RECIPE) == {"Focus": 'a "<&'}
        assert properties(written, DC) == properties(packet, DC)
    assert with_properties(others[0], RECIPE, "dofsim", {"Focus": "auto"}).count(b'about="uuid:1"') == 2


def test_where_a_jpeg_has_no_room_the_photos_own_xmp_stays(make: Any, tmp_path: Any) -> None:
    packet = make.xmp(f'<rdf:Description xmlns:dc="{DC}" dc:source="{"x" * 65000}"/>')
    photo = replace(Photo.from_array(make.picture()), metadata=Metadata(xmp=packet))
    with pytest.warns(DofsimWarning, match="the recipe does not fit"):
        place = FULL.written_into(photo, depth()).save(tmp_path / "out.jpg")
    saved = read_photo(place)
    assert recipe_of(saved) is None
    assert len(properties(saved.metadata.xmp or b"", DC)["source"]) == 65000
    assert recipe_of(read_photo(FULL.written_into(photo, depth()).save(tmp_path / "out.png"))) is not None
