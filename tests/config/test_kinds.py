"""Claims about the kinds of settings: what they take, what they refuse, and the typed values that come out."""

from __future__ import annotations

import ipaddress
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial import unittest

from shieldrelay.config.content import PluginName
from shieldrelay.config.hosts import (
    CertifiedName,
    DomainName,
    HostPattern,
    HostPort,
    ListenAddress,
    MailboxText,
    Network,
    ServerAddress,
    ServerIp,
)
from shieldrelay.config.kinds import Count, FilePath, Flag, FreeText, Kind, ListOf, Maybe, Text, Unfit, Word
from shieldrelay.config.limits import SomeLimits, limit_kinds
from shieldrelay.config.list_sources import AttributeName
from shieldrelay.config.quantities import Duration, MessageRate, OctetRate, Octets, OctetTally, Rate, Share, Tally
from shieldrelay.config.records import AnyTable, Record
from shieldrelay.config.routes import NextHops, NoticeRoute, NoticeRouteText, NoticeWay
from shieldrelay.config.smtp import BareNewlines
from shieldrelay.config.sources import Delimiter, Pin, RecipientSource, RecipientSourceText, Separator, SourceKind

LIMITS = Record(SomeLimits(), limit_kinds())

TAKEN: list[tuple[Kind[Any], object, object]] = [
    (Duration("1ms", "30d"), "30s", 30.0),
    (Duration("1ms", "30d"), "250ms", 0.25),
    (Duration("1ms", "30d"), "1.5h", 5400.0),
    (Duration("1ms", "30d"), "7 d", 604800.0),
    (Octets("1B", "1TiB"), "500B", 500),
    (Octets("1B", "1TiB"), "25MiB", 25 << 20),
    (Octets("1B", "1TiB"), "0.5KiB", 512),
    (Share(), "20%", 0.2),
    (Share(), "2.5 %", 0.025),
    (MessageRate(), "600/min", Rate(600.0, 60.0)),
    (OctetRate(), "10MiB/s", Rate(10.0 * (1 << 20), 1.0)),
    (Flag(), True, True),
    (Count(1, 5), 5, 5),
    (Text(), "ESMTP", "ESMTP"),
    (Word(), "node-1.example", "node-1.example"),
    (FilePath(), "/etc/x", "/etc/x"),
    (ListOf(Count(1, 9)), [1, 2], (1, 2)),
    (ListOf(Count(1, 9)), [], ()),
    (Maybe(Count(1, 9)), 3, 3),
    (ListenAddress(), "0.0.0.0:25", HostPort("0.0.0.0", 25)),
    (ListenAddress(), "[::]:25", HostPort("::", 25)),
    (ListenAddress(), "127.0.0.1:0", HostPort("127.0.0.1", 0)),
    (ServerAddress(), "192.0.2.25", HostPort("192.0.2.25", 25)),
    (ServerAddress(), "Mail.Example:2525", HostPort("mail.example", 2525)),
    (ServerAddress(), "[2001:DB8:0::1]:26", HostPort("2001:db8::1", 26)),
    (ServerAddress(), "2001:db8::1", HostPort("2001:db8::1", 25)),
    (NextHops(), ["a.example"], ((HostPort("a.example", 25),),)),
    (
        NextHops(),
        [["a.example", "b.example:26"], "192.0.2.1"],
        ((HostPort("a.example", 25), HostPort("b.example", 26)), (HostPort("192.0.2.1", 25),)),
    ),
    (Network(), "192.0.2.0/24", ipaddress.ip_network("192.0.2.0/24")),
    (Network(), "2001:db8::1", ipaddress.ip_network("2001:db8::1/128")),
    (DomainName(), "Exämple.COM", "xn--exmple-cua.com"),
    (HostPattern(), "*.Example.com", "*.example.com"),
    (CertifiedName(), "2001:DB8::1", "2001:db8::1"),
    (NoticeRouteText(), "mx", NoticeRoute(NoticeWay.MX)),
    (NoticeRouteText(), "next_hop", NoticeRoute(NoticeWay.NEXT_HOP)),
    (NoticeRouteText(), "smarthost:out.example:587", NoticeRoute(NoticeWay.SMARTHOST, HostPort("out.example", 587))),
    (RecipientSourceText(), "any", RecipientSource(SourceKind.ANY)),
    (RecipientSourceText(), "file:/x/y", RecipientSource(SourceKind.FILE, "/x/y")),
    (RecipientSourceText(), "push", RecipientSource(SourceKind.PUSH)),
    (RecipientSourceText(), "ldif:/x", RecipientSource(SourceKind.LDIF, "/x")),
    (RecipientSourceText(), "ldaps://x.test:636", RecipientSource(SourceKind.LDAPS, "ldaps://x.test:636")),
    (RecipientSourceText(), "http://[::1]/a?b", RecipientSource(SourceKind.HTTPS, "http://[::1]/a?b")),
    (Separator(), "+", "+"),
    (Delimiter(), "\t", "\t"),
    (FreeText(), "ou=Mün", "ou=Mün"),
    (AttributeName(), "proxyAddresses", "proxyAddresses"),
    (PluginName(), "clam_av2", "clam_av2"),
    (ServerIp(53), "[2001:db8::1]:5353", HostPort("2001:db8::1", 5353)),
    (Tally(1, 99), "30/min", 30),
    (Tally(1, 99, "5min"), "30 /5min", 30),
    (OctetTally("1KiB", "1MiB"), "4KiB/min", 4096),
    (LIMITS, {"sessions": 3}, SomeLimits(sessions=3)),
    (AnyTable(), {"a": [1]}, {"a": [1]}),
]

