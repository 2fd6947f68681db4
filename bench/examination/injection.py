"""Injection: what a client or a next hop says never becomes a header field, a command, or a part of somebody's mail."""

from __future__ import annotations

from collections.abc import Iterator
from email import message_from_bytes
from email.message import Message

from bench.examination.client import Client
from bench.examination.fact import Fact
from bench.examination.recorder import Delivery
from bench.examination.smuggling import SETTINGS as SETTINGS
from bench.examination.smuggling import Ground

_NAMES = (
    b"x\rX-Injected:yes", b"x)X-Injected:yes(", b"x%0d%0aX-Injected:yes", b"x\\r\\nX-Injected:yes",
    b"x;X-Injected:yes", b"(x", b"x)",
    b'"x', b"x\\", b"<script>alert(1)</script>", b"$(id)", b"`id`", b"${run{id}}", b"x" * 255, b"[127.0.0.1", b"a@b",
    b"=?utf-8?q?=0a?=",
    b"x,by,evil", b"[IPv6:fe80::1%eth0]", b"x\x0bX-Injected:yes", b"x\x7fy", "é".encode(), b"\xff", b"x\x1b[2J",
    b"()", b"x..y", b"-x-",
)  # fmt: skip
_SENDERS = (
    b'"a\\"b"@client.test', b'"> SIZE=1 X:<"@client.test', b'"a b"@client.test', b'"\\ "@client.test',
    b"${run{id}}@client.test",
    b"|/bin/sh@client.test", b'";id;"@client.test', b"`id`@client.test", b"a=?utf-8?q?=0a?=@client.test",
    b"$(id)@client.test",
    b'"(comment)"@client.test', b'"a,b;c:d"@client.test', b'"RCPT TO:<evil@x.test>"@client.test',
    b'"%0d%0aDATA"@client.test',
    b"-oQ/tmp@client.test", b'".\\.."@client.test', b"'a'@client.test",
)  # fmt: skip
_HOSTILE = (
    b"550 5.1.1 HIDDENWORDS X-Injected: yes\r\n",
    b"550-5.1.1 HIDDENWORDS\r\n550-5.1.1 X-Injected: yes\r\n550 5.1.1 --boundary\r\n",
    b"550 5.1.1 HIDDENWORDS\rX-Injected: yes\r\n",
    b"550 5.1.1 HIDDENWORDS " + b"x" * 1500 + b"\r\n",
    b"550 5.1.1 HIDDENWORDS \xff\xfe\x00\x1b[2J <script>\r\n",
    b"550 5.1.1 HIDDENWORDS 10.9.8.7 mail.internal.test\r\n",
    b"".join(b"550-5.1.1 HIDDENWORDS X-Injected: %d\r\n" % number for number in range(60)) + b"550 end\r\n",
)  # fmt: skip


def _fields(content: bytes) -> list[bytes]:
    """Give the names of the header fields as a strict reader sees them; a line that is none of them as it is."""
    names = []
    for line in content.partition(b"\r\n\r\n")[0].split(b"\r\n"):
        if line[:1] not in (b" ", b"\t"):
            names.append(line.partition(b":")[0])
    return names


def _send(ground: Ground, hello: bytes, sender: bytes = b"s@client.test") -> tuple[int, list[Delivery]]:
    """Send a message with one header field of its own; give the last code and what arrived."""
    ground.recorder.forget()
    client = Client.to(ground.node.port)
    client.answer()
    codes = [client.ask(b"EHLO " + hello).code, client.begin(sender=sender).code, client.ask(b"DATA").code]
    if codes[-1] == 354:
        codes.append(client.ask(b"Subject: mine\r\n\r\nbody\r\n.").code)
    client.close()
    return next((code for code in codes if code >= 400), codes[-1]), list(ground.recorder.deliveries)


def _is_sound(delivery: Delivery) -> bool:
    """Whether there is one trace field of ours above the client's one field, in ASCII without controls."""
    content = delivery.content
    trace = content[: -len(delivery.body)].replace(b"\r\n", b"").replace(b"\t", b"")
    clean = all(0x20 <= octet < 0x7F for octet in trace) and trace.count(b"(") == trace.count(b")")
    return _fields(content) == [b"Received", b"Subject"] and delivery.is_lawful and clean and len(trace) < 1000


def names(ground: Ground) -> Iterator[Fact]:
    """Introduce ourselves by hostile names."""
    for name in _NAMES:
        code, came = _send(ground, name)
        sound = (code == 250 and len(came) == 1 and _is_sound(came[0])) or (code >= 500 and not came)
        yield Fact(f"EHLO {name[:40]!r}", sound, "" if sound else f"{code}, {came!r:.600}")


def senders(ground: Ground) -> Iterator[Fact]:
    """Send from hostile addresses: refused, or passed on exactly."""
    for sender in _SENDERS:
        code, came = _send(ground, b"client.test", sender)
        exact = (
            len(came) == 1 and came[0].commands[0].startswith(b"MAIL FROM:<" + sender + b"> ") and _is_sound(came[0])
        )
        sound = ((code == 250 and exact) or (code >= 500 and not came)) and not list(
            ground.recorder.unlawful_commands()
        )
        yield Fact(f"MAIL FROM:<{sender.decode()}>", sound, "" if sound else f"{code}, {came!r:.600}")


def notices(ground: Ground) -> Iterator[Fact]:
    """Let the next hop refuse one of two recipients with hostile words, and look at reply and notice."""
    for number, reply in enumerate(_HOSTILE):
        ground.recorder.forget()
        # The refusal is remembered for an hour, so each round has a recipient of its own.
        recipient = b"<bob%d@example.com>" % number
        ground.recorder.refusals[recipient] = reply
        client = Client.introduced(ground.node.port)
        client.ask(b"MAIL FROM:<s@elsewhere.test>")
        for each in (b"<alice@example.com>", recipient):
            client.ask(b"RCPT TO:" + each)
        client.ask(b"DATA")
        answer = client.ask(b"Subject: mine\r\n\r\nbody\r\n.")
        again = client.ask(b"MAIL FROM:<s@elsewhere.test>"), client.ask(b"RCPT TO:" + recipient)
        client.close()
        ground.recorder.wait(2, 1)
        heard = answer.text + again[1].text
        yield Fact(
            f"the client does not hear {reply[:40]!r}",
            b"HIDDENWORDS" not in heard and b"10.9.8.7" not in heard,
            f"{heard!r}",
        )
        yield _judged(
            reply, [each for each in ground.recorder.deliveries if each.commands[0].startswith(b"MAIL FROM:<>")]
        )
        ground.recorder.refusals.clear()


def _judged(reply: bytes, found: list[Delivery]) -> Fact:
    """Judge the notice about a refusal."""
    claim = f"the notice about {reply[:40]!r} is sound"
    if len(found) != 1:
        return Fact(claim, False, f"{len(found)} notices")
    notice: Message = message_from_bytes(found[0].content)
    kinds = [part.get_content_type() for part in notice.walk()]
    injected = any(part.get("X-Injected") for part in notice.walk())
    hidden = b"HIDDENWORDS" in found[0].content or b"10.9.8.7" in found[0].content
    lines = max(map(len, found[0].content.split(b"\r\n")))
    sound = (
        not injected
        and not hidden
        and found[0].is_lawful
        and lines <= 998
        and notice.get_content_type() == "multipart/report"
    )
    return Fact(claim, sound, f"{kinds}, injected {injected}, hidden words {hidden}, longest line {lines}")


def examine(ground: Ground) -> list[Fact]:
    """Try everything."""
    return [*names(ground), *senders(ground), *notices(ground)]
