"""What has changed from one status to the next, as an operator would say it: values for live events. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

_OF_DOMAIN = ("breaker", "shield", "recipients", "suspicious_since", "drill_until")
_OF_NODE = (("stress", "on"), ("hub", "state"), ("hub", "members"), ("spool", "state"))


def differences(before: Any, after: Any) -> list[dict[str, Any]]:
    """Give each change: ``what`` has changed, of which ``domain`` (or worker), ``before`` and ``after`` it, and why."""
    return [*_node(before, after), *_alarms(before, after), *_domains(before, after), *_workers(before, after)]


def _change(what: str, before: Any, after: Any, **more: Any) -> dict[str, Any]:
    return {"what": what, "before": before, "after": after, **more}


def _node(before: Any, after: Any) -> Iterator[dict[str, Any]]:
    for part, key in _OF_NODE:
        old, new = before[part].get(key), after[part].get(key)
        if old != new:
            yield _change(f"{part} {key}", old, new, reason=after[part].get("reason", ""))


def _alarms(before: Any, after: Any) -> Iterator[dict[str, Any]]:
    for alarm in after["alarms"]:
        if alarm not in before["alarms"]:
            yield _change("alarm", None, alarm)
    for alarm in before["alarms"]:
        if alarm not in after["alarms"]:
            yield _change("alarm", alarm, None)


def _domains(before: Any, after: Any) -> Iterator[dict[str, Any]]:
    known = {each["domain"]: each for each in before["domains"]}
    there = {each["domain"] for each in after["domains"]}
    for new in after["domains"]:
        old = known.get(new["domain"])
        if old is None:
            yield _change("domain", None, "protected", domain=new["domain"])
            continue
        for key in _OF_DOMAIN:
            if old.get(key) != new.get(key):
                reason = new.get("shield_reason" if key == "shield" else "reason", "")
                yield _change(key, old.get(key), new.get(key), domain=new["domain"], reason=reason)
        yield from _hops(old, new)
    for name in known.keys() - there:
        yield _change("domain", "protected", None, domain=name)


def _hops(old: Any, new: Any) -> Iterator[dict[str, Any]]:
    states = {each["name"]: each["state"] for each in old["next_hops"]}
    for hop in new["next_hops"]:
        state = states.get(hop["name"])
        if state is not None and state != hop["state"]:
            yield _change(
                "next hop", state, hop["state"], domain=new["domain"], name=hop["name"], reason=hop["reason"]
            )


def _workers(before: Any, after: Any) -> Iterator[dict[str, Any]]:
    states = {each["number"]: each["state"] for each in before["workers"]}
    for worker in after["workers"]:
        state = states.get(worker["number"], "")
        if state != worker["state"]:
            yield _change("worker", state, worker["state"], worker=worker["number"])
