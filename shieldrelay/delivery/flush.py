"""An operator's wish that everything be tried now, also what is only on disk.

What the window holds is made due at once. When there is more, the files are gone through by pages, in the order of
arrival, and the next page comes when nothing of the one before is due any more: so each message that was there when the
flush began is brought once, whatever its due time, and memory stays bounded. Owned by `delivery.queue`. A spool that
fails makes it wait.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from twisted.python.failure import Failure

from shieldrelay.delivery.old_age import Listed, PagingSpool
from shieldrelay.delivery.respite import Respite
from shieldrelay.delivery.window import BacklogWindow
from shieldrelay.ports import Journal, WallClock


class Flush:
    """The flush of one domain, when there is one.

    :param turned: called when a page has come, or has not.
    """

    def __init__(
        self,
        domain: str,
        spool: PagingSpool,
        window: BacklogWindow,
        respite: Respite,
        turned: Callable[[], object],
        *,
        wall: WallClock,
        journal: Journal,
    ) -> None:
        self._domain = domain
        self._spool = spool
        self._window = window
        self._respite = respite
        self._turned = turned
        self._wall = wall
        self._journal = journal
        self._began = 0.0
        self._after: str | None = None
        self._turning = False

    @property
    def wants_page(self) -> bool:
        """Whether there may be more to bring."""
        return self._after is not None and not self._turning

    def begin(self) -> None:
        """Make everything due now; a flush that is under way begins anew."""
        self._began = self._wall()
        if self._window.horizon < math.inf or self._window.scanning:
            self._after = ""
        self._window.expedite(self._began)

    def turn(self) -> None:
        """Bring the next page."""
        if self._after is None:
            return
        self._turning = True
        limit = self._window.size  # the window keeps all of a page, since it is due before anything else
        turning = self._spool.page(self._domain, self._after, limit)
        turning.addCallbacks(self._bring, self._not_turned, callbackArgs=(self._after, limit))
        turning.addErrback(self._bug)

    def _bring(self, page: Sequence[Listed], after: str, limit: int) -> None:
        self._turning = False
        for listed in page:
            if not listed.held and listed.entry.arrived <= self._began:
                self._window.bring(listed.entry)
        if self._after == after:  # else it began anew meanwhile
            self._after = page[-1].entry.name if len(page) == limit else None
        self._turned()

    def _not_turned(self, failure: Failure) -> None:
        self._turning = False
        failure.trap(OSError)
        self._respite.begin(failure.value)
        self._turned()

    def _bug(self, failure: Failure) -> None:
        self._after = None
        self._journal.event("bug", where="flush", domain=self._domain, traceback=failure.getTraceback())
