"""`NodeTrace`: the index of a node's journal, bound to its configuration; the control API's `admin.api_trace.Traces`.

Of a node's processes the leader keeps it, as it keeps the lists; the others say so when they are asked. Made by
`assembly.service`.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from attrs import asdict
from twisted.internet.defer import Deferred

from shieldrelay.admin.api_trace import TraceQuestion, TraceUnavailable
from shieldrelay.admin.picture_trace import StoryPicture, TraceIndexPicture, TraceLinePicture, TracePage
from shieldrelay.assembly.house import House
from shieldrelay.config.schema import Configuration
from shieldrelay.config.trace import Addresses
from shieldrelay.journal import Output, open_output
from shieldrelay.journal.tee import FedOutput
from shieldrelay.trace.feed import NAME
from shieldrelay.trace.keeper import Keeper, SearchFailed
from shieldrelay.trace.settings import DomainTerms, TraceSettings

DIRECTORY = "trace"
STDOUT = "-"


def directory_of(configuration: Configuration) -> Path:
    """Give where the index is kept."""
    return Path(configuration.node.state).absolute() / DIRECTORY


def journal_output(configuration: Configuration) -> Output:
    """Open what the journal is written to; with the feed of the trace, when there is a trace and the journal no file.

    :raises OSError: it cannot be opened.
    """
    output = open_output(configuration.node.journal)
    if configuration.trace.keep is None or configuration.node.journal != STDOUT:
        return output
    return FedOutput(output, directory_of(configuration) / NAME)


def trace_settings(configuration: Configuration) -> TraceSettings | None:
    """Give what the trace's processes are built with; ``None``: there is no trace."""
    trace, journal = configuration.trace, configuration.node.journal
    if trace.keep is None:
        return None
    veiled = trace.addresses is Addresses.VEILED
    domains: dict[str, DomainTerms] = {}
    for domain in configuration.domains:
        own = veiled if domain.trace_addresses is None else domain.trace_addresses is Addresses.VEILED
        terms = DomainTerms(domain.domain, domain.trace_keep, own)
        domains |= dict.fromkeys(domain.names, terms)
    return TraceSettings(
        journal="" if journal == STDOUT else str(Path(journal).absolute()),
        directory=str(directory_of(configuration)),
        keep=trace.keep,
        octets=trace.size,
        free=trace.free,
        shed=trace.behind,
        veiled=veiled,
        domains=domains,
    )


class NodeTrace:
    """The trace of one node."""

    def __init__(self, house: House) -> None:
        self._house = house
        self._leads = house.configuration.worker == 0
        self._running = False
        self._settings: TraceSettings | None = None
        self._keeper: Keeper | None = None
        self._leaving: set[Deferred[Any]] = set()

    def start(self) -> None:
        """Keep the index from now on, if it is this process that is to."""
        self._running = True
        self.adopt()

    def lead(self) -> None:
        """Keep it from now on: of a node's processes, this one is to."""
        self._leads = True
        if self._running:
            self.adopt()

    def adopt(self) -> None:
        """Go by the configuration in force."""
        settings = trace_settings(self._house.configuration) if self._leads else None
        if settings == self._settings:
            return
        self._settings = settings
        old, self._keeper = self._keeper, None
        if old is not None:
            leaving = old.stop()
            self._leaving.add(leaving)
            leaving.addCallback(lambda _: self._follow(leaving))
        else:
            self._begin()

    async def stop(self) -> None:
        """End it."""
        self._running = False
        keeper, self._keeper = self._keeper, None
        if keeper is not None:
            await keeper.stop()

    def _follow(self, leaving: Deferred[Any]) -> None:
        """Start anew once the old processes have let go of the files."""
        self._leaving.discard(leaving)
        self._begin()

    def _begin(self) -> None:
        if self._settings is not None and self._running and self._keeper is None and not self._leaving:
            self._keeper = Keeper(self._settings, self._house.reactor, self._house.journal)
            self._keeper.start()

    # what is asked

    def domains(self) -> tuple[str, ...]:
        """Give the protected domains."""
        return tuple(self._house.ways)

    async def search(self, question: TraceQuestion) -> TracePage:
        """Search."""
        asked = {name: value for name, value in asdict(question).items() if value not in ("", None)}
        told = await self._ask({"question": asked})
        only = self._names(question.domain)
        return TracePage(
            lines=tuple(_line(each, question.domain, only) for each in told["lines"]),
            after=told["after"],
            newest=told["newest"],
            searched_to=told["searched_to"],
            index=self._index(),
        )

    async def story(self, id: str) -> StoryPicture:
        """Tell a story."""
        told = await self._ask({"id": id})
        return StoryPicture(
            id=id,
            sessions=tuple(told["sessions"]),
            messages=tuple(told["messages"]),
            lines=tuple(_line(each, "", frozenset()) for each in told["lines"]),
            whole=told["whole"],
        )

    async def index(self) -> TraceIndexPicture:
        """Say how the index stands."""
        return self._index()

    def _index(self) -> TraceIndexPicture:
        keeper = self._keeper
        if keeper is None:
            return TraceIndexPicture()
        if not keeper.state:
            return TraceIndexPicture(state="behind", reason="it begins")
        return TraceIndexPicture(**keeper.state)

    async def _ask(self, words: Mapping[str, Any]) -> Mapping[str, Any]:
        keeper = self._keeper
        if keeper is None:
            raise TraceUnavailable(self._why_not())
        try:
            told = await keeper.ask(words)
        except SearchFailed as fault:
            raise TraceUnavailable(str(fault)) from fault
        if "fault" in told:
            raise ValueError(told["fault"])
        return told

    def _why_not(self) -> str:
        if self._house.configuration.trace.keep is None:
            return "This node keeps no index of its journal: set [trace] keep."
        if not self._leads:
            return "Another process of this node keeps the index: ask the node's own control socket."
        return "The index begins or ends; try again in a moment."

    def _names(self, domain: str) -> frozenset[str]:
        """Give all names of a domain; none for none."""
        for one in self._house.configuration.domains:
            if one.domain == domain:
                return frozenset(one.names)
        return frozenset()


def _line(told: Mapping[str, Any], domain: str, only: frozenset[str]) -> TraceLinePicture:
    """Give a line; who asks for one domain sees of it what concerns that domain."""
    if not domain:
        return TraceLinePicture(**{**told, "recipients": tuple(told["recipients"])})
    recipients = [each for each in told["recipients"] if each.rpartition("@")[2].lower() in only]
    return TraceLinePicture(**{**told, "domain": domain, "recipients": tuple(recipients)})
