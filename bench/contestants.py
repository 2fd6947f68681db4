"""Who is measured: the columns of the rows by name, each made anew for each measurement."""

from __future__ import annotations

from pathlib import Path

from bench import hub_rows, passing, setup, watched, workers
from bench.peer import Peer
from bench.postfix import Postfix
from bench.relay import Relay

SETUPS = {
    "unknown": setup.UNCUT,
    "banned": setup.DENIED,
    "shed": setup.DEFAULTS,
    "harvest": setup.DEFAULTS,
    "siege": setup.DEFAULTS,
    passing.OFF: setup.NO_DEFENCE,
    passing.ON: setup.GENERATOR,
    passing.STRANGERS_OFF: setup.STRANGERS_OFF,
    passing.STRANGERS_ON: setup.DEFAULTS,
    passing.SENDERS_OFF: setup.STRANGERS_OFF,
    passing.SENDERS_ON: setup.SEARCHED,
    passing.NEW_OFF: setup.STRANGERS_OFF,
    passing.NEW_ON: setup.SEARCHED,
    passing.SHIPPED_OFF: setup.STRANGERS_OFF,
    passing.SHIPPED_ON: setup.SENDERS,
    hub_rows.REDIS: setup.SHARED,
    hub_rows.STRANGERS_MEMORY: setup.DEFAULTS,
    hub_rows.STRANGERS_REDIS: setup.STRANGERS_SHARED,
    watched.SEEN: setup.WATCHED,
    workers.ONE: setup.SHARED,
    workers.TWO: setup.TWO_WORKERS,
}
"""Our setup by row or by column, where it is not that of one generator with a source class."""


def contestant(column: str, row: str, directory: Path, command: str, first_attempt: str) -> Peer:
    """Make one in a directory that is empty.

    :raises BenchFault: it cannot be measured here.
    """
    if column == "Postfix":
        return Postfix(directory / "postfix", error_limits=row != "unknown", postscreen=row == "banned")
    chosen = SETUPS.get(column) or SETUPS.get(row) or setup.GENERATOR
    return Relay(directory / "relay", command, first_attempt, chosen, column)
