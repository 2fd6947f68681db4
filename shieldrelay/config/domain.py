"""Settings of one protected domain: a file in ``domains.d/``, or a ``[[domain]]`` table. Declarations only."""

from __future__ import annotations

from enum import Enum

from shieldrelay.config.hosts import CertifiedName, DomainName, HostPort, MailboxText
from shieldrelay.config.kinds import Choice, Count, FilePath, Flag, ListOf, Maybe, Text
from shieldrelay.config.list_sources import Csv, Https, Ldap
from shieldrelay.config.mode import Mode
from shieldrelay.config.quantities import MessageRate, OctetRate, Octets, Rate
from shieldrelay.config.recipients import AGE, OBSERVE, REFRESH, SHRINK
from shieldrelay.config.routes import NextHops
from shieldrelay.config.setting import optional_subsection, section, setting, subsection
from shieldrelay.config.smtp import BareNewlines
from shieldrelay.config.sources import Pin, RecipientSource, RecipientSourceText, Separator
from shieldrelay.config.trace import KEEP, Addresses
from shieldrelay.mail.address import Mailbox


class NextHopTls(Enum):
    """How much TLS is wanted towards a next hop (R10)."""

    NONE = "none"
    OPPORTUNISTIC = "opportunistic"
    REQUIRED = "required"
    VERIFIED = "verified"


class NextHopContext(Enum):
    """What a next hop is told of the client that sent a message."""

    NONE = "none"
    XFORWARD = "xforward"
    XCLIENT = "xclient"


@section
class Pace:
    """What the domain's server bears, over all nodes (R4). Above it mail is spooled, never pushed."""

    connections: int = setting(Count(1, 10000), default=20, help="Connections at once.")
    messages: Rate | None = setting(
        Maybe(MessageRate()), default=None, example="600/min", help="Messages per period. Without it: no limit."
    )
    octets: Rate | None = setting(
        Maybe(OctetRate()), default=None, example="10MiB/s", help="Octets per period. Without it: no limit."
    )


@section
class NextHopAuth:
    """Credentials for next hops that want them (RFC 4954)."""

    user: str = setting(Text(1, 200), example="relay", help="The user name.")
    password_file: str = setting(
        FilePath(), example="/etc/shieldrelay/secrets/example.com", help="A file whose first line is the password."
    )
    without_tls: bool = setting(
        Flag(), default=False, help="Whether the password may be sent over a connection without TLS."
    )


