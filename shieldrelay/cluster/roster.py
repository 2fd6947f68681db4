"""`Roster`: who the members are (D10, R15): meets the others every few seconds, and tells who comes, goes and differs.

Each meeting shows our card and brings those of all that live. What may pass by itself is told when it has lasted for
some meetings: that a member is gone (a hub that forgot everything knows nobody yet), or that configurations differ
(they are changed one after the other). A clock that is wrong is told and does no other harm. A hub that is alone is
never met, and no timer runs. Built by `assembly`; cannot fail: while the hub cannot be met, the last cards stay.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import CancelledError, Deferred, maybeDeferred
from twisted.internet.interfaces import IDelayedCall
from twisted.python.failure import Failure

from shieldrelay.cluster.cards import is_sound
from shieldrelay.cluster.constellation import Constellation, clock_error
from shieldrelay.cluster.hub import CARDS_MOST, Card, Hub, HubAway, HubRefused
from shieldrelay.ports import Clock, Journal

MEET_SECONDS = 5.0
SOON_SECONDS = 2.0
"""After a meeting that somebody missed: a hub that forgot everybody has heard of all again by then."""
_JITTER = 0.2
"""By what share of it the time between two meetings varies, so that members do not come all at once."""
TIMEOUT_SECONDS = 5.0
SKEW_SECONDS = 5.0
"""A clock that differs by more is told."""


class Roster:
    """The members, as one of them sees them.

    :param card: writes our card, as it is now.
    :param rnd: gives a chance number from 0 to 1.
    :ivar cards: of all that live as far as was last heard, our own among them, by member.
    :ivar skew: by how many seconds our clock is ahead of the hub's, as far as can be told; negative: behind.
    :ivar refused: why the hub lets us not meet the others; ``""`` when it does.
    :ivar failure: why the last meeting failed; ``""`` when it did not.
    :ivar met_since: since when every meeting succeeded, on the reactor's clock; ``None`` after one that did not.
    :ivar changed: called after every meeting that succeeded.
    """

    def __init__(
        self, hub: Hub, clock: Clock, journal: Journal, card: Callable[[], Card], rnd: Callable[[], float]
    ) -> None:
        self.skew = 0.0
        self.refused = ""
        self.failure = ""
        self.met_since: float | None = None
        self.changed: list[Callable[[], object]] = []
        self._cards: tuple[Card, ...] = ()
        self._constellation = Constellation(journal)
        self._hub = hub
        self._clock = clock
        self._journal = journal
        self._card = card
        self._rnd = rnd
        self._running = False
        self._skewed = False
        self._again = False
        self._timer: IDelayedCall | None = None
        self._meeting: Deferred[Any] | None = None

    @property
    def cards(self) -> tuple[Card, ...]:
        """Give everybody's card; our own alone when nobody was met."""
        return self._cards or (self._card(),)

    @property
    def nodes(self) -> tuple[str, ...]:
        """Name the nodes, each once."""
        return tuple(sorted({card.node for card in self.cards}))

    @property
    def drift(self) -> tuple[str, ...]:
        """Name what differs between members' configurations."""
        return self._constellation.drift

    def start(self) -> None:
        """Begin to meet; with a hub that is alone nothing begins."""
        if not self._hub.alone:
            self._running = True
            self._timer = self._clock.callLater(0.0, self._meet)

    def stop(self) -> None:
        """Meet no more."""
        self._running = False
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._meeting is not None:
            self._meeting.cancel()

    def show(self) -> None:
        """Show our card at once: it has changed."""
        if not self._running:
            return
        if self._timer is not None:
            self._timer.reset(0.0)
        else:
            self._again = True

    def _meet(self) -> None:
        self._timer = None
        self._again = False
        shown, began = self._card(), self._clock.seconds()
        meeting = self._meeting = maybeDeferred(self._hub.meet, shown)
        alarm = self._clock.callLater(TIMEOUT_SECONDS, meeting.cancel)

        def over(outcome: Any) -> None:
            if alarm.active():
                alarm.cancel()
            self._meeting = None
            self._ended(outcome, shown, began)

        meeting.addBoth(over)

    def _ended(self, outcome: Any, shown: Card, began: float) -> None:
        if not self._running:
            return
        fault = _fault(outcome, shown)
        self._tell_refused(outcome.getErrorMessage() if _is_refusal(outcome) else "" if not fault else self.refused)
        self.failure = fault
        if fault:
            self.met_since = None
        else:
            self._take_in(outcome, shown, began)
        if self._running:
            usual = SOON_SECONDS if self._constellation.incomplete else MEET_SECONDS
            pause = usual * (1.0 + _JITTER * (2.0 * self._rnd() - 1.0))
            self._timer = self._clock.callLater(0.0 if self._again else pause, self._meet)

    def _take_in(self, cards: tuple[Card, ...], shown: Card, began: float) -> None:
        if self.met_since is None:
            self.met_since = began
        self._cards = tuple(sorted((card for card in cards if is_sound(card)), key=lambda card: card.member))
        mine = next(card for card in cards if card.member == shown.member)
        self.skew = clock_error(mine, self._clock.seconds() - began)
        self._tell_skew()
        self._constellation.see(self._cards, shown.member)
        for listener in self.changed:
            listener()

    def _tell_refused(self, reason: str) -> None:
        if reason != self.refused:
            self.refused = reason
            if reason:
                self._journal.event("hub_refused", reason=reason)

    def _tell_skew(self) -> None:
        skewed = abs(self.skew) > SKEW_SECONDS
        if skewed != self._skewed:
            self._skewed = skewed
            self._journal.event("clock_skew", state="wrong" if skewed else "right", seconds=round(self.skew, 1))


def _is_refusal(outcome: Any) -> bool:
    return isinstance(outcome, Failure) and outcome.check(HubRefused) is not None


def _fault(outcome: Any, shown: Card) -> str:
    """Say why there was no meeting; ``""`` when there was."""
    if isinstance(outcome, Failure):
        if outcome.check(CancelledError):
            return f"no answer within {TIMEOUT_SECONDS:g} s"
        if outcome.check(HubRefused, HubAway):
            return outcome.getErrorMessage()
        return f"{type(outcome.value).__name__}: {outcome.getErrorMessage()}"
    if not isinstance(outcome, tuple) or not all(isinstance(card, Card) for card in outcome[: CARDS_MOST + 1]):
        return f"the hub answered with {type(outcome).__name__}"
    if len(outcome) > CARDS_MOST or shown.member not in {card.member for card in outcome}:
        return "the hub's answer is nonsense: our own card is not among too many or too few"
    return ""
