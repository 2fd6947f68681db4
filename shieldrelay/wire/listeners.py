"""The listening sockets for SMTP, which are our own (R32).

Two endpoint strings for port 25 on v4 and v6 collide and come with a backlog of 50; so the sockets are made here,
IPv6 ones for IPv6 alone, and handed to the reactor.
"""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Sequence
from typing import Any

from attrs import frozen
from twisted.internet.defer import Deferred, gatherResults, maybeDeferred
from twisted.internet.interfaces import IListeningPort, IProtocolFactory

BACKLOG = 4096
"""Connections the kernel may keep for us while we are busy; it caps this at net.core.somaxconn."""


class ListenFault(Exception):
    """An address could not be listened on; ``args[0]`` says which and why."""


@frozen
class ListenAddress:
    """Where to listen: a numeric IPv4 or IPv6 address and a TCP port, 0 for any."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def bind(address: ListenAddress) -> socket.socket:
    """Make one listening socket.

    :raises ListenFault: in words for the operator.
    """
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    made = socket.socket(family, socket.SOCK_STREAM)
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        made.bind((address.host, address.port))
        made.listen(BACKLOG)
        made.setblocking(False)
    except OSError as error:
        made.close()
        raise ListenFault(f"cannot listen on {address}: {error.strerror or error}") from error
    return made


class Listeners:
    """All sockets on which SMTP is spoken to us.

    :param reactor: gives ``adoptStreamPort``.
    """

    def __init__(self, reactor: Any, addresses: Sequence[ListenAddress]) -> None:
        self._reactor = reactor
        self._addresses = tuple(addresses)
        self._sockets: list[socket.socket] = []
        self._ports: list[IListeningPort] = []

    def bind(self) -> None:
        """Take every address, or none: needs the privilege for ports under 1024.

        :raises ListenFault: for the first that cannot be had; those already taken are closed again.
        """
        with contextlib.ExitStack() as undo:
            for address in self._addresses:
                made = bind(address)
                undo.callback(made.close)
                self._sockets.append(made)
            undo.pop_all()

    def listen(self, factory: IProtocolFactory) -> None:
        """Begin to accept on the sockets that `bind` took."""
        for made in self._sockets:
            self._ports.append(self._reactor.adoptStreamPort(made.fileno(), made.family, factory))
            made.close()
        self._sockets = []

    def addresses(self) -> list[ListenAddress]:
        """Where we listen now, with the ports that the kernel chose for 0."""
        hosts: list[Any] = [port.getHost() for port in self._ports]
        return [ListenAddress(host.host, host.port) for host in hosts]

    def stop(self) -> Deferred[Any]:
        """Accept nothing more; fires when the sockets are closed."""
        ports, self._ports = self._ports, []
        for made in self._sockets:
            made.close()
        self._sockets = []
        return gatherResults([maybeDeferred(port.stopListening) for port in ports])
