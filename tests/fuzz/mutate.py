"""Break files the way their formats are built: pieces dropped, doubled, swapped, resized, with their checks kept true.

Everything is a pure function of the bytes and of a random.Random, so that a case is its number.
"""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Callable
from random import Random

Pieces = list[tuple[bytes, bytes]]

NUMBERS = (
    0,
    1,
    2,
    3,
    7,
    8,
    12,
    127,
    128,
    255,
    256,
    32767,
    32768,
    65535,
    65536,
    1 << 20,
    1 << 24,
    (1 << 31) - 1,
    1 << 31,
)
NUMBERS += ((1 << 32) - 1, 1 << 32, (1 << 63) - 1, (1 << 64) - 1)
TEXTS = (
    "",
    "0",
    "-1",
    "1e400",
    "nan",
    "inf",
    "-inf",
    "1e-300",
    "99999999999999999999",
    "0x10",
    "1/0",
    "é\u2028",
    "\0",
    "A" * 5000,
)
MARKUP = (
    '<!DOCTYPE a [<!ENTITY b "cccccccccc">]>',
    '<!DOCTYPE a [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;"><!ENTITY c "&b;&b;&b;&b;&b;&b;">]>',
    '<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]>',
    '<!DOCTYPE a SYSTEM "http://203.0.113.1/a.dtd">',
    "&x;", "&c;", "<a>" * 3000, "</rdf:RDF>", "<![CDATA[", "]]>", "<!--", "<?xml version='1.0' encoding='utf-16'?>",
    "\ufeff",
)  # fmt: skip
LINKS = (0x8769, 0x8825, 0x014A)
BOXES = (b"meta", b"iprp", b"ipco", b"iref", b"iinf", b"dinf", b"moov", b"grpl")


LARGEST_PACKED = 1 << 20
"""Bytes of a compressed stream that are looked into. A bomb inside a doubled piece was, for minutes."""


def mutated(data: bytes, form: str, random: Random) -> bytes:
    """Break a file of a form (a key of ``FORMS``) in one to three places."""
    for _ in range(random.choice((1, 1, 1, 2, 3))):
        known = FORMS.get(form)
        data = known(data, random) if known is not None and random.random() < 0.7 else dented(data, random)
    return data


def dented(data: bytes, random: Random) -> bytes:
    """Break bytes without knowing what they mean."""
    if not data:
        return random.randbytes(3)
    out = bytearray(data)
    # Headers decide more than pixels do.
    at = random.randrange(len(out)) if random.random() < 0.5 else random.randrange(min(len(out), 256))
    length = min(random.choice((1, 2, 4, 8, 16, 64, 1024)), len(out) - at)
    kind = random.randrange(8)
    if kind == 0:
        out[at] ^= 1 << random.randrange(8)
    elif kind == 1:
        out[at] = random.choice((0, 1, 0x7F, 0x80, 0xFF, random.randrange(256)))
    elif kind in (2, 3):
        size = random.choice((1, 2, 4, 8))
        number = random.choice(NUMBERS) & ((1 << 8 * size) - 1)
        out[at : at + size] = number.to_bytes(size, random.choice(("big", "little")))
    elif kind == 4:
        out[at : at + length] = bytes(length)
    elif kind == 5:
        del out[at : at + length]
    elif kind == 6:
        out[at:at] = out[at : at + length] * random.choice((1, 2, 30))
    else:
        del out[at + 1 :]
    return bytes(out)


def shuffled(pieces: Pieces, random: Random, within: Callable[[bytes, bytes, Random], bytes] | None = None) -> Pieces:
    """Drop, double, move or break pieces of a container."""
    if not pieces:
        return pieces
    at, other = random.randrange(len(pieces)), random.randrange(len(pieces))
    kind, body = pieces[at]
    action = random.randrange(10)
    if action == 0:
        del pieces[at]
    elif action == 1:
        pieces[at:at] = [pieces[at]] * random.choice((1, 2, 300))
    elif action == 2:
        pieces[at], pieces[other] = pieces[other], pieces[at]
    elif action == 3:
        pieces[at] = pieces[other][0], body
    elif action == 4:
        pieces[at] = kind, b""
    elif action == 5:
        pieces[at] = kind, body + random.randbytes(random.choice((1, 4, 400)))
    else:
        pieces[at] = kind, within(kind, body, random) if within is not None else dented(body, random)
    return pieces


