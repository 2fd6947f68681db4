"""The ladder of one source: slow, answered alike, closed, refused; and what it is charged for.

Every function reads or changes the counters of one `Case`; whether the recipient exists is looked at only by `grant`
and `charge`, which are for truths. So what a suspect hears cannot depend on it (D8). Pure; used by `shield.harvest`.
Cannot fail.
"""

from __future__ import annotations

from shieldrelay.cluster.table import Row, Table
from shieldrelay.shield.acquaintance import Acquaintance
from shieldrelay.shield.harvest_asked import Answer, Rung
from shieldrelay.shield.harvest_case import Case
from shieldrelay.shield.harvest_domain import Level
from shieldrelay.shield.harvest_kinds import (
    ABANDONED,
    COMMANDS,
    FAST,
    LISTED,
    OFFENCES,
    OFFENDED,
    OPEN,
    PAROLED,
    PROVEN,
    RECENT,
    SILENT,
    SLOW,
    UNFOLLOWED,
    UNTIL,
)

_SLACK = 0.25
"""A count fades while it grows: a limit counts as reached this much before."""
_GOOD_FAST_SHARE = 0.05
_GOOD_SLOW_SHARE = 0.02
_GOOD_ABANDONED_SHARE = 0.1
_GOOD_LEVELS = {Level.CALM: 1.0, Level.WARY: 2.0, Level.SHIELD: 4.0}
_SUSPECT_SHARE = 3.0
_ABANDONED_WEIGHT = 1.5
"""What a recipient without a message counts beside an unknown one."""
_ABANDONED_BOTH = 1.5
"""How many times the allowance of recipients without a message is granted together with those that may follow."""
_GOOD_OPEN = 4.0
"""What a known-good source gets at once while its unknown share is high."""
_GUILTY, _GUILTY_STRICT = 1.5, 3.5
_CHARGED = 0x5DEECE66D1F3A597
"""Turns the hash under which a name was asked for into that under which it was charged."""


def boxed(table: Table, row: Row, now: float) -> float:
    """Give the moment until which a source is cut, 0 when it is not."""
    until = table.total(row, UNTIL)
    return until if until > now else 0.0


def parole(case: Case) -> None:
    """When a box has ended, leave room for one more of whatever filled it; once for each box."""
    until = case.total(UNTIL)
    if until == 0.0 or until == case.total(PAROLED):
        return
    table, row, slow = case.table, case.row, slow_allowance(case) - 1.0
    table.cap(row, FAST, max(0.0, fast_allowance(case) - 1.0))
    table.cap(row, SLOW, max(0.0, slow))
    table.cap(row, ABANDONED, max(0.0, case.budget.abandoned - 1.0))
    if not case.good and case.total(SLOW) >= 0.5:
        table.cap(row, ABANDONED, max(0.0, (slow - case.total(SLOW)) / _ABANDONED_WEIGHT))
    table.put(row, PAROLED, until)
    table.put(row, COMMANDS, 0.0)


def fast_allowance(case: Case) -> float:
    """Give how many unknown recipients in ten minutes the source may be told of, as things are."""
    if case.good:
        if not proven(case):
            return case.settings.allowance.stranger
        return case.budget.fast / _GOOD_LEVELS[case.level]
    if case.kind is Acquaintance.STRANGER and case.level is Level.WARY:
        return min(case.budget.fast, 1.0)
    return case.budget.fast


def slow_allowance(case: Case) -> float:
    """Give the same for a day."""
    if not case.good:
        return case.budget.slow
    if not proven(case):
        return case.settings.allowance_slow.stranger
    return case.budget.slow + _GOOD_SLOW_SHARE * case.total(LISTED)


def proven(case: Case) -> bool:
    """Whether history counts at this domain: enough recipients here had a message (R19)."""
    return case.total(PROVEN) >= case.settings.proven


def over(case: Case) -> tuple[str, bool] | None:
    """Say why the source is to be cut now, and whether it was slow; ``None`` when it is not."""
    elsewhere = case.elsewhere
    fast, slow, gone = case.total(FAST) + elsewhere, case.total(SLOW) + elsewhere, case.total(ABANDONED)
    if fast < 0.5 and slow < 0.5 and gone < 2.0:
        return None
    allowed = fast_allowance(case)
    if _fast_over(case, fast, allowed):
        return f"{fast:.1f} unknown recipients in 10 minutes, limit {allowed:g}", False
    allowed = slow_allowance(case)
    if slow >= allowed - _SLACK:
        return f"{slow:.1f} unknown recipients in 24 hours, limit {allowed:g}", True
    if not case.good and slow >= 0.5 and slow + _ABANDONED_WEIGHT * gone >= allowed - _SLACK:
        return f"{slow:.1f} unknown recipients and {gone:.1f} without a message in 24 hours, limit {allowed:g}", True
    if _abandoned_over(case, gone):
        again = case.total(OFFENCES) > 0.0  # the first time it may have been a broken connection
        return f"{gone:.1f} recipients without a message in 24 hours, limit {case.budget.abandoned:g}", again
    return None


def _fast_over(case: Case, fast: float, allowed: float) -> bool:
    if not case.good:
        return fast >= allowed - _SLACK
    recent = case.total(RECENT)
    if not proven(case):
        return fast >= allowed - _SLACK
    if fast >= allowed - _SLACK:
        return fast >= _GOOD_FAST_SHARE * recent
    return fast >= allowed / _SUSPECT_SHARE - _SLACK and fast >= case.settings.good_share * (fast + recent)


