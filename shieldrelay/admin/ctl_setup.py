"""The command of ``shieldrelayctl`` that sets a node up. Standard library only.

What it does stands in ``shieldrelay.setup``, a process of its own that takes this one's place.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path
from typing import NoReturn

import shieldrelay
from shieldrelay.admin.ctl_client import ControlClient
from shieldrelay.admin.ctl_outcome import AddCommand

DEFAULT_FILE = "/etc/shieldrelay/shieldrelay.toml"

_SEVERAL = (
    ("--next-hop", "SERVER", "its mail server, with :port unless it is 25; again: the next to be tried"),
    ("--exists", "NAME", "who exists, when the file of recipients is made; again for each"),
    ("--node", "NAME", "another node of the cluster; again for each"),
    ("--address", "ADDRESS", "an address of this node, for as long as DNS does not have it; again for each"),
    ("--resolver", "ADDRESS", "ask this name server, not those of the machine"),
)


def add_setup_command(add: AddCommand) -> None:
    """Declare the command."""
    setup = add(
        "setup",
        _setup,
        "Set this node up for a domain: asks what is not given, looks at DNS, TLS and the next hop, writes the files, "
        "and shows the DNS records and the firewall's rule. Needs no running node.",
        "setup --domain example.com --next-hop 192.0.2.25",
    )
    setup.add_argument("--hostname", metavar="NAME", help="this node's name, which MX records will name")
    setup.add_argument("--domain", metavar="DOMAIN", help="the domain to protect")
    setup.add_argument(
        "--recipients", metavar="SOURCE", help="where it stands who exists: file:/path, csv:, ldif:, https:, push, any"
    )
    setup.add_argument(
        "--certificate", nargs=2, metavar=("CERTIFICATE", "KEY"), help="two files in PEM (default: as it is)"
    )
    for option, shown, words in _SEVERAL:
        setup.add_argument(option, action="append", metavar=shown, help=words)
    setup.add_argument("--config", default=DEFAULT_FILE, metavar="FILE", help=f"default: {DEFAULT_FILE}")
    setup.add_argument("--no-questions", action="store_true", help="fail where an answer is missing")
    setup.add_argument("--anyway", action="store_true", help="go on although a look finds an error")
    setup.add_argument("--force", action="store_true", help="replace files that say something else, without asking")


def _setup(_client: ControlClient, arguments: argparse.Namespace) -> int:
    typed = {
        name: " ".join(value) if isinstance(value, list) else value
        for name, value in vars(arguments).items()
        if name != "run" and name not in ("socket", "url", "token_file", "ca")
    }
    typed["config"] = os.path.abspath(typed["config"])
    become("shieldrelay.setup", json.dumps(typed))


def become(module: str, *words: str) -> NoReturn:
    """Let a module of the package, run as a program, take this process's place."""
    paths = [str(Path(shieldrelay.__file__).parents[1]), *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}
    sys.stdout.flush()
    os.execve(sys.executable, [sys.executable, "-P", "-m", module, *words], environment)
