"""Abuse of BDAT: what was announced as content is never read as commands, and an unfinished message never arrives."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress

from bench.examination.client import CLOSED, Answer, Client
from bench.examination.fact import Fact
from bench.examination.smuggling import SETTINGS as SETTINGS
from bench.examination.smuggling import Ground

_EVIL = (
    b"MAIL FROM:<evil@smuggler.test>\r\nRCPT TO:<bob@example.com>\r\nDATA\r\nSubject: evil\r\n\r\nevil\r\n.\r\nQUIT\r\n"
)
_HEAD = b"Subject: chunks\r\n\r\n"
_BEGUN = b"MAIL FROM:<s@client.test>\r\nRCPT TO:<alice@example.com>\r\n"


def chunk(octets: bytes, last: bytes = b"") -> bytes:
    """Give one BDAT with its octets."""
    return b"BDAT %d%s\r\n%s" % (len(octets), last, octets)


_LAST = b" LAST"
_GOOD: tuple[tuple[str, tuple[bytes, ...]], ...] = (
    ("an end of data within a chunk", (_HEAD + b"one\r\n.\r\n" + _EVIL,)),
    ("an end of data over a chunk's edge", (_HEAD + b"one\r\n", b".\r\n" + _EVIL)),
    ("a chunk that is a lone dot", (_HEAD + b"one\r\n", b".", b"\r\n" + _EVIL)),
    ("chunks of one octet around a dot", (_HEAD + b"one", b"\r", b"\n", b".", b"\r", b"\n", _EVIL)),
    ("dots at the beginning of every chunk", (_HEAD, b".a\r\n", b"..b\r\n", b"...c\r\n")),
    ("empty chunks between", (_HEAD, b"", b"", b"body\r\n", b"")),
    ("CR and LF in two chunks", (_HEAD + b"body\r", b"\n")),
    ("a chunk of more than a block", (_HEAD + b"." * 60 + b"\r\n", (b"." * 70 + b"\r\n") * 2000)),
    ("a leading dot", (b".\r\n" + _HEAD,)),
)
_ENDLESS_LINE = b"x" * 66000

_BAD: tuple[tuple[str, bytes, int], ...] = (
    ("a bare LF", chunk(_HEAD + b"a\nb\r\n", _LAST), 554),
    ("LF.LF", chunk(_HEAD + b"a\n.\nb\r\n", _LAST), 554),
    ("a bare CR over a chunk's edge", chunk(_HEAD + b"a\r") + chunk(b"b\r\n", _LAST), 554),
    ("a bare CR at the very end", chunk(_HEAD + b"a\r", _LAST), 554),
    ("NUL", chunk(_HEAD + b"a\0b\r\n", _LAST), 554),
    ("a line too long over chunks", chunk(_HEAD + _ENDLESS_LINE[:33000]) + chunk(_ENDLESS_LINE[33000:], _LAST), 554),
)
"""Content that is refused at its real end: the code of the last reply."""

_FRAMING: tuple[tuple[str, bytes], ...] = (
    ("no size", b"BDAT\r\n"),
    ("no size but LAST", b"BDAT LAST\r\n"),
    ("a negative size", b"BDAT -1 LAST\r\n"),
    ("a size with a sign", b"BDAT +5 LAST\r\n"),
    ("a hexadecimal size", b"BDAT 0x10 LAST\r\n"),
    ("a size with a point", b"BDAT 5.0 LAST\r\n"),
    ("a size with an underscore", b"BDAT 1_0 LAST\r\n"),
    ("digits of another script", "BDAT ٥ LAST\r\n".encode()),
    ("superscript digits", "BDAT ² LAST\r\n".encode()),
    ("a size of 2^64", b"BDAT 18446744073709551616 LAST\r\n"),
    ("a size of 300 digits", b"BDAT " + b"9" * 300 + b" LAST\r\n"),
    ("LAST without a space", b"BDAT 5LAST\r\n"),
    ("another word", b"BDAT 5 FIRST\r\n"),
    ("two words", b"BDAT 5 LAST LAST\r\n"),
    ("a tab before LAST", b"BDAT 5\tLAST\r\n"),
    ("a bare LF behind it", b"BDAT 5 LAST\n"),
    ("a bare CR within", b"BDAT 5\rLAST\r\n"),
    ("a NUL within", b"BDAT 5\0 LAST\r\n"),
    ("more than anybody would read", b"BDAT 99999999999 LAST\r\n"),
    ("a line too long", b"BDAT 5 " + b"L" * 3000 + b"\r\n"),
)
"""BDAT commands of which nobody knows what follows: nothing behind them may be read."""


def _replies(client: Client) -> list[Answer]:
    """Read replies until the connection ends."""
    found = []
    with suppress(OSError):
        while (reply := client.answer()) is not CLOSED:
            found.append(reply)
    return found


def whole(ground: Ground) -> Iterator[Fact]:
    """Send lawful content in unusual chunks: it arrives exactly, with a CRLF at its end."""
    for name, parts in _GOOD:
        content = b"".join(parts)
        ground.recorder.forget()
        client = Client.introduced(ground.node.port)
        wire = b"".join(chunk(part, _LAST if at == len(parts) - 1 else b"") for at, part in enumerate(parts))
        client.send(_BEGUN + wire + b"QUIT\r\n")
        codes = [reply.code for reply in _replies(client)]
        client.close()
        due = content if content.endswith(b"\r\n") else content + b"\r\n"
        came = [each.body for each in ground.recorder.deliveries]
        holds = codes == [250, 250] + [250] * len(parts) + [221] and came == [due]
        holds = holds and all(each.is_lawful for each in ground.recorder.deliveries)
        yield Fact(f"BDAT: {name}", holds, "" if holds else f"{codes}, {came!r:.200}")


def refused(ground: Ground) -> Iterator[Fact]:
    """Send content that breaks a rule: refused at its end, nothing arrives, the session goes on."""
    for name, wire, code in _BAD:
        ground.recorder.forget()
        client = Client.introduced(ground.node.port)
        client.send(_BEGUN + wire + b"NOOP\r\nQUIT\r\n")
        codes = [reply.code for reply in _replies(client)]
        client.close()
        holds = codes[-3:] == [code, 250, 221] and not ground.recorder.deliveries
        yield Fact(f"BDAT: {name} is refused", holds, "" if holds else str(codes))


def framing(ground: Ground) -> Iterator[Fact]:
    """Send BDAT commands that cannot be understood: the session ends, and what follows them is not obeyed."""
    for name, line in _FRAMING:
        for begun in (_BEGUN, b""):
            ground.recorder.forget()
            client = Client.introduced(ground.node.port)
            client.send(begun + line + b"hello" + _EVIL)
            replies = _replies(client)
            client.close()
            holds = not ground.recorder.deliveries and len(replies) == (3 if begun else 1) and replies[-1].code >= 500
            where = "in" if begun else "outside of"
            yield Fact(f"BDAT: {name}, {where} a transaction", holds, "" if holds else str(replies))


def order(ground: Ground) -> Iterator[Fact]:
    """Send chunks where they may not be, and commands where they may not be between chunks."""
    part = chunk(_HEAD + b"first\r\n")
    end = chunk(b"last\r\n", _LAST)
    for name, wire, codes, arrives in (
        ("DATA between chunks", part + b"DATA\r\n" + end, [250, 503, 250], True),
        ("MAIL between chunks", part + b"MAIL FROM:<x@y.test>\r\n" + end, [250, 503, 250], True),
        ("RCPT between chunks", part + b"RCPT TO:<bob@example.com>\r\n" + end, [250, 503, 250], True),
        ("RSET between chunks", part + b"RSET\r\n" + end, [250, 250, 503], False),
        ("EHLO between chunks", part + b"EHLO again.test\r\n" + end, [250, 250, 503], False),
        ("NOOP between chunks", part + b"NOOP\r\n" + end, [250, 250, 250], True),
        ("QUIT instead of the last chunk", part, [250], False),
        ("a chunk behind the last one", part + end + chunk(_EVIL, _LAST), [250, 250, 503], True),
        ("a chunk with commands, refused", end + chunk(_EVIL), [250, 503], True),
    ):
        ground.recorder.forget()
        client = Client.introduced(ground.node.port)
        client.send(_BEGUN + wire + b"QUIT\r\n")
        seen = [reply.code for reply in _replies(client)]
        client.close()
        senders = [each.commands[0] for each in ground.recorder.deliveries]
        holds = (
            seen == [250, 250, *codes, 221] and len(senders) == arrives and all(b"evil" not in each for each in senders)
        )
        yield Fact(f"BDAT: {name}", holds, "" if holds else f"{seen}, {senders}")


def without_transaction(ground: Ground) -> Iterator[Fact]:
    """Announce content where there is no transaction, full of commands: swallowed, never obeyed."""
    for name, before in (
        ("before EHLO", b""),
        ("without MAIL", b"EHLO x\r\n"),
        ("without RCPT", b"EHLO x\r\nMAIL FROM:<>\r\n"),
    ):
        ground.recorder.forget()
        client = Client.to(ground.node.port)
        client.answer()
        client.send(before + chunk(_EVIL, _LAST) + b"NOOP\r\nQUIT\r\n")
        codes = [reply.code for reply in _replies(client)]
        client.close()
        lines = before.count(b"\r\n")
        holds = codes == [250] * lines + [codes[lines], 250, 221] and codes[lines] in (503, 554)
        holds = holds and not ground.recorder.deliveries
        yield Fact(f"BDAT {name}: its octets are not obeyed", holds, "" if holds else str(codes))


def broken_off(ground: Ground) -> Iterator[Fact]:
    """Go away within a chunk, in every way: nothing arrives."""
    for name in ("close", "reset", "TLS close, then plaintext", "half-close"):
        ground.recorder.forget()
        client = Client.introduced(ground.node.port)
        if name.startswith("TLS"):
            client.ask(b"STARTTLS")
            client.secure()
            client.ask(b"EHLO x")
        client.send(_BEGUN + b"BDAT 1000 LAST\r\n" + _HEAD)
        client.answers(2)
        _leave(client, name)
        later = Client.introduced(ground.node.port)
        reply = later.ask(b"NOOP")
        later.close()
        holds = not ground.recorder.deliveries and reply.code == 250
        yield Fact(f"BDAT broken off by {name}", holds, "" if holds else f"{reply}, {ground.recorder.deliveries}")


def _leave(client: Client, how: str) -> None:
    with suppress(OSError):
        if how == "reset":
            client.reset()
        elif how == "half-close":
            client.connection.shutdown(1)
            client.rest(1)
        elif how.startswith("TLS"):
            plain = client.connection.unwrap()  # type: ignore[attr-defined]
            plain.sendall(b"x" * 1000 + b"\r\n" + _EVIL)
            plain.settimeout(1)
            plain.recv(100)
    client.close()


def examine(ground: Ground) -> list[Fact]:
    """Try everything."""
    return [
        *whole(ground),
        *refused(ground),
        *framing(ground),
        *order(ground),
        *without_transaction(ground),
        *broken_off(ground),
    ]
