"""The listening sockets for SMTP, which are our own (R32).

Two endpoint strings for port 25 on v4 and v6 collide and come with a backlog of 50; so the sockets are made here,
IPv6 ones for IPv6 alone, and each is read by a `wire.acceptor.Acceptor`.
"""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Sequence
from typing import Any

from attrs import frozen
from twisted.internet.defer import Deferred, succeed

from shieldrelay.wire.acceptor import Acceptor, Door, Reserve

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


def bind_all(addresses: Sequence[ListenAddress]) -> list[socket.socket]:
    """Take every address, or none: needs the privilege for ports under 1024.

    :raises ListenFault: for the first that cannot be had; those already taken are closed again.
    """
    with contextlib.ExitStack() as undo:
        made = [undo.enter_context(bind(address)) for address in addresses]
        undo.pop_all()
    return made


def inherit(descriptors: Sequence[int]) -> list[socket.socket]:
    """Take listening sockets that the process was started with; processes that it starts do not get them.

    :raises ListenFault: when one is no listening socket.
    """
    with contextlib.ExitStack() as undo:
        taken = [undo.enter_context(_inherited(descriptor)) for descriptor in descriptors]
        undo.pop_all()
    return taken


def _inherited(descriptor: int) -> socket.socket:
    try:
        made = socket.socket(fileno=descriptor)
        if not made.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
            raise ListenFault(f"the inherited descriptor {descriptor} is no listening socket")
        made.setblocking(False)
        made.set_inheritable(False)
    except OSError as error:
        raise ListenFault(f"the inherited descriptor {descriptor}: {error.strerror or error}") from error
    return made


class Listeners:
    """All sockets on which SMTP is spoken to us.

    :param reactor: reads them.
    :param inherited: descriptors of listening sockets that another process bound and shares with us, in the place of
        the addresses.
    """

    def __init__(self, reactor: Any, addresses: Sequence[ListenAddress], inherited: Sequence[int] = ()) -> None:
        self._reactor = reactor
        self._addresses = tuple(addresses)
        self._inherited = tuple(inherited)
        self._sockets: list[socket.socket] = []
        self._acceptors: list[Acceptor] = []
        self._reserve: Reserve | None = None
        self._door: Door | None = None

    def bind(self) -> None:
        """Take every address, or none; or what was inherited.

        :raises ListenFault: for the first that cannot be had.
        """
        self._sockets = inherit(self._inherited) if self._inherited else bind_all(self._addresses)

    def listen(self, door: Door) -> None:
        """Begin to accept on the sockets that `bind` took."""
        self._door, self._reserve = door, Reserve()
        for made in self._sockets:
            self._acceptors.append(Acceptor(made, self._reactor, door, self._reserve))
        self._sockets = []

    def addresses(self) -> list[ListenAddress]:
        """Where we listen now, with the ports that the kernel chose for 0."""
        names = [acceptor.listening.getsockname() for acceptor in self._acceptors]
        return [ListenAddress(name[0], name[1]) for name in names]

    @property
    def accepted(self) -> int:
        """How many connections were accepted."""
        return sum(acceptor.accepted for acceptor in self._acceptors)

    def stop(self) -> Deferred[None]:
        """Accept nothing more; fires when the sockets are closed."""
        acceptors, self._acceptors = self._acceptors, []
        for acceptor in acceptors:
            acceptor.close()
        for made in self._sockets:
            made.close()
        self._sockets = []
        if self._reserve is not None:
            self._reserve.spend()
        if self._door is not None:
            self._door.stop()
        return succeed(None)
