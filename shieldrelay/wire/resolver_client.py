"""Whom names are asked of: a client of twisted.names for the name servers that hold now; its records in plain words.

The library is imported with the first question, because a node whose next hops are addresses never asks one. Used by
`wire.resolver` and `wire.lookup_questions`. Nothing here waits or fails.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from socket import AF_INET6, inet_ntop
from typing import Any, Protocol

from twisted.internet.defer import Deferred

from shieldrelay.ports import Clock

ALIASES = 16
"""Of an answer's aliases so many are followed (RFC 1034 §3.6.2 asks for few)."""
_CNAME = 5
RESOLV_CONF = Path("/etc/resolv.conf")


class NameClient(Protocol):
    """What is asked: ``twisted.names.client.Resolver``. Each gives (answers, authority, additional)."""

    def lookupAddress(self, name: str) -> Deferred[Any]:
        """A records."""

    def lookupIPV6Address(self, name: str) -> Deferred[Any]:
        """AAAA records."""

    def lookupMailExchange(self, name: str) -> Deferred[Any]:
        """MX records."""


class NameServers:
    """Gives a client for the name servers that hold now.

    :param servers: ``(address, port)`` of each; ``None``: those of ``resolv_conf``, read again when it changes.
    :param timeout: seconds that each round of tries waits.
    :param client: for tests: what to ask instead.
    """

    def __init__(
        self,
        reactor: Clock,
        servers: Sequence[tuple[str, int]] | None,
        *,
        timeout: tuple[int, ...],
        resolv_conf: Path = RESOLV_CONF,
        client: Any = None,
    ) -> None:
        self._reactor = reactor
        self._configured = None if servers is None else list(servers)
        self._timeout = timeout
        self._resolv_conf = resolv_conf
        self._given = client
        self._client: Any = None
        self._client_servers: list[tuple[str, int]] | None = None

    def __call__(self) -> Any:
        """Give what to ask."""
        if self._given is not None:
            return self._given
        servers = self._configured if self._configured is not None else _servers_in(self._resolv_conf)
        if self._client is None or servers != self._client_servers:
            from twisted.names.client import Resolver as Client

            self._client_servers = servers
            self._client = Client(servers=list(servers), timeout=self._timeout, reactor=self._reactor)
        return self._client

    def close_idle(self) -> None:
        """Break off TCP connections that nobody waits at: the library keeps one for ever, and it may die silently."""
        for connection in tuple(getattr(self._client, "connections", ())):
            if not connection.liveMessages:
                connection.transport.abortConnection()

    def close(self) -> None:
        """Break off all of them."""
        for connection in tuple(getattr(self._client, "connections", ())):
            connection.transport.abortConnection()


def records_of(name: str, kind: int, answers: Sequence[Any]) -> list[Any]:
    """Give the records of a kind that an answer has of a name: its own, or those at the end of its chain of aliases.

    What an answer says of other names is nobody's word: it was not asked for.
    """
    wanted = name.rstrip(".").lower().encode("ascii", "replace")
    aliases = {_owner(each): each.payload.name.name.lower() for each in answers[:ALIASES] if each.type == _CNAME}
    for _ in aliases:
        wanted = aliases.get(wanted, wanted)
    return [each for each in answers if each.type == kind and _owner(each) == wanted]


def _owner(header: Any) -> bytes:
    name: bytes = header.name.name
    return name.lower()


def address_in(header: Any) -> str:
    """Give the address in an A or AAAA record."""
    payload = header.payload
    return str(payload.dottedQuad()) if header.type == 1 else inet_ntop(AF_INET6, payload.address)


def _servers_in(resolv_conf: Path) -> list[tuple[str, int]]:
    """Give the name servers of a resolv.conf(5) file, this machine when it has none."""
    try:
        lines = resolv_conf.read_text("utf-8", "replace").splitlines()
    except OSError:
        lines = []
    words = [line.split() for line in lines]
    return [(word[1], 53) for word in words if len(word) > 1 and word[0] == "nameserver"] or [("127.0.0.1", 53)]
