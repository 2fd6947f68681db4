"""The command of ``shieldrelayctl`` that searches what became of sessions and messages. Standard library only."""

from __future__ import annotations

import argparse
import sys
import threading
import time
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from shieldrelay.admin.ctl_client import ControlClient, path_of
from shieldrelay.admin.ctl_outcome import DONE, REFUSED, USAGE, AddCommand, complain, print_json
from shieldrelay.admin.ctl_text import harmless, span, whole
from shieldrelay.admin.ctl_trace_views import followed_view, index_view, lines_view, story_view, trouble_view

FOLLOW_SECONDS = 1.0
_WORDS = (
    ("sender", "ADDRESS", "the reverse-path; @domain for all of a domain, <> for the null one"),
    ("recipient", "ADDRESS", "a recipient; @domain for all of a domain"),
    ("source", "IP", "the client's address, or a network"),
    ("reason", "WORDS", "words of the reason, or of the next hop's reply"),
    ("event", "NAME", "such as transaction, attempt, refused, session"),
    ("defence", "NAME", "who refused"),
    ("result", "WORD", "such as accepted, refused, tempfailed, taken"),
    ("domain", "DOMAIN", "a protected domain"),
)


def add_trace_command(add: AddCommand) -> None:
    """Declare the command."""
    trace = add(
        "trace",
        _trace,
        "Search what became of sessions and messages; with an id (also the reference that a refusal names), its story.",
        "trace --recipient alice@example.com --since 2h",
    )
    trace.add_argument("id", nargs="?", metavar="ID", help="of a session or a message: tell all that is known of it")
    for name, metavar, words in _WORDS:
        trace.add_argument(f"--{name}", metavar=metavar, help=words)
    trace.add_argument("--since", type=_moment, metavar="TIME", help="so long ago, as in 2h; or 2026-11-22T10:30")
    trace.add_argument("--until", type=_moment, metavar="TIME", help="likewise")
    trace.add_argument("--limit", type=whole(1, 1000), default=50, metavar="N", help="at most so many (default: 50)")
    trace.add_argument("--after", metavar="CURSOR", help="the page after one that ended so")
    trace.add_argument("-f", "--follow", action="store_true", help="go on with what comes, until Ctrl-C")
    trace.add_argument("--everywhere", action="store_true", help="ask the other nodes of the cluster too")
    trace.add_argument("--index", action="store_true", help="say how far the index of the journal is, and nothing else")
    trace.add_argument("--json", action="store_true", help="print the node's answer as it is")


def _moment(text: str) -> float:
    """Read a moment: a span before now, or a date and time of this machine."""
    try:
        return datetime.fromisoformat(text).astimezone().timestamp()
    except ValueError:
        return time.time() - span(text)


def _trace(client: ControlClient, arguments: argparse.Namespace) -> int:
    if arguments.index:
        return _index(client, arguments)
    if arguments.id:
        return _story(client, arguments)
    if arguments.follow:
        if arguments.everywhere:
            return complain("one node can be followed at a time: leave --everywhere away", USAGE)
        return _follow(client, arguments)
    page = client.ask("GET", path_of("trace"), _query(arguments))
    if arguments.json:
        return print_json(page)
    print(lines_view(page, everywhere=arguments.everywhere))
    for words in trouble_view(page):
        complain(words)
    return DONE


def _query(arguments: argparse.Namespace) -> dict[str, str]:
    query = {name: getattr(arguments, name) for name, _, _ in _WORDS if getattr(arguments, name)}
    for name in ("since", "until"):
        if getattr(arguments, name) is not None:
            query[name] = f"{getattr(arguments, name):.6f}"
    if arguments.after:
        query["after"] = arguments.after
    if arguments.everywhere:
        query["everywhere"] = "true"
    return {**query, "limit": str(arguments.limit)}


def _index(client: ControlClient, arguments: argparse.Namespace) -> int:
    index = client.ask("GET", path_of("trace-index"))
    if arguments.json:
        return print_json(index)
    print(index_view(index, time.time()))
    return DONE


def _story(client: ControlClient, arguments: argparse.Namespace) -> int:
    """Tell a story, from all nodes if that is wanted."""
    answer = client.ask("GET", path_of("trace", arguments.id), {"everywhere": "true"} if arguments.everywhere else None)
    if arguments.json:
        return print_json(answer)
    for words in answer["silent"]:
        complain(harmless(words))
    text = story_view(arguments.id, answer)
    if not text:
        return complain(f"nothing is known of {arguments.id}: it is no id of this node, or too old", REFUSED)
    print(text)
    return DONE


def _follow(client: ControlClient, arguments: argparse.Namespace) -> int:
    """Show the last lines, and then what comes."""
    query = {**_query(arguments), "limit": str(min(arguments.limit, 20))}
    page = client.ask("GET", path_of("trace"), query)
    _tell(list(reversed(page["lines"])), arguments)
    for words in trouble_view(page):
        complain(words)
    place = page["newest"]
    never = threading.Event()
    query = {**_query(arguments), "limit": "1000"}
    query.pop("after", None)
    while True:
        never.wait(FOLLOW_SECONDS)
        if not place:  # there was no line at all
            page = client.ask("GET", path_of("trace"), query)
            page["lines"].reverse()
        else:
            page = client.ask("GET", path_of("trace"), {**query, "newer": place})
        _tell(page["lines"], arguments)
        place = page["lines"][-1]["place"] if page["after"] and page["lines"] else page["newest"] or place


def _tell(lines: Sequence[Any], arguments: argparse.Namespace) -> None:
    for line in lines:
        if arguments.json:
            print_json(line)
        else:
            print(followed_view(line))
    sys.stdout.flush()
