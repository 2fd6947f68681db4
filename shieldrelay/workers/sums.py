"""What several workers say, as what one node says: functions from JSON values to one. Pure.

The values are those of ``admin.picture`` as JSON; each is given with the worker's number, the leader's first. Called by
`workers.router`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from shieldrelay.alarms import report

Said = Sequence[tuple[int, Any]]
"""Answers, each with the number of the worker; at least one."""

SOURCES_SHOWN = 10
"""Sources that a domain's week shows."""

_BREAKERS = ("closed", "ramping", "probing", "open")
_HOPS = ("untried", "up", "down")
_SPOOLS = ("ok", "low", "refusing")
_HUBS = ("local", "shared", "degraded")
_SHIELDS = ("calm", "wary", "shield")
_PHASES = ("drained", "waiting", "handing over", "delivering", "ending")
_NOW = ("served", "slowed", "answered alike", "refused", "refused for good")


def status(said: Said) -> Any:
    """Add up the pictures of a node; the workers themselves are put in by the caller."""
    all_of = [value for _, value in said]
    first = all_of[0]
    return {
        **first,
        **_added(all_of, "sessions", "in_content", "connections"),
        "started": min(one["started"] for one in all_of),
        "spool": _worst([one["spool"] for one in all_of], "state", _SPOOLS),
        "notices": {**first["notices"], **_added([one["notices"] for one in all_of], *first["notices"])},
        "domains": _domains(all_of),
        "tls_expires": _least(one["tls_expires"] for one in all_of),
        "alarms": _once(alarm for one in all_of for alarm in one["alarms"]),
        "stress": next((one["stress"] for one in all_of if one["stress"]["on"]), first["stress"]),
        "hub": _worst([one["hub"] for one in all_of], "state", _HUBS),
    }


def happenings(said: Said, limit: int) -> Any:
    """Merge what happened lately, newest first."""
    all_of = [one for _, value in said for one in value["happenings"]]
    return {"happenings": sorted(all_of, key=lambda one: -one["at"])[:limit]}


def counted(said: Said) -> Any:
    """Add up what was counted, step by step; who was not there yet has counted nothing."""
    steps: dict[float, list[Any]] = {}
    for one in (one for _, value in said for one in value["steps"]):
        steps.setdefault(one["at"], []).append(one)
    names = ("accepted", "turned_down", "delivered", "deferred")
    return {
        "steps": [
            {**of[0], **_added(of, *names), "refused": _by_name(one["refused"] for one in of)}
            for _, of in sorted(steps.items())
        ]
    }


def _by_name(all_of: Iterable[Any]) -> dict[str, int]:
    whole: dict[str, int] = {}
    for name, count in (item for one in all_of for item in one.items()):
        whole[name] = whole.get(name, 0) + count
    return whole


def stances(said: Said) -> Any:
    """Add up what the defences did."""
    rows = zip(*(value["defences"] for _, value in said), strict=True)
    return {"defences": [_stance(row) for row in rows]}


def _stance(all_of: Sequence[Any]) -> Any:
    domains = _by_name(one["by_domain"] for one in all_of)
    return {**all_of[0], **_added(all_of, "refused", "would_refuse"), "by_domain": domains}


def drained(said: Said) -> Any:
    """Add up a drain: it is as far as the worker that is the least far."""
    all_of = [value for _, value in said]
    least = next((one for phase in reversed(_PHASES) for one in all_of if one["phase"] == phase), all_of[0])
    return {**least, **_added(all_of, "sessions", "left", "handed_over")}


def _domains(all_of: Sequence[Any]) -> list[Any]:
    by_name: dict[str, list[Any]] = {}
    for one in all_of:
        for domain in one["domains"]:
            by_name.setdefault(domain["domain"], []).append(domain)
    return [_domain(each) for each in by_name.values()]


def _domain(all_of: Sequence[Any]) -> Any:
    worst = _worst(all_of, "breaker", _BREAKERS)
    shielded = _worst(all_of, "shield", _SHIELDS)
    return {
        **worst,
        **_added(all_of, "queued", "held", "octets", "in_flight", "ramp_limit"),
        **{key: shielded[key] for key in ("shield", "shield_since", "shield_reason") if key in shielded},
        "oldest": _least(one["oldest"] for one in all_of),
        "drain": _most(one["drain"] for one in all_of),
        "pace_limit": max(one["pace_limit"] for one in all_of),
        "drill_until": _most(one["drill_until"] for one in all_of),
        "suspicious_since": _least(one["suspicious_since"] for one in all_of),
        "next_hops": [_hop(hops) for hops in zip(*(one["next_hops"] for one in all_of), strict=False)],
    }


def _hop(all_of: Sequence[Any]) -> Any:
    return {**_worst(all_of, "state", _HOPS), **_added(all_of, "connections")}


def queue(said: Said, limit: int) -> Any:
    """Merge pages that began at the same place, into one of at most ``limit`` messages.

    A page's end is a domain with a name that begins with the time of arrival, so it is a place in any worker's queue.
    Where one worker's page ended first, what others have beyond that comes with the next page.
    """
    ends = [value["after"] for _, value in said if value["after"] is not None]
    listed = sorted(
        ((one, number) for number, value in said for one in value["messages"]),
        key=lambda each: (each[0]["domain"], _name(each[0])),
    )
    taken = [(one, number) for one, number in listed if not ends or (one["domain"], _name(one)) <= _least_end(ends)]
    page = taken[:limit]
    more = bool(ends) or len(taken) > limit
    return {
        "messages": [{**one, "worker": number} for one, number in page],
        "total": sum(value["total"] for _, value in said),
        "after": f"{page[-1][0]['domain']}/{_name(page[-1][0])}" if more and page else None,
    }


