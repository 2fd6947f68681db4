"""The order of system calls on the way to a 250, as strace sees them on the running node."""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path

from attrs import define

from bench.examination.client import Client
from bench.examination.fact import Fact
from bench.examination.node import Node
from bench.examination.smuggling import Ground

SETTINGS = ""
_CALLS = (
    "trace=openat,write,writev,pwrite64,fsync,fdatasync,link,linkat,rename,renameat,renameat2,unlink,unlinkat,"
    "sendto,sendmsg,send"
)
_LINE = re.compile(
    r"^(?P<pid>\d+) +(?P<at>[\d.]+) (?:<\.\.\. (?P<again>\w+) resumed>(?P<rest>.*)|(?P<call>\w+)\((?P<arguments>.*))$"
)
_DESCRIPTOR = re.compile(r"\d+<(?P<path>[^>]*)>")


@define
class Call:
    """One finished system call.

    :ivar begun: seconds on the clock when it began; ``ended`` when it came back.
    """

    name: str
    text: str
    begun: float
    ended: float


def calls(trace: Path) -> list[Call]:
    """Read a trace, joining what was interrupted by other threads."""
    pending: dict[str, Call] = {}
    found: list[Call] = []
    for line in trace.read_text(errors="replace").splitlines():
        match = _LINE.match(line)
        if match is None:
            continue
        at = float(match["at"])
        if match["again"]:
            call = pending.pop(match["pid"], None)
            if call is not None:
                call.text += match["rest"]
                call.ended = at
            continue
        call = Call(match["call"], match["arguments"], at, at)
        found.append(call)
        if line.endswith("<unfinished ...>"):
            pending[match["pid"]] = call
    return found


def examine(_ground: Ground | None = None, count: int = 50) -> Iterator[Fact]:
    """Send so many messages to a node that spools first, with its next hop down, under strace."""
    scratch = Path(tempfile.mkdtemp(prefix="shieldrelay-ordering-"))
    trace = scratch / "trace"
    before = ("strace", "-f", "-y", "-ttt", "-s", "400", "-o", str(trace), "-e", _CALLS)
    node = Node(scratch, next_hop=1, first_attempt="queued", before=before)
    try:
        node.start(60)
        replies = _send(node, count)
    finally:
        node.stop()
    yield from judge(calls(trace), replies)
    shutil.rmtree(scratch, ignore_errors=True)


def _send(node: Node, count: int) -> list[tuple[bytes, bytes]]:
    """Send messages; give each one's token and the reference in the reply."""
    client = Client.introduced(node.port, seconds=60)
    found = []
    for number in range(count):
        token = b"token-%04d-end" % number
        client.data()
        reply = client.ask(b"Subject: " + token + b"\r\n\r\n" + b"x" * 3000 + b"\r\n.")
        found.append((token, reply.text.split(b" ")[-1] if reply.code == 250 else b""))
    client.close()
    return found


def judge(trace: list[Call], replies: list[tuple[bytes, bytes]]) -> Iterator[Fact]:
    """Judge each message: written, fsynced, linked, directory fsynced, and only then 250."""
    for token, reference in replies:
        steps = _steps(trace, token.decode(), reference.decode())
        names = ("written", "file fsynced", "linked into new/", "directory fsynced", "250 sent")
        missing = [name for name, step in zip(names, steps, strict=True) if step is None]
        whole = [step for step in steps if step is not None]
        ordered = all(one.ended <= other.begun for one, other in pairwise(whole))
        seen = f"missing: {missing}" if missing else "" if ordered else str([(each.name, each.begun) for each in whole])
        yield Fact(f"order of calls for {token.decode()}", not missing and ordered, seen)


def _steps(trace: list[Call], token: str, reference: str) -> list[Call | None]:
    """Find the five calls of one message, each behind the one before."""
    steps: list[Call | None] = []
    written = _first(trace, 0.0, "write writev pwrite64", lambda call: token in call.text)
    steps.append(written)
    path = _DESCRIPTOR.search(written.text) if written is not None else None
    if written is None or path is None:
        return [written, None, None, None, None]
    name = path["path"]
    synced = _first(trace, written.begun, "fsync fdatasync", lambda call: name in call.text)
    linked = _first(
        trace,
        written.begun,
        "link linkat rename renameat renameat2",
        lambda call: Path(name).name in call.text and "/new/" in call.text,
    )
    folder = str(Path(name).parent.parent / "new")
    settled = None
    if linked is not None:
        settled = _first(trace, linked.ended, "fsync fdatasync", lambda call: f"<{folder}>" in call.text)
    said = _first(
        trace,
        0.0,
        "sendto send sendmsg write",
        lambda call: bool(reference) and f"reference {reference}" in call.text and "250" in call.text,
    )
    return [written, synced, linked, settled, said]


def _first(trace: list[Call], after: float, names: str, wanted: Callable[[Call], bool]) -> Call | None:
    words = names.split()
    return next((call for call in trace if call.begun >= after and call.name in words and wanted(call)), None)
