"""One frame of ``shieldrelayctl top``: functions from answers to lines that fit the terminal. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from shieldrelay.admin.ctl_text import age, harmless, size, table, until

_BY = "refused by "
_WORDS = {"closed": "up", "open": "DOWN"}
_COUNTED = ("accepted", "turned_down", "delivered", "deferred", "expired")


def frame(
    status: Mapping[str, Any],
    before: Mapping[str, Any] | None,
    worst: Mapping[str, Any] | None,
    width: int,
    height: int,
) -> list[str]:
    """Give the lines of a frame, at most ``height``, none longer than ``width``.

    What is left of the height goes to alarms first, then to the domains with most mail, then to the worst sources.

    :param before: an earlier status of the same node, of which rates are made; ``None``: there is none yet.
    :param worst: the answer about sources; ``None``: it was not granted.
    """
    top = _node(status) + _rates(status, before) + [""]
    alarms = [f"! {harmless(each)}" for each in status["alarms"]]
    domains = _domains(status)
    sources = [] if worst is None else _sources(worst)
    room = max(height - len(top) - 1, 0)
    shown_alarms = alarms[: max(room // 3, 1)] if len(alarms) + len(domains) + len(sources) > room else alarms
    if len(shown_alarms) < len(alarms):
        shown_alarms[-1] = f"! and {len(alarms) - len(shown_alarms) + 1} more: shieldrelayctl status"
    room -= len(shown_alarms)
    for_sources = min(len(sources), max(room // 3, room - len(domains) - 1))
    shown_domains = _cut(domains, max(room - for_sources - 1, 0) if sources else room)
    lines = [*top, *shown_alarms, *shown_domains, *([""] if sources else []), *sources[:for_sources]]
    return [_clipped(line, width) for line in lines[: height - 1]] + [_clipped("q quits", width)]


def rates(status: Mapping[str, Any], before: Mapping[str, Any] | None) -> dict[str, float] | None:
    """Give what happened a second between two statuses; ``None`` when the node was restarted in between."""
    if before is None or before["started"] != status["started"] or status["now"] <= before["now"]:
        return None
    seconds = status["now"] - before["now"]
    counts, earlier = status["counts"], before["counts"]
    told = {name: (counts[name] - earlier[name]) / seconds for name in _COUNTED}
    told["connections"] = (status["connections"] - before["connections"]) / seconds
    told["refused"] = (sum(counts["refused"].values()) - sum(earlier["refused"].values())) / seconds
    for defence, count in counts["refused"].items():
        told[_BY + defence] = (count - earlier["refused"].get(defence, 0)) / seconds
    return {name: max(rate, 0.0) for name, rate in told.items()}


def _node(status: Mapping[str, Any]) -> list[str]:
    now, spool, hub = status["now"], status["spool"], status["hub"]
    stress = f"STRESS: {harmless(status['stress']['reason'])}" if status["stress"]["on"] else "no stress"
    queued = sum(each["queued"] for each in status["domains"])
    held = sum(each["held"] for each in status["domains"])
    members = f", {hub['members']} members" if hub["members"] > 1 else ""
    node = f"{harmless(status['node'])}  {status['version']}  up {age(status['started'], now)}"
    mail = f"sessions {status['sessions']} ({status['in_content']} sending)  queue {queued} ({held} held)"
    return [
        f"{node}  hub {harmless(hub['state'])}{members}  {stress}",
        f"{mail}  disk {size(spool['octets_free'])} free, {spool['state']}",
    ]


def _rates(status: Mapping[str, Any], before: Mapping[str, Any] | None) -> list[str]:
    found = rates(status, before)
    if found is None:
        return ["a second: -", ""]
    words = (
        f"a second: {_rate(found['connections'])} connections  {_rate(found['accepted'])} accepted  "
        f"{_rate(found['refused'])} refused  {_rate(found['delivered'])} delivered  {_rate(found['deferred'])} deferred"
    )
    each = sorted(((rate, name) for name, rate in found.items() if name.startswith(_BY) and rate), reverse=True)
    by = "  ".join(f"{harmless(name.removeprefix(_BY))} {_rate(rate)}" for rate, name in each)
    return [words, f"refused by: {by}" if by else ""]


def _rate(rate: float) -> str:
    return f"{rate:.0f}" if rate >= 100 or not rate else f"{rate:.1f}"


def _domains(status: Mapping[str, Any]) -> list[str]:
    now = status["now"]
    ordered = sorted(status["domains"], key=lambda each: (-each["queued"], each["breaker"] == "closed", each["domain"]))
    rows = [
        (
            each["domain"],
            _WORDS.get(each["breaker"], each["breaker"]),
            age(each["since"], now),
            str(each["queued"]),
            str(each["held"]),
            age(each["oldest"], now),
            f"{each['in_flight']}/{each['ramp_limit']}",
            "" if each["shield"] == "calm" else each["shield"].upper(),
        )
        for each in ordered
    ]
    heads = ("DOMAIN", "NEXT HOP", "SINCE", "QUEUED", "HELD", "OLDEST", "IN FLIGHT", "SHIELD")
    return table(heads, rows, frozenset({3, 4, 5, 6})).split("\n")


def _sources(worst: Mapping[str, Any]) -> list[str]:
    rows = [
        (each["source"], each["state"], until(each["until"], worst["now"]), str(each["sessions"]),
         f"{each['connections']:.0f}", harmless(each["why"]))
        for each in worst["sources"]
    ]  # fmt: skip
    if not rows:
        return ["no source weighs anything"]
    return table(("SOURCE", "STATE", "LEFT", "SESSIONS", "CONN/MIN", "WHY"), rows, frozenset({2, 3, 4})).split("\n")


def _cut(lines: Sequence[str], most: int) -> list[str]:
    """Give the head of a table, and say how many of its rows are not shown."""
    if len(lines) <= most or most < 2:
        return list(lines[:most])
    return [*lines[: most - 1], f"... and {len(lines) - most + 1} more"]


def _clipped(line: str, width: int) -> str:
    return line if len(line) <= width else line[: max(width - 1, 0)] + "…"
