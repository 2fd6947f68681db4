"""Slow and silent connections: each kind is dropped at the limit that is declared for it, and nobody else waits."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

from attrs import define, frozen

from bench.examination.bystander import Bystander
from bench.examination.client import Client
from bench.examination.fact import Fact
from bench.examination.node import Node

SESSION_SECONDS = 10.0
FAREWELL_SECONDS = 5.0
"""Not configured: what the relay gives a client to close after it has closed."""
_OPENERS = 16
_GRACE = 12.0
"""Seconds beyond the limit: the sweep of deadlines, and what a client is given to hear 421 and close."""


@frozen
class Limits:
    """What the examined node declares, in seconds."""

    command: int = 4
    window: int = 3

    @property
    def settings(self) -> str:
        """The lines of ``[smtp]``."""
        return f"""\
command_timeout = "{self.command}s"
session_limit = "{SESSION_SECONDS:.0f}s"
content_timeout = "{self.window + 2}s"
minimum_rate = "500B/s"
minimum_rate_window = "{self.window}s"
junk_commands = 1000
syntax_errors = 1000
"""


@frozen
class Kind:
    """One way to be slow.

    :ivar limit: seconds after which it is to be gone, counted from when it began to be slow.
    :ivar begin: brings a fresh connection to where it stalls.
    :ivar drip: what it says every ``every`` seconds.
    """

    name: str
    limit: float
    begin: Callable[[Client], object]
    drip: bytes = b""
    every: float = 0.5
    receive: int = 0


def _hello(client: Client) -> None:
    client.answer()
    client.ask(b"EHLO slow.test")


def _after(*lines: bytes) -> Callable[[Client], None]:
    def begin(client: Client) -> None:
        _hello(client)
        for line in lines:
            client.ask(line)

    return begin


_MAIL = b"MAIL FROM:<s@slow.test>"
_RCPT = b"RCPT TO:<alice@example.com>"


def _half_handshake(client: Client) -> None:
    _after(b"STARTTLS")(client)
    client.send(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03")


def _tls_then_silence(client: Client) -> None:
    _after(b"STARTTLS")(client)
    client.secure()


def _chunk(client: Client) -> None:
    _after(_MAIL, _RCPT)(client)
    client.send(b"BDAT 100000 LAST\r\nSubject: slow\r\n\r\n")


def _never_reads(client: Client) -> None:
    _hello(client)
    _deaf(client)


def _never_reads_tls(client: Client) -> None:
    _tls_then_silence(client)
    client.ask(b"EHLO slow.test")
    _deaf(client)


def _deaf(client: Client) -> None:
    """Ask for far more replies than we take, and read none."""
    client.connection.settimeout(0.2)
    with suppress(OSError):
        client.send(_MAIL + b"\r\n")
        for _ in range(4):
            client.send(b"RCPT TO:<nobody@example.com>\r\n" * 400)


def _quit_and_stay(client: Client) -> None:
    _tls_then_silence(client)
    client.send(b"QUIT\r\n")


def kinds(limits: Limits) -> tuple[Kind, ...]:
    """Give all kinds, the one that takes the whole session last."""
    command, window = limits.command, limits.window
    return (
        Kind("silent from the start", command, lambda client: client.answer()),
        Kind("drips in a command", command, lambda client: client.answer(), b"a"),
        Kind("stalls after EHLO", command, _hello),
        Kind("stalls after MAIL", command, _after(_MAIL)),
        Kind("stalls after RCPT", command, _after(_MAIL, _RCPT)),
        Kind("stalls after DATA", window, _after(_MAIL, _RCPT, b"DATA")),
        Kind("drips in DATA", window, _after(_MAIL, _RCPT, b"DATA"), b"ab\r\n"),
        Kind("drips in BDAT", window, _chunk, b"ab\r\n"),
        Kind("half a TLS handshake", command, _half_handshake),
        Kind("silent inside TLS", command, _tls_then_silence),
        Kind("never reads", command, _never_reads, receive=2048),
        Kind("never reads inside TLS", command, _never_reads_tls, receive=2048),
        Kind("stays after QUIT inside TLS", FAREWELL_SECONDS, _quit_and_stay),
        Kind("lawful commands without end", SESSION_SECONDS, _hello, b"RSET\r\n", 1.0),
    )


@define(eq=False)
class _Slow:
    kind: Kind
    client: Client
    address: tuple[str, int]
    begun: float
    next_drip: float
    gone: float | None = None
    missed: bool = False


def held(port: int) -> set[tuple[str, int]]:
    """Give the peers of the connections to a port that a process still holds (an orphan of the kernel has no inode)."""
    peers = set()
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        words = line.split()
        if int(words[1].partition(":")[2], 16) == port and words[3] != "0A" and words[9] != "0":
            host, _, remote = words[2].partition(":")
            octets = [str(int(host[at : at + 2], 16)) for at in (6, 4, 2, 0)]
            peers.add((".".join(octets), int(remote, 16)))
    return peers


def _open(node: Node, kind: Kind, number: int, crowd: list[_Slow]) -> None:
    """Open a connection and bring it to where it stalls; from then on it belongs to the crowd."""
    client = Client.to(node.port, f"127.0.1.{number % 200 + 1}", receive=kind.receive)
    begun = time.monotonic()
    with suppress(OSError):
        kind.begin(client)
    client.connection.setblocking(False)
    if kind.limit != SESSION_SECONDS:
        begun = time.monotonic()
    crowd.append(_Slow(kind, client, client.connection.getsockname(), begun, 0.0))


def _turn(node: Node, crowd: list[_Slow]) -> None:
    """Let everybody drip who is due, and see who is gone."""
    now = time.monotonic()
    peers = held(node.port)
    for slow in list(crowd):
        if slow.gone is None and slow.address not in peers and slow.begun < now:
            # The kernel's table is read in pieces, so that once is no proof.
            slow.gone = now - slow.begun if slow.missed else None
            slow.missed = True
        elif slow.gone is None and slow.kind.drip and now >= slow.next_drip:
            slow.next_drip = now + slow.kind.every
            with suppress(OSError):
                slow.client.connection.send(slow.kind.drip)


def examine(node: Node, kinds: tuple[Kind, ...], count: int = 500, most_seconds: float = 1.0) -> list[Fact]:
    """Open ``count`` connections, of all kinds in turn, and watch them until all should be gone.

    :param most_seconds: for which a lawful client may wait.
    """
    crowd: list[_Slow] = []
    with Bystander(node.port) as bystander, ThreadPoolExecutor(_OPENERS) as openers:
        opening = [openers.submit(_open, node, kinds[number % len(kinds)], number, crowd) for number in range(count)]
        while not all(each.done() for each in opening):
            _turn(node, crowd)
            time.sleep(0.1)
        for each in opening:
            each.result()
        deadline = time.monotonic() + max(kind.limit for kind in kinds) + _GRACE
        while time.monotonic() < deadline and any(slow.gone is None for slow in crowd):
            _turn(node, crowd)
            time.sleep(0.1)
    facts = [_fact(kind, [slow for slow in crowd if slow.kind is kind]) for kind in kinds]
    for slow in crowd:
        slow.client.close()
    facts.append(Fact("lawful mail goes through beside slow connections", bystander.success == 1, str(bystander)))
    claim = f"nobody waits more than {most_seconds:g} s beside slow connections"
    facts.append(Fact(claim, bystander.worst <= most_seconds, f"{bystander.worst:.3f} s"))
    return facts


def _fact(kind: Kind, crowd: list[_Slow]) -> Fact:
    """Judge one kind."""
    times = [slow.gone for slow in crowd if slow.gone is not None]
    held_on = len(crowd) - len(times)
    in_time = not held_on and all(kind.limit - 0.5 <= each <= kind.limit + _GRACE for each in times)
    span = f"{min(times):.1f} to {max(times):.1f} s" if times else "none"
    return Fact(
        f"{kind.name}: dropped at {kind.limit:.0f} s", in_time, f"{len(crowd)}: dropped at {span}, {held_on} still held"
    )
