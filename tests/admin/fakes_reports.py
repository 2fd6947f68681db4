"""Reports in memory, for the tests of the control surface."""

from __future__ import annotations

from shieldrelay.mail.client import Client
from shieldrelay.shield.reputation_reports import Opinion, Reception


class MemoryReports:
    """Satisfies ``admin.api_reports.Reports``: one domain, one token, one message.

    :ivar taken: what was reported.
    """

    def __init__(self) -> None:
        self.taken: list[tuple[str, Opinion]] = []

    async def report(self, domain: str, token: bytes, subject: str | Client, opinion: Opinion) -> Reception:
        name = subject.address if isinstance(subject, Client) else subject
        if (domain, token) != ("example.test", b"sesame"):
            return Reception.DENIED
        if isinstance(subject, str) and subject != "1abc":
            return Reception.UNKNOWN
        if (name, opinion) in self.taken:
            return Reception.ALREADY
        self.taken.append((name, opinion))
        return Reception.TAKEN
