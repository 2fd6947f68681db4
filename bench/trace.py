"""What the index of the journal costs and how long searches take: ``python -m bench.trace --lines 10000000``.

Writes a journal as a busy node would (a quarter of all sessions is refused, no source comes twice), has it indexed by
the product's own code in this process, and searches. Prints CPU a line, octets a line, and each search's time with what
the system has of the files in its cache.
"""

from __future__ import annotations

import argparse
import json
import random
import resource
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

from attrs import frozen

from shieldrelay.trace import indexer, veil
from shieldrelay.trace.indexer import Indexer
from shieldrelay.trace.question import Question
from shieldrelay.trace.search import SECONDS, Search
from shieldrelay.trace.settings import DomainTerms, TraceSettings
from shieldrelay.trace.story import story
from shieldrelay.trace.veil import Veil

DOMAINS = tuple(f"d{number}.example" for number in range(50))
LINES_A_SESSION = 2.75
INTERVAL = 0.01
"""Seconds between two sessions."""
_LETTERS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_HEAD = '{"ts":"%s","level":"info","event":"%s","node":"mx1.example",%s\n'


@frozen
class Sample:
    """What one session can be found by."""

    session: str
    message: str
    source: str
    sender: str
    recipient: str


class Traffic:
    """Sessions of strangers."""

    def __init__(self, seed: int = 1) -> None:
        self._chance = random.Random(seed)

    def sample(self) -> Sample:
        """Make up one."""
        number = self._chance.randrange
        source = f"{number(1, 223)}.{number(256)}.{number(256)}.{number(1, 255)}"
        recipient = f"user{number(2000)}@{self._chance.choice(DOMAINS)}"
        return Sample(self._id(13), self._id(24), source, f"s{number(10**6)}@h{number(20000)}.test", recipient)

    def _id(self, length: int) -> str:
        return "".join(self._chance.choices(_LETTERS, k=length))


def lines(one: Sample, at: float, *, refused: bool) -> Iterator[str]:
    """Give the journal's lines about a session."""
    stamp = datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    domain = one.recipient.partition("@")[2]
    who = {"session": one.session, "peer": one.source}

    def line(event: str, **fields: object) -> str:
        return _HEAD % (stamp, event, json.dumps(fields, separators=(",", ":"))[1:])

    if refused:
        yield line(
            "refused", **who, stage="rcpt", code=550, status="5.1.1", defence="recipients",
            reason="the recipient is not listed", reverse_path=one.sender, recipient=one.recipient,
        )  # fmt: skip
    else:
        yield line(
            "attempt", message=one.message, domain=domain, use="inline", next_hop="192.0.2.25:25", health="answered",
            recipients=1, taken=1, result="taken", reply=f"250 2.0.0 Ok: queued as {one.message[:10]}", reason="",
            tls="TLSv1.3", size=4191, seconds=0.0015,
        )  # fmt: skip
        yield line(
            "transaction", **who, message=one.message, helo="mail.sender.test", reverse_path=one.sender, domain=domain,
            recipients=[one.recipient], size=4191, code=250, status="2.0.0", result="accepted", reason="",
            seconds=0.0026,
        )  # fmt: skip
    yield line(
        "session", **who, port=52738, helo="mail.sender.test", tls="TLSv1.3", seconds=0.006, end="quit", commands=4,
        errors=0, messages=int(not refused), refused=int(refused), received=4120,
    )  # fmt: skip


