"""What is set for the connections to a next hop, and what they need from their surroundings."""

from __future__ import annotations

from typing import Any, Protocol

from attrs import field, frozen
from twisted.internet.interfaces import IConnector, IOpenSSLClientConnectionCreator

from shieldrelay.ports import Clock
from shieldrelay.smtp.sender_context import Handover
from shieldrelay.smtp.sender_opening import Credentials, Terms, TlsWish
from shieldrelay.smtp.sender_phases import Phase


class Reactor(Clock, Protocol):
    """The part of the reactor that dials: the real one, or ``MemoryReactorClock``."""

    def connectTCP(
        self,
        host: str,
        port: int,
        factory: Any,
        timeout: float = 30,
        bindAddress: tuple[str, int] | None = None,  # noqa: N803 Twisted's name
    ) -> IConnector:
        """Begin to connect to an IP address."""


class TlsPolicy(Protocol):
    """TLS towards one next hop (R10): ``wire.tls_client.ClientTls``; one object over all connections of a next hop."""

    def wants_tls(self, now: float) -> bool:
        """Whether STARTTLS is to be used where offered; not for an hour after a failed handshake when opportunistic.

        :param now: seconds of the clock.
        """

    @property
    def must_have_tls(self) -> bool:
        """Whether nothing is ever sent in plaintext."""

    def options(self, host: str) -> IOpenSSLClientConnectionCreator:
        """Give what ``startTLS`` takes.

        :param host: the next hop as configured.
        """

    def verify(self, transport: Any, host: str) -> str | None:
        """Judge the certificate once the handshake is complete: ``None`` is good, else the reason in our words."""

    def handshake_failed(self, now: float, reason: str) -> None:
        """Remember that TLS could not be had."""

    def handshake_succeeded(self) -> None:
        """Forget it."""


class NoTls:
    """The policy of a next hop to which TLS is not spoken."""

    must_have_tls = False

    def wants_tls(self, now: float) -> bool:
        """Never."""
        return False

    def options(self, host: str) -> IOpenSSLClientConnectionCreator:
        """Misuse."""
        raise AssertionError("TLS was not wanted")

    def verify(self, transport: Any, host: str) -> str | None:
        """Misuse."""
        raise AssertionError("TLS was not wanted")

    def handshake_failed(self, now: float, reason: str) -> None:
        """Nothing to remember."""

    def handshake_succeeded(self) -> None:
        """Nothing to forget."""


@frozen
class Timeouts:
    """Seconds that a next hop has for each step (RFC 5321 §4.5.3.2); AUTH and RSET are ours.

    :ivar content: for each block to be taken off us.
    :ivar final: for the reply to the final dot: the attempt's own limit from there on (R1).
    """

    connect: float = 30.0
    greeting: float = 300.0
    hello: float = 300.0
    handshake: float = 60.0
    auth: float = 120.0
    mail: float = 300.0
    rcpt: float = 300.0
    data: float = 120.0
    content: float = 180.0
    final: float = 600.0
    reset: float = 60.0
    quit: float = 5.0


@frozen
class OutboundSettings:
    """How we speak to a next hop.

    :ivar hostname: our name for EHLO.
    :ivar idle_seconds: how long an unused connection is kept.
    :ivar messages_per_connection: after so many it is closed.
    :ivar source: the address to connect from, ``None``: the system's choice.
    :ivar handover: what the next hop is told of clients.
    :ivar direct_writes: the switch of `wire.direct`.
    """

    hostname: str
    credentials: Credentials | None = None
    plaintext_auth: bool = False
    timeouts: Timeouts = field(factory=Timeouts)
    idle_seconds: float = 30.0
    messages_per_connection: int = 1000
    source: str | None = None
    direct_writes: bool = True
    handover: Handover = Handover.NONE
    limits: dict[Phase, float] = field(init=False, repr=False, eq=False)

    @limits.default
    def _by_phase(self) -> dict[Phase, float]:
        timeouts = self.timeouts
        return {
            Phase.GREETING: timeouts.greeting,
            Phase.EHLO: timeouts.hello,
            Phase.HELO: timeouts.hello,
            Phase.STARTTLS: timeouts.handshake,
            Phase.HANDSHAKE: timeouts.handshake,
            Phase.AUTH: timeouts.auth,
            Phase.READY: self.idle_seconds,
            Phase.CONTEXT: timeouts.mail,
            Phase.MAIL: timeouts.mail,
            Phase.RCPT: timeouts.rcpt,
            Phase.DATA: timeouts.data,
            Phase.CONTENT: timeouts.content,
            Phase.FINAL: timeouts.final,
            Phase.RESET: timeouts.reset,
            Phase.QUIT: timeouts.quit,
            Phase.CLOSED: timeouts.quit,
        }

    def terms(self, tls: TlsPolicy, now: float) -> Terms:
        """Give what a new session brings along."""
        if tls.must_have_tls:
            wish = TlsWish.REQUIRED
        else:
            wish = TlsWish.WHEN_OFFERED if tls.wants_tls(now) else TlsWish.NEVER
        return Terms(self.hostname, wish, self.credentials, self.plaintext_auth, self.handover)