# ------------------------------------------------------------------------------------------------- pictures


def jpeg(data: bytes, random: Random) -> bytes:
    pieces: Pieces = []
    at = 2
    while at + 4 <= len(data) and data[at] == 0xFF:
        marker, length = data[at + 1 : at + 2], int.from_bytes(data[at + 2 : at + 4], "big")
        pieces.append((marker, data[at + 4 : at + 2 + length]))
        at += 2 + length
        if marker == b"\xda":
            break
    rest = data[at:]
    if random.random() < 0.15:
        rest = dented(rest, random)
    pieces = shuffled(pieces, random, _jpeg_body)
    out = data[:2]
    for marker, body in pieces:
        length = len(body) + 2 if random.random() < 0.98 else random.choice(NUMBERS)
        out += b"\xff" + marker + (length & 0xFFFF).to_bytes(2, "big") + body
    return out + rest


def _jpeg_body(marker: bytes, body: bytes, random: Random) -> bytes:
    if body.startswith(b"Exif\0\0"):
        return body[:6] + tiff(body[6:], random)
    if b"<x:xmpmeta" in body or b"<rdf" in body:
        return xmp(body, random)
    if body.startswith(b"ICC_PROFILE\0"):
        return body[:14] + icc(body[14:], random)
    if body.startswith(b"MPF\0"):
        return body[:4] + tiff(body[4:], random)
    if marker in b"\xc0\xc1\xc2" and random.random() < 0.7:
        at = random.choice((0, 1, 3, 5, 6, 7))
        return body[:at] + random.choice(NUMBERS).to_bytes(8, "big")[-2:] + body[at + 2 :]
    return dented(body, random)


def png(data: bytes, random: Random) -> bytes:
    pieces: Pieces = []
    at = 8
    while at + 12 <= len(data):
        length = int.from_bytes(data[at : at + 4], "big")
        pieces.append((data[at + 4 : at + 8], data[at + 8 : at + 8 + length]))
        at += 12 + length
    pieces = shuffled(pieces, random, _png_body)
    out = data[:8]
    for kind, body in pieces:
        right = random.random() < 0.98
        length = len(body) if right else random.choice(NUMBERS) & 0xFFFFFFFF
        out += struct.pack(">L", length) + kind + body + struct.pack(">L", zlib.crc32(kind + body) if right else 0)
    return out


def _png_body(kind: bytes, body: bytes, random: Random) -> bytes:
    if kind == b"IHDR":
        fields = list(struct.unpack(">LLBBBBB", body[:13].ljust(13, b"\0")))
        at = random.randrange(7)
        fields[at] = random.choice(NUMBERS) & 0xFFFFFFFF if at < 2 else random.choice((0, 1, 2, 3, 4, 6, 8, 16, 255))
        return struct.pack(">LLBBBBB", *fields)
    if kind == b"eXIf":
        return tiff(body, random)
    if kind == b"IDAT" and random.random() < 0.7:
        return _packed(body, random, dented)
    if kind == b"iCCP" and b"\0\0" in body:
        head, _, packed = body.partition(b"\0\0")
        return head + b"\0\0" + _packed(packed, random, icc)
    if kind in (b"iTXt", b"tEXt", b"zTXt"):
        return xmp(body, random)
    return dented(body, random)


def _packed(stream: bytes, random: Random, change: Callable[[bytes, Random], bytes]) -> bytes:
    try:
        plain = zlib.decompressobj().decompress(stream, LARGEST_PACKED)
    except zlib.error:
        return dented(stream, random)
    # Now and then a bomb: a few kilobytes that become many megabytes.
    return zlib.compress(change(plain, random) if random.random() < 0.97 else bytes(60_000_000))


