"""Checks and messages for the tests of the content stage."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred
from zope.interface import implementer

from shieldrelay.content.answers import ACCEPT, Answer
from shieldrelay.content.inspected import Inspected
from shieldrelay.content.interfaces import IContentCheck
from shieldrelay.content.terms import CheckTerms, Installed
from shieldrelay.mail.address import parse_mailbox
from shieldrelay.ports import Content
from shieldrelay.spool.content import MemoryContent


@implementer(IContentCheck)
class Answering:
    """Answers by a function.

    :ivar inspected: what it was asked about.
    """

    def __init__(self, conduct: Callable[[Inspected], Any] = lambda _: ACCEPT) -> None:
        self.conduct = conduct
        self.inspected: list[Inspected] = []

    def check(self, inspected: Inspected) -> Any:
        """Take note and answer."""
        self.inspected.append(inspected)
        return self.conduct(inspected)


class Slow(Answering):
    """Answers when it is told to.

    :ivar pending: the questions that wait, in order; those that were cancelled too.
    """

    def __init__(self, *, stubborn: bool = False) -> None:
        super().__init__(self._wait)
        self.pending: list[Deferred[Answer]] = []
        self._stubborn = stubborn

    def _wait(self, _inspected: Inspected) -> Deferred[Answer]:
        waiting: Deferred[Answer] = _Stubborn() if self._stubborn else Deferred()
        self.pending.append(waiting)
        return waiting


class _Stubborn(Deferred[Answer]):
    """Does not care to be cancelled."""

    def cancel(self) -> None:
        """Go on."""


def installed(check: IContentCheck, name: str = "scanner", **terms: Any) -> Installed:
    """Install a check under these terms."""
    return Installed(name, check, CheckTerms(**terms))


def a_message(*blocks: bytes, content: Content | None = None) -> Inspected:
    """Make a message with this content."""
    return Inspected(
        "M1",
        "S1",
        "192.0.2.1",
        "client.test",
        parse_mailbox(b"carol@elsewhere.test"),
        (parse_mailbox(b"bob@example.test"),),
        "example.test",
        MemoryContent(blocks or (b"Subject: hello\r\n\r\nbody\r\n",)) if content is None else content,
    )
