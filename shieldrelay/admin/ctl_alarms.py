"""The commands of ``shieldrelayctl`` for who is not looking all day: alarms, week, metrics. Standard library only."""

from __future__ import annotations

import argparse
import time
from typing import Any

from shieldrelay.admin.ctl_client import ControlClient, path_of
from shieldrelay.admin.ctl_outcome import DONE, AddCommand, print_json
from shieldrelay.admin.ctl_text import duration, harmless


def add_alarm_commands(add: AddCommand) -> None:
    """Declare the commands."""
    alarms = add(
        "alarms", _alarms, "Show the alarms that are open, or send a test alarm to all who are told of them.", "alarms"
    )
    alarms.add_argument("what", nargs="?", choices=("test",), help="send a test alarm")
    alarms.add_argument("--all", action="store_true", help="also those that ended within a day")
    alarms.add_argument("--json", action="store_true", help="print the node's answer as it is")
    week = add("week", _week, "Say what became of a domain's mail this week, as its weekly report does.",
               "week example.com --last")  # fmt: skip
    week.add_argument("domain", metavar="DOMAIN", help="a protected domain")
    week.add_argument("--last", action="store_true", help="the week that ended last Monday, 00:00 UTC")
    week.add_argument("--json", action="store_true", help="print the node's answer as it is")
    add("metrics", _metrics, "Print all metrics, as Prometheus reads them.", "metrics")


def _alarms(client: ControlClient, arguments: argparse.Namespace) -> int:
    if arguments.what == "test":
        return _test(client, arguments)
    answer = client.ask("GET", path_of("alarms"), query={} if arguments.all else {"open": "yes"})
    if arguments.json:
        return print_json(answer)
    print(alarms_view(answer["alarms"], time.time()))
    return DONE


def _test(client: ControlClient, arguments: argparse.Namespace) -> int:
    answer = client.ask("POST", path_of("alarms", "test"))
    if arguments.json:
        return print_json(answer)
    told = [f"webhook {name}" for name in answer["webhooks"]] + answer["addresses"]
    print(harmless(f"on its way to {', '.join(told)}" if told else "nobody is told of alarms: see [alarms]", 1000))
    return DONE


def alarms_view(alarms: list[dict[str, Any]], now: float) -> str:
    """Give the alarms, some lines each."""
    if not alarms:
        return "no alarm is open"
    return "\n".join(line for one in alarms for line in _lines(one, now))


def _lines(one: dict[str, Any], now: float) -> list[str]:
    name = one["kind"].replace("_", " ") + (f" {one['about']}" if one["about"] else "")
    if one["ended"] is None:
        times = f", {one['times']} times" if one["times"] > 1 else ""
        head = f"{one['level'].upper()}  {name}: for {duration(now - one['since'])}{times}"
        return [harmless(head, 200), *_indented(one["words"], one["meaning"], one["todo"])]
    head = f"over  {name}: ended {duration(now - one['ended'])} ago, after {duration(one['ended'] - one['since'])}"
    return [harmless(head, 200), *_indented(one["words"], one["end"])]


def _indented(*words: str) -> list[str]:
    return [f"    {harmless(each, 400)}" for each in words if each]


def _week(client: ControlClient, arguments: argparse.Namespace) -> int:
    query = {"week": "last"} if arguments.last else {}
    answer = client.ask("GET", path_of("domains", arguments.domain, "report"), query=query)
    if arguments.json:
        return print_json(answer)
    print("\n".join(harmless(line, 400) for line in answer["words"].split("\n")))
    return DONE


def _metrics(client: ControlClient, arguments: argparse.Namespace) -> int:
    print(client.ask("GET", path_of("metrics")).decode("utf-8"), end="")
    return DONE
