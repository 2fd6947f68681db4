"""Show distinct sources to everything that remembers: ``python -m bench.remembering COUNT``; the last line is JSON.

In one process, without sockets: each source connects, waits for its greeting, says MAIL and leaves; one in 5 asks for
a recipient that does not exist, one in 11 has mail taken, one in 101 talks early. Half are IPv4, half IPv6, no two
alike, a thousand a second by the clock that the defences are told. The declared caps and what the tables say of
themselves stand beside what the process grew by.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

from shieldrelay.cluster.table import Table
from shieldrelay.mail.client import Client
from shieldrelay.mail.verdict import Refusal
from shieldrelay.mail.violation import ViolationKind
from shieldrelay.shield.acquaintance import Acquaintance
from shieldrelay.shield.admission import Admission, Defences, Modes
from shieldrelay.shield.analysis import Analysis
from shieldrelay.shield.analysis_examination import Examination
from shieldrelay.shield.analysis_settings import AnalysisSettings
from shieldrelay.shield.calendar import Calendar
from shieldrelay.shield.connections import Connections
from shieldrelay.shield.connections_settings import ConnectionsSettings
from shieldrelay.shield.greeting import Greeting, GreetingSettings
from shieldrelay.shield.harvest import Asked, Existence, Harvest, HarvestSession, HarvestSettings
from shieldrelay.shield.history import History
from shieldrelay.shield.lawful import Lawful
from shieldrelay.shield.lawful_settings import LawfulSettings
from shieldrelay.shield.reputation import Reputation
from shieldrelay.shield.reputation_settings import ReputationSettings
from shieldrelay.shield.stress import Stress, StressSettings
from shieldrelay.shield.telling import Telling

_A_SECOND = 1000
_MB = 1e6


class Nobody:
    """An operator without lists, and a journal that nobody reads."""

    def word(self, client: Client, wall: float) -> None:
        """Say nothing of anybody."""

    def event(self, name: str, **fields: Any) -> None:
        """Keep nothing."""

    def count(self, name: str, label: str = "") -> None:
        """Keep nothing."""


def fresh_defences() -> Defences:
    """Make all defences with their defaults, as new."""
    numbers = count()
    history, connections = History(), Connections(ConnectionsSettings())
    calendar, telling = Calendar(1_800_000_000.0), Telling(lambda: f"R{next(numbers)}")
    return Defences(
        lists=Nobody(),
        history=history,
        connections=connections,
        greeting=Greeting(GreetingSettings()),
        harvest=Harvest(HarvestSettings()),
        harvest_observed=Harvest(HarvestSettings()),
        calendar=calendar,
        stress=Stress(StressSettings()),
        telling=telling,
        examination=Examination(
            Analysis(AnalysisSettings()), history, connections, calendar, telling, Nobody(), lambda *_: None
        ),
        reputation=Reputation(ReputationSettings()),
        lawful=Lawful(LawfulSettings()),
        begin=lambda _: None,
    )


def _clients(most: int) -> Iterator[Client]:
    """Give sources, spread over their whole space."""
    for number in range(most):
        spread = number * 2654435761 & 0xFFFFFFFF
        if number % 2:
            source = b"\x20\x01" + (spread << 16 | number & 0xFFFF).to_bytes(6, "big")
            yield Client("2001:db8::1", source, source[:7])
        else:
            source = spread.to_bytes(4, "big")
            yield Client("192.0.2.1", source, source[:3])


def _rss_mb() -> float:
    with Path("/proc/self/status").open() as lines:
        return next(int(line.split()[1]) * 1024 / _MB for line in lines if line.startswith("VmRSS"))


def remembered(most: int) -> dict[str, float]:
    """Show them all, and give what was taken."""
    defences = fresh_defences()
    admission = Admission(defences, Modes(), new_reference=lambda: "S", journal=Nobody())
    tables: tuple[Table, ...] = (
        *defences.history.tables, *defences.connections.tables, *defences.harvest.tables, defences.greeting.table,
        *defences.examination.analysis.tables, *defences.reputation.tables,
    )  # fmt: skip
    before, highest = _rss_mb(), 0.0
    begun = time.process_time()
    for number, client in enumerate(_clients(most)):
        now = 1000.0 + number / _A_SECOND
        _one(defences, admission, client, number, now)
        if number % _A_SECOND == 0:
            for table in tables:
                table.expire(now, _A_SECOND)
        if number % 100_000 == 0:
            highest = max(highest, _rss_mb())
            assert all(table.octets <= table.kind.octets for table in tables)
    seconds = time.process_time() - begun
    rows = {f"rows of {table.kind.name}": float(len(table)) for table in tables}
    return {
        "sources": float(most),
        "cpu seconds": seconds,
        "us a source": seconds / most * 1e6,
        "declared cap mb": sum(table.kind.octets for table in tables) / _MB,
        "counted mb": sum(table.octets for table in tables) / _MB,
        "grown rss mb": max(highest, _rss_mb()) - before,
        **rows,
    }


def _one(defences: Defences, admission: Admission, client: Client, number: int, now: float) -> None:
    """Let one source do what it does."""
    visit = admission.admit(client, 100, now)
    if isinstance(visit, Refusal):
        return
    admission.greeted(visit, now)
    if number % 101 == 0:
        defences.examination.violation(visit, ViolationKind.EARLY_TALK, b"EHLO", now)
    defences.connections.message(client, Acquaintance.STRANGER, now)
    if number % 5 == 0:
        _guessed(defences, client, number, now)
    if number % 11 == 0:
        defences.history.delivered(client, 1, defences.calendar.day(now), now)
    visit.asked = visit.unknown = 1
    admission.left(visit, 1000, now)


def _guessed(defences: Defences, client: Client, number: int, now: float) -> None:
    """Let a source ask for one unknown recipient."""
    stranger, session = Acquaintance.STRANGER, HarvestSession()
    asked = Asked(client, stranger, "example.com", number, Existence.UNKNOWN, number, session)
    defences.connections.recipient(client, stranger, now)
    defences.harvest.ask(asked, now)
    defences.harvest.answer(asked, now)


def main(words: list[str]) -> None:
    """Run as the command line says."""
    print(json.dumps(remembered(int(words[0]))), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
