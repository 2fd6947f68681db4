"""A domain's week in words: plain text and simple HTML, from what the API shows of it.

Pure. Whatever came from strangers is an address of theirs, and escaped all the same.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from html import escape
from typing import Any

Week = Mapping[str, Any]
"""The JSON of an `admin.picture_alarms.ReportPicture`."""
Row = tuple[str, str]


def subject(week: Week) -> str:
    """Give the subject of the mail."""
    return f"Mail to {week['domain']}, {_day(week['since'])} to {_day(week['until'])}"


def rows(week: Week) -> Iterator[tuple[str, list[Row]]]:
    """Give the sections with their lines."""
    yield "Mail", [
        ("accepted", _messages(week["accepted"])),
        ("refused", f"{week['refused']} messages and recipients"),
        *((f"  by {name or 'other'}", str(count)) for name, count in _most(week["by"])),
    ]
    yield "Attacks", [
        ("repelled", _times(week["attacks"], week["attack_seconds"])),
        *((f"  {one['source']}", f"{one['refused']} refused") for one in week["sources"][:10]),
    ]
    yield "Your mail server", [
        ("was down", _times(week["outages"], week["outage_seconds"])),
        ("kept for it", f"{_messages(week['spooled'])}, {week['delivered']} delivered later"),
        ("given up", _messages(week["expired"])),
        ("waiting now", f"{_messages(week['queued'])}, {week['held']} on hold"),
    ]
    confirmed = week["confirmed"]
    yield "List of recipients", [
        ("entries", "none: everybody is taken" if week["recipients"] is None else str(week["recipients"])),
        ("confirmed", "never" if confirmed is None else time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(confirmed))),
    ]


def text(week: Week) -> str:
    """Give it as plain text."""
    lines = [subject(week), f"Counted by {week['node']}.", ""]
    for head, those in rows(week):
        width = max(len(name) for name, _ in those)
        lines += [head, *(f"  {name:<{width}}  {value}" for name, value in those), ""]
    return "\n".join(lines)


def html(week: Week) -> str:
    """Give it as HTML: tables, nothing from outside."""
    parts = [f"<h1>{escape(subject(week))}</h1><p>Counted by {escape(week['node'])}.</p>"]
    for head, those in rows(week):
        cells = "".join(f"<tr><td>{escape(name.strip())}</td><td>{escape(value)}</td></tr>" for name, value in those)
        parts.append(f"<h2>{escape(head)}</h2><table>{cells}</table>")
    return f"<!DOCTYPE html><html><body>{''.join(parts)}</body></html>"


def _messages(count: int) -> str:
    return f"{count} message" + ("" if count == 1 else "s")


def _times(count: int, seconds: float) -> str:
    if not count:
        return "never"
    times = "once" if count == 1 else f"{count} times"
    return f"{times}, {seconds / 60:.0f} minutes in all" if seconds else times


def _most(by: Mapping[str, int]) -> list[tuple[str, int]]:
    return sorted(by.items(), key=lambda one: -one[1])[:10]


def _day(moment: float) -> str:
    return time.strftime("%Y-%m-%d", time.gmtime(moment))
