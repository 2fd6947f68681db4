"""The third seam of D12: a connection with nothing left to write is closed at once.

Twisted's ``loseConnection`` asks epoll to report the socket as writable, sends nothing on the next turn, and closes
then: two ``epoll_ctl`` calls, a turn and an empty ``send`` for each connection. Like `wire.direct` this knows
Twisted's buffers by name; ``tests/wire/test_closing.py`` fails when they change. Not used for TLS, whose end is said by
the protocol (R33). Called by `wire.inbound` and, for its `drain`, by `wire.doorway`; cannot fail.
"""

from __future__ import annotations

import contextlib
import socket
from typing import Any

from twisted.internet import tcp
from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import ITransport
from twisted.python.failure import Failure

DRAIN_OCTETS = 65536
"""What is read and thrown away before a close: a socket that is closed with octets unread is reset, and the client may
lose our last reply to that."""
_DONE = Failure(ConnectionDone())


def drain(connected: socket.socket) -> None:
    """Throw away what has come on a socket already."""
    with contextlib.suppress(OSError):  # nothing came, or the other end is gone
        connected.recv(DRAIN_OCTETS, socket.MSG_DONTWAIT)


def close_now(transport: ITransport, *, polite: bool) -> bool:
    """Close a connection, if all that was written to it is with the kernel; its protocol hears of it before we return.

    :param polite: the client has said QUIT, and sends nothing behind it: there is nothing to drain.
    :returns: whether that was done: not under TLS, while something is buffered, or on anything that is no TCP socket of
        Twisted's.
    """
    if not isinstance(transport, tcp.Connection):
        return False
    plain: Any = transport
    if not plain.connected or plain.TLS or plain.disconnecting or plain.dataBuffer or plain._tempDataBuffer:
        return False
    if not polite:
        drain(plain.socket)
    plain.connectionLost(_DONE)
    return True
