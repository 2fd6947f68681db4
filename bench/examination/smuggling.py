"""Smuggling into the node: nothing may arrive behind it that was not one lawful message, and each arrives whole.

Every message is sent to the running node octet by octet as an attacker would, and compared with what its next hop wrote
down. Content ends at CRLF.CRLF and nowhere else, wherever the segments are cut.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from attrs import frozen

from bench.examination.client import Answer, Client
from bench.examination.fact import Fact
from bench.examination.node import Node
from bench.examination.recorder import Recorder

SETTINGS = "messages_per_session = 100000\ncommands_per_session = 1000000\njunk_commands = 1000\nsyntax_errors = 1000\n"

_SEPARATORS = (
    b"\n.\n", b"\n.\r\n", b"\r\n.\n", b"\r.\r", b"\r\n.\r", b"\r.\r\n", b"\n.\r", b"\r.\n", b"\r\r\n.\r\r\n",
    b"\r\n.\r\r\n", b"\n\n.\n\n", b"\n\r.\n\r", b"\r\n\0.\r\n", b"\r\n.\0\r\n", b"\r\n.\r\0\n", b"\r\0\n.\r\n",
    b"\0\r\n.\n",
    b"\r\n. \r\n", b"\r\n .\r\n", b"\r\n.\t\r\n", b"\r\n..\r\n", b"\r\n...\r\n", b"\r\n.\x0b\r\n", b"\x0b.\x0b",
    b"\x0c.\x0c",
    b"\x1c.\x1c", b"\x1d.\x1d", b"\x1e.\x1e", b"\x85.\x85", b"\xc2\x85.\xc2\x85", b"\xe2\x80\xa8.\xe2\x80\xa8",
    b"\xe2\x80\xa9.\xe2\x80\xa9", b"\r\n\xe2\x80\xa8.\r\n", b"\r\n.\xe2\x80\xa8\r\n", b"\x8d\x8a.\x8d\x8a",
    b"\r\n.\x8d\x8a",
    b"\xff\xf4.\xff\xf4", b"\x1a\r\n", b"\x04\r\n", b"\r\n.\\r\\n", b"\r\n=2E\r\n", b"\xe0\x80\x8d\xe0\x80\x8a.\r",
    b"\x15.\x15",
)  # fmt: skip
"""All that some server somewhere took, or might take, for the end of data; none of it is."""

_SMUGGLED = b"MAIL FROM:<evil@smuggler.test>\r\nRCPT TO:<bob@example.com>\r\nDATA\r\nSubject: smuggled\r\n\r\nevil"


@frozen
class Ground:
    """Where the attack takes place."""

    node: Node
    recorder: Recorder


def _content(separator: bytes) -> bytes:
    return b"Subject: outer\r\n\r\nfirst" + separator + _SMUGGLED


def is_clean(content: bytes) -> bool:
    """Whether content has neither a bare CR or LF nor a NUL, and may so be passed on."""
    return content.count(b"\n") == content.count(b"\r") == content.count(b"\r\n") and b"\0" not in content


def transparent(content: bytes) -> bytes:
    """Give content as a careful client sends it behind DATA: only dots behind CRLF are doubled."""
    return (b"\r\n" + content).replace(b"\r\n.", b"\r\n..")[2:] + b"\r\n.\r\n"


def segments(octets: bytes, around: bytes, reach: int = 3) -> Iterator[tuple[bytes, ...]]:
    """Cut octets in two at every place in and near a part of them, and once into single octets there."""
    at = octets.index(around)
    first, last = max(1, at - reach), min(len(octets) - 1, at + len(around) + reach)
    yield (octets,)
    for cut in range(first, last + 1):
        yield octets[:cut], octets[cut:]
    yield (octets[:first], *(octets[each : each + 1] for each in range(first, last)), octets[last:])


def deliver(client: Client, pieces: Iterable[bytes], verb: bytes = b"DATA") -> Answer:
    """Send content in pieces; give the one reply."""
    client.begin()
    if verb == b"DATA":
        client.ask(verb)
    client.send_in(pieces)
    return client.answer()


def ends_of_data(ground: Ground, separators: Iterable[bytes] = _SEPARATORS, *, all_cuts: bool = True) -> Iterator[Fact]:
    """Try every would-be end of data, cut at every octet."""
    for separator in separators:
        # What stands here is what the client sends: the separator is not made transparent.
        wire = _content(separator) + b"\r\n.\r\n"
        meant = (b"\r\n" + wire[:-3]).replace(b"\r\n.", b"\r\n")[2:]
        cuts = list(segments(wire, separator))
        for pieces in cuts if all_cuts else (cuts[0], cuts[-1]):
            yield _one(ground, pieces, meant, f"end of data {separator!r} in {len(pieces)} pieces")


def _one(ground: Ground, pieces: tuple[bytes, ...], meant: bytes, claim: str) -> Fact:
    """Send one message: refused, or passed on exactly as it was meant, and nothing besides."""
    ground.recorder.forget()
    client = Client.introduced(ground.node.port)
    try:
        reply = deliver(client, pieces)
        follows = client.ask(b"NOOP")
    finally:
        client.close()
    came = [each.body for each in ground.recorder.deliveries]
    due = [meant] if is_clean(meant) else []
    holds = reply.code == (250 if due else 554) and came == due and follows.code == 250 and follows.text == b"2.0.0 Ok"
    holds = holds and all(each.is_lawful for each in ground.recorder.deliveries)
    holds = holds and not list(ground.recorder.unlawful_commands())
    return Fact(claim, holds, "" if holds else f"{reply} then {follows}, {len(came)} arrived: {came!r:.300}")


def long_lines(ground: Ground) -> Iterator[Fact]:
    """Try lines up to the limit and over it, with commands where a buffer of a usual size would end."""
    for length in (998, 999, 2048, 4096, 8192, 16384, 16385, 32768, 65535):
        body = b"Subject: long\r\n\r\n" + b"x" * length + b"\r\n" + _SMUGGLED + b"\r\n"
        yield _one(ground, (transparent(body[:-2]),), body, f"a line of {length} octets")
    for length in (65536, 65537, 70000, 131072, 1 << 20):
        body = b"Subject: long\r\n\r\n" + b"x" * length + b"\r\n" + _SMUGGLED
        yield _refused(ground, transparent(body), f"a line of {length} octets")
    command = b" MAIL FROM:<evil@x.test> "
    body = b"Subject: long\r\n\r\n" + (b"x" * (16384 - len(command)) + command) * 3 + b"\r\n" + _SMUGGLED
    yield _one(ground, (transparent(body),), body + b"\r\n", "a command each 16384 octets")
    for length in (65536, 131072):
        body = b"Subject: long\r\n\r\n" + (b"x" * (length - len(command)) + command) * 3 + _SMUGGLED
        yield _refused(ground, transparent(body), f"a command each {length} octets")


def _refused(ground: Ground, wire: bytes, claim: str) -> Fact:
    ground.recorder.forget()
    client = Client.introduced(ground.node.port)
    try:
        reply = deliver(client, (wire,))
        follows = client.ask(b"NOOP")
    finally:
        client.close()
    came = len(ground.recorder.deliveries)
    holds = reply.code == 554 and follows.text == b"2.0.0 Ok" and not came
    return Fact(claim + " is refused", holds, "" if holds else f"{reply} then {follows}, {came} arrived")


def dots(ground: Ground, blocks: Iterable[int] = (1024, 4096, 16384, 65536, 131072, 262144, 1 << 20)) -> Iterator[Fact]:
    """Try lines of dots at every phase of the sizes in which anybody may cut content; it arrives as it was sent."""
    patterns = (b"\r\n.\r\n", b"\r\n..\r\n", b"\r\n.", b"\r\n.\r\nMAIL FROM:<evil@x.test>\r\n")
    for block in blocks:
        for phase in range(-6, 7):
            pattern = patterns[phase % len(patterns)]
            content = _dotted(block + phase, pattern)
            yield _one(ground, (transparent(content),), content + b"\r\n", f"dots at {block}{phase:+}")


def _dotted(at: int, pattern: bytes) -> bytes:
    """Make content with a pattern at a place, counted with and without a trace field of usual length in front."""
    content = b"Subject: dots\r\n\r\n.leading\r\n"
    for place in (at - 182, at):
        line = b"y" * 70 + b"\r\n"
        while len(content) + len(line) < place:
            content += line * max(1, (place - len(content)) // len(line) - 1)
        content += b"z" * max(1, place - len(content)) + pattern + b"tail"
    return content


def normalized(ground: Ground, separators: Iterable[bytes] = _SEPARATORS) -> Iterator[Fact]:
    """Try every would-be end of data on a node that normalizes bare newlines: one message, and no end within it."""
    for separator in separators:
        ground.recorder.forget()
        client = Client.introduced(ground.node.port)
        reply = deliver(client, (_content(separator) + b"\r\n.\r\n",))
        follows = client.ask(b"NOOP")
        client.close()
        came = ground.recorder.deliveries
        senders = [each.commands[0] for each in came]
        sound = all(
            each.is_lawful and each.body.count(b"evil") == 2 and b"Subject: outer" in each.body for each in came
        )
        holds = reply.code == (554 if b"\0" in separator else 250) and len(came) == (reply.code == 250) and sound
        holds = holds and follows.text == b"2.0.0 Ok" and not any(b"evil" in sender for sender in senders)
        yield Fact(f"normalizing {separator!r}", holds, "" if holds else f"{reply} then {follows}, {came!r:.500}")


def examine(ground: Ground) -> list[Fact]:
    """Try everything."""
    return [*ends_of_data(ground), *long_lines(ground), *dots(ground)]
