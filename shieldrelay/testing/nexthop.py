"""`ScriptedNextHop`: a customer's mail server for tests, which stores what it gets and misbehaves on command.

Strict and independent: it shares no code with ``shieldrelay.smtp``, takes mail from a sender that keeps to the RFCs,
and writes down every liberty that the sender takes. Used by tests and by nothing else; the reactor (or a ``Clock``,
when its protocols are joined to a sender by a `Pump`) is passed in, and nothing leaves the loopback interface.

    hop = ScriptedNextHop(reactor)
    hop.up()
    hop.script.on_recipient(b"ghost@example.test", "550 5.1.1 unknown")
    hop.script.once(Step.CONTENT, say("451 4.3.0 later", delay=2))
    ...
    await hop.until(lambda: len(hop.messages) == 2)
    self.assertEqual(hop.violations, [])
    await hop.down()
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.interfaces import IAddress, IListeningPort
from twisted.internet.protocol import Factory

from shieldrelay.testing.nexthop_conversation import Conversation
from shieldrelay.testing.nexthop_record import ConnectionRecord, StoredMessage
from shieldrelay.testing.nexthop_script import (
    Act,
    Answer,
    End,
    Gate,
    Occasion,
    Script,
    Step,
    close,
    endless,
    lose_reply,
    reset,
    say,
    silence,
    stall,
)
from shieldrelay.testing.nexthop_session import NextHopSession

__all__ = [
    "Act",
    "Answer",
    "ConnectionRecord",
    "End",
    "Gate",
    "Occasion",
    "Script",
    "ScriptedNextHop",
    "Step",
    "StoredMessage",
    "close",
    "endless",
    "lose_reply",
    "reset",
    "say",
    "silence",
    "stall",
]

ALL_EXTENSIONS = ("PIPELINING", "SIZE 52428800", "8BITMIME", "SMTPUTF8", "DSN", "ENHANCEDSTATUSCODES", "STARTTLS")
"""What it offers unless told otherwise; STARTTLS only when it has a certificate."""


class ScriptedNextHop(Factory):
    """An SMTP server on a loopback port.

    :param clock: the reactor; a ``task.Clock`` will do when only `buildProtocol` is used.
    :param name: what it calls itself.
    :param extensions: the lines of its EHLO answer; may be changed at any time, and hold for the next EHLO.
    :param tls: what ``startTLS`` takes (`Issued.server_options`), ``None``: no STARTTLS.
    :param credentials: passwords by user, for AUTH; offer it in ``extensions`` too (``"AUTH PLAIN LOGIN"``).
    :ivar script: what is to happen where.
    :ivar midst_octets: where in the content `Step.MIDST` is.
    :ivar messages: messages that it took, in the order of their final dots.
    :ivar refused: messages whose content was complete and was not taken.
    :ivar connections: all that there ever were.
    :ivar violations: every liberty that a sender took, in words. A test of a sender asserts that this is empty.
    """

    noisy = False

    def __init__(
        self,
        clock: Any,
        *,
        name: str = "next-hop.test",
        extensions: Sequence[str] = ALL_EXTENSIONS,
        tls: object | None = None,
        credentials: Mapping[bytes, bytes] | None = None,
    ) -> None:
        self.clock = clock
        self.name = name
        self.extensions = list(extensions)
        self.tls = tls
        self.credentials = dict(credentials or {})
        self.script = Script()
        self.midst_octets = 1
        self.host = "127.0.0.1"
        self.port = 0
        self.messages: list[StoredMessage] = []
        self.refused: list[StoredMessage] = []
        self.connections: list[ConnectionRecord] = []
        self.violations: list[str] = []
        self._sessions: list[Conversation] = []
        self._listening: IListeningPort | None = None
        self._awaited: list[tuple[Callable[[], bool], Deferred[None]]] = []

    # -- up and down

    def up(self) -> None:
        """Listen: on a free port the first time, on the same one later."""
        if not self.port:
            self._reserve()
        if self._listening is None:
            self._listening = self.clock.listenTCP(self.port, self, interface=self.host)
            address = self._listening.getHost()
            assert isinstance(address, IPv4Address)
            self.port = address.port

    def _reserve(self) -> None:
        """Choose a port and keep it while down too: else any outgoing connection may be given it meanwhile."""
        self._reserved = socket.socket()
        self._reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._reserved.bind((self.host, 0))
        self.port = self._reserved.getsockname()[1]

    async def down(self, how: End = End.RESET) -> None:
        """Stop listening (connections are refused then) and end every connection; done when all are gone."""
        listening, self._listening = self._listening, None
        if listening is not None:
            await maybeDeferred(listening.stopListening)
        self.end_connections(how)
        await self.until(lambda: not self._sessions)

    def end_connections(self, how: End = End.CLOSE) -> None:
        """End every connection, idle or not, without a word."""
        for session in tuple(self._sessions):
            session.end(how)

    def say_to_all(self, reply: str, how: End = End.GO_ON) -> None:
        """Say something unasked on every connection, such as ``"421 4.3.2 closing"``."""
        for session in tuple(self._sessions):
            session.write_unasked(say(reply).reply)
            session.end(how)

    # -- what a test waits for

    def until(self, condition: Callable[[], bool]) -> Deferred[None]:
        """Give a Deferred that fires once ``condition()`` holds; it is asked after everything that happens here."""
        awaited: Deferred[None] = Deferred(self._give_up)
        self._awaited.append((condition, awaited))
        self.progress()
        return awaited

    def reached(self, step: Step, times: int = 1) -> Deferred[None]:
        """Give a Deferred that fires once ``step`` was reached so often, counted from the beginning."""
        return self.until(lambda: self.script.times(step) >= times)

    @property
    def open_connections(self) -> int:
        """How many connections stand now."""
        return len(self._sessions)

    def _give_up(self, cancelled: Deferred[None]) -> None:
        self._awaited = [(condition, awaited) for condition, awaited in self._awaited if awaited is not cancelled]

    # -- for its sessions

    def buildProtocol(self, addr: IAddress | None = None) -> NextHopSession:
        """Give the server's side of one more connection; a test may join it to a sender with a `Pump`."""
        record = ConnectionRecord(len(self.connections))
        session = NextHopSession(self, record)
        session.factory = self
        self.connections.append(record)
        self._sessions.append(session)
        return session

    def session_over(self, session: Conversation) -> None:
        """Forget a session whose connection is gone."""
        self._sessions.remove(session)
        self.progress()

    def progress(self) -> None:
        """Look whether what a test waits for has come."""
        due = [(condition, awaited) for condition, awaited in self._awaited if condition()]
        for entry in due:
            self._awaited.remove(entry)
            entry[1].callback(None)
