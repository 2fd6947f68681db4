"""What ``shieldrelayctl`` prints about sources: functions from JSON values to text. Pure.

The values are those of ``admin.picture_sources`` as JSON. Every string in them is shown through `harmless`.
"""

from __future__ import annotations

from typing import Any

from shieldrelay.admin.ctl_text import age, clock_time, duration, harmless, table, until, with_nodes

REASON_WIDTH = 70
_SAID = {"allow": "allowed", "deny": "denied", "ban": "banned"}


def source_view(one: dict[str, Any]) -> str:
    """Answer why an address is treated as it is: the verdict first, then everything that it rests on."""
    at = one["at"]
    blocks = [_verdict(one, at), _facts(one, at), _steps(one.get("steps", []), at)]
    blocks += [_defence(each, at) for each in one["defences"]]
    blocks.append(_refusals(one["refusals"], at))
    return "\n".join(block for block in blocks if block)


def _verdict(one: dict[str, Any], at: float) -> str:
    state = one["now"]
    if state == "refused for good" and one["until"] is not None:
        state = "refused with a permanent reply"
    words = [f"{harmless(one['address'])} is {harmless(state)}"]
    if one["until"] is not None:
        words.append(f"for another {until(one['until'], at)}")
    why = f": {harmless(one['why'])}" if one["why"] else ""
    return " ".join(words) + why


def _facts(one: dict[str, Any], at: float) -> str:
    entry = one["entry"]
    said = "on no list" if entry is None else entry_line(entry, at)
    delay = f"{one['greeting_delay']:g} s" if one["greeting_delay"] else "none"
    facts = [
        ("counts for", f"source {one['source']}, network {one['network']}"),
        ("known as", one["acquaintance"]),
        ("lists", said),
        ("sessions", f"{one['sessions']} open here"),
        ("greeting", f"delay {delay}"),
    ]
    if one["stressed"]:
        facts.append(("stress", "the node is under stress: lower limits hold"))
    return "\n".join(f"  {name:<12} {harmless(value)}" for name, value in facts)


def _steps(steps: list[dict[str, Any]], at: float) -> str:
    """Show what a connection from there would meet now, in order; what refuses it first is marked."""
    if not steps:
        return ""
    rows, over = [], False
    for each in steps:
        decides = each["does"] == "refuses" and not over
        over = over or decides
        left = f" (for another {until(each['until'], at)})" if each["until"] is not None else ""
        does = each["does"] if each["mode"] != "observe" or each["does"] == "would refuse" else f"{each['does']} *"
        rows.append(("!" if decides else "", each["stage"], each["defence"], does, harmless(each["why"]) + left))
    heads = ("", "STAGE", "DEFENCE", "DOES", "WHY")
    observed = "\n  * it only observes" if any(row[3].endswith(" *") for row in rows) else ""
    return "\na connection from there now:\n" + table(heads, rows) + observed + "\n"


def _defence(each: dict[str, Any], at: float) -> str:
    mode = f" ({harmless(each['mode'])})" if each["mode"] else ""
    lines = [f"{harmless(each['name'])}{mode}"]
    if each["refuses"]:
        left = f", for another {until(each['until'], at)}" if each["until"] is not None else ""
        verb = "refuses" if each["mode"] == "enforce" else "would refuse"
        lines.append(f"! {verb}: {harmless(each['refuses'])}{left}")
    lines += [harmless(told) for told in each["told"]]
    if len(lines) == 1:
        lines.append("knows nothing of it")
    return "\n  ".join(lines)


def _refusals(refusals: list[dict[str, Any]], at: float) -> str:
    """Say what to search the journal for."""
    if not refusals:
        return ""
    rows = [
        (each["reference"], each["defence"], f"{age(each['at'], at)} ago", str(each["count"])) for each in refusals
    ]
    heads = ("REFERENCE", "DEFENCE", "SINCE", "REFUSALS")
    return "\nin the journal:\n" + table(heads, rows, frozenset({3}))


def entry_line(entry: dict[str, Any], at: float | None = None) -> str:
    """Say in a line what is in force for a network."""
    said = _SAID.get(entry["kind"], entry["kind"])
    if entry["until"] is None:
        when = "in the configuration" if entry["configured"] else "until revoked"
    else:
        left = f" ({until(entry['until'], at)} left)" if at is not None else ""
        when = f"until {clock_time(entry['until'])}{left}"
    by = f" by {harmless(entry['by'])}" if entry["by"] and not entry["configured"] else ""
    reason = f": {harmless(entry['reason'])}" if entry["reason"] else ""
    overruled = f" (without effect: {harmless(entry['overruled'])})" if entry.get("overruled") else ""
    return f"{harmless(entry['network'])}: {harmless(said)}{by} {when}{reason}{overruled}"


def entries_view(page: dict[str, Any]) -> str:
    """Show a page of what is in force."""
    entries, now = page["entries"], page["now"]
    if not entries:
        return "nobody is allowed, denied or banned"
    rows = [
        (
            each["network"],
            _SAID.get(each["kind"], each["kind"]),
            age(each["since"], now),
            until(each["until"], now),
            harmless(each["by"], 20) or "-",
            harmless(each["reason"], REASON_WIDTH),
        )
        for each in entries
    ]
    shown = len(rows)
    more = f"\n{shown} {'entry' if shown == 1 else 'entries'}"
    if page["after"]:
        more = f"\n{shown} of {page['total']} entries; more: --after {harmless(page['after'])}"
    heads = ("NETWORK", "STATE", "SINCE", "LEFT", "BY", "REASON")
    return with_nodes(heads, rows, frozenset({2, 3}), entries) + more


def worst_view(worst: dict[str, Any]) -> str:
    """Show the sources that weigh most."""
    if not worst["sources"]:
        return "nobody weighs anything"
    rows = [
        (
            each["source"],
            each["state"],
            "-" if each["until"] is None else duration(each["until"] - worst["now"]),
            str(each["sessions"]),
            f"{each['connections']:.0f}",
            harmless(each["why"], REASON_WIDTH),
        )
        for each in worst["sources"]
    ]
    heads = ("SOURCE", "STATE", "LEFT", "SESSIONS", "CONN/MIN", "WHY")
    return with_nodes(heads, rows, frozenset({2, 3, 4}), worst["sources"])