def riff(data: bytes, random: Random) -> bytes:
    pieces: Pieces = []
    at = 12
    while at + 8 <= len(data):
        length = int.from_bytes(data[at + 4 : at + 8], "little")
        pieces.append((data[at : at + 4], data[at + 8 : at + 8 + length]))
        at += 8 + length + length % 2
    bodies = {b"EXIF": tiff, b"XMP ": xmp, b"ICCP": icc}
    pieces = shuffled(pieces, random, lambda kind, body, r: bodies.get(kind, dented)(body, r))
    out = b"".join(k + struct.pack("<L", len(b) & 0xFFFFFFFF) + b + bytes(len(b) % 2) for k, b in pieces)
    return data[:4] + struct.pack("<L", len(out) + 4) + data[8:12] + out


def boxes(data: bytes, random: Random) -> bytes:
    pieces: Pieces = []
    at = 0
    while at + 8 <= len(data):
        length = int.from_bytes(data[at : at + 4], "big")
        if length < 8:
            break
        pieces.append((data[at + 4 : at + 8], data[at + 8 : at + length]))
        at += length
    pieces = shuffled(pieces, random, _box_body)
    out = b""
    for kind, body in pieces:
        length = len(body) + 8 if random.random() < 0.98 else random.choice(NUMBERS) & 0xFFFFFFFF
        out += struct.pack(">L", length) + kind + body
    return out


def _box_body(kind: bytes, body: bytes, random: Random) -> bytes:
    if kind in BOXES:
        head = {b"meta": 4, b"iref": 4, b"iinf": 6}.get(kind, 0)
        return body[:head] + boxes(body[head:], random)
    if kind == b"ispe" and random.random() < 0.8:
        return body[:4] + struct.pack(">LL", *(random.choice((*NUMBERS[:19], 16, 24)) & 0xFFFFFFFF for _ in range(2)))
    if kind == b"colr" and body[:4] in (b"prof", b"rICC"):
        return body[:4] + icc(body[4:], random)
    if kind == b"mdat" and b"<x:xmpmeta" in body and random.random() < 0.5:
        return xmp(body, random)
    return dented(body, random)


def tiff(data: bytes, random: Random) -> bytes:
    """Change an entry of a directory: its tag, type, count or value; or chain directories in a ring."""
    order = "<" if data[:2] == b"II" else ">"
    out = bytearray(data)
    try:
        places, directory = [], struct.unpack_from(order + "L", out, 4)[0]
        for _ in range(4):
            count = struct.unpack_from(order + "H", out, directory)[0]
            entries = [directory + 2 + 12 * index for index in range(min(count, 200))]
            places.append((directory, entries))
            inner = [e for e in entries if struct.unpack_from(order + "H", out, e)[0] in LINKS]
            link = directory + 2 + 12 * count
            directory = struct.unpack_from(order + "L", out, random.choice([e + 8 for e in inner] + [link]))[0]
            if not directory:
                break
        directory, entries = random.choice(places)
        entry = random.choice(entries)
        number = random.choice((*NUMBERS[:21], directory, len(out) - 1, len(out) - 8)) & 0xFFFFFFFF
        kind = random.randrange(7)
        if kind == 0:
            struct.pack_into(
                order + "H", out, entry, random.choice((256, 257, 258, 259, 262, 273, 277, 279, 0x8769, 0x8825))
            )
        elif kind == 1:
            struct.pack_into(order + "H", out, entry + 2, random.randrange(20))
        elif kind == 2:
            struct.pack_into(order + "L", out, entry + 4, number)
        elif kind in (3, 4):
            struct.pack_into(order + "L", out, entry + 8, number)
        elif kind == 5:
            struct.pack_into(order + "H", out, directory, number & 0xFFFF)
        else:
            struct.pack_into(order + "L", out, directory + 2 + 12 * len(entries), number)
    except (struct.error, IndexError, ValueError):
        return dented(data, random)
    return bytes(out)


