"""``shieldrelayctl``: what an operator asks of a running node. Standard library only, so that it starts quickly.

Every command is one request to the control socket. Exit status: 0 done; 1 the node refused, or nothing was done; 2
wrong usage; 3 the node cannot be reached. Results go to standard output, everything else to standard error.
"""

from __future__ import annotations

import argparse
import os
import sys
import threading
import time
from collections.abc import Sequence

from shieldrelay.admin.ctl_access import add_access_commands
from shieldrelay.admin.ctl_alarms import add_alarm_commands
from shieldrelay.admin.ctl_backup import add_backup_commands
from shieldrelay.admin.ctl_check import add_check_command
from shieldrelay.admin.ctl_client import Answered, ControlClient, Unreachable, WebClient, path_of
from shieldrelay.admin.ctl_completion import add_completion_command
from shieldrelay.admin.ctl_defences import add_defence_commands
from shieldrelay.admin.ctl_domains import add_domain_command
from shieldrelay.admin.ctl_everywhere import run_everywhere
from shieldrelay.admin.ctl_lists import add_list_commands, spelled_out
from shieldrelay.admin.ctl_members import add_member_commands
from shieldrelay.admin.ctl_messages import add_message_commands
from shieldrelay.admin.ctl_node import add_node_commands
from shieldrelay.admin.ctl_outcome import (
    DONE,
    REFUSED,
    UNREACHABLE,
    USAGE,
    Command,
    complain,
    print_json,
    whole_refusal,
)
from shieldrelay.admin.ctl_parts import add_part_commands
from shieldrelay.admin.ctl_reports import add_report_command
from shieldrelay.admin.ctl_setup import add_setup_command
from shieldrelay.admin.ctl_sources import add_source_commands
from shieldrelay.admin.ctl_text import duration, harmless, until, whole
from shieldrelay.admin.ctl_top import add_top_command
from shieldrelay.admin.ctl_trace import add_trace_command
from shieldrelay.admin.ctl_views import status_view

DEFAULT_SOCKET = "/run/shieldrelay/control.sock"
SOCKET_VARIABLE = "SHIELDRELAY_CONTROL"

