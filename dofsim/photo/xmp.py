"""XMP packets: look up and write properties, and take out what is no longer true of the written picture."""

from __future__ import annotations

import re
from xml.dom.minidom import Attr, Document, Element, Node

GDEPTH = "http://ns.google.com/photos/1.0/depthmap/"
GIMAGE = "http://ns.google.com/photos/1.0/image/"
APPLE_DEPTH = "http://ns.apple.com/depthData/1.0/"
APPLE_PIXELS = "http://ns.apple.com/pixeldatainfo/1.0/"
NOTE = "http://ns.adobe.com/xmp/note/"
EXTENSION_HEADER = 75
"""Length in bytes of what stands before the packet in a JPEG segment that extends it: name, hash, length, offset."""
_DEEPEST = 100
_STANDINS = {9: 0xFDD0, 10: 0xFDD1, 13: 0xFDD2}
"""Tab and breaks -> characters that stand for them and mean nothing to anybody."""
_CAMERA = "http://ns.google.com/photos/1.0/camera/"
_XMLNS = "http://www.w3.org/2000/xmlns/"
_TIFF = "http://ns.adobe.com/tiff/1.0/"
_EXIF = "http://ns.adobe.com/exif/1.0/"
_RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
RECIPE = "https://github.com/dofsim/dofsim/ns/recipe/1.0/"
_ENVELOPE = (
    '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>\n'
    f'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="{_RDF}"></rdf:RDF></x:xmpmeta>\n'
    '<?xpacket end="w"?>'
)

# Namespaces about pictures that are stored behind the main one and are not carried to the output.
_STALE = frozenset(
    [
        GDEPTH,
        GIMAGE,
        "http://ns.google.com/photos/1.0/focus/",
        "http://ns.google.com/photos/1.0/audio/",
        "http://ns.google.com/photos/1.0/container/",
        "http://ns.google.com/photos/1.0/container/item/",
        "http://ns.adobe.com/hdr-gain-map/1.0/",
        "http://ns.apple.com/HDRGainMap/1.0/",
        APPLE_DEPTH,
        APPLE_PIXELS,
    ]
)
_STALE_ROOTS = ("http://ns.google.com/photos/dd/1.0/",)


def properties(packet: bytes, namespace: str) -> dict[str, str]:
    """Collect the simple properties of one namespace, whether written as attributes or as elements.

    Parameters
    ----------
    packet : bytes
        XMP packet.
    namespace : str
        Namespace URI.

    Returns
    -------
    dict
        Local name to text.

    Raises
    ------
    xml.parsers.expat.ExpatError, ValueError
        If the packet is not well-formed, defines entities, or is nested absurdly deep.
    """
    found: dict[str, str] = {}
    for element in _parse(packet).getElementsByTagName("*"):
        if element.namespaceURI == namespace and element.localName:
            texts = [n.data for n in element.childNodes if n.nodeType == n.TEXT_NODE]
            if len(texts) == len(element.childNodes):
                found[element.localName] = "".join(texts).strip()
        for attribute in _attributes(element):
            if attribute.namespaceURI == namespace and attribute.localName:
                found[attribute.localName] = attribute.value
    return found


def updated_xmp(packet: bytes, width: int, height: int, *, keeps_extension: bool = False) -> bytes | None:
    """Bring an XMP packet up to date with an upright picture.

    Parameters
    ----------
    packet : bytes
        XMP packet as read.
    width, height : int
        Size of the upright picture, px; written where the packet states a size.
    keeps_extension : bool
        Whether the segments that extend the packet are written too.

    Returns
    -------
    bytes or None
        The same bytes if nothing in them had become untrue. An orientation becomes 1 in place; only other changes
        make the packet be written anew. None if the packet cannot be read but speaks of pictures that are not carried.
    """
    packet = re.sub(rb"""(tiff:Orientation(?:=["']|>)\s*)[2-8]""", rb"\g<1>1", packet)
    try:
        document = _parse(packet)
    except Exception:  # noqa: BLE001 - what cannot be read is carried if it does not speak of other pictures
        stale = any(namespace.encode() in packet for namespace in (*_STALE, *_STALE_ROOTS))
        return None if stale else packet
    changed = False
    for element in list(document.getElementsByTagName("*")):
        changed |= _update(element, width, height, keeps_extension)
    if not changed:
        return packet
    return _written(document)


def with_properties(packet: bytes | None, namespace: str, prefix: str, values: dict[str, str]) -> bytes:
    """Put the simple properties of one namespace into a packet, in place of those that it has of it.

    Parameters
    ----------
    packet : bytes or None
        XMP packet; None: a new one.
    namespace : str
        Namespace URI.
    prefix : str
        Its usual abbreviation.
    values : dict
        Local name to text.

    Returns
    -------
    bytes
        All other bytes stay as they are, unless there was something to replace. A packet that cannot be read comes
        back unchanged.
    """
    from xml.sax.saxutils import quoteattr

    packet = _ENVELOPE.encode() if packet is None else without_namespace(packet, namespace)
    try:
        document = _parse(packet)
    except Exception:  # noqa: BLE001 - what cannot be read is not the place to write to
        return packet
    roots = document.getElementsByTagNameNS(_RDF, "RDF")
    if not roots:
        return packet
    # All descriptions of a packet have to name the same thing as theirs.
    about = next((node.getAttributeNS(_RDF, "about") for node in _descriptions(document)), "")
    properties = "".join(f" {prefix}:{name}={quoteattr(value)}" for name, value in values.items())
    text = (
        f'<rdf:Description xmlns:rdf="{_RDF}" rdf:about={quoteattr(about)} '
        f"xmlns:{prefix}={quoteattr(namespace)}{properties}/>"
    )
    at = packet.rfind(f"</{roots[0].tagName}".encode())
    spliced = packet[:at] + text.encode() + packet[at:]
    # What looks like the end may stand in a comment, and the packet may be of another encoding.
    if at >= 0 and _says(spliced, namespace, values):
        return spliced
    for node in _descriptions(_parse(text.encode())):
        roots[0].appendChild(document.importNode(node, True))
    return _written(document)


