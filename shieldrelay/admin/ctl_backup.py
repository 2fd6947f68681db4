"""The commands of ``shieldrelayctl`` that keep a node's configuration, lists and history, and put them back.

What they do stands in ``shieldrelay.backup``, a process of its own that takes this one's place. Standard library only.
"""

from __future__ import annotations

import argparse
import json
import os

from shieldrelay.admin.ctl_client import ControlClient
from shieldrelay.admin.ctl_outcome import AddCommand
from shieldrelay.admin.ctl_setup import DEFAULT_FILE, become

_MODULE = "shieldrelay.backup"


def add_backup_commands(add: AddCommand) -> None:
    """Declare the commands."""
    backup = add(
        "backup",
        _backup,
        "Write configuration, lists, history and secrets into one file; the node may run. Mail is not in it.",
        "backup /var/backups/mx1.backup",
    )
    backup.add_argument("file", metavar="FILE", help="a file that is not there yet")
    backup.add_argument("--config", default=DEFAULT_FILE, metavar="FILE", help=f"default: {DEFAULT_FILE}")
    restore = add(
        "restore",
        _restore,
        "Put back what `backup` wrote, to where it was, while the node is stopped.",
        "restore /var/backups/mx1.backup",
    )
    restore.add_argument("file", metavar="FILE", help="what backup wrote")
    restore.add_argument("--check", action="store_true", help="prove that it is whole, and put nothing back")
    restore.add_argument("--force", action="store_true", help="replace files that say something else")


def _backup(_client: ControlClient, arguments: argparse.Namespace) -> int:
    typed = {"action": "backup", "file": os.path.abspath(arguments.file), "config": os.path.abspath(arguments.config)}
    become(_MODULE, json.dumps(typed))


def _restore(_client: ControlClient, arguments: argparse.Namespace) -> int:
    typed = {
        "action": "restore", "file": os.path.abspath(arguments.file), "check": arguments.check, "force": arguments.force
    }  # fmt: skip
    become(_MODULE, json.dumps(typed))
