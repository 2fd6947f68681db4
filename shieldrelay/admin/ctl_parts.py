"""The commands of ``shieldrelayctl`` about the spool's other parts: parts, adopt. Standard library only."""

from __future__ import annotations

import argparse

from shieldrelay.admin.ctl_client import ControlClient, path_of
from shieldrelay.admin.ctl_outcome import DONE, AddCommand, for_each, print_json
from shieldrelay.admin.ctl_text import harmless


def add_part_commands(add: AddCommand) -> None:
    """Declare the commands."""
    parts = add("parts", _parts, "List what other nodes have in the spool's directory.", "parts")
    parts.add_argument("--json", action="store_true", help="print the node's answer as it is")
    adopt = add(
        "adopt",
        _adopt,
        "Take over the mail of a node that will not come back, from a part of the spool that nobody holds.",
        "adopt mx2.shield.example",
    )
    adopt.add_argument("part", nargs="+", metavar="PART", help="a name that `parts` lists")


def _parts(client: ControlClient, arguments: argparse.Namespace) -> int:
    answer = client.ask("GET", path_of("parts"))
    if arguments.json:
        return print_json(answer)
    for one in answer["parts"]:
        print(f"{harmless(one['member'])}: {'held by a process' if one['locked'] else 'held by nobody'}")
    if not answer["parts"]:
        print("no other node has anything in this spool's directory")
    return DONE


def _adopt(client: ControlClient, arguments: argparse.Namespace) -> int:
    def adopt(part: str) -> str:
        done = client.ask("POST", path_of("parts", part, "adopt"))
        words = f"{harmless(part)}: {done['messages']} messages are this node's now, {done['held']} more on hold"
        if done["aside"]:
            words += f"; {done['aside']} domains are not configured here, and their mail waits in the spool"
        return f"{words}; {done['stuck']} files could not be brought over" if done["stuck"] else words

    return for_each(arguments.part, adopt)
