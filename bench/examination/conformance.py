"""Conformance to RFC 5321 and the extensions that are offered: one fresh session for each check.

A check is a row: what is said, line by line, and the codes that must come, with their enhanced codes where they matter.
"""

from __future__ import annotations

from collections.abc import Iterator

from attrs import frozen

from bench.examination.client import CLOSED, Answer, Client
from bench.examination.fact import Fact
from bench.examination.smuggling import Ground

SETTINGS = ""

_MAIL = b"MAIL FROM:<s@client.test>"
_RCPT = b"RCPT TO:<alice@example.com>"
_BODY = b"Subject: check\r\n\r\nbody\r\n."


@frozen
class Check:
    """One dialogue.

    :ivar lines: what is said after EHLO (after the greeting when ``bare``), each answered before the next.
    :ivar due: one word a line: a code, several with ``|``, an enhanced code behind ``/``.
    """

    claim: str
    lines: tuple[bytes, ...]
    due: str
    bare: bool = False


def _is_due(reply: Answer, due: str) -> bool:
    codes, _, enhanced = due.partition("/")
    return str(reply.code) in codes.split("|") and (not enhanced or reply.enhanced == enhanced)


def _mail(argument: bytes, due: str, claim: str) -> Check:
    return Check("MAIL: " + claim, (b"MAIL " + argument,), due)


def _rcpt(argument: bytes, due: str, claim: str) -> Check:
    return Check("RCPT: " + claim, (_MAIL, b"RCPT " + argument), "250 " + due)


