"""One connection to a next hop: Twisted on one side, `smtp.sender` on the other.

It moves octets, keeps the deadline of the sender's phase, starts TLS, and writes content. It knows no queue and no
policy: its pool (`wire.pool`) is told when it is free or gone, and whoever offered an attempt is told its
`TransactionDone`. Every trouble ends in those two and never in an exception; a bug that escapes into the reactor closes
the connection, which is the same to everybody else.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IAddress, IConnector, IHandshakeListener
from twisted.internet.protocol import ClientFactory, connectionDone
from twisted.internet.protocol import Protocol as TwistedProtocol
from twisted.python.failure import Failure
from zope.interface import implementer

from shieldrelay.mail.reply import Reply
from shieldrelay.ports import Attempt
from shieldrelay.smtp.sender import Sender
from shieldrelay.smtp.sender_events import ContentWanted, ReadyForMail, SessionOver, TlsWanted, TransactionDone
from shieldrelay.smtp.sender_phases import Phase
from shieldrelay.wire.direct import direct_writer
from shieldrelay.wire.outbound_content import ContentPump
from shieldrelay.wire.outbound_settings import OutboundSettings, Reactor, TlsPolicy

WRITE_AT_ONCE_OCTETS = 262144
"""Content in memory up to this size goes out in one write."""


class OpeningFailed(Exception):
    """A connection did not get as far as MAIL.

    :ivar reason: which step failed and how, in our words.
    :ivar reply: the next hop's words, where they were the cause.
    :ivar tls_failed: it failed for TLS alone.
    """

    def __init__(self, reason: str, reply: Reply | None = None, *, tls_failed: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.reply = reply
        self.tls_failed = tls_failed


class Owner(Protocol):
    """What a connection tells its pool."""

    def free(self, connection: OutboundConnection) -> None:
        """It can take another message."""

    def leaving(self, connection: OutboundConnection) -> None:
        """It takes no further message; told at least once."""

    def closed(self, connection: OutboundConnection) -> None:
        """It is closed, or was never established; told once."""


Settled = Callable[["OutboundConnection", TransactionDone], None]


@implementer(IHandshakeListener)
class OutboundConnection(TwistedProtocol):
    """One connection.

    :param host: the next hop as configured, for TLS.
    :ivar deadline: seconds of the clock at which the next hop has had its time; read by `wire.deadlines`.
    :ivar address: ``address:port`` that is spoken to.
    :ivar tls: protocol version in words, ``None`` in plaintext.
    :ivar messages: how many attempts it was offered.
    """

    def __init__(self, clock: Reactor, owner: Owner, settings: OutboundSettings, tls: TlsPolicy, host: str) -> None:
        self.deadline = float("inf")
        self.address = ""
        self.tls: str | None = None
        self._tls_failed = False
        self._clock = clock
        self._owner = owner
        self._limits = settings.limits
        self._settings = settings
        self._policy = tls
        self._host = host
        self._sender = Sender(settings.terms(tls, clock.seconds()))
        self._replies = 0
        self._opening: Deferred[OutboundConnection] | None = None
        self._connector: IConnector | None = None
        self._attempt: Attempt | None = None
        self._settled: Settled | None = None
        self._pump: ContentPump | None = None
        self._write: Callable[[bytes], None] = self._no_transport

    @property
    def size_limit(self) -> int | None:
        """The SIZE in octets that the server announced (RFC 1870)."""
        return self._sender.capabilities.size_limit

    @property
    def messages(self) -> int:
        """How many messages it was offered so far."""
        return self._sender.offers

    @property
    def replies(self) -> int:
        """How many replies it has had, the greeting included."""
        return self._sender.replies

    @property
    def is_free(self) -> bool:
        """Whether it can take a message now."""
        return self._sender.phase is Phase.READY

    # -- what the pool and the exchange call

    def dial(self, address: str, port: int) -> Deferred[OutboundConnection]:
        """Connect and open the session.

        :returns: fires with this connection when it can take a message; fails with `OpeningFailed`; cancelling it drops
            the connection.
        """
        self.address = f"[{address}]:{port}" if ":" in address else f"{address}:{port}"
        opening: Deferred[OutboundConnection] = Deferred(self._opening_cancelled)
        self._opening = opening
        source = self._settings.source
        self._connector = self._clock.connectTCP(
            address, port, _Dialled(self), self._settings.timeouts.connect, (source, 0) if source else None
        )
        return opening

    def _opening_cancelled(self, _opening: Deferred[OutboundConnection]) -> None:
        self._opening = None
        self.drop("the attempt was given up")

    def offer(self, attempt: Attempt, settled: Settled) -> None:
        """Begin an attempt; the connection is free.

        :param settled: called once with this connection and the `TransactionDone`, possibly before this returns.
        :raises ValueError: when the envelope cannot be put into commands; the connection is as before.
        :raises OSError: when the content cannot be looked at; the connection is as before.
        """
        message, content = attempt.message, attempt.content
        self._sender.begin(
            message.envelope,
            attempt.recipients,
            content.size,
            ascii_header=not message.envelope.smtputf8 or content.ascii_header,
            origin=message.origin,
            message_id=message.id,
        )
        self._attempt = attempt
        self._settled = settled
        self._arm()
        self._drain()

    def quit(self) -> None:
        """Say QUIT and close; the connection is free."""
        self._owner.leaving(self)
        self._sender.quit()
        self._arm()
        self._drain()

    def drop(self, reason: str) -> None:
        """Close at once, whatever is under way."""
        if self._connector is not None and self.transport is None:
            self._connector.stopConnecting()
            return
        self._sender.give_up(reason)
        self._drain()

    def deadline_passed(self, now: float) -> None:
        """Say QUIT when idle, give up otherwise; called by the sweep."""
        if self.is_free:
            self.quit()
        elif self._sender.phase is Phase.CLOSED:
            self.deadline = float("inf")
            self._abort()
        else:
            self._lost(f"{self._sender.phase.value} did not come in time")

    # -- what Twisted calls

    def connect_failed(self, reason: Failure) -> None:
        """The connection was not established."""
        self._sender.give_up(f"no connection: {reason.getErrorMessage()}")
        self._drain()
        self._owner.closed(self)

    def connectionMade(self) -> None:
        """Wait for the greeting."""
        assert self.transport is not None
        self.transport.setTcpNoDelay(True)  # type: ignore[attr-defined]
        self._write = self.transport.write
        self._arm()

    def dataReceived(self, data: bytes) -> None:
        """Take octets; only complete replies move the deadline, so a dripping next hop gains nothing."""
        sender = self._sender
        sender.feed(data)
        if sender.replies != self._replies:
            self._replies = sender.replies
            self._arm()
        self._drain()

    def handshakeCompleted(self) -> None:
        """Verify the certificate, then go on inside TLS (R10)."""
        transport: Any = self.transport
        fault = self._policy.verify(transport, self._host)
        if fault is not None:
            self._lost(fault)
            return
        self._policy.handshake_succeeded()
        self.tls = transport.getHandle().get_protocol_version_name()
        self._sender.tls_started()
        self._arm()
        self._drain()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """End everything that is still under way."""
        phase = self._sender.phase
        words = f" ({reason.getErrorMessage()[:200]})" if phase is Phase.HANDSHAKE else ""
        self._lost(f"the connection was lost{words} while we waited for {phase.value}")
        self._owner.closed(self)

    # -- what the content pump calls

    def content_block(self, block: bytes) -> None:
        """Write one block."""
        self._write(self._sender.content(block))
        self._arm()

    def content_complete(self) -> None:
        """Write the final dot."""
        self._pump = None
        self._end_content([])

    def content_failed(self, reason: str) -> None:
        """Give up: half a message must never be ended by a dot."""
        self.drop(reason)

    # -- the events of the session

    def _drain(self) -> None:
        """Write and act until the sender has nothing more to say: a loop, never a recursion."""
        sender = self._sender
        while True:
            octets = sender.output()
            if octets:
                self._write(octets)
            event = sender.next_event()
            if event is None:
                return
            if isinstance(event, TransactionDone):
                self._transaction_done(event)
            elif isinstance(event, ContentWanted):
                self._content_wanted()
            elif isinstance(event, ReadyForMail):
                self._ready()
            elif isinstance(event, SessionOver):
                self._over(event)
            elif isinstance(event, TlsWanted):
                self._tls_wanted()

    def _transaction_done(self, event: TransactionDone) -> None:
        settled, self._settled, self._attempt = self._settled, None, None
        if self._sender.phase is Phase.READY:
            self._arm()
            self._owner.free(self)
        assert settled is not None
        settled(self, event)

    def _content_wanted(self) -> None:
        assert self._attempt is not None
        content = self._attempt.content
        if content.blocks is not None and content.size <= WRITE_AT_ONCE_OCTETS:
            self._end_content([self._sender.content(block) for block in content.blocks])
            return
        try:
            reader = content.open()
        except OSError as error:
            self.drop(f"the content could not be read: {error}")
            return
        self._pump = ContentPump(reader, self.transport, self)
        self._pump.start()

    def _end_content(self, written: list[bytes]) -> None:
        """Write what is left of the content and its final dot (R1), if the message is ours still (R15)."""
        attempt = self._attempt
        assert attempt is not None
        if attempt.still_ours is not None and not attempt.still_ours():
            self.drop("the message is no longer ours to deliver")
            return
        attempt.final_dot()
        written.append(self._sender.end_of_content())
        self._write(b"".join(written))
        self._arm()

    def _ready(self) -> None:
        self._arm()
        opening, self._opening = self._opening, None
        if opening is None:
            self._owner.free(self)
            return
        if self.tls is None:
            assert self.transport is not None
            self._write = direct_writer(self.transport, enabled=self._settings.direct_writes)
        opening.callback(self)

    def _tls_wanted(self) -> None:
        transport: Any = self.transport
        transport.startTLS(self._policy.options(self._host))

    def _over(self, event: SessionOver) -> None:
        self._owner.leaving(self)
        self._close(politely=not event.reason)
        if event.tls_refused:
            self._policy.handshake_failed(self._clock.seconds(), event.reason)
        opening, self._opening = self._opening, None
        if opening is not None:
            opening.errback(OpeningFailed(event.reason, event.reply, tls_failed=event.tls_refused or self._tls_failed))

    def _lost(self, reason: str) -> None:
        """Give up for a reason of the wire; a handshake that did not succeed is remembered."""
        if self._sender.phase is Phase.HANDSHAKE:
            self._tls_failed = True
            self._policy.handshake_failed(self._clock.seconds(), reason)
        self._sender.give_up(reason)
        self._drain()

    def _close(self, *, politely: bool) -> None:
        self._arm()
        if self._pump is not None:
            pump, self._pump = self._pump, None
            pump.stopProducing()
        if politely and self.transport is not None:
            self.transport.loseConnection()
        else:
            self._abort()

    def _abort(self) -> None:
        transport: Any = self.transport
        if transport is not None:
            transport.abortConnection()

    def _arm(self) -> None:
        """Give the next hop its time for what is waited for now."""
        self.deadline = self._clock.seconds() + self._limits[self._sender.phase]

    def _no_transport(self, octets: bytes) -> None:
        raise AssertionError(f"{len(octets)} octets for no connection")


class _Dialled(ClientFactory):
    """What Twisted wants for one outgoing connection."""

    noisy = False

    def __init__(self, connection: OutboundConnection) -> None:
        self._connection = connection

    def buildProtocol(self, addr: IAddress | None) -> OutboundConnection:
        """Give the one connection."""
        return self._connection

    def clientConnectionFailed(self, connector: IConnector, reason: Failure) -> None:
        """Tell it."""
        self._connection.connect_failed(reason)
