"""Alarms out of events: what opens and ends them, and what the board keeps."""

from __future__ import annotations

import re
from contextlib import redirect_stdout
from io import StringIO
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from shieldrelay.admin.ctl import parser
from shieldrelay.alarms.board import ENDED_SECONDS, OPEN_MOST, SAME_SECONDS, Alarm, Board
from shieldrelay.alarms.kinds import KINDS
from shieldrelay.alarms.render import PAGE, alarms_page
from shieldrelay.alarms.rules import RULES
from shieldrelay.journal import EVENTS
from shieldrelay.testing.journal import ListJournal
from tests.structure.source import ROOT

DOMAIN = "example.test"


class BoardCase(SynchronousTestCase):
    """A board with a clock."""

    def setUp(self) -> None:
        self.now = 1_800_000_000.0
        self.journal = ListJournal()
        self.board = Board(lambda: self.now, self.journal)

    def hear(self, event: str, **fields: object) -> None:
        """Tell the board."""
        self.board.hear(event, fields)

    def open(self) -> list[str]:
        """Give the ids of what is open."""
        return [one.id for one in self.board.opened()]


class RuleTests(BoardCase):
    """Which events open and end what."""

    PAIRS: tuple[tuple[str, tuple[str, dict[str, Any]], tuple[str, dict[str, Any]]], ...] = (
        ("attack:example.test", ("harvest_shield", {"domain": DOMAIN, "shield": "shield", "unknown": 90.0}),
         ("harvest_shield", {"domain": DOMAIN, "shield": "wary"})),
        ("next_hop_down:example.test", ("breaker", {"domain": DOMAIN, "state": "open", "reason": "no"}),
         ("breaker", {"domain": DOMAIN, "state": "ramping", "down_seconds": 9.0})),
        ("bounce_guard:example.test",
         ("bounce_guard", {"domain": DOMAIN, "state": "suspicious refusals", "reason": "many"}),
         ("bounce_guard", {"domain": DOMAIN, "state": "believed after all"})),
        ("list_stale:example.test", ("list_stale", {"domain": DOMAIN, "age": 200000.0}),
         ("list_fresh", {"domain": DOMAIN})),
        ("list_refused:example.test", ("list_refused", {"domain": DOMAIN, "reason": "lost 90%"}),
         ("list_adopted", {"domain": DOMAIN, "entries": 5})),
        ("list_unreadable:example.test", ("list_import_failed", {"domain": DOMAIN, "reason": "away"}),
         ("list_import", {"domain": DOMAIN})),
        ("disk:", ("headroom", {"state": "refuse", "reason": "full"}), ("headroom", {"state": "ok"})),
        ("hub:", ("hub_state", {"state": "degraded", "reason": "away"}), ("hub_state", {"state": "shared"})),
        ("member_lost:mx2", ("member_left", {"peer": "mx2", "process": 0, "state": "lost"}),
         ("member_joined", {"peer": "mx2", "process": 0})),
        ("clock:", ("clock_skew", {"state": "wrong", "seconds": 9.0}), ("clock_skew", {"state": "right"})),
        ("drift:", ("configuration_drift", {"state": "unlike", "sections": ("smtp",)}),
         ("configuration_drift", {"state": "alike"})),
        ("stress:", ("stress", {"state": "stress", "reason": "lag"}), ("stress", {"state": "calm"})),
        ("reload_refused:", ("reload_refused", {"reason": ["a", "b"]}), ("reload", {})),
        ("worker:worker 2", ("alarm", {"alarm": "worker", "reason": "worker 2 ends again"}),
         ("alarm_over", {"alarm": "worker", "reason": "worker 2 runs again"})),
        ("feed:drop", ("alarm", {"alarm": "feed", "reason": "drop cannot be read: x"}),
         ("alarm_over", {"alarm": "feed", "reason": "drop can be read again"})),
        ("domain_share:example.test", ("alarm", {"alarm": "share of the disk", "domain": DOMAIN}),
         ("alarm_over", {"alarm": "share of the disk", "domain": DOMAIN})),
    )  # fmt: skip

    def test_each_is_opened_and_ended(self) -> None:
        """What an event opens, its counterpart ends; asking for the end twice does no more."""
        for id, (event, fields), (over, ended) in self.PAIRS:
            self.hear(event, **fields)
            self.assertEqual(self.open(), [id], event)
            self.hear(over, **ended)
            self.hear(over, **ended)
            self.assertEqual(self.open(), [], over)

    def test_rules_are_of_declared_events_and_kinds(self) -> None:
        """Each rule hears an event that there is, and opens nothing that is not declared, whatever the fields are."""
        for event, rule in RULES.items():
            self.assertIn(event, EVENTS)
            fields: tuple[dict[str, object], ...] = ({}, dict.fromkeys(EVENTS[event].fields, b"\xff"))
            for change in (each for given in fields for each in rule(given)):
                self.assertIn(change.kind, KINDS)

    def test_an_alarm_without_a_kind_is_shown(self) -> None:
        """What the table does not know yet is an alarm all the same."""
        self.hear("alarm", alarm="flood", reason="water")
        self.assertEqual(self.open(), ["other:flood"])