_L64, _L65 = b"l" * 64, b"l" * 65
_LABEL = b"d" * 60
CHECKS: tuple[Check, ...] = (
    # 4.1.1.1, 4.1.4: introduction and order
    Check("HELO", (b"HELO client.test", _MAIL, _RCPT, b"DATA", _BODY), "250 250 250 354 250", True),
    Check("EHLO with a literal", (b"EHLO [127.0.0.1]",), "250", True),
    Check("EHLO with an IPv6 literal", (b"EHLO [IPv6:::1]",), "250", True),
    Check("EHLO without a name", (b"EHLO",), "501/5.5.4", True),
    Check("EHLO with two names", (b"EHLO a b",), "501/5.5.4", True),
    Check("EHLO in any case", (b"eHlO client.test",), "250", True),
    Check("EHLO twice", (b"EHLO again.test", _MAIL), "250 250"),
    Check("EHLO within a transaction resets it", (_MAIL, b"EHLO x", _RCPT), "250 250 503"),
    Check("MAIL before EHLO", (_MAIL,), "503/5.5.1", True),
    Check("RCPT before EHLO", (_RCPT,), "503/5.5.1", True),
    Check("DATA before EHLO", (b"DATA",), "503/5.5.1", True),
    Check("NOOP, RSET, HELP, VRFY, QUIT before EHLO", (b"NOOP", b"RSET", b"HELP", b"VRFY x", b"QUIT"),
        "250 250 214 252 221", True),
    Check("RCPT before MAIL", (_RCPT,), "503/5.5.1"),
    Check("DATA before RCPT", (_MAIL, b"DATA"), "250 503|554"),
    Check("DATA before MAIL", (b"DATA",), "503/5.5.1"),
    Check("nested MAIL", (_MAIL, _MAIL, _RCPT), "250 503/5.5.1 250"),
    Check("RSET ends the transaction", (_MAIL, _RCPT, b"RSET", b"DATA", _MAIL), "250 250 250/2.0.0 503 250"),
    Check("DATA when every RCPT was refused", (_MAIL, b"RCPT TO:<no@example.com>", b"DATA"), "250 550/5.1.1 503|554"),
    Check("two messages in one session", (_MAIL, _RCPT, b"DATA", _BODY, _MAIL, _RCPT, b"DATA", _BODY),
        "250 250 354 250 250 250 354 250"),
    Check("the transaction is over after DATA", (_MAIL, _RCPT, b"DATA", _BODY, _RCPT), "250 250 354 250 503"),
    # 4.1.1.x: the other commands
    Check("VRFY tells nothing", (b"VRFY alice@example.com", b"VRFY nobody@example.com"), "252/2.5.2 252/2.5.2"),
    Check("VRFY without an argument", (b"VRFY",), "501"),
    Check("EXPN, TURN, ETRN are not implemented", (b"EXPN list", b"ETRN example.com", b"TURN"),
        "502/5.5.1 502/5.5.1 502/5.5.1"),
    Check("NOOP with an argument", (b"NOOP whatever",), "250/2.0.0"),
    Check("HELP with an argument", (b"HELP MAIL",), "214"),
    Check("RSET with an argument", (b"RSET now",), "501"),
    Check("DATA with an argument", (_MAIL, _RCPT, b"DATA now", b"DATA"), "250 250 501 354"),
    Check("QUIT with an argument", (b"QUIT now", b"QUIT"), "501 221"),
    Check("an unknown command", (b"FROB x", b"NOOP"), "500/5.5.2 250"),
    Check("an empty line", (b"", b"NOOP"), "500/5.5.2 250"),
    Check("AUTH is not offered", (b"AUTH PLAIN AGEAYg==", b"AUTH"), "502|503|504 502|503|504"),
    Check("spaces behind a command", (b"NOOP   ", b"RSET \t"), "250 250"),
    Check("verbs in small letters", (b"mail from:<s@client.test>", b"rcpt to:<alice@example.com>", b"data", _BODY),
        "250 250 354 250"),
    # 4.5.3.1: sizes
    Check("a command line of 512", (b"NOOP " + b"x" * 505,), "250"),
    Check("a command line over the limit", (b"NOOP " + b"x" * 5000, b"NOOP"), "500 250"),
    _mail(b"FROM:<" + _L64 + b"@client.test>", "250", "a local-part of 64"),
    _mail(b"FROM:<" + _L65 + b"@client.test>", "501|553", "a local-part of 65"),
    _mail(b"FROM:<a@" + b".".join([_LABEL] * 4) + b">", "250", "a domain of 243"),
    _mail(b"FROM:<a@" + b".".join([_LABEL] * 5) + b">", "501|553", "a domain of 304"),
    _mail(b"FROM:<a@" + b"d" * 64 + b".test>", "501|553", "a label of 64"),
    # 4.1.2: paths
    _mail(b"FROM:<>", "250/2.1.0", "the null reverse-path"),
    _mail(b"FROM: <s@client.test>", "250", "a space behind the colon"),
    _mail(b"FROM:s@client.test", "501/5.1.7", "no brackets"),
    _mail(b"FROM:<s@client.test", "501/5.1.7", "an open bracket"),
    _mail(b"FROM <s@client.test>", "501/5.1.7", "no colon"),
    _mail(b"FROM:<s>", "501|553", "no domain"),
    _mail(b"FROM:<s@>", "501/5.1.7", "an empty domain"),
    _mail(b"FROM:<@client.test>", "501/5.1.7", "an empty local-part"),
    _mail(b"FROM:<.s@client.test>", "501/5.1.7", "a leading dot"),
    _mail(b"FROM:<s.@client.test>", "501/5.1.7", "a trailing dot"),
    _mail(b"FROM:<s..t@client.test>", "501/5.1.7", "two dots"),
    _mail(b"FROM:<s t@client.test>", "501/5.1.7", "a space"),
    _mail(b"FROM:<s@client_test>", "501/5.1.7", "an underscore in the domain"),
    _mail(b"FROM:<s@-client.test>", "501/5.1.7", "a leading hyphen"),
    _mail(b'FROM:<"s t"@client.test>', "250", "a quoted local-part"),
    _mail(b'FROM:<"s\\"t"@client.test>', "250", "a quoted pair"),
    _mail(b'FROM:<"<>"@client.test>', "250", "brackets in quotes"),
    _mail(b'FROM:<"s@client.test>', "501/5.1.7", "an open quote"),
    _mail(b"FROM:<s@[127.0.0.1]>", "250", "an address literal"),
    _mail(b"FROM:<s@[IPv6:2001:db8::1]>", "250", "an IPv6 literal"),
    _mail(b"FROM:<s@[300.0.0.1]>", "501/5.1.7", "a wrong literal"),
    _mail(b"FROM:<@a.test,@b.test:s@client.test>", "250", "a source route"),
    _mail(b"FROM:<!#$%&'*+-/=?^_`{|}~@client.test>", "250", "every atext"),
    _rcpt(b"TO:<alice@example.com>", "250/2.1.5", "a recipient of ours"),
    _rcpt(b"TO:<ALICE@Example.COM>", "250", "in any case"),
    _rcpt(b'TO:<"alice"@example.com>', "250", "quoted without need"),
    _rcpt(b'TO:<"quoted local"@example.com>', "250", "a quoted recipient of ours"),
    _rcpt(b"TO:<@a.test,@b.test:alice@example.com>", "250", "a source route to us"),
    _rcpt(b"TO:<postmaster>", "250", "postmaster alone"),
    _rcpt(b"TO:<PostMaster>", "250", "postmaster in any case"),
    _rcpt(b"TO:<postmaster@example.org>", "250", "postmaster of a domain"),
    _rcpt(b"TO:<alice>", "501|553", "no domain"),
    _rcpt(b"TO:<>", "501|553", "the null path"),
    _rcpt(b"TO:<nobody@example.com>", "550/5.1.1", "an unknown recipient"),
    _rcpt(b"TO:<a@other.test>", "550/5.7.1", "relaying"),
    _rcpt(b"FROM:<alice@example.com>", "501", "the wrong word"),
    Check("two domains in one transaction (R3)", (_MAIL, _RCPT, b"RCPT TO:<alice@example.org>", b"DATA", _BODY),
        "250 250 452/4.5.3 354 250"),
    # RFC 1870, 6152, 6531, 3030, 3461: parameters
    _mail(b"FROM:<s@client.test> SIZE=1000", "250", "SIZE"),
    _mail(b"FROM:<s@client.test> SIZE=0", "250", "SIZE of nothing"),
    _mail(b"FROM:<s@client.test> SIZE=52428800", "250", "SIZE at the limit"),
    _mail(b"FROM:<s@client.test> SIZE=52428801", "552/5.3.4", "SIZE over the limit"),
    _mail(b"FROM:<s@client.test> SIZE=99999999999999999999", "552/5.3.4", "SIZE of 20 digits"),
    _mail(b"FROM:<s@client.test> SIZE=999999999999999999999", "501/5.5.4", "SIZE of 21 digits"),
    _mail(b"FROM:<s@client.test> SIZE=-1", "501/5.5.4", "SIZE below nothing"),
    _mail(b"FROM:<s@client.test> SIZE=", "501/5.5.4", "SIZE without a value"),
    _mail(b"FROM:<s@client.test> SIZE", "501/5.5.4", "SIZE alone"),
    _mail(b"FROM:<s@client.test> SIZE=1 SIZE=1", "501/5.5.4", "SIZE twice"),
    _mail(b"FROM:<s@client.test> BODY=8BITMIME", "250", "BODY=8BITMIME"),
    _mail(b"FROM:<s@client.test> BODY=7BIT", "250", "BODY=7BIT"),
    _mail(b"FROM:<s@client.test> body=8bitmime size=10", "250", "parameters in small letters"),
    _mail(b"FROM:<s@client.test> BODY=BINARYMIME", "501/5.5.4", "BODY=BINARYMIME is not offered"),
    _mail(b"FROM:<s@client.test> BODY=9BIT", "501/5.5.4", "another BODY"),
    _mail(b"FROM:<s@client.test> FROB=1", "555/5.5.4", "an unknown parameter"),
    _mail(b"FROM:<s@client.test> =1", "501/5.5.4", "a parameter without a name"),
    _mail(b"FROM:<s@client.test>SIZE=1", "501", "a parameter without a space"),
    _mail(b"FROM:<s@client.test> RET=FULL", "555/5.5.4", "RET while DSN is off"),
    _mail(b"FROM:<s@client.test> ENVID=abc", "555/5.5.4", "ENVID while DSN is off"),
    _mail(b"FROM:<s@client.test> AUTH=<>", "555/5.5.4", "AUTH that is not offered"),
    _rcpt(b"TO:<alice@example.com> NOTIFY=NEVER", "555/5.5.4", "NOTIFY while DSN is off"),
    _rcpt(b"TO:<alice@example.com> ORCPT=rfc822;a", "555/5.5.4", "ORCPT while DSN is off"),
    _mail("FROM:<sé@client.test> SMTPUTF8".encode(), "250", "a UTF-8 sender"),
    _mail("FROM:<sé@client.test>".encode(), "553/5.6.7", "a UTF-8 sender without SMTPUTF8"),
    _mail(b"FROM:<s\xff@client.test> SMTPUTF8", "501", "a sender that is not UTF-8"),
    _mail(b"FROM:<s@client.test> SMTPUTF8=1", "501/5.5.4", "SMTPUTF8 with a value"),
    Check("a UTF-8 recipient", (_MAIL + b" SMTPUTF8", "RCPT TO:<usér@example.com>".encode()), "250 250"),
    Check("a UTF-8 recipient without SMTPUTF8", (_MAIL, "RCPT TO:<usér@example.com>".encode()), "250 553/5.6.7"),
    Check("parameters after HELO", (b"HELO x", _MAIL + b" SIZE=1"), "250 555", True),
    Check("chunks", (_MAIL, _RCPT, b"BDAT 4\r\nA:", b"BDAT 5 LAST\r\n\r\nx"), "250 250 250 250"),
    # limits of a session
    Check("too many syntax errors end the session", (b"RSET x",) * 6, "501 501 501 501 501 421"),
    Check("too many unknown commands end the session", (b"FROB",) * 4, "500 500 500 421"),
    Check("too much junk ends the session", (b"NOOP",) * 20, "250 " * 19 + "421"),
    Check("another protocol ends the session", (b"GET / HTTP/1.1",), "521|554", True),
    Check("NUL in a command", (b"NOOP \0x",), "500|501|521"),
    Check("a bare CR in a command", (b"NOOP \rx", b"NOOP"), "500|501 250"),
    Check("8-bit octets for a verb", (b"\xff\xfe\xfd", b"NOOP"), "500 250"),
)  # fmt: skip