def _abandoned_over(case: Case, gone: float) -> bool:
    if gone < case.budget.abandoned - _SLACK:
        return False
    return not case.good or gone >= _GOOD_ABANDONED_SHARE * case.total(LISTED)


def cut(case: Case, *, slow: bool) -> None:
    """Put the source into its box; each offence doubles the time."""
    settings, table, row = case.settings, case.table, case.row
    offences = case.total(OFFENCES) + 1.0
    seconds = (settings.box_slow if slow else settings.box) * 2.0 ** min(offences - 1.0, 16.0)
    table.put(row, OFFENCES, offences)
    table.put(row, UNTIL, case.now + min(settings.box_max, seconds))
    table.put(row, OFFENDED, case.now)
    table.put(row, COMMANDS, 0.0)
    table.hold_dear(row)


def alike(case: Case, reason: str, *, crossing: bool = False) -> Answer:
    """Answer a suspect: 450 a few times, then 421; later it does not get in at all. Only RCPTs count for that.

    While recipients of this transaction stand granted, their message is waited for a little longer.
    """
    settings, session = case.settings, case.asked.session
    session.uniform += 1
    case.add(COMMANDS, 1.0)
    most = settings.refuse_after if session.grants else settings.uniform_commands
    ends = session.uniform > most or case.total(COMMANDS) > settings.refuse_after
    return Answer(Rung.CLOSE if ends else Rung.UNIFORM, settings.tarpit, reason, crossing)


def guilty(case: Case) -> str | None:
    """Say why a source is answered alike, for a day, for what it asked under a shield or shortly before.

    A message that never followed takes away the benefit of those recipients that exist. As long as a domain is wary
    the same holds as under its shield: else those who come again are heard as soon as the shield is down.
    """
    under, silent = case.level is Level.SHIELD, case.total(SILENT)
    if not under and (silent <= 0.5 or not case.domain.lately_shielded(case.now)):
        return None
    strict = case.level is not Level.CALM
    gone = case.total(ABANDONED)
    against = silent + case.total(SLOW) + gone
    listed = 0.0 if gone >= 0.5 else case.total(LISTED)
    if against >= _GUILTY and against >= (listed / _SUSPECT_SHARE if strict else listed):
        return f"{against:.1f} of the recipients asked for under a shield do not exist, {listed:.1f} do"
    if strict and against >= _GUILTY_STRICT:
        return f"{against:.1f} of the recipients asked for do not exist, limit {_GUILTY_STRICT:g} under a shield"
    return None


def unfollowed(case: Case) -> str | None:
    """Say why nothing more is granted until a message follows what was."""
    granted = case.total(OPEN)
    if granted < 1.0 - _SLACK:
        return None
    most = _open_allowance(case)
    if granted < most - _SLACK:
        return None
    return f"{granted:.1f} recipients granted and no message yet, limit {most:.1f}"


def _open_allowance(case: Case) -> float:
    """Give how many recipients may stand granted at once: fewer with each unknown one and each without a message."""
    if case.good:
        fast = case.total(FAST)
        doubtful = fast >= 2.0 - _SLACK and fast >= case.settings.good_share * (fast + case.total(RECENT))
        return _GOOD_OPEN if doubtful else case.budget.open
    if case.level is Level.SHIELD and case.total(SLOW) + case.total(SILENT) >= 0.5:
        return 1.0
    standing = max(case.budget.open, case.asked.open_least)
    most: float = standing / case.settings.open_divisor ** case.total(FAST)
    gone = case.total(ABANDONED)
    if gone >= 1.0 - _SLACK:
        limit = case.budget.abandoned * (1.0 if case.total(OFFENCES) else _ABANDONED_BOTH)
        most = min(most, limit - gone)
    return max(1.0, most)


def tarpit(case: Case) -> float:
    """Give the seconds that a suspect waits for the truth."""
    fast = case.total(FAST)
    if fast < 1.0 - _SLACK or (case.good and fast < case.budget.fast / 2):
        return 0.0
    return min(case.settings.tarpit_most, case.settings.tarpit * round(fast))


def note_listed(case: Case) -> None:
    """Note that a source without a good name asked for a recipient that exists; the name once."""
    names = case.row.names
    if names is None or 2 * len(names) >= case.table.kind.names or case.table.name(case.row, case.asked.name):
        case.add(LISTED, 1.0)


def grant(case: Case) -> None:
    """Charge a recipient that was granted, until its message comes."""
    session, domain = case.asked.session, case.domain
    session.grants[domain.name] = session.grants.get(domain.name, 0) + 1
    case.add(OPEN, 1.0)
    case.add(RECENT, 1.0)
    if case.good:
        case.add(LISTED, 1.0)
    else:
        domain.table.add(domain.row(case.now), UNFOLLOWED, 1.0)


def charge(case: Case) -> bool:
    """Charge an unknown recipient that was told, once; false when it had been told before."""
    if not case.table.name(case.row, case.asked.name ^ _CHARGED):
        return False
    case.add(FAST, case.weight)
    case.add(SLOW, case.weight)
    return True
