"""Settings of what members share, ``[cluster]``, and where the hub is: declarations and the grammar of its address.

Knows no Redis and no socket. The passwords themselves stand in files; `assembly` reads them. What contradicts other
settings is found by ``config.cluster_checks``.
"""

from __future__ import annotations

import re
from enum import Enum

from attrs import frozen

from shieldrelay.config.hosts import HostPort, ListenAddress, ServerAddress
from shieldrelay.config.kinds import FilePath, Kind, Maybe, Unfit, Word, shown, text_of
from shieldrelay.config.quantities import Duration
from shieldrelay.config.setting import section, setting

REDIS_PORT = 6379
SENTINEL_PORT = 26379
SENTINELS_MOST = 15
DATABASES = 1024
"""Numbers of databases are below."""

_USER = re.compile(r"[A-Za-z0-9._\-]{1,64}\Z")
_MASTER = re.compile(r"[A-Za-z0-9._\-]{1,64}\Z")
_URL = re.compile(r"(?P<scheme>[a-z+]+)://(?:(?P<user>[^@/]*)@)?(?P<place>[^@?]*)(?:\?db=(?P<db>[0-9]{1,4}))?\Z")


class HubScheme(Enum):
    """How a hub is reached (D3)."""

    MEMORY = "memory"
    TCP = "redis"
    TLS = "rediss"
    UNIX = "redis+unix"
    SENTINEL = "redis+sentinel"


@frozen
class HubAddress:
    """Where members meet.

    :ivar servers: the Redis server, or the Sentinels; empty for a hub in memory or behind a unix socket.
    :ivar path: of the unix socket.
    :ivar master: the name by which the Sentinels know the servers.
    :ivar user: to log in as; empty: the default one.
    :ivar database: its number.
    """

    scheme: HubScheme
    servers: tuple[HostPort, ...] = ()
    path: str = ""
    master: str = ""
    user: str = ""
    database: int = 0

    @property
    def alone(self) -> bool:
        """Whether one process has it for itself."""
        return self.scheme is HubScheme.MEMORY

    @property
    def value(self) -> str:
        """The address as it is shown and can be written; it has no secret in it."""
        return str(self)

    def __str__(self) -> str:
        if self.alone:
            return "memory:"
        place = ",".join(map(str, self.servers)) + self.path + (f"/{self.master}" if self.master else "")
        user = f"{self.user}@" if self.user else ""
        return f"{self.scheme.value}://{user}{place}" + (f"?db={self.database}" if self.database else "")


@frozen
class HubUrl(Kind[HubAddress]):
    """The address of a hub: ``memory:``, or a URL without a password."""

    def parse(self, written: object) -> HubAddress:
        """Take it apart."""
        text = text_of(written)
        if text == "memory:":
            return HubAddress(HubScheme.MEMORY)
        match = _URL.match(text)
        if match is None or match["scheme"] not in _PLACES:
            raise Unfit(f"{shown(_without_password(text))} is not the address of a hub")
        return _PLACES[match["scheme"]](match["place"], _user(match["user"]), int(match["db"] or 0))

    @property
    def valid(self) -> str:
        """The forms."""
        return (
            '"memory:", "redis://host:6379", "rediss://host:6379" (TLS), "redis+unix:///path/of/socket" or '
            '"redis+sentinel://host:26379,host,host/name", each with "user@" before the host and "?db=1" at the end '
            "where needed; the password stands in a file ([cluster] password)"
        )


def _without_password(text: str) -> str:
    """Give a wrong address without what may be a password in it."""
    return re.sub(r"(://[^:@/]*):.*@", r"\1:...@", text)


def _user(written: str | None) -> str:
    if written is None:
        return ""
    if ":" in written:
        raise Unfit("there is a password in it, and everybody may read this file")
    if not _USER.match(written):
        raise Unfit(f"{shown(written)} is not the name of a user")
    return written


def _server(scheme: HubScheme, place: str, user: str, database: int) -> HubAddress:
    host, _, path = place.partition("/")
    if path:
        if not path.isascii() or not path.isdigit() or len(path) > 4 or database:
            raise Unfit(f"{shown(path)} is not the number of a database")
        database = int(path)
    return HubAddress(
        scheme, (ServerAddress(REDIS_PORT).parse(host),), user=user, database=_database(database)
    )


def _socket(place: str, user: str, database: int) -> HubAddress:
    return HubAddress(HubScheme.UNIX, path=FilePath().parse(place), user=user, database=_database(database))


def _sentinels(place: str, user: str, database: int) -> HubAddress:
    hosts, _, master = place.partition("/")
    if not _MASTER.match(master):
        raise Unfit("the name by which the Sentinels know the servers is missing after the last slash")
    servers = tuple(ServerAddress(SENTINEL_PORT).parse(host.strip()) for host in hosts.split(","))
    if len(servers) > SENTINELS_MOST or len(set(servers)) < len(servers):
        raise Unfit(f"a Sentinel is named twice, or there are more than {SENTINELS_MOST}")
    return HubAddress(HubScheme.SENTINEL, servers, master=master, user=user, database=_database(database))


def _database(number: int) -> int:
    if number >= DATABASES:
        raise Unfit(f"{number} is no number of a database")
    return number


_PLACES = {
    "redis": lambda *parts: _server(HubScheme.TCP, *parts),
    "rediss": lambda *parts: _server(HubScheme.TLS, *parts),
    "redis+unix": _socket,
    "redis+sentinel": _sentinels,
}


@section
class Cluster:
    """What the node shares with others."""

    hub: HubAddress = setting(
        HubUrl(),
        default="memory:",
        help=(
            'Where members share what they know: a Redis server, or "memory:", a node of one process alone. A name '
            "is looked up at each connection."
        ),
    )
    name: str = setting(
        Word(),
        default="shieldrelay",
        help="The cluster's name. Clusters of different names can share a Redis server and know nothing of each other.",
    )
    password: str | None = setting(
        Maybe(FilePath()),
        default=None,
        example="/etc/shieldrelay/secrets/redis",
        help="A file whose first line is the password of Redis. It is not sent to Sentinels.",
    )
    ca: str | None = setting(
        Maybe(FilePath()),
        default=None,
        example="/etc/shieldrelay/tls/redis-ca.pem",
        help="Certificates in PEM that may have signed that of a rediss:// server. Without it: the system's.",
    )
    tick: float = setting(
        Duration("20ms", "10s"),
        default="100ms",
        help="How often members tell each other what has changed (D4); it stretches by itself under load.",
    )
    key: str | None = setting(
        Maybe(FilePath()),
        default=None,
        example="/etc/shieldrelay/secrets/cluster",
        help="A file whose first line is the cluster's key, the same on all nodes: nodes prove with it who they are.",
    )
    listen: HostPort | None = setting(
        Maybe(ListenAddress()),
        default=None,
        example="192.0.2.1:7025",
        help="Where the other nodes reach this one. Without it they cannot, and lists and domains stay where they are.",
    )
    advertise: HostPort | None = setting(
        Maybe(ServerAddress(7025)),
        default=None,
        example="mx1.shield.example:7025",
        help="What the other nodes are told of where this one listens. Without it: listen.",
    )
    takeover: float = setting(
        Duration("30s", "7d"),
        default="5m",
        help=(
            "How long a node must be gone, while the hub is there, before another takes over its mail from storage "
            "that both can reach (R15)."
        ),
    )
