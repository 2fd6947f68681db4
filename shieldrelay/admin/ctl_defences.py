"""The commands of ``shieldrelayctl`` about the defences: defences, mode, happenings. Standard library only."""

from __future__ import annotations

import argparse
import time
from typing import Any

from shieldrelay.admin.ctl_client import ControlClient, path_of
from shieldrelay.admin.ctl_outcome import DONE, AddCommand, operator, print_json
from shieldrelay.admin.ctl_text import clock_time, harmless, span, table, whole

_COUNTED = ("accepted", "refused", "turned_down", "delivered", "deferred")
_MODES = ("enforce", "observe", "off", "configured")


def add_defence_commands(add: AddCommand) -> None:
    """Declare the commands."""
    defences = add(
        "defences", _defences, "Show how each defence stands, and what those that observe would have refused.",
        "defences",
    )  # fmt: skip
    defences.add_argument("--json", action="store_true", help="print the node's answer as it is")
    counted = add("counted", _counted, "Show what was accepted and refused in the last hour, by minutes.", "counted")
    counted.add_argument("--json", action="store_true", help="print the node's answer as it is")
    mode = add(
        "mode", _mode, "Have a defence of this node enforce, observe or be off, until it is set back.",
        "mode harvest observe",
    )  # fmt: skip
    mode.add_argument("defence", metavar="DEFENCE", help="a name that `defences` lists")
    mode.add_argument("mode", choices=_MODES, help="configured: as the configuration says, again")
    lately = add("happenings", _happenings, "Say what happened lately, newest first.", "happenings --since 2h")
    lately.add_argument("event", nargs="*", metavar="EVENT", help="only these events of the journal")
    lately.add_argument("--about", metavar="NAME", help="only of a protected domain, a source or a network")
    lately.add_argument("--since", type=span, metavar="TIME", help="not longer ago, such as 30m or 2h")
    lately.add_argument("--limit", type=whole(1, 2000), default=100, metavar="N", help="at most so many (default: 100)")
    lately.add_argument("--json", action="store_true", help="print the node's answer as it is")


def _counted(client: ControlClient, arguments: argparse.Namespace) -> int:
    answer = client.ask("GET", path_of("counted"))
    if arguments.json:
        return print_json(answer)
    print(counted_view(answer["steps"]))
    return DONE


def counted_view(steps: list[dict[str, Any]]) -> str:
    """Give a table of what was counted, a minute a row, the latest last."""
    minutes: dict[int, dict[str, int]] = {}
    for each in steps:
        row = minutes.setdefault(int(each["at"] - each["seconds"]) // 60, dict.fromkeys(_COUNTED, 0))
        for name in _COUNTED:
            row[name] += sum(each[name].values()) if name == "refused" else each[name]
    rows = [(clock_time(60.0 * minute), *(str(row[name]) for name in _COUNTED)) for minute, row in minutes.items()]
    heads = ("MINUTE", *(name.replace("_", " ").upper() for name in _COUNTED))
    return table(heads, rows, frozenset(range(1, len(heads)))) if rows else "nothing was counted yet"


def _defences(client: ControlClient, arguments: argparse.Namespace) -> int:
    answer = client.ask("GET", path_of("defences"))
    if arguments.json:
        return print_json(answer)
    print(defences_view(answer["defences"]))
    return DONE


def defences_view(defences: list[dict[str, Any]]) -> str:
    """Give a table of the defences, and where those that observe would have refused."""
    rows = [
        (
            each["defence"],
            (each["mode"] or "-") + (" *" if each["steered"] else ""),
            str(each["refused"]),
            str(each["would_refuse"]),
            each["origin"],
            each["words"],
        )
        for each in defences
    ]
    heads = ("DEFENCE", "MODE", "REFUSED", "WOULD REFUSE", "FROM", "AGAINST")
    lines = [table(heads, rows, frozenset({2, 3}))]
    for each in defences:
        domains = ", ".join(f"{domain} {count}" for domain, count in sorted(each["by_domain"].items()))
        lines += [f"{harmless(each['defence'])} would have refused at {harmless(domains)}"] if domains else []
    if any(each["steered"] for each in defences):
        lines.append("* set at run time; `mode DEFENCE configured` gives it back to the configuration")
    return "\n".join(lines)


def _mode(client: ControlClient, arguments: argparse.Namespace) -> int:
    wanted = {"mode": arguments.mode, "by": operator()}
    done = client.ask("POST", path_of("defences", arguments.defence), body=wanted)
    print("\n".join(harmless(change) for change in done["changes"]) or "nothing changed")
    return DONE


def _happenings(client: ControlClient, arguments: argparse.Namespace) -> int:
    query = {"limit": str(arguments.limit)}
    if arguments.event:
        query["events"] = ",".join(arguments.event)
    if arguments.about:
        query["about"] = arguments.about
    if arguments.since:
        query["since"] = str(int(time.time()) - arguments.since)
    answer = client.ask("GET", path_of("happenings"), query)
    if arguments.json:
        return print_json(answer)
    for one in answer["happenings"]:
        told = "  ".join(f"{name}={value}" for name, value in one["fields"].items() if value not in (None, ""))
        node = f"{one['node']}  " if "node" in one else ""
        print(harmless(f"{clock_time(one['at'])}  {node}{one['level']:<5}  {one['event']}  {told}"))
    if not answer["happenings"]:
        print("nothing happened")
    return DONE
