"""Who hears the journal: what they are told, what it costs when they fail, and that mail does not notice."""

from __future__ import annotations

import json
from collections.abc import Mapping

from twisted.trial.unittest import SynchronousTestCase

from shieldrelay.journal import Journal


class MemoryOutput:
    """Takes everything."""

    def __init__(self) -> None:
        self.octets = b""

    def write(self, octets: bytes) -> int:
        """Keep them."""
        self.octets += octets
        return len(octets)

    def reopen(self) -> None:
        """Do nothing."""

    def close(self) -> None:
        """Do nothing."""


class HearingTests(SynchronousTestCase):
    """`Journal.hear`."""

    def setUp(self) -> None:
        self.output = MemoryOutput()
        self.journal = Journal(self.output, node="mx1", wall=lambda: 1_800_000_000.0)
        self.heard: list[tuple[str, dict[str, object]]] = []

    def listen(self, name: str, fields: Mapping[str, object]) -> None:
        """Keep what is heard."""
        self.heard.append((name, dict(fields)))

    def lines(self) -> list[str]:
        """Name the events that were written."""
        self.journal.flush()
        return [json.loads(line)["event"] for line in self.output.octets.splitlines()]

    def test_those_are_told_who_asked(self) -> None:
        """Each listener hears its own events with their fields, after they were counted and written."""
        self.journal.hear(("stress", "breaker"), self.listen)
        self.journal.event("stress", state="calm")
        self.journal.event("session", end="quit")
        self.journal.event("breaker", state="open", domain="example.test")
        self.assertEqual(
            self.heard, [("stress", {"state": "calm"}), ("breaker", {"state": "open", "domain": "example.test"})]
        )
        self.assertEqual(self.lines(), ["stress", "session", "breaker"])

    def test_a_listener_may_tell_something_itself(self) -> None:
        """It stands after what it was told."""
        self.journal.hear(("stress",), lambda _name, _fields: self.journal.event("alarm_opened", kind="stress"))
        self.journal.event("stress", state="stress")
        self.assertEqual(self.lines(), ["stress", "alarm_opened"])

    def test_a_listener_that_fails_is_not_called_again(self) -> None:
        """Its bug is told once, the event is written, and others go on hearing."""

        def fail(_name: str, _fields: Mapping[str, object]) -> None:
            raise RuntimeError("oops")

        self.journal.hear(("stress", "breaker"), fail)
        self.journal.hear(("stress",), self.listen)
        for _ in range(3):
            self.journal.event("stress", state="calm")
        self.journal.event("breaker", state="open")
        self.assertEqual(len(self.heard), 3)
        self.assertEqual(self.lines(), ["stress", "bug", "stress", "stress", "breaker"])
