"""The command of ``shieldrelayctl`` for those who read the mail: report. Standard library only."""

from __future__ import annotations

import argparse
import ipaddress
import sys
from pathlib import Path

from shieldrelay.admin.ctl_client import ControlClient, path_of
from shieldrelay.admin.ctl_outcome import USAGE, AddCommand, complain, for_each
from shieldrelay.admin.ctl_text import harmless

_WORDS = {
    "taken": "counted",
    "already": "was reported before",
    "enough": "the domain has said enough of this source",
}


def add_report_command(add: AddCommand) -> None:
    """Declare the command."""
    report = add(
        "report",
        _report,
        "Report messages, or clients, as spam or ham, with a domain's token.",
        "report spam example.com 1xUzun3PcWee0dUqRj1Gpl1r --token-file token",
    )
    report.add_argument("opinion", choices=("spam", "ham"))
    report.add_argument("domain", metavar="DOMAIN", help="the protected domain that the mail came to")
    report.add_argument("subject", nargs="+", metavar="MESSAGE|ADDRESS", help="our id of a message, or an IP address")
    report.add_argument(
        "--token-file", default="-", metavar="FILE", help="where the domain's token is (default: standard input)"
    )


def _report(client: ControlClient, arguments: argparse.Namespace) -> int:
    try:
        token = (sys.stdin.read(400) if arguments.token_file == "-" else Path(arguments.token_file).read_text()).strip()
    except (OSError, UnicodeDecodeError) as fault:
        return complain(f"the token cannot be read: {fault}", USAGE)

    def report(subject: str) -> str:
        told = {"opinion": arguments.opinion, "token": token, _kind(subject): subject}
        done = client.ask("POST", path_of("domains", arguments.domain, "reports"), body=told)
        return f"{harmless(subject)}: {_WORDS.get(done['reception'], harmless(done['reception']))}"

    return for_each(arguments.subject, report)


def _kind(subject: str) -> str:
    """Say what is reported."""
    try:
        ipaddress.ip_address(subject)
    except ValueError:
        return "message"
    return "address"
