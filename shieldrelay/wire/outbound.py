"""`PooledNextHop`: one server behind us, as delivery sees it (``ports.NextHop``).

An attempt takes an idle connection or makes one, offers its message, and gives back one `AttemptResult`. A pooled
connection that turns out to have been closed while idle is replaced by a fresh one, once (R6). Until the final dot an
attempt can be cancelled; from then on only the next hop, or its deadline, ends it (R1). Nothing here fails: trouble is
transient. One that is cancelled before the next hop has said a word to it is SILENT: whoever cancels has waited long
enough for a greeting, and a server that is down without a refusal is not to cost each sender that wait (R6).
"""

from __future__ import annotations

from twisted.internet.defer import CancelledError, Deferred
from twisted.python.failure import Failure

from shieldrelay.mail.outcome import AttemptResult, Fate, RecipientOutcome, ServerHealth
from shieldrelay.mail.reply import Reply
from shieldrelay.ports import Attempt, Journal, Resolver
from shieldrelay.smtp.sender_events import TransactionDone
from shieldrelay.wire.deadlines import Deadlines
from shieldrelay.wire.outbound_connection import OpeningFailed, OutboundConnection
from shieldrelay.wire.outbound_settings import NoTls, OutboundSettings, Reactor, TlsPolicy
from shieldrelay.wire.pool import Pool


class PooledNextHop:
    """One next hop.

    :param reactor: dials, and is the clock; or ``MemoryReactorClock``.
    :param host: a name or an IP address, as configured.
    :param deadlines: the sweep that ends what takes too long; started and stopped by its owner.
    :ivar name: ``host:port``.
    """

    def __init__(
        self,
        reactor: Reactor,
        host: str,
        port: int,
        *,
        resolver: Resolver,
        settings: OutboundSettings,
        deadlines: Deadlines,
        journal: Journal,
        tls: TlsPolicy | None = None,
    ) -> None:
        self.name = f"{host}:{port}"
        self._journal = journal
        self._pool = Pool(
            reactor,
            host,
            port,
            resolver=resolver,
            settings=settings,
            tls=NoTls() if tls is None else tls,
            deadlines=deadlines,
            journal=journal,
        )

    @property
    def connections(self) -> int:
        """How many connections there are, those being made included."""
        return len(self._pool)

    @property
    def size_limit(self) -> int | None:
        """The SIZE in octets that the server announced last (RFC 1870), ``None`` when it never did."""
        return self._pool.size_limit

    @property
    def idle_connections(self) -> int:
        """How many of them wait for a message."""
        return self._pool.idle

    def attempt(self, attempt: Attempt) -> Deferred[AttemptResult]:
        """Offer a message; see ``ports.NextHop``."""
        exchange = _Exchange(self._pool, attempt, self._journal)
        exchange.start()
        return exchange.result

    def close_idle(self) -> None:
        """Say QUIT on every idle connection."""
        self._pool.close_idle()

    def shed(self, most: int) -> int:
        """Say QUIT on some idle connections; gives on how many."""
        return self._pool.shed(most)

    def stop(self) -> Deferred[None]:
        """Close idle connections; attempts under way run on. Fires when all are closed."""
        return self._pool.stop()


class _Result(Deferred[AttemptResult]):
    """A Deferred that may decline to be cancelled: after the final dot there is nothing to take back."""

    def __init__(self, exchange: _Exchange) -> None:
        super().__init__()
        self._exchange: _Exchange | None = exchange

    def settle(self, result: AttemptResult) -> None:
        """Fire, and let go of the exchange: else the content would wait for the collector of cycles."""
        self._exchange = None
        self.callback(result)

    def cancel(self) -> None:
        """Cancel the attempt, or nothing."""
        if self._exchange is None:
            super().cancel()
        else:
            self._exchange.cancel()


class _Exchange:
    """One attempt on its way.

    :ivar result: fires once.
    """

    __slots__ = (
        "_attempt", "_cancelled", "_connection", "_dialling", "_journal", "_pool", "_replies", "_retried", "result",
    )  # fmt: skip

    def __init__(self, pool: Pool, attempt: Attempt, journal: Journal) -> None:
        self.result = _Result(self)
        self._pool = pool
        self._attempt = attempt
        self._journal = journal
        self._connection: OutboundConnection | None = None
        self._dialling: Deferred[None] | None = None
        self._replies = -1
        self._retried = False
        self._cancelled = False

    def start(self) -> None:
        """Take a connection, or make one."""
        connection = self._pool.take()
        if connection is None:
            self._dial()
        else:
            self._replies = connection.replies
            self._offer(connection)

    def cancel(self) -> None:
        """Give up, unless the final dot was written."""
        if self._attempt.dotted or self._cancelled:
            return
        self._cancelled = True
        if self._connection is not None:
            self._connection.drop("the attempt was given up")
        elif self._dialling is not None:
            self._dialling.cancel()

    def _dial(self) -> None:
        self._connection = None
        self._replies = -1
        dialling = Deferred.fromCoroutine(self._pool.dial())
        self._dialling = dialling.addCallbacks(self._offer, self._not_dialled)
        self._dialling.addErrback(self._bug)

    def _not_dialled(self, failure: Failure) -> None:
        fault = failure.value
        if self._cancelled and isinstance(fault, CancelledError):
            self._fail("it had not opened the session in time", ServerHealth.SILENT)
        elif self._cancelled:
            self._fail("the attempt was given up", ServerHealth.UNTRIED)
        elif isinstance(fault, OpeningFailed):
            self._fail(fault.reason, ServerHealth.FAULT, fault.reply)
        else:
            failure.raiseException()

    def _bug(self, failure: Failure) -> None:
        """Tell of an error of our own, which costs the message nothing but time."""
        self._journal.event("bug", where="outbound", error=failure.getTraceback())
        if not self.result.called:
            self._fail("an error of our own", ServerHealth.UNTRIED)

    def _offer(self, connection: OutboundConnection) -> None:
        self._dialling = None
        self._connection = connection
        try:
            connection.offer(self._attempt, self._settled)
        except (ValueError, OSError) as error:
            # No connection can take it: no command can hold its envelope, or its content is unreadable.
            self._journal.event("bug", where="outbound", error=repr(error))
            self._pool.free(connection)
            self._fail("an error of our own", ServerHealth.UNTRIED)

    def _settled(self, connection: OutboundConnection, done: TransactionDone) -> None:
        health = done.health
        if self._cancelled:
            health = self._given_up(connection)
        elif health is ServerHealth.STALE and not self._retried:
            self._retried = True
            self._dial()
            return
        self._finish(AttemptResult(done.outcomes, health, connection.address, done.reason, connection.tls))

    def _given_up(self, connection: OutboundConnection) -> ServerHealth:
        """Say what a cancelled attempt shows; where a pooled connection was silent, the idle ones may be as dead."""
        if connection.replies != self._replies:
            return ServerHealth.UNTRIED
        self._pool.close_idle()
        return ServerHealth.SILENT

    def _fail(self, reason: str, health: ServerHealth, reply: Reply | None = None) -> None:
        outcome = RecipientOutcome(Fate.TRANSIENT, reply, reason)
        self._finish(AttemptResult((outcome,) * len(self._attempt.recipients), health, reason=reason))

    def _finish(self, result: AttemptResult) -> None:
        self._connection = None
        self.result.settle(result)
