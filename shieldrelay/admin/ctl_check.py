"""The command ``shieldrelayctl check``: hands what was typed to a process of its own (`shieldrelay.check`).

That one knows the configuration, DNS and TLS, which would make every other command slow to start. Standard library
only.
"""

from __future__ import annotations

import argparse
import json
from typing import NoReturn

from shieldrelay.admin.ctl_client import ControlClient
from shieldrelay.admin.ctl_outcome import USAGE, AddCommand, complain
from shieldrelay.admin.ctl_setup import become
from shieldrelay.admin.ctl_text import whole

MODULE = "shieldrelay.check"
DEFAULT_FILE = "/etc/shieldrelay/shieldrelay.toml"
_KEYS = (
    "config", "domains", "servers", "nodes", "resolver", "message", "trust", "outside", "smtp_port", "json", "quiet",
)  # fmt: skip


def add_check_command(add: AddCommand) -> None:
    """Declare the command."""
    check = add(
        "check",
        _check,
        "Look at the configuration, the certificates and DNS; from another machine, at what strangers can reach. Asks "
        "no running node. Exit status: 0 all is well, 4 warnings, 1 errors, 2 wrong usage.",
        "check --from-outside --domain example.com --server 198.51.100.7 --node mx1.shield.example",
    )
    check.add_argument("--config", metavar="FILE", default=DEFAULT_FILE, help=f"default: {DEFAULT_FILE}")
    check.add_argument(
        "--from-outside", dest="outside", action="store_true",
        help="try what can be reached from here; for a machine that the customer's firewall does not let in",
    )  # fmt: skip
    check.add_argument(
        "--domain", dest="domains", action="append", default=[], metavar="DOMAIN",
        help="a protected domain; with it no configuration is read; may be there again, as the next three",
    )  # fmt: skip
    check.add_argument(
        "--server", dest="servers", action="append", default=[], metavar="HOST[:PORT]", help="with --domain: a server"
    )
    check.add_argument(
        "--node", dest="nodes", action="append", default=[], metavar="NAME", help="a node that MX records may lead to"
    )
    check.add_argument(
        "--resolver", action="append", default=[], metavar="ADDRESS[:PORT]", help="a name server to ask"
    )
    check.add_argument("--message", default="", metavar="FILE", help="a message that was sent from there; - reads it")
    check.add_argument("--trust", default="", metavar="FILE", help="certificates to trust, in PEM")
    check.add_argument(
        "--smtp-port", type=whole(1, 65535), default=25, metavar="PORT", help="where mail is delivered (default: 25)"
    )
    check.add_argument("--quiet", action="store_true", help="leave out what is well")
    check.add_argument("--json", action="store_true", help="print the findings as JSON")


def _check(_client: ControlClient, arguments: argparse.Namespace) -> int:
    if not arguments.servers or arguments.domains:
        _look(arguments)
    return complain("check: --server needs --domain", USAGE)


def _look(arguments: argparse.Namespace) -> NoReturn:
    """Go on as the process that looks."""
    become(MODULE, json.dumps({key: getattr(arguments, key) for key in _KEYS}))
