"""The node's control API over the APIs of its workers: no second API, but who is asked, and one answer of several.

A table (``workers.rows``) says for each route whom it is for: all, whoever has the message, or the leader. A worker
that does not answer is named (``silent``) and blocks nothing. Stands in the place of ``admin.router.Router`` under
``admin.control``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from attrs import frozen
from twisted.internet.defer import Deferred, DeferredLock, gatherResults

from shieldrelay.admin.api import declared_routes
from shieldrelay.admin.api_alarms import METRICS_KIND
from shieldrelay.admin.control_asking import NoAnswer
from shieldrelay.admin.router import Document, Refused, Response, Router, refusal
from shieldrelay.metrics.exposition import Sample, joined, written
from shieldrelay.workers import sums
from shieldrelay.workers.counting import Counting
from shieldrelay.workers.crew import Crew, Worker
from shieldrelay.workers.rows import ALARMS, ROWS, Row, Whom
from shieldrelay.workers.sums import Said

ANSWER_SECONDS = 10.0
"""What a worker gets for its answer, where several are asked."""
LONG_SECONDS = 600.0
"""What the leader gets for what it alone is asked: a list of a million recipients is built meanwhile."""


class Ask(Protocol):
    """Asks one worker's control socket: `admin.control_asking.ask`."""

    def __call__(self, number: int, method: str, target: bytes, body: bytes, seconds: float) -> Deferred[Response]:
        """Ask it; fails with `NoAnswer`."""


@frozen
class _Asked:
    """What came of asking several."""

    said: tuple[tuple[int, Response], ...]
    silent: tuple[int, ...]

    @property
    def granted(self) -> Said:
        """Values of those who did as they were asked."""
        return [(number, answer.value) for number, answer in self.said if answer.status < 400]

    @property
    def refused(self) -> list[Response]:
        """What the others said."""
        return [answer for _, answer in self.said if answer.status >= 400]


