"""The Basic Encoding Rules as far as LDAP uses them (RFC 4511 §5.1): definite lengths, one-octet tags.

Pure. Elements are given as positions in the octets that hold them, so that nothing is copied before it is wanted.
What is not lawful raises `BerFault`; nothing is read beyond the end of what encloses it.
"""

from __future__ import annotations

from collections.abc import Iterator

SEQUENCE = 0x30
SET = 0x31
BOOLEAN = 0x01
INTEGER = 0x02
OCTET_STRING = 0x04
ENUMERATED = 0x0A

Element = tuple[int, int, int]
"""Tag, where the content begins, where it ends."""


class BerFault(ValueError):
    """The octets are not what they should be."""


def encoded(tag: int, *contents: bytes) -> bytes:
    """Encode an element out of its content's parts."""
    content = b"".join(contents)
    size = len(content)
    if size < 128:
        return bytes((tag, size)) + content
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(length))) + length + content


def integer(value: int, tag: int = INTEGER) -> bytes:
    """Encode a number that is not negative."""
    return encoded(tag, value.to_bytes(value.bit_length() // 8 + 1, "big"))


def boolean(value: bool, tag: int = BOOLEAN) -> bytes:
    """Encode a truth value."""
    return encoded(tag, b"\xff" if value else b"\x00")


def octets(value: bytes, tag: int = OCTET_STRING) -> bytes:
    """Encode an octet string."""
    return encoded(tag, value)


def element(source: bytes, position: int, end: int) -> Element:
    """Give the element that begins at a position and ends within ``end``.

    :raises BerFault: there is none.
    """
    found = header(source, position, end)
    if found is None or found[2] > end:
        raise BerFault("an element is cut short")
    return found


def header(source: bytes | bytearray, position: int, end: int) -> Element | None:
    """Read tag and length; ``None`` when ``end`` comes first. The content may go beyond it.

    :raises BerFault: the form is not LDAP's.
    """
    if end - position < 2:
        return None
    tag, size = source[position], source[position + 1]
    if tag & 0x1F == 0x1F:
        raise BerFault("a tag is longer than one octet")
    if size < 128:
        return tag, position + 2, position + 2 + size
    more = size & 0x7F
    if not 1 <= more <= 4:
        raise BerFault("a length is indefinite, or beyond all bounds")
    start = position + 2 + more
    if start > end:
        return None
    return tag, start, start + int.from_bytes(source[position + 2 : start], "big")


def elements(source: bytes, position: int, end: int) -> Iterator[Element]:
    """Give the elements that lie between two positions.

    :raises BerFault: one does not fit.
    """
    while position < end:
        found = element(source, position, end)
        yield found
        position = found[2]


def expected(source: bytes, position: int, end: int, tag: int) -> Element:
    """Give the element at a position, which must have this tag.

    :raises BerFault: it has not.
    """
    found = element(source, position, end)
    if found[0] != tag:
        raise BerFault(f"an element has tag {found[0]:#x} instead of {tag:#x}")
    return found


def number(source: bytes, found: Element) -> int:
    """Read an integer or enumerated value of at most four octets.

    :raises BerFault: it is longer, or empty.
    """
    if not 1 <= found[2] - found[1] <= 4:
        raise BerFault("a number is empty or too long")
    return int.from_bytes(source[found[1] : found[2]], "big", signed=True)