@section
class Domain:
    """One protected domain."""

    domain: str = setting(DomainName(), example="example.com", help="The domain.")
    aliases: tuple[str, ...] = setting(
        ListOf(DomainName()),
        default=[],
        example=["example.net"],
        help="Further domains with the same recipients, next hops and settings. Addresses are passed on as received.",
    )
    next_hops: tuple[tuple[HostPort, ...], ...] = setting(
        NextHops(),
        example=["192.0.2.25:25"],
        help="The servers behind this node, tried in order; [[a, b], c] shares between a and b, then c.",
    )
    recipients: RecipientSource = setting(
        RecipientSourceText(),
        example="file:/etc/shieldrelay/recipients/example.com.txt",
        help=(
            "Who exists. file: one local-part or address a line. csv, ldif, ldap, ldaps, https: see [csv], [ldap], "
            "[https]. push: what shieldrelayctl recipients push brings. any: everybody."
        ),
    )
    former_recipients: str | None = setting(
        Maybe(FilePath()),
        default=None,
        example="/etc/shieldrelay/recipients/example.com.former",
        help="A file of those who left: refused like unknown ones, and whoever asks for them is hardly suspect.",
    )
    traps: str | None = setting(
        Maybe(FilePath()),
        default=None,
        example="/etc/shieldrelay/recipients/example.com.traps",
        help="A file of those who never existed and are known to harvesters only: asking for one counts fivefold.",
    )
    sub_addressing: str | None = setting(
        Maybe(Separator()),
        default=None,
        example="+",
        help="What parts a listed name from a tag, as in name+tag (RFC 5233). Without it there are no tags.",
    )
    refresh: float | None = setting(
        Maybe(REFRESH), default=None, example="15m", help="As in [recipients], for this domain."
    )
    stale_after: float | None = setting(
        Maybe(AGE), default=None, example="2d", help="As in [recipients], for this domain."
    )
    old_after: float | None = setting(
        Maybe(AGE), default=None, example="14d", help="As in [recipients], for this domain."
    )
    shrink_guard: float | None = setting(
        Maybe(SHRINK), default=None, example="50%", help="As in [recipients], for this domain."
    )
    observe_first: float | None = setting(
        Maybe(OBSERVE),
        default=None,
        example="0s",
        help="As in [recipients], for this domain; whatever its source is. 0s: refuse at once.",
    )
    harvest: Mode = setting(
        Choice(Mode),
        default="enforce",
        help="The defence against directory harvest at this domain, unless [shield.harvest] says less.",
    )
    case_sensitive: bool = setting(
        Flag(), default=False, help="Whether local-parts that differ only in case are different (RFC 5321 section 2.4)."
    )
    list_postmaster: bool = setting(
        Flag(),
        default=True,
        help="Whether postmaster exists even if it is not listed, as RFC 5321 section 4.5.1 wants.",
    )
    message_size: int | None = setting(
        Maybe(Octets("64KiB", "1GiB")),
        default=None,
        example="25MiB",
        help="Largest message, when it is less than the node's.",
    )
    bare_newlines: BareNewlines | None = setting(
        Maybe(Choice(BareNewlines)), default=None, example="normalize", help="As in [smtp], for this domain."
    )
    line_length: int = setting(
        Count(998, 1048576),
        default=65535,
        help=(
            "Longest line of content in octets without its CRLF. RFC 5321 promises 998 only; many senders write "
            "longer ones. A message with a longer line is refused after its end."
        ),
    )
    report_to: tuple[Mailbox, ...] = setting(
        ListOf(MailboxText()),
        default=[],
        example=["postmaster@example.com"],
        help="Who gets a report of the domain's week, on Mondays. It goes out as failure notices do.",
    )
    trace_keep: float | None = setting(
        Maybe(KEEP),
        default=None,
        example="7d",
        help="How long lines about this domain can be found, when it is less than [trace] keep.",
    )
    trace_addresses: Addresses | None = setting(
        Maybe(Choice(Addresses)), default=None, example="veiled", help="As in [trace] addresses, for this domain."
    )
    next_hop_tls: NextHopTls = setting(
        Choice(NextHopTls),
        default="opportunistic",
        help=(
            "none: never. opportunistic: when offered. required: never without, unverified. verified: never without a "
            "certificate that proves the name (R10)."
        ),
    )
    next_hop_tls_name: str | None = setting(
        Maybe(CertifiedName()),
        default=None,
        example="mail.example.com",
        help="The name to verify and to ask for. Without it: the next hop as configured.",
    )
    next_hop_tls_ca: str | None = setting(
        Maybe(FilePath()),
        default=None,
        example="/etc/shieldrelay/tls/example-ca.pem",
        help="Certificates in PEM that may have signed the next hop's. Without it: the system's.",
    )
    next_hop_tls_pins: tuple[str, ...] = setting(
        ListOf(Pin()),
        default=[],
        example=["bQ3vF2yZ4r7mN0pXw8sK1tH5uJ6gE9cAaDdLlOoPpQo="],
        help="SHA-256 digests of the next hop's public key; one that matches is proof enough.",
    )
    next_hop_certificate: str | None = setting(
        Maybe(FilePath()),
        default=None,
        example="/etc/shieldrelay/tls/client.pem",
        help="Certificate in PEM to show to a next hop that asks for one.",
    )
    next_hop_key: str | None = setting(
        Maybe(FilePath()), default=None, example="/etc/shieldrelay/tls/client.key", help="Its private key in PEM."
    )
    next_hop_auth: NextHopAuth | None = optional_subsection(
        NextHopAuth, default=None, help="Credentials for next hops that want them (RFC 4954)."
    )
    next_hop_context: NextHopContext = setting(
        Choice(NextHopContext),
        default="xforward",
        help=(
            "What next hops that offer it are told of the client: none: nothing. xforward: its address, name and HELO "
            "for each message. xclient: each message in a session of that client, on a connection of its own."
        ),
    )
    pace: Pace = subsection(Pace, factory=Pace, help="")
    csv: Csv | None = optional_subsection(Csv, default=None, help="How a csv: list, or such a document, is read.")
    ldap: Ldap | None = optional_subsection(Ldap, default=None, help="What a directory (ldap, ldaps) is asked.")
    https: Https | None = optional_subsection(Https, default=None, help="How a document behind a URL is asked for.")

    @property
    def names(self) -> tuple[str, ...]:
        """The domain and its aliases."""
        return (self.domain, *self.aliases)
