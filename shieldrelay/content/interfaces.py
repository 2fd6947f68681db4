"""The small plugin interface: a check of complete messages and nothing else (`docs/content-stage.md`).

What sees other stages too, or declares its own time, is an `IShieldPlugin` of `content.plugin`.
"""

from __future__ import annotations

from twisted.internet.defer import Deferred
from zope.interface import Interface

from shieldrelay.content.answers import Answer
from shieldrelay.content.inspected import Inspected


class IContentCheck(Interface):
    """Judges complete messages; one object serves all sessions of a process."""

    def check(inspected: Inspected) -> Answer | Deferred[Answer]:  # noqa: N805 - zope's methods have no self
        """Judge one message.

        Called in the reactor's thread: what takes longer than a millisecond gives a Deferred. That is cancelled when
        the check's time is over, and its place is free again only when it has fired. An exception, a failed Deferred
        and anything that is no `Answer` count as the failure of the check, never as an answer.
        """
