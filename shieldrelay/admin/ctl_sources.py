"""The commands of ``shieldrelayctl`` about sources: explain, allow, deny, revoke, lists, sources.

Standard library only.
"""

from __future__ import annotations

import argparse

from shieldrelay.admin.ctl_client import ControlClient, path_of
from shieldrelay.admin.ctl_outcome import DONE, AddCommand, for_each, operator, print_json
from shieldrelay.admin.ctl_source_views import entries_view, entry_line, source_view, worst_view
from shieldrelay.admin.ctl_text import harmless, span, whole


def add_source_commands(add: AddCommand) -> None:
    """Declare the commands."""
    explain = add(
        "explain", _explain, "Say why an address is treated as it is, and what it may do now.", "explain 192.0.2.7"
    )
    explain.add_argument("address", metavar="ADDRESS", help="an IP address")
    explain.add_argument("--json", action="store_true", help="print the node's answer as it is")
    _add_list_command(
        add, "allow", "Let networks in whatever the defences say; recipients must exist all the same.", "for a partner"
    )
    _add_list_command(add, "deny", "Refuse networks for good at connect.", "abuse")
    revoke = add("revoke", _revoke, "Take back what was allowed or denied.", "revoke 192.0.2.0/24")
    revoke.add_argument("network", nargs="+", metavar="NETWORK", help="exactly as it was given")
    lists = add("lists", _lists, "List who is allowed, denied and banned.", "lists --kind ban --limit 50")
    lists.add_argument("--kind", choices=("allow", "deny", "ban"), help="only these")
    lists.add_argument("--limit", type=whole(1, 1000), default=100, metavar="N", help="at most so many (default: 100)")
    lists.add_argument("--after", metavar="CURSOR", help="the page after one that ended so")
    lists.add_argument("--json", action="store_true", help="print the node's answer as it is")
    sources = add("sources", _sources, "List the sources that weigh most now.", "sources --limit 10")
    sources.add_argument("--limit", type=whole(1, 1000), default=20, metavar="N", help="at most so many (default: 20)")
    sources.add_argument("--json", action="store_true", help="print the node's answer as it is")


def _add_list_command(add: AddCommand, kind: str, words: str, reason: str) -> None:
    def run(client: ControlClient, arguments: argparse.Namespace) -> int:
        return _enter(client, arguments, kind)

    command = add(kind, run, words, f'{kind} 192.0.2.0/24 --for 7d --reason "{reason}"')
    command.add_argument("network", nargs="+", metavar="NETWORK", help="an IP address, or a network")
    command.add_argument(
        "--for", dest="seconds", type=span, metavar="TIME", help="so long, such as 30m, 12h or 7d (default: for ever)"
    )
    command.add_argument("--reason", default="", metavar="WORDS", help="why, for those who look later")


def _explain(client: ControlClient, arguments: argparse.Namespace) -> int:
    source = client.ask("GET", path_of("sources", arguments.address))
    if arguments.json:
        return print_json(source)
    print(source_view(source))
    return DONE


def _enter(client: ControlClient, arguments: argparse.Namespace, kind: str) -> int:
    def enter(network: str) -> str:
        wanted = {
            "kind": kind,
            "network": network,
            "seconds": arguments.seconds,
            "reason": arguments.reason,
            "by": operator(),
        }
        return entry_line(client.ask("POST", path_of("entries"), body=wanted))

    return for_each(arguments.network, enter)


def _revoke(client: ControlClient, arguments: argparse.Namespace) -> int:
    def revoke(network: str) -> str:
        done = client.ask("DELETE", path_of("entries", network), body={"by": operator()})
        return f"{harmless(done['network'])}: {'revoked' if done['revoked'] else 'was neither allowed nor denied'}"

    return for_each(arguments.network, revoke)


def _lists(client: ControlClient, arguments: argparse.Namespace) -> int:
    query = {"limit": str(arguments.limit)}
    if arguments.kind:
        query["kind"] = arguments.kind
    if arguments.after:
        query["after"] = arguments.after
    page = client.ask("GET", path_of("entries"), query)
    if arguments.json:
        return print_json(page)
    print(entries_view(page))
    return DONE


def _sources(client: ControlClient, arguments: argparse.Namespace) -> int:
    worst = client.ask("GET", path_of("sources"), {"limit": str(arguments.limit)})
    if arguments.json:
        return print_json(worst)
    print(worst_view(worst))
    return DONE