def dialogues(ground: Ground) -> Iterator[Fact]:
    """Hold every check."""
    for check in CHECKS:
        client = Client.to(ground.node.port)
        client.answer()
        if not check.bare:
            client.ask(b"EHLO client.test")
        replies = [client.ask(line) for line in check.lines]
        client.close()
        due = check.due.split()
        holds = len(due) == len(replies) and all(map(_is_due, replies, due))
        yield Fact(
            check.claim, holds, "" if holds else f"{[(each.code, each.enhanced) for each in replies]}, due {due}"
        )


def offers(ground: Ground) -> Iterator[Fact]:
    """Look at greeting, EHLO and the shape of all replies."""
    client = Client.to(ground.node.port)
    greeting = client.answer()
    yield Fact("the greeting begins with our name", greeting.code == 220 and greeting.text.startswith(b"relay.test "))
    offered = [line.split(b" ")[0] for line in client.ask(b"EHLO client.test").lines]
    due = [
        b"PIPELINING",
        b"SIZE",
        b"8BITMIME",
        b"ENHANCEDSTATUSCODES",
        b"CHUNKING",
        b"SMTPUTF8",
        b"STARTTLS",
        b"LIMITS",
    ]
    yield Fact("EHLO offers what is there", offered[0] == b"relay.test" and set(due) <= set(offered), str(offered))
    yield Fact("EHLO does not offer what is off", not {b"DSN", b"AUTH", b"BINARYMIME", b"VRFY", b"ETRN"} & set(offered))
    client.close()
    plain = Client.to(ground.node.port)
    plain.answer()
    yield Fact("HELO offers nothing", len(plain.ask(b"HELO client.test").lines) == 1)
    plain.close()


