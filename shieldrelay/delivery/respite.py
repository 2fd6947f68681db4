"""A time in which a domain's spool is left alone, because it failed.

Shared by those who work on one domain's backlog: whoever meets the failure begins it, and all of them ask before
they go to the disk again. The failure is told to the journal here. Cannot fail.
"""

from __future__ import annotations

import math

from shieldrelay.ports import Clock, Journal

TROUBLE_SECONDS = 10.0
"""How long the queue leaves a spool alone that failed, and a server that failed without having opened its breaker."""


class Respite:
    """The respite of one domain's spool."""

    __slots__ = ("_clock", "_domain", "_journal", "_until")

    def __init__(self, domain: str, clock: Clock, journal: Journal) -> None:
        self._domain = domain
        self._clock = clock
        self._journal = journal
        self._until = -math.inf

    def begin(self, error: BaseException | None, message: str | None = None) -> None:
        """Leave the spool alone from now on, and say why.

        :param message: the id of the message that it was about.
        """
        self._until = self._clock.seconds() + TROUBLE_SECONDS
        fields = {} if message is None else {"message": message}
        self._journal.event("spool_failed", domain=self._domain, error=str(error) or repr(error), **fields)

    def end(self) -> None:
        """Go to the spool again: it is another one."""
        self._until = -math.inf

    def left(self) -> float:
        """Seconds that it goes on; 0 or less when it is over."""
        return self._until - self._clock.seconds()
