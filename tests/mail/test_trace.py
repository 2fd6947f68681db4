"""The Received field: one lawful field, whatever the client said of itself (RFC 5321 §4.4)."""

from __future__ import annotations

import email
import email.policy
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from hypothesis import example, given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from shieldrelay.mail.address import Mailbox, parse_mailbox
from shieldrelay.mail.envelope import Origin
from shieldrelay.mail.trace import date, escaped, received

BOB = parse_mailbox(b"bob@example.com")
AT = 1_795_320_258.75
PROTOCOLS = ["SMTP", "ESMTP", "ESMTPS", "UTF8SMTP", "UTF8SMTPS"]


def origin(helo: str = "client.example", address: str = "203.0.113.5", tls: str | None = None) -> Origin:
    return Origin(address, 40000, helo, "ESMTPS" if tls else "ESMTP", tls)


def field(source: Origin, recipient: Mailbox | None = BOB) -> bytes:
    return received(source, "mx1.shield.example", "1AbC", AT, recipient)


class FormTests(SynchronousTestCase):
    def test_the_whole_field(self) -> None:
        """All clauses stand in the order of the grammar, folded, with the date in UTC."""
        self.assertEqual(
            field(origin(tls="TLSv1.3 TLS_AES_256_GCM_SHA384")),
            b"Received: from client.example ([203.0.113.5])\r\n"
            b"\t(TLSv1.3 TLS_AES_256_GCM_SHA384)\r\n"
            b"\tby mx1.shield.example with ESMTPS id 1AbC\r\n"
            b"\tfor <bob@example.com>; Sun, 22 Nov 2026 04:04:18 +0000\r\n",
        )

    def test_several_recipients_are_not_named(self) -> None:
        """Without a single recipient there is no for-clause, and no TLS comment in plaintext."""
        self.assertEqual(
            field(origin(), None),
            b"Received: from client.example ([203.0.113.5])\r\n"
            b"\tby mx1.shield.example with ESMTP id 1AbC; Sun, 22 Nov 2026 04:04:18 +0000\r\n",
        )

    def test_an_ipv6_client_has_its_tag(self) -> None:
        """RFC 5321 §4.1.3 wants IPv6: inside the brackets; a zone is nobody's business."""
        self.assertIn(b" ([IPv6:2001:db8::1])\r\n", field(origin(address="2001:db8::1")))
        self.assertIn(b" ([IPv6:fe80::1])\r\n", field(origin(address="fe80::1%eth0")))

    def test_a_literal_as_helo_stands_as_it_is(self) -> None:
        """An address literal is a lawful argument of EHLO."""
        self.assertIn(b"from [192.0.2.9] ([203.0.113.5])", field(origin("[192.0.2.9]")))
        self.assertIn(b"from [IPv6:2001:db8::9] (", field(origin("[IPv6:2001:db8::9]")))

    def test_an_unlawful_helo_stands_in_a_comment(self) -> None:
        """What is no domain is escaped and kept where the grammar wants nothing."""
        self.assertIn(b"from [203.0.113.5] (HELO my computer%28%29)\r\n", field(origin("my computer()")))
        self.assertIn(b"from [203.0.113.5] (HELO )\r\n", field(origin("")))

    def test_a_utf8_recipient_is_kept_as_it_is(self) -> None:
        """RFC 6531 §3.7.3: the for-clause of an internationalized recipient is UTF-8."""
        mailbox = parse_mailbox("jürgen@example.com".encode(), utf8=True)
        self.assertIn("for <jürgen@example.com>;".encode(), field(origin(), mailbox))

    def test_the_date_is_that_of_the_standard_library(self) -> None:
        """Over centuries, leap days included, the date reads back as the same second."""
        for second in range(0, 8_000_000_000, 86_399 * 977):
            self.assertEqual(parsedate_to_datetime(date(second)), datetime.fromtimestamp(second, UTC))


NASTY = st.text(st.sampled_from("\r\n\t\0()\\\"'<>;:,%[]. -=\x7f\x85\u2028\x0b\x0cabcReceived:é\ud800"), max_size=300)


class HostileTests(SynchronousTestCase):
    @settings(deadline=None, derandomize=True, max_examples=400)
    @given(
        st.one_of(NASTY, st.text(max_size=300)),
        st.one_of(st.just("203.0.113.5"), NASTY),
        st.one_of(st.none(), NASTY),
        st.sampled_from(PROTOCOLS),
        st.booleans(),
    )
    @example("x) by evil (", "203.0.113.5", None, "SMTP", True)
    @example("x\r\nBcc: y@example.com", "203.0.113.5", None, "SMTP", True)
    @example("x\r\n\r\nbody", "203.0.113.5", "a\nb", "ESMTPS", False)
    @example("a" * 255, "203.0.113.5", None, "ESMTP", True)
    @example("good.example\n", "203.0.113.5", None, "ESMTP", True)
    def test_the_result_is_exactly_one_field(
        self, helo: str, address: str, tls: str | None, protocol: str, single: bool
    ) -> None:
        """Whatever client text goes in, one ASCII Received field with balanced comments and short lines comes out."""
        raw = received(Origin(address, 1, helo, protocol, tls), "mx1.example", "1AbC", AT, BOB if single else None)
        self.assertTrue(raw.isascii())
        self.assertTrue(raw.endswith(b"\r\n"))
        lines = raw[:-2].split(b"\r\n")
        for line in lines:
            self.assertLessEqual(len(line), 512)
            self.assertFalse(any((octet < 32 and octet != 9) or octet == 127 for octet in line), line)
        self.assertTrue(lines[0].startswith(b"Received: from "))
        self.assertTrue(all(line.startswith(b"\t") and line.strip() for line in lines[1:]), lines)
        self.assertEqual(raw.count(b"("), raw.count(b")"))
        for policy in (email.policy.compat32, email.policy.SMTP):
            message = email.message_from_bytes(raw + b"\r\nbody\r\n", policy=policy)
            self.assertEqual((message.keys(), message.defects, message.get_payload()), (["Received"], [], "body\r\n"))

    def test_comments_do_not_nest_or_end_early(self) -> None:
        """Depth never exceeds one and is nothing at the end of each line."""
        for helo in ("((((", "))))", "\\)", 'a"b', "a\\"):
            for line in field(origin(helo)).split(b"\r\n"):
                depth = 0
                for octet in line:
                    depth += (octet == 0x28) - (octet == 0x29)
                    self.assertIn(depth, (0, 1))
                self.assertEqual(depth, 0)

    def test_escapes_cannot_be_forged(self) -> None:
        """A percent sign is escaped itself, so two different texts never look alike."""
        self.assertEqual(escaped("%0D"), "%250D")
        self.assertEqual(escaped("\r"), "%0D")

    def test_long_text_is_clipped(self) -> None:
        """What is kept of hostile text is bounded, and the cut shows."""
        for text in ("(" * 5000, "x" * 129):
            self.assertTrue(escaped(text).endswith("..."))
            self.assertLessEqual(len(escaped(text)), 131)
        self.assertEqual(escaped("x" * 128), "x" * 128)
