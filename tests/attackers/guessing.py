"""One session of a harvester over a real socket: what it asks, and what it is told.

Blocking, for a thread of its own. The source is any address of 127.0.0.0/8; another one, IPv6 too, is claimed by a
PROXY header from the address that the node trusts as a balancer. A reply that does not come within `PATIENCE` seconds
is an error: nothing here waits for ever. While nothing comes, the node's time is made to pass: a tarpit that takes
minutes is waited for in milliseconds.
"""

from __future__ import annotations

import select
import socket
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack, suppress
from enum import Enum

from attrs import frozen

BALANCER = "127.0.0.250"
PATIENCE = 30.0
HELLO = b"EHLO client.test\r\n"
BODY = b"Subject: mail\r\n\r\nSome words.\r\n"
AT_ONCE_SECONDS = 0.001
"""What comes within is there at once; only then is time made to pass."""
STEPS = (0.1, 0.2, 0.5, 1.0, 2.0, 4.0)
"""Seconds by which time is made to pass, one after the other; the last one again and again."""

Pass = Callable[[float], object]
"""Makes the node's time pass by seconds and returns when it has; called in the thread of the session."""


class Ending(Enum):
    """How a session ends when its guesses are asked."""

    QUIT = "QUIT"
    RESET = "RSET, then QUIT"
    DROP = "without a word"
    MESSAGE = "a message to whoever was granted"


@frozen
class Session:
    """One connection of an attacker, or of a lawful client.

    :ivar source: an IP address as text.
    :ivar names: local-parts to ask for, in order.
    :ivar pipelined: all in one segment.
    :ivar each: recipients of one transaction; the next ones come after RSET.
    :ivar body: of the message, if one is sent.
    """

    source: str
    names: tuple[bytes, ...]
    pipelined: bool = False
    ending: Ending = Ending.QUIT
    sender: bytes = b"a@sender.test"
    domain: bytes = b"example.test"
    each: int = 1000
    body: bytes = BODY


@frozen
class Told:
    """What a session was told.

    :ivar greeting: the code of the first reply; 0 when the connection was closed without a word.
    :ivar codes: the code for each name that was answered, in order; the rest was never answered.
    :ivar sent: the code of the final reply to a message, 0 when there was none.
    :ivar words: the texts for each name, without the reference.
    """

    session: Session
    greeting: int
    codes: tuple[int, ...] = ()
    sent: int = 0
    words: tuple[bytes, ...] = ()

    @property
    def granted(self) -> tuple[bytes, ...]:
        """The names that were told to exist."""
        return tuple(name for name, code in zip(self.session.names, self.codes, strict=False) if code == 250)

    @property
    def refused(self) -> tuple[bytes, ...]:
        """The names that were told not to exist."""
        return tuple(name for name, code in zip(self.session.names, self.codes, strict=False) if code == 550)

    @property
    def undecided(self) -> tuple[bytes, ...]:
        """The names of which nothing was told."""
        told = {*self.granted, *self.refused}
        return tuple(name for name in self.session.names if name not in told)


def play(address: tuple[str, int], session: Session, passing: Pass | None = None) -> Told:
    """Play one session.

    :param passing: ``None``: time is the real one.
    """
    with _connected(address, session.source) as connection:
        return _Client(connection, session, passing).play()


def play_together(address: tuple[str, int], sessions: Sequence[Session], passing: Pass | None = None) -> list[Told]:
    """Play pipelined sessions at the same instant: all are greeted, then all ask, then all listen."""
    with ExitStack() as stack:
        clients = [_Client(stack.enter_context(_connected(address, one.source)), one, passing) for one in sessions]
        ready = [client for client in clients if client.greeted()]
        for client in ready:
            client.ask_all()
        for client in ready:
            client.hear_all()
        return [client.told() for client in clients]


def _connected(address: tuple[str, int], source: str) -> socket.socket:
    """Connect from a source, or say that one does."""
    here = source.startswith("127.")
    made = socket.create_connection(address, PATIENCE, source_address=(source if here else BALANCER, 0))
    made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if not here:
        family, us = (b"TCP6", b"2001:db8::25") if ":" in source else (b"TCP4", b"192.0.2.25")
        made.sendall(b"PROXY %s %s %s 40000 25\r\n" % (family, source.encode(), us))
    return made


