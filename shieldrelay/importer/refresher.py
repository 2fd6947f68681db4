"""`Refresher`: keeps lists fresh: imports each domain's source when it is due, sooner after a failure.

Knows when, not how: `Importer` fetches and builds, a `Keeper` (the lists themselves, bound in ``assembly``) judges and
adopts. What happened is told to the journal. When imports fail, what is in force stays.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from enum import Enum
from typing import Protocol

from attrs import frozen
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall

from shieldrelay.importer.answer import Failed, Fetched, ImportResult, Unchanged
from shieldrelay.importer.fault import FaultKind, shown
from shieldrelay.importer.request import ImportRequest
from shieldrelay.ports import Clock, Journal
from shieldrelay.recipients.guards import Override

FIRST_RETRY_SECONDS = 60.0
"""After the first failure; doubled with each, up to the refresh interval."""
SPREAD = 0.1
"""The share of an interval by which refreshes are spread, earlier or later."""


class Trigger(Enum):
    """Why an import runs."""

    DUE = "refresh"
    ASKED = "operator"


@frozen
class Adoption:
    """What became of a version.

    :ivar version: its number, 0 when it was refused.
    :ivar refused: the guard's words; empty when it is in force.
    :ivar listed: recipients that exist in it.
    :ivar guard: which guard refused it.
    :ivar faults: lines and values that were left out, each with its place; the first of them.
    """

    version: int
    listed: int
    refused: str = ""
    guard: str | None = None
    faults: tuple[str, ...] = ()


@frozen
class Age:
    """How long ago a source last confirmed its list.

    :ivar level: ``fresh``, ``stale`` or ``old``.
    :ivar seconds: ``None`` when there never was a list.
    """

    level: str
    seconds: float | None


Outcome = Failed | Unchanged | Fetched | Adoption


class Imports(Protocol):
    """What runs imports: `importer.importer.Importer`."""

    def start(self, request: ImportRequest) -> Deferred[ImportResult]:
        """Import; never fails."""

    def cancel(self, domain: str) -> None:
        """Stop a domain's import, if there is one."""


class Keeper(Protocol):
    """Who has the lists. May block in threads, hence the Deferreds; those that fail are bugs or a full disk."""

    def adopt(self, domain: str, fetched: Fetched, override: Override) -> Deferred[Adoption]:
        """Put a version through the guards and in force, or discard it.

        :param override: what the operator says of objections.
        """

    def confirm(self, domain: str, validator: str | None) -> Deferred[None]:
        """Note that the source has what is in force."""

    def age(self, domain: str) -> Age:
        """Tell how fresh a list is."""


@frozen
class Refreshed:
    """One domain whose list is fetched.

    :ivar source: in words for people.
    :ivar every: seconds between two imports.
    :ivar request: makes a request, with what is known by then.
    """

    domain: str
    source: str
    every: float
    request: Callable[[], ImportRequest]

    @property
    def reads(self) -> object:
        """What is read and how, to be compared."""
        asked = self.request()
        return asked.source, asked.names, asked.listing


@frozen
class Ended:
    """How the last import of a domain ended.

    :ivar at: the clock's seconds.
    """

    outcome: Outcome
    at: float


class _Round:
    """The refreshing of one domain."""

    def __init__(self, terms: Refreshed) -> None:
        self.terms = terms
        self.timer: IDelayedCall | None = None
        self.failures = 0
        self.level = "fresh"
        self.override = Override.NOTHING
        self.waiting: list[Deferred[Outcome]] | None = None
        self.ended: Ended | None = None


