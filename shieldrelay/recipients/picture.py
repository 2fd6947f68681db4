"""`ListPicture`: one domain's list as it is shown to people. A value; made by `Lists.picture`."""

from __future__ import annotations

from attrs import frozen

from shieldrelay.recipients.freshness import Freshness
from shieldrelay.recipients.settings import ListKind
from shieldrelay.recipients.version import Version


@frozen
class ListPicture:
    """One domain's list, to be shown.

    :ivar version: in force; ``None``: none has come yet, and everyone is taken.
    :ivar enforced: whether who is not listed is refused.
    :ivar waiting: pushed names that are not in a version yet.
    :ivar trouble: what is wrong on disk, in operator's words.
    :ivar refused: the last version that a guard refused, if it is still there.
    """

    domain: str
    kind: ListKind
    version: Version | None
    enforced: bool
    observing_until: float | None
    freshness: Freshness
    confirmed_at: float | None
    waiting: int
    trouble: str | None
    refused: Version | None
