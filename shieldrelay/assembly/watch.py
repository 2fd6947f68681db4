"""`NodeWatch`: what a process counts, measures and raises alarms about; of several processes, the one that leads tells.

The control API's `admin.api_alarms.Watch`, bound to the house. Hears the journal from the beginning, looks every few
seconds at what has no event (certificates, the figures of an attack, addresses of nodes), and keeps the week's counts
and what was told in small files under the state directory. Nothing waits on it; its trouble is told to the journal.
"""

from __future__ import annotations

import json
from collections.abc import Coroutine, Sequence
from itertools import islice
from pathlib import Path
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
from shieldrelay.assembly.watch_outlets import Outlets
from shieldrelay.assembly.watch_reports import report_of
from shieldrelay.config.schema import Configuration
from shieldrelay.config.workers import kept_apart
from shieldrelay.metrics.exposition import Page, Sample, counted
from shieldrelay.metrics.heard import Heard
from shieldrelay.metrics.week import Weeks, week_begin
from shieldrelay.recipients.shelf import replace
from shieldrelay.wire.threads import ThreadsStopped

LOOK_SECONDS = 5.0
WRITE_SECONDS = 60.0
REPORT_AFTER_SECONDS = 21600.0
"""How long after a week's end its report goes out: on Mondays at 06:00 UTC."""
ASK_SECONDS = 30.0
PIECE_SAMPLES = 500
"""Samples that are written at a stretch: some two milliseconds."""
_FILE_OCTETS = 64 << 20


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
        state = Path(house.configuration.node.state)
        self._weeks_file = state / kept_apart(house.configuration, "weeks.json")
        self._told_file = state / "alarms-told.json"
        self._sent_file = state / "reports-sent.json"
        self._sent: dict[str, float] = {}
        self._writing = False
        self._stopped = False
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
        self._in_background(self._load())
        self._look()
        if not self._house.configuration.worker:
            self.lead()

    def lead(self) -> None:
        """Tell who wants to know, from now on."""
        self.outlets.configure()
        self._in_background(self._begin_to_tell())

    def configured(self) -> None:
        """Go by a new configuration."""
        if self._telling.runs:
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

    async def _load(self) -> None:
        self._weeks.load(await self._house.threads.run(_read, self._weeks_file))

    async def _begin_to_tell(self) -> None:
        self._telling.load(await self._house.threads.run(_read, self._told_file))
        sent = await self._house.threads.run(_read, self._sent_file)
        self._sent = {name: at for name, at in sent.items() if type(at) is float} if isinstance(sent, dict) else {}
        if not self._stopped:
            self._telling.start()

    # asked

    def alarms(self) -> Sequence[AlarmPicture]:
        """Give the alarms of this process."""
        node = self._house.configuration.node.hostname
        return [picture(one, node) for one in (*self.board.opened(), *self.board.ended())]

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
            self._in_background(self._report_weeks())

    async def _write_weeks(self) -> None:
        if self._writing or not self._weeks.changed:
            return
        self._writing, self._weeks.changed = True, False
        try:
            await self._house.threads.run(_write, self._weeks_file, self._weeks.as_json())
        except OSError as fault:
            self._weeks.changed = True
            self._house.journal.event("state_unwritten", file=str(self._weeks_file), reason=str(fault))
        finally:
            self._writing = False

    async def _report_weeks(self) -> None:
        """Send the reports of last week that are due and were not sent."""
        now = self._house.wall()
        begin = week_begin(now)
        if now - begin < REPORT_AFTER_SECONDS:
            return
        due = [
            one for one in self._house.configuration.domains
            if one.report_to and self._sent.get(one.domain, 0.0) < begin
        ]  # fmt: skip
        if not due:
            return
        for domain in due:
            first = domain.domain not in self._sent
            self._sent[domain.domain] = begin
            if first and self._started > begin:
                continue  # nobody counted the week before
            week = await self._asked(f"/api/v1/domains/{domain.domain}/report?week=last")
            await self.outlets.report(domain.report_to, week)
        self._in_background(self._write(self._sent_file, self._sent))

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
        self._in_background(self._write(self._told_file, told))

    async def _write(self, file: Path, value: Any) -> None:
        try:
            await self._house.threads.run(_write, file, value)
        except OSError as fault:
            self._house.journal.event("state_unwritten", file=str(file), reason=str(fault))

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


def _read(file: Path) -> Any:
    """Read a small file of ours; one that is not there, or makes no sense, has nothing."""
    try:
        with file.open("rb") as opened:
            return json.loads(opened.read(_FILE_OCTETS))
    except (OSError, ValueError, RecursionError):
        return None


def _write(file: Path, value: Any) -> None:
    replace(file, json.dumps(value, separators=(",", ":")).encode("ascii"))


