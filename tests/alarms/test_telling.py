"""Who is told, when, and once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from shieldrelay.alarms.kinds import Level
from shieldrelay.alarms.letter import Letter
from shieldrelay.alarms.telling import FORGOTTEN_SECONDS, LETTER_SECONDS, LOOK_SECONDS, SETTLE_SECONDS, Telling
from shieldrelay.testing.journal import ListJournal


class Outlet:
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.told: list[Mapping[str, Any]] = []

    def tell(self, told: Mapping[str, Any]) -> None:
        """Keep it."""
        self.told.append(told)

    @property
    def words(self) -> list[tuple[str, str]]:
        """What happened to which alarm."""
        return [(one["event"], one["id"]) for one in self.told]


class TellingTests(SynchronousTestCase):
    """A board that the test writes."""

    def setUp(self) -> None:
        self.clock, self.journal = Clock(), ListJournal()
        self.shown: list[dict[str, Any]] = []
        self.pager, self.chat = Outlet(), Outlet()
        self.letters: list[Letter] = []
        self.full = self.away = False
        self.kept: Any = []
        self.mail_level: Level | None = Level.ERROR
        self.telling = self.make()
        self.telling.start()

    def make(self) -> Telling:
        """Make it, as after a restart."""

        async def look() -> Sequence[Mapping[str, Any]]:
            if self.away:
                raise RuntimeError("nobody answers")
            return [dict(one) for one in self.shown]

        async def mail(letter: Letter) -> None:
            if self.full:
                raise OSError(28, "no space")
            self.letters.append(letter)

        def keep(value: Any) -> None:
            self.kept = value

        return Telling(
            look, lambda: [(self.pager, Level.ERROR), (self.chat, Level.WARN)], mail, lambda: self.mail_level, keep,
            node="mx1", clock=self.clock, wall=self.clock.seconds, journal=self.journal,
        )  # fmt: skip

    def open(self, kind: str, level: str, about: str = "") -> dict[str, Any]:
        """Open an alarm."""
        now = self.clock.seconds()
        one = {
            "id": f"{kind}:{about}", "kind": kind, "level": level, "about": about, "since": now, "last": now,
            "words": "why", "meaning": "what", "todo": "do", "ended": None, "end": "",
        }  # fmt: skip
        self.shown.append(one)
        return one

    def end(self, one: dict[str, Any]) -> None:
        """End it."""
        one.update(ended=self.clock.seconds(), end="so")

    def look(self, seconds: float = LOOK_SECONDS) -> None:
        """Let time pass."""
        while seconds > 0:
            self.clock.advance(min(LOOK_SECONDS, seconds))
            seconds -= LOOK_SECONDS

    def test_each_is_told_once_by_level(self) -> None:
        """What is new is told to whom it concerns, and not again while it is open."""
        self.open("disk", "error")
        self.open("hub", "warn")
        self.look(60)
        self.assertEqual(self.pager.words, [("opened", "disk:")])
        self.assertEqual(sorted(self.chat.words), [("opened", "disk:"), ("opened", "hub:")])
        (letter,) = self.letters
        self.assertEqual(letter.subject, "ALARM: disk (mx1)")

    def test_its_end_is_told_when_it_lasts(self) -> None:
        """What comes and goes is told once; the end when it has lasted."""
        one = self.open("disk", "error")
        self.look()
        for _ in range(3):
            self.end(one)
            self.look(SETTLE_SECONDS / 2)
            one.update(ended=None)
            self.look(SETTLE_SECONDS / 2)
        self.assertEqual(self.pager.words, [("opened", "disk:")])
        self.end(one)
        self.look(SETTLE_SECONDS + LOOK_SECONDS)
        self.assertEqual(self.pager.words, [("opened", "disk:"), ("ended", "disk:")])
        self.look(600)
        self.assertEqual(len(self.pager.told), 2)

    def test_what_was_there_between_two_looks_is_told(self) -> None:
        """An alarm that nobody saw open is told all the same, and its end."""
        self.look()
        self.clock.advance(1)
        one = self.open("takeover", "warn", "mx2")
        self.end(one)
        self.look(2 * SETTLE_SECONDS)
        self.assertEqual(self.chat.words, [("opened", "takeover:mx2"), ("ended", "takeover:mx2")])

    def test_what_ended_long_before_the_start_is_not_told(self) -> None:
        """After a restart the board's old alarms are no news."""
        self.end(self.open("disk", "error"))
        self.clock.advance(SETTLE_SECONDS)
        self.pager.told.clear()
        self.telling.stop()
        self.telling = self.make()
        self.telling.start()
        self.look(600)
        self.assertEqual(self.pager.words, [])

    def test_a_restart_tells_nothing_twice(self) -> None:
        """What was told is known after a restart; what is not raised again is told to be over."""
        self.open("disk", "error")
        gone = self.open("worker", "error", "worker 1")
        self.look()
        self.telling.stop()
        self.shown.remove(gone)
        self.telling = self.make()
        self.telling.load(self.kept)
        self.telling.start()
        self.pager.told.clear()
        self.look(FORGOTTEN_SECONDS - LOOK_SECONDS)
        self.assertEqual(self.pager.words, [])
        self.look(3 * LOOK_SECONDS)
        self.assertEqual(self.pager.words, [("ended", "worker:worker 1")])

    def test_nonsense_in_its_file_does_no_harm(self) -> None:
        """Whatever the file had in it."""
        values: tuple[Any, ...] = (None, 7, {}, [1, {}, {"shown": 3}, {"shown": {}}])
        for value in values:
            self.telling.load(value)
        self.look()

    def test_letters_gather(self) -> None:
        """What comes together comes in one letter, and letters have some time between them."""
        for number in range(5):
            self.open("member_lost", "error", f"mx{number}")
        self.look()
        self.open("disk", "error")
        self.look(LETTER_SECONDS - LOOK_SECONDS)
        self.assertEqual([one.subject[:8] for one in self.letters], ["5 alarms"])
        self.look(2 * LOOK_SECONDS)
        self.assertEqual([one.subject[:8] for one in self.letters], ["5 alarms", "ALARM: d"])

    def test_a_full_disk_keeps_the_letter(self) -> None:
        """A letter that cannot be stored goes later, with all that it had."""
        self.full = True
        self.open("disk", "error")
        self.look()
        self.assertEqual((self.letters, len(self.journal.named("alarm_undelivered"))), ([], 1))
        self.full = False
        self.look(LETTER_SECONDS + LOOK_SECONDS)
        self.assertEqual(len(self.letters), 1)

    def test_a_look_that_fails_is_made_again(self) -> None:
        """Trouble is told, and nothing is lost by it."""
        self.away = True
        self.open("disk", "error")
        self.look(60)
        self.away = False
        self.look()
        self.assertEqual(self.pager.words, [("opened", "disk:")])

    def test_a_test_reaches_everybody(self) -> None:
        """At once, whatever their level."""
        self.mail_level = Level.WARN
        self.telling.test("alice")
        self.assertEqual((self.pager.words, self.chat.words), ([("test", "test:")],) * 2)
        self.assertEqual([one.subject for one in self.letters], ["TEST: test (mx1)"])

    def test_nobody_is_told_unless_named(self) -> None:
        """Without mail, nothing is gathered."""
        self.mail_level = None
        self.open("disk", "error")
        self.look(600)
        self.assertEqual(self.letters, [])