def xmp(data: bytes, random: Random) -> bytes:
    """Change a number or a name of a text, or put markup of the wicked kind into it."""
    text = data.decode("utf-8", "surrogateescape")
    kind = random.randrange(5)
    found = list(re.finditer(r'(?<=[">])[^"<>]{1,400}(?=["<])', text))
    if kind in (0, 1) and found:
        match = random.choice(found)
        text = text[: match.start()] + random.choice(TEXTS) + text[match.end() :]
    elif kind == 2:
        at = random.choice([m.start() for m in re.finditer("<", text)] or [0])
        text = text[:at] + random.choice(MARKUP) + text[at:]
    elif kind == 3 and found:
        match, other = random.choice(found), random.choice(found)
        text = text[: match.start()] + other.group() + text[match.end() :]
    else:
        return dented(data, random)
    return text.encode("utf-8", "surrogateescape")


def icc(data: bytes, random: Random) -> bytes:
    """Change the header or an entry of the table of tags."""
    if len(data) < 144:
        return dented(data, random)
    out = bytearray(data)
    count = min(struct.unpack_from(">L", out, 128)[0], 60)
    entry = 132 + 12 * random.randrange(max(count, 1))
    at = random.choice((0, 8, 12, 16, 20, 36, 128, entry, entry + 4, entry + 8))
    if at + 4 > len(out):
        return dented(data, random)
    value = random.choice(
        (*(n.to_bytes(8, "big")[-4:] for n in NUMBERS), b"GRAY", b"CMYK", b"Lab ", b"RGB ", b"XYZ ", b"link")
    )
    out[at : at + 4] = value
    return bytes(out)


# ------------------------------------------------------------------------------------------------- data


def npy(data: bytes, random: Random) -> bytes:
    """Change the header: another shape, type or order."""
    head = data[10 : 10 + int.from_bytes(data[8:10], "little")].decode("latin-1")
    body = data[10 + len(head) :]
    shapes = (
        "()",
        "(0, 0)",
        "(1,)",
        "(-1, 4)",
        "(1 << 40, 2)",
        "(99999999999, 9)",
        "(16, 24, 3)",
        "(24.0, 16)",
        "16",
        "('a', 2)",
    )
    types = (
        "|O",
        "<f2",
        ">f4",
        "<f8",
        "|u1",
        "<i8",
        "<c8",
        "<M8[s]",
        "|S5",
        "<U4",
        "|b1",
        "[('a', '<f4')]",
        "<f16",
        "evil",
    )
    kind = random.randrange(4)
    if kind == 0:
        head = re.sub(r"\([0-9, ]*\)", lambda _: random.choice(shapes), head)
    elif kind == 1:
        head = re.sub(r"'descr': [^,]*", lambda _: f"'descr': {random.choice(types)!r}", head)
    elif kind == 2:
        head = head.replace("False", random.choice(("True", "1", "None", "__import__('os').abort()")))
    else:
        return dented(data, random)
    head = head.strip().ljust(117) + "\n"
    return data[:8] + struct.pack("<H", len(head)) + head.encode("latin-1") + body


def mat5(data: bytes, random: Random) -> bytes:
    """Break the data elements of a MATLAB 5 file, those in compressed ones too."""
    return data[:128] + _elements(data[128:], random)


def _elements(data: bytes, random: Random) -> bytes:
    pieces: Pieces = []
    at = 0
    while at + 8 <= len(data):
        kind, size = struct.unpack_from("<LL", data, at)
        if kind >> 16:
            pieces.append((data[at : at + 8], b""))
            at += 8
            continue
        pieces.append((data[at : at + 4], data[at + 8 : at + 8 + size]))
        at += 8 + size + (-size % 8 if kind != 15 else 0)
    out = b""
    for kind, body in shuffled(pieces, random, _element_body):
        size = len(body) if random.random() < 0.97 else random.choice(NUMBERS) & 0xFFFFFFFF
        out += (
            kind
            if len(kind) == 8
            else kind + struct.pack("<L", size) + body + bytes(-len(body) % 8 if kind[0] != 15 else 0)
        )
    return out


