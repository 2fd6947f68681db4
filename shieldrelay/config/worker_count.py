"""The kind of ``[node] workers``: a number of processes, or ``auto``. What it comes to: ``config.workers``."""

from __future__ import annotations

from attrs import frozen

from shieldrelay.config.kinds import Count, Kind

AUTO = 0
"""``workers = "auto"``: as many as there are cores."""
WORKERS_MOST = 64


@frozen
class Workers(Kind[int]):
    """A number of processes, or ``auto``."""

    def parse(self, written: object) -> int:
        """Take either; `AUTO` for the word."""
        return AUTO if written == "auto" else Count(1, WORKERS_MOST).parse(written)

    @property
    def valid(self) -> str:
        """Both forms."""
        return f'{Count(1, WORKERS_MOST).valid}, or "auto"'
