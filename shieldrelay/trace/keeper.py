"""`Keeper`: has the trace's processes run: the indexer always, the searcher while somebody asks.

A process that ends is started again, ever later while it ends soon. The node neither waits for them nor ends with them;
they end with it, since their input does. Made by ``assembly.trace``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from twisted.internet import defer
from twisted.internet.defer import Deferred, DeferredList
from twisted.internet.interfaces import IDelayedCall

from shieldrelay.ports import Journal
from shieldrelay.trace.child import ChildProcess
from shieldrelay.trace.settings import TraceSettings

FIRST_SECONDS = 1.0
MOST_SECONDS = 60.0
SOUND_SECONDS = 60.0
LOOPING = 4
"""So many ends in a row that came soon are told as an alarm."""
ANSWER_SECONDS = 10.0
"""What a search gets, the start of its process included."""
IDLE_SECONDS = 60.0
"""How long the searcher stays while nobody asks."""
ASKED_MOST = 32
STOP_SECONDS = 5.0

ALARM = "trace"


class SearchFailed(Exception):
    """Nobody searches now; ``args[0]`` says why, a sentence."""


class Keeper:
    """Keeps them running.

    :ivar state: what the indexer said last; empty before it said anything.
    """

    def __init__(self, settings: TraceSettings, reactor: Any, journal: Journal) -> None:
        self.state: Mapping[str, Any] = {}
        self._settings = settings
        self._reactor = reactor
        self._journal = journal
        self._indexer: ChildProcess | None = None
        self._searcher: ChildProcess | None = None
        self._stopping = False
        self._gone: dict[ChildProcess, Deferred[None]] = {}
        self._again: IDelayedCall | None = None
        self._idle: IDelayedCall | None = None
        self._soon = 0
        self._began = 0.0
        self._number = 0
        self._asked: dict[int, Deferred[Mapping[str, Any]]] = {}

    @property
    def running(self) -> bool:
        """Whether the indexer runs."""
        return self._indexer is not None

    def start(self) -> None:
        """Start the indexer."""
        self._again = None
        self._began = self._reactor.seconds()
        child = self._spawned("index", self._indexed)
        self._indexer = child
        if child is not None:
            self._journal.event("trace_started", pid=child.pid)

    def stop(self) -> Deferred[Any]:
        """End both; fires when they are gone."""
        self._stopping = True
        for call in (self._again, self._idle):
            if call is not None and call.active():
                call.cancel()
        for child in self._gone:
            child.stop()
        kill = self._reactor.callLater(STOP_SECONDS, self._kill)
        gone = DeferredList(list(self._gone.values()))
        return gone.addCallback(lambda _: kill.cancel() if kill.active() else None)

    def ask(self, words: Mapping[str, Any]) -> Deferred[Mapping[str, Any]]:
        """Ask the searcher; gives its answer.

        :return: fails with `SearchFailed`.
        """
        if self._stopping or len(self._asked) >= ASKED_MOST:
            why = "The node stops." if self._stopping else "Too many searches wait already; try again in a moment."
            return defer.fail(SearchFailed(why))
        if self._searcher is None:
            self._searcher = self._spawned("search", self._answered)
        if self._searcher is None:
            return defer.fail(SearchFailed("The process that searches cannot be started."))
        self._number += 1
        number = self._number
        self._searcher.ask({**words, "number": number})
        asked: Deferred[Mapping[str, Any]] = Deferred()
        self._asked[number] = asked
        self._stay()
        return asked.addTimeout(ANSWER_SECONDS, self._reactor, lambda _result, _seconds: self._late(number))

    # the processes

    def _spawned(self, role: str, heard: Any) -> ChildProcess | None:
        """Start one; ``None`` when that fails, which counts as its end."""
        child = ChildProcess(role, heard, lambda why: self._ended(child, why))
        try:
            child.spawn(self._reactor, self._settings)
        except OSError as error:
            self._gone.pop(child, None)
            if role == "index":
                self._over(f"it cannot be started: {error.strerror}")
            return None
        self._gone[child] = Deferred()
        return child

    def _ended(self, child: ChildProcess, why: str) -> None:
        gone = self._gone.pop(child, None)
        if child is self._searcher:
            self._searcher = None
            self._fail(f"The search ended without an answer: {why}.")
        if child is self._indexer:
            self._indexer = None
            if not self._stopping:
                self._over(why)
        if gone is not None:
            gone.callback(None)

    def _over(self, why: str) -> None:
        """Have the indexer started again, after a while."""
        lived = self._reactor.seconds() - self._began
        self._soon = 1 if lived >= SOUND_SECONDS else self._soon + 1
        again = min(MOST_SECONDS, FIRST_SECONDS * 2.0 ** min(self._soon - 1, 10))
        self.state = {**self.state, "state": "stopped", "reason": why}
        self._journal.event("trace_ended", reason=why, seconds=round(lived, 1), again=again)
        if self._soon == LOOPING:
            reason = f"the index of the journal ends again and again: {why}"
            self._journal.event("alarm", alarm=ALARM, domain=None, reason=reason)
        self._again = self._reactor.callLater(again, self.start)

    def _kill(self) -> None:
        for child in tuple(self._gone):
            child.kill()

    # what they say

    def _indexed(self, words: Mapping[str, Any]) -> None:
        if "damaged" in words:
            self._journal.event("trace_damaged", file=words["damaged"], reason=words["reason"])
            return
        before = self.state.get("state", "current")
        self.state = words
        if self._soon >= LOOPING and self._reactor.seconds() - self._began >= SOUND_SECONDS:
            self._journal.event("alarm_over", alarm=ALARM, domain=None, reason="the index of the journal runs again")
            self._soon = 0
        if words["state"] != before:
            told = {name: words[name] for name in ("state", "behind_seconds", "behind_octets", "shed", "reason")}
            self._journal.event("trace_state", before=before, **told)

    def _answered(self, words: Mapping[str, Any]) -> None:
        asked = self._asked.pop(words["number"], None)
        if asked is not None:
            asked.callback(words)

    def _late(self, number: int) -> Mapping[str, Any]:
        """Give a search up, and the process with it: it hangs."""
        self._asked.pop(number, None)
        if self._searcher is not None:
            self._searcher.kill()
        raise SearchFailed("The search did not end in time.")

    def _fail(self, why: str) -> None:
        asked, self._asked = self._asked, {}
        for one in asked.values():
            one.errback(SearchFailed(why))

    def _stay(self) -> None:
        """Have the searcher end when nobody has asked for a while."""
        if self._idle is not None and self._idle.active():
            self._idle.reset(IDLE_SECONDS)
        else:
            self._idle = self._reactor.callLater(IDLE_SECONDS, self._leave)

    def _leave(self) -> None:
        if self._searcher is not None and not self._asked:
            self._searcher.stop()
            self._searcher = None
