"""XMP packets are touched only where they have become untrue."""

from __future__ import annotations

from typing import Any

import pytest

from dofsim.photo.xmp import properties, updated_xmp

GCAMERA = 'xmlns:GCamera="http://ns.google.com/photos/1.0/camera/"'
DC = 'xmlns:dc="http://purl.org/dc/elements/1.1/"'
EXIF = 'xmlns:exif="http://ns.adobe.com/exif/1.0/"'
TIFF = 'xmlns:tiff="http://ns.adobe.com/tiff/1.0/"'


def test_a_packet_that_is_true_keeps_every_byte(make: Any) -> None:
    packet = (
        make.xmp(f"<rdf:Description {DC} dc:source='a  &quot;walk&quot;'   {TIFF} tiff:Orientation='1'/>") + b"\n\0"
    )
    assert updated_xmp(packet, 96, 64) == packet


@pytest.mark.parametrize(
    "form", ["tiff:Orientation='8'/>", "><tiff:Orientation>8</tiff:Orientation></rdf:Description>"]
)
def test_the_orientation_changes_one_byte(make: Any, form: str) -> None:
    packet = make.xmp(f"<rdf:Description {TIFF} {form}")
    assert updated_xmp(packet, 96, 64) == packet.replace(b"8'/>", b"1'/>").replace(b">8<", b">1<")


def test_a_stated_size_follows_the_picture(make: Any) -> None:
    packet = make.xmp(
        f'<rdf:Description {EXIF} {TIFF} {DC} exif:PixelXDimension="64" tiff:ImageLength="96" dc:source="a walk">'
        "<exif:PixelYDimension>96</exif:PixelYDimension><tiff:ImageWidth>64</tiff:ImageWidth></rdf:Description>"
    )
    updated = updated_xmp(packet, 96, 64)
    assert updated is not None
    assert properties(updated, "http://ns.adobe.com/exif/1.0/") == {"PixelXDimension": "96", "PixelYDimension": "64"}
    assert properties(updated, "http://ns.adobe.com/tiff/1.0/") == {"ImageLength": "64", "ImageWidth": "96"}
    assert properties(updated, "http://purl.org/dc/elements/1.1/") == {"source": "a walk"}
    assert updated.startswith(b"<?xpacket begin=")
    assert updated_xmp(updated, 96, 64) == updated


def test_pictures_and_films_behind_the_main_one_are_no_longer_spoken_of(make: Any) -> None:
    packet = make.xmp(
        f'<rdf:Description {GCAMERA} {DC} xmlns:hdrgm="http://ns.adobe.com/hdr-gain-map/1.0/"'
        ' xmlns:Container="http://ns.google.com/photos/1.0/container/" GCamera:MotionPhoto="1"'
        ' GCamera:HdrPlusMakernote="x"'
        ' hdrgm:Version="1.0" dc:source="a walk"><Container:Directory><rdf:Seq><rdf:li>1</rdf:li></rdf:Seq>'
        "</Container:Directory></rdf:Description>"
    )
    updated = updated_xmp(packet, 96, 64)
    assert updated is not None
    for gone in (b"MotionPhoto", b"hdrgm", b"Container"):
        assert gone not in updated
    for kept in (b'GCamera:HdrPlusMakernote="x"', b'dc:source="a walk"'):
        assert kept in updated


def test_an_unreadable_packet_is_carried_unless_it_speaks_of_depth() -> None:
    assert updated_xmp(b"<x:xmpmeta", 96, 64) == b"<x:xmpmeta"
    assert updated_xmp(b'<x xmlns:GDepth="http://ns.google.com/photos/1.0/depthmap/"', 96, 64) is None


def test_entities_are_not_expanded() -> None:
    packet = b'<!DOCTYPE a [<!ENTITY b "cccc">]><a xmlns:d="urn:d"><d:e>&b;</d:e></a>'
    with pytest.raises(ValueError, match="Entit"):
        properties(packet, "urn:d")
