"""What ``shieldrelayctl trace`` prints: functions from JSON values to text. Pure.

The values are those of ``admin.picture_trace`` as JSON. Every string in them is shown through `harmless`.
"""

from __future__ import annotations

import time
from typing import Any

from shieldrelay.admin.ctl_text import age, clock_time, duration, harmless, size, table

ADDRESS_WIDTH = 40
REASON_WIDTH = 70


def lines_view(page: dict[str, Any], *, everywhere: bool = False) -> str:
    """Give a table of what was found, the latest first."""
    if not page["lines"]:
        found = "nothing was found"
    else:
        heads = ["TIME", "EVENT", "ID", "SOURCE", "SENDER", "RECIPIENTS", "RESULT", "WHY"]
        rows = [_row(line) for line in page["lines"]]
        if everywhere:
            heads = ["NODE", *heads]
            rows = [(line["node"], *row) for line, row in zip(page["lines"], rows, strict=True)]
        found = table(heads, rows)
    if page.get("after"):
        found += f"\nmore: --after {harmless(page['after'])}"
    return found


def _row(line: dict[str, Any]) -> tuple[str, ...]:
    return (
        moment(line["at"]),
        line["event"] + (f" x{line['count']}" if line["count"] > 1 else ""),
        line["message"] or line["session"],
        line["source"],
        harmless(line["sender"], ADDRESS_WIDTH),
        _recipients(line),
        _result(line),
        harmless(line["reason"], REASON_WIDTH),
    )


def _recipients(line: dict[str, Any]) -> str:
    named = line["recipients"]
    more = f" +{len(named) - 1}" if len(named) > 1 else ""
    return harmless(named[0], ADDRESS_WIDTH) + more if named else ""


def _result(line: dict[str, Any]) -> str:
    code = "" if line["code"] is None else str(line["code"])
    return " ".join(each for each in (code, line["result"] or line["defence"]) if each)


def moment(at: float) -> str:
    """Give a moment of this machine's clock, to the millisecond."""
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(at)) + f".{int(at % 1 * 1000):03d}"


def followed_view(line: dict[str, Any]) -> str:
    """Give one line, as it comes."""
    return harmless("  ".join(each for each in _row(line) if each))


def trouble_view(page: dict[str, Any]) -> list[str]:
    """Say what may be missing from a page."""
    said = []
    if page.get("searched_to") is not None:
        said.append(f"the time was up: the search came back to {moment(page['searched_to'])}; it goes on with --after")
    index = page.get("index")
    if index is not None and index["state"] not in ("current", "off"):
        said.append(index_view(index, 0.0).partition("\n")[0])
    return said + [harmless(each) for each in page["silent"]]


def index_view(index: dict[str, Any], now: float) -> str:
    """Say how the index stands; what is wrong is in the first line."""
    words = {
        "current": "the index is up to date",
        "behind": f"the index is behind by {duration(index['behind_seconds'])}, {size(index['behind_octets'])}",
        "shedding": f"the index is behind by {size(index['behind_octets'])} and takes samples only",
        "stopped": "the index is not kept: its process does not run",
        "full": "nothing is added to the index",
        "off": "there is no index: [trace] keep is not set",
    }
    first = words.get(index["state"], harmless(index["state"]))
    if index["reason"]:
        first += f": {harmless(index['reason'])}"
    if index["state"] == "off":
        return first
    lines = [first, f"  lines      {index['lines']}, {size(index['octets'])}"]
    if index["oldest"] is not None:
        lines.append(f"  oldest     {clock_time(index['oldest'])}, {age(index['oldest'], now)} ago")
    for name, words_of in (("drawn_together", "counted"), ("shed", "passed over"), ("unreadable", "unreadable")):
        if index[name]:
            lines.append(f"  {words_of:<10} {index[name]} lines since its start")
    return "\n".join(lines)


def story_view(id: str, story: dict[str, Any]) -> str:
    """Tell a story, of one node or of several; ``""``: there is none."""
    lines = story["lines"]
    if not lines:
        return ""
    nodes = {line["node"] for line in lines}
    head = [f"{harmless(id)}"]
    head += [f"  {name}  {harmless(' '.join(story[name]))}" for name in ("sessions", "messages") if story[name]]
    told = [text for line in lines for text in _told(line, with_node=len(nodes) > 1)]
    if not story["whole"]:
        told.append("there is more than is shown here: search by --sender, --source or the time")
    return "\n".join([*head, "", *told])


def _told(line: dict[str, Any], *, with_node: bool) -> list[str]:
    """Give a line of a story, and under it what else it says."""
    count = f" x{line['count']}" if line["count"] > 1 else ""
    node = f"{line['node']}  " if with_node else ""
    first = f"{moment(line['at'])}  {node}{line['event']}{count}  {_result(line)}".rstrip()
    facts = [
        ("from", line["source"]),
        ("sender", line["sender"]),
        ("to", ", ".join(line["recipients"])),
        ("why", line["reason"]),
        ("message", line["message"]),
    ]
    facts += [(name, _value(value)) for name, value in line["fields"].items() if value not in (None, "", [], False)]
    return [harmless(first), *(f"    {harmless(name):<12} {harmless(value)}" for name, value in facts if value)]


def _value(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
