"""Claims about the arguments of commands: what is parsed, what is refused, and that nothing hostile gets through."""

from __future__ import annotations

import re

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial import unittest

from shieldrelay.mail.address import NULL, BarePostmaster
from shieldrelay.mail.envelope import Body, Notify
from shieldrelay.mail.reply import Reply
from shieldrelay.smtp import grammar, replies
from shieldrelay.smtp.events import MailRequested, RecipientRequested
from shieldrelay.smtp.grammar import NO_OFFERS, Chunk, Offers

ALL = Offers.of(smtputf8=True, dsn=True)
QUICK = settings(deadline=None, derandomize=True, max_examples=500)
PIECES = st.sampled_from([
    b"<", b">", b'"', b"\\", b"@", b" ", b"a", b"b.test", b",", b":", b"+0A", b"=", b"SIZE=", b"ENVID=", b"NOTIFY=",
    b"ORCPT=rfc822;", b"\t", b"\x7f", b"\xc3\xa4", b"RET=FULL", b"SMTPUTF8",
])  # fmt: skip


class MailTests(unittest.SynchronousTestCase):
    def test_all_parameters_are_read(self) -> None:
        """Every parameter that is offered arrives with its meaning."""
        asked = grammar.mail(b"FROM:<a@b.test> SIZE=7 BODY=8BITMIME SMTPUTF8 RET=HDRS ENVID=x+2By", ALL)
        assert isinstance(asked, MailRequested)
        self.assertEqual(bytes(asked.reverse_path), b"a@b.test")
        self.assertEqual((asked.size, asked.body, asked.smtputf8), (7, Body.EIGHTBITMIME, True))
        self.assertEqual((asked.ret, asked.envid), (b"HDRS", b"x+2By"))

    def test_null_reverse_path(self) -> None:
        """The null reverse-path is its own value."""
        self.assertEqual(grammar.mail(b"from:<>", NO_OFFERS), MailRequested(NULL))

    def test_source_route_is_stripped(self) -> None:
        """A source route is checked and forgotten (RFC 5321 appendix C)."""
        asked = grammar.mail(b"FROM:<@one.test,@two.test:a@b.test>", ALL)
        assert isinstance(asked, MailRequested)
        self.assertEqual(bytes(asked.reverse_path), b"a@b.test")

    def test_injection_is_refused(self) -> None:
        """Nothing that could end a line, a path or a header gets into a value."""
        for argument in (
            b"FROM:<a@b.test\x0b>", b'FROM:<"a\x01"@b.test>', b"FROM:<a@b.test> ENVID=a+0D", b"FROM:<a@b.test>\tSIZE=1",
            b"FROM:<a@b.test> ENVID=a\x7f", b"FROM:<a@b.test><c@d.test>", b"FROM:<<a@b.test>>", b"FROM:a@b.test",
            b"FROM:<a@b.test> SIZE=-1", b"FROM:<a@b.test> SIZE=123456789012345678901",
            b"FROM:<" + b"a" * 300 + b"@b.test>",
        ):  # fmt: skip
            self.assertIsInstance(grammar.mail(argument, ALL), Reply, argument)


class RecipientTests(unittest.SynchronousTestCase):
    def test_dsn_parameters_are_read(self) -> None:
        """NOTIFY is a set of words, ORCPT stays as it came."""
        asked = grammar.rcpt(b"TO:<a@b.test> notify=success,Failure ORCPT=rfc822;a+40b", ALL, False)
        assert isinstance(asked, RecipientRequested)
        self.assertEqual(asked.notify, frozenset((Notify.SUCCESS, Notify.FAILURE)))
        self.assertEqual(asked.orcpt, b"rfc822;a+40b")

    def test_postmaster_needs_no_domain(self) -> None:
        """Only postmaster may stand alone, in any case (RFC 5321 §4.1.1.3)."""
        self.assertEqual(
            grammar.rcpt(b"TO:<PostMaster>", ALL, False), RecipientRequested(BarePostmaster(b"PostMaster"))
        )
        self.assertEqual(grammar.rcpt(b"TO:<abuse>", ALL, False), replies.RECIPIENT_SYNTAX)

    def test_internationalized_original_recipient(self) -> None:
        """The address type utf-8 may hold UTF-8 and nothing else above 127 (RFC 6533)."""
        self.assertIsInstance(grammar.rcpt(b"TO:<a@b.test> ORCPT=utf-8;\xc3\xa4@b.test", ALL, True), RecipientRequested)
        for value in (b"utf-8;\xff@b.test", b"rfc822;\xc3\xa4@b.test", b"utf-8;a\xc3\xa4+0A", b"utf-8;"):
            self.assertEqual(grammar.rcpt(b"TO:<a@b.test> ORCPT=" + value, ALL, True), replies.SYNTAX, value)


class TotalTests(unittest.SynchronousTestCase):
    @QUICK
    @given(st.lists(PIECES, max_size=20))
    def test_paths_are_lawful_or_refused(self, pieces: list[bytes]) -> None:
        """Any argument is refused, or gives a path without controls, and without spaces and brackets outside quotes."""
        for prefix, parse in ((b"FROM:<", _mail), (b"TO:<", _rcpt)):
            asked = parse(prefix + b"".join(pieces))
            if isinstance(asked, Reply):
                self.assertTrue(asked.is_permanent)
                continue
            path = asked.reverse_path if isinstance(asked, MailRequested) else asked.forward_path
            unquoted = re.sub(rb'"(?:[^"\\]|\\.)*"', b"", bytes(path))
            self.assertIsNone(re.search(rb'[\x00-\x20<>"\x7f]', unquoted))
            self.assertIsNone(re.search(rb"[\x00-\x1f\x7f]", bytes(path)))

    def test_chunks(self) -> None:
        """BDAT's argument is digits and perhaps LAST, nothing else."""
        self.assertEqual(grammar.bdat(b"0"), Chunk(0, False))
        self.assertEqual(grammar.bdat(b"86 Last"), Chunk(86, True))
        for argument in (b"", b"LAST", b"-1", b"+1", b"1 2", b"1 LAST LAST", b"1e3", b"\xb2", b"1\tLAST", b"9" * 21):
            self.assertIsNone(grammar.bdat(argument), argument)

    def test_names_in_hello(self) -> None:
        """A name is printable and without spaces, or it is none."""
        for name in (b"", b"a b", b"a\tb", b"\xc3\xa4", b"a" * 256, b"a\x7f"):
            self.assertIsNone(grammar.hello_name(name), name)
        self.assertEqual(grammar.hello_name(b"[192.0.2.1]"), b"[192.0.2.1]")


def _mail(argument: bytes) -> MailRequested | Reply:
    return grammar.mail(argument, ALL)


def _rcpt(argument: bytes) -> RecipientRequested | Reply:
    return grammar.rcpt(argument, ALL, True)
