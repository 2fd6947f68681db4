"""Claims about slow and silent connections to a running node."""

from __future__ import annotations

from bench.examination import slow
from tests.integration.hostile import HostileTestCase

_LIMITS = slow.Limits(command=2, window=2)


class SlowTests(HostileTestCase):
    SMTP = _LIMITS.settings

    def test_slow_connections_are_dropped(self) -> None:
        """A connection that is slow in any of thirteen ways goes at its declared limit, while lawful mail comes in."""
        kinds = slow.kinds(_LIMITS)[:-1]
        self.hold(slow.examine(self.node, kinds, 4 * len(kinds), most_seconds=10))
