"""The third part of a notice: what is given back of the message it speaks of (RFC 6522 §4, RFC 6533 §6).

Pure; called by ``mail.dsn`` with the first block of a content. The original is attacker's text: it is returned as it
is only where it is lawful to the letter, else as its header with every doubtful octet replaced. Never fails: from
anything at all it makes a lawful part.
"""

from __future__ import annotations

from attrs import frozen

RETURNED_OCTETS = 65536
"""How much of an original is looked at; a longer one is returned as its header even for RET=FULL."""
LINE_OCTETS = 998
"""RFC 5322 §2.1.1, without CRLF."""

_CONTROLS = bytes(octet for octet in (*range(32), 127) if octet != 9)
_NO_CONTROLS = bytes.maketrans(_CONTROLS, b"?" * len(_CONTROLS))
_HIGH = bytes(range(128, 256))
_ASCII_ONLY = bytes.maketrans(_CONTROLS + _HIGH, b"?" * (len(_CONTROLS) + len(_HIGH)))


@frozen
class Original:
    """The beginning of the message that a notice speaks of.

    :ivar head: its first octets, at most `RETURNED_OCTETS`, our trace lines included.
    :ivar whole: whether that is all of it.
    """

    head: bytes
    whole: bool


@frozen
class ReturnedPart:
    """One MIME part: ``media_type`` with its parameters, and ``octets`` with CRLF line ends."""

    media_type: bytes
    octets: bytes


def returned_part(original: Original, *, full: bool) -> ReturnedPart:
    """Give the part that returns the original.

    :param full: whether the sender asked for all of it (RET=FULL): granted when it is short and lawful.
    """
    header = _header_block(original)
    if full and original.whole and len(original.head) <= RETURNED_OCTETS and _is_lawful(original.head):
        if header.isascii():
            return ReturnedPart(b"message/rfc822", original.head)
        if _is_utf8(header):
            return ReturnedPart(b"message/global", original.head)
    if header.isascii() or not _is_utf8(header):
        return ReturnedPart(b"text/rfc822-headers; charset=us-ascii", _cleaned(header, _ASCII_ONLY))
    return ReturnedPart(b"message/global-headers", _cleaned(header, _NO_CONTROLS))


def _header_block(original: Original) -> bytes:
    """Cut out the header with its last CRLF; of one that does not end in time, the lines that are complete."""
    head = original.head[:RETURNED_OCTETS]
    if head.startswith(b"\r\n"):
        return b""
    end = head.find(b"\r\n\r\n")
    if end < 0 and original.whole:
        return head
    return head[: end + 2] if end >= 0 else head[: head.rfind(b"\r\n") + 2]


def _is_lawful(octets: bytes) -> bool:
    """Tell whether a whole message may stand in a notice as it is: short lines, CRLF only, no NUL."""
    lines = octets.split(b"\r\n")
    return max(map(len, lines)) <= LINE_OCTETS and not any(
        b"\r" in line or b"\n" in line or b"\0" in line for line in lines
    )


def _is_utf8(octets: bytes) -> bool:
    try:
        octets.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _cleaned(header: bytes, table: bytes) -> bytes:
    """Give the header's lines without controls, clipped to 998 octets between characters."""
    lines = header.removesuffix(b"\r\n").split(b"\r\n")
    return b"".join(_clipped(line.translate(table)) + b"\r\n" for line in lines)


def _clipped(line: bytes) -> bytes:
    return line if len(line) <= LINE_OCTETS else line[:LINE_OCTETS].decode("utf-8", "ignore").encode("utf-8")
