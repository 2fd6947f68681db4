"""`Export`: every five minutes our worst sources are looked for, and written as a list and put into the zone.

The table is looked through in slices, a turn of the reactor each. The file is written in a thread and replaced at once,
so that a reader finds it whole; when it cannot be, the journal is told and the old one stays. Made by `assembly`.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

from twisted.internet.interfaces import IDelayedCall
from twisted.python.failure import Failure

from shieldrelay.ports import Clock, Journal, ThreadRunner, WallClock
from shieldrelay.recipients.shelf import write_aside
from shieldrelay.shield.reputation import Reputation
from shieldrelay.shield.reputation_export import Exported, render, survey, worst

EVERY_SECONDS = 300.0
MOST = 10_000
"""Sources that are exported at most."""
READABLE = 0o644
"""The list is made to be read by others."""


class Export:
    """Exports.

    :param file: of the list; ``None``: there is none.
    :param good: whether a source is known-good now: it is never exported.
    :param publish: takes what is exported, worst first, and the second of the epoch: the zone, if there is one.
    """

    def __init__(
        self,
        reputation: Reputation,
        clock: Clock,
        wall: WallClock,
        threads: ThreadRunner,
        journal: Journal,
        *,
        file: Path | None,
        good: Callable[[bytes], bool],
        publish: Callable[[tuple[Exported, ...], int], object],
    ) -> None:
        self._reputation = reputation
        self._clock = clock
        self._wall = wall
        self._threads = threads
        self._journal = journal
        self._file = file
        self._good = good
        self._publish = publish
        self._timer: IDelayedCall | None = None

    def start(self) -> None:
        """Export now, and from now on."""
        found: list[Exported] = []
        self._go_on(survey(self._reputation, self._clock.seconds(), self._good, found), found)

    def stop(self) -> None:
        """Export no more; a file that is being written is written to its end."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _go_on(self, slices: Iterator[None], found: list[Exported]) -> None:
        """Look through one slice."""
        try:
            next(slices)
        except StopIteration:
            self._timer = self._clock.callLater(EVERY_SECONDS, self.start)
            self._done(worst(found, MOST))
        else:
            self._timer = self._clock.callLater(0.0, self._go_on, slices, found)

    def _done(self, exported: tuple[Exported, ...]) -> None:
        wall = int(self._wall())
        self._publish(exported, wall)
        if self._file is not None:
            made = datetime.fromtimestamp(wall, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
            self._threads.run(_written, self._file, exported, made).addErrback(self._failed)

    def _failed(self, failure: Failure) -> None:
        self._journal.event("export_failed", file=str(self._file), reason=str(failure.value))


def _written(file: Path, exported: tuple[Exported, ...], made: str) -> None:
    write_aside(file, render(exported, made), sync=lambda descriptor: os.fchmod(descriptor, READABLE))
