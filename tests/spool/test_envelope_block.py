"""The envelope block: encoding and decoding are inverse, and nothing can be smuggled into a header field."""

from __future__ import annotations

from email import message_from_bytes

from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from shieldrelay.mail.address import NULL, Mailbox, parse_mailbox
from shieldrelay.mail.envelope import Body, Envelope, Message, Notify, Origin, Precedence, Recipient
from shieldrelay.mail.outcome import Fate
from shieldrelay.spool.envelope_block import BlockFault, block_octets, decode_block, encode_block
from shieldrelay.spool.progress import Progress
from tests.spool.samples import a_content, a_message

_local_parts = st.one_of(
    st.from_regex(rb"[A-Za-z0-9!#$%&'*+\-/=?^_`{|}~]{1,64}", fullmatch=True),
    st.text(st.characters(min_codepoint=0xA1, max_codepoint=0x10FFFF, categories=["L", "N", "So"]), max_size=12)
    .filter(bool)
    .map(lambda text: text.encode("utf-8")),
    st.from_regex(rb'"(?:[ !#-\[\]-~]|\\[ -~]){0,30}"', fullmatch=True),
)
_domains = st.sampled_from(
    [b"example.com", b"EXAMPLE.Com", b"[192.0.2.1]", b"[IPv6:2001:db8::1]", "bücher.example".encode()]
)
_mailboxes = st.builds(lambda local, domain: parse_mailbox(local + b"@" + domain, utf8=True), _local_parts, _domains)
_octets = st.one_of(st.none(), st.binary(max_size=1200))
_recipients = st.builds(Recipient, _mailboxes, st.none() | st.frozensets(st.sampled_from(Notify)), _octets)
_envelopes = st.builds(
    Envelope,
    st.just(NULL) | _mailboxes,
    st.lists(_recipients, min_size=1, max_size=5).map(tuple),
    st.sampled_from(Body),
    st.booleans(),
    st.sampled_from([None, b"FULL", b"HDRS"]),
    _octets,
)
_words = st.text(max_size=255)
_origins = st.builds(
    Origin, st.ip_addresses().map(str), st.integers(0, 65535), _words, st.just("ESMTPS"), st.none() | _words, _words
)
_messages = st.builds(
    Message,
    st.from_regex(r"[0-9A-Za-z]{1,40}", fullmatch=True),
    st.floats(0, 4e9),
    st.just("example.com"),
    _envelopes,
    st.none() | _origins,
    st.sampled_from(Precedence),
)
_progress = st.builds(
    Progress,
    st.dictionaries(st.integers(0, 999), st.sampled_from([Fate.TAKEN, Fate.REFUSED, Fate.CONTENT_REFUSED]), max_size=5),
    st.integers(0, 1000),
    st.text(max_size=1000),
    st.none() | st.floats(0, 4e9),
    st.none() | st.floats(0, 4e9),
)


class EnvelopeBlockTests(SynchronousTestCase):
    @settings(deadline=None, derandomize=True, max_examples=150)
    @given(_messages, st.none() | _progress)
    def test_decoding_gives_what_was_encoded(self, message, progress):
        """Every lawful message comes back as it was, and so does the progress."""
        block = decode_block(encode_block(message, progress))
        self.assertEqual((block.message, block.progress), (message, progress))

    @settings(deadline=None, derandomize=True, max_examples=150)
    @given(_messages)
    def test_a_block_is_two_ascii_header_fields_whatever_it_holds(self, message):
        """No value begins a line of its own: two fields, short lines, and the stated length is the true one."""
        block = encode_block(message)
        self.assertTrue(block.isascii())
        self.assertEqual(block_octets(block), len(block))
        lines = block.split(b"\r\n")
        self.assertEqual(lines.pop(), b"")
        self.assertTrue(all(len(line) <= 998 and b"\r" not in line and b"\n" not in line for line in lines))
        self.assertTrue(lines[0].startswith(b"X-Shieldrelay-Envelope: 1 "))
        self.assertTrue(lines[1].startswith(b"X-Shieldrelay-Record: {"))
        self.assertTrue(all(line.startswith(b" ") for line in lines[2:]))

    def test_a_block_without_precedence_is_ordinary(self):
        """Files from before there was precedence are read, and so is a word that only a later release knows."""
        marked = encode_block(evolve(a_message(), precedence=Precedence.KNOWN_GOOD))
        self.assertIs(decode_block(marked).message.precedence, Precedence.KNOWN_GOOD)
        self.assertNotIn(b"precedence", encode_block(a_message()))
        self.assertIs(decode_block(encode_block(a_message())).message.precedence, Precedence.ORDINARY)
        later = marked.replace(b"known-good", b"wonderful!")
        self.assertIs(decode_block(later).message.precedence, Precedence.ORDINARY)

    @settings(deadline=None, derandomize=True, max_examples=300)
    @given(st.binary(max_size=400), st.integers(0, 400))
    def test_no_octets_raise_anything_but_a_block_fault(self, octets, cut):
        """Garbage, and garbage in place of a part of a block, is a fault and nothing worse."""
        whole = encode_block(a_message())
        for block in (octets, whole[:cut] + octets, whole[:cut] + octets + whole[cut + len(octets) :]):
            try:
                decode_block(block)
            except BlockFault:
                continue

    def test_a_mail_reader_opens_the_file(self):
        """Python's own parser sees our two fields on top of the message, and the message."""
        parsed = message_from_bytes(encode_block(a_message(recipients=40)) + a_content("M1"))
        self.assertEqual(parsed.keys(), ["X-Shieldrelay-Envelope", "X-Shieldrelay-Record", "Subject"])
        self.assertEqual(parsed["Subject"], "M1")

    def test_a_thousand_of_the_longest_recipients_fit(self):
        """The largest lawful envelope is within the longest block that is read."""
        local = ("\u00e9" * 32).encode()
        recipient = Recipient(Mailbox(local, b"d" * 189, "d" * 255), frozenset(Notify), b"rfc822;" + b"+" * 500)
        message = evolve(a_message(), envelope=Envelope(NULL, (recipient,) * 1000))
        self.assertEqual(decode_block(encode_block(message)).message, message)

    def test_an_unknown_version_is_named(self):
        """A file of a later release is refused with its version, not misread."""
        block = encode_block(a_message()).replace(b"Envelope: 1 ", b"Envelope: 2 ", 1)
        fault = self.assertRaises(BlockFault, block_octets, block)
        self.assertIn("version 2", str(fault))

    def test_a_torn_block_is_a_fault(self):
        """Any octet short is a fault."""
        block = encode_block(a_message())
        for length in range(len(block)):
            self.assertRaises(BlockFault, decode_block, block[:length])
