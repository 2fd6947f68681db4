"""Deadlines of many connections by one timer.

A delayed call a command would cost more than the command; so each connection keeps one time, and a sweep four times a
second asks whose has passed. A deadline is thus kept to within `SWEEP_SECONDS`. Time is the reactor's, monotonic (D11).
"""

from __future__ import annotations

from typing import Protocol

from twisted.internet.interfaces import IDelayedCall

from shieldrelay.ports import Clock, Journal

SWEEP_SECONDS = 0.25
"""Also how exactly a greeting delay is kept. A sweep over 10 000 connections takes less than half a millisecond."""


class Timed(Protocol):
    """What has a deadline.

    :ivar deadline: on the clock of the sweep; ``inf`` for none.
    """

    deadline: float

    def deadline_passed(self, now: float) -> None:
        """Act on it: set a later one, or end."""


class Deadlines:
    """The sweep over everything that registered; owned by the assembly, which starts and stops it."""

    def __init__(self, clock: Clock, journal: Journal) -> None:
        self._clock = clock
        self._journal = journal
        self._timed: set[Timed] = set()
        self._call: IDelayedCall | None = None

    def __len__(self) -> int:
        return len(self._timed)

    def __contains__(self, timed: object) -> bool:
        return timed in self._timed

    def add(self, timed: Timed) -> None:
        """Watch it from the next sweep on."""
        self._timed.add(timed)

    def discard(self, timed: Timed) -> None:
        """Watch it no longer."""
        self._timed.discard(timed)

    def start(self) -> None:
        """Begin to sweep."""
        self._call = self._clock.callLater(SWEEP_SECONDS, self._sweep)

    def stop(self) -> None:
        """Sweep no more."""
        if self._call is not None:
            self._call.cancel()
            self._call = None

    def everyone(self) -> list[Timed]:
        """All that is watched now."""
        return list(self._timed)

    def _sweep(self) -> None:
        self._call = self._clock.callLater(SWEEP_SECONDS, self._sweep)
        now = self._clock.seconds()
        for timed in [timed for timed in self._timed if timed.deadline <= now]:
            try:
                timed.deadline_passed(now)
            except Exception as error:  # noqa: BLE001 one connection's bug must not stop the sweep of the others
                self._timed.discard(timed)
                self._journal.event("bug", where="deadline", error=repr(error))