def write(file: Path, count: int) -> list[Sample]:
    """Write a journal of about so many lines; gives sessions of its beginning, its middle and its end."""
    traffic, sessions = Traffic(), int(count / LINES_A_SESSION)
    began = time.time() - sessions * INTERVAL
    kept = []
    with file.open("w") as journal:
        for number in range(sessions):
            one = traffic.sample()
            journal.writelines(lines(one, began + number * INTERVAL, refused=number % 4 == 0))
            if number in (1, sessions // 2 | 1, sessions - 1 if (sessions - 1) % 4 else sessions - 2):
                kept.append(one)
    return kept


def fill(settings: TraceSettings) -> dict[str, float]:
    """Index it; gives CPU microseconds and octets a line, lines, and the largest memory in MB."""
    said: list[dict[str, float]] = []

    def tell(words: object) -> None:
        said[:] = [dict(words)] if isinstance(words, dict) else said

    began = time.process_time()
    Indexer(settings, tell, lambda idle: idle == 0, seconds=time.monotonic, wall=time.time).run()
    used = time.process_time() - began
    last = said[0]
    octets = sum(each.stat().st_size for each in Path(settings.directory).glob("trace-*.db"))
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000
    count = last["lines"]
    return {"lines": count, "us a line": used / count * 1e6, "octets a line": octets / count, "MB": memory}


def questions(one: Sample) -> Iterator[tuple[str, Question]]:
    """Give what people ask, about a session."""
    yield "session", Question(id=one.session)
    yield "message", Question(id=one.message)
    yield "source", Question(source=one.source)
    yield "network", Question(source=one.source.rpartition(".")[0] + ".0/24")
    yield "sender", Question(sender=one.sender)
    yield "sender's domain", Question(sender="@" + one.sender.partition("@")[2])
    yield "recipient", Question(recipient=one.recipient)
    yield "nobody", Question(sender="nobody@nowhere.test")
    yield "domain", Question(domain=one.recipient.partition("@")[2])
    yield "reason in a domain", Question(reason="not listed", domain=one.recipient.partition("@")[2])
    yield "recipient refused", Question(recipient=one.recipient, event="refused")
    yield "a wide network", Question(source="10.0.0.0/8")
    yield "anything", Question()


def timed(work: Callable[[], object]) -> tuple[float, object]:
    """Do it; gives milliseconds, and what came of it."""
    began = time.perf_counter()
    done = work()
    return (time.perf_counter() - began) * 1000, done


def main(words: Sequence[str]) -> int:
    """Run, and print a line for each figure."""
    parser = argparse.ArgumentParser(prog="python -m bench.trace", description="Measure the index of the journal.")
    parser.add_argument("--lines", type=int, default=200_000)
    parser.add_argument("--directory", type=Path, default=None, help="where; it is kept (default: removed afterwards)")
    options = parser.parse_args(words)
    directory = options.directory or Path(tempfile.mkdtemp(prefix="shieldrelay-trace-", dir="/var/tmp"))
    directory.mkdir(exist_ok=True)
    indexer.FIRST_OCTETS = 1 << 60
    settings = TraceSettings(
        journal=str(directory / "journal"), directory=str(directory / "index"), keep=1e9, octets=1 << 50, free=0,
        shed=1 << 50, domains={name: DomainTerms(name) for name in DOMAINS},
    )  # fmt: skip
    samples = write(directory / "journal", options.lines)
    for name, figure in fill(settings).items():
        print(f"{name:22}{figure:14.1f}")
    search = Search(settings, Veil(veil.secret_of(directory / "index")), seconds=time.monotonic, wall=time.time)
    print(f"{'ms; ! time was up':22}{'first':>10}{'middle':>10}{'last':>10}{'found':>8}")
    rows: dict[str, list[str]] = {}
    for one in samples:
        for name, question in questions(one):
            spent, page = timed(lambda question=question: search.page(question, SECONDS))  # type: ignore[misc]
            row = rows.setdefault(name, [])
            row.append(f"{spent:.1f}{'!' if page.searched_to else ''}")  # type: ignore[attr-defined]
            row.append(str(len(page.found)))  # type: ignore[attr-defined]
        spent, told = timed(lambda one=one: story(search, one.message))  # type: ignore[misc]
        rows.setdefault("story", []).extend([f"{spent:.1f}", str(len(told["lines"]))])  # type: ignore[index]
    for name, row in rows.items():
        print(f"{name:22}" + "".join(f"{each:>10}" for each in row[::2]) + f"{row[-1]:>8}")
    if options.directory is None:
        shutil.rmtree(directory)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
