"""A state directory with the list of one domain, as the tests of `recipients` want it."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from twisted.trial import unittest

from shieldrelay.mail.address import parse_mailbox
from shieldrelay.recipients.builder import BuiltVersion, Current, build
from shieldrelay.recipients.guards import Override
from shieldrelay.recipients.lists import Lists
from shieldrelay.recipients.outcome import Adopted, Outcome
from shieldrelay.recipients.settings import ListKind, ListSettings
from shieldrelay.recipients.standing import Standing
from shieldrelay.recipients.version import Origin, Version

NOW = 1_800_000_000.0
"""A time of day, in seconds since the epoch."""


def fetched(domain: str = "example.com", **settings: Any) -> ListSettings:
    """Give the settings of a domain whose list is imported, enforced from the first version on."""
    return ListSettings(**{"domain": domain, "kind": ListKind.FETCHED, "location": "the directory", **settings})


def names(count: int, prefix: str = "user") -> list[bytes]:
    """Give lines."""
    return [b"%b%d\n" % (prefix.encode(), number) for number in range(count)]


def ignore(_lines: int) -> None:
    """Take no notice of progress."""


class ListsCase(unittest.SynchronousTestCase):
    """A test with a state directory."""

    def setUp(self) -> None:
        self.make_state()

    def make_state(self) -> None:
        """Begin with an empty state directory."""
        self.state = Path(self.mktemp()).absolute()
        self.state.mkdir()

    def lists(self, *settings: ListSettings, now: float = NOW) -> Lists:
        """Open lists, which must have no faults."""
        lists = Lists(self.state)
        prepared = lists.prepare(settings, now)
        self.assertEqual((prepared.faults, prepared.kept), ((), ()))
        lists.install(prepared, now)
        return lists

    def built(
        self, settings: ListSettings, lines: Iterable[bytes], current: Current | None = None, **origin: Any
    ) -> BuiltVersion:
        """Build a version as the child process would."""
        return build(
            settings,
            lines,
            self.state,
            ignore,
            origin=Origin(**{"source": "the directory", **origin}),
            made_at=NOW,
            current=current,
        )

    def taken(
        self,
        lists: Lists,
        lines: Iterable[bytes],
        settings: ListSettings | None = None,
        now: float = NOW,
        **origin: Any,
    ) -> Outcome:
        """Import lines."""
        settings = fetched() if settings is None else settings
        built = self.built(settings, lines, lists.current(settings.domain), **origin)
        return lists.adopt(settings.domain, built, now, Override.NOTHING)

    def adopted(self, outcome: Outcome) -> Version:
        """Give the version that was adopted."""
        assert isinstance(outcome, Adopted), outcome
        return outcome.version

    def assert_standing(self, lists: Lists, expected: Standing, *addresses: str) -> None:
        """Look addresses up; without a domain in example.com."""
        for address in addresses:
            whole = address if "@" in address else f"{address}@example.com"
            self.assertIs(lists.lookup(parse_mailbox(whole.encode(), utf8=True)), expected, address)

    def files(self, domain: str = "example.com") -> set[str]:
        """Name what is in a domain's directory."""
        return {each.name for each in (self.state / "recipients" / domain).iterdir()}
