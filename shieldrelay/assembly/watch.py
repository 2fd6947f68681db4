"""`NodeWatch`: what a process counts, measures and raises alarms about; of several processes, the one that leads tells.

The control API's `admin.api_alarms.Watch`, bound to the house. Hears the journal from the beginning, looks every few
seconds at what has no event (certificates, the figures of an attack, addresses of nodes), and keeps the week's counts
and what was told in small files under the state directory. Nothing waits on it; its trouble is told to the journal.
"""

from __future__ import annotations

from collections.abc import Coroutine, Sequence
from itertools import islice
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall
from twisted.internet.task import deferLater
from twisted.python.failure import Failure

from shieldrelay.admin.control_asking import NoAnswer, ask
from shieldrelay.admin.picture import as_json
from shieldrelay.admin.picture_alarms import AlarmPicture, ReportPicture, TestDone
from shieldrelay.alarms.board import Alarm, Board
from shieldrelay.alarms.kinds import KINDS
from shieldrelay.alarms.rules import RULES
from shieldrelay.alarms.telling import Telling
from shieldrelay.assembly import gauges, watch_looks
from shieldrelay.assembly.house import House
from shieldrelay.assembly.watch_files import StateFile
from shieldrelay.assembly.watch_outlets import Outlets
from shieldrelay.assembly.watch_reports import report_of
from shieldrelay.assembly.watch_weekly import WeeklyReports
from shieldrelay.config.schema import Configuration
from shieldrelay.config.workers import kept_apart
from shieldrelay.metrics.exposition import Page, Sample, counted
from shieldrelay.metrics.heard import Heard
from shieldrelay.metrics.week import Weeks
from shieldrelay.wire.threads import ThreadsStopped

LOOK_SECONDS = 5.0
WRITE_SECONDS = 60.0
ASK_SECONDS = 30.0
PIECE_SAMPLES = 500
"""Samples that are written at a stretch: some two milliseconds."""
_SHOWN = frozenset(
    {
        "attack", "next_hop_down", "bounce_guard", "list_stale", "list_refused", "list_unreadable", "orphaned_mail",
        "disk", "stress", "hub", "worker", "member_lost", "test",
    }
)  # fmt: skip
"""Alarms about what ``shieldrelayctl status`` shows in words of its own."""


