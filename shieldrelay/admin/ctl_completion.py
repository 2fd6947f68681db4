"""The command ``shieldrelayctl completion``: what a shell needs to complete the others, made from the parser itself.

The only door to ``shtab``, which is imported when the command is given.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable

from shieldrelay.admin.ctl_client import ControlClient
from shieldrelay.admin.ctl_outcome import DONE, AddCommand

SHELLS = ("bash", "zsh", "tcsh")
_FILES = ("FILE", "PATH")


def add_completion_command(add: AddCommand, parser: Callable[[], argparse.ArgumentParser]) -> None:
    """Declare the command.

    :param parser: gives the whole parser.
    """

    def completion(_client: ControlClient, arguments: argparse.Namespace) -> int:
        print(completion_of(parser(), arguments.shell))
        return DONE

    command = add(
        "completion", completion, "Print what a shell needs to complete these commands.",
        "completion bash > /etc/bash_completion.d/shieldrelayctl",
    )  # fmt: skip
    command.add_argument("shell", choices=SHELLS)


def completion_of(parser: argparse.ArgumentParser, shell: str) -> str:
    """Give the script for a shell; arguments that are files are completed as such."""
    import shtab

    _mark_files(parser, shtab.FILE)
    script: str = shtab.complete(parser, shell)
    return script


def _mark_files(parser: argparse.ArgumentParser, files: object) -> None:
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for each in action.choices.values():
                _mark_files(each, files)
        elif action.metavar in _FILES:
            action.complete = files  # type: ignore[attr-defined]
