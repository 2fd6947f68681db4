"""An index in a directory of its own, from lines that a test writes; clocks that it moves."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from shieldrelay.trace import veil
from shieldrelay.trace.indexer import Indexer
from shieldrelay.trace.question import Question
from shieldrelay.trace.search import Search
from shieldrelay.trace.settings import DomainTerms, TraceSettings
from shieldrelay.trace.veil import Veil

NOW = 1_800_000_000.0
DAY = 86400.0


def line(event, at=NOW, **fields):
    """Give a line as the journal writes it."""
    stamp = datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    head = {"ts": stamp, "level": "info", "event": event, "node": "mx1.example"}
    return json.dumps({**head, **fields}, separators=(",", ":")).encode() + b"\n"


def transaction(number=0, at=NOW, **fields):
    """Give a mail transaction's line."""
    known = {
        "session": f"session{number}", "message": f"message{number}", "peer": f"192.0.2.{number % 250}",
        "helo": "mail.sender.test", "reverse_path": f"sender{number}@sender.test", "domain": "example.test",
        "recipients": [f"user{number}@example.test"], "size": 100, "code": 250, "status": "2.0.0",
        "result": "accepted", "reason": "", "seconds": 0.1,
    }  # fmt: skip
    return line("transaction", at, **{**known, **fields})


def refusal(number=0, at=NOW, **fields):
    """Give a refused recipient's line."""
    known = {
        "session": f"refusal{number}", "peer": "198.51.100.7", "stage": "rcpt", "code": 550, "status": "5.1.1",
        "defence": "recipients", "reason": "the recipient is not listed", "reverse_path": "you@sender.test",
        "recipient": f"nobody{number}@example.test",
    }  # fmt: skip
    return line("refused", at, **{**known, **fields})


class TraceCase(SynchronousTestCase):
    """Has an index.

    :ivar told: what the indexer said.
    """

    def setUp(self):
        self.directory = Path(self.mktemp())
        self.directory.mkdir()
        self.journal = self.directory / "journal"
        self.now = NOW
        self.told = []
        domains = {name: DomainTerms("example.test") for name in ("example.test", "alias.test")}
        self.settings = TraceSettings(
            journal=str(self.journal), directory=str(self.directory / "index"), keep=7 * DAY, octets=1 << 30, free=0,
            shed=1 << 30, domains=domains,
        )  # fmt: skip

    def change(self, **settings):
        """Change the settings."""
        self.settings = evolve(self.settings, **settings)

    def write(self, *lines):
        """Add to the journal."""
        with self.journal.open("ab") as file:
            file.write(b"".join(lines))

    def index(self, turns=3, passing=2.0, between=None):
        """Run the indexer for so many turns, and end it in good order.

        :param passing: seconds that a turn takes.
        :param between: called before each further turn.
        """
        left = turns

        def wait(_seconds):
            nonlocal left
            left -= 1
            self.now += passing
            if between is not None:
                between()
            return left > 0

        Indexer(self.settings, self.told.append, wait, seconds=lambda: self.now, wall=lambda: self.now).run()

    @property
    def state(self):
        """What the indexer said last."""
        return [words for words in self.told if "state" in words][-1]

    def search(self):
        """Give who searches."""
        directory = Path(self.settings.directory)
        secret = veil.secret_of(directory)
        return Search(self.settings, Veil(secret), seconds=lambda: 0.0, wall=lambda: self.now)

    def page(self, **asked):
        """Search."""
        return self.search().page(Question(**asked))

    def found(self, **asked):
        """Give the lines that are found."""
        return [one.fields for one in self.page(**asked).found]

    def ids(self, **asked):
        """Give the sessions of the lines that are found."""
        return [each.get("session") for each in self.found(**asked)]