def _name(message: Any) -> str:
    return str(message["name"])


def _least_end(ends: Sequence[str]) -> tuple[str, str]:
    def place(end: str) -> tuple[str, str]:
        domain, _, name = end.rpartition("/")
        return domain, name

    return min(map(place, ends))


def flushed(said: Said) -> Any:
    """Add up what is due now."""
    return {**said[0][1], "due": sum(value["due"] for _, value in said)}


def drilled(said: Said) -> Any:
    """Give the end of a drill: the last."""
    return {**said[0][1], "drill_until": _most(value["drill_until"] for _, value in said)}


def believed(said: Said) -> Any:
    """Say whether any of them held refusals back."""
    return {**said[0][1], "believed": any(value["believed"] for _, value in said)}


def released(said: Said) -> Any:
    """Give how many sources something was held against: each knows what the others count, so the most."""
    return {**said[0][1], "released": max(value["released"] for _, value in said)}


def revoked(said: Said) -> Any:
    """Say whether any of them knew the entry: who is asked later may have heard of it by then."""
    return {**said[0][1], "revoked": any(value["revoked"] for _, value in said)}


def alarms(said: Said) -> Any:
    """Join alarms: of one that several have, as long as one of them has it open, since the first one raised it."""
    by_id: dict[str, list[Any]] = {}
    for _, value in said:
        for one in value["alarms"]:
            by_id.setdefault(one["id"], []).append(one)
    joined = [_alarm(each) for each in by_id.values()]
    joined.sort(key=lambda one: (one["ended"] is not None, one["level"] != "error", one["ended"] or one["since"]))
    return {"alarms": joined}


def _alarm(all_of: Sequence[Any]) -> Any:
    opened = [one for one in all_of if one["ended"] is None]
    shown = max(opened or all_of, key=lambda one: one["ended"] or one["last"])
    return {
        **shown,
        "since": min(one["since"] for one in opened or all_of),
        "last": max(one["last"] for one in all_of),
        "times": sum(one["times"] for one in all_of),
    }


def week(said: Said) -> Any:
    """Add up a domain's week; what all workers see of attacks, outages and the list is not added up."""
    all_of = [value for _, value in said]
    worst: dict[str, int] = {}
    by: dict[str, int] = {}
    for one in all_of:
        for source in one["sources"]:
            worst[source["source"]] = worst.get(source["source"], 0) + source["refused"]
        for reason, count in one["by"].items():
            by[reason] = by.get(reason, 0) + count
    ranked = sorted(worst.items(), key=lambda each: -each[1])
    whole = {
        **all_of[0],
        **_added(all_of, "accepted", "refused", "spooled", "delivered", "expired", "queued", "held"),
        **{name: max(one[name] for one in all_of) for name in ("attacks", "outages")},
        **{name: max(one[name] for one in all_of) for name in ("attack_seconds", "outage_seconds")},
        "by": by,
        "sources": [{"source": source, "refused": count} for source, count in ranked[:SOURCES_SHOWN]],
    }
    return {**whole, "words": report.text(whole)}


def first(said: Said) -> Any:
    """Give what the leader says."""
    return said[0][1]


def source(said: Said) -> Any:
    """Explain a source: what it meets at its worst, with the sessions and refusals of all."""
    all_of = [value for _, value in said]
    refusals = sorted((each for one in all_of for each in one["refusals"]), key=lambda each: -each["at"])
    longest = max(len(one["refusals"]) for one in all_of)
    return {
        **_worst(all_of, "now", _NOW),
        **_added(all_of, "sessions"),
        "stressed": any(one["stressed"] for one in all_of),
        "refusals": refusals[:longest],
    }


def worst_sources(said: Said, limit: int) -> Any:
    """Merge the sources that weigh most: sessions added up, the rest as the worst of the workers has it."""
    by_source: dict[str, list[Any]] = {}
    for _, value in said:
        for one in value["sources"]:
            by_source.setdefault(one["source"], []).append(one)
    merged = [
        {
            **_worst(each, "state", _NOW),
            **_added(each, "sessions"),
            "connections": max(one["connections"] for one in each),
        }
        for each in by_source.values()
    ]
    merged.sort(key=lambda one: (-_rank(one["state"], _NOW), -one["sessions"], -one["connections"]))
    return {**said[0][1], "sources": merged[:limit]}


def _added(all_of: Iterable[Any], *names: str) -> dict[str, Any]:
    all_of = list(all_of)
    return {name: sum(one[name] for one in all_of) for name in names}


def _worst(all_of: Sequence[Any], key: str, ranks: Sequence[str]) -> Any:
    return max(all_of, key=lambda one: _rank(one[key], ranks))


def _rank(word: str, ranks: Sequence[str]) -> int:
    return ranks.index(word) if word in ranks else -1


def _least(values: Iterable[float | None]) -> float | None:
    return min((value for value in values if value is not None), default=None)


def _most(values: Iterable[float | None]) -> float | None:
    return max((value for value in values if value is not None), default=None)


def _once(words: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(words))
