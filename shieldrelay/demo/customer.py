"""The demo's customer: a mail server that stores what it receives, and can be taken down and up by a file.

Built on our own receiver, so that the demo needs nothing else. It takes everything, stores each message as one file,
and is no product: what it stores is not synced.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import IListeningPort
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.internet.task import LoopingCall
from twisted.python.failure import Failure

from shieldrelay.smtp import replies
from shieldrelay.smtp.events import (
    ContentCompleted,
    ContentReceived,
    ContentRequested,
    MailRequested,
    RecipientRequested,
    TransactionReset,
)
from shieldrelay.smtp.limits import Limits
from shieldrelay.smtp.receiver import Receiver
from shieldrelay.smtp.receiver_settings import ReceiverSettings

LOOK_SECONDS = 0.5
"""How often the switch is looked at."""


class CustomerSession(Protocol):
    """One connection to the customer's server."""

    transport: Any

    def __init__(self, customer: Customer) -> None:
        self._customer = customer
        self._receiver = Receiver(customer.settings, tls_available=False)
        self._blocks: list[bytes] = []

    def connectionMade(self) -> None:
        """Greet."""
        self._customer.sessions.add(self)
        self._receiver.greet()
        self.transport.write(self._receiver.output())

    def dataReceived(self, data: bytes) -> None:
        """Take what came, and answer."""
        self._receiver.feed(data)
        while (event := self._receiver.next_event()) is not None:
            self._meet(event)
        self.transport.write(self._receiver.output())
        if self._receiver.closing:
            self.transport.loseConnection()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """Forget what was not complete."""
        self._customer.sessions.discard(self)
        self._blocks = []

    def _meet(self, event: object) -> None:
        match event:
            case MailRequested():
                self._receiver.answer(replies.SENDER_OK)
            case RecipientRequested():
                self._receiver.answer(replies.RECIPIENT_OK)
            case ContentRequested():
                self._blocks = []
                self._receiver.answer(replies.START_CONTENT)
            case ContentReceived(block):
                self._blocks.append(block)
            case ContentCompleted(fault):
                if fault is None:
                    self._customer.store(b"".join(self._blocks))
                self._receiver.answer(replies.MESSAGE_OK if fault is None else fault.reply)
            case TransactionReset():
                self._blocks = []


class Customer:
    """The customer's server.

    :param directory: gets a file ``NNNNNN.eml`` for each message.
    :param switch: while this file exists, the server is down.
    :ivar port: the TCP port, once it was up.
    :ivar received: messages so far.
    :ivar sessions: what is connected.
    :ivar settings: what its receiver is built with.
    """

    def __init__(
        self, reactor: Any, port: int, directory: Path, switch: Path, changed: Callable[[str], object]
    ) -> None:
        self._reactor = reactor
        self.port = port
        self._directory = directory
        self._switch = switch
        self._changed = changed
        self._listening: IListeningPort | None = None
        self.sessions: set[CustomerSession] = set()
        self.settings = ReceiverSettings(b"customer.example.test", limits=Limits(messages=1000000, commands=10000000))
        self.received = len(list(directory.glob("*.eml")))
        self._looking = LoopingCall(self._look)
        self._looking.clock = reactor

    def start(self) -> None:
        """Come up, and look at the switch from now on.

        :raises CannotListenError: when somebody else has the port.
        """
        self._up()
        self._looking.start(LOOK_SECONDS, now=False)

    def stop(self) -> Any:
        """Go down for good."""
        if self._looking.running:
            self._looking.stop()
        return self._down() if self._listening is not None else None

    def _look(self) -> None:
        wanted_down = self._switch.exists()
        if wanted_down and self._listening is not None:
            self._down()
            self._changed(f"the customer's server is DOWN; it comes back when you remove {self._switch}")
        elif not wanted_down and self._listening is None:
            try:
                self._up()
            except CannotListenError as error:
                self._changed(f"the customer's server cannot come back: {error}")
            else:
                self._changed("the customer's server is up")

    def _up(self) -> None:
        self._listening = self._reactor.listenTCP(self.port, _SessionFactory(self), interface="127.0.0.1")

    def _down(self) -> Any:
        for session in list(self.sessions):
            session.transport.abortConnection()
        listening, self._listening = self._listening, None
        return None if listening is None else listening.stopListening()

    def store(self, content: bytes) -> None:
        """Keep a message."""
        self.received += 1
        (self._directory / f"{self.received:06d}.eml").write_bytes(content)
        self._changed(f"message {self.received} arrived at the customer ({len(content)} octets)")


class _SessionFactory(Factory):
    noisy = False

    def __init__(self, customer: Customer) -> None:
        self._customer = customer

    def buildProtocol(self, addr: Any) -> CustomerSession:
        """Make a session."""
        return CustomerSession(self._customer)
