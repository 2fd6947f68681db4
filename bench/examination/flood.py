"""Floods of new connections: a lawful client is served while two hundred strangers a second knock."""

from __future__ import annotations

import selectors
import socket
import time
from collections.abc import Iterator
from contextlib import suppress

from attrs import define, frozen

from bench.examination.bystander import Bystander
from bench.examination.fact import Fact
from bench.examination.smuggling import Ground

SETTINGS = 'command_timeout = "5s"\nsession_limit = "10s"\n'
_HELD_MOST = 1500


@frozen
class Flood:
    """What a flooding connection does.

    :ivar says: sent at once, before the greeting is read.
    :ivar stays: seconds for which it holds the connection.
    """

    name: str
    says: bytes
    stays: float


_BEGUN = b"EHLO flood.test\r\nMAIL FROM:<s@flood.test>\r\n"
FLOODS = (
    Flood("connect and hang up", b"", 0.0),
    Flood("connect and hold", b"", 5.0),
    Flood("unknown recipients, pipelined", _BEGUN + b"RCPT TO:<nobody@example.com>\r\n" * 20 + b"QUIT\r\n", 1.0),
    Flood("garbage", b"GET / HTTP/1.1\r\nHost: relay.test\r\n\r\n", 1.0),
)


@define(eq=False)
class _Knock:
    connection: socket.socket
    until: float
    octets: bytes


def run(port: int, flood: Flood, rate: int, seconds: float) -> int:
    """Knock ``rate`` times a second; give the number of knocks."""
    poll = selectors.DefaultSelector()
    held: list[_Knock] = []
    begun, knocks = time.monotonic(), 0
    while (now := time.monotonic()) < begun + seconds:
        while knocks < (now - begun) * rate and len(held) < _HELD_MOST:
            knock = _Knock(_knock(port, knocks), now + flood.stays, flood.says)
            poll.register(knock.connection, selectors.EVENT_READ | selectors.EVENT_WRITE, knock)
            held.append(knock)
            knocks += 1
        _turn(poll)
        held = [each for each in held if not _is_over(poll, each, now)]
    for each in held:
        each.connection.close()
    return knocks


def _knock(port: int, number: int) -> socket.socket:
    made = socket.socket()
    made.setblocking(False)
    made.bind((f"127.0.{3 + number // 200 % 20}.{number % 200 + 1}", 0))
    made.connect_ex(("127.0.0.1", port))
    return made


def _turn(poll: selectors.BaseSelector) -> None:
    for key, events in poll.select(0.002):
        knock = key.data
        with suppress(OSError):
            if events & selectors.EVENT_WRITE:
                knock.connection.send(knock.octets)
                poll.modify(knock.connection, selectors.EVENT_READ, knock)
            elif not knock.connection.recv(65536):
                knock.until = 0.0


def _is_over(poll: selectors.BaseSelector, knock: _Knock, now: float) -> bool:
    if now < knock.until:
        return False
    with suppress(KeyError, ValueError):
        poll.unregister(knock.connection)
    knock.connection.close()
    return True


def examine(ground: Ground, rate: int = 200, seconds: float = 20.0) -> Iterator[Fact]:
    """Run each flood beside a lawful client."""
    for flood in FLOODS:
        used = ground.node.cpu_seconds()
        with Bystander(ground.node.port) as bystander:
            knocks = run(ground.node.port, flood, rate, seconds)
        used = ground.node.cpu_seconds() - used
        served = bystander.success >= 0.99 and bystander.percentile(0.99) <= 0.25
        seen = f"{knocks / seconds:.0f}/s, {bystander}, {100 * used / seconds:.0f} % of a core"
        yield Fact(f"flood: {flood.name}", served and ground.node.is_alive, seen)
