"""Our own accept loop: the reader of a listening socket, which hands on what it accepts.

Not Twisted's port, which makes a transport and a protocol of whatever comes. Many connections are accepted a turn of
the reactor, but so few that the sessions that are open keep their share of it. That descriptors run out is foreseen:
one is kept in reserve, given up to accept a connection and to tell it that there is no room, and taken again; when
even that does not help, nothing is accepted for a moment, so that it never becomes a busy loop. Used by
`wire.listeners`.
"""


from __future__ import annotations

import errno
import os
import socket
from typing import Any, Protocol

from twisted.internet.interfaces import IDelayedCall, IReadDescriptor
from twisted.python.failure import Failure
from zope.interface import implementer

ACCEPTS_A_TURN = 16
"""Connections of one listening socket that are taken before the other sockets have their turn."""
RESUME_SECONDS = 0.25
"""How long nothing is accepted after accepting has failed."""
TELL_SECONDS = 10.0
"""How often failing is told at most."""
PASSING = frozenset(
    (
        errno.ECONNABORTED, errno.EPROTO, errno.EPERM, errno.EINTR, errno.ENETDOWN, errno.ENETUNREACH,
        errno.EHOSTDOWN, errno.EHOSTUNREACH, errno.ENONET, errno.ENOPROTOOPT, errno.EOPNOTSUPP,
    )
)  # fmt: skip
"""Faults of one connection, which is gone then (accept(2)): the next one may be sound."""


class Door(Protocol):
    """Where connections go: `wire.doorway.Doorway`."""

    def arrived(self, connected: socket.socket, host: str, port: int) -> None:
        """Take a connection; never fails."""

    def no_room(self, connected: socket.socket) -> None:
        """Turn one away at once: its descriptor is needed."""

    def trouble(self, reason: str, before: int) -> None:
        """Hear that connections could not be accepted, and how many before."""

    def stop(self) -> None:
        """Hear that no more will come."""


class Reserve:
    """A descriptor that is kept for the time when there are none; one for all listening sockets."""

    def __init__(self) -> None:
        self._kept: int | None = None
        self.restore()

    def spend(self) -> bool:
        """Give it up; false when there is none."""
        kept, self._kept = self._kept, None
        if kept is None:
            return False
        os.close(kept)
        return True

    def restore(self) -> None:
        """Take one again, if there is one by now."""
        if self._kept is None:
            try:
                self._kept = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
            except OSError:  # somebody was faster: the next time
                self._kept = None


@implementer(IReadDescriptor)
class Acceptor:
    """Accepts from one listening socket from now on, until `close`.

    :param listening: non-blocking; ours from now on.
    :ivar accepted: connections so far.
    """

    def __init__(self, listening: socket.socket, reactor: Any, door: Door, reserve: Reserve) -> None:
        self.listening = listening
        self._reactor = reactor
        self._door = door
        self._reserve = reserve
        self.accepted = 0
        self._most = 1
        self._resume: IDelayedCall | None = None
        self._failed = 0
        self._told: float | None = None
        reactor.addReader(self)

    def fileno(self) -> int:
        """Give the descriptor, -1 when closed."""
        return self.listening.fileno()

    def logPrefix(self) -> str:
        """Name it for the reactor's log."""
        return "smtp"

    def doRead(self) -> None:
        """Accept a turn's share: as many as came lately, and more if that was too few."""
        accept, arrived = self.listening.accept, self._door.arrived
        accepted, most = 0, self._most
        while accepted < most:
            try:
                connected, peer = accept()
            except BlockingIOError:
                self._most = max(1, accepted)
                return
            except OSError as error:
                accepted += 1
                if error.errno not in PASSING and not self._made_room(error):
                    return
                continue
            accepted += 1
            self.accepted += 1
            arrived(connected, peer[0], peer[1])
        self._most = min(2 * most, ACCEPTS_A_TURN)

    def connectionLost(self, reason: Failure) -> None:
        """Let go, when the reactor ends."""
        self.close()

    def close(self) -> None:
        """Accept nothing more."""
        if self._resume is not None and self._resume.active():
            self._resume.cancel()
        if self.listening.fileno() >= 0:
            self._reactor.removeReader(self)
            self.listening.close()

    # when nothing can be accepted

    def _made_room(self, error: OSError) -> bool:
        """Turn one connection away by the reserve; false, and accepting pauses, when that cannot be done."""
        if self.listening.fileno() < 0:  # closed by what it handed on
            return False
        self._tell(error)
        if error.errno == errno.EMFILE and self._reserve.spend():
            try:
                connected, _peer = self.listening.accept()
            except BlockingIOError:  # nobody is there any more; without a descriptor accept did not look
                self._reserve.restore()
                return False
            except OSError:
                pass  # another thread took the descriptor: the pause below is the answer
            else:
                self._door.no_room(connected)
                self._reserve.restore()
                return True
        self._reserve.restore()
        self._reactor.removeReader(self)
        self._resume = self._reactor.callLater(RESUME_SECONDS, self._look_again)
        return False

    def _look_again(self) -> None:
        self._reserve.restore()
        self._reactor.addReader(self)

    def _tell(self, error: OSError) -> None:
        """Tell that accepting fails, now and then."""
        now = self._reactor.seconds()
        self._failed += 1
        if self._told is None or now - self._told >= TELL_SECONDS:
            before, self._failed, self._told = self._failed - 1, 0, now
            self._door.trouble(f"cannot accept: {error.strerror}", before)
