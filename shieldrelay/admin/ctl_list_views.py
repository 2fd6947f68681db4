"""What ``shieldrelayctl`` prints about lists of recipients: functions from JSON values to text. Pure.

The values are those of ``admin.picture_lists`` as JSON. Every string in them is shown through `harmless`.
"""

from __future__ import annotations

from typing import Any

from shieldrelay.admin.ctl_text import age, clock_time, harmless, table, until

ADDRESS_WIDTH = 50
WORDS_WIDTH = 70
_STATES = {
    "enforced": "who is not listed is refused",
    "observed": "who is not listed is taken and journalled",
    "any": "everybody is taken: there is no list",
    "missing": "everybody is taken: no list has come yet",
}


def list_view(one: dict[str, Any], now: float) -> str:
    """Show a domain's list."""
    blocks = [_facts(one, now), *_notes(one), _versions(one, now), _contradictions(one["contradictions"], now)]
    return "\n".join(block for block in blocks if block)


def _facts(one: dict[str, Any], now: float) -> str:
    state = _STATES.get(one["state"], one["state"])
    if one["observing_until"] is not None:
        state += f", for another {until(one['observing_until'], now)}"
    facts = [("domain", one["domain"]), ("source", one["source"] or one["kind"]), ("state", state)]
    if one["entries"] is not None:
        facts.append(("recipients", str(one["entries"])))
    if one["waiting"]:
        facts.append(("pushed", f"{one['waiting']} change{'s' * (one['waiting'] != 1)} since that version"))
    if one["confirmed"] is not None:
        facts.append(("confirmed", f"{age(one['confirmed'], now)} ago ({one['freshness']})"))
    if one["importing"] is not None:
        facts.append(("import", import_line(one["importing"], now)))
    return "\n".join(f"{name:<12} {harmless(value)}" for name, value in facts)


def _notes(one: dict[str, Any]) -> list[str]:
    notes = []
    if one["trouble"]:
        notes.append(f"! {harmless(one['trouble'])}")
    if one["freshness"] == "old":
        notes.append("! its source has not confirmed it for long")
    if one["refused"] is not None:
        why = harmless(one["refused_why"]) or "a guard objects"
        count = _recipients(one["refused"]["entries"])
        notes.append(
            f"! a version with {count} was refused: {why}; shieldrelayctl recipients accept "
            f"{harmless(one['domain'])} takes it"
        )
    return notes


def _versions(one: dict[str, Any], now: float) -> str:
    rows = [
        (
            str(each["number"]),
            "in force" if each["in_force"] else "kept",
            f"{age(each['made'], now)} ago",
            str(each["entries"]),
            harmless(each["who"]),
            harmless(each["note"] or each["source"], WORDS_WIDTH),
        )
        for each in one["versions"]
    ]
    if not rows:
        return ""
    heads = ("VERSION", "STATE", "MADE", "RECIPIENTS", "BY", "FROM")
    return "\n" + table(heads, rows, frozenset({0, 3}))


def _contradictions(found: list[dict[str, Any]], now: float) -> str:
    if not found:
        return ""
    rows = [
        (
            harmless(each["address"], ADDRESS_WIDTH),
            each["sort"],
            str(each["times"]),
            f"{age(each['last'], now)} ago",
            harmless(each["reply"], WORDS_WIDTH),
        )
        for each in found
    ]
    heads = ("ADDRESS", "THE NEXT HOP SAYS", "TIMES", "LAST", "REPLY")
    return "\n" + table(heads, rows, frozenset({2}))


def import_line(state: dict[str, Any], now: float | None = None) -> str:
    """Say how far an import is, or what came of the last one."""
    if state["running"]:
        return f"{harmless(state['stage'] or 'starting')}, {state['done']} so far"
    outcome = state["outcome"]
    if outcome is None:
        said = "none yet"
    else:
        said = f"{harmless(outcome['result'])}: {harmless(outcome['words'])}" if outcome["words"] else outcome["result"]
        said = f"{said}, at {clock_time(state['ended'])}" if state["ended"] is not None else said
    due = f"; the next in {until(state['next'], now)}" if now is not None and state["next"] is not None else ""
    return f"{harmless(said)}{due}"


def outcome_line(domain: str, outcome: dict[str, Any]) -> str:
    """Say what came of a change."""
    words = {
        "adopted": f"version {outcome['version']} is in force, {_recipients(outcome['entries'])}",
        "pushed": f"{_counted(outcome['changes'], 'change')} in force",
        "unchanged": "nothing has changed" + (f": {harmless(outcome['words'])}" if outcome["words"] else ""),
    }
    said = words.get(outcome["result"], harmless(outcome["words"]) or harmless(outcome["result"]))
    left = len(outcome["faults"])
    were = "line was" if left == 1 else "lines were"
    lines = f"; {left} {were} left out, the first: {harmless(outcome['faults'][0], WORDS_WIDTH)}" if left else ""
    return f"{harmless(domain)}: {said}{lines}"


def state_line(one: dict[str, Any], now: float) -> str:
    """Say what becomes of somebody who is not on a domain's list."""
    left = f", for another {until(one['observing_until'], now)}" if one["observing_until"] is not None else ""
    return f"{harmless(one['domain'])}: {_STATES.get(one['state'], harmless(one['state']))}{left}"


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun} is" if number == 1 else f"{number} {noun}s are"


def _recipients(number: int | None) -> str:
    return f"{number} recipient{'' if number == 1 else 's'}"


def check_view(found: dict[str, Any]) -> str:
    """Say how an address stands."""
    what = "mail to it is taken" if found["taken"] else "mail to it is refused"
    why = f" ({harmless(found['why'])})" if found["why"] else ""
    return f"{harmless(found['address'])}: {harmless(found['standing'])}, {what}{why}"
