"""The seam of D12: octets written straight to the socket when nothing is buffered.

Twisted's ``write`` buffers, asks epoll to report the socket as writable, and sends on the next turn: two ``epoll_ctl``
calls and a turn of the reactor for each of our small writes. When the transport has nothing buffered the octets can go
out at once. Only this, `wire.closing` and `wire.inbound_unread` know Twisted's buffers by name;
``tests/wire/test_direct.py`` fails when they change. It is not used for what is or becomes TLS (R33). Called by the
protocols at both sides; on any trouble the octets go to ``transport.write``, so that the reactor meets the error where
it expects it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet import tcp
from twisted.internet.interfaces import ITransport


def direct_writer(
    transport: ITransport, *, enabled: bool = True, before: Callable[[], None] | None = None
) -> Callable[[bytes], None]:
    """Give the fastest lawful way to write to a connected transport.

    :param enabled: the switch: ``False`` gives ``transport.write``, as does a transport that is no TCP socket of
        Twisted's.
    :param before: called before octets are given to ``transport.write``, which buffers them.
    """
    if enabled and isinstance(transport, tcp.Connection):
        return DirectWriter(transport, before).write
    if before is None:
        return transport.write
    return _Buffered(transport, before).write


class DirectWriter:
    """Writes to one TCP connection; order is kept with whatever else writes to the transport."""

    __slots__ = ("_before", "_send", "_transport")

    def __init__(self, transport: tcp.Connection, before: Callable[[], None] | None = None) -> None:
        self._transport: Any = transport
        self._before = before
        self._send: Callable[[bytes], int] = transport.socket.send

    def write(self, octets: bytes) -> None:
        """Write, now if nothing stands in the way, else through the transport's buffer."""
        transport = self._transport
        if (
            transport.connected
            and not transport.TLS
            and not transport.dataBuffer
            and not transport._tempDataBuffer
            and transport.producer is None
            and not transport.disconnecting
            and not transport._writeDisconnecting
        ):
            try:
                written = self._send(octets)
            except OSError:  # not now, or never again: the reactor finds out which
                written = 0
            if written == len(octets):
                return
            octets = octets[written:]
        if self._before is not None:
            self._before()
        transport.write(octets)


class _Buffered:
    """Writes to a transport as it is, and tells before it does."""

    __slots__ = ("_before", "_transport")

    def __init__(self, transport: ITransport, before: Callable[[], None]) -> None:
        self._transport = transport
        self._before = before

    def write(self, octets: bytes) -> None:
        """Write."""
        self._before()
        self._transport.write(octets)
