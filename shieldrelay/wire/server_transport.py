"""The transport of a connection that our own accept loop took: Twisted's, made with less ado.

Twisted's ``Server`` composes names for its log and for ``repr`` that nobody reads here, and shuts a socket down before
it closes it, which says the same twice. With `wire.closing` and `wire.direct` this leans on Twisted's internals;
``tests/wire/test_closing.py`` fails when they change. Made by `wire.doorway`.
"""

from __future__ import annotations

import socket
from typing import Any

from twisted.internet import main, tcp
from twisted.internet.address import IPv6Address
from twisted.internet.error import ConnectionDone, ConnectionLost
from twisted.internet.interfaces import IProtocol


class ServerTransport(tcp.Server):
    """One connection, read from now on.

    :param connected: the socket, which is the transport's from now on.
    :param peer: address and port of the client: behind a balancer, those that it told.
    """

    _shouldShutdown = False  # noqa: N815 - Twisted's. Nobody else holds the descriptor: closing it says FIN
    logstr = "smtp"
    repstr = "<ServerTransport>"
    server: Any = None
    sessionno = 0

    def __init__(self, connected: socket.socket, protocol: IProtocol, peer: tuple[str, int], reactor: Any) -> None:
        tcp.Connection.__init__(self, connected, protocol, reactor)
        self.client = peer
        self.hostname = peer[0]
        if ":" in peer[0]:
            self._addressType = IPv6Address
        self.startReading()
        self.connected = 1

    def doRead(self) -> ConnectionLost | ConnectionDone | None:  # type: ignore[override]
        """Give the protocol what has come, as Twisted's does by one call more."""
        try:
            octets = self.socket.recv(self.bufferSize)
        except BlockingIOError:
            return None
        except OSError:
            return main.CONNECTION_LOST
        if not octets:
            return main.CONNECTION_DONE
        self.protocol.dataReceived(octets)
        return None