class _Client:
    """One connection while it lasts."""

    def __init__(self, connection: socket.socket, session: Session, passing: Pass | None) -> None:
        self._connection = connection
        self._input = b""
        self._passing = passing
        self._session = session
        self._greeting = 0
        self._codes: list[int] = []
        self._words: list[bytes] = []
        self._sent = 0

    def play(self) -> Told:
        """Say everything, one thing after the other or in one piece."""
        if self.greeted():
            if self._session.pipelined:
                self.ask_all()
                self.hear_all()
            else:
                self._ask_each()
        return self.told()

    def told(self) -> Told:
        """Give what was told so far."""
        return Told(self._session, self._greeting, tuple(self._codes), self._sent, tuple(self._words))

    def greeted(self) -> bool:
        """Hear the greeting and introduce ourselves; false when that was all."""
        self._greeting, _ = self._reply()
        return self._greeting == 220 and self._say(HELLO) == 250

    def ask_all(self) -> None:
        """Ask for every name in one segment."""
        self._send(b"".join(self._questions()))

    def hear_all(self) -> None:
        """Hear what is answered to `ask_all`, and end."""
        self._reply()
        for _ in self._session.names:
            if not self._hear_name():
                return
        self._end()

    def _ask_each(self) -> None:
        session = self._session
        for number, name in enumerate(session.names):
            if number % session.each == 0 and self._begin(number) != 250:
                return
            self._send(b"RCPT TO:<%s@%s>\r\n" % (name, session.domain))
            if not self._hear_name():
                return
        self._end()

    def _begin(self, number: int) -> int:
        if number:
            self._say(b"RSET\r\n")
        return self._say(b"MAIL FROM:<%s>\r\n" % self._session.sender)

    def _questions(self) -> Iterable[bytes]:
        session = self._session
        yield b"MAIL FROM:<%s>\r\n" % session.sender
        for name in session.names:
            yield b"RCPT TO:<%s@%s>\r\n" % (name, session.domain)

    def _hear_name(self) -> bool:
        code, words = self._reply()
        if code == 0:
            return False
        self._codes.append(code)
        self._words.append(words.partition(b" (reference")[0])
        return code != 421

    def _end(self) -> None:
        """End as the session wants it."""
        ending = self._session.ending
        if ending is Ending.MESSAGE and 250 in self._codes and self._say(b"DATA\r\n") == 354:
            self._sent = self._say(self._session.body + b".\r\n")
        if ending is Ending.RESET:
            self._say(b"RSET\r\n")
        if ending is not Ending.DROP:
            self._say(b"QUIT\r\n")

    def _say(self, octets: bytes) -> int:
        self._send(octets)
        return self._reply()[0]

    def _send(self, octets: bytes) -> None:
        with suppress(ConnectionError):  # it was closed: what was answered before can still be heard
            self._connection.sendall(octets)

    def _reply(self) -> tuple[int, bytes]:
        """Hear one reply; code 0 when the connection is closed."""
        line = self._line()
        while line[3:4] == b"-":
            line = self._line()
        return (int(line[:3]), line[4:].strip()) if line else (0, b"")

    def _line(self) -> bytes:
        """Hear one line; nothing when the connection is closed."""
        while b"\n" not in self._input:
            self._wait()
            try:
                octets = self._connection.recv(65536)
            except ConnectionError:
                octets = b""
            if not octets:
                return b""
            self._input += octets
        line, _, self._input = self._input.partition(b"\n")
        return line

    def _wait(self) -> None:
        """Wait until something can be read, and make time pass.

        :raises TimeoutError: nothing comes.
        """
        began, number = time.monotonic(), 0
        while not self._heard():
            if self._passing is None or time.monotonic() - began > PATIENCE:
                raise TimeoutError(f"{self._session.source} waits for a reply")
            self._passing(0.0)  # a node that is only busy gets its turn first
            if not self._heard():
                self._passing(STEPS[min(number, len(STEPS) - 1)])
                number += 1

    def _heard(self) -> bool:
        """Whether there is something to read, or comes at once."""
        short = PATIENCE if self._passing is None else AT_ONCE_SECONDS
        return bool(select.select([self._connection], [], [], short)[0])
