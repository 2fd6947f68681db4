"""How a command of ``shieldrelayctl`` ends: exit statuses, and what is said when the node refuses.

Standard library only.
"""

from __future__ import annotations

import argparse
import json
import os
import pwd
import sys
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from shieldrelay.admin.ctl_client import Answered, ControlClient
from shieldrelay.admin.ctl_text import harmless

DONE, REFUSED, USAGE, UNREACHABLE = 0, 1, 2, 3

Command = Callable[[ControlClient, argparse.Namespace], int]


class AddCommand(Protocol):
    """Declares a command; part of the command line's parser."""

    def __call__(self, name: str, run: Command, words: str, example: str) -> argparse.ArgumentParser:
        """Give the parser of the command's own arguments."""


def complain(words: str, status: int = REFUSED) -> int:
    """Say why nothing was done, and give the exit status."""
    print(f"shieldrelayctl: {words}", file=sys.stderr)
    return status


def with_hints(fault: Answered) -> str:
    """Give a refusal in one line, with what may have been meant."""
    if fault.status == 404 and fault.hints:
        return harmless(f"{fault.message} Did you mean {' or '.join(fault.hints)}?")
    return harmless(fault.message)


def whole_refusal(fault: Answered) -> str:
    """Give a refusal with everything that the node said about it."""
    hints = [] if fault.status == 404 else [harmless(hint) for hint in fault.hints]
    return "\n  ".join((with_hints(fault), *hints))


def print_json(value: Any) -> int:
    """Print the node's answer as it is."""
    print(json.dumps(value, indent=2))
    return DONE


def for_each(names: Sequence[str], ask: Callable[[str], str]) -> int:
    """Do something to each and print what came of it; one that is refused does not keep the others from it."""
    status = DONE
    for name in names:
        try:
            print(ask(name))
        except Answered as fault:
            status = complain(with_hints(fault))
    return status


def confirmed(question: str) -> bool:
    """Ask whoever sits at the terminal; without one the answer is no."""
    if not sys.stdin.isatty():
        return False
    print(question, end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def operator() -> str:
    """Give the name of whoever runs the command, for the journal; by ``sudo``, who called it."""
    try:
        return os.environ.get("SUDO_USER") or pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return str(os.getuid())
