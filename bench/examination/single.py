"""One attacker with one address, against the defences as they are shipped, beside a lawful stranger with another.

What it gets through is bounded whatever it does; the lawful client is served as if nobody else were there.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from threading import Event, Thread

from attrs import frozen

from bench.examination.bystander import Bystander
from bench.examination.client import CLOSED, Client
from bench.examination.fact import Fact
from bench.examination.smuggling import Ground

SETTINGS = ""
_THREADS = 4

Attack = Callable[[int, str, Counter[int]], None]
"""One connection: to this port from this address, counting replies by code (0: it was closed)."""


@frozen
class Siege:
    """What the one address does over and over.

    :ivar source: the address.
    :ivar code: of the replies that are its gain.
    :ivar most: of these within a minute.
    """

    name: str
    source: str
    attack: Attack
    code: int
    most: int


def _knock(port: int, source: str, seen: Counter[int]) -> None:
    client = Client.to(port, source, 5)
    seen[client.answer().code] += 1
    client.close()


def _hold(port: int, source: str, seen: Counter[int]) -> None:
    client = Client.to(port, source, 5)
    code = client.answer().code
    seen[code] += 1
    if code == 220:
        time.sleep(1)
    client.close()


def _guess(port: int, source: str, seen: Counter[int]) -> None:
    """Ask for forty recipients in one segment, of whom one in five exists."""
    client = Client.introduced(port, source, 5)
    names = [b"alice" if number % 5 == 0 else b"guess%d" % number for number in range(40)]
    client.send(b"MAIL FROM:<s@harvest.test>\r\n" + b"".join(b"RCPT TO:<%s@example.com>\r\n" % name for name in names))
    client.answer()
    for _ in names:
        reply = client.answer()
        seen[reply.code] += 1
        if reply is CLOSED:
            break
    client.close()


def _mail(port: int, source: str, seen: Counter[int]) -> None:
    """Send message after message."""
    client = Client.introduced(port, source, 5)
    client.send(b"MAIL FROM:<s@outbreak.test>\r\nRCPT TO:<bob@example.com>\r\nDATA\r\n")
    codes = [reply.code for reply in client.answers(3)]
    if codes[-1] == 354:
        client.send(b"Subject: outbreak\r\n\r\nbody\r\n.\r\n")
        codes.append(client.answer().code)
        seen[250] += codes[-1] == 250
    seen[codes[-1]] += codes[-1] != 250
    client.close()


SIEGES = (
    Siege("connections", "127.0.77.1", _knock, 220, 30 + 10),
    Siege("connections that are held", "127.0.77.2", _hold, 220, 30 + 10),
    Siege("guesses", "127.0.77.3", _guess, 550, 2),
    Siege("messages", "127.0.77.4", _mail, 250, 60),
)


def lay(port: int, siege: Siege, seconds: float) -> Counter[int]:
    """Have the one address attack as fast as it can; give the replies by code."""
    seen: Counter[int] = Counter()
    over = Event()

    def go_on() -> None:
        while not over.is_set():
            with suppress(OSError, ValueError):
                siege.attack(port, siege.source, seen)

    crowd = [Thread(target=go_on, daemon=True) for _ in range(_THREADS)]
    for each in crowd:
        each.start()
    over.wait(seconds)
    over.set()
    for each in crowd:
        each.join(10)
    return seen


def examine(ground: Ground, seconds: float = 15.0) -> Iterator[Fact]:
    """Lay each siege beside a lawful stranger, who sends a message every three seconds."""
    for siege in SIEGES:
        with Bystander(ground.node.port, 2.5, "127.0.9.9") as bystander:
            seen = lay(ground.node.port, siege, seconds)
        gained = seen[siege.code]
        yield Fact(f"one address, {siege.name}: at most {siege.most}", sum(seen.values()) > 0 and gained <= siege.most,
                   str(dict(seen)))  # fmt: skip
        yield Fact(f"one address, {siege.name}: lawful mail", bystander.success == 1, str(bystander))
        claim = f"one address, {siege.name}: nobody waits"
        yield Fact(claim, bystander.percentile(0.99) <= 0.25, f"{bystander.percentile(0.99):.3f} s")
