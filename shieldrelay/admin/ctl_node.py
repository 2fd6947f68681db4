"""The commands of ``shieldrelayctl`` about the node's own things: configuration, events, whoami, openapi.

Standard library only.
"""

from __future__ import annotations

import argparse
import json
import time

from shieldrelay.admin.ctl_client import ControlClient, path_of
from shieldrelay.admin.ctl_outcome import DONE, AddCommand, print_json
from shieldrelay.admin.ctl_text import clock_time, harmless, table


def add_node_commands(add: AddCommand) -> None:
    """Declare the commands."""
    configuration = add(
        "configuration", _configuration, "Show every setting in force, and where it comes from.", "configuration smtp."
    )
    configuration.add_argument("section", nargs="?", metavar="NAME", help="only settings whose names begin so")
    configuration.add_argument("--set", action="store_true", help="only those that are no defaults")
    configuration.add_argument("--json", action="store_true", help="print the node's answer as it is")
    events = add(
        "events", _events, "Follow what changes: breakers, shields, alarms; over --url only. Ctrl-C ends it.",
        "--url https://mx1.shield.example:8025 --token-file token events",
    )  # fmt: skip
    events.add_argument("--json", action="store_true", help="print every event, the status too, one JSON object a line")
    whoami = add("whoami", _whoami, "Say who you are to the node, and what you may; over --url only.",
                 "--url https://mx1.shield.example:8025 --token-file token whoami")  # fmt: skip
    whoami.add_argument("--json", action="store_true", help="print the node's answer as it is")
    add("openapi", _openapi, "Print the description of the API, as OpenAPI 3.1.", "openapi > shieldrelay.json")


def _configuration(client: ControlClient, arguments: argparse.Namespace) -> int:
    query = {"section": arguments.section} if arguments.section else {}
    answer = client.ask("GET", path_of("configuration"), query)
    if arguments.json:
        return print_json(answer)
    rows = [
        (each["name"], json.dumps(each["value"]), each["origin"])
        for each in answer["settings"]
        if not (arguments.set and each["origin"] == "default")
    ]
    print(table(("SETTING", "VALUE", "FROM"), rows))
    return DONE


def _events(client: ControlClient, arguments: argparse.Namespace) -> int:
    for name, value in client.follow(path_of("events")):
        if arguments.json:
            print(json.dumps({"event": name, "at": time.time(), "value": value}), flush=True)
        elif name == "change":
            domain = f"{value['domain']}: " if value.get("domain") else ""
            why = f" ({value['reason']})" if value.get("reason") else ""
            words = f"{domain}{value['what']}: {value['before']} -> {value['after']}{why}"
            print(f"{clock_time(time.time())}  {harmless(words)}", flush=True)
    return DONE


def _whoami(client: ControlClient, arguments: argparse.Namespace) -> int:
    answer = client.ask("GET", path_of("session"))
    if arguments.json:
        return print_json(answer)
    domains = ", ".join(answer.get("domains") or ()) or "all domains"
    print(harmless(f"{answer['user']}: {answer['role']}, {domains}"))
    return DONE


def _openapi(client: ControlClient, _arguments: argparse.Namespace) -> int:
    return print_json(client.ask("GET", path_of("openapi.json")))