class NodeWatch:
    """Watches one process.

    :ivar board: its alarms; ``outlets`` those who are told.
    """

    def __init__(self, house: House) -> None:
        self._house = house
        self._started = house.wall()
        self._names: dict[str, str] = {}
        self._names_of: Configuration | None = None
        self.board = Board(house.wall, house.journal)
        self._heard = Heard()
        self._weeks = Weeks(house.wall, self._protected)
        self.outlets = Outlets(house)
        self._weeks_file = StateFile(house, kept_apart(house.configuration, "weeks.json"))
        self._told_file = StateFile(house, "alarms-told.json")
        self._weekly = WeeklyReports(house, self._weeks, self.outlets, self._asked, house.wall)
        self._writing = False
        self._stopped = False
        self._leads = False
        self._next: IDelayedCall | None = None
        self._write_at = 0.0
        self._telling = Telling(
            self._all_alarms, lambda: self.outlets.webhooks, self.outlets.mail, self.outlets.mail_level, self._keep,
            node=house.configuration.node.hostname, clock=house.reactor, wall=house.wall, journal=house.journal,
        )  # fmt: skip
        house.journal.hear(RULES, self.board.hear)
        house.journal.hear(Heard.EVENTS, self._heard.hear)
        house.journal.hear(Weeks.EVENTS, self._weeks.hear)

    # the life

    def start(self) -> None:
        """Begin; a node of one process leads itself."""
        self._look()
        if not self._house.configuration.worker:
            self.lead()

    def lead(self) -> None:
        """Tell who wants to know, from now on."""
        self._leads = True
        self.outlets.configure()
        self._in_background(self._begin_to_tell())

    def configured(self) -> None:
        """Go by a new configuration."""
        if self._leads and not self._stopped:
            self.outlets.configure()

    async def stop(self) -> None:
        """Tell no more; write what was counted."""
        self._stopped = True
        self._telling.stop()
        self.outlets.stop()
        if self._next is not None:
            self._next.cancel()
            self._next = None
        await self._write_weeks()

    async def load(self) -> None:
        """Go on with what was counted before; comes first."""
        self._weeks.load(await self._weeks_file.read())

    async def _begin_to_tell(self) -> None:
        self._telling.load(await self._told_file.read())
        await self._weekly.load()
        if not self._stopped:
            self._telling.start()

    # asked

    def alarms(self) -> Sequence[AlarmPicture]:
        """Give the alarms of this process."""
        node = self._house.configuration.node.hostname
        return [picture(one, node) for one in (*self.board.opened(), *self.board.ended())]

    def besides(self) -> list[str]:
        """Give the open alarms that the node's picture does not show by itself, a line each."""
        told = [one for one in self.board.opened() if one.kind not in _SHOWN]
        return [f"{one.domain or one.kind.replace('_', ' ')}: {one.words}" for one in told]

    async def test(self) -> TestDone:
        """Send a test alarm."""
        self.outlets.configure()
        self._telling.test("an operator")
        names = tuple(self._house.configuration.alarms.webhook)
        return TestDone(names, tuple(map(str, self._house.configuration.alarms.mail_to)))

    async def report(self, domain: str, *, last: bool) -> ReportPicture | None:
        """Give a domain's week, as far as this process had a part in it."""
        name = self._protected(domain)
        return None if name is None else await report_of(self._house, self._weeks, name, last=last)

    async def metrics(self) -> bytes:
        """Give all metrics of this process; written piece by piece, so that nothing waits for thousands of domains."""
        house = self._house
        levels = {"error": 0, "warn": 0}
        for one in self.board.opened():
            levels[one.level.value] += 1
        more = [Sample("alarms_open", count, (level,)) for level, count in levels.items()]
        more.append(Sample("alarms_untold_total", self.board.untold))
        page = Page(house.configuration.worker)
        page.add((*counted(house.journal.counts), *more))
        page.add_histograms(self._heard.all)
        samples = gauges.samples(house, self._started)
        while piece := list(islice(samples, PIECE_SAMPLES)):
            page.add(piece)
            await deferLater(house.reactor, 0, lambda: None)
        return page.octets()

    # while it runs

    def _look(self) -> None:
        house = self._house
        self._next = house.reactor.callLater(LOOK_SECONDS, self._look)
        watch_looks.look(house, self.board)
        if house.reactor.seconds() >= self._write_at and self._weeks.changed:
            self._write_at = house.reactor.seconds() + WRITE_SECONDS
            self._in_background(self._write_weeks())
        if self._telling.runs:
            self._in_background(self._weekly.look())

    async def _write_weeks(self) -> None:
        if self._writing or not self._weeks.changed:
            return
        self._writing, self._weeks.changed = True, False
        try:
            if not await self._weeks_file.write(self._weeks.as_json()):
                self._weeks.changed = True
        finally:
            self._writing = False

    async def _all_alarms(self) -> Sequence[Any]:
        """Give the alarms of all processes of the node."""
        if not self._house.configuration.worker:
            return [as_json(one) for one in self.alarms()]
        answer = await self._asked("/api/v1/alarms")
        return list(answer["alarms"])

    async def _asked(self, target: str) -> Any:
        """Ask the node, which is this process alone, or its parent."""
        house, worker = self._house, self._house.configuration.worker
        path = house.configuration.node.control
        parent = path.removesuffix(f".{worker}") if worker else path
        answer = await ask(house.reactor, parent, "GET", target.encode("ascii"), seconds=ASK_SECONDS)
        if answer.status >= 400:
            raise NoAnswer(f"the node answers {answer.status}")
        return answer.value

    def _keep(self, told: Any) -> None:
        self._in_background(self._told_file.write(told))

    def _protected(self, name: str) -> str | None:
        """Give the protected domain of a name."""
        if name in self._house.ways:
            return name
        configuration = self._house.configuration
        if self._names_of is not configuration:
            self._names_of = configuration
            self._names = {alias: one.domain for one in configuration.domains for alias in one.names}
        return self._names.get(name)

    def _in_background(self, work: Coroutine[Deferred[Any], Any, object]) -> None:
        Deferred.fromCoroutine(work).addErrback(self._trouble)

    def _trouble(self, failure: Failure) -> None:
        if failure.check(ThreadsStopped, NoAnswer):
            return
        self._house.journal.event(
            "bug", where="watch", error=repr(failure.value), traceback=failure.getTraceback()
        )


def picture(alarm: Alarm, node: str) -> AlarmPicture:
    """Show an alarm."""
    kind = KINDS[alarm.kind]
    return AlarmPicture(
        id=alarm.id,
        kind=alarm.kind,
        level=alarm.level.value,
        domain=alarm.domain,
        about=alarm.about,
        node=node,
        since=alarm.since,
        last=alarm.last,
        times=alarm.times,
        words=alarm.words,
        meaning=kind.words,
        todo=kind.todo,
        ended=alarm.ended,
        end=alarm.end,
    )
