"""The command of ``shieldrelayctl`` about domains that are given at run time. Standard library only."""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

from shieldrelay.admin.ctl_client import Answered, ControlClient, path_of
from shieldrelay.admin.ctl_outcome import (
    DONE,
    REFUSED,
    USAGE,
    AddCommand,
    complain,
    for_each,
    operator,
    print_json,
    whole_refusal,
)
from shieldrelay.admin.ctl_text import age, harmless, table


def add_domain_command(add: AddCommand) -> None:
    """Declare the command."""
    domain = add(
        "domain",
        _domain,
        "Protect domains at run time, on all nodes of the cluster: push FILE, remove DOMAIN, list.",
        "domain push example.com.toml",
    )
    domain.add_argument("action", choices=("push", "remove", "list"), help="what to do")
    domain.add_argument("name", nargs="*", metavar="NAME", help="files as in domains.d/ (-: standard input); domains")
    domain.add_argument("--json", action="store_true", help="print the node's answer as it is (list)")


def _domain(client: ControlClient, arguments: argparse.Namespace) -> int:
    if bool(arguments.name) != (arguments.action != "list"):
        return complain("name what to push or to remove, and nothing to list", USAGE)
    if arguments.action == "list":
        return _list(client, arguments)
    if arguments.action == "remove":
        return for_each(arguments.name, lambda name: _removed(client, name))
    return max([_push(client, name) for name in arguments.name], default=DONE)


def _push(client: ControlClient, name: str) -> int:
    try:
        octets = sys.stdin.buffer.read() if name == "-" else Path(name).read_bytes()
    except OSError as fault:
        return complain(f"{name}: {(fault.strerror or str(fault)).lower()}", REFUSED)
    try:
        done = client.ask("POST", path_of("pushed"), {"by": operator()}, octets=octets)
    except Answered as fault:
        return complain(f"{name}: {whole_refusal(fault)}", REFUSED)
    print(f"{harmless(done['domain'])}: protected from now on, here and on the other nodes")
    return DONE


def _removed(client: ControlClient, name: str) -> str:
    done = client.ask("DELETE", path_of("pushed", name), {"by": operator()})
    return f"{harmless(done['domain'])}: not protected any more, here and on the other nodes"


def _list(client: ControlClient, arguments: argparse.Namespace) -> int:
    answer = client.ask("GET", path_of("pushed"))
    if arguments.json:
        return print_json(answer)
    now = time.time()
    rows = [(one["domain"], one["state"], age(one["at"], now), one["by"]) for one in answer["domains"]]
    print(table(("DOMAIN", "STATE", "SINCE", "BY"), rows) if rows else "no domain was given at run time")
    return DONE
