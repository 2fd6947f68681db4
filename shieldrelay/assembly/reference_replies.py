"""Renders ``docs/reference-replies.md``, every SMTP reply that a client can hear.

``python -m shieldrelay.assembly.reference_replies`` writes it. The replies are taken from where they are said; here
stands when, and what an operator does about it. A test holds that none is left out.
"""

from __future__ import annotations

import sys
from pathlib import Path

from shieldrelay.content import stage
from shieldrelay.delivery import settlement
from shieldrelay.mail.reply import Reply
from shieldrelay.shield import lawful
from shieldrelay.smtp import replies, sender

PAGE = Path("docs/reference-replies.md")

Row = tuple[Reply, str, str]

UNCHECKED: Reply = stage._UNCHECKED

GOING_ON: tuple[Row, ...] = (
    (replies.SENDER_OK, "MAIL", ""),
    (replies.RECIPIENT_OK, "RCPT: the recipient exists, or nobody can know yet", ""),
    (replies.START_CONTENT, "DATA", ""),
    (replies.octets_received(1000), "BDAT that is not the last", ""),
    (replies.RESET, "RSET", ""),
    (replies.NOTHING_DONE, "NOOP", ""),
    (replies.MESSAGE_OK, "the content is taken, where no reference is given", ""),
    (
        settlement.accepted("ID"),
        "the message is with the next hop, or durable in the spool",
        "the id is in every line of the journal",
    ),
    (replies.START_TLS, "STARTTLS", ""),
    (replies.HELP, "HELP", ""),
    (replies.CANNOT_VERIFY, "VRFY, whoever is asked for", ""),
    (replies.GOODBYE, "QUIT", ""),
)

REFUSED: tuple[Row, ...] = (
    (
        replies.UNKNOWN_RECIPIENT,
        "RCPT: the list does not have it",
        "`recipients check ADDRESS`; is it missing at the source?",
    ),
    (
        replies.RELAYING_DENIED,
        "RCPT: the domain is not protected here",
        "does an MX record lead here before the domain's file does?",
    ),
    (replies.NOTHING_PROTECTED, "RCPT: no domain is protected at all", "`shieldrelayctl setup`"),
    (
        replies.ANOTHER_TRANSACTION,
        "RCPT: a recipient of another domain than the first (R3)",
        "nothing: the client sends it again",
    ),
    (
        replies.TRY_LATER,
        "RCPT, MAIL: a rate, a harvester, a domain under attack, a network that must be patient",
        "`explain ADDRESS`",
    ),
    (replies.TRY_LATER_CLOSING, "the same, and the client did not stop", "`explain ADDRESS`"),
    (replies.TURNED_AWAY, "connect: a limit, a ban or no slot; with a reference", "`explain ADDRESS`, `release`"),
    (
        replies.TURNED_AWAY_FOR_GOOD,
        "connect: denied by an operator, or by a list that an operator chose",
        "`lists --kind deny`, `revoke`",
    ),
    (replies.TALKED_EARLY, "connect: it spoke before the greeting", "nothing"),
    (replies.OVERLOADED, "connect, MAIL: no room under stress", "`status`: stress"),
    (
        lawful.UNREACHABLE_NOW,
        "the sender's domain cannot be written to: no MX or address, or DNS fails",
        "the sender's postmaster mends DNS",
    ),
    (lawful.NULL_MX, "the sender's domain says that it takes no mail (RFC 7505)", "nothing"),
    (
        lawful.NOT_FROM_HERE,
        "a protected domain as sender, from a place that its SPF does not name",
        "add that place to SPF, or observe `[shield.lawful]`",
    ),
    (
        replies.SPOOL_FULL,
        "RCPT, content: the disk or the domain's share of it",
        "[the disk is full](run-book.md#the-disk-is-full)",
    ),
    (replies.SPOOL_UNAVAILABLE, "content: the disk failed", "`spool_failed` in the journal"),
    (replies.INTERNAL_FAULT, "our fault", "`bug` in the journal"),
    (UNCHECKED, "a scanner fails or hangs, and is declared to defer", "is the scanner up?"),
)

GRAMMAR: tuple[Row, ...] = (
    (replies.UNKNOWN_COMMAND, "no command of SMTP", ""),
    (replies.NOT_IMPLEMENTED, "one that is not offered: EXPN, AUTH, TURN", ""),
    (replies.LINE_TOO_LONG, "a command over its length", ""),
    (replies.LINE_END_NOT_CRLF, "a bare CR or LF among commands", ""),
    (replies.SYNTAX, "parameters that are none", ""),
    (replies.HELLO_SYNTAX, "EHLO, HELO without a lawful name", ""),
    (replies.SENDER_SYNTAX, "MAIL without a lawful address", ""),
    (replies.RECIPIENT_SYNTAX, "RCPT without a lawful address", ""),
    (replies.UTF8_SENDER, "an international address without SMTPUTF8", ""),
    (replies.UTF8_RECIPIENT, "the same of a recipient", ""),
    (replies.UNKNOWN_PARAMETER, "MAIL, RCPT with a parameter that is not offered", ""),
    (replies.BINARY_NOT_OFFERED, "BODY=BINARYMIME", ""),
    (replies.NEED_HELLO, "MAIL before EHLO", ""),
    (replies.NEED_MAIL, "RCPT, DATA, BDAT before MAIL", ""),
    (replies.NESTED_MAIL, "MAIL within a transaction", ""),
    (replies.NO_RECIPIENTS, "DATA, BDAT after all recipients were refused", ""),
    (replies.BAD_SEQUENCE, "any other order that RFC 5321 forbids", ""),
    (replies.TLS_ALREADY, "STARTTLS within TLS", ""),
    (replies.TLS_UNAVAILABLE, "STARTTLS when there is no room for a handshake", ""),
    (replies.TOO_MANY_RECIPIENTS, "RCPT over `[smtp] recipients`", "the client sends the rest again"),
    (replies.CHUNK_SYNTAX, "BDAT whose size nobody knows; the session ends", ""),
    (replies.PLAINTEXT_BEHIND_STARTTLS, "octets behind STARTTLS before the handshake; the session ends", ""),
    (replies.NOT_SMTP, "HTTP, TLS or binary instead of SMTP; the session ends", ""),
)

