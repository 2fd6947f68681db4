"""A balancer's connection until its PROXY header is there: a socket and nothing else.

Read no further than the header, so that what follows it stays with the kernel for the session. Made by
`wire.doorway`, which bounds how many there are and closes them; each has `HEADER_SECONDS`. Trouble is a `ProxyFault`.
"""


from __future__ import annotations

import socket
from collections.abc import Callable
from typing import Any

from twisted.internet.interfaces import IDelayedCall, IReadDescriptor
from twisted.python.failure import Failure
from zope.interface import implementer

from shieldrelay.wire.proxy_header import MOST_OCTETS, ProxyFault, ProxySource, header_octets, parse_header

HEADER_SECONDS = 5.0
"""What a balancer gets for its header, from the connection on."""


class HeaderReading:
    """The header of one connection.

    :ivar begun: as far as it has come.
    """

    __slots__ = ("_connected", "begun")

    def __init__(self, connected: socket.socket) -> None:
        self._connected = connected
        self.begun = b""

    def read(self) -> bytes | None:
        """Take what has come of the header off the socket, and nothing behind it.

        :returns: the whole header, or ``None`` when more has to come.
        :raises ProxyFault: it is none, or it will never come; with empty words when the balancer only knocked.
        """
        before, most = self.begun, MOST_OCTETS - len(self.begun)
        try:
            came = self._connected.recv(most, socket.MSG_PEEK | socket.MSG_DONTWAIT)
        except BlockingIOError:
            return None
        except OSError as error:
            raise ProxyFault(f"lost before its header: {error.strerror}") from error
        if not came:
            raise ProxyFault("closed within its header" if before else "")
        self.begun = begun = before + came
        octets = header_octets(begun)
        if octets is not None:
            self.begun = begun[:octets]
        self._connected.recv(len(self.begun) - len(before))
        return self.begun if octets is not None and len(begun) >= octets else None


@implementer(IReadDescriptor)
class ProxyWait:
    """One connection whose header has not come whole.

    :ivar connected: its socket.
    :ivar reading: what came of its header.
    :param done: called once with the wait and what came of it; the socket is the callee's then.
    """

    def __init__(
        self,
        reading: HeaderReading,
        connected: socket.socket,
        reactor: Any,
        done: Callable[[ProxyWait, ProxySource | ProxyFault | None], None],
    ) -> None:
        self.connected = connected
        self.reading = reading
        self._reactor = reactor
        self._done = done
        self._late: IDelayedCall = reactor.callLater(HEADER_SECONDS, self._too_late)
        reactor.addReader(self)

    def fileno(self) -> int:
        """Give the descriptor, -1 when closed."""
        return self.connected.fileno()

    def logPrefix(self) -> str:
        """Name it for the reactor's log."""
        return "proxy"

    def doRead(self) -> None:
        """Look at what came."""
        try:
            header = self.reading.read()
            if header is not None:
                self._finish(parse_header(header))
        except ProxyFault as fault:
            self._finish(fault)

    def connectionLost(self, reason: Failure) -> None:
        """Hear that the reactor gave up."""
        self.close()

    def close(self) -> None:
        """Give up."""
        self._finish(ProxyFault(""))

    def _too_late(self) -> None:
        self._finish(ProxyFault(f"no whole header within {HEADER_SECONDS:g} s"))

    def _finish(self, outcome: ProxySource | ProxyFault | None) -> None:
        """Watch no longer, and say what came of it, once."""
        if self._late.active():
            self._late.cancel()
        self._reactor.removeReader(self)
        done, self._done = self._done, _nobody
        done(self, outcome)


def _nobody(_wait: ProxyWait, _outcome: ProxySource | ProxyFault | None) -> None:
    """Take the place of who has been told already."""