def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and give the exit status."""
    arguments = parser().parse_args(spelled_out(sys.argv[1:] if argv is None else argv))
    try:
        client = _client(arguments)
        client.node, client.everywhere = arguments.node, arguments.everywhere
        if arguments.node and arguments.everywhere:
            return complain("one of --node and --everywhere", USAGE)
        status = run_everywhere(client, arguments) if arguments.everywhere else int(arguments.run(client, arguments))
        if client.silent:
            complain(f"worker {', '.join(map(str, client.silent))} of the node did not answer; the others did")
        return status
    except Unreachable as fault:
        return complain(str(fault), UNREACHABLE)
    except Answered as fault:
        return complain(whole_refusal(fault), REFUSED)
    except KeyboardInterrupt:
        return DONE
    except BrokenPipeError:
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115, PTH123 - so that the flush at exit finds an open stream
        return DONE


def _client(arguments: argparse.Namespace) -> ControlClient:
    """Give what asks the node that is named.

    :raises Unreachable: it cannot be asked in this way.
    """
    if arguments.url:
        return WebClient(arguments.url, arguments.token_file or "", arguments.ca or "")
    return ControlClient(arguments.socket or os.environ.get(SOCKET_VARIABLE) or DEFAULT_SOCKET)


def _status(client: ControlClient, arguments: argparse.Namespace) -> int:
    """Show the node once, or again and again."""
    never = threading.Event()
    while True:
        status = client.ask("GET", path_of("status"))
        if arguments.json:
            print_json(status)
        else:
            clear = "\x1b[2J\x1b[H" if arguments.watch and sys.stdout.isatty() else ""
            print(clear + status_view(status), flush=True)
        if not arguments.watch:
            return DONE
        never.wait(arguments.watch)


def _flush(client: ControlClient, arguments: argparse.Namespace) -> int:
    done = client.ask("POST", path_of("domains", arguments.domain, "flush"))
    print(f"{harmless(done['domain'])}: {done['due']} messages are due now")
    return DONE


def _drill(client: ControlClient, arguments: argparse.Namespace) -> int:
    done = client.ask("POST", path_of("domains", arguments.domain, "drill"), body={"minutes": arguments.minutes})
    if done["drill_until"] is None:
        print(f"{harmless(done['domain'])}: no drill, the next hops are used")
    else:
        left = until(done["drill_until"], time.time())
        print(f"{harmless(done['domain'])}: the next hops are treated as down for {left}; --minutes 0 ends it")
    return DONE


def _believe(client: ControlClient, arguments: argparse.Namespace) -> int:
    done = client.ask("POST", path_of("domains", arguments.domain, "believe"))
    said = "its server's refusals count from now on" if done["believed"] else "no refusals are held back"
    print(f"{harmless(done['domain'])}: {said}")
    return DONE


def _reload(client: ControlClient, arguments: argparse.Namespace) -> int:
    changes = client.ask("POST", path_of("reload"))["changes"]
    print("\n".join(harmless(change) for change in changes) or "nothing changed")
    return DONE


def _seconds(text: str) -> float:
    seconds = float(text)
    if not 0.2 <= seconds <= 3600:
        raise argparse.ArgumentTypeError("from 0.2 to 3600 seconds")
    return seconds


def parser() -> argparse.ArgumentParser:
    """Declare the command line."""
    made = argparse.ArgumentParser(
        prog="shieldrelayctl",
        description="Look at a running shieldrelay node, and change what it is doing.",
        epilog=f"Exit status: {DONE} done, {REFUSED} refused, {USAGE} wrong usage, {UNREACHABLE} node not reachable.",
    )
    made.add_argument(
        "--socket", metavar="PATH", help=f"the node's control socket (default: ${SOCKET_VARIABLE}, or {DEFAULT_SOCKET})"
    )
    made.add_argument("--url", metavar="URL", help="ask a node over TCP instead, as in https://mx1.shield.example:8025")
    made.add_argument("--token-file", metavar="FILE", help="with --url: a file whose first line is a token")
    made.add_argument("--ca", metavar="FILE", help="with --url: who may have signed the node's certificate, in PEM")
    made.add_argument("--node", metavar="NAME", default="", help="have another node of the cluster answer")
    made.add_argument("--everywhere", action="store_true", help="have all nodes of the cluster answer")
    commands = made.add_subparsers(metavar="COMMAND", required=True)

    def add(name: str, run: Command, words: str, example: str) -> argparse.ArgumentParser:
        command = commands.add_parser(name, help=words, description=words, epilog=f"Example: shieldrelayctl {example}")
        command.set_defaults(run=run)
        return command

    status = add("status", _status, "Show the node and its protected domains.", "status --watch 5")
    status.add_argument("--json", action="store_true", help="print the node's answer as it is")
    status.add_argument(
        "--watch", nargs="?", type=_seconds, const=2.0, metavar="SECONDS", help="again and again (default: every 2)"
    )
    flush = add("flush", _flush, "Try all waiting messages of a domain now.", "flush example.com")
    flush.add_argument("domain", metavar="DOMAIN", help="a protected domain")
    drill = add(
        "drill",
        _drill,
        f"Treat a domain's next hops as down for a while ({duration(86400)} at most), to see what would happen.",
        "drill example.com --minutes 10",
    )
    drill.add_argument("domain", metavar="DOMAIN", help="a protected domain")
    drill.add_argument("--minutes", type=whole(0, 1440), required=True, metavar="N", help="how long; 0 ends a drill")
    believe = add(
        "believe",
        _believe,
        "Let a server's refusals of its own recipients count, which are held back as suspicious.",
        "believe example.com",
    )
    believe.add_argument("domain", metavar="DOMAIN", help="a protected domain")
    add_top_command(add)
    add_message_commands(add)
    add_source_commands(add)
    add_report_command(add)
    add_list_commands(add)
    add_part_commands(add)
    add_member_commands(add)
    add_trace_command(add)
    add_domain_command(add)
    add_access_commands(add)
    add_defence_commands(add)
    add_node_commands(add)
    add_completion_command(add, parser)
    add_alarm_commands(add)
    add_check_command(add)
    add_setup_command(add)
    add_backup_commands(add)
    add("reload", _reload, "Read the configuration again, whole or not at all.", "reload")
    return made


if __name__ == "__main__":
    sys.exit(main())
