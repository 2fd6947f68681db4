"""The greeting delay: whom it is worth to make wait, and who talked too soon (D4, R21, R22).

A stranger waits before it is greeted; a client that talks meanwhile is no mail server. Who has waited once is let pass
for a while; who talked early waits longer. Pure: the time is an argument. Asked by `shield.gate` when a connection is
admitted. Cannot fail.
"""

from __future__ import annotations

from math import inf

from attrs import frozen

from shieldrelay.cluster.kinds import Field, Kind, Merge
from shieldrelay.cluster.table import Table
from shieldrelay.mail.client import Client
from shieldrelay.shield.acquaintance import Acquaintance
from shieldrelay.shield.mode import Mode

PASSED, BAD_MARKS = range(2)
GREETING = Kind(
    "greeting",
    (Field("passed", merge=Merge.MAX, moment=True, quiet=inf), Field("bad", half_life=21600.0)),
    lifetime=86400.0,
    octets=16 << 20,
)
"""One source: when it last waited, and how often it did not, halved every six hours.

That it waited is no news to members that do not know it: most sources only ever wait, and wait there once more."""


@frozen
class GreetingSettings:
    """The declared delays, in seconds.

    :ivar stranger: for a source without a pass; one with good history of its network is none.
    :ivar suspect: for a source that talked early lately.
    :ivar loopback: for 127.0.0.0/8 and ::1 (R22).
    :ivar kept: how long a pass is worth something.
    :ivar stressed: the most of ``stranger`` and ``suspect`` under stress: slots are dear then.
    """

    mode: Mode = Mode.ENFORCE
    stranger: float = 3.0
    suspect: float = 6.0
    loopback: float = 0.0
    kept: float = 86400.0
    stressed: float = 2.0


class Greeting:
    """The delays of one node.

    :ivar settings: a reload replaces them.
    """

    def __init__(self, settings: GreetingSettings) -> None:
        self.settings = settings
        self.table = Table(GREETING)

    def delay(self, client: Client, acquaintance: Acquaintance, now: float, *, stressed: bool = False) -> float:
        """Give the seconds before this client is greeted."""
        settings = self.settings
        if settings.mode is Mode.OFF or acquaintance is Acquaintance.KNOWN_GOOD:
            return 0.0
        if _is_loopback(client):
            return settings.loopback
        row = self.table.get(client.source, now)
        if row is not None and self.table.total(row, BAD_MARKS) >= 0.5:
            return _under(settings, settings.suspect, stressed=stressed)
        passed = 0.0 if row is None else self.table.total(row, PASSED)
        if passed and now - passed < settings.kept:
            return 0.0
        return _under(settings, settings.stranger, stressed=stressed)

    def waited(self, client: Client, now: float) -> None:
        """Note that a client waited for its greeting."""
        row = self.table.row(client.source, now)
        self.table.put(row, PASSED, now)

    def talked(self, client: Client, now: float) -> None:
        """Note that a client talked before it was greeted: its pass is void."""
        row = self.table.row(client.source, now)
        self.table.put(row, PASSED, 0.0)
        self.table.add(row, BAD_MARKS, 1.0)

    def forget(self, source: bytes) -> None:
        """Forget a source, as an operator wants it."""
        self.table.forget(source)

    def explain(self, client: Client, now: float) -> list[str]:
        """Say what is known of a client here."""
        row = self.table.get(client.source, now)
        if row is None:
            return []
        bad, passed = self.table.total(row, BAD_MARKS), self.table.total(row, PASSED)
        told = [f"talked before the greeting, {bad:.1f} times of late"] if bad >= 0.05 else []
        if passed and now - passed < self.settings.kept:
            told.append(f"waited for the greeting {(now - passed) / 60:.0f} minutes ago and is greeted at once")
        return told


def _under(settings: GreetingSettings, delay: float, *, stressed: bool) -> float:
    """Give a delay as it is now: stress never makes anybody wait longer."""
    return min(delay, settings.stressed) if stressed else delay


def _is_loopback(client: Client) -> bool:
    return client.source[0] == 127 if len(client.source) == 4 else client.address == "::1"