def _says(packet: bytes, namespace: str, values: dict[str, str]) -> bool:
    try:
        return properties(packet, namespace) == values
    except Exception:  # noqa: BLE001 - no packet at all
        return False


def without_namespace(packet: bytes, namespace: str) -> bytes:
    """Take all properties of one namespace out of a packet; a packet without any, or unreadable, comes back as it is.

    Parameters
    ----------
    packet : bytes
        XMP packet.
    namespace : str
        Namespace URI.

    Returns
    -------
    bytes
    """
    if namespace.encode() not in packet:
        return packet
    try:
        document = _parse(packet)
    except Exception:  # noqa: BLE001 - what cannot be read is carried as it is
        return packet
    for element in list(document.getElementsByTagName("*")):
        if element.namespaceURI == namespace and element.parentNode is not None:
            element.parentNode.removeChild(element)
        for attribute in _attributes(element):
            declares = attribute.namespaceURI == _XMLNS and attribute.value == namespace
            if declares or attribute.namespaceURI == namespace:
                element.removeAttributeNode(attribute)
    for element in _descriptions(document):
        says = [a for a in _attributes(element) if a.namespaceURI not in (_XMLNS, _RDF)]
        if not says and not element.childNodes and element.parentNode is not None:
            element.parentNode.removeChild(element)
    return _written(document)


def without_gps(packet: bytes) -> bytes | None:
    """Take every property out of an XMP packet whose name begins with GPS, of whatever namespace and however deep.

    Returns
    -------
    bytes or None
        The same bytes if there was none. None if the packet cannot be read but mentions GPS.
    """
    if b"gps" not in packet.lower():
        return packet
    try:
        document = _parse(packet)
    except Exception:  # noqa: BLE001 - what cannot be read cannot be cleaned
        return None
    for element in list(document.getElementsByTagName("*")):
        for attribute in _attributes(element):
            if (attribute.localName or "").lower().startswith("gps") and attribute.namespaceURI != _XMLNS:
                element.removeAttributeNode(attribute)
        if (element.localName or "").lower().startswith("gps") and element.parentNode is not None:
            element.parentNode.removeChild(element)
    return _written(document)


def _descriptions(document: Document) -> list[Element]:
    return list(document.getElementsByTagNameNS(_RDF, "Description"))


def _written(document: Document) -> bytes:
    # Up to Python 3.12 minidom writes breaks in attributes as they are, and readers take them for spaces.
    for element in document.getElementsByTagName("*"):
        for attribute in _attributes(element):
            if attribute.value:  # a declaration that takes a default namespace back has None
                attribute.value = attribute.value.translate(_STANDINS)
    text = "\n".join(node.toxml() for node in document.childNodes)
    for code, standin in _STANDINS.items():
        text = text.replace(chr(standin), f"&#{code};")
    return text.encode()


def _parse(packet: bytes) -> Document:
    from defusedxml.minidom import parseString

    document: Document = parseString(packet.strip(b"\0 \r\n\t"))
    nodes: list[Node] = [document]
    for _ in range(_DEEPEST):
        nodes = [child for node in nodes for child in node.childNodes]
        if not nodes:
            return document
    # The document goes through its elements by recursion.
    raise ValueError(f"its elements lie more than {_DEEPEST} deep in each other")


def _attributes(element: Element) -> list[Attr]:
    return list(element.attributes.values())


def _is_stale(namespace: str | None, name: str | None, keeps_extension: bool) -> bool:
    if namespace is None:
        return False
    if namespace == NOTE and name == "HasExtendedXMP":
        return not keeps_extension
    if namespace == _CAMERA and name is not None:
        return name.startswith(("MotionPhoto", "MicroVideo"))
    return namespace in _STALE or namespace.startswith(_STALE_ROOTS)


def _update(element: Element, width: int, height: int, keeps_extension: bool) -> bool:
    changed = False
    for attribute in _attributes(element):
        declares = attribute.namespaceURI == _XMLNS and _is_stale(attribute.value, None, keeps_extension)
        if declares or _is_stale(attribute.namespaceURI, attribute.localName, keeps_extension):
            element.removeAttributeNode(attribute)
            changed = True
            continue
        size = _size(attribute.namespaceURI, attribute.localName, width, height)
        if size is not None and attribute.value != size:
            attribute.value = size
            changed = True
    parent = element.parentNode
    if _is_stale(element.namespaceURI, element.localName, keeps_extension) and parent is not None:
        parent.removeChild(element)
        return True
    size = _size(element.namespaceURI, element.localName, width, height)
    child = element.firstChild
    if size is not None and child is not None and child.nodeType == child.TEXT_NODE and child.nodeValue != size:
        child.nodeValue = size
        changed = True
    return changed


def _size(namespace: str | None, name: str | None, width: int, height: int) -> str | None:
    if (namespace, name) in ((_TIFF, "ImageWidth"), (_EXIF, "PixelXDimension")):
        return str(width)
    if (namespace, name) in ((_TIFF, "ImageLength"), (_EXIF, "PixelYDimension")):
        return str(height)
    return None
