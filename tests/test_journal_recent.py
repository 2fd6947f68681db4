"""What the journal keeps in memory of what happened lately."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from shieldrelay.journal.encoding import encode_fields
from shieldrelay.journal.events import EVENTS
from shieldrelay.journal.recent import EACH_MOST, KEPT, Recent


class RecentTests(SynchronousTestCase):
    def test_newest_first_by_kind_and_moment(self) -> None:
        """Events come newest first, of the kinds that are asked for, after a moment; hostile octets are escaped."""
        recent = Recent()
        recent.add("ban", 1.0, encode_fields({"source": "192.0.2.1", "reason": b"\xff<b>"}))
        recent.add("breaker", 2.0, encode_fields({"domain": "example.test"}))
        recent.add("ban", 3.0, encode_fields({}))
        self.assertEqual([each.at for each in recent.newest((), 0.0)], [3.0, 2.0, 1.0])
        self.assertEqual([each.at for each in recent.newest(("ban",), 1.0)], [3.0])
        self.assertEqual(list(recent.newest(("ban",), 0.0))[1].fields, {"source": "192.0.2.1", "reason": "\\xff<b>"})

    def test_about_one_thing(self) -> None:
        """Who asks about a domain or a source hears of that alone, not of what only mentions it."""
        recent = Recent()
        recent.add("ban", 1.0, encode_fields({"source": "192.0.2.1", "reason": "x"}))
        recent.add("ban", 2.0, encode_fields({"source": "192.0.2.11", "reason": "192.0.2.1"}))
        recent.add("harvest_box", 3.0, encode_fields({"peer": "192.0.2.1", "domain": "example.test"}))
        self.assertEqual([each.at for each in recent.newest((), 0.0, "192.0.2.1")], [3.0, 1.0])
        self.assertEqual([each.at for each in recent.newest((), 0.0, "example.test")], [3.0])

    def test_flood_pushes_out_its_own_kind_only(self) -> None:
        """However many of one kind come, what is kept of another stays."""
        recent = Recent()
        recent.add("breaker", 1.0, encode_fields({}))
        for number in range(3 * EACH_MOST):
            recent.add("harvest_box", 2.0 + number, encode_fields({}))
        found = list(recent.newest((), 0.0))
        self.assertEqual((len(found), found[-1].event), (EACH_MOST + 1, "breaker"))

    def test_kept_kinds_are_declared(self) -> None:
        """Only events that the journal has are kept."""
        self.assertEqual(KEPT - EVENTS.keys(), frozenset())
