"""The bounce guard (R5): a server that suddenly refuses its own users is not believed for a day.

A customer's server that comes back with an empty user list would turn every message into a bounce. So when too large
a share of the *listed* recipients is refused for good, those refusals count as transient, and an alarm goes out. Only
recipient refusals are evidence: a content refusal is a verdict on the content. For domains whose list is ``any`` the
owner does not ask the guard, because there nobody is listed.

After an outage it is more watchful: every refusal is held back from the first on, until the server has shown itself
lawful: enough messages with a share below the limit, or, for a quiet domain, a window's time with some recipients
taken. What is held back costs a retry a minute later; what is not would be a bounce.

A message whose refusals are held back comes again and again. Its repeats are no new evidence *against* the server, but
while the guard holds they are counted, else a list that is half restored would look whole.

It holds for a day at most, and then believes the server (``SPENT``) until things look lawful once more: held mail
bounces then and no second day follows the first. Time is an argument, monotonic. One per domain, owned by
``delivery.lane``. Bounded memory. Cannot fail; what does not fit the state changes nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum

from attrs import frozen

from shieldrelay.delivery.evidence import Evidence
from shieldrelay.mail.outcome import Fate, RecipientOutcome

_HELD_MESSAGES = 4096
_RECOVERED_SHARE = 0.5
"""Once roused, the guard lets go when the share falls to this part of the limit: no flapping at the edge."""


class Suspicion(Enum):
    """What the guard thinks of the domain's refusals."""

    NONE = "none"
    """They are believed."""
    WATCHING = "after an outage"
    """They are held back until the server has shown itself lawful."""
    HOLDING = "suspicious refusals"
    """They are held back, and the operator is alarmed."""
    SPENT = "believed after all"
    """A day is over, or the operator said so: they are believed although they look suspicious."""


class Sign(Enum):
    """What happened, as far as the guard is concerned."""

    SUSPICIOUS = "too large a share is refused"
    LAWFUL = "refusals are as rare as they should be"
    OUTAGE_OVER = "the server came back from an outage"
    TIME_OVER = "it has been held back for as long as it may"
    BELIEVED = "the operator believes the refusals"


_NEXT = {
    (Suspicion.NONE, Sign.SUSPICIOUS): Suspicion.HOLDING,
    (Suspicion.NONE, Sign.OUTAGE_OVER): Suspicion.WATCHING,
    (Suspicion.NONE, Sign.BELIEVED): Suspicion.SPENT,
    (Suspicion.WATCHING, Sign.SUSPICIOUS): Suspicion.HOLDING,
    (Suspicion.WATCHING, Sign.LAWFUL): Suspicion.NONE,
    (Suspicion.WATCHING, Sign.TIME_OVER): Suspicion.SPENT,
    (Suspicion.WATCHING, Sign.BELIEVED): Suspicion.SPENT,
    (Suspicion.HOLDING, Sign.LAWFUL): Suspicion.NONE,
    (Suspicion.HOLDING, Sign.TIME_OVER): Suspicion.SPENT,
    (Suspicion.HOLDING, Sign.BELIEVED): Suspicion.SPENT,
    (Suspicion.SPENT, Sign.LAWFUL): Suspicion.NONE,
    (Suspicion.SPENT, Sign.OUTAGE_OVER): Suspicion.WATCHING,  # a new cause, a new day
}
"""Every pair that changes the suspicion; any other is lawful and changes nothing."""


@frozen
class GuardLimits:
    """The declared limits of the guard.

    :ivar share: of the listed recipients, above which refusals are suspicious; above 0, below 1.
    :ivar messages: with refusals, at least, before anything is suspicious; at least 1.
    :ivar senders: of these messages, at least; at least 1.
    :ivar window: seconds over which is counted.
    :ivar hold: seconds for which refusals are held back at most.
    """

    share: float = 0.30
    messages: int = 10
    senders: int = 5
    window: float = 600.0
    hold: float = 86400.0


@frozen
class SuspicionChanged:
    """The guard changed its mind: for the journal, the status, and when `alarming` for the operator.

    :ivar at: monotonic time.
    :ivar reason: why, in our words, with the counts.
    """

    before: Suspicion
    after: Suspicion
    at: float
    reason: str

    @property
    def alarming(self) -> bool:
        """Whether the operator must look: mail is held back, or bounces, that perhaps should not."""
        return self.after is Suspicion.HOLDING or self.after is Suspicion.SPENT


