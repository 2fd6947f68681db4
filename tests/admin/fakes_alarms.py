"""Somebody who watches, for the tests of the control API."""

from __future__ import annotations

from collections.abc import Sequence

from attrs import evolve

from shieldrelay.admin.picture_alarms import AlarmPicture, ReportPicture, SourceCountPicture, TestDone

NOW = 1_800_000_000.0
OPEN = AlarmPicture("next_hop_down:example.test", "next_hop_down", "error", "example.test", "example.test",
                    "mx1.example", NOW - 120, NOW - 60, 2, "192.0.2.25:25 \x1b[2Jdoes not answer", "Down.",
                    "Mend it.")  # fmt: skip
OVER = AlarmPicture("hub:", "hub", "warn", None, "", "mx1.example", NOW - 400, NOW - 300, 1, "away", "Away.", "Look.",
                    NOW - 60, "it answers")  # fmt: skip
WEEK = ReportPicture(
    domain="example.test", node="mx1.example", since=NOW - 86400, until=NOW, accepted=1, refused=3,
    by={"harvest": 2, "": 1}, attacks=1, attack_seconds=90.0, spooled=2, delivered=1, expired=0, outages=0,
    outage_seconds=0.0, queued=1, held=0, recipients=7, confirmed=NOW - 60,
    sources=(SourceCountPicture("192.0.2.9", 3),), words="Mail to example.test\n  harvest \x1b[2J",
)  # fmt: skip


class MemoryWatch:
    """Satisfies `admin.api_alarms.Watch`.

    :ivar tested: how often a test was asked for.
    """

    def __init__(self) -> None:
        self.tested = 0

    def alarms(self) -> Sequence[AlarmPicture]:
        """Give one that is open, and one that is over."""
        return [OPEN, OVER]

    async def test(self) -> TestDone:
        """Count."""
        self.tested += 1
        return TestDone(("pager",), ("admin@example.test",))

    async def report(self, domain: str, *, last: bool) -> ReportPicture | None:
        """Give a week."""
        return evolve(WEEK, accepted=100 if last else 1) if domain == "example.test" else None

    async def metrics(self) -> bytes:
        """Give one."""
        name = b"shieldrelay_smtp_sessions"
        return b"# HELP %s x\n# TYPE %s gauge\n%s 1\n" % (name, name, name)
