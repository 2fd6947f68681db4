"""Whether a list can be believed: its own test points, asked before it is used and every half an hour (RFC 5782 §5).

A list that has everything, or nothing, or answers what no list answers is switched off and an alarm is raised; it comes
back by itself when its points are right again. One that is silent is not used either. Part of `wire.dnsbl`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.interfaces import IDelayedCall

from shieldrelay.ports import Clock, Journal
from shieldrelay.wire.dnsbl_names import FREE_POINT, FREE_POINT_6, LISTED_POINT, ListZone, Meaning, meaning, question
from shieldrelay.wire.dnsbl_question import Found, LookUp, ask

EVERY_SECONDS = 1800.0
SILENT_SECONDS = 300.0
"""When a list that said nothing is asked again."""
FAILURES = 10
"""Questions in a row without an answer after which a list is silent."""
UNTESTED = "it has not been tested yet"
SILENT = "it does not answer"


class TestedList:
    """One list, and whether it is used.

    :param switched: called whenever that has changed.
    :ivar off: why not; empty when it is.
    """

    def __init__(
        self,
        zone: ListZone,
        clock: Clock,
        client: Callable[[], LookUp],
        journal: Journal,
        switched: Callable[[], object],
    ) -> None:
        self.zone = zone
        self.off = UNTESTED
        self._alarmed = False
        self._clock = clock
        self._client = client
        self._journal = journal
        self._switched = switched
        self._failures = 0
        self._timer: IDelayedCall | None = None
        self._stopped = False

    def start(self) -> None:
        """Test it, now and from now on."""
        self._timer = None
        points = [LISTED_POINT, FREE_POINT, *((FREE_POINT_6,) if self.zone.ipv6 else ())]
        asked = [ask(self._client, question(point, self.zone.name), self._clock) for point in points]
        answers: Deferred[list[Found | None]] = gatherResults(asked)
        answers.addCallback(self._tested)

    def stop(self) -> None:
        """Test it no more."""
        self._stopped = True
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def heard(self, found: Found | None) -> bool:
        """Note an answer to a question about a client; gives whether it says that the client is listed."""
        if found is None:
            self._failures += 1
            if self._failures >= FAILURES and not self.off:
                self._switch(SILENT)
            return False
        self._failures = 0
        said = meaning(found.addresses, self.zone)
        if said in (Meaning.OUTSIDE, Meaning.TROUBLE) and not self.off:
            self._switch(said.value)
        return said is Meaning.LISTED and not self.off

    def _tested(self, answers: list[Found | None]) -> None:
        if not self._stopped:
            self._switch(_fault(self.zone, answers))

    def _switch(self, off: str) -> None:
        """Use it, or not, and say when it is tested next; tells the journal what is new."""
        before, self.off, self._failures = self.off, off, 0
        if off != before:
            self._tell(off)
            self._switched()
        if self._timer is not None:
            self._timer.cancel()
        again = SILENT_SECONDS if off == SILENT else EVERY_SECONDS
        self._timer = self._clock.callLater(again, self.start)

    def _tell(self, off: str) -> None:
        state = "off" if off else "on"
        self._journal.event("name_list", list=self.zone.name, state=state, reason=off or None)
        if off:
            self._journal.event("alarm", alarm="DNS list", domain=None, reason=f"{self.zone.name} is not used: {off}")
        elif self._alarmed:
            self._journal.event("alarm_over", alarm="DNS list", domain=None, reason=f"{self.zone.name} is used again")
        self._alarmed = bool(off)


def _fault(zone: ListZone, answers: Iterable[Found | None]) -> str:
    """Say what speaks against a list; nothing when its points are right."""
    said = [None if each is None else meaning(each.addresses, zone) for each in answers]
    if None in said:
        return SILENT
    for wrong in (Meaning.OUTSIDE, Meaning.TROUBLE):
        if wrong in said:
            return str(wrong.value)
    if Meaning.LISTED in said[1:]:
        return f"it lists {FREE_POINT}: everything"
    return "" if said[0] is Meaning.LISTED else f"it does not list {LISTED_POINT}"