REFUSED: list[tuple[Kind[Any], object]] = [
    (Duration("1s", "1m"), "2m"),
    (Duration("1s", "1m"), "10"),
    (Duration("1s", "1m"), 10),
    (Duration("1s", "1m"), "10 min"),
    (Duration("1s", "1m"), "-1s"),
    (Octets("1B", "1MiB"), "1MB"),
    (Octets("1B", "1MiB"), 1000),
    (Octets("1B", "1MiB"), "0.3B"),
    (Octets("1B", "1MiB"), "2MiB"),
    (Share(), 0.2),
    (Share(), "101%"),
    (MessageRate(), "0/min"),
    (MessageRate(), "5"),
    (OctetRate(), "5/s"),
    (OctetRate(), "0B/s"),
    (Flag(), "true"),
    (Flag(), 1),
    (Count(1, 5), 0),
    (Count(1, 5), True),
    (Count(1, 5), 2.0),
    (Text(), "two\r\nlines"),
    (Text(), "ä"),
    (Word(), "../x"),
    (Word(), ""),
    (Word(), ".hidden"),
    (FilePath(), "relative"),
    (FilePath(), "/with\0nul"),
    (ListOf(Count(1, 9), least=1), []),
    (ListOf(Count(1, 9)), 3),
    (ListenAddress(), "localhost:25"),
    (ListenAddress(), "0.0.0.0"),
    (ListenAddress(), "0.0.0.0:99999"),
    (ListenAddress(), "fe80::1%eth0:25"),
    (ServerAddress(), "a b"),
    (ServerAddress(), "host:0"),
    (ServerAddress(), "host:"),
    (ServerAddress(), "[host]:25"),
    (ServerAddress(), "1.2.3"),
    (NextHops(), []),
    (NextHops(), [[]]),
    (NextHops(), ["a.example", "a.example:25"]),
    (Network(), "10.0.0.1/8"),
    (Network(), "example.com"),
    (DomainName(), "[192.0.2.1]"),
    (DomainName(), "192.0.2.1"),
    (DomainName(), "a..b"),
    (MailboxText(), "postmaster"),
    (NoticeRouteText(), "smarthost"),
    (NoticeRouteText(), "smarthost:"),
    (NoticeRouteText(), "direct"),
    (RecipientSourceText(), "file:relative"),
    (RecipientSourceText(), "all"),
    (RecipientSourceText(), "ldap://"),
    (RecipientSourceText(), "https://x:y"),
    (RecipientSourceText(), "https://x/a b"),
    (RecipientSourceText(), "ldaps://x/dc=y"),
    (Separator(), "++"),
    (Separator(), "@"),
    (Delimiter(), '"'),
    (FreeText(), ""),
    (FreeText(), "two\nlines"),
    (AttributeName(), "mail;lang-de"),
    (PluginName(), ""),
    (PluginName(), "a/b"),
    (PluginName(), "Gtube"),
    (ServerIp(53), "dns.test"),
    (Tally(1, 99), "100/min"),
    (Tally(1, 99), "1/s"),
    (Tally(1, 99), "1.5/min"),
    (OctetTally("1KiB", "1MiB"), "4KiB"),
    (OctetTally("1KiB", "1MiB"), "4/min"),
    (LIMITS, {"sessions": 0}),
    (LIMITS, {"session": 1}),
    (LIMITS, 3),
    (AnyTable(), []),
    (Pin(), "abc"),
]

EVERY = {type(kind): kind for kind, _ in REFUSED}

WRITTEN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=30),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


class KindTests(unittest.SynchronousTestCase):
    def test_takes_what_is_valid(self) -> None:
        """Each kind takes its forms and gives the typed value."""
        for kind, written, value in TAKEN:
            self.assertEqual(kind.parse(written), value, f"{kind} {written!r}")

    def test_refuses_what_is_not(self) -> None:
        """Each kind refuses what only looks like its form, and shows the wrong value."""
        for kind, written in REFUSED:
            unfit = self.assertRaises(Unfit, kind.parse, written)
            self.assertTrue(str(unfit), f"{kind} {written!r}")

    def test_says_what_is_valid(self) -> None:
        """Each kind describes itself on one line."""
        for kind in EVERY.values():
            self.assertGreater(len(kind.valid), 8)
            self.assertNotIn("\n", kind.valid)

    @settings(deadline=None, derandomize=True, max_examples=150)
    @given(WRITTEN)
    def test_is_total(self, written: object) -> None:
        """Whatever TOML may hold is taken or refused as unfit, and an error never has a line end in it."""
        for kind in EVERY.values():
            try:
                kind.parse(written)
            except Unfit as unfit:
                self.assertNotIn("\n", str(unfit))

    def test_server_addresses_are_written_as_they_are_read(self) -> None:
        """A server's text is a server again."""
        for text in ("192.0.2.1:25", "[2001:db8::1]:2525", "mail.example:25"):
            self.assertEqual(str(ServerAddress().parse(text)), text)

    def test_choices_are_words(self) -> None:
        """A choice gives a member of its enum and names all words."""
        from shieldrelay.config.kinds import Choice

        kind = Choice(BareNewlines)
        self.assertIs(kind.parse("normalize"), BareNewlines.NORMALIZE)
        self.assertRaises(Unfit, kind.parse, "NORMALIZE")
        self.assertRaises(Unfit, kind.parse, ["refuse"])
        self.assertEqual(kind.valid, '"refuse" or "normalize"')