def _element_body(kind: bytes, body: bytes, random: Random) -> bytes:
    if kind[:1] == b"\x0f":
        return _packed(body, random, _elements)
    return _elements(body, random) if kind[:1] == b"\x0e" else dented(body, random)


def exr(data: bytes, random: Random) -> bytes:
    """Break an attribute of the header."""
    pieces: list[tuple[bytes, bytes, bytes]] = []
    at = 8
    while at < len(data) and data[at] and data.count(b"\0", at) > 1:
        name = data[at : data.index(b"\0", at)]
        at += len(name) + 1
        kind = data[at : data.index(b"\0", at)]
        at += len(kind) + 1
        size = int.from_bytes(data[at : at + 4], "little")
        pieces.append((name, kind, data[at + 4 : at + 4 + size]))
        at += 4 + size
    index = random.randrange(len(pieces)) if pieces else 0
    action = random.randrange(5)
    if not pieces:
        return dented(data, random)
    name, kind, body = pieces[index]
    if action == 0:
        del pieces[index]
    elif action == 1:
        pieces.insert(index, pieces[index])
    elif name in (b"dataWindow", b"displayWindow"):
        window = [random.choice((-1, 0, 15, 23, 60000, (1 << 31) - 1, -(1 << 31))) for _ in range(4)]
        pieces[index] = name, kind, struct.pack("<4l", *window)
    elif action == 2:
        pieces[index] = name, random.choice(pieces)[1], body
    else:
        pieces[index] = name, kind, dented(body, random)
    head = b"".join(n + b"\0" + k + b"\0" + struct.pack("<L", len(b)) + b for n, k, b in pieces)
    return data[:8] + head + data[at:]


def protobuf(data: bytes, random: Random, depth: int = 0) -> bytes:
    """Break a field of a message, or of one that is nested in it."""
    pieces = _fields(data)
    if not pieces:
        return dented(data, random)

    def within(key: bytes, body: bytes, rng: Random) -> bytes:
        if key[0] & 7 == 2:
            if depth < 6 and _fields(body) and rng.random() < 0.8:
                return protobuf(body, rng, depth + 1)
            words = (
                b"Conv",
                b"Loop",
                b"If",
                b"Reshape",
                b"Expand",
                b"Resize",
                b"../../../etc/passwd",
                b"/etc/passwd",
                b"location",
            )
            return rng.choice(words) if rng.random() < 0.3 else dented(body, rng)
        return _varint(rng.choice(NUMBERS)) if key[0] & 7 == 0 else dented(body, rng)

    out = b""
    for key, body in shuffled(pieces, random, within):
        out += key + (_varint(len(body)) if key and key[0] & 7 == 2 else b"") + body
    return out


def _fields(data: bytes) -> Pieces:
    pieces: Pieces = []
    at = 0
    while at < len(data):
        key, start = _read_varint(data, at)
        kind = key & 7
        if not key >> 3 or kind not in (0, 1, 2, 5):
            return []
        head, end = data[at:start], start
        if kind == 0:
            _, end = _read_varint(data, start)
        elif kind == 2:
            size, start = _read_varint(data, start)
            end = start + size
        else:
            end = start + (8 if kind == 1 else 4)
        if end > len(data):
            return []
        pieces.append((head, data[start:end]))
        at = end
    return pieces


def _read_varint(data: bytes, at: int) -> tuple[int, int]:
    number = shift = 0
    while at < len(data) and shift < 70:
        number |= (data[at] & 127) << shift
        shift, at = shift + 7, at + 1
        if data[at - 1] < 128:
            break
    return number, at


def _varint(number: int) -> bytes:
    out = b""
    while number > 127:
        out += bytes([number & 127 | 128])
        number >>= 7
    return out + bytes([number])


FORMS: dict[str, Callable[[bytes, Random], bytes]] = {
    "jpeg": jpeg, "png": png, "webp": riff, "boxes": boxes, "tiff": tiff, "text": xmp, "npy": npy, "mat5": mat5,
    "exr": exr, "onnx": protobuf,
}  # fmt: skip
