"""Messages, spools and outcomes for the tests of the spool."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from shieldrelay.mail.address import NULL, ReversePath, parse_mailbox
from shieldrelay.mail.envelope import Body, Envelope, Message, Notify, Origin, Recipient
from shieldrelay.spool.maildir import Spool
from shieldrelay.spool.operations import FileOperations
from shieldrelay.testing.journal import ListJournal
from shieldrelay.testing.threads import ImmediateThreads

DOMAIN = "example.com"
NOW = 1_700_000_000.0


def a_message(id: str = "M1", *, arrived: float = NOW, domain: str = DOMAIN, recipients: int = 1) -> Message:
    """A message with a bit of everything in its envelope."""
    sender: ReversePath = NULL if id.endswith("0") else parse_mailbox(b"sender@origin.example")
    everyone = tuple(
        Recipient(parse_mailbox(b"r%d@Example.com" % index), frozenset({Notify.FAILURE}), b"rfc822;r@example.com")
        for index in range(recipients)
    )
    envelope = Envelope(sender, everyone, Body.EIGHTBITMIME, envid=b"abc+2B")
    return Message(id, arrived, domain, envelope, Origin("192.0.2.1", 2525, "client.example", "ESMTPS", "TLSv1.3"))


def a_content(id: str = "M1", octets: int = 300) -> bytes:
    """A content that tells which message it belongs to."""
    return (b"Subject: %s\r\n\r\n" % id.encode()).ljust(octets, b"x") + b"\r\n"


def a_spool(
    operations: FileOperations, root: str = "/spool", *, member: str = "node1", now: float = NOW, **options: Any
) -> Spool:
    """A spool that does everything at once; its journal is ``spool._journal``, a ListJournal."""
    options.setdefault("threads", ImmediateThreads())
    options.setdefault("journal", ListJournal())
    return Spool(root, member, wall_clock=lambda: now, operations=operations, **options)


def done(deferred: Deferred[Any] | Any) -> Any:
    """Give what a Deferred fired with, or raise what it failed with; it must have fired. A value is given back."""
    if not isinstance(deferred, Deferred):
        return deferred
    results: list[Any] = []
    deferred.addBoth(results.append)
    if not results:
        raise AssertionError("the Deferred has not fired")
    if isinstance(results[0], Failure):
        raise results[0].value  # type: ignore[misc]
    return results[0]
