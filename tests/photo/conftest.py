"""Photo files that the tests write themselves."""

from __future__ import annotations

import base64
import io
import struct
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

XMP_HEAD = (
    '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>\n'
    '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
)
XMP_TAIL = '</rdf:RDF></x:xmpmeta>\n<?xpacket end="w"?>'
GPS_LATITUDE, GPS_DATE = [48, 1, 51, 1, 2977, 100], b"2024:05:06\0"
MAKER_NOTE = b"ACME\0\0" + bytes(range(200))


class Make:
    """Builders of blocks and files; an own writer each, so that they share no code with what they test."""

    maker_note = MAKER_NOTE
    gps_latitude = GPS_LATITUDE
    gps_date = GPS_DATE

    @staticmethod
    def picture(width: int = 96, height: int = 64) -> npt.NDArray[np.uint8]:
        """Upright picture without any symmetry: four quarters of different colour."""
        rgb = np.zeros((height, width, 3), np.uint8)
        rgb[: height // 2, : width // 2] = (220, 40, 40)
        rgb[: height // 2, width // 2 :] = (40, 200, 60)
        rgb[height // 2 :, : width // 2] = (50, 60, 210)
        rgb[height // 2 :, width // 2 :] = (230, 220, 70)
        return rgb

    @staticmethod
    def stored(upright: npt.NDArray[Any], orientation: int) -> npt.NDArray[Any]:
        """The picture as a camera held like this stores it (numpy's words, not the library's)."""
        undo = {
            1: lambda a: a,
            2: np.fliplr,
            3: lambda a: np.rot90(a, 2),
            4: np.flipud,
            5: lambda a: np.swapaxes(a, 0, 1),
            6: lambda a: np.rot90(a, 1),
            7: lambda a: np.rot90(np.swapaxes(a, 0, 1), 2),
            8: lambda a: np.rot90(a, -1),
        }
        return np.ascontiguousarray(undo[orientation](upright))

    @staticmethod
    def exif(
        orientation: int = 1,
        size: tuple[int, int] = (96, 64),
        *,
        order: str = "<",
        thumbnail: bytes = b"",
        gps: bool = False,
    ) -> bytes:
        """EXIF block with a maker note, a stated size, a 35 mm focal length and, if given, a thumbnail and a place."""
        main = [
            (271, 2, b"ACME\0"),
            (272, 2, b"Pocket 3\0"),
            (274, 3, [orientation]),
            (306, 2, b"2024:05:06 07:08:09\0"),
        ]
        inner = [(37386, 5, [42, 10]), (37500, 7, MAKER_NOTE), (40962, 4, [size[0]]), (40963, 3, [size[1]])]
        inner.append((41989, 3, [28]))
        head = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(order + "L", 8)
        links = [(34665, 4, [0])] + [(34853, 4, [0])] * gps
        inner_at = 8 + len(_directory([*main, *links], 0, 0, order))
        inner_bytes = _directory(inner, inner_at, 0, order)
        links[0] = (34665, 4, [inner_at])
        if gps:
            links[1] = (34853, 4, [inner_at + len(inner_bytes)])
            place = [(0, 1, b"\2\3\0\0"), (1, 2, b"N\0"), (2, 5, GPS_LATITUDE), (3, 2, b"E\0"), (29, 2, GPS_DATE)]
            inner_bytes += _directory(place, inner_at + len(inner_bytes), 0, order)
        second_at = inner_at + len(inner_bytes)
        second = b""
        if thumbnail:
            tags = [(259, 3, [6]), (513, 4, [0]), (514, 4, [len(thumbnail)])]
            length = len(_directory(tags, second_at, 0, order))
            tags[1] = (513, 4, [second_at + length])
            second = _directory(tags, second_at, 0, order) + thumbnail
        first = _directory([*main, *links], 8, second_at if second else 0, order)
        return head + first + inner_bytes + second

    @staticmethod
    def thumbnail(shade: int = 128, padding: int = 3000) -> bytes:
        stream = io.BytesIO()
        Image.new("RGB", (160, 120), (shade, shade, shade)).save(stream, "JPEG", quality=95)
        return stream.getvalue() + bytes(padding)

    @staticmethod
    def xmp(
        inner: str = '<rdf:Description xmlns:dc="http://purl.org/dc/elements/1.1/" dc:source="walk  &lt;1&gt;"/>',
    ) -> bytes:
        return (XMP_HEAD + inner + XMP_TAIL).encode()

    @staticmethod
    @cache
    def icc(gamma: float = 1.8) -> bytes:
        """Wide-gamut profile; cached because a profile holds the second in which it was made."""
        import imagecodecs

        primaries = [0.68, 0.32, 1.0, 0.265, 0.69, 1.0, 0.15, 0.06, 1.0]
        return bytes(imagecodecs.cms_profile("rgb", whitepoint=[0.3127, 0.329, 1.0], primaries=primaries, gamma=gamma))

    @staticmethod
    def jpeg(pixels: npt.NDArray[Any], **arguments: Any) -> bytes:
        stream = io.BytesIO()
        Image.fromarray(pixels).save(stream, "JPEG", **{"quality": 97, "subsampling": 0, **arguments})
        return stream.getvalue()

    @staticmethod
    def png16(pixels: npt.NDArray[Any], exif: bytes | None = None) -> bytes:
        import cv2
        from PIL.PngImagePlugin import putchunk

        order = {3: [2, 1, 0], 4: [2, 1, 0, 3]}.get(pixels.shape[2] if pixels.ndim == 3 else 1)
        plain = cv2.imencode(".png", pixels[..., order] if order else pixels)[1].tobytes()
        stream = io.BytesIO()
        stream.write(plain[:33])
        if exif is not None:
            putchunk(stream, b"eXIf", exif)
        stream.write(plain[33:])
        return stream.getvalue()

    @staticmethod
    def apple(
        pixels: npt.NDArray[Any],
        depth: npt.NDArray[np.uint8],
        *,
        exif: bytes = b"",
        matte_first: bool = True,
        **stated: str,
    ) -> bytes:
        """JPEG followed by a portrait matte and by a disparity frame, without a multi-picture index."""
        first = Make.jpeg(pixels, **({"exif": b"Exif\0\0" + exif} if exif else {}))
        values = {"AuxiliaryImageType": "disparity", "FloatMinValue": "0.5", "FloatMaxValue": "2.5", **stated}
        values |= {"IntMinValue": "0", "IntMaxValue": "255"}
        tags = "".join(f"<apdi:{name}>{value}</apdi:{name}>" for name, value in values.items() if value)
        described = (
            '<rdf:Description xmlns:apdi="http://ns.apple.com/pixeldatainfo/1.0/"'
            ' xmlns:depthData="http://ns.apple.com/depthData/1.0/">'
            f"<depthData:Accuracy>relative</depthData:Accuracy>{tags}</rdf:Description>"
        )
        matte = (
            '<rdf:Description xmlns:apdi="http://ns.apple.com/pixeldatainfo/1.0/" apdi:AuxiliaryImageType="depth"'
            ' apdi:AuxiliaryImageSubType="portraiteffectsmatte"/>'
        )
        frames = [Make.jpeg(255 - depth, xmp=Make.xmp(matte)), Make.jpeg(depth, xmp=Make.xmp(described))]
        return first + b"\0\0" + b"".join(frames if matte_first else frames[::-1])

    @staticmethod
    def google(
        pixels: npt.NDArray[Any],
        depth: npt.NDArray[Any],
        *,
        form: str = "RangeInverse",
        near: str = "2",
        far: str = "10",
        units: str = "",
        original: bytes = b"",
        exif: bytes = b"",
        missing: tuple[int, ...] = (),
    ) -> bytes:
        """JPEG with GDepth (and GImage) properties, the data in extension segments."""
        stream = io.BytesIO()
        Image.fromarray(depth).save(stream, "PNG")
        guid = "0123456789ABCDEF0123456789ABCDEF"
        spaces = (
            'xmlns:GDepth="http://ns.google.com/photos/1.0/depthmap/"'
            ' xmlns:GImage="http://ns.google.com/photos/1.0/image/"'
        )
        unit = f' GDepth:Units="{units}"' if units else ""
        main = Make.xmp(
            f'<rdf:Description {spaces} xmlns:xmpNote="http://ns.adobe.com/xmp/note/"'
            f' xmlns:dc="http://purl.org/dc/elements/1.1/" dc:source="a walk"'
            f' GDepth:Format="{form}" GDepth:Near="{near}" GDepth:Far="{far}" GDepth:Mime="image/png"{unit}'
            f' GImage:Mime="image/jpeg" xmpNote:HasExtendedXMP="{guid}"/>'
        )
        data = f'GDepth:Data="{base64.b64encode(stream.getvalue()).decode()}"'
        if original:
            data += f' GImage:Data="{base64.b64encode(original).decode()}"'
        extended = Make.xmp(f"<rdf:Description {spaces} {data}/>")
        step = max(1, len(extended) // 3)
        segments = b""
        for index, start in enumerate(range(0, len(extended), step)):
            if index in missing:
                continue
            payload = b"http://ns.adobe.com/xmp/extension/\0" + guid.encode()
            payload += struct.pack(">LL", len(extended), start) + extended[start : start + step]
            segments += b"\xff\xe1" + struct.pack(">H", len(payload) + 2) + payload
        return Make.jpeg(pixels, xmp=main, extra=segments, **({"exif": b"Exif\0\0" + exif} if exif else {}))

    @staticmethod
    def heic(pixels: npt.NDArray[Any], *, exif: bytes | None = None, **arguments: Any) -> bytes:
        import pillow_heif

        image = pillow_heif.from_bytes("RGB", (pixels.shape[1], pixels.shape[0]), pixels.tobytes())
        stream = io.BytesIO()
        block = None if exif is None else b"Exif\0\0" + exif
        image.save(stream, quality=95, chroma=444, exif=block, **arguments)
        return stream.getvalue()

    @staticmethod
    def heic_depth(pixels: npt.NDArray[Any], depth: npt.NDArray[np.uint8], message: bytes, rotation: int = 0) -> bytes:
        """HEIC whose second picture is the depth auxiliary of the first, both turned by 90 degree steps.

        No Python library writes depth pictures, so that the boxes are put in by hand (ISO/IEC 23008-12).
        """
        import pillow_heif

        image = pillow_heif.from_bytes("RGB", (pixels.shape[1], pixels.shape[0]), pixels.tobytes())
        image.add_frombytes("L", (depth.shape[1], depth.shape[0]), depth.tobytes())
        stream = io.BytesIO()
        image.save(stream, quality=95, chroma=444, save_all=True, exif=None)
        return _link_depth(stream.getvalue(), message, rotation)

    @staticmethod
    def depth_message(kind: int, **values: float) -> bytes:
        """Depth representation SEI message with z_near, z_far, d_min, d_max (ISO/IEC 23008-2, G.14.2.3)."""
        names = ("z_near", "z_far", "d_min", "d_max")
        bits = "".join("1" if name in values else "0" for name in names) + _golomb(kind)
        if "d_min" in values or "d_max" in values:
            bits += _golomb(0)
        for name in names:
            if name in values:
                bits += _sei_float(values[name])
        bits += "1"
        payload = bytes(int(bits[i : i + 8].ljust(8, "0"), 2) for i in range(0, len(bits), 8))
        nal = b"\x4e\x01\xb1" + bytes([len(payload)]) + payload + b"\x80"
        return struct.pack(">LL", len(nal) + 4, len(nal)) + nal


def _directory(tags: list[tuple[int, int, Any]], at: int, following: int, order: str) -> bytes:
    """One TIFF directory with the values that do not fit into its entries right behind it."""
    head, tail = struct.pack(order + "H", len(tags)), b""
    values_at = at + 2 + 12 * len(tags) + 4
    for tag, kind, value in tags:
        if kind in (1, 2, 7):
            raw, count = bytes(value), len(value)
        elif kind == 5:
            raw, count = struct.pack(order + f"{len(value)}L", *value), len(value) // 2
        else:
            raw, count = struct.pack(order + f"{len(value)}{'H' if kind == 3 else 'L'}", *value), len(value)
        head += struct.pack(order + "HHL", tag, kind, count)
        if len(raw) <= 4:
            head += raw.ljust(4, b"\0")
        else:
            head += struct.pack(order + "L", values_at + len(tail))
            tail += raw + bytes(len(raw) % 2)
    return head + struct.pack(order + "L", following) + tail


def _golomb(value: int) -> str:
    code = f"{value + 1:b}"
    return "0" * (len(code) - 1) + code


def _sei_float(value: float) -> str:
    exponent = int(np.floor(np.log2(value)))
    mantissa = round((value / 2.0**exponent - 1) * 2**16)
    return f"0{exponent + 31:07b}{15:05b}{mantissa:016b}"


@dataclass
class _Box:
    kind: bytes
    body: bytes

    def data(self) -> bytes:
        return struct.pack(">L", len(self.body) + 8) + self.kind + self.body


def _boxes(data: bytes) -> list[_Box]:
    found, at = [], 0
    while at < len(data):
        length = struct.unpack_from(">L", data, at)[0]
        found.append(_Box(data[at + 4 : at + 8], data[at + 8 : at + length]))
        at += length
    return found


def _link_depth(data: bytes, message: bytes, rotation: int) -> bytes:
    top = _boxes(data)
    meta = next(box for box in top if box.kind == b"meta")
    inner = _boxes(meta.body[4:])
    by_kind = {box.kind: box for box in inner}
    properties = _boxes(by_kind[b"iprp"].body)
    container, association = properties
    count = len(_boxes(container.body))
    auxiliary = _Box(b"auxC", bytes(4) + b"urn:mpeg:hevc:2015:auxid:2\0" + message)
    container.body += auxiliary.data()
    extra = {1: [], 2: [count + 1]}
    if rotation:
        container.body += _Box(b"irot", bytes([rotation])).data()
        extra = {1: [count + 2], 2: [count + 1, count + 2]}
    # ipma: version and flags, number of items, then of each its id, its number of properties, and those.
    body, at = association.body[:8], 8
    for _ in range(struct.unpack_from(">L", association.body, 4)[0]):
        item, number = struct.unpack_from(">HB", association.body, at)
        old = association.body[at + 3 : at + 3 + number]
        new = bytes(0x80 | index for index in extra[item])
        body += struct.pack(">HB", item, number + len(new)) + old + new
        at += 3 + number
    association.body = body
    by_kind[b"iprp"].body = container.data() + association.data()
    reference = struct.pack(">HHH", 2, 1, 1)
    inner.append(_Box(b"iref", bytes(4) + _Box(b"auxl", reference).data()))
    before = len(meta.body)
    shift = 4 + sum(len(box.data()) for box in inner) - before
    # iloc version 0, offsets of 4 bytes: id, data reference, base offset of 4, one extent of offset and length.
    location = by_kind[b"iloc"].body
    entries = location[:8]
    for index in range(2):
        entry = bytearray(location[8 + 18 * index : 26 + 18 * index])
        base = struct.unpack_from(">L", entry, 4)[0]
        offset = struct.unpack_from(">L", entry, 10)[0]
        struct.pack_into(">L", entry, 4 if base else 10, (base or offset) + shift)
        entries += bytes(entry)
    by_kind[b"iloc"].body = entries + location[44:]
    meta.body = meta.body[:4] + b"".join(box.data() for box in inner)
    return b"".join(box.data() for box in top)


@pytest.fixture(scope="session")
def make() -> type[Make]:
    """Builders of photo files."""
    return Make


@pytest.fixture
def write(tmp_path: Path) -> Any:
    """Write bytes to a file and return its path."""

    def to_file(name: str, data: bytes) -> Path:
        path = tmp_path / name
        path.write_bytes(data)
        return path

    return to_file
