"""The commands of ``shieldrelayctl recipients``: lists of recipients. Standard library only."""

from __future__ import annotations

import argparse
import sys
import threading
import time
from collections.abc import Sequence
from typing import Any

from shieldrelay.admin.ctl_client import ControlClient, path_of
from shieldrelay.admin.ctl_list_views import check_view, import_line, list_view, outcome_line, state_line
from shieldrelay.admin.ctl_outcome import DONE, REFUSED, AddCommand, complain, operator, print_json
from shieldrelay.admin.ctl_text import harmless, span, whole

ACTIONS = ("show", "import", "push", "rollback", "accept", "enforce", "observe", "check")
PROGRESS_SECONDS = 0.5
PUSH_OCTETS = 64 << 20
"""The longest file that a node takes."""


def spelled_out(argv: Sequence[str]) -> list[str]:
    """Put ``show`` in where ``recipients DOMAIN`` is written for short."""
    words = list(argv)
    at = 0
    while at < len(words) and words[at].startswith("-"):
        at += 2 if words[at] == "--socket" else 1
    following = words[at + 1 : at + 2]
    if words[at : at + 1] == ["recipients"] and following and not following[0].startswith("-"):
        words[at + 1 : at + 1] = [] if following[0] in ACTIONS else ["show"]
    return words


def add_list_commands(add: AddCommand) -> None:
    """Declare the commands."""
    words = "Look at a domain's list of recipients, and change it."
    recipients = add("recipients", _show, words, "recipients example.com")
    actions = recipients.add_subparsers(metavar="ACTION", required=True)

    def action(name: str, run: Any, words: str, example: str) -> argparse.ArgumentParser:
        one = actions.add_parser(
            name, help=words, description=words, epilog=f"Example: shieldrelayctl recipients {example}"
        )
        one.set_defaults(run=run)
        return one

    def of_domain(name: str, run: Any, words: str, example: str) -> argparse.ArgumentParser:
        one = action(name, run, words, example)
        one.add_argument("domain", metavar="DOMAIN", help="a protected domain")
        return one

    show = of_domain("show", _show, "Show versions, freshness and state of a list.", "example.com")
    show.add_argument("--json", action="store_true", help="print the node's answer as it is")
    imported = of_domain("import", _import, "Read a list from its source now.", "import example.com")
    imported.add_argument("--force", action="store_true", help="take it whatever the guards say")
    push = of_domain("push", _push, "Add and remove recipients.", "push example.com --add joined.txt --remove left.txt")
    push.add_argument("--add", metavar="FILE", help="one recipient a line; - for standard input")
    push.add_argument("--remove", metavar="FILE", help="the same, of those who are to go")
    push.add_argument("--replace", metavar="FILE", help="the whole list from now on")
    push.add_argument("--force", action="store_true", help="take it whatever the guards say")
    rollback = of_domain("rollback", _rollback, "Go back to an earlier version.", "rollback example.com 41")
    rollback.add_argument(
        "version", nargs="?", type=whole(1, 999_999_999), metavar="VERSION", help="which (default: the one before)"
    )
    of_domain("accept", _accept, "Take the version that a guard refused.", "accept example.com")
    of_domain("enforce", _enforce, "Refuse who is not on the list.", "enforce example.com")
    observe = of_domain("observe", _observe, "Take who is not on the list, and journal it.", "observe example.com")
    observe.add_argument("--for", dest="seconds", type=span, default=3 * 86400, metavar="TIME", help="(default: 3d)")
    check = action("check", _check, "Say how an address stands.", "check alice@example.com")
    check.add_argument("address", metavar="ADDRESS", help="a mailbox")


def _show(client: ControlClient, arguments: argparse.Namespace) -> int:
    one = client.ask("GET", path_of("recipients", arguments.domain))
    if arguments.json:
        return print_json(one)
    print(list_view(one, time.time()))
    return DONE


