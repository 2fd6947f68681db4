"""``shieldrelayctl``: what an operator asks of a running node. Standard library only, so that it starts quickly.

Every command is one request to the control socket. Exit status: 0 done; 1 the node refused, or nothing was done; 2
wrong usage; 3 the node cannot be reached. Results go to standard output, everything else to standard error.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

from shieldrelay.admin.ctl_client import Answered, ControlClient, Unreachable, path_of
from shieldrelay.admin.ctl_text import duration, harmless, until
from shieldrelay.admin.ctl_views import message_view, queue_view, status_view

DEFAULT_SOCKET = "/run/shieldrelay/control.sock"
SOCKET_VARIABLE = "SHIELDRELAY_CONTROL"
DONE, REFUSED, USAGE, UNREACHABLE = 0, 1, 2, 3

Command = Callable[[ControlClient, argparse.Namespace], int]


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and give the exit status."""
    arguments = _parser().parse_args(argv)
    client = ControlClient(arguments.socket or os.environ.get(SOCKET_VARIABLE) or DEFAULT_SOCKET)
    try:
        return int(arguments.run(client, arguments))
    except Unreachable as fault:
        return _complain(str(fault), UNREACHABLE)
    except Answered as fault:
        return _complain("\n  ".join((_with_hints(fault), *_list(fault))), REFUSED)
    except KeyboardInterrupt:
        return DONE
    except BrokenPipeError:
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115, PTH123 - so that the flush at exit finds an open stream
        return DONE


def _complain(words: str, status: int) -> int:
    print(f"shieldrelayctl: {words}", file=sys.stderr)
    return status


def _with_hints(fault: Answered) -> str:
    if fault.status == 404 and fault.hints:
        return harmless(f"{fault.message} Did you mean {' or '.join(fault.hints)}?")
    return harmless(fault.message)


def _list(fault: Answered) -> list[str]:
    return [] if fault.status == 404 else [harmless(hint) for hint in fault.hints]


def _print_json(value: Any) -> int:
    print(json.dumps(value, indent=2))
    return DONE


def _status(client: ControlClient, arguments: argparse.Namespace) -> int:
    """Show the node once, or again and again."""
    never = threading.Event()
    while True:
        status = client.ask("GET", path_of("status"))
        if arguments.json:
            _print_json(status)
        else:
            clear = "\x1b[2J\x1b[H" if arguments.watch and sys.stdout.isatty() else ""
            print(clear + status_view(status), flush=True)
        if not arguments.watch:
            return DONE
        never.wait(arguments.watch)


def _queue(client: ControlClient, arguments: argparse.Namespace) -> int:
    query = {"limit": str(arguments.limit)}
    if arguments.domain:
        query["domain"] = arguments.domain
    if arguments.after:
        query["after"] = arguments.after
    page = client.ask("GET", path_of("queue"), query)
    if arguments.json:
        return _print_json(page)
    print(queue_view(page, time.time()))
    return DONE


def _show(client: ControlClient, arguments: argparse.Namespace) -> int:
    message = client.ask("GET", path_of("messages", arguments.id))
    if arguments.json:
        return _print_json(message)
    print(message_view(message, time.time()))
    return DONE


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


def _hold(client: ControlClient, arguments: argparse.Namespace) -> int:
    return _for_each(arguments.id, "held", lambda id: client.ask("POST", path_of("messages", id, "hold")))


def _release(client: ControlClient, arguments: argparse.Namespace) -> int:
    return _for_each(arguments.id, "released", lambda id: client.ask("POST", path_of("messages", id, "release")))


def _delete(client: ControlClient, arguments: argparse.Namespace) -> int:
    count = len(arguments.id)
    if not arguments.yes and not _confirmed(f"Delete {count} message{'s' if count > 1 else ''} for good? [y/N] "):
        return _complain("nothing was deleted; --yes deletes without asking", REFUSED)
    return _for_each(arguments.id, "deleted", lambda id: client.ask("DELETE", path_of("messages", id)))


