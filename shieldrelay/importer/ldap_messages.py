"""The few LDAP messages that a search needs (RFC 4511), with paged results (RFC 2696).

Pure: octets in, values out, and the other way round. Requests are encoded, answers decoded; an answer that is not
lawful raises `ber.BerFault`.
"""

from __future__ import annotations

from attrs import frozen

from shieldrelay.importer import ber
from shieldrelay.importer.ber import BerFault, Element

PAGED_RESULTS = b"1.2.840.113556.1.4.319"
START_TLS = b"1.3.6.1.4.1.1466.20037"

_BIND, _UNBIND, _SEARCH, _EXTENDED = 0x60, 0x42, 0x63, 0x77
_ENTRY, _REFERENCE, _INTERMEDIATE = 0x64, 0x73, 0x79
_CONTROLS = 0xA0
_REFERRAL = 0xA3
_SUBTREE, _NEVER_DEREFERENCE = 2, 0


@frozen
class Entry:
    """One object that was found.

    :ivar attributes: names as the server spells them, options included, each with its values.
    """

    name: bytes
    attributes: tuple[tuple[bytes, tuple[bytes, ...]], ...]


@frozen
class Reference:
    """More is to be found at another server (RFC 4511 §4.5.3)."""


@frozen
class Remark:
    """An intermediate response, which nobody asked for."""


@frozen
class Done:
    """An operation has ended.

    :ivar tag: of the answer: `BIND_DONE`, `SEARCH_DONE` or `EXTENDED_DONE`.
    :ivar code: RFC 4511 appendix A.
    :ivar words: the server's own.
    :ivar cookie: of paged results: ``b""`` at the last page, ``None`` when the server said nothing of pages.
    """

    tag: int
    code: int
    words: bytes
    refers: bool
    cookie: bytes | None = None


BIND_DONE, SEARCH_DONE, EXTENDED_DONE = 0x61, 0x65, 0x78

Response = Entry | Reference | Remark | Done


def bind(identifier: int, name: str, password: bytes) -> bytes:
    """Ask to be known by name and password (§4.2, simple)."""
    return _message(
        identifier, ber.encoded(_BIND, ber.integer(3), ber.octets(name.encode("utf-8")), ber.octets(password, 0x80))
    )


def unbind(identifier: int) -> bytes:
    """Say goodbye (§4.3)."""
    return _message(identifier, ber.encoded(_UNBIND))


def start_tls(identifier: int) -> bytes:
    """Ask for TLS (§4.14)."""
    return _message(identifier, ber.encoded(_EXTENDED, ber.octets(START_TLS, 0x80)))


def search(
    identifier: int, base: str, criterion: bytes, attributes: tuple[str, ...], page_size: int, cookie: bytes
) -> bytes:
    """Ask for a page of the whole subtree.

    :param criterion: an encoded filter.
    :param cookie: the last page's, ``b""`` for the first.
    """
    request = ber.encoded(
        _SEARCH,
        ber.octets(base.encode("utf-8")),
        ber.integer(_SUBTREE, ber.ENUMERATED),
        ber.integer(_NEVER_DEREFERENCE, ber.ENUMERATED),
        ber.integer(0),
        ber.integer(0),
        ber.boolean(False),
        criterion,
        ber.encoded(ber.SEQUENCE, *(ber.octets(each.encode("ascii")) for each in attributes)),
    )
    value = ber.encoded(ber.SEQUENCE, ber.integer(page_size), ber.octets(cookie))
    paged = ber.encoded(ber.SEQUENCE, ber.octets(PAGED_RESULTS), ber.boolean(True), ber.octets(value))
    return _message(identifier, request, ber.encoded(_CONTROLS, paged))


def _message(identifier: int, *parts: bytes) -> bytes:
    return ber.encoded(ber.SEQUENCE, ber.integer(identifier), *parts)


def response(octets: bytes) -> tuple[int, Response]:
    """Decode a whole message; give its identifier too.

    :raises BerFault: it is not lawful, or no answer.
    """
    _, start, end = ber.expected(octets, 0, len(octets), ber.SEQUENCE)
    identifier = ber.expected(octets, start, end, ber.INTEGER)
    operation = ber.element(octets, identifier[2], end)
    return ber.number(octets, identifier), _operation(octets, operation, end)


def _operation(octets: bytes, operation: Element, end: int) -> Response:
    tag = operation[0]
    if tag == _ENTRY:
        return _entry(octets, operation)
    if tag == _REFERENCE:
        return Reference()
    if tag == _INTERMEDIATE:
        return Remark()
    if tag in (BIND_DONE, SEARCH_DONE, EXTENDED_DONE):
        return _done(octets, operation, _cookie(octets, operation[2], end))
    raise BerFault(f"there is no answer with tag {tag:#x}")


def _entry(octets: bytes, operation: Element) -> Entry:
    _, start, end = operation
    name = ber.expected(octets, start, end, ber.OCTET_STRING)
    attributes = ber.expected(octets, name[2], end, ber.SEQUENCE)
    return Entry(
        octets[name[1] : name[2]],
        tuple(_attribute(octets, each) for each in ber.elements(octets, attributes[1], attributes[2])),
    )


def _attribute(octets: bytes, found: Element) -> tuple[bytes, tuple[bytes, ...]]:
    _, start, end = found
    name = ber.expected(octets, start, end, ber.OCTET_STRING)
    values = ber.expected(octets, name[2], end, ber.SET)
    return octets[name[1] : name[2]], tuple(
        octets[first:last] for _, first, last in ber.elements(octets, values[1], values[2])
    )


def _done(octets: bytes, operation: Element, cookie: bytes | None) -> Done:
    tag, start, end = operation
    code = ber.expected(octets, start, end, ber.ENUMERATED)
    matched = ber.expected(octets, code[2], end, ber.OCTET_STRING)
    words = ber.expected(octets, matched[2], end, ber.OCTET_STRING)
    refers = any(each[0] == _REFERRAL for each in ber.elements(octets, words[2], end))
    return Done(tag, ber.number(octets, code), octets[words[1] : words[2]], refers, cookie)


def _cookie(octets: bytes, start: int, end: int) -> bytes | None:
    """Find the paged results' cookie among the controls."""
    for tag, first, last in ber.elements(octets, start, end):
        if tag == _CONTROLS:
            for _, begin, stop in ber.elements(octets, first, last):
                parts = list(ber.elements(octets, begin, stop))
                if parts and octets[parts[0][1] : parts[0][2]] == PAGED_RESULTS and len(parts) > 1:
                    return _page_cookie(octets, parts[-1])
    return None


def _page_cookie(octets: bytes, value: Element) -> bytes:
    _, start, end = ber.expected(octets, value[1], value[2], ber.SEQUENCE)
    size = ber.expected(octets, start, end, ber.INTEGER)
    cookie = ber.expected(octets, size[2], end, ber.OCTET_STRING)
    return octets[cookie[1] : cookie[2]]
