"""Whether a reverse-path is believed to be the sender's own, so that a failure notice may go there (R8).

A message's content and reverse-path are the client's claim; what speaks for it is that the domain lets this client send
in its name (SPF, RFC 7208). `SpfStanding` keeps what was found for a while and asks `SpfCheck` for the rest, once for
all who ask for the same at the same time (R26). May not know DNS or threads. Asked by ``delivery.notices``. Nothing
fails here: what cannot be known is `Believed.UNKNOWN`.
"""

from __future__ import annotations

from collections import OrderedDict
from enum import Enum
from typing import Protocol

from attrs import define, field, frozen
from twisted.internet.defer import Deferred, succeed
from twisted.python.failure import Failure

from shieldrelay.mail.address import Mailbox
from shieldrelay.mail.envelope import Message
from shieldrelay.mail.evidence import SpfResult
from shieldrelay.ports import Clock

KEPT_SECONDS = 600.0
"""How long a result is believed at most (R26)."""
TROUBLE_SECONDS = 30.0
"""How long "it cannot be known now" is believed."""
KEPT = 4096
"""How many results are kept."""


class Believed(Enum):
    """Whether a reverse-path is taken to be the sender's own."""

    YES = "yes"
    NO = "no"
    UNKNOWN = "unknown"
    """It cannot be known now: ask again later."""


@frozen
class Judgement:
    """An answer and why, one clause for the journal."""

    believed: Believed
    reason: str = ""


@frozen
class Evidence:
    """What a session left of a sender.

    :ivar sender: the reverse-path.
    :ivar address: the client's IP address as text; empty when it is not known.
    :ivar helo: what the client called itself.
    """

    sender: Mailbox
    address: str
    helo: str


def evidence_of(message: Message, sender: Mailbox) -> Evidence:
    """Give the evidence about a message's sender."""
    origin = message.origin
    return Evidence(sender, "", "") if origin is None else Evidence(sender, origin.address, origin.helo)


class SenderStanding(Protocol):
    """Who judges: `EveryoneStanding` or `SpfStanding`."""

    def judge(self, evidence: Evidence) -> Deferred[Judgement]:
        """Judge a sender. Never fails; cancelling the Deferred disturbs nobody else."""


class EveryoneStanding:
    """``notice_senders = "all"``: RFC 5321 §6.2 to the letter, backscatter included."""

    def judge(self, evidence: Evidence) -> Deferred[Judgement]:
        """Believe everybody."""
        return succeed(Judgement(Believed.YES))


class SpfCheck(Protocol):
    """Who evaluates SPF: `wire.spf.Spf`."""

    def check(self, evidence: Evidence) -> Deferred[SpfResult]:
        """Evaluate the MAIL FROM identity; fires within a declared time, and never fails but for a bug."""


@define(eq=False)
class _Kept:
    """One result (``None`` before there is one), how long it holds, and those who wait for it."""

    result: SpfResult | None = None
    until: float = 0.0
    waiting: list[Deferred[Judgement]] = field(factory=list)


class SpfStanding:
    """``notice_senders = "verified"``: believed is whose domain lets the client send in its name.

    Results are kept by client address and sender domain. A policy that speaks of single local-parts is thereby taken
    to speak of the domain, for `KEPT_SECONDS`.
    """

    def __init__(self, spf: SpfCheck, clock: Clock) -> None:
        self._spf = spf
        self._clock = clock
        self._kept: OrderedDict[tuple[str, str], _Kept] = OrderedDict()

    def judge(self, evidence: Evidence) -> Deferred[Judgement]:
        """Give what is kept, or ask."""
        key = (evidence.address, evidence.sender.domain_key)
        kept = self._kept.get(key)
        if kept is not None and kept.result is not None:
            if self._clock.seconds() < kept.until:
                return succeed(_judgement(kept.result))
            kept = None
        waiter: Deferred[Judgement] = Deferred()
        if kept is not None:
            kept.waiting.append(waiter)
            return waiter
        kept = self._kept[key] = _Kept(waiting=[waiter])
        self._kept.move_to_end(key)
        while len(self._kept) > KEPT:
            self._kept.popitem(last=False)
        self._spf.check(evidence).addBoth(self._found, kept)
        return waiter

    def _found(self, result: SpfResult | Failure, kept: _Kept) -> Failure | None:
        """Tell those who wait; a bug of the check is nobody's proof, and goes on to the log."""
        kept.result = SpfResult.TEMPERROR if isinstance(result, Failure) else result
        lasting = TROUBLE_SECONDS if kept.result is SpfResult.TEMPERROR else KEPT_SECONDS
        kept.until = self._clock.seconds() + lasting
        waiting, kept.waiting = kept.waiting, []
        for waiter in waiting:
            waiter.callback(_judgement(kept.result))
        return result if isinstance(result, Failure) else None


_BELIEVED = {SpfResult.PASS: Believed.YES, SpfResult.TEMPERROR: Believed.UNKNOWN}


def _judgement(result: SpfResult) -> Judgement:
    return Judgement(_BELIEVED.get(result, Believed.NO), f"spf {result.value}")
