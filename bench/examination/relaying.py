"""Open relay: every known way to make a relay carry mail for strangers. None may be accepted, none passed on."""

from __future__ import annotations

from collections.abc import Iterator

from bench.examination.client import Client
from bench.examination.fact import Fact
from bench.examination.smuggling import SETTINGS as SETTINGS
from bench.examination.smuggling import Ground

FORMS: tuple[bytes, ...] = tuple(
    form.encode()
    for form in (
        # plainly elsewhere
        "<victim@other.test>", "<victim@OTHER.TEST>", "<alice@example.com.other.test>", "<alice@other.test>",
        "<postmaster@other.test>",
        "<alice@sub.example.com>", "<alice@xexample.com>", "<alice@example.co>", "<alice@com>", "<alice@example>",
        "<alice@example.com.>", "<alice@.example.com>", "<alice@example..com>", "<alice@example.com..>",
        # nowhere
        "<victim>", "<alice>", "<>", "< >", "<@>", "<victim@>", "<@other.test>", "<alice@@example.com>",
        "alice@other.test",
        # percent and bang
        "<victim%other.test@example.com>", "<victim%other.test>", "<victim%other.test%example.org@example.com>",
        "<victim%other.test@relay.test>", "<victim%other.test@[127.0.0.1]>", "<alice%example.com@other.test>",
        "<other.test!victim@example.com>", "<other.test!victim>", "<example.com!other.test!victim>",
        "<relay.test!other.test!victim@relay.test>",
        "<other.test!victim%example.com@other.test>", "<victim@other.test@example.com>",
        "<victim@other.test%example.com>",
        "<victim\\@other.test@example.com>", "<victim&other.test@example.com>", "<victim/other.test@example.com>",
        "<victim:other.test@example.com>",
        # through a domain where anyone exists
        "<victim%other.test@anyone.test>", "<other.test!victim@anyone.test>", '<"victim@other.test"@anyone.test>',
        '<"victim\\@other.test"@anyone.test>', "<victim%[192.0.2.1]@anyone.test>", "<a@b.anyone.test>",
        "<@anyone.test:victim@other.test>", "<@other.test:victim%other.test@anyone.test>",
        # quoted
        '<"victim@other.test"@example.com>', '<"victim%other.test"@example.com>', '<"victim@other.test">',
        '<"victim"@other.test>',
        '<"other.test!victim"@example.com>', '<"alice@example.com"@other.test>', '<"victim@other.test\\"@example.com>',
        '<"alice" @other.test>', '<"victim@other.test"@relay.test>', '<"victim@other.test"@[127.0.0.1]>',
        '<"@other.test:victim"@example.com>',
        '<"victim"@other.test@example.com>', '<"victim\\@other.test"@example.com>', '<"alice"@example.com@other.test>',
        # source routes
        "<@example.com:victim@other.test>", "<@relay.test:victim@other.test>",
        "<@example.com,@example.org:victim@other.test>",
        "<@[127.0.0.1]:victim@other.test>", "<@example.com@other.test:victim@other.test>",
        "<@other.test:alice@example.com@other.test>",
        "<@example.com:@other.test:victim@other.test>", "<@example.com:victim%other.test@example.com>",
        "<@:victim@other.test>",
        '<@example.com:"victim@other.test"@example.com>', "<@example.com victim@other.test>",
        # literals
        "<victim@[127.0.0.1]>", "<victim@[192.0.2.1]>", "<alice@[127.0.0.1]>", "<victim@[IPv6:::1]>",
        "<victim@[IPv6:::ffff:127.0.0.1]>",
        "<victim@127.0.0.1>", "<victim@2130706433>", "<victim@[2130706433]>", "<victim@[other.test]>",
        "<victim@localhost>", "<victim@relay.test>",
        "<victim@[x:other.test]>", "<victim@#2130706433>", "<victim@[127.0.0.1]@example.com>",
        # names that look alike or fold alike
        "<alice@exämple.com>", "<alice@xn--exmple-cua.com>", "<alice@еxample.com>", "<alice@example。com>",
        "<alice@ｅｘａｍｐｌｅ．ｃｏｍ>",
        "<alice@example.com\u200b>", "<alice@\u00adexample.com>", "<alice@example\u2024com>",
        "<victim＠other.test@example.com>",
        # parameters and rests that are taken for more
        "<alice@example.com><victim@other.test>", "<alice@example.com>,<victim@other.test>",
        "<alice@example.com>victim@other.test",
        "<alice@example.com,victim@other.test>", "<alice@example.com;victim@other.test>",
        "<alice@example.com victim@other.test>",
        "<alice@example.com> ORCPT=rfc822;victim@other.test", "<alice@example.com> <victim@other.test>",
        "<alice@example.com> RCPT TO:<victim@other.test>",
        "victim@other.test <alice@example.com>", "<<victim@other.test>>", "<victim@other.test> <alice@example.com>",
        "<(alice@example.com)victim@other.test>",
        "<alice@example.com(other.test)>", "<alice@example.com\tvictim@other.test>", "<alice@other.test#example.com>",
        "<alice@other.test|x@example.com>",
        "<|/bin/sh@example.com>", "<${run{/bin/true}}@example.com>", "</etc/passwd@example.com>",
        "<:include:/etc/passwd@example.com>",
    )
)  # fmt: skip

