"""Replies: code and enhanced code agree, and the wire form is RFC 5321 §4.2's."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from shieldrelay.mail.reply import Reply


class ReplyTests(SynchronousTestCase):
    def test_a_reply_whose_codes_disagree_cannot_be_built(self) -> None:
        """250 with 5.1.1 is a bug at the place where it is made."""
        self.assertRaises(ValueError, Reply, 250, (5, 1, 1))
        self.assertRaises(ValueError, Reply, 550, (4, 1, 1))

    def test_one_line(self) -> None:
        """Code, space, enhanced code, space, text, CRLF."""
        self.assertEqual(Reply(550, (5, 1, 1), ("No such recipient",)).encode(), b"550 5.1.1 No such recipient\r\n")

    def test_several_lines_repeat_both_codes(self) -> None:
        """Every line but the last has a hyphen, and each has the enhanced code (RFC 2034 §4)."""
        self.assertEqual(Reply(250, (2, 0, 0), ("a", "b")).encode(), b"250-2.0.0 a\r\n250 2.0.0 b\r\n")

    def test_a_reply_without_enhanced_code_has_none_on_the_wire(self) -> None:
        """EHLO, greeting and 354 have none; its class is still known."""
        reply = Reply(250, None, ("mx1.example", "PIPELINING"))
        self.assertEqual(reply.encode(), b"250-mx1.example\r\n250 PIPELINING\r\n")
        self.assertEqual(reply.status, "2.0.0")
        self.assertEqual(str(reply), "250 mx1.example / PIPELINING")

    @settings(deadline=None, derandomize=True, max_examples=100)
    @given(st.integers(200, 599))
    def test_each_code_is_of_exactly_one_kind(self, code: int) -> None:
        """Positive, transient or permanent, and the derived status has the code's class."""
        reply = Reply(code, None)
        self.assertEqual([reply.is_positive, reply.is_transient, reply.is_permanent].count(True), 1)
        self.assertEqual(reply.status[0], str(code)[0])