def starttls(ground: Ground) -> Iterator[Fact]:
    """Try to carry plaintext into TLS, and state across the handshake."""
    for injected in (
        b"NOOP\r\n",
        b"EHLO evil.test\r\n",
        b"MAIL FROM:<evil@x.test>\r\nRCPT TO:<alice@example.com>\r\n",
        b"x",
        b"\r\n",
        b"\x16\x03\x01",
    ):
        client = Client.introduced(ground.node.port)
        client.send(b"STARTTLS\r\n" + injected)
        reply, after = client.answer(), client.rest(2)
        client.close()
        yield Fact(
            f"plaintext {injected[:20]!r} behind STARTTLS",
            reply.code in (501, 503, 554) and not after,
            f"{reply}, {after!r}",
        )
    client = Client.introduced(ground.node.port)
    client.begin()
    codes = [client.ask(b"STARTTLS").code]
    client.secure()
    yield Fact("nothing is said first inside TLS", client.is_silent())
    codes += [client.ask(_RCPT).code, client.ask(_MAIL).code]
    hello = client.ask(b"EHLO client.test")
    codes += [
        hello.code,
        client.ask(b"STARTTLS").code,
        client.begin().code,
        client.ask(b"DATA").code,
        client.ask(_BODY).code,
    ]
    client.close()
    yield Fact(
        "EHLO and transaction do not survive STARTTLS", codes == [220, 503, 503, 250, 503, 250, 354, 250], str(codes)
    )
    yield Fact("STARTTLS is not offered inside TLS", not any(line.startswith(b"STARTTLS") for line in hello.lines))
    client = Client.introduced(ground.node.port)
    yield Fact("STARTTLS takes no argument", client.ask(b"STARTTLS now").code == 501)
    client.close()


