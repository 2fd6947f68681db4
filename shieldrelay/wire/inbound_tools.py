"""What all inbound connections share, and which terms a new one begins with."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from attrs import define

from shieldrelay.delivery.intake_tools import IntakeTools
from shieldrelay.ports import Clock, Gate, Journal
from shieldrelay.smtp.receiver_settings import ReceiverSettings
from shieldrelay.wire.deadlines import Deadlines
from shieldrelay.wire.inbound_timing import ClientPatience


class SessionTerms(Protocol):
    """What is configured for sessions: ``assembly.terms.Terms``."""

    @property
    def gate(self) -> Gate[Any]:
        """Give who judges connections; a session keeps the one that admitted it."""

    @property
    def balancer(self) -> Callable[[str], bool] | None:
        """Give what tells whether an address is a declared balancer's, which speaks PROXY; ``None``: there is none."""

    @property
    def intake(self) -> IntakeTools:
        """Give what the session's intake works with."""

    def receiver_settings(self, address: str) -> ReceiverSettings:
        """Give what the receiver of a client's session is built with."""

    def patience(self, address: str) -> ClientPatience:
        """Give a client's time."""


@define(eq=False)
class InboundTools:
    """What connections are made with.

    :ivar terms: those of sessions that begin now; a reload replaces them.
    :ivar sessions: everything that is open, for the deadlines and the stop.
    :ivar tls: what ``transport.startTLS`` takes; ``None`` offers no STARTTLS.
    :ivar direct_writes: the switch of `wire.direct` and `wire.closing`.
    """

    terms: SessionTerms
    sessions: Deadlines
    tls: Any
    clock: Clock
    journal: Journal
    direct_writes: bool = True
