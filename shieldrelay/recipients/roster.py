"""`Roster`: one domain's list in force, and how a local-part is found in it.

The order: postmaster, the name itself (a push before the version), the name without its tag, patterns (the longest
first). A tag or a pattern never covers a local-part that leads on to somewhere else (``victim%other.test``): some
server behind might follow it, and be an open relay through us.

Made by `DomainList` whole and then put in the `Directory`; asked in the reactor's thread; cannot fail.
"""

from __future__ import annotations

import re

from shieldrelay.mail.address import Mailbox
from shieldrelay.recipients.line import sensitive_key
from shieldrelay.recipients.names import Names, patterns_of
from shieldrelay.recipients.overlay import Overlay
from shieldrelay.recipients.patterns import Patterns
from shieldrelay.recipients.settings import ListSettings
from shieldrelay.recipients.standing import Standing

POSTMASTER = b"postmaster"

TAGS_MOST = 4
"""Places in a local-part at which a tag may begin; ``a+b+c`` is looked for as ``a`` and as ``a+b``."""

leads_on = re.compile(rb"[%!@]").search
"""What the source routing of old puts into a local-part; an ``@`` has to be quoted there."""


class Anyone:
    """A domain that takes everyone: ``any``, or no list has come yet.

    :param enforced: whether that is what the operator wants.
    """

    def __init__(self, *, enforced: bool) -> None:
        self.enforced = enforced
        self.count = None

    def standing(self, mailbox: Mailbox) -> Standing:
        """Everyone is listed but for what leads on."""
        return Standing.UNKNOWN if leads_on(mailbox.local_key) else Standing.LISTED


class Roster:
    """One domain's list in force.

    :param case_sensitive: whether the keys of the version keep their case.
    :param count: of those who exist, for people.
    :ivar enforced: whether who is not listed is refused; `Lists.refresh` changes it with time (R27).
    """

    __slots__ = (
        "_case_sensitive", "_names", "_patterns", "_postmaster", "_pushed", "_separator", "count", "enforced",
    )  # fmt: skip

    def __init__(
        self,
        settings: ListSettings,
        names: Names,
        overlay: Overlay,
        *,
        case_sensitive: bool,
        count: int,
        enforced: bool,
    ) -> None:
        self._names = names
        self._pushed = {key: pushed.standing for key, pushed in overlay.entries.items()}
        self._case_sensitive = case_sensitive
        self._postmaster = settings.postmaster
        self._separator = None if settings.separator is None else settings.separator.encode("ascii")
        self._patterns = Patterns(patterns_of(overlay.over(names.items())))
        self.count: int | None = count
        self.enforced = enforced

    def standing(self, mailbox: Mailbox) -> Standing:
        """Tell how a mailbox of this domain stands."""
        folded = mailbox.local_key
        if self._postmaster and folded == POSTMASTER:
            return Standing.LISTED
        key = sensitive_key(mailbox) if self._case_sensitive else folded
        found = self._find(key)
        if found is None and (self._patterns or self._separator is not None):
            found = self._covered(key)
        return Standing.UNKNOWN if found is None else found

    def _find(self, key: bytes) -> Standing | None:
        if self._pushed and key in self._pushed:
            return self._pushed[key]
        return self._names.standing(key)

    def _covered(self, key: bytes) -> Standing | None:
        """Look for it without its tag, and among the patterns."""
        if leads_on(key):
            return None
        if self._separator is not None and self._separator in key:
            found = self._untagged(key, self._separator)
            if found is not None:
                return found
        return self._patterns.standing(key)

    def _untagged(self, key: bytes, separator: bytes) -> Standing | None:
        at = key.find(separator, 1)
        for _ in range(TAGS_MOST):
            if at < 0:
                return None
            found = self._find(key[:at])
            if found is not None:
                return found
            if self._postmaster and key[:at].lower() == POSTMASTER:
                return Standing.LISTED
            at = key.find(separator, at + 1)
        return None
