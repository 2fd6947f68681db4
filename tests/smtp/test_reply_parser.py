"""Replies of next hops, lawful and not (RFC 5321 §4.2)."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from shieldrelay.mail.reply import Reply
from shieldrelay.smtp import reply_parser
from shieldrelay.smtp.reply_parser import LINE_OCTETS, REPLY_LINES, TEXT_CHARACTERS, ReplyFault, ReplyParser

EHLO = b"250-mx.example at your service\r\n250-PIPELINING\r\n250-SIZE 1000\r\n250 DSN\r\n"


def parsed(*segments: bytes) -> list[Reply]:
    """Feed segments to a fresh parser."""
    parser = ReplyParser()
    return [reply for segment in segments for reply in parser.feed(segment)]


class LawfulReplyTests(SynchronousTestCase):
    """What a lawful server says."""

    def test_a_reply_has_code_enhanced_code_and_text(self) -> None:
        """The enhanced code is taken out of the text."""
        self.assertEqual(parsed(b"250 2.1.0 Sender ok\r\n"), [Reply(250, (2, 1, 0), ("Sender ok",))])

    def test_a_reply_of_many_lines_is_one(self) -> None:
        """Hyphenated lines belong to the line that ends the reply."""
        self.assertEqual(parsed(EHLO)[0].lines, ("mx.example at your service", "PIPELINING", "SIZE 1000", "DSN"))

    def test_the_enhanced_code_is_taken_off_every_line(self) -> None:
        """RFC 2034 §4 repeats it on each line; a line without it is kept whole."""
        reply = parsed(b"550-5.7.1 No\r\n550-5.7.1\r\n550-nor 5.7.1\r\n550 5.7.2 other\r\n")[0]
        self.assertEqual(reply, Reply(550, (5, 7, 1), ("No", "", "nor 5.7.1", "5.7.2 other")))

    def test_a_contradicting_enhanced_code_is_text(self) -> None:
        """A class that does not fit the code counts as words."""
        self.assertEqual(parsed(b"250 5.1.1 hm\r\n"), [Reply(250, None, ("5.1.1 hm",))])

    def test_a_bare_code_is_a_reply(self) -> None:
        """RFC 5321 §4.2: a text is optional, and so is the space."""
        self.assertEqual(parsed(b"354\r\n250 \r\n"), [Reply(354, None, ("",)), Reply(250, None, ("",))])

    def test_pipelined_replies_come_in_order(self) -> None:
        """Several replies in one segment are several."""
        self.assertEqual([reply.code for reply in parsed(b"250 a\r\n550 b\r\n354 c\r\n")], [250, 550, 354])

    def test_chunking_is_invisible(self) -> None:
        """However the octets are cut, the replies are the same."""
        octets = EHLO + b"250 2.1.0 ok\r\n421 4.3.2 gone\r\n"

        @settings(deadline=None, derandomize=True, max_examples=100)
        @given(st.lists(st.integers(0, len(octets)), max_size=12))
        def check(cuts: list[int]) -> None:
            borders = [0, *sorted(cuts), len(octets)]
            segments = [octets[start:end] for start, end in pairwise(borders)]
            self.assertEqual(parsed(*segments), parsed(octets))

        check()


class UnlawfulReplyTests(SynchronousTestCase):
    """What a next hop that talks nonsense says."""

    def fault(self, *segments: bytes) -> str:
        """Feed what must raise; give the reason."""
        return str(self.assertRaises(ReplyFault, parsed, *segments).args[0])

    def test_what_is_no_reply_is_a_fault(self) -> None:
        """No code, a code out of range, text glued to the code, an empty line."""
        for nonsense in (
            b"hello\r\n",
            b"199 x\r\n",
            b"600 x\r\n",
            b"250x\r\n",
            b"\r\n",
            b"25\r\n",
            b"\xb2\xb3\xb4 x\r\n",
        ):
            self.assertIn("not a reply", self.fault(nonsense))

    def test_changing_codes_are_a_fault(self) -> None:
        """The lines of one reply have one code."""
        self.assertIn("different codes", self.fault(b"250-a\r\n550 b\r\n"))

    def test_an_endless_line_is_a_fault(self) -> None:
        """A line is refused as soon as it is too long, whether its end came or not."""
        self.assertIn("too long", self.fault(b"250 " + b"x" * LINE_OCTETS))
        self.assertIn("too long", self.fault(b"250 " + b"x" * LINE_OCTETS + b"\r\n"))
        self.assertIn("too long", self.fault(*[b"x" * 100] * (LINE_OCTETS // 100 + 1)))

    def test_an_endless_reply_is_a_fault(self) -> None:
        """The number of lines is bounded, and with it what a next hop can make us hold."""
        self.assertIn("too many lines", self.fault(*[b"250-x\r\n"] * REPLY_LINES))

    def test_words_are_printable_and_clipped(self) -> None:
        """Control characters, escapes, and direction marks do not reach a log, a notice or a page."""
        text = parsed(b"550 \x1b[31m\0a\x85\xe2\x80\xaeb\r " + "é".encode() + b"x" * 1000 + b"\r\n")[0].lines[0]
        self.assertTrue(text.isprintable())
        self.assertTrue(text.startswith("?[31m?a"))
        self.assertIn("é", text)
        self.assertLessEqual(len(text), TEXT_CHARACTERS)

    def test_long_replies_are_not_remembered(self) -> None:
        """Only short replies are cached: what a hostile server can make us keep is small."""
        before = reply_parser._short_reply.cache_info().currsize
        parsed(b"550 " + b"long" * 100 + b"\r\n")
        self.assertEqual(reply_parser._short_reply.cache_info().currsize, before)

    def test_no_octets_raise_anything_else(self) -> None:
        """Whatever comes, it is a list of replies or a `ReplyFault`."""

        @settings(deadline=None, derandomize=True, max_examples=300)
        @given(
            st.lists(
                st.one_of(st.binary(max_size=40), st.sampled_from([b"250-", b"250 ", b"\r\n", b"\n"])), max_size=20
            )
        )
        def check(segments: list[bytes]) -> None:
            parser = ReplyParser()
            try:
                for segment in segments:
                    for reply in parser.feed(segment):
                        self.assertTrue(200 <= reply.code <= 599 and reply.lines)
            except ReplyFault:
                return

        check()
