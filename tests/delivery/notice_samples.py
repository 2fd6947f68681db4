"""Messages, a resolver without a network, and a spool on a real disk, for the tests of notices."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from twisted.internet.defer import Deferred, fail, succeed
from twisted.trial.unittest import SynchronousTestCase

from shieldrelay.mail.address import NULL, parse_mailbox
from shieldrelay.mail.dsn import Action, ReportedRecipient
from shieldrelay.mail.envelope import Envelope, Message, Notify, Origin, Recipient
from shieldrelay.mail.reply import Reply
from shieldrelay.spool.content import MemoryContent
from shieldrelay.spool.entry import Entry
from shieldrelay.spool.maildir import Spool
from shieldrelay.spool.name import NOTICES
from shieldrelay.testing.journal import ListJournal
from shieldrelay.testing.threads import ImmediateThreads

EPOCH = 1_800_000_000.0
CONTENT = MemoryContent((b"Subject: hello\r\nFrom: carol\r\n\r\nsecret body\r\n",), ascii_header=True)

CLIENT = Origin("192.0.2.1", 40001, "mail.elsewhere.example", "ESMTP", session="S1")


class NoSuchName(Exception):
    """A name does not exist."""


class DictionaryResolver:
    """Satisfies ``ports.Resolver`` from two dictionaries; an exception in them is what the look-up fails with.

    :ivar asked: every name that was looked up.
    """

    def __init__(
        self,
        exchangers: Mapping[str, Sequence[str] | Exception] | None = None,
        addresses: Mapping[str, Sequence[str] | Exception] | None = None,
    ) -> None:
        self.exchangers = exchangers or {}
        self.hosts = addresses or {}
        self.asked: list[str] = []

    def addresses(self, host: str) -> Deferred[Sequence[str]]:
        self.asked.append(host)
        return self._found(self.hosts.get(host, NoSuchName(host)))

    def mail_exchangers(self, domain: str) -> Deferred[Sequence[str]]:
        return self._found(self.exchangers.get(domain, NoSuchName(domain)))

    def _found(self, found: Sequence[str] | Exception) -> Deferred[Sequence[str]]:
        return fail(found) if isinstance(found, Exception) else succeed(found)


def a_message(
    sender: bytes = b"carol@elsewhere.example",
    to: Iterable[bytes] = (b"bob@example.test",),
    notify: frozenset[Notify] | None = None,
    id: str = "M1",
    origin: Origin | None = None,
) -> Message:
    """Give a message; an empty sender is the null reverse-path."""
    recipients = tuple(Recipient(parse_mailbox(one), notify) for one in to)
    path = parse_mailbox(sender) if sender else NULL
    return Message(id, EPOCH - 50, "example.test", Envelope(path, recipients), origin)


def failures(message: Message) -> list[ReportedRecipient]:
    """Report that all recipients were refused."""
    refusal = Reply(550, (5, 1, 1), ("who? says exchange.internal",))
    return [ReportedRecipient(one, Action.FAILED, refusal) for one in message.envelope.recipients]


class SpoolCase(SynchronousTestCase):
    """A test with a real spool whose threads run at once, and a wall clock that the test moves."""

    def setUp(self) -> None:
        self.now = EPOCH
        self.journal = ListJournal()
        folder = self.mktemp()
        self.spool = Spool(
            folder,
            "node",
            threads=ImmediateThreads(),
            journal=self.journal,
            wall_clock=self.wall,
            furthest_due_seconds=1e6,
        )
        self.spool.open()
        self.addCleanup(self.spool.close)
        self.successResultOf(self.spool.prepare(NOTICES))

    def wall(self) -> float:
        """Give the wall clock's seconds."""
        return self.now

    def stored(self) -> tuple[Entry, ...]:
        """Give the notices in the spool."""
        return self.successResultOf(self.spool.window(NOTICES, 1000)).entries
