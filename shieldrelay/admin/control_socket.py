"""The listening unix socket under the control API.

Made with its mode from the first moment; a dead node's socket is replaced, a live node's and any other file are left
alone. Knows nothing of HTTP: each connection goes to a factory. Called by ``admin.control``. A socket that cannot be
had is `ControlUnavailable`, with nothing left behind.
"""
# ruff: noqa: N802, N803 - what Twisted calls by name keeps Twisted's spelling

from __future__ import annotations

import os
import socket
import stat
from typing import Any, Protocol

from twisted.internet.interfaces import IDelayedCall, IReadDescriptor
from twisted.python.failure import Failure
from zope.interface import implementer

from shieldrelay.ports import Clock

BACKLOG = 64
PATH_OCTETS = 107
"""The longest path of a unix socket on Linux."""
RESUME_SECONDS = 1.0
"""How long nothing is accepted after accepting has failed."""


class ControlUnavailable(Exception):
    """The control socket cannot be had; ``args[0]`` says why."""


class ControlReactor(Clock, Protocol):
    """What is needed of the reactor."""

    def addReader(self, reader: Any) -> None:
        """Watch a descriptor."""

    def removeReader(self, reader: Any) -> None:
        """Watch it no longer."""

    def adoptStreamConnection(self, fileDescriptor: int, addressFamily: int, factory: Any) -> None:
        """Speak on a connected socket; the descriptor is duplicated."""


class ConnectionFactory(Protocol):
    """Who gets the connections: a Twisted factory."""

    def trouble(self, error: OSError) -> None:
        """Hear of a connection that could not be accepted."""


@implementer(IReadDescriptor)
class Listener:
    """Accepts connections from a listening socket.

    Not Twisted's own port: that one removes whatever has its path when it ends, though it may be another node's by
    then, and breaks when there is nothing.
    """

    def __init__(self, listening: socket.socket, reactor: ControlReactor, factory: ConnectionFactory) -> None:
        self._listening = listening
        self._reactor = reactor
        self._factory = factory
        self._resume: IDelayedCall | None = None
        reactor.addReader(self)

    def fileno(self) -> int:
        """Give the descriptor, -1 when closed."""
        return self._listening.fileno()

    def logPrefix(self) -> str:
        """Name it for the reactor's log."""
        return "control"

    def doRead(self) -> None:
        """Accept one connection; without descriptors left, look again a second later."""
        try:
            connection, _ = self._listening.accept()
        except BlockingIOError:
            return
        except OSError as error:
            self._factory.trouble(error)
            self._reactor.removeReader(self)
            self._resume = self._reactor.callLater(RESUME_SECONDS, self._reactor.addReader, self)
            return
        with connection:
            connection.setblocking(False)
            self._reactor.adoptStreamConnection(connection.fileno(), socket.AF_UNIX, self._factory)

    def connectionLost(self, reason: Failure) -> None:
        """Let go, when the reactor ends."""
        self.close()

    def close(self) -> None:
        """Stop accepting."""
        if self._resume is not None and self._resume.active():
            self._resume.cancel()
        if self._listening.fileno() >= 0:
            self._reactor.removeReader(self)
            self._listening.close()


def listen(path: str, mode: int) -> socket.socket:
    """Give a listening socket at a path, made with its mode from the first moment.

    :raises ControlUnavailable: when another node answers there, or the path cannot be used; nothing is left behind.
    """
    if len(os.fsencode(path)) > PATH_OCTETS:
        raise ControlUnavailable(f"the path of the control socket is longer than {PATH_OCTETS} octets: {path}")
    try:
        os.makedirs(os.path.dirname(path) or ".", mode=0o755, exist_ok=True)
        _clear(path)
        return _bound(path, mode)
    except OSError as error:
        raise ControlUnavailable(f"cannot listen on the control socket {path}: {error.strerror}") from error


def _bound(path: str, mode: int) -> socket.socket:
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
    umask = os.umask(0o777 & ~mode)
    try:
        listening.bind(path)
        listening.listen(BACKLOG)
    except OSError:
        listening.close()
        raise
    finally:
        os.umask(umask)
    return listening


def _clear(path: str) -> None:
    """Remove the socket of a node that is gone; refuse whatever else is there."""
    try:
        kind = os.lstat(path).st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(kind):
        raise ControlUnavailable(f"{path} exists and is not a socket; it was left alone")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK) as caller:
        try:
            caller.connect(path)
        except ConnectionRefusedError:
            os.unlink(path)
            return
        except BlockingIOError:
            pass
    raise ControlUnavailable(f"another node answers on the control socket {path}")


def inode(path: str) -> tuple[int, int] | None:
    """Give what tells one file from another, ``None`` when there is none."""
    try:
        found = os.lstat(path)
    except FileNotFoundError:
        return None
    return found.st_dev, found.st_ino
