"""Settings of ``[shield.reputation]``: what a source's past earns it, whose lists are heard, and what we tell others.

Declarations only.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from ipaddress import IPv4Network

from attrs import frozen

from shieldrelay.config.hosts import DomainName, HostPort, IpNetwork, ListenAddress, Network
from shieldrelay.config.kinds import Count, FilePath, Flag, Kind, ListOf, Maybe, Unfit, Word, shown, text_of
from shieldrelay.config.mode import Mode, mode
from shieldrelay.config.quantities import Duration
from shieldrelay.config.records import Record
from shieldrelay.config.setting import keyed, section, setting, subsection
from shieldrelay.config.sources import RecipientSource, RecipientSourceText, SourceKind

_SCORE = Count(1, 100)
_WEIGHT = Count(0, 1000)
_DIGEST = re.compile(r"[0-9a-f]{64}\Z")
_LOOPBACK = IPv4Network("127.0.0.0/8")


@frozen
class ListWeight(Kind[int]):
    """What a listing counts; below 0 it speaks for a client."""

    def parse(self, written: object) -> int:
        """Take a whole number that is not 0."""
        number = Count(-100, 100).parse(written)
        if not number:
            raise Unfit("a weight of 0 says nothing")
        return number

    @property
    def valid(self) -> str:
        """The bounds."""
        return "a whole number from -100 to 100, not 0"


@frozen
class ListAnswer(Kind[IPv4Network]):
    """What a DNS list answers of those that it has: an address within 127.0.0.0/8, or a network of them."""

    def parse(self, written: object) -> IPv4Network:
        """Take a network."""
        network = Network().parse(written)
        if not isinstance(network, IPv4Network) or not network.subnet_of(_LOOPBACK):
            raise Unfit(f"{shown(written)} is not within {_LOOPBACK}")
        return network

    @property
    def valid(self) -> str:
        """The form."""
        return 'an address or network within 127.0.0.0/8, such as "127.0.0.2" or "127.0.0.8/30"'


@frozen
class FeedSource(Kind[RecipientSource]):
    """Where a feed is: a file, or a URL."""

    def parse(self, written: object) -> RecipientSource:
        """Give the source."""
        source = RecipientSourceText().parse(written)
        if source.kind not in (SourceKind.FILE, SourceKind.HTTPS):
            raise Unfit(f"{shown(written)} is neither a file nor a URL")
        return source

    @property
    def valid(self) -> str:
        """The forms."""
        return '"file:/path" or "https://host/path"'


@frozen
class Digest(Kind[str]):
    """SHA-256 in hexadecimal."""

    def parse(self, written: object) -> str:
        """Take 64 digits, in any case."""
        text = text_of(written).lower()
        if not _DIGEST.match(text):
            raise Unfit("it is not 64 hexadecimal digits: the token itself does not belong here")
        return text

    @property
    def valid(self) -> str:
        """How to come by it."""
        return "64 hexadecimal digits, as `printf %s TOKEN | sha256sum` gives them"


@frozen(kw_only=True)
class EvidenceWeights:
    """What one event of each kind weighs; a message that was taken weighs 1."""

    refused: int = 2
    unknown: int = 1
    content: int = 3
    spam: int = 5
    ham: int = 5


@section
class NameList:
    """One DNS list."""

    weight: int = setting(
        ListWeight(),
        default=1,
        help="What a listing counts; 2 or more speaks alone, below 0 it is a list of good senders.",
    )
    ipv6: bool = setting(Flag(), default=False, help="Whether it has IPv6 addresses too.")
    answers: tuple[IPv4Network, ...] = setting(
        ListOf(ListAnswer(), least=1),
        default=["127.0.0.0/8"],
        help="Answers that are a listing. Those in 127.255.255.0/24 never are: so lists refuse questions.",
    )


@section
class SpammerFeed:
    """One feed of active spammers: an address or network a line, comments behind # or ;."""

    source: RecipientSource = setting(FeedSource(), example="https://lists.example/drop.txt", help="Where it is.")
    weight: int = setting(Count(1, 100), default=2, help="As of a DNS list: 2 or more speaks alone.")
    every: float = setting(Duration("1m", "7d"), default="1h", help="How often it is fetched.")
    ca: str | None = setting(
        Maybe(FilePath()),
        default=None,
        example="/etc/shieldrelay/tls/lists-ca.pem",
        help="Authorities that may have signed, in PEM; without it the system's.",
    )