class Refresher:
    """Refreshes lists.

    :param random: gives numbers from 0 to 1, so that domains do not come all at once.
    """

    def __init__(
        self, clock: Clock, imports: Imports, keeper: Keeper, journal: Journal, random: Callable[[], float]
    ) -> None:
        self._clock = clock
        self._imports = imports
        self._keeper = keeper
        self._journal = journal
        self._random = random
        self._rounds: dict[str, _Round] = {}

    def serve(self, domains: Iterable[Refreshed]) -> None:
        """Refresh these and no others from now on.

        One that is kept keeps its time, unless its interval is new; one whose list is due, missing, or read otherwise
        than before is imported soon.
        """
        wanted = {each.domain: each for each in domains}
        for gone in [domain for domain in self._rounds if domain not in wanted]:
            self._drop(gone)
        for domain, terms in wanted.items():
            known = self._rounds.get(domain)
            read_otherwise = known is not None and known.terms.reads != terms.reads
            if known is None or read_otherwise or known.terms.every != terms.every:
                self._drop(domain)
                known = self._rounds[domain] = _Round(terms)
                self._wait(known, 0.0 if read_otherwise else self._first_wait(terms))
            known.terms = terms

    def refresh(self, domain: str, override: Override = Override.NOTHING) -> Deferred[Outcome] | None:
        """Import a domain's list now; ``None`` when the domain has no source that is fetched.

        Fires with `Failed`, `Unchanged`, or what became of the version; an import that runs already is joined.

        :param override: what the operator says of the guards' objections to this one version.
        """
        known = self._rounds.get(domain)
        if known is None:
            return None
        known.override = override
        return self._import(known, Trigger.ASKED)

    def next_in(self, domain: str) -> float | None:
        """Seconds until a domain is due; ``None`` when it has no time, because it runs or is not refreshed."""
        known = self._rounds.get(domain)
        if known is None or known.timer is None:
            return None
        return max(0.0, known.timer.getTime() - self._clock.seconds())

    def runs(self, domain: str) -> bool:
        """Whether an import of a domain is under way, its adoption included."""
        known = self._rounds.get(domain)
        return known is not None and known.waiting is not None

    def ended(self, domain: str) -> Ended | None:
        """Give how the last import of a domain ended; ``None`` while there was none under its present terms."""
        known = self._rounds.get(domain)
        return None if known is None else known.ended

    def stop(self) -> None:
        """Refresh nothing more. Imports that run are the importer's to stop."""
        for domain in list(self._rounds):
            self._drop(domain)

    def _drop(self, domain: str) -> None:
        known = self._rounds.pop(domain, None)
        if known is not None:
            self._cease(known)
            self._imports.cancel(domain)

    def _first_wait(self, terms: Refreshed) -> float:
        """Give the time until a domain is first due: none when it has no list, else spread a little."""
        age = self._keeper.age(terms.domain).seconds
        if age is None:
            return 0.0
        return max(0.0, terms.every - age) + self._random() * min(terms.every * SPREAD, 60.0)

    def _wait(self, known: _Round, seconds: float) -> None:
        self._cease(known)
        known.timer = self._clock.callLater(seconds, self._due, known)

    def _cease(self, known: _Round) -> None:
        if known.timer is not None:
            known.timer.cancel()
            known.timer = None

    def _due(self, known: _Round) -> None:
        known.timer = None
        self._import(known, Trigger.DUE)

    def _import(self, known: _Round, trigger: Trigger) -> Deferred[Outcome]:
        """Import, unless that is under way; the Deferred is the caller's own."""
        waiting: Deferred[Outcome] = Deferred()
        if known.waiting is None:
            self._cease(known)
            known.waiting = [waiting]
            Deferred.fromCoroutine(self._run(known, trigger))
        else:
            known.waiting.append(waiting)
        return waiting

    async def _run(self, known: _Round, trigger: Trigger) -> None:
        """Import once, and say when next."""
        began = self._clock.seconds()
        result: ImportResult
        try:
            result, outcome = await self._imported(known)
        except Exception as error:  # noqa: BLE001 - whatever the lists' disk or code fails with, the list in force stays
            words = f"the list cannot be adopted: {shown(repr(error), 200)}"
            outcome = result = Failed(kind=FaultKind.BUG, words=words, seconds=self._clock.seconds() - began)
        waiting, known.waiting, known.override = known.waiting or [], None, Override.NOTHING
        known.ended = Ended(outcome, self._clock.seconds())
        if self._rounds.get(known.terms.domain) is known:
            known.failures = known.failures + 1 if isinstance(result, Failed) else 0
            next_in = self._next_wait(known)
            self._tell(trigger, result, outcome, known, next_in)
            self._wait(known, next_in)
        for each in waiting:
            each.callback(outcome)

    async def _imported(self, known: _Round) -> tuple[ImportResult, Outcome]:
        """Import and adopt."""
        request = known.terms.request()
        result = await self._imports.start(request)
        if isinstance(result, Fetched):
            return result, await self._keeper.adopt(request.domain, result, known.override)
        if isinstance(result, Unchanged):
            await self._keeper.confirm(request.domain, result.validator)
        return result, result

    def _next_wait(self, known: _Round) -> float:
        every = known.terms.every
        wait = min(every, FIRST_RETRY_SECONDS * 2.0 ** min(known.failures - 1, 20)) if known.failures else every
        return wait * (1.0 + SPREAD * (2.0 * self._random() - 1.0))

    def _tell(self, trigger: Trigger, result: ImportResult, outcome: Outcome, known: _Round, next_in: float) -> None:
        """Tell the journal how an import ended."""
        domain, source, by = known.terms.domain, known.terms.source, trigger.value
        event = self._journal.event
        if isinstance(result, Failed):
            event(
                "list_import_failed", domain=domain, source=source, kind=result.kind.value, reason=result.words,
                seconds=round(result.seconds, 3), next=round(next_in, 1), by=by,
            )  # fmt: skip
        else:
            self._tell_import(domain, source, by, result)
        if isinstance(outcome, Adoption) and outcome.refused:
            event(
                "list_refused", domain=domain, guard=outcome.guard, reason=outcome.refused, entries=outcome.listed,
                source=source, by=by,
            )  # fmt: skip
        elif isinstance(outcome, Adoption):
            event(
                "list_adopted", domain=domain, version=outcome.version, entries=outcome.listed, source=source, by=by
            )
        self._tell_age(domain, known)

    def _tell_import(self, domain: str, source: str, by: str, result: Fetched | Unchanged) -> None:
        found = result if isinstance(result, Fetched) else None
        self._journal.event(
            "list_import", domain=domain, source=source, result="fetched" if found else "unchanged",
            entries=found.entries if found else None, elsewhere=found.elsewhere if found else None,
            others=found.others if found else None, faults=found.fault_count if found else None,
            fault=found.faults[0] if found and found.faults else None, seconds=round(result.seconds, 3), by=by,
        )  # fmt: skip

    def _tell_age(self, domain: str, known: _Round) -> None:
        """Tell when a list has become stale, old, or fresh again; once each."""
        age = self._keeper.age(domain)
        if age.level == known.level:
            return
        known.level = age.level
        if age.level == "fresh":
            self._journal.event("list_fresh", domain=domain, age=age.seconds)
        else:
            self._journal.event("list_stale", domain=domain, state=age.level, age=age.seconds)
