"""Addresses: valid or never built (RFC 5321 §4.1.2, RFC 6531 §3.3)."""

from __future__ import annotations

from hypothesis import example, given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from shieldrelay.mail.address import AddressFault, BarePostmaster, Mailbox, domain_key, parse_mailbox

LAWFUL = [
    b"a@b",
    b"bob@example.com",
    b"!#$%&'*+-/=?^_`{|}~@example.com",
    b"first.last@sub.example.com",
    b'"quoted local"@example.com',
    b'"a@b"@example.com',
    b'"with \\" quote"@example.com',
    b'""@example.com',
    b"x" * 64 + b"@example.com",
    b"bob@[192.0.2.1]",
    b"bob@[IPv6:2001:db8::1]",
    b"bob@[tag:anything]",
    b"bob@3com.example",
    b"bob@xn--mnchen-3ya.example",
]
UNLAWFUL = [
    b"",
    b"bob",
    b"@example.com",
    b"bob@",
    b".bob@example.com",
    b"bob.@example.com",
    b"b..ob@example.com",
    b"b ob@example.com",
    b"bob@exa mple.com",
    b"bob@-example.com",
    b"bob@example-.com",
    b"bob@example..com",
    b"bob@.example.com",
    b"bob@exam_ple.com",
    b"bob@" + b"x" * 64 + b".com",
    b"x" * 65 + b"@example.com",
    b"bob@" + b"x." * 130 + b"com",
    b'"unended@example.com',
    b'"a"b@example.com',
    b'"a\\"@example.com',
    b"bob@[192.0.2.256]",
    b"bob@[192.0.2.1",
    b"bob@[IPv6:2001:db8::1%eth0]",
    b"bob@[]",
    b"a@b@example.com",
    b"bob@example.com\r\n",
    b"bob\r\n@example.com",
    b'"a\r\nRCPT TO:<x@y>"@example.com',
    b"bob@example.com\0",
    b'"nul\0"@example.com',
    b"bob<x>@example.com",
]


class MailboxTests(SynchronousTestCase):
    def test_lawful_addresses_are_kept_as_received(self) -> None:
        """Every lawful form parses and is written back octet for octet."""
        for text in LAWFUL:
            self.assertEqual(bytes(parse_mailbox(text)), text)

    def test_unlawful_addresses_are_refused(self) -> None:
        """Nothing is repaired, and the fault's words are ours."""
        for text in UNLAWFUL:
            fault = self.assertRaises(AddressFault, parse_mailbox, text)
            self.assertRegex(fault.args[0], r"\Athe [a-z0-9A-Z \-]+\Z")

    @settings(deadline=None, derandomize=True, max_examples=500)
    @given(st.one_of(st.binary(max_size=80), st.text(max_size=40).map(lambda text: text.encode())), st.booleans())
    @example(b"a@\xef\xbc\xa1.example", True)
    @example(b"\xff@example.com", True)
    @example(b"a@xn--a.example", True)
    def test_no_octets_raise_anything_else(self, text: bytes, utf8: bool) -> None:
        """Any octets give a mailbox that is safe on the wire, or an AddressFault."""
        for candidate in (text, text + b"@example.com", b"bob@" + text):
            try:
                mailbox = parse_mailbox(candidate, utf8=utf8)
            except AddressFault:
                continue
            self.assertEqual(bytes(mailbox), candidate)
            self.assertFalse(set(candidate) & {*range(32), 127}, candidate)
            self.assertTrue(utf8 or mailbox.is_ascii)
            self.assertTrue(mailbox.domain_key.isascii())
            candidate.decode("utf-8")

    def test_internationalized_addresses_need_smtputf8(self) -> None:
        """They parse only where SMTPUTF8 was given, and say that they are not ASCII."""
        text = "jürgen@münchen.example".encode()
        self.assertRaises(AddressFault, parse_mailbox, text)
        mailbox = parse_mailbox(text, utf8=True)
        self.assertEqual((mailbox.is_ascii, mailbox.domain_key), (False, "xn--mnchen-3ya.example"))
        self.assertEqual(mailbox.local_key, "jürgen".encode())

    def test_comparison_knows_no_case_and_no_quoting(self) -> None:
        """One mailbox has one key, however it is spelled."""
        keys = {
            (mailbox.local_key, mailbox.domain_key)
            for mailbox in map(parse_mailbox, (b"Bob@Example.COM", b'"bob"@example.com', b'"b\\ob"@EXAMPLE.com'))
        }
        self.assertEqual(keys, {(b"bob", "example.com")})


class DomainKeyTests(SynchronousTestCase):
    def test_spellings_of_one_domain_have_one_key(self) -> None:
        """Case, U-labels and the many forms of an IPv6 literal."""
        self.assertEqual(domain_key("MÜNCHEN.example".encode()), domain_key(b"XN--MNCHEN-3YA.example"))
        self.assertEqual(domain_key(b"[IPv6:2001:DB8:0:0::1]"), domain_key(b"[ipv6:2001:db8::1]"))

    def test_names_that_only_look_alike_have_none(self) -> None:
        """Full-width letters, other full stops, invisible characters and letters that fold into ASCII are refused."""
        names = (
            "ｅｘａｍｐｌｅ.com",
            "example。com",
            "exam\u200bple.com",
            "ex\u00adample.com",
            "boo\u212a.com",
            "\u0130.com",
            "a\u2024com",
        )
        for name in names:
            self.assertRaises(AddressFault, domain_key, name.encode())

    def test_names_that_only_look_like_domains_have_none(self) -> None:
        """Empty, overlong, with spaces or with octets that are not UTF-8."""
        for name in (b"", b"a" * 256, b"a b", b"a\n", b"\xff.example", b"[x", b"[1.2.3]"):
            self.assertRaises(AddressFault, domain_key, name)


class BarePostmasterTests(SynchronousTestCase):
    def test_it_keeps_its_spelling(self) -> None:
        """It is written as it was received, and is no mailbox."""
        self.assertEqual(bytes(BarePostmaster(b"PostMaster")), b"PostMaster")
        self.assertNotIsInstance(BarePostmaster(), Mailbox)
