"""What an XMP packet says about whose a picture is.

XMP (ISO 16684-1) is RDF in XML: properties, as attributes or elements of `rdf:Description`.
"""

from __future__ import annotations

from xml.etree import ElementTree

RDF, META = "{http://www.w3.org/1999/02/22-rdf-syntax-ns#}", "{adobe:ns:meta/}"
# Namespaces, and which of their properties are kept; None: all. None of them tells where a picture was taken.
KEPT: dict[str, set[str] | None] = {
    "{http://purl.org/dc/elements/1.1/}": {
        "rights",
        "creator",
        "contributor",
        "publisher",
        "title",
        "description",
    },
    "{http://ns.adobe.com/xap/1.0/rights/}": None,
    "{http://ns.adobe.com/photoshop/1.0/}": {"Credit", "Source", "AuthorsPosition"},
    "{http://creativecommons.org/ns#}": None,
    "{http://ns.useplus.org/ldf/xmp/1.0/}": None,
}
# Prefixes by which readers know the namespaces.
PREFIXES = {
    "rdf": RDF,
    "x": META,
    **dict(zip(("dc", "xmpRights", "photoshop", "cc", "plus"), KEPT, strict=True)),
}
# What a packet is enclosed in, so that programs that do not know a file's format find it.
BEGIN, END = b'<?xpacket begin="\xef\xbb\xbf" id="W5M0MpCehiHzreSzNTczkc9d"?>', b'<?xpacket end="r"?>'


def rights_of(packet: bytes) -> bytes | None:
    """An XMP packet with the properties of `packet` in `KEPT`; None if it has none of them.

    Raises:
        ValueError: it is not in UTF-8, or has a document type declaration, whose entities might expand without end.
        xml.etree.ElementTree.ParseError: it is not well-formed.
    """
    # Some programs write zeros at the end.
    packet = packet.strip(b"\0")
    if b"\0" in packet or b"<!" in packet.replace(b"<!--", b""):
        raise ValueError("not in UTF-8, or with a document type declaration")
    kept = ElementTree.Element(f"{RDF}Description", {f"{RDF}about": ""})
    for description in ElementTree.fromstring(packet).iter(f"{RDF}Description"):
        kept.attrib |= {name: value for name, value in description.attrib.items() if _is_kept(name)}
        kept.extend(element for element in description if _is_kept(element.tag))
    if len(kept) == 0 and len(kept.attrib) == 1:
        return None
    for prefix, namespace in PREFIXES.items():
        ElementTree.register_namespace(prefix, namespace[1:-1])
    for element in kept.iter():
        element.tail = None
    meta = ElementTree.Element(f"{META}xmpmeta")
    ElementTree.SubElement(meta, f"{RDF}RDF").append(kept)
    xml: bytes = ElementTree.tostring(meta, "utf-8")
    return BEGIN + xml + END


def _is_kept(name: str) -> bool:
    namespace, brace, local = name.partition("}")
    properties = KEPT.get(namespace + brace, set())
    return properties is None or local in properties
