"""Patience: what a retry buys while a domain is shielded or a network is tired.

A first ask is noted and answered like all others. A retry that is old enough is told the truth, as long as source and
network have not been told of too many unknown recipients that way; only those are charged, so a lawful stranger never
runs out. The more unknown ones come through, the longer the wait. Pure; used by `shield.harvest`. Cannot fail.
"""

from __future__ import annotations

import math

from shieldrelay.cluster.table import Row, Table
from shieldrelay.shield.acquaintance import Acquaintance
from shieldrelay.shield.harvest_case import Case
from shieldrelay.shield.harvest_domain import DomainShield, Level
from shieldrelay.shield.harvest_kinds import (
    FIRST_ASKED,
    FREED,
    FREED_LISTED,
    FREED_UNKNOWN,
    HOUR,
    NETWORK_EVIDENCE,
    NETWORK_FAST,
    NETWORK_FREED,
    NETWORK_SLOW,
    PENDING,
    PENDINGS,
    RELIEF,
)
from shieldrelay.shield.harvest_settings import HarvestSettings

_SLACK = 0.25
_STEP_SHARE = 0.05
_STEP_ABSOLUTE = 30.0
_CLEAN = 0.5
_NO_ZERO = 1e-6
"""A moment of 0 says nothing."""


def step(domain: DomainShield, settings: HarvestSettings, now: float) -> int:
    """Give the step of patience: one less with each hour, kept as the moment at which it is back at the first."""
    relief = domain.table.total(domain.row(now), RELIEF)
    return min(len(settings.patience) - 1, max(0, math.ceil((relief - now) / HOUR)))


class Patience:
    """The first asks that are remembered."""

    def __init__(self, networks: Table) -> None:
        self.pending = Table(PENDINGS)
        self._networks = networks

    def needed(self, case: Case) -> str | None:
        """Say why a first ask has to wait here; ``None`` when the truth is told at once."""
        if case.good:
            return None
        if case.level is Level.SHIELD:
            return f"the domain {case.domain.name} is shielded"
        network, budget = case.network, case.budget
        fast, slow = self._networks.total(network, NETWORK_FAST), self._networks.total(network, NETWORK_SLOW)
        if fast >= budget.network_fast - _SLACK:
            return f"{fast:.1f} unknown recipients of the network in 10 minutes, limit {budget.network_fast:g}"
        if slow >= budget.network_slow - _SLACK:
            return f"{slow:.1f} unknown recipients of the network in 24 hours, limit {budget.network_slow:g}"
        return None

    def waits(self, case: Case) -> str | None:
        """Say why this ask is not told the truth yet; ``None`` when it waited long enough."""
        row = self.pending.get(_key(case), case.now)
        if row is None:
            return "first asked now"
        age, wanted = case.now - self.pending.total(row, FIRST_ASKED), self._wanted(case)
        if age < wanted:
            return f"first asked {age:.0f} s ago, {wanted:.0f} s wanted"
        if case.total(FREED) >= case.settings.releases_source - _SLACK:
            return "the source was told of an unknown recipient by patience"
        freed = self._networks.total(case.network, NETWORK_FREED)
        if freed >= case.settings.releases_network - _SLACK:
            return f"the network was told of {freed:.1f} unknown recipients by patience"
        return None

    def note(self, case: Case) -> None:
        """Remember a first ask, whether the recipient exists or not."""
        key = _key(case)
        if self.pending.get(key, case.now) is None and case.total(PENDING) < case.settings.pending_per_source - _SLACK:
            case.add(PENDING, 1.0)
            self.pending.put(self.pending.row(key, case.now), FIRST_ASKED, case.now or _NO_ZERO)

    def told(self, case: Case) -> None:
        """Charge a truth that patience was answered with."""
        table, row = case.domain.table, case.domain.row(case.now)
        if not case.weight:
            table.add(row, FREED_LISTED, 1.0)
            return
        case.add(FREED, 1.0)
        self._networks.add(case.network, NETWORK_FREED, 1.0)
        table.add(row, FREED_UNKNOWN, 1.0)
        at = step(case.domain, case.settings, case.now)
        if at:
            table.put(row, RELIEF, case.now + at * HOUR)
        self._step_up(case, table, row, at)

    def _step_up(self, case: Case, table: Table, row: Row, at: int) -> None:
        """Ask for more patience, when too much of what it was answered with is unknown."""
        unknown, listed = table.total(row, FREED_UNKNOWN), table.total(row, FREED_LISTED)
        enough = unknown >= case.settings.step_after - _SLACK
        if enough and (unknown >= _STEP_SHARE * (unknown + listed) or unknown >= _STEP_ABSOLUTE):
            table.put(row, RELIEF, case.now + min(at + 1, len(case.settings.patience) - 1) * HOUR)
            table.cap(row, FREED_UNKNOWN, 0.0)
            table.cap(row, FREED_LISTED, 0.0)

    def _wanted(self, case: Case) -> float:
        """Give the age in seconds that a retry has to have."""
        wanted = case.settings.patience[step(case.domain, case.settings, case.now)]
        clean = self._networks.total(case.network, NETWORK_EVIDENCE) < _CLEAN
        if case.kind is Acquaintance.NEIGHBOUR and clean:
            return min(wanted, case.settings.patience_half)
        return wanted


def _key(case: Case) -> bytes:
    """Give the key of a first ask: sender and recipient, and the network for the null reverse-path."""
    asked = case.asked
    if asked.sender == 0:
        return asked.client.network + asked.name.to_bytes(8, "big")
    return asked.sender.to_bytes(8, "big") + asked.name.to_bytes(8, "big")