FOREIGN_ENDINGS = (
    b"<alice@example.com\r@other.test>",
    b"<victim@other.test\0@example.com>",
    b"<alice@example.com\n>",
    b"<alice@example.com\0.other.test>",
)
"""Forms with octets that no text has."""

LAWFUL: tuple[bytes, ...] = (
    b"<alice@example.com>", b"<ALICE@EXAMPLE.COM>", b"<@other.test:alice@example.com>", b'<"alice"@example.com>',
    b"<Postmaster>",
    b"<postmaster@example.org>", b'<"quoted local"@example.com>', b'<"al\\ice"@example.com>',
    b"<whoever@anyone.test>", b"<srs0=ab=cd=other.test=victim@anyone.test>",
)  # fmt: skip
"""The same door must open for these."""


def _asked(ground: Ground, form: bytes, mail: bytes) -> int:
    """Ask for one recipient and, whatever is said, try to send to it; give the code."""
    client = Client.introduced(ground.node.port)
    client.ask(mail)
    code = client.ask(b"RCPT TO:" + form).code
    if client.ask(b"DATA").code == 354:
        client.ask(
            b"Subject: relayed\r\n\r\n" + form.replace(b"\r", b"").replace(b"\n", b"").replace(b"\0", b"") + b"\r\n."
        )
    client.close()
    return code


_SENDERS = (
    b"MAIL FROM:<s@client.test>",
    b"MAIL FROM:<>",
    b"MAIL FROM:<alice@example.com>",
    b"MAIL FROM:<s@client.test> SMTPUTF8",
)


def refused(ground: Ground, senders: tuple[bytes, ...] = _SENDERS) -> Iterator[Fact]:
    """Try each form from each kind of sender; a refusal is 5yz, and nothing reaches the next hop."""
    for form in FORMS + FOREIGN_ENDINGS:
        ground.recorder.forget()
        codes = [_asked(ground, form, mail) for mail in senders]
        went = [line for line in ground.recorder.commands if line.startswith(b"RCPT")]
        holds = all(500 <= code < 560 for code in codes) and not went
        yield Fact(f"relaying for {form!r} is denied", holds, "" if holds else f"{codes}, passed on: {went}")


def accepted(ground: Ground) -> Iterator[Fact]:
    """Recipients of ours are taken in every lawful spelling, and passed on in our domain only."""
    for form in LAWFUL:
        ground.recorder.forget()
        code = _asked(ground, form, _SENDERS[0])
        went = [line.strip().lower() for line in ground.recorder.commands if line.startswith(b"RCPT")]
        ours = len(went) == 1 and went[0].endswith((b"@example.com>", b"@example.org>", b"@anyone.test>"))
        yield Fact(f"{form!r} is ours", code == 250 and ours, f"{code}, passed on: {went}")


def examine(ground: Ground) -> list[Fact]:
    """Try everything."""
    return [*refused(ground), *accepted(ground)]
