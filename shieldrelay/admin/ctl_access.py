"""The commands of ``shieldrelayctl`` about who may do what: token, password, audit. Standard library only."""

from __future__ import annotations

import argparse
import getpass
import sys
import time

from shieldrelay.admin.auth_password import LEAST_CHARACTERS, hash_of
from shieldrelay.admin.ctl_client import ControlClient, path_of
from shieldrelay.admin.ctl_outcome import DONE, USAGE, AddCommand, complain, operator, print_json
from shieldrelay.admin.ctl_text import harmless, whole

ROLES = ("view", "operate", "admin")


def add_access_commands(add: AddCommand) -> None:
    """Declare the commands."""
    token = add(
        "token", _token, "Make, list or revoke tokens, with which programs ask a node over TCP.",
        "token create dashboard --role view --domain example.com",
    )  # fmt: skip
    actions = token.add_subparsers(metavar="ACTION", required=True)
    create = actions.add_parser("create", help="make one; it is shown this once")
    create.add_argument("name", metavar="NAME")
    create.add_argument("--role", choices=ROLES, default="view", help="default: view")
    create.add_argument(
        "--domain", action="append", metavar="DOMAIN", help="limit it to a protected domain; may be there again"
    )
    create.set_defaults(run=_create)
    listing = actions.add_parser("list", help="list them")
    listing.add_argument("--json", action="store_true", help="print the node's answer as it is")
    listing.set_defaults(run=_list)
    revoke = actions.add_parser("revoke", help="take one back, at once")
    revoke.add_argument("name", metavar="NAME")
    revoke.set_defaults(run=_revoke)
    add("password", _password, "Hash a password, for the file of a user in [admin.users].", "password > alice")
    audit = add("audit", _audit, "Show who did what, newest first.", "audit --limit 20")
    audit.add_argument("--limit", type=whole(1, 1000), default=50, metavar="N", help="at most so many (default: 50)")
    audit.add_argument("--json", action="store_true", help="print the node's answer as it is")


def _token(_client: ControlClient, _arguments: argparse.Namespace) -> int:
    return complain("token create, list or revoke", USAGE)


def _create(client: ControlClient, arguments: argparse.Namespace) -> int:
    wanted = {"name": arguments.name, "role": arguments.role, "by": operator()}
    if arguments.domain:
        wanted["domains"] = arguments.domain
    made = client.ask("POST", path_of("tokens"), body=wanted)
    print(made["token"])
    return DONE


def _list(client: ControlClient, arguments: argparse.Namespace) -> int:
    answer = client.ask("GET", path_of("tokens"))
    if arguments.json:
        return print_json(answer)
    for one in answer["tokens"]:
        domains = ", ".join(one["domains"]) or "all domains"
        made = time.strftime("%Y-%m-%d", time.gmtime(one["made"]))
        print(f"{harmless(one['name'])}: {one['role']}, {harmless(domains)}, made {made} by {harmless(one['by'])}")
    if not answer["tokens"]:
        print("there are no tokens")
    return DONE


def _revoke(client: ControlClient, arguments: argparse.Namespace) -> int:
    done = client.ask("DELETE", path_of("tokens", arguments.name))
    print(f"{harmless(done['name'])}: {'revoked' if done['revoked'] else 'there is no such token'}")
    return DONE


def _password(_client: ControlClient, _arguments: argparse.Namespace) -> int:
    """Hash what is typed twice, or the first line of standard input; asks no node."""
    if sys.stdin.isatty():
        password = getpass.getpass("password: ", sys.stderr)
        if getpass.getpass("again: ", sys.stderr) != password:
            return complain("these are two different passwords", USAGE)
    else:
        password = sys.stdin.readline().rstrip("\n")
    if len(password) < LEAST_CHARACTERS:
        return complain(f"a password has at least {LEAST_CHARACTERS} characters", USAGE)
    print(hash_of(password))
    return DONE


def _audit(client: ControlClient, arguments: argparse.Namespace) -> int:
    answer = client.ask("GET", path_of("audit"), {"limit": str(arguments.limit)})
    if arguments.json:
        return print_json(answer)
    for one in answer["entries"]:
        at = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(one["at"]))
        whence = " ".join(part for part in (one["way"], one["source"]) if part)
        result = f"{one['status']} {one['code']}".strip()
        node = f"{one['node']}  " if "node" in one else ""
        print(harmless(f"{at}  {node}{one['who'] or '?'} ({whence})  {one['action']}  {result}"))
    return DONE
