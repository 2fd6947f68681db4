"""A journal that keeps its events, for tests."""

from __future__ import annotations


class ListJournal:
    """A `shieldrelay.ports.Journal` in memory.

    :ivar events: every event told: its name and its fields.
    :ivar counted: those that were counted only: name and label.
    """

    def __init__(self) -> None:
        self.events: list[tuple[str, dict[str, object]]] = []
        self.counted: list[tuple[str, str]] = []

    def event(self, name: str, **fields: object) -> None:
        """Keep one event."""
        self.events.append((name, fields))

    def count(self, name: str, label: str = "") -> None:
        """Keep that it was counted."""
        self.counted.append((name, label))

    def named(self, name: str) -> list[dict[str, object]]:
        """Give the fields of every event of this name, in order."""
        return [fields for event, fields in self.events if event == name]
