"""The commands of ``shieldrelayctl`` about the cluster: members, drain, resume. Standard library only."""

from __future__ import annotations

import argparse
import threading
from typing import Any

from shieldrelay.admin.ctl_client import ControlClient, path_of
from shieldrelay.admin.ctl_outcome import DONE, REFUSED, AddCommand, operator, print_json
from shieldrelay.admin.ctl_text import harmless, table

SKEW_SECONDS = 5.0
"""A clock that is wrong by more is an alarm."""
_LOOK_SECONDS = 1.0
_OVER = ("drained", "waiting", "")


def add_member_commands(add: AddCommand) -> None:
    """Declare the commands."""
    members = add("members", _members, "Show the members of the cluster, and who is missing.", "members")
    members.add_argument("--own", action="store_true", help="ask this process about itself alone")
    members.add_argument("--json", action="store_true", help="print the node's answer as it is")
    drain = add(
        "drain",
        _drain,
        "Take this node out of service: no new mail, and what is in its spool goes to the other nodes.",
        "drain --wait",
    )
    drain.add_argument("--keep", action="store_true", help="deliver the spool from here, give nothing to others")
    drain.add_argument("--look", action="store_true", help="only say how far it is")
    drain.add_argument("--wait", action="store_true", help="show how far it is until it is over; 1 when mail is left")
    drain.add_argument("--json", action="store_true", help="print the node's answer as it is")
    add("resume", _resume, "Take this node back into service after a drain.", "resume")


def _members(client: ControlClient, arguments: argparse.Namespace) -> int:
    if arguments.own:
        answer = {"members": [client.ask("GET", path_of("member"))]}
    else:
        answer = client.ask("GET", path_of("members"))
    if arguments.json:
        return print_json(answer)
    print(members_view(answer["members"]))
    return DONE


def members_view(members: list[dict[str, Any]]) -> str:
    """Give a table of the members, and a line for everything that somebody should look at."""
    heads = ("NODE", "WORKER", "VERSION", "STATE", "HUB", "CLOCK", "SESSIONS", "QUEUED", "ADDRESS")
    lines = [table(heads, [_row(one) for one in members], frozenset({5, 6, 7}))]
    for one in members:
        lines += [f"! {_name(one)}: {harmless(words)}" for words in _alarms(one)]
    versions = sorted({one["version"] for one in members if one["state"] not in ("lost", "left")})
    if len(versions) > 1:
        lines.append(f"! the members are of different versions: {harmless(', '.join(versions))}")
    return "\n".join(lines)


def _name(one: dict[str, Any]) -> str:
    return harmless(one["node"]) + (f" worker {one['worker']}" if one["worker"] else "")


def _row(one: dict[str, Any]) -> tuple[str, ...]:
    return (
        one["node"] + (" *" if one["ours"] else ""),
        str(one["worker"] or "-"),
        one["version"],
        one["state"],
        one["hub"] or "?",
        f"{one['skew']:+.1f}s",
        *("?" if one[name] is None else str(one[name]) for name in ("sessions", "queued")),
        one["address"] or "-",
    )


def _alarms(one: dict[str, Any]) -> list[str]:
    if one["state"] == "lost":
        return ["it is gone without having said so; is it running, and does it reach the hub?"]
    if one["state"] == "left":
        return []
    words = [one["trouble"]] if one["trouble"] else []
    if abs(one["skew"]) > SKEW_SECONDS:
        words.append(f"its clock is {abs(one['skew']):.0f} s {'ahead' if one['skew'] > 0 else 'behind'}: set it")
    if one["differs"]:
        words.append(f"its configuration is not this node's: {', '.join(one['differs'])}")
    if one["drain"]:
        words.append(f"it is out of service: {one['drain']}")
    if one["stressed"]:
        words.append("it is under stress")
    return words


def _drain(client: ControlClient, arguments: argparse.Namespace) -> int:
    if arguments.look:
        done = client.ask("GET", path_of("drain"))
        return print_json(done) if arguments.json else _said(drain_view(done))
    done = client.ask("POST", path_of("drain"), body={"keep": arguments.keep, "by": operator()})
    never = threading.Event()
    while arguments.wait and done["phase"] not in _OVER:
        if not arguments.json:
            print(drain_view(done), flush=True)
        never.wait(_LOOK_SECONDS)
        done = client.ask("GET", path_of("drain"))
    if arguments.json:
        print_json(done)
    else:
        print(drain_view(done))
    return REFUSED if done["phase"] == "waiting" else DONE


def _said(words: str) -> int:
    print(words)
    return DONE


def _resume(client: ControlClient, arguments: argparse.Namespace) -> int:
    client.ask("POST", path_of("resume"), body={"by": operator()})
    print("the node is in service")
    return DONE


def drain_view(done: dict[str, Any]) -> str:
    """Give how far a drain is, in a line."""
    figures = f"{done['sessions']} sessions open, {done['left']} messages here, {done['handed_over']} given to others"
    words = f"{done['phase'] or 'in service'}: {figures}"
    return f"{words}; {harmless(done['trouble'])}" if done["trouble"] else words