class WorkersRouter:
    """Answers for all workers.

    :param ask: asks one of them.
    :ivar reloaded: called when a new configuration is in force.
    :ivar alarms: gives those of the parent itself, as JSON.
    """

    def __init__(self, crew: Crew, ask: Ask) -> None:
        self._crew = crew
        self._ask = ask
        self._reloading = DeferredLock()
        self._counting = Counting()
        self._table = Router(declared_routes(), lambda _route, _bug: None)
        self.reloaded: Callable[[], object] = lambda: None
        self.alarms: Callable[[], Sequence[Any]] = tuple

    def body_limit(self, method: str, target: bytes) -> int:
        """Give the largest body that a request may have."""
        return self._table.body_limit(method, target)

    async def answer(self, method: str, target: bytes, body: bytes = b"") -> Response:
        """Answer one request; never raises."""
        method = "GET" if method == "HEAD" else method
        try:
            return await self._answered(self._row(method, target), method, target, body)
        except NoAnswer as fault:
            return refusal(Refused(503, "silent", f"No worker answers: {fault}."))

    def _row(self, method: str, target: bytes) -> Row:
        """Say how a request is answered: what no row is for, by the leader, who knows why there is none."""
        found = self._table.find(method, target)
        place = ("", "") if found is None else (found[0].method, found[0].pattern.removeprefix(_ROOT))
        return ROWS.get(place, _UNLISTED)

    async def _answered(self, row: Row, method: str, target: bytes, body: bytes) -> Response:
        if row.holder_asked(body):
            return await self._whoever_has_it(method, target, body)
        match row.whom:
            case Whom.STATUS:
                return await self._status(method, target, body)
            case Whom.ALL:
                return await self._all(row, method, target, body)
            case Whom.METRICS:
                return await self._metrics(method, target, body)
            case Whom.IN_TURN:
                response = await self._in_turn(method, target, body)
            case _:
                response = await self._leader(method, target, body)
        if row.configures and response.status < 400:
            self.reloaded()
        return response

    # whom

    async def _leader(self, method: str, target: bytes, body: bytes) -> Response:
        """Ask the leader."""
        up = self._crew.up()
        if not up:
            raise NoAnswer("none of them listens now")
        return await self._ask(up[0].number, method, target, body, LONG_SECONDS)

    async def _all(self, row: Row, method: str, target: bytes, body: bytes) -> Response:
        """Ask all and give one answer; a refusal only if nobody did as asked."""
        asked = await self._asked(self._crew.up(), method, target, body)
        if asked.granted:
            said = asked.granted
            if row is ALARMS:
                said = [*said, (0, {"alarms": list(self.alarms())})]
            merged = row.merged(said, target.partition(b"?")[2])
            return Response(200, _with_silent(merged, asked.silent))
        if asked.refused:
            return asked.refused[0]
        raise NoAnswer("those that run do not answer in time" if asked.silent else "none of them listens now")

    async def _whoever_has_it(self, method: str, target: bytes, body: bytes) -> Response:
        """Ask all about one message; an unknown one may be with a worker that does not answer."""
        asked = await self._asked(self._crew.up(), method, target, body)
        if asked.granted:
            return Response(200, asked.granted[0][1])
        told = [answer for answer in asked.refused if answer.status != 404]
        if told:
            return told[0]
        if asked.silent:
            silent = ", ".join(map(str, asked.silent))
            words = f"The workers that answer do not have it, and worker {silent} does not answer."
            return refusal(Refused(503, "silent", words))
        if asked.refused:
            return asked.refused[0]
        raise NoAnswer("none of them listens now")

    async def _status(self, method: str, target: bytes, body: bytes) -> Response:
        """Add up the pictures, and show each worker."""
        asked = await self._asked(self._crew.up(), method, target, body)
        if not asked.granted:
            raise NoAnswer("none of them listens now")
        whole = sums.status(asked.granted)
        by_number = dict(asked.granted)
        whole["counts"] = self._counted(by_number)
        whole["workers"] = [self._picture(one, by_number.get(one.number)) for one in self._crew.workers]
        for one in whole["workers"]:
            if one["state"] != "up":
                whole["alarms"].append(f"worker {one['number']} is {one['state']}")
        return Response(200, whole)

    async def _metrics(self, method: str, target: bytes, body: bytes) -> Response:
        """Join what the workers measured; one that does not answer is shown as such."""
        asked = await self._asked(self._crew.up(), method, target, body)
        said = {number: value for number, value in asked.granted if isinstance(value, Document)}
        samples = []
        for one in self._crew.workers:
            samples.append(Sample("worker_up", one.number in said, (str(one.number),)))
            samples.append(Sample("worker_starts_total", one.starts, (str(one.number),)))
        octets = joined([value.octets for value in said.values()], written(samples, (), 0))
        return Response(200, Document(octets, METRICS_KIND))

    def _counted(self, said: Mapping[int, Any]) -> Any:
        """Add up what the workers counted, in all their lives."""
        for one in self._crew.workers:
            if one.number in said:
                self._counting.heard(one.number, one.starts, said[one.number].get("counts", {}))
        return self._counting.whole()

    def _picture(self, one: Worker, status: Any) -> dict[str, Any]:
        state = "starting" if one.process is not None else "down"
        if one.up:
            state = "silent" if status is None else "up"
        said = status or {"sessions": 0, "connections": 0}
        return {
            "number": one.number,
            "state": state,
            "pid": None if one.process is None else one.process.pid,
            "since": one.since,
            "starts": one.starts,
            "leads": one is self._crew.leader,
            "sessions": said["sessions"],
            "connections": said["connections"],
            "queued": sum(domain["queued"] for domain in said.get("domains", ())),
        }

    async def _in_turn(self, method: str, target: bytes, body: bytes) -> Response:
        """Have the leader try it; when it has done it, the others follow."""
        async with self._reloading:
            up = self._crew.up()
            if not up:
                raise NoAnswer("none of them listens now")
            leader, *others = up
            first = await self._ask(leader.number, method, target, body, LONG_SECONDS)
            if first.status >= 400:
                return first
            asked = await self._asked(others, method, target, body, LONG_SECONDS)
            for answer in asked.refused:
                words = "A worker refused what another one took: ask for a reload again, or restart the node."
                return refusal(Refused(409, "configuration_refused", words, answer.value["error"]["hints"]))
            return Response(200, _with_silent(first.value, asked.silent))

    async def reload(self) -> None:
        """Have all read the configuration again (SIGHUP); what came of it is in their journals."""
        await self.answer("POST", b"/api/v1/reload")

    async def _asked(
        self, whom: Sequence[Worker], method: str, target: bytes, body: bytes, seconds: float = ANSWER_SECONDS
    ) -> _Asked:
        """Ask several at once."""
        answers = await gatherResults(
            [self._ask(one.number, method, target, body, seconds).addErrback(_silence) for one in whom]
        )
        pairs = [(one.number, answer) for one, answer in zip(whom, answers, strict=True)]
        listening = {one.number for one in whom}
        away = [one.number for one in self._crew.workers if one.number not in listening and not one.up]
        said = tuple((number, answer) for number, answer in pairs if answer is not None)
        silent = sorted([number for number, answer in pairs if answer is None] + away)
        return _Asked(said, tuple(silent))


_ROOT = "/api/v1/"
_UNLISTED = Row(Whom.LEADER)


def _silence(failure: Any) -> None:
    failure.trap(NoAnswer)


def _with_silent(value: Any, silent: Sequence[int]) -> Any:
    return {**value, "silent": list(silent)} if silent else value