ENDINGS: tuple[Row, ...] = (
    (replies.TIMED_OUT, "nothing was said for too long", ""),
    (replies.TOO_SLOW, "content that drips", ""),
    (replies.TOO_MANY_ERRORS, "over `[smtp] syntax_errors` or `unknown_commands`", ""),
    (replies.TOO_MANY_COMMANDS, "over `[smtp] commands_per_session` or `junk_commands`", ""),
    (replies.TOO_MANY_MESSAGES, "over `[smtp] messages_per_session`", "the client connects again"),
    (replies.SHUTTING_DOWN, "the node stops, or is drained", ""),
    (replies.INTERNAL_FAULT_CLOSING, "our fault", "`bug` in the journal"),
)

CONTENT: tuple[Row, ...] = (
    (replies.MESSAGE_TOO_BIG, "over `message_size`, or over what the next hop takes", ""),
    (replies.ENDLESS_CONTENT, "far over it; the session ends", ""),
    (replies.NUL_IN_CONTENT, "a NUL octet", ""),
    (
        replies.BARE_LF,
        "a line that ends with LF alone: smuggling, or a broken program",
        "`bare_newlines` of the domain",
    ),
    (replies.BARE_CR, "the same of CR", "`bare_newlines` of the domain"),
    (replies.CONTENT_LINE_TOO_LONG, "a line over its length", ""),
    (replies.HEADER_TOO_BIG, "a header over its size", ""),
    (replies.TOO_MANY_HEADER_FIELDS, "a header with too many fields", ""),
    (replies.HEADER_FIELD_TOO_BIG, "a field over its size", ""),
    (replies.TOO_MANY_PARTS, "more MIME parts than anybody needs", ""),
    (replies.TOO_DEEP, "MIME parts in each other, too deep", ""),
    (replies.TOO_MANY_HOPS, "a loop", "does the next hop send mail back here?"),
    (sender.NO_SMTPUTF8, "the next hop cannot take international mail", ""),
    (sender.TOO_LARGE, "the next hop takes smaller messages only", ""),
)

_HEAD = """# Every SMTP reply

What a client can hear from a node, when, and what you do about it; `explain`, `lists` and the like are commands of
`shieldrelayctl`. What nothing is said about in the last column is the client's business. This page is rendered from the
code.

A reply tells the client as little as it needs. The reason is in the journal and the trace, by the *reference* that
refusals end with: `shieldrelayctl trace REFERENCE`. 4yz: the client keeps the message and comes back. 5yz: its
sender is told.

The greeting is `220 HOSTNAME ESMTP`; EHLO is answered with the extensions on offer, without an enhanced code.
"""
_PASSED_ON = """
## What the next hop refused

A next hop's own words are never passed on. Its code and enhanced code are, with words of ours by the enhanced code and
the message's id, after the content. Recipients for whom codes differ hear what they have in common. A next hop's 4yz
is never heard: the mail is taken, and tried again.

| enhanced code | words |
|---|---|
"""
_PLUGINS = """
## Plugins

A [plugin](plugins.md) refuses in its own words, with `550`, `554` or `451` and `5.7.1` or `4.7.1`.
"""


def page() -> str:
    """Give the page."""
    groups = (
        ("Going on", GOING_ON), ("Refused by who, whence, whom for", REFUSED), ("Refused content", CONTENT),
        ("Not lawful SMTP", GRAMMAR), ("The end of a session", ENDINGS),
    )  # fmt: skip
    return _HEAD + "".join(_table(title, rows) for title, rows in groups) + _PASSED_ON + _words() + _PLUGINS


def declared() -> set[Reply]:
    """Give every reply of the page."""
    return {row[0] for rows in (GOING_ON, REFUSED, GRAMMAR, ENDINGS, CONTENT) for row in rows}


def _table(title: str, rows: tuple[Row, ...]) -> str:
    lines = "".join(f"| `{reply}` | {when} | {what} |\n" for reply, when, what in rows)
    return f"\n## {title}\n\n| reply | when | you |\n|---|---|---|\n{lines}"


def _words() -> str:
    rows = sorted(settlement._WORDS.items(), key=lambda each: (each[0][0], each[0][1] or 0))
    return "".join(
        f"| `x.{subject}.{'*' if detail is None else detail}` | {words} |\n" for (subject, detail), words in rows
    )


def main(root: Path) -> None:
    """Write the page under ``root``, the project's directory."""
    (root / PAGE).write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "."))
