"""Settings of the node itself: ``[node] [listen] [tls] [disk] [resolver]``. Declarations only."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum

from shieldrelay.config.hosts import (
    Hostname,
    HostPattern,
    HostPort,
    IpNetwork,
    ListenAddress,
    MailboxText,
    Network,
    ServerIp,
)
from shieldrelay.config.kinds import Choice, FilePath, FilePathOrStdout, Flag, ListOf, Maybe, Word
from shieldrelay.config.quantities import Duration, Octets, Share
from shieldrelay.config.setting import keyed, section, setting
from shieldrelay.config.worker_count import Workers
from shieldrelay.mail.address import Mailbox


class TlsVersion(Enum):
    """Lowest version of TLS that is spoken."""

    TLS_1_2 = "1.2"
    TLS_1_3 = "1.3"


@section
class Node:
    """Who this node is and where it keeps things."""

    hostname: str = setting(
        Hostname(),
        example="mx1.shield.example",
        help=(
            "The node's name in its greeting, in trace lines and towards next hops. It should be what the MX record "
            "names."
        ),
    )
    spool: str = setting(
        FilePath(),
        default="/var/spool/shieldrelay",
        help=(
            "Directory of the spool. Mail that was acknowledged and not yet delivered lives here; put it on a disk "
            "that honours fsync."
        ),
    )
    state: str = setting(
        FilePath(),
        default="/var/lib/shieldrelay",
        help=(
            "Directory of what the node makes itself and can lose without losing mail: what it knows of sources, bans, "
            "lists of recipients, a certificate."
        ),
    )
    member: str | None = setting(
        Maybe(Word()),
        default=None,
        example="mx1.shield.example",
        help=(
            "The node's own directory within the spool. Without it: the hostname. A node that changes it leaves its "
            "old mail behind."
        ),
    )
    postmaster: Mailbox | None = setting(
        Maybe(MailboxText()),
        default=None,
        example="postmaster@example.com",
        help=(
            "Where mail for <postmaster> without a domain goes (RFC 5321 section 4.5.1). It must be in a protected "
            "domain. Without it: postmaster at the first domain."
        ),
    )
    workers: int = setting(
        Workers(),
        default=1,
        help=(
            'Number of processes; "auto" is one for each core, and one alone with the hub "memory:". More than one '
            "need a hub that processes can share."
        ),
    )
    user: str = setting(
        Word(),
        default="shieldrelay",
        help='The user to become once the ports are taken; it matters only when started as root. "root" stays root.',
    )
    group: str = setting(Word(), default="shieldrelay", help="The group to become together with the user.")
    control: str = setting(
        FilePath(),
        default="/run/shieldrelay/control.sock",
        help="Unix socket on which shieldrelayctl talks to the node.",
    )
    journal: str = setting(
        FilePathOrStdout(),
        default="-",
        help='File of the journal, one JSON object a line, or "-" for standard output.',
    )
    shortcuts: bool = setting(
        Flag(),
        default=True,
        help=(
            "Whether octets go straight to a socket that has nothing buffered, and events come without Twisted's log "
            "context. They save a fifth of the CPU and lean on Twisted's internals; false is for finding faults."
        ),
    )
    stop_timeout: float = setting(
        Duration("0s", "1h"),
        default="30s",
        help=(
            "How long a stop waits for what is in flight before it breaks it off; what is broken off stays in the "
            "spool or is answered 421."
        ),
    )


@section
class Listen:
    """Where the node listens."""

    smtp: tuple[HostPort, ...] = setting(
        ListOf(ListenAddress(), least=1),
        default=["0.0.0.0:25", "[::]:25"],
        help="Addresses and ports for SMTP. IPv4 and IPv6 are separate sockets.",
    )
    admin: tuple[HostPort, ...] = setting(
        ListOf(ListenAddress()),
        default=[],
        example=["127.0.0.1:8025"],
        help=(
            "Addresses and ports of the administration (JSON over HTTP). Off the loopback it speaks TLS only. Empty: "
            "the control socket alone."
        ),
    )
    metrics: tuple[HostPort, ...] = setting(
        ListOf(ListenAddress()),
        default=[],
        example=["127.0.0.1:9025"],
        help=(
            "Addresses and ports that answer /metrics, /healthz and /readyz, in plain HTTP and to everybody who "
            "reaches them: a network of your own, or the loopback."
        ),
    )
    proxy: tuple[IpNetwork, ...] = setting(
        ListOf(Network()),
        default=[],
        example=["192.0.2.10/32"],
        help=(
            "Networks of balancers: connections from them must begin with a PROXY header (version 1 or 2), and count "
            "for the address that it names. From nobody else is such a header taken."
        ),
    )


@section
class KeyPair:
    """A certificate and its key."""

    certificate: str = setting(
        FilePath(), example="/etc/shieldrelay/tls/mx2.pem", help="Certificate chain in PEM, the host's own first."
    )
    private_key: str = setting(FilePath(), example="/etc/shieldrelay/tls/mx2.key", help="Its private key in PEM.")


@section
class Tls:
    """TLS on incoming connections (STARTTLS, RFC 3207)."""

    certificate: str | None = setting(
        Maybe(FilePath()),
        default=None,
        example="/etc/shieldrelay/tls/fullchain.pem",
        help="Certificate chain in PEM, the node's own first. Without it the node makes a self-signed one (R10).",
    )
    private_key: str | None = setting(
        Maybe(FilePath()),
        default=None,
        example="/etc/shieldrelay/tls/privkey.pem",
        help="The certificate's private key in PEM, readable by the user that the node becomes.",
    )
    minimum_version: TlsVersion = setting(
        Choice(TlsVersion), default="1.2", help="Lowest version of TLS that is accepted; it holds for next hops too."
    )
    sni: Mapping[str, KeyPair] = keyed(
        HostPattern(),
        KeyPair,
        factory=dict,
        example="mx2.shield.example",
        help="Further certificates, chosen by the name that the client asks for (SNI); *. stands for one label.",
    )


@section
class Disk:
    """When the spool's disk is too full to take more mail (R14). Refusals are transient: senders come back."""

    reserve: int = setting(
        Octets("1MiB", "100TiB"),
        default="2GiB",
        help=(
            "Mail is refused (452) below this much free space, and below three times the largest message for every "
            "session that is sending content."
        ),
    )
    reserve_inodes: float = setting(
        Share(0, 50), default="2%", help="Mail is refused (452) below this share of free inodes."
    )
    warn: float = setting(
        Share(0, 90), default="10%", help="An alarm goes out below this share of free space or inodes."
    )
    domain_share: float = setting(
        Share(1, 100),
        default="60%",
        help=(
            "The most that one domain may take of the space that the spool could use, so that its outage leaves room "
            "for the others."
        ),
    )


@section
class Resolver:
    """Name resolution for next hops and notices."""

    servers: tuple[HostPort, ...] = setting(
        ListOf(ServerIp(53)),
        default=[],
        example=["127.0.0.1:53"],
        help="DNS servers, by IP address. An empty list takes those of /etc/resolv.conf.",
    )