@section
class Reporter:
    """A protected domain that may report spam and ham."""

    token_hash: str = setting(
        Digest(), example="9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        help="SHA-256 of the token that its reports bring.",
    )  # fmt: skip


@section
class Export:
    """Our own worst sources, for others, made every five minutes."""

    file: str | None = setting(
        Maybe(FilePath()),
        default=None,
        example="/var/lib/shieldrelay/worst.txt",
        help="Where they are written as a list, which is a feed for others.",
    )
    zone: str | None = setting(
        Maybe(DomainName()),
        default=None,
        example="bl.shield.example",
        help="The DNS zone under which they can be asked for (RFC 5782); needs listen.",
    )
    listen: tuple[HostPort, ...] = setting(
        ListOf(ListenAddress()),
        default=[],
        example=["127.0.0.1:5353"],
        help="Where the zone is answered, by UDP and TCP.",
    )
    clients: tuple[IpNetwork, ...] = setting(
        ListOf(Network()),
        default=[],
        example=["192.0.2.0/24"],
        help="Networks that may ask, besides this machine; others get no answer.",
    )


@section
class Reputation:
    """What a source did before, in a score from 0 to 100 that fades by half in seven days (R16, R17, R19)."""

    mode: Mode = mode(
        "enforce: act, once it has learned. observe: count and journal what would have been refused. off: do not ask."
    )
    throttle: int = setting(_SCORE, default=15, help="Score from which on a source may send throttled_messages.")
    tempfail: int = setting(
        _SCORE, default=55, help="Score from which on it may send tempfail_messages, and is asked to come later."
    )
    reject: int = setting(
        _SCORE, default=80, help="Score from which on it is refused at connect, if a second kind of evidence says so."
    )
    connections: int = setting(
        Count(0, 10_000), default=5, help="Connections before its own past has any effect; or messages, see there."
    )
    messages: int = setting(Count(0, 10_000), default=10, help="Messages, likewise.")
    throttled_messages: int = setting(
        Count(1, 1_000_000), default=60, help="Messages an hour of a throttled source; each is answered late."
    )
    throttle_pause: float = setting(Duration("0s", "30s"), default="5s", help="How much later its MAIL is answered.")
    tempfail_messages: int = setting(
        Count(1, 1_000_000), default=4, help="Messages an hour of a source that is asked to come later: so it can mend."
    )
    bad_neighbours: int = setting(
        Count(1, 8),
        default=3,
        help="Sources of a network with a bad name after which its strangers are throttled, never more (R16).",
    )
    weights: EvidenceWeights = setting(
        Record(EvidenceWeights(), dict.fromkeys(("refused", "unknown", "content", "spam", "ham"), _WEIGHT)),
        default={"refused": 2, "unknown": 1, "content": 3, "spam": 5, "ham": 5},
        help=(
            "What one event weighs; a message taken weighs 1: mail refused by policy (5.7.x), an unknown recipient, a "
            "content refused, a report of spam, and one of ham, which counts for the source."
        ),
    )
    threshold: int = setting(
        Count(1, 1000), default=2, help="Weight of DNS lists and feeds together below which they say nothing."
    )
    listed: int = setting(_SCORE, default=60, help="Score of a source whose listings weigh just the threshold.")
    learning_days: float = setting(
        Duration("0s", "365d"),
        default="7d",
        help="How long it learns, and refuses nobody, before it acts; and learning_messages (R27).",
    )
    learning_messages: int = setting(
        Count(0, 1_000_000_000), default=5000, help="Messages taken by next hops before it acts; 0 for none."
    )
    dnsbl: Mapping[str, NameList] = keyed(
        DomainName(), NameList, factory=dict, example="bl.example.net", help="DNS lists that are asked about clients."
    )
    feed: Mapping[str, SpammerFeed] = keyed(
        Word(), SpammerFeed, factory=dict, example="drop", help="Feeds of active spammers."
    )
    reporter: Mapping[str, Reporter] = keyed(
        DomainName(), Reporter, factory=dict, example="example.com", help="Domains that may report spam and ham."
    )
    export: Export = subsection(Export, factory=Export, help="")
