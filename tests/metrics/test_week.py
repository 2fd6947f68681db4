"""A domain's week: what is counted, when it turns, and what a file brings back."""

from __future__ import annotations

import json
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from shieldrelay.alarms import report
from shieldrelay.metrics.week import SOURCES_MOST, WEEK_SECONDS, DomainWeek, Weeks, week_begin

MONDAY = 1_800_230_400.0
"""2027-01-18, 00:00 UTC."""
DOMAIN = "example.test"


class WeekTests(SynchronousTestCase):
    """Weeks with a clock."""

    def setUp(self) -> None:
        self.now = MONDAY + 3600
        self.weeks = self.make()

    def make(self) -> Weeks:
        """Make them anew, as after a restart."""
        names = {DOMAIN: DOMAIN, "alias.test": DOMAIN}
        return Weeks(lambda: self.now, names.get)

    def test_weeks_begin_on_mondays(self) -> None:
        """At midnight UTC."""
        for moment in (MONDAY, MONDAY + 1, MONDAY + WEEK_SECONDS - 1):
            self.assertEqual(week_begin(moment), MONDAY)
        self.assertEqual(week_begin(MONDAY - 1), MONDAY - WEEK_SECONDS)

    def test_events_are_counted(self) -> None:
        """By domain, an alias for its own; what is nobody's is not."""
        hear = self.weeks.hear
        hear("transaction", {"domain": DOMAIN, "result": "accepted", "peer": "192.0.2.1"})
        hear("transaction", {"domain": "alias.test", "result": "refused", "peer": "192.0.2.2"})
        hear("transaction", {"domain": "other.test", "result": "accepted"})
        hear("transaction", {"domain": None, "result": "accepted"})
        hear("refused", {"recipient": "who@Alias.TEST", "defence": "harvest", "peer": "192.0.2.2"})
        hear("refused", {"recipient": "", "defence": "harvest", "peer": "192.0.2.2"})
        hear("spooled", {"domain": DOMAIN})
        hear("breaker", {"domain": DOMAIN, "state": "open"})
        hear("breaker", {"domain": DOMAIN, "state": "ramping", "down_seconds": 60.0})
        hear("harvest_shield", {"domain": DOMAIN, "shield": "shield"})
        self.now += 120
        hear("harvest_shield", {"domain": DOMAIN, "shield": "calm"})
        week = self.weeks.week(DOMAIN, last=False)
        self.assertEqual((week.accepted, week.refused, week.spooled), (1, 2, 1))
        self.assertEqual((week.outages, week.outage_seconds, week.attacks, week.attack_seconds), (1, 60.0, 1, 120.0))
        self.assertEqual((week.by, week.sources), ({"refused": 1, "harvest": 1}, {"192.0.2.2": 2}))
        self.assertEqual(set(self.weeks.this), {DOMAIN})

    def test_the_worst_sources_stay(self) -> None:
        """Of a flood of addresses so many are kept, and who was refused often is among them."""
        for number in range(1000):
            self.weeks.hear("refused", {"recipient": f"a@{DOMAIN}", "peer": f"2001:db8::{number:x}"})
            if number % 10 == 0:
                self.weeks.hear("refused", {"recipient": f"a@{DOMAIN}", "peer": "192.0.2.9"})
        sources = self.weeks.week(DOMAIN, last=False).sources
        self.assertEqual(len(sources), SOURCES_MOST)
        self.assertGreaterEqual(sources["192.0.2.9"], 100)

    def test_a_week_turns(self) -> None:
        """What was this week is the last, and then gone."""
        self.weeks.hear("spooled", {"domain": DOMAIN})
        self.now += WEEK_SECONDS
        self.assertEqual(self.weeks.week(DOMAIN, last=False).spooled, 0)
        self.assertEqual(self.weeks.week(DOMAIN, last=True).spooled, 1)
        self.now += 2 * WEEK_SECONDS
        self.assertEqual(self.weeks.week(DOMAIN, last=True).spooled, 0)

    def test_a_restart_loses_nothing(self) -> None:
        """What a file holds comes back as this week, as the last, or not at all."""
        self.weeks.hear("refused", {"recipient": f"a@{DOMAIN}", "peer": "192.0.2.9", "defence": "harvest"})
        value = json.loads(json.dumps(self.weeks.as_json()))
        before = self.weeks.week(DOMAIN, last=False)
        for weeks, (this, last) in ((0, (before, DomainWeek())), (1, (DomainWeek(), before)), (2, (DomainWeek(),) * 2)):
            self.now = MONDAY + 3600 + weeks * WEEK_SECONDS
            again = self.make()
            again.load(value)
            self.assertEqual((again.week(DOMAIN, last=False), again.week(DOMAIN, last=True)), (this, last))

    def test_nonsense_in_a_file_does_no_harm(self) -> None:
        """Whatever is there, something valid comes of it."""
        bad = {"begin": self.weeks.begin, "this": {DOMAIN: {"refused": "x", "by": {"a": -1, "b": 2}, "sources": 7}}}
        begin = self.weeks.begin
        cut = {"begin": begin, "this": [1], "last": {"a": 1}}
        values: tuple[Any, ...] = (None, 7, [], {"begin": "x"}, cut, bad)
        for value in values:
            self.weeks.load(value)
        self.assertEqual(self.weeks.week(DOMAIN, last=False), DomainWeek(by={"b": 2}))


class ReportTests(SynchronousTestCase):
    """Its words."""

    def test_words_and_html(self) -> None:
        """Both say the figures; nothing in the HTML is markup that came from elsewhere."""
        week = {
            "domain": DOMAIN, "node": "<mx1>", "since": MONDAY, "until": MONDAY + WEEK_SECONDS, "accepted": 1,
            "refused": 20, "by": {"harvest": 19, "<b>": 1}, "attacks": 2, "attack_seconds": 600.0, "spooled": 5,
            "delivered": 4, "expired": 0, "outages": 1, "outage_seconds": 0.0, "queued": 1, "held": 0,
            "recipients": None, "confirmed": None, "sources": [{"source": "192.0.2.9", "refused": 12}],
        }  # fmt: skip
        text, html = report.text(week), report.html(week)
        for words in ("Mail to example.test, 2027-01-18 to 2027-01-25", "2 times, 10 minutes in all", "1 message\n",
                      "192.0.2.9", "none: everybody is taken", "never"):  # fmt: skip
            self.assertIn(words, text)
        self.assertIn("&lt;b&gt;", html)
        self.assertNotIn("<b>", html)
        self.assertNotIn("<mx1>", html)