class BounceGuard:
    """The guard of one domain.

    :ivar suspicion: see `Suspicion`; a day that is over shows at the next call.
    :ivar since: monotonic time of the last change, ``None`` before any.
    :ivar reason: of the last change.
    """

    __slots__ = ("_evidence", "_held", "_limits", "reason", "since", "suspicion")

    def __init__(self, limits: GuardLimits | None = None) -> None:
        self._limits = limits or GuardLimits()
        self._evidence = Evidence(self._limits.window, self._limits.senders)
        self._held: dict[str, None] = {}
        self.suspicion = Suspicion.NONE
        self.since: float | None = None
        self.reason = ""

    @property
    def holds_back(self) -> bool:
        """Whether refusals count as transient."""
        return self.suspicion is Suspicion.HOLDING or self.suspicion is Suspicion.WATCHING

    def judge(
        self, message_id: str, sender: str, outcomes: Sequence[RecipientOutcome], now: float
    ) -> tuple[Sequence[RecipientOutcome], SuspicionChanged | None]:
        """Take note of an attempt's outcomes for listed recipients, and give them as they are to be settled.

        :param message_id: ours; refusals of a message seen before are no new evidence.
        :param sender: the reverse-path as text, ``""`` for the null one.
        :param outcomes: as the next hop gave them; the result is the same object when nothing is held back.
        """
        refused = taken = 0
        for outcome in outcomes:
            if outcome.fate is Fate.REFUSED:
                refused += 1
            elif outcome.fate is not Fate.TRANSIENT:  # content is refused to recipients that exist
                taken += 1
        if not refused:
            if taken:
                self._evidence.note_taken(taken, now)
            return outcomes, self._reconsider(now) if self.suspicion is not Suspicion.NONE else None
        if self._is_evidence(message_id):
            self._evidence.note_refused(refused, taken, sender, now)
        change = self._reconsider(now)
        if not self.holds_back:
            return outcomes, change
        self._remember(message_id)
        return tuple(_held_back(outcome) for outcome in outcomes), change

    def _is_evidence(self, message_id: str) -> bool:
        """Whether this message's refusals count."""
        return self.suspicion is Suspicion.HOLDING or message_id not in self._held

    def _remember(self, message_id: str) -> None:
        self._held[message_id] = None
        if len(self._held) > _HELD_MESSAGES:
            del self._held[next(iter(self._held))]

    def _reconsider(self, now: float) -> SuspicionChanged | None:
        """Draw the conclusion from evidence and time, if there is a new one."""
        if self._time_is_over(now):
            if not self._held:
                return self._follow(Sign.LAWFUL, now, "nothing was refused")
            return self._follow(Sign.TIME_OVER, now, "held back for as long as is allowed")
        evidence, limits = self._evidence, self._limits
        evidence.forget_old(now)
        counts = f"{evidence.refused} of {evidence.refused + evidence.taken} listed recipients refused for good"
        if (
            evidence.share > limits.share
            and evidence.refusing_messages >= limits.messages
            and evidence.senders >= limits.senders
        ):
            return self._follow(Sign.SUSPICIOUS, now, counts)
        if self._is_lawful(now):
            return self._follow(Sign.LAWFUL, now, counts)
        return None

    def _time_is_over(self, now: float) -> bool:
        return self.holds_back and self.since is not None and now >= self.since + self._limits.hold

    def _is_lawful(self, now: float) -> bool:
        """Whether the server has shown that it knows its users."""
        evidence, limits = self._evidence, self._limits
        watching = self.suspicion is Suspicion.WATCHING
        if not evidence.taken or evidence.share > limits.share * (1 if watching else _RECOVERED_SHARE):
            return False
        if evidence.messages >= limits.messages:
            return True
        return watching and self.since is not None and now >= self.since + limits.window

    def _follow(self, sign: Sign, now: float, reason: str) -> SuspicionChanged | None:
        """Follow a sign; ``None`` when it changes nothing."""
        before = self.suspicion
        after = _NEXT.get((before, sign), before)
        if after is before:
            return None
        self.suspicion, self.since, self.reason = after, now, reason
        if after is Suspicion.NONE:
            self._held.clear()
        return SuspicionChanged(before, after, now, reason)

    def outage_over(self, now: float) -> SuspicionChanged | None:
        """Watch closely: the breaker closed after an outage. What was seen before it counts no more."""
        if not self.holds_back:
            self._evidence.clear()
        return self._follow(Sign.OUTAGE_OVER, now, "the server came back from an outage")

    def believe(self, now: float) -> SuspicionChanged | None:
        """Let the refusals count: the operator has looked."""
        return self._follow(Sign.BELIEVED, now, "the operator believes the refusals")

    def passed(self, now: float) -> SuspicionChanged | None:
        """Take note of the time alone: for the status, and for a domain in which nothing moves."""
        return self._reconsider(now) if self.suspicion is not Suspicion.NONE else None


def _held_back(outcome: RecipientOutcome) -> RecipientOutcome:
    """Give a refusal as a transient outcome, every other as it is."""
    if outcome.fate is not Fate.REFUSED:
        return outcome
    return RecipientOutcome(Fate.TRANSIENT, outcome.reply, "refused for good, held back as suspicious")