def _import(client: ControlClient, arguments: argparse.Namespace) -> int:
    """Start an import and follow it to its end."""
    body = {"force": arguments.force, "by": operator()}
    state = client.ask("POST", path_of("recipients", arguments.domain, "import"), body=body)
    pause = threading.Event()
    shown = ""
    while state["running"]:
        line = import_line(state)
        if line != shown:
            print(line, file=sys.stderr, flush=True)
            shown = line
        pause.wait(PROGRESS_SECONDS)
        state = client.ask("GET", path_of("recipients", arguments.domain, "import"))
    return _ended(state)


def _ended(state: dict[str, Any]) -> int:
    outcome = state["outcome"]
    if outcome is None:
        return complain(f"{harmless(state['domain'])}: the import was stopped")
    line = outcome_line(state["domain"], outcome)
    if outcome["result"] in ("adopted", "unchanged", "pushed"):
        print(line)
        return DONE
    return complain("\n  ".join((line, *(harmless(fault) for fault in outcome["faults"]))))


def _push(client: ControlClient, arguments: argparse.Namespace) -> int:
    """Send the files; what is to be added and what removed goes in one request, so that all of it holds or nothing."""
    files = {change: getattr(arguments, change) for change in ("remove", "add", "replace")}
    wanted = {change: file for change, file in files.items() if file is not None}
    if not wanted or ("replace" in wanted and len(wanted) > 1):
        return complain("name files with --add and --remove, or one with --replace")
    if list(wanted.values()).count("-") > 1:
        return complain("standard input can be one of the files only")
    try:
        read = {change: _lines(file) for change, file in wanted.items()}
    except OSError as error:
        return complain(f"{error.filename}: {(error.strerror or 'cannot be read').lower()}")
    change, octets = next(iter(read.items())) if len(read) == 1 else ("edit", _edit(read["remove"], read["add"]))
    if len(octets) > PUSH_OCTETS:
        return complain(f"that is more than {PUSH_OCTETS >> 20} MiB: let the node import it from a file instead")
    query = {"change": change, "by": operator(), **({"force": "true"} if arguments.force else {})}
    done = client.ask("POST", path_of("recipients", arguments.domain, "push"), query, octets=octets)
    print(outcome_line(done["domain"], done))
    return DONE


def _edit(remove: bytes, add: bytes) -> bytes:
    """Put removals and additions into one body; a name in both stays."""
    signed = [b"-" + line for line in remove.splitlines()] + [b"+" + line for line in add.splitlines()]
    return b"\n".join(signed)


def _lines(file: str) -> bytes:
    if file == "-":
        return sys.stdin.buffer.read()
    with open(file, "rb") as opened:  # noqa: PTH123 - starts quicker without pathlib
        return opened.read()


def _rollback(client: ControlClient, arguments: argparse.Namespace) -> int:
    body = {"version": arguments.version, "by": operator()}
    done = client.ask("POST", path_of("recipients", arguments.domain, "rollback"), body=body)
    print(outcome_line(done["domain"], done))
    return DONE


def _accept(client: ControlClient, arguments: argparse.Namespace) -> int:
    done = client.ask("POST", path_of("recipients", arguments.domain, "accept"), body={"by": operator()})
    print(outcome_line(done["domain"], done))
    return DONE


def _enforce(client: ControlClient, arguments: argparse.Namespace) -> int:
    done = client.ask("POST", path_of("recipients", arguments.domain, "enforce"), body={"by": operator()})
    return _stands(done, "enforced")


def _observe(client: ControlClient, arguments: argparse.Namespace) -> int:
    body = {"seconds": arguments.seconds, "by": operator()}
    done = client.ask("POST", path_of("recipients", arguments.domain, "observe"), body=body)
    return _stands(done, "observed")


def _stands(done: dict[str, Any], wanted: str) -> int:
    """Say how a list stands now, which need not be as wanted: no list may have come yet."""
    line = state_line(done, time.time())
    if done["state"] != wanted:
        return complain(line)
    print(line)
    return DONE


def _check(client: ControlClient, arguments: argparse.Namespace) -> int:
    found = client.ask("GET", path_of("addresses", arguments.address))
    print(check_view(found))
    return DONE if found["taken"] else REFUSED