def pipelines(ground: Ground, count: int = 5000) -> Iterator[Fact]:
    """Send thousands of commands in one write; the replies come in order."""
    client = Client.to(ground.node.port, seconds=60)
    client.answer()
    names = [b"alice" if number % 3 else b"nobody%d" % number for number in range(count)]
    commands = b"".join(b"RCPT TO:<%s@example.com>\r\n" % name for name in names)
    client.send(b"EHLO x\r\n" + _MAIL + b"\r\n" + commands + b"DATA\r\n")
    replies = client.answers(count + 3)
    taken = 0
    due = [250, 250]
    for name in names:
        known = name == b"alice"
        due.append(452 if taken >= 100 else 250 if known else 550)
        taken += known
    due.append(354)
    codes = [reply.code for reply in replies]
    wrong = next((at for at, (seen, right) in enumerate(zip(codes, due, strict=True)) if seen != right), None)
    yield Fact(f"{count} pipelined RCPT are answered in order", wrong is None, f"first wrong: {wrong}")
    yield Fact("content after them is taken", client.ask(_BODY).code == 250)
    client.close()
    client = Client.to(ground.node.port)
    client.answer()
    message = b"EHLO x\r\n" + (_MAIL + b"\r\n" + _RCPT + b"\r\nDATA\r\n" + _BODY + b"\r\n") * 20 + b"QUIT\r\n"
    client.send(message)
    codes = [client.answer().code for _ in range(1 + 80 + 1)]
    yield Fact("whole transactions in one write", codes == [250] + [250, 250, 354, 250] * 20 + [221], str(codes[:12]))
    yield Fact("QUIT closes", client.answer() is CLOSED)
    client.close()
    for octets in (1, 2, 3, 7):
        client = Client.to(ground.node.port)
        client.answer()
        wire = b"EHLO x\r\n" + _MAIL + b"\r\n" + _RCPT + b"\r\nDATA\r\n" + _BODY + b"\r\nQUIT\r\n"
        client.send_in(wire[at : at + octets] for at in range(0, len(wire), octets))
        codes = [reply.code for reply in client.answers(6)]
        yield Fact(f"a session in segments of {octets}", codes == [250, 250, 250, 354, 250, 221], str(codes))
        client.close()


def sizes(ground: Ground) -> Iterator[Fact]:
    """Send a message over the size limit without having said so."""
    client = Client.to(ground.node.port, seconds=60)
    client.answer()
    client.ask(b"EHLO x")
    client.data()
    line = b"y" * 998 + b"\r\n"
    for _ in range(53):
        client.send(line * 1000)
    reply = client.ask(b".")
    yield Fact(
        "over the size limit: read to its end, then 552", (reply.code, reply.enhanced) == (552, "5.3.4"), str(reply)
    )
    yield Fact("and the session goes on", client.ask(b"NOOP").code == 250)
    client.close()


def examine(ground: Ground) -> list[Fact]:
    """Hold everything."""
    return [*dialogues(ground), *offers(ground), *starttls(ground), *pipelines(ground), *sizes(ground)]