def _confirmed(question: str) -> bool:
    if not sys.stdin.isatty():
        return False
    print(question, end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def _for_each(ids: Sequence[str], done: str, ask: Callable[[str], Any]) -> int:
    """Do something to each message; one that is refused does not keep the others from it."""
    status = DONE
    for id in ids:
        try:
            ask(id)
        except Answered as fault:
            status = _complain(_with_hints(fault), REFUSED)
        else:
            print(f"{harmless(id)}: {done}")
    return status


def _reload(client: ControlClient, arguments: argparse.Namespace) -> int:
    changes = client.ask("POST", path_of("reload"))["changes"]
    print("\n".join(harmless(change) for change in changes) or "nothing changed")
    return DONE


def _seconds(text: str) -> float:
    seconds = float(text)
    if not 0.2 <= seconds <= 3600:
        raise argparse.ArgumentTypeError("from 0.2 to 3600 seconds")
    return seconds


def _whole(least: int, most: int) -> Callable[[str], int]:
    def parse(text: str) -> int:
        if not (text.isascii() and text.isdigit() and least <= int(text) <= most):
            raise argparse.ArgumentTypeError(f"a whole number from {least} to {most}, not {text!r}")
        return int(text)

    return parse


def _parser() -> argparse.ArgumentParser:
    """Declare the command line."""
    parser = argparse.ArgumentParser(
        prog="shieldrelayctl",
        description="Look at a running shieldrelay node, and change what it is doing.",
        epilog=f"Exit status: {DONE} done, {REFUSED} refused, {USAGE} wrong usage, {UNREACHABLE} node not reachable.",
    )
    parser.add_argument(
        "--socket", metavar="PATH", help=f"the node's control socket (default: ${SOCKET_VARIABLE}, or {DEFAULT_SOCKET})"
    )
    commands = parser.add_subparsers(metavar="COMMAND", required=True)

    def add(name: str, run: Command, words: str, example: str) -> argparse.ArgumentParser:
        command = commands.add_parser(name, help=words, description=words, epilog=f"Example: shieldrelayctl {example}")
        command.set_defaults(run=run)
        return command

    status = add("status", _status, "Show the node and its protected domains.", "status --watch 5")
    status.add_argument("--json", action="store_true", help="print the node's answer as it is")
    status.add_argument(
        "--watch", nargs="?", type=_seconds, const=2.0, metavar="SECONDS", help="again and again (default: every 2)"
    )
    queue = add("queue", _queue, "List the messages that are spooled, oldest first.", "queue example.com --limit 20")
    queue.add_argument("domain", nargs="?", metavar="DOMAIN", help="only of this protected domain")
    queue.add_argument("--limit", type=_whole(1, 1000), default=100, metavar="N", help="at most so many (default: 100)")
    queue.add_argument("--after", metavar="CURSOR", help="the page after one that ended so")
    queue.add_argument("--json", action="store_true", help="print the node's answer as it is")
    show = add("show", _show, "Show one message: envelope, attempts, next try, header.", "show 5K0vJ8qHn2dXw1aZ")
    show.add_argument("id", metavar="ID", help="of the message, as the queue lists it")
    show.add_argument("--json", action="store_true", help="print the node's answer as it is")
    flush = add("flush", _flush, "Try all waiting messages of a domain now.", "flush example.com")
    flush.add_argument("domain", metavar="DOMAIN", help="a protected domain")
    drill = add(
        "drill",
        _drill,
        f"Treat a domain's next hops as down for a while ({duration(86400)} at most), to see what would happen.",
        "drill example.com --minutes 10",
    )
    drill.add_argument("domain", metavar="DOMAIN", help="a protected domain")
    drill.add_argument("--minutes", type=_whole(0, 1440), required=True, metavar="N", help="how long; 0 ends a drill")
    _add_message_commands(add)
    add("reload", _reload, "Read the configuration again, whole or not at all.", "reload")
    return parser


def _add_message_commands(add: Callable[[str, Command, str, str], argparse.ArgumentParser]) -> None:
    """Declare the commands that change messages."""
    hold = add("hold", _hold, "Set messages aside: kept, not tried.", "hold 5K0vJ8qHn2dXw1aZ")
    release = add("release", _release, "Let held messages go on.", "release 5K0vJ8qHn2dXw1aZ")
    delete = add("delete", _delete, "Delete messages for good, without a notice.", "delete --yes 5K0vJ8qHn2dXw1aZ")
    for command in (hold, release, delete):
        command.add_argument("id", nargs="+", metavar="ID", help="of a message, as the queue lists it")
    delete.add_argument("--yes", action="store_true", help="do not ask")


if __name__ == "__main__":
    sys.exit(main())
