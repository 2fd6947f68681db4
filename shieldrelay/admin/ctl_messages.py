"""The commands of ``shieldrelayctl`` about messages: queue, show, hold, delete, and release. Standard library only."""

from __future__ import annotations

import argparse
import ipaddress
import sys
import time

from shieldrelay.admin.ctl_client import ControlClient, path_of
from shieldrelay.admin.ctl_outcome import (
    DONE,
    AddCommand,
    complain,
    confirmed,
    for_each,
    operator,
    print_json,
)
from shieldrelay.admin.ctl_text import harmless, whole
from shieldrelay.admin.ctl_views import message_view, queue_view


def add_message_commands(add: AddCommand) -> None:
    """Declare the commands."""
    queue = add("queue", _queue, "List the messages that are spooled, oldest first.", "queue example.com --limit 20")
    queue.add_argument("domain", nargs="?", metavar="DOMAIN", help="only of this protected domain")
    queue.add_argument("--limit", type=whole(1, 1000), default=100, metavar="N", help="at most so many (default: 100)")
    queue.add_argument("--after", metavar="CURSOR", help="the page after one that ended so")
    queue.add_argument("--json", action="store_true", help="print the node's answer as it is")
    show = add("show", _show, "Show one message: envelope, attempts, next try, header.", "show 5K0vJ8qHn2dXw1aZ")
    show.add_argument("id", metavar="ID", help="of the message, as the queue lists it")
    show.add_argument("--json", action="store_true", help="print the node's answer as it is")
    hold = add("hold", _hold, "Set messages aside: kept, not tried.", "hold 5K0vJ8qHn2dXw1aZ")
    release = add(
        "release",
        _release,
        "Let held messages go on, or forget everything that is held against sources.",
        "release 192.0.2.7",
    )
    delete = add("delete", _delete, "Delete messages for good, without a notice.", "delete --yes 5K0vJ8qHn2dXw1aZ")
    bounce = add("bounce", _bounce, "Give messages up now, and tell their senders.", "bounce --yes 5K0vJ8qHn2dXw1aZ")
    eml = add("eml", _eml, "Give a message as it came; the audit log says who read it.", "eml 5K0vJ8qHn2dXw1aZ")
    eml.add_argument("id", metavar="ID", help="of the message, as the queue lists it")
    bounce.add_argument("--yes", action="store_true", help="do not ask")
    for command in (hold, delete, bounce):
        command.add_argument("id", nargs="+", metavar="ID", help="of a message, as the queue lists it")
    release.add_argument("id", nargs="+", metavar="ID|NETWORK", help="a message, or an IP address or network")
    delete.add_argument("--yes", action="store_true", help="do not ask")


def _queue(client: ControlClient, arguments: argparse.Namespace) -> int:
    query = {"limit": str(arguments.limit)}
    if arguments.domain:
        query["domain"] = arguments.domain
    if arguments.after:
        query["after"] = arguments.after
    page = client.ask("GET", path_of("queue"), query)
    if arguments.json:
        return print_json(page)
    print(queue_view(page, time.time()))
    return DONE


def _show(client: ControlClient, arguments: argparse.Namespace) -> int:
    message = client.ask("GET", path_of("messages", arguments.id))
    if arguments.json:
        return print_json(message)
    print(message_view(message, time.time()))
    return DONE


def _hold(client: ControlClient, arguments: argparse.Namespace) -> int:
    def hold(id: str) -> str:
        client.ask("POST", path_of("messages", id, "hold"))
        return f"{harmless(id)}: held"

    return for_each(arguments.id, hold)


def _release(client: ControlClient, arguments: argparse.Namespace) -> int:
    def release(name: str) -> str:
        if not is_network(name):
            client.ask("POST", path_of("messages", name, "release"))
            return f"{harmless(name)}: released"
        done = client.ask("POST", path_of("sources", name, "release"), body={"by": operator()})
        sources = done["released"]
        found = "nothing was held against it" if not sources else f"released, {sources} source{'s' * (sources > 1)}"
        return f"{harmless(done['network'])}: {found}"

    return for_each(arguments.id, release)


def _bounce(client: ControlClient, arguments: argparse.Namespace) -> int:
    count = len(arguments.id)
    if not arguments.yes and not confirmed(f"Give up {count} message{'s' if count > 1 else ''}? [y/N] "):
        return complain("nothing was given up; --yes does so without asking")

    def bounce(id: str) -> str:
        client.ask("POST", path_of("messages", id, "bounce"))
        return f"{harmless(id)}: given up, its sender is told if it is genuine"

    return for_each(arguments.id, bounce)


def _eml(client: ControlClient, arguments: argparse.Namespace) -> int:
    octets = client.ask("GET", path_of("messages", arguments.id, "eml"))
    sys.stdout.buffer.write(octets)
    return DONE


def _delete(client: ControlClient, arguments: argparse.Namespace) -> int:
    count = len(arguments.id)
    if not arguments.yes and not confirmed(f"Delete {count} message{'s' if count > 1 else ''} for good? [y/N] "):
        return complain("nothing was deleted; --yes deletes without asking")

    def delete(id: str) -> str:
        client.ask("DELETE", path_of("messages", id))
        return f"{harmless(id)}: deleted"

    return for_each(arguments.id, delete)


def is_network(name: str) -> bool:
    """Tell an IP address or a network from the id of a message, which has neither dots nor colons."""
    try:
        ipaddress.ip_network(name.strip(), strict=False)
    except ValueError:
        return False
    return "." in name or ":" in name