class BoardTests(BoardCase):
    """What the board keeps."""

    def only(self) -> Alarm:
        """Give the one that is open."""
        (one,) = self.board.opened()
        return one

    def test_raised_again_it_is_the_same(self) -> None:
        """One alarm of a kind is open about one thing; it has the newer words, and the journal hears of it once."""
        self.board.open("disk", "", "low")
        self.now += 60
        self.board.open("disk", "", "very low")
        one = self.only()
        self.assertEqual((one.since, one.last, one.times, one.words), (self.now - 60, self.now, 2, "very low"))
        self.assertEqual(len(self.journal.named("alarm_opened")), 1)

    def test_what_comes_back_soon_goes_on(self) -> None:
        """Raised soon after its end it is the same; later it is another one."""
        began = self.now
        self.hear("breaker", domain=DOMAIN, state="open")
        self.hear("breaker", domain=DOMAIN, state="closed")
        self.now += SAME_SECONDS - 1
        self.hear("breaker", domain=DOMAIN, state="open")
        self.assertEqual((self.only().since, self.board.ended()), (began, []))
        self.hear("breaker", domain=DOMAIN, state="closed")
        self.now += SAME_SECONDS + 1
        self.hear("breaker", domain=DOMAIN, state="open")
        self.assertEqual(self.only().since, self.now)

    def test_what_nothing_ends_ends_itself(self) -> None:
        """An alarm that no event ends is over after its time, and forgotten a day later."""
        self.hear("bug", where="here", error="x")
        lasts = KINDS["bug"].lasts
        assert lasts is not None
        self.now += lasts
        self.assertEqual((self.open(), [one.kind for one in self.board.ended()]), ([], ["bug"]))
        self.now += ENDED_SECONDS + 1
        self.assertEqual(self.board.ended(), [])

    def test_the_worst_is_told_at_the_end(self) -> None:
        """An attack's end says how bad it was."""
        self.hear("harvest_shield", domain=DOMAIN, shield="shield", unknown=90.0, threshold=40.0)
        for figure in (100.0, 812.0, 300.0):
            self.board.worst("attack", DOMAIN, figure, "{:.0f} in 10 minutes")
        self.hear("harvest_shield", domain=DOMAIN, shield="calm", unknown=2.0)
        (one,) = self.board.ended()
        self.assertIn("at its worst 812 in 10 minutes", one.end)

    def test_they_are_bounded(self) -> None:
        """So many are open and no more, however many are raised; words are clipped."""
        for number in range(OPEN_MOST + 10):
            self.board.open("member_lost", f"mx{number}", "x" * 1000)
        self.assertEqual((len(self.board.opened()), self.board.untold), (OPEN_MOST, 10))
        self.assertTrue(all(len(one.words) <= 300 for one in self.board.opened()))

    def test_the_worst_stands_first(self) -> None:
        """Errors come before warnings, the older first."""
        self.board.open("hub", "", "x")
        self.now += 1
        self.board.open("disk", "", "x")
        self.now += 1
        self.board.open("bug", "there", "x")
        self.assertEqual(self.open(), ["disk:", "bug:there", "hub:"])


class PageTests(SynchronousTestCase):
    """``docs/alarms.md``."""

    def test_commands_exist(self) -> None:
        """What an alarm says to do can be typed."""
        for kind in KINDS.values():
            for command in re.findall(r"`shieldrelayctl ([a-z ]+)", kind.todo):
                words = command.split()
                out = StringIO()
                with redirect_stdout(out), self.assertRaises(SystemExit) as ended:
                    parser().parse_args([*words, "--help"])
                self.assertEqual(ended.exception.code, 0)
                self.assertIn(f"usage: shieldrelayctl {' '.join(words)} ", out.getvalue())

    def test_the_page_is_rendered_from_the_table(self) -> None:
        """The page is what the declarations give."""
        self.assertEqual((ROOT / PAGE).read_text(), alarms_page())
