"""The processes of the trace from the node's side."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

from attrs import evolve
from twisted.internet import reactor
from twisted.internet.defer import inlineCallbacks
from twisted.internet.task import deferLater
from twisted.trial.unittest import TestCase

from shieldrelay.testing.journal import ListJournal
from shieldrelay.trace.keeper import Keeper, SearchFailed
from shieldrelay.trace.settings import TraceSettings, decode, encode
from tests.trace.case import transaction


class KeeperTests(TestCase):
    """Real processes."""

    def setUp(self):
        self.directory = Path(self.mktemp()).absolute()
        self.directory.mkdir()
        (self.directory / "journal").write_bytes(transaction(1))
        self.settings = TraceSettings(
            journal=str(self.directory / "journal"), directory=str(self.directory / "index"), keep=1e9,
            octets=1 << 30, free=0, shed=1 << 30,
        )  # fmt: skip
        self.journal = ListJournal()
        self.keeper = Keeper(self.settings, reactor, self.journal)
        self.addCleanup(lambda: self.keeper.stop())

    def events(self):
        """Give what was told."""
        return [name for name, _ in self.journal.events]

    def kill(self, child: Any):
        """Kill a process."""
        os.kill(child.pid, signal.SIGKILL)

    @inlineCallbacks
    def wait(self, condition):
        """Wait until something is so."""
        for _ in range(1000):
            if condition():
                return
            yield deferLater(reactor, 0.02, lambda: None)
        self.fail("not in time")

    @inlineCallbacks
    def test_lines_are_found(self):
        """What stands in the journal is indexed, and found by a process that is started when somebody asks."""
        self.keeper.start()
        yield self.wait(lambda: self.keeper.state.get("lines") == 1)
        told = yield self.keeper.ask({"question": {"id": "session1"}})
        self.assertEqual(told["lines"][0]["message"], "message1")
        story = yield self.keeper.ask({"id": "message1"})
        self.assertEqual(story["sessions"], ["session1"])
        told = yield self.keeper.ask({"question": {"after": "x"}})
        self.assertIn("fault", told)

    @inlineCallbacks
    def test_death_is_told_and_mended(self):
        """An indexer that is killed is started again; a search whose process dies fails in words, the next works."""
        self.keeper.start()
        yield self.wait(lambda: self.keeper.state.get("lines") == 1)
        asked = self.keeper.ask({"id": "message1"})
        self.kill(self.keeper._searcher)
        yield self.assertFailure(asked, SearchFailed)
        yield self.keeper.ask({"id": "message1"})
        self.kill(self.keeper._indexer)
        yield self.wait(lambda: self.events().count("trace_started") == 2)
        self.assertEqual(self.events(), ["trace_started", "trace_ended", "trace_started"])

    @inlineCallbacks
    def test_second_indexer_keeps_away(self):
        """Who finds the directory in use says so, and tries again later."""
        self.keeper.start()
        yield self.wait(lambda: self.keeper.state.get("lines") == 1)
        other = Keeper(evolve(self.settings), reactor, self.journal)
        self.addCleanup(other.stop)
        other.start()
        yield self.wait(lambda: "trace_ended" in self.events())
        self.assertIn("another process writes", other.state["reason"])

    def test_settings_are_handed_over(self):
        """A line of JSON says them all."""
        self.assertEqual(decode(encode(self.settings)), self.settings)
