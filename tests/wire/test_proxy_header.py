"""The PROXY protocol's header: who is read out of it, and what is no header."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from shieldrelay.wire.proxy_header import MOST_OCTETS, ProxyFault, ProxySource, header_octets, parse_header

SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
FOUR = bytes((192, 0, 2, 9, 198, 51, 100, 1)) + (4711).to_bytes(2, "big") + (25).to_bytes(2, "big")
SIX = bytes.fromhex("20010db8" + "00" * 11 + "07") + bytes(16) + (4711).to_bytes(2, "big") + (25).to_bytes(2, "big")
LINE = b"PROXY TCP4 192.0.2.9 198.51.100.1 4711 25\r\n"
UNKNOWN = b"PROXY UNKNOWN\r\n"


def binary(command: int, family: int, rest: bytes) -> bytes:
    """Make a header of version 2."""
    return SIGNATURE + bytes((command, family)) + len(rest).to_bytes(2, "big") + rest


GOOD: tuple[tuple[bytes, ProxySource | None], ...] = (
    (LINE, ProxySource("192.0.2.9", 4711)),
    (b"PROXY TCP6 2001:db8::7 2001:db8::1 4711 25\r\n", ProxySource("2001:db8::7", 4711)),
    (UNKNOWN, None),
    (b"PROXY UNKNOWN ffff::1 ffff::2 65535 65535 and more\r\n", None),
    (binary(0x21, 0x11, FOUR), ProxySource("192.0.2.9", 4711)),
    (binary(0x21, 0x11, FOUR + b"\x04\x00\x03abc"), ProxySource("192.0.2.9", 4711)),
    (binary(0x21, 0x21, SIX), ProxySource("2001:db8::7", 4711)),
    (binary(0x20, 0x00, b""), None),
    (binary(0x20, 0x11, FOUR), None),
    (binary(0x21, 0x00, b"\x03\x00\x01x"), None),
    (binary(0x21, 0x31, bytes(216)), None),
    (binary(0x21, 0x11, FOUR + bytes(MOST_OCTETS - 16 - 12)), ProxySource("192.0.2.9", 4711)),
)
BAD = (
    b"EHLO client.test\r\n", b"PROXY\r\n", b"proxy TCP4 192.0.2.9 198.51.100.1 4711 25\r\n", b"\r\n\r\n\r\n",
    b"PROXY TCP4 192.0.2.9 198.51.100.1 4711\r\n", b"PROXY TCP4 192.0.2.9 198.51.100.1 4711 25 1\r\n",
    b"PROXY TCP4 192.0.2.999 198.51.100.1 4711 25\r\n", b"PROXY TCP4 2001:db8::7 2001:db8::1 4711 25\r\n",
    b"PROXY TCP6 192.0.2.9 198.51.100.1 4711 25\r\n", b"PROXY TCP4 192.0.2.9 198.51.100.1 65536 25\r\n",
    b"PROXY TCP4 192.0.2.9 198.51.100.1 -1 25\r\n", b"PROXY TCP4 \xff 198.51.100.1 1 25\r\n", b"PROXY \r\n",
    b"PROXY  TCP4 192.0.2.9 198.51.100.1 1 25\r\n", b"PROXY TCP4 192.0.2.9 198.51.100.1 1 25" + b" " * 100,
    binary(0x22, 0x11, FOUR), binary(0x11, 0x11, FOUR), binary(0x21, 0x12, FOUR), binary(0x21, 0x11, FOUR[:-1]),
    binary(0x21, 0x21, FOUR), binary(0x21, 0x31, SIX), binary(0x21, 0x11, FOUR + bytes(MOST_OCTETS)),
)  # fmt: skip


def read(octets: bytes) -> ProxySource | None:
    """Read a header that comes octet by octet, as far as it goes."""
    for seen in range(len(octets) + 1):
        whole = header_octets(octets[:seen])
        if whole is not None and whole <= seen:
            return parse_header(octets[:whole])
    raise ProxyFault("never whole")


class ProxyHeaderTests(SynchronousTestCase):
    """`header_octets` and `parse_header`."""

    def test_good_headers(self) -> None:
        """Both versions are read, with TLVs stepped over; LOCAL, UNKNOWN and unix sockets name nobody."""
        for header, source in GOOD:
            self.assertEqual(read(header), source, header)

    def test_what_follows_is_not_the_headers(self) -> None:
        """A header knows its own length, whatever stands behind it."""
        for header, _source in GOOD:
            self.assertEqual(header_octets(header + b"EHLO client.test\r\n"), len(header), header)

    def test_bad_headers(self) -> None:
        """What is malformed, too long, or no header at all is a fault."""
        for header in BAD:
            with self.assertRaises(ProxyFault, msg=header):
                read(header)

    def test_a_stranger_is_recognised_at_its_first_octet(self) -> None:
        """What cannot become a header is a fault at once, not when more has come."""
        for octets in (b"E", b"\n", b"PROXX", b"\r\n\r\n\r", b"PROXY" + b"\r"):
            self.assertRaises(ProxyFault, header_octets, octets)
        for octets in (b"", b"P", b"PROXY", b"\r", SIGNATURE[:-1]):
            self.assertIsNone(header_octets(octets))

    @settings(deadline=None, derandomize=True, max_examples=300)
    @given(st.sampled_from([header for header, _source in GOOD]), st.data())
    def test_nothing_else_is_raised(self, header: bytes, data: st.DataObject) -> None:
        """A header with octets changed is read or is a fault, and never longer than the limit."""
        changed = bytearray(header)
        for _ in range(data.draw(st.integers(1, 3))):
            changed[data.draw(st.integers(0, len(changed) - 1))] = data.draw(st.integers(0, 255))
        try:
            octets = header_octets(bytes(changed))
            if octets is not None:
                self.assertLessEqual(octets, MOST_OCTETS)
            read(bytes(changed))
        except ProxyFault as fault:
            self.assertTrue(fault.args[0])
