"""Malformed and endless input: the node lives, a lawful client is answered, and memory stays bounded."""

from __future__ import annotations

import random
import re
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress

from attrs import frozen

from bench.examination.bystander import Bystander
from bench.examination.client import Client
from bench.examination.fact import Fact
from bench.examination.smuggling import Ground

SETTINGS = 'command_timeout = "5s"\ncontent_timeout = "5s"\nminimum_rate_window = "5s"\n'
_MEBI = 1 << 20
_GROWTH_MEBI = 64.0
_JOURNAL_LINES = 200


@frozen
class Attack:
    """One attacker, run many times at once."""

    name: str
    run: Callable[[int, int], None]
    times: int = 4


def _stream(client: Client, octets: int, block: bytes) -> None:
    """Send so much, or until the relay has had enough, reading nothing."""
    with suppress(OSError):
        for _ in range(max(1, octets // len(block))):
            client.send(block)
    client.close()


def _streaming(before: tuple[bytes, ...], block: bytes) -> Callable[[int, int], None]:
    """Make an attacker that streams a block again and again, after some commands."""

    def run(port: int, octets: int) -> None:
        client = Client.introduced(port, "127.0.2.1")
        for line in before:
            client.ask(line)
        _stream(client, octets, block)

    return run


def _announced(port: int, octets: int) -> None:
    client = Client.introduced(port, "127.0.2.1")
    client.begin()
    client.send(b"BDAT %d LAST\r\n" % octets)
    _stream(client, octets, b"z" * 65536)


def _repeating(line: bytes, count: int = 10000) -> Callable[[int, int], None]:
    """Make an attacker that says a line 10 000 times in one go and reads the replies at its end."""

    def run(port: int, _octets: int) -> None:
        client = Client.introduced(port, "127.0.2.2")
        with suppress(OSError):
            client.send(b"MAIL FROM:<s@x.test>\r\n")
            client.send((line + b"\r\n") * count)
        client.rest(5)
        client.close()

    return run


def _resetting(port: int, _octets: int) -> None:
    for at in range(40):
        client = Client.introduced(port, "127.0.2.3")
        if at % 4:
            client.begin()
        if at % 4 > 1:
            client.send(b"DATA\r\n" + b"x" * 5000)
        client.reset()


def _deaf(port: int, _octets: int) -> None:
    client = Client.to(port, "127.0.2.4", seconds=3, receive=2048)
    client.answer()
    with suppress(OSError):
        client.send(b"EHLO x\r\nMAIL FROM:<s@x.test>\r\n")
        for _ in range(50):
            client.send(b"RCPT TO:<nobody@example.com>\r\n" * 400)
    time.sleep(1)
    client.close()


def _half_open(port: int, _octets: int) -> None:
    clients = [Client.introduced(port, "127.0.2.5") for _ in range(40)]
    for client in clients:
        client.begin()
        client.connection.shutdown(1)
    for client in clients:
        client.ended(3)
        client.close()


def _random(port: int, octets: int) -> None:
    source = random.Random(octets)
    for _ in range(60):
        client = Client.to(port, "127.0.2.6")
        with suppress(OSError):
            client.send(source.randbytes(2000))
            client.send(
                b"\r\nEHLO x\r\n" + source.randbytes(200) + b"\r\nMAIL FROM:<" + source.randbytes(30) + b">\r\n"
            )
            client.rest(0.05)
        client.close()


_BEGUN = (b"MAIL FROM:<s@x.test>", b"RCPT TO:<alice@example.com>")
ATTACKS = (
    Attack("50 MB without CRLF as a command", _streaming((), b"x" * 65536)),
    Attack("50 MB of NUL as a command", _streaming((), b"\0" * 65536)),
    Attack("50 MB of LF as commands", _streaming((), b"\n" * 65536)),
    Attack("50 MB of short unknown commands", _streaming((), b"a\r\n" * 20000)),
    Attack("50 MB without CRLF behind DATA", _streaming((*_BEGUN, b"DATA"), b"x" * 65536)),
    Attack("50 MB of NUL behind DATA", _streaming((*_BEGUN, b"DATA"), b"\0" * 65536)),
    Attack("50 MB of CR behind DATA", _streaming((*_BEGUN, b"DATA"), b"\r" * 65536)),
    Attack("50 MB of LF behind DATA", _streaming((*_BEGUN, b"DATA"), b"\n" * 65536)),
    Attack("50 MB of CRLF behind DATA", _streaming((*_BEGUN, b"DATA"), b"\r\n" * 32768)),
    Attack("50 MB of dots behind DATA", _streaming((*_BEGUN, b"DATA"), b"." * 65536)),
    Attack("50 MB of lines of a dot behind DATA", _streaming((*_BEGUN, b"DATA"), b"..\r\n" * 16384)),
    Attack("50 MB of header fields", _streaming((*_BEGUN, b"DATA"), b"a: b\r\n" * 10000)),
    Attack("50 MB of one folded field", _streaming((*_BEGUN, b"DATA"), b" b\r\n" * 16384)),
    Attack("50 MB in one BDAT, never ended", _announced),
    Attack("50 MB of BDAT of nothing", _streaming(_BEGUN, b"BDAT 0\r\n" * 8192)),
    Attack("10 000 NOOP", _repeating(b"NOOP")),
    Attack("10 000 EHLO", _repeating(b"EHLO x")),
    Attack("10 000 RSET", _repeating(b"RSET")),
    Attack("10 000 MAIL", _repeating(b"MAIL FROM:<s@x.test>")),
    Attack("10 000 RCPT", _repeating(b"RCPT TO:<nobody@example.com>")),
    Attack("10 000 RCPT with brackets and quotes", _repeating(b'RCPT TO:<"\\"' + b'"@<' * 300 + b">")),
    Attack("10 000 unknown commands", _repeating(b"FROB")),
    Attack("resets at every stage", _resetting),
    Attack("clients that never read", _deaf, 12),
    Attack("half-open clients", _half_open),
    Attack("random octets", _random),
)


def _run(attack: Attack, port: int, octets: int, seconds: float) -> None:
    """Run an attack as often as it is declared, at once."""

    def one() -> None:
        with suppress(OSError, ValueError):
            attack.run(port, octets)

    threads = [threading.Thread(target=one, daemon=True) for _ in range(attack.times)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(seconds)


def examine(ground: Ground, octets: int = 50 * _MEBI, most_seconds: float = 2.0) -> Iterator[Fact]:
    """Run each attack beside a lawful client, and watch the node's memory.

    :param octets: of each endless stream.
    :param most_seconds: for which the lawful client may wait.
    """
    with Bystander(ground.node.port):
        time.sleep(1)
    before, _pss = ground.node.memory()
    for attack in ATTACKS:
        with Bystander(ground.node.port, pause=0.02) as bystander:
            begun, peak = time.monotonic(), 0.0
            runner = threading.Thread(target=_run, args=(attack, ground.node.port, octets, 60.0), daemon=True)
            runner.start()
            while runner.is_alive() and ground.node.is_alive:
                peak = max(peak, ground.node.memory()[0])
                time.sleep(0.02)
            time.sleep(max(0.0, begun + 0.3 - time.monotonic()))
        took = time.monotonic() - begun
        served = bystander.success == 1 and bystander.worst <= most_seconds and ground.node.is_alive
        seen = f"{bystander}; {peak - before:+.1f} MiB at most, {took:.1f} s"
        yield Fact(attack.name, served and peak - before <= _GROWTH_MEBI, seen)
    refusals = Counter(re.findall(r'"event":"refused".*?"session":"([^"]+)"', ground.node.journal))
    most = max(refusals.values(), default=0)
    yield Fact("nobody fills the journal", most <= _JOURNAL_LINES, f"{most} refusals of one session at most")
    bugs = ground.node.journal.count('"event":"bug"')
    yield Fact("no bug came to light", not bugs and "Traceback" not in ground.node.log, f"{bugs} in the journal")
