"""The reference of ``shieldrelayctl``, made from its parser; ``python -m shieldrelay.admin.ctl_page`` writes it."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

from shieldrelay.admin.ctl import parser

PAGE = Path(__file__).resolve().parents[2] / "docs" / "ctl.md"
_HEAD = """\
# The command line

`shieldrelayctl` looks at a running node and changes what it is doing. It asks the control socket of the node on the
same machine, or with `--url` a node [over TCP](admin-api.md); whatever the API can, a command can. This page is made
from the command's own declarations: `make etc`.

Tables are for people; with `--json` commands print the node's answer as it is. Results go to standard output,
everything else to standard error; nothing that a stranger chose can control the terminal.

| exit status | means |
|---|---|
| 0 | done |
| 1 | the node refused, or nothing was done; `check`: something is wrong |
| 2 | wrong usage |
| 3 | the node cannot be reached |
| 4 | `check` only: warnings, or something could not be looked at |

Completion: `shieldrelayctl completion bash > /etc/bash_completion.d/shieldrelayctl`; zsh and tcsh likewise.

## Which node

`--node` and `--everywhere` work with every command that asks a node. With `--everywhere` a list comes as one list of
all, with a column for the node; a message is acted on where it is; everything else is shown node by node. Who does not
answer is named on standard error, holds up the others for two seconds at most, and makes the exit status 1.
"""
_CHECK = """
`check` looks at what surrounds a node: the configuration and the files that it names; the certificate as a client
that verifies sees it (chain, name, end); MX records of every protected domain; the nodes' names and addresses;
whether MX, SPF, usual names or the header of a message (`--message`) give a protected server's address away; whether
a node's address is on a DNS list (`[check] lists`). With `--from-outside`, on any machine that the customer's
firewall does not let in: are the protected servers closed, are the nodes there, do they take mail under a valid
certificate. Nothing is sent; conversations end after RCPT for the postmaster. A server at a private address is not
knocked at. Each finding has a level (`ok`, `note`, `unsure`, `WARNING`, `ERROR`), what is so, and what to do.
"""
_EXPLAIN = """
The first line is the answer; then comes every judgement in the order in which a connection from there would meet it
now, from the operator's lists to the checks of the content: what it does (`passes`, `refuses`, `would refuse`,
`slows`, `asks`, `not asked`, `off`), and why, with the figures and for how long. `!` marks what refuses it first.
Below stand all counters of each defence, and the references that the client was told, by which the journal can be
searched.
"""
_MORE = {"check": _CHECK, "explain": _EXPLAIN}


def page() -> str:
    """Give the page."""
    made = parser()
    blocks = [_HEAD, _table(made)]
    for name, command in _commands(made):
        blocks.append(f"\n## {name}\n\n{_marked(command.description or '')}\n")
        blocks += [_MORE[name]] if name in _MORE else []
        inner = list(_commands(command))
        blocks += [_table(command)] if not inner else []
        for action, each in inner:
            words = f"`{name} {action}`: {_marked(_help(command, action)).rstrip('.')}."
            blocks.append(f"\n{words}\n{_table(each)}")
        if command.epilog:
            blocks.append("\n    " + command.epilog.removeprefix("Example: ") + "\n")
    return "".join(blocks)


def _commands(made: argparse.ArgumentParser) -> Iterator[tuple[str, argparse.ArgumentParser]]:
    for action in made._actions:
        if isinstance(action, argparse._SubParsersAction):
            yield from action.choices.items()


def _help(made: argparse.ArgumentParser, name: str) -> str:
    for action in made._actions:
        if isinstance(action, argparse._SubParsersAction):
            return next((each.help or "" for each in action._choices_actions if each.dest == name), "")
    return ""


def _table(made: argparse.ArgumentParser) -> str:
    """Give the arguments as a table, ``""`` when there are none."""
    rows = [_row(action) for action in made._actions if not _is_ours(action)]
    return "\n".join(["", "| argument | |", "|---|---|", *rows, ""]) if rows else ""


def _is_ours(action: argparse.Action) -> bool:
    return isinstance(action, argparse._HelpAction | argparse._SubParsersAction)


def _row(action: argparse.Action) -> str:
    value = action.metavar if isinstance(action.metavar, str) else ""
    if not value and action.choices is not None:
        value = "{" + ",".join(map(str, action.choices)) + "}"
    if not action.option_strings:
        shown = f"{value or action.dest}{' ...' if action.nargs in ('+', '*') else ''}"
    else:
        takes = value if action.nargs != 0 else ""
        shown = f"{', '.join(action.option_strings)} {f'[{takes}]' if action.nargs == '?' else takes}".strip()
    return f"| `{shown.replace('|', chr(92) + '|')}` | {_marked((action.help or '').replace('%%', '%'))} |"


def _marked(words: str) -> str:
    """Give prose for Markdown."""
    return words.replace("|", "\\|").replace("<", "\\<")


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
