"""Dot-stuffing over the whole stream (RFC 5321 §4.5.2)."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from shieldrelay.smtp.stuffing import Stuffer

HOSTILE = st.lists(st.sampled_from([b"\r\n", b".", b"..", b"\r", b"\n", b"a", b"", b"\r\n.\r\n"]), max_size=30)
LAWFUL = st.lists(st.sampled_from([b"\r\n", b".", b"..", b"a", b"MAIL FROM:<x>"]), max_size=30)


def cut(octets: bytes, at: int) -> list[bytes]:
    """Cut octets into blocks of one size."""
    return [octets[start : start + at] for start in range(0, len(octets), at)]


def stuffed(blocks: list[bytes]) -> bytes:
    """Stuff blocks and end the content."""
    stuffer = Stuffer()
    return b"".join([stuffer.stuff(block) for block in blocks] + [stuffer.end()])


def received(octets: bytes, line_end: bytes) -> bytes:
    """Read content as a server does that takes ``line_end`` for the end of a line; nothing may follow the end."""
    lines = octets.split(line_end)
    content: list[bytes] = []
    for index, line in enumerate(lines):
        if line in (b".", b".\r"):
            assert lines[index + 1 :] == [b""], "something follows the end of the content"
            return b"".join(one + line_end for one in content)
        content.append(line[1:] if line[:1] == b"." else line)
    raise AssertionError("the content has no end")


class StufferTests(SynchronousTestCase):
    """`Stuffer`."""

    def test_dots_survive_every_phase_of_the_blocks(self) -> None:
        """A dot at the start of a line is stuffed wherever the border of a block falls beside it."""
        content = b".\r\n..\r\nx.\r\n.\r\n\r\n.MAIL FROM:<a@b>\r\n" * 3
        for size in range(1, len(content) + 1):
            self.assertEqual(received(stuffed(cut(content, size)), b"\r\n"), content)

    def test_a_line_end_as_the_last_octets_of_a_block_keeps_its_dot(self) -> None:
        """The block sizes at which other senders lose the dot: a line end closes the block, a dot opens the next."""
        for size in (16384, 65536):
            content = b"a" * (size - 2) + b"\r\n" + b".\r\nMAIL FROM:<x@y>\r\n"
            self.assertEqual(received(stuffed(cut(content, size)), b"\r\n"), content)

    def test_blocks_are_invisible(self) -> None:
        """What is written does not depend on how the content is cut into blocks."""

        @settings(deadline=None, derandomize=True, max_examples=200)
        @given(HOSTILE, st.integers(1, 7))
        def check(pieces: list[bytes], size: int) -> None:
            content = b"".join(pieces)
            self.assertEqual(stuffed(cut(content, size)), stuffed([content]))

        check()

    def test_lawful_content_arrives_as_it_was(self) -> None:
        """A strict server gets back every octet of lawful content."""

        @settings(deadline=None, derandomize=True, max_examples=200)
        @given(LAWFUL, st.integers(1, 7))
        def check(pieces: list[bytes], size: int) -> None:
            content = b"".join(pieces)
            expected = content if content.endswith(b"\r\n") or not content else content + b"\r\n"
            self.assertEqual(received(stuffed(cut(content, size)), b"\r\n"), expected)

        check()

    def test_no_server_sees_an_earlier_end(self) -> None:
        """Whatever the octets, a server that ends lines at bare LF sees the end once, where it is."""

        @settings(deadline=None, derandomize=True, max_examples=300)
        @given(HOSTILE, st.integers(1, 7))
        def check(pieces: list[bytes], size: int) -> None:
            received(stuffed(cut(b"".join(pieces), size)), b"\n")

        check()

    def test_a_missing_line_end_is_added(self) -> None:
        """Content whose last line has no CRLF gets one, and only then."""
        self.assertEqual(stuffed([b"a\r\nb"]), b"a\r\nb\r\n.\r\n")
        self.assertEqual(stuffed([b"a\r\nb\r\n"]), b"a\r\nb\r\n.\r\n")
        self.assertEqual(stuffed([b"a\r", b"\n"]), b"a\r\n.\r\n")
        self.assertEqual(stuffed([]), b".\r\n")
        self.assertEqual(stuffed([b"a\r"]), b"a\r\r\n.\r\n")
