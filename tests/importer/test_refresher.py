"""Claims about when lists are imported, and what the journal is told."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.task import Clock
from twisted.trial import unittest

from shieldrelay.importer.answer import Failed, Fetched, ImportResult, Unchanged
from shieldrelay.importer.fault import FaultKind
from shieldrelay.importer.refresher import Adoption, Age, Ended, Refreshed, Refresher
from shieldrelay.importer.request import ImportRequest
from shieldrelay.importer.settings import SourceSettings
from shieldrelay.journal.events import EVENTS
from shieldrelay.recipients.guards import Override
from shieldrelay.testing.journal import ListJournal
from tests.importer.case import asking

_FETCHED = Fetched(path="/aside", entries=2, digest="d", fault_count=1, faults=("line 3: no",))
_FAILED = Failed(kind=FaultKind.UNREACHABLE, words="nobody there")


class _Imports:
    """Imports that end when and as the test says."""

    def __init__(self) -> None:
        self.waiting: list[Deferred[ImportResult]] = []
        self.asked: list[str] = []
        self.cancelled: list[str] = []

    def start(self, request: ImportRequest) -> Deferred[ImportResult]:
        self.asked.append(request.domain)
        self.waiting.append(Deferred())
        return self.waiting[-1]

    def end(self, result: ImportResult) -> None:
        self.waiting.pop(0).callback(result)

    def cancel(self, domain: str) -> None:
        self.cancelled.append(domain)


class _Keeper:
    """Lists that adopt what they are given."""

    def __init__(self) -> None:
        self.adoption: Deferred[Adoption] = succeed(Adoption(4, 2))
        self.overrides: list[Override] = []
        self.confirmed: list[str | None] = []
        self.ages = Age("fresh", None)

    def adopt(self, domain: str, fetched: Fetched, override: Override) -> Deferred[Adoption]:
        self.overrides.append(override)
        return self.adoption

    def confirm(self, domain: str, validator: str | None) -> Deferred[None]:
        self.confirmed.append(validator)
        return succeed(None)

    def age(self, domain: str) -> Age:
        return self.ages


class RefresherTests(unittest.SynchronousTestCase):
    def setUp(self) -> None:
        self.clock, self.imports, self.keeper, self.journal = Clock(), _Imports(), _Keeper(), ListJournal()
        self.refresher = Refresher(self.clock, self.imports, self.keeper, self.journal, lambda: 0.5)

    def serve(self, *domains: str, every: float = 3600.0, source: str = "file:/list") -> None:
        read = SourceSettings.parse(source)
        self.refresher.serve(
            Refreshed(each, str(read), every, lambda domain=each: asking(read, domain=domain))  # type: ignore[misc]
            for each in domains
        )

    def test_a_missing_list_is_imported_at_once(self) -> None:
        """A domain without a list does not wait; afterwards it is imported once an interval."""
        self.serve("a.test")
        self.clock.advance(0)
        self.assertEqual(self.imports.asked, ["a.test"])
        self.imports.end(_FETCHED)
        self.clock.advance(3599)
        self.assertEqual(len(self.imports.asked), 1)
        self.clock.advance(1)
        self.assertEqual(len(self.imports.asked), 2)

    def test_a_fresh_list_waits(self) -> None:
        """A list that was confirmed before the start is imported when its interval is over, spread a little."""
        self.keeper.ages = Age("fresh", 3000.0)
        self.serve("a.test")
        self.assertEqual(self.refresher.next_in("a.test"), 630.0)

    def test_failures_are_retried_sooner(self) -> None:
        """After a failure the wait is a minute, doubled each time up to the interval, and a success ends that."""
        self.serve("a.test")
        waits = []
        for _ in range(8):
            self.clock.advance(self.refresher.next_in("a.test") or 0)
            self.imports.end(_FAILED)
            waits.append(self.refresher.next_in("a.test"))
        self.assertEqual(waits, [60, 120, 240, 480, 960, 1920, 3600, 3600])
        told = self.journal.named("list_import_failed")
        self.assertEqual([each["next"] for each in told], waits)
        self.assertEqual((told[0]["kind"], told[0]["reason"]), ("unreachable", "nobody there"))
        self.clock.advance(3600)
        self.imports.end(Unchanged(validator="v"))
        self.clock.advance(3600)
        self.imports.end(_FAILED)
        self.assertEqual(self.refresher.next_in("a.test"), 60)

    def test_adoption_is_told(self) -> None:
        """A version that comes into force is told with its number, and what was left out."""
        self.serve("a.test")
        self.clock.advance(0)
        self.imports.end(_FETCHED)
        imported, adopted = self.journal.named("list_import"), self.journal.named("list_adopted")
        self.assertEqual(
            (imported[0]["result"], imported[0]["entries"], imported[0]["fault"]), ("fetched", 2, "line 3: no")
        )
        self.assertEqual((adopted[0]["version"], adopted[0]["entries"]), (4, 2))

    def test_refusal_is_told(self) -> None:
        """A version that a guard refuses is told in the guard's words, and the next import comes as usual."""
        self.keeper.adoption = succeed(Adoption(0, 1, "9 of 10 would cease to exist"))
        self.serve("a.test")
        self.clock.advance(0)
        self.imports.end(_FETCHED)
        self.assertEqual(self.journal.named("list_refused")[0]["reason"], "9 of 10 would cease to exist")
        self.assertEqual(self.journal.named("list_adopted"), [])
        self.assertEqual(self.refresher.next_in("a.test"), 3600)

    def test_how_the_last_one_ended(self) -> None:
        """Whether an import is under way, and how the last one ended and when, can be asked."""
        self.serve("a.test")
        self.assertEqual((self.refresher.runs("a.test"), self.refresher.ended("a.test")), (False, None))
        self.clock.advance(0)
        self.assertTrue(self.refresher.runs("a.test"))
        self.clock.advance(7)
        self.imports.end(_FAILED)
        ended = self.refresher.ended("a.test")
        self.assertEqual((self.refresher.runs("a.test"), ended), (False, Ended(_FAILED, 7.0)))
        self.assertEqual((self.refresher.runs("b.test"), self.refresher.ended("b.test")), (False, None))

    def test_unchanged_confirms(self) -> None:
        """A source that has what is known confirms it."""
        self.serve("a.test")
        self.clock.advance(0)
        self.imports.end(Unchanged(validator="v"))
        self.assertEqual(self.keeper.confirmed, ["v"])
        self.assertEqual(self.journal.named("list_import")[0]["result"], "unchanged")

    def test_a_fault_of_the_lists_is_a_failure(self) -> None:
        """When adopting itself fails, that is told, and tried again."""
        self.keeper.adoption = fail(OSError(28, "No space left on device"))
        self.serve("a.test")
        self.clock.advance(0)
        self.imports.end(_FETCHED)
        self.assertIn("No space left", str(self.journal.named("list_import_failed")[0]["reason"]))
        self.assertEqual(self.refresher.next_in("a.test"), 60)

    def test_age_is_told_once(self) -> None:
        """A list that goes stale, old, and fresh again is told of at each change."""
        self.serve("a.test")
        for level in ("fresh", "stale", "stale", "old", "old", "fresh"):
            self.keeper.ages = Age(level, 1.0)
            self.clock.advance(self.refresher.next_in("a.test") or 0)
            self.imports.end(_FAILED)
        self.assertEqual([each["state"] for each in self.journal.named("list_stale")], ["stale", "old"])
        self.assertEqual(len(self.journal.named("list_fresh")), 1)

    def test_an_operator_need_not_wait(self) -> None:
        """An import that is asked for runs now, with the operator's word on the guards; the due one is put off."""
        self.keeper.ages = Age("fresh", 0.0)
        self.serve("a.test")
        self.assertIsNone(self.refresher.refresh("b.test"))
        asked: Any = self.refresher.refresh("a.test", Override.ALL)
        joined: Any = self.refresher.refresh("a.test", Override.ALL)
        self.assertIsNone(self.refresher.next_in("a.test"))
        self.imports.end(_FETCHED)
        self.assertEqual(self.successResultOf(asked), Adoption(4, 2))
        self.assertEqual(self.successResultOf(joined), Adoption(4, 2))
        self.assertEqual(self.keeper.overrides, [Override.ALL])
        self.assertEqual((self.imports.asked, self.refresher.next_in("a.test")), (["a.test"], 3600))
        self.refresher.refresh("a.test")
        self.imports.end(_FETCHED)
        self.assertEqual(self.keeper.overrides, [Override.ALL, Override.NOTHING])

    def test_reload_keeps_what_stays(self) -> None:
        """Domains that stay keep their time, those that go are cancelled, those that come are imported."""
        self.serve("a.test", "b.test")
        self.clock.advance(0)
        self.imports.end(_FETCHED)
        self.clock.advance(100)
        self.serve("a.test", "c.test")
        self.assertEqual(self.refresher.next_in("a.test"), 3500)
        self.assertIn("b.test", self.imports.cancelled)
        self.clock.advance(0)
        self.assertEqual(self.imports.asked, ["a.test", "b.test", "c.test"])
        self.imports.end(_FAILED)
        self.assertEqual(self.journal.named("list_import_failed"), [])

    def test_another_source_is_read_now(self) -> None:
        """A domain whose list comes from elsewhere since the reload does not wait for its interval."""
        self.serve("a.test")
        self.clock.advance(0)
        self.imports.end(_FETCHED)
        self.keeper.ages = Age("fresh", 0.0)
        self.serve("a.test", source="file:/other")
        self.clock.advance(0)
        self.assertEqual(self.imports.asked, ["a.test", "a.test"])

    def test_every_event_is_declared(self) -> None:
        """The journal knows each event and each field that is told."""
        self.serve("a.test")
        for result, adoption in (
            (_FETCHED, Adoption(4, 2)), (_FETCHED, Adoption(0, 2, "no")), (_FAILED, Adoption(0, 0)),
            (Unchanged(), Adoption(0, 0)),
        ):  # fmt: skip
            self.keeper.adoption = succeed(adoption)
            self.keeper.ages = Age("fresh" if result is not _FAILED else "stale", 1.0)
            self.refresher.refresh("a.test")
            self.imports.end(result)
        told = {name for name, _ in self.journal.events}
        wanted = {"list_import", "list_adopted", "list_refused", "list_import_failed", "list_stale", "list_fresh"}
        self.assertEqual(told, wanted)
        for name, fields in self.journal.events:
            self.assertLessEqual(set(fields), set(EVENTS[name].fields), name)

    def test_stop_leaves_no_timer(self) -> None:
        """Once stopped, nothing is due any more."""
        self.serve("a.test", "b.test")
        self.refresher.stop()
        self.assertEqual(self.clock.getDelayedCalls(), [])
