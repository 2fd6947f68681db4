"""Stress: the one observed condition under which the declared stressed values hold (D9); and descriptors kept free.

Slots, the event loop's lag, content in memory and descriptors are each seen as a share of what there is; the worst
decides. Entered at a high share, left at a low one and not before a time has passed, so that it does not flap. Facts
are handed in about once a second by whoever owns the meters (`assembly`); pure judgement, the time is an argument.
Cannot fail: without facts nothing changes.
"""

from __future__ import annotations

from typing import Any

from attrs import Attribute, field, frozen
from attrs.validators import ge, gt

_LAG_COUNTS_AT_MOST = 1.5
"""One late turn is not stress: smoothed by half and clipped here, it takes two in a row to come to 80 %."""
_DESCRIPTORS_OF_SESSION = 3
"""Its own, one of a next hop and one of a spool file."""


@frozen
class StressSettings:
    """When there is stress.

    :ivar enter: share from which there is.
    :ivar leave: share below which there is none any more.
    :ivar hold: seconds that it lasts at least, counted from the last moment at or above ``enter``.
    :ivar lag: seconds of the event loop's lag that are all that can be borne.
    :ivar descriptors: kept free besides two for every session in a transaction.
    """

    enter: float = field(default=0.8, validator=gt(0.0))
    leave: float = field(default=0.6)
    hold: float = field(default=30.0, validator=ge(0.0))
    lag: float = field(default=1.0, validator=gt(0.0))
    descriptors: int = field(default=64, validator=ge(16))

    @leave.validator
    def _below(self, _attribute: Attribute[Any], leave: float) -> None:
        if not 0.0 < leave < self.enter <= 1.0:
            raise ValueError(f"stress is entered at a share of at most 1 and left below it, not {self.enter}, {leave}")


@frozen
class Facts:
    """What was measured.

    :ivar sessions: open on this node.
    :ivar slots: for sessions, without those kept for known-good sources (`Connections.slots_open_to_all`).
    :ivar transactions: sessions in a mail transaction.
    :ivar lag: seconds by which the event loop was late since the last facts, the worst.
    :ivar content_octets: of content held in memory, and ``content_cap`` what may be.
    :ivar descriptors: open in this process, and ``descriptors_most`` what may be (RLIMIT_NOFILE).
    """

    sessions: int
    slots: int
    transactions: int = 0
    lag: float = 0.0
    content_octets: int = 0
    content_cap: int = 1
    descriptors: int = 0
    descriptors_most: int = 1 << 20


class Stress:
    """Watches.

    :ivar settings: a reload replaces them.
    :ivar own: what of this node brought it about; ``""`` when nothing did.
    :ivar on: whether there is stress, this node's own or others'.
    :ivar since: reactor seconds of the last change; ``None`` before the first.
    :ivar why: what brought it about, and with which figures; ``""`` while there is none.
    """

    def __init__(self, settings: StressSettings) -> None:
        self.settings = settings
        self.own = ""
        self.on = False
        self.since: float | None = None
        self.why = ""
        self._high_at = float("-inf")
        self._lag = 0.0
        self._sessions_most: int | None = None
        self._short = ""

    def watch(self, facts: Facts, now: float, others: str = "") -> bool:
        """Take facts in; true when stress began or ended with them.

        :param others: why there is stress whatever the facts; ``""``: there is no such reason.
        """
        self._foresee(facts)
        self._lag = (self._lag + min(facts.lag / self.settings.lag, _LAG_COUNTS_AT_MOST)) / 2
        share, words = max(self._shares(facts))
        if share >= self.settings.enter:
            self._high_at = now
            self.own = self.own or f"{words}, stress from {self.settings.enter:.0%}"
        elif self.own and share < self.settings.leave and now - self._high_at >= self.settings.hold:
            self.own = ""
        return self._turn(self.own or others, now)

    def shortage(self, sessions: int) -> str | None:
        """Say why no connection may come in for want of descriptors, in a clause with figures; asked for each one.

        Foreseen since the last facts: every session is taken to need one for itself and two in its transaction.

        :param sessions: open on this node now.
        """
        most = self._sessions_most
        return None if most is None or sessions < most else self._short

    def _foresee(self, facts: Facts) -> None:
        kept = self.settings.descriptors + (_DESCRIPTORS_OF_SESSION - 1) * facts.transactions
        free = facts.descriptors_most - facts.descriptors
        self._sessions_most = facts.sessions + max(0, free - kept) // _DESCRIPTORS_OF_SESSION
        self._short = (
            f"{facts.descriptors} of {facts.descriptors_most} descriptors in use, {kept} are kept for mail under way"
        )

    def _shares(self, facts: Facts) -> list[tuple[float, str]]:
        """Give each condition as a share of all there is, and in words."""
        descriptors = facts.descriptors / facts.descriptors_most
        return [
            (facts.sessions / facts.slots, f"{facts.sessions} of {facts.slots} slots in use"),
            (self._lag, f"the event loop is late by {facts.lag:.3f} s of {self.settings.lag:g} s"),
            (
                facts.content_octets / facts.content_cap,
                f"{facts.content_octets} of {facts.content_cap} octets of content in memory",
            ),
            (descriptors, f"{facts.descriptors} of {facts.descriptors_most} descriptors in use"),
        ]

    def _turn(self, why: str, now: float) -> bool:
        self.why = why
        if bool(why) == self.on:
            return False
        self.on = bool(why)
        self.since = now
        return True
