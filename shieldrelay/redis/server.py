"""A Redis server as one connects to it: where it is, who asks, and whether it is one that can be a hub.

`Direct` is the way to a server whose place is known; `redis.sentinels` finds it out first. Knows no configuration. What
is wrong is said in words for an operator, without the password.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from attrs import field, frozen
from twisted.internet.abstract import isIPAddress, isIPv6Address
from twisted.internet.endpoints import (
    HostnameEndpoint,
    TCP4ClientEndpoint,
    TCP6ClientEndpoint,
    UNIXClientEndpoint,
    wrapClientTLS,
)
from twisted.internet.interfaces import IStreamClientEndpoint
from twisted.internet.ssl import Certificate, optionsForClientTLS, trustRootFromCertificates

from shieldrelay.ports import Clock
from shieldrelay.redis.connection import Away, Connection, Refusal, connect

OLDEST = (6, 2)
"""The oldest version that has all that the script asks for."""
_PEM = re.compile(r"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)
_RUN = re.compile(rb"^run_id:([0-9a-f]{40})\r?$", re.MULTILINE)
_VERSION = re.compile(rb"^redis_version:(\d+)\.(\d+)", re.MULTILINE)


@frozen
class Login:
    """Who asks, and in which database.

    :ivar user: empty for the default one.
    :ivar password: ``None``: nobody asks for one.
    """

    user: str = ""
    password: bytes | None = field(default=None, repr=False)
    database: int = 0


@frozen
class Place:
    """Where a server is.

    :ivar shown: its address, for people.
    """

    shown: str
    endpoint: IStreamClientEndpoint


def tcp_place(reactor: Any, host: str, port: int, timeout: float) -> Place:
    """Give a server behind a host's port; a name is looked up at each connection, an address by nobody."""
    shown = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    if isIPv6Address(host):
        return Place(shown, TCP6ClientEndpoint(reactor, host, port, timeout=timeout))
    if isIPAddress(host):
        return Place(shown, TCP4ClientEndpoint(reactor, host, port, timeout=timeout))
    return Place(shown, HostnameEndpoint(reactor, host, port, timeout=timeout))


def tls_place(reactor: Any, host: str, port: int, timeout: float, authorities: Any = None) -> Place:
    """Likewise with TLS, the certificate verified for the host's name or address.

    :param authorities: what `authorities_of` gave; ``None``: the system's.
    """
    place = tcp_place(reactor, host, port, timeout)
    return Place(place.shown, wrapClientTLS(optionsForClientTLS(host, trustRoot=authorities), place.endpoint))


def unix_place(reactor: Any, path: str, timeout: float) -> Place:
    """Give a server behind a unix socket."""
    return Place(path, UNIXClientEndpoint(reactor, path, timeout=timeout))


def authorities_of(file: str) -> Any:
    """Read the certificates that may have signed.

    :raises ValueError: there is none.
    :raises OSError: the file cannot be read.
    """
    found = _PEM.findall(Path(file).read_text("ascii", "replace"))
    if not found:
        raise ValueError(f"{file}: there is no certificate in it")
    return trustRootFromCertificates([Certificate.loadPEM(each.encode("ascii")) for each in found])


@frozen
class Direct:
    """The way to a server whose place is known."""

    clock: Clock
    place: Place
    login: Login

    async def meet(self) -> Connection:
        """Connect.

        :raises Away: it cannot be reached, or cannot be the hub.
        """
        return await meet(self.clock, self.place, self.login)

    def close(self) -> None:
        """Nothing stands but what was made."""


async def meet(clock: Clock, place: Place, login: Login) -> Connection:
    """Connect to a server that is a master and new enough, and log in.

    :raises Away: anything else.
    """
    connection: Connection | None = None
    try:
        connection = await connect(place.endpoint)
        await _greet(clock, connection, login)
    except Refusal as refusal:
        _drop(connection, "refused")
        raise Away(f"{place.shown} refuses: {refusal}") from None
    except Away as away:
        _drop(connection, "no master")
        raise Away(f"{place.shown}: {away}") from None
    except Exception as error:
        _drop(connection, "failed")
        raise Away(f"{place.shown}: {str(error).strip() or type(error).__name__}") from error
    except BaseException:
        _drop(connection, "given up")
        raise
    return connection


async def _greet(clock: Clock, connection: Connection, login: Login) -> None:
    if login.password is not None:
        words = (login.user, login.password) if login.user else (login.password,)
        await connection.ask("AUTH", *words)
    if login.database:
        await connection.ask("SELECT", login.database)
    role = await connection.ask("ROLE")
    if not isinstance(role, list) or not role or role[0] != b"master":
        raise Away("it is a replica, and others decide")
    server = await connection.ask("INFO", "server")
    run, version = _RUN.search(server), _VERSION.search(server)
    if run is None or version is None:
        raise Away("it does not say what it is")
    if tuple(map(int, version.groups())) < OLDEST:
        raise Away(f"its version is below {OLDEST[0]}.{OLDEST[1]}")
    connection.run = run[1]
    asked = clock.seconds()
    seconds, microseconds = await connection.ask("TIME")
    connection.ahead = int(seconds) + int(microseconds) / 1e6 - asked


def _drop(connection: Connection | None, why: str) -> None:
    if connection is not None:
        connection.drop(why)
