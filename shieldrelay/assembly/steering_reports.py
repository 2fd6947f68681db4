"""Reports of spam and ham: the control API's `admin.api_reports.Reports`, bound to the house."""

from __future__ import annotations

from shieldrelay.assembly.house import House
from shieldrelay.mail.client import Client
from shieldrelay.shield.reputation_reports import Opinion, Reception


class ReportSteering:
    """Takes reports for one node; see `admin.api_reports.Reports`."""

    def __init__(self, house: House) -> None:
        self._house = house

    async def report(self, domain: str, token: bytes, subject: str | Client, opinion: Opinion) -> Reception:
        """Take a report."""
        named = self._house.configuration.domains_by_name().get(domain)
        name = domain if named is None else named.domain
        now = self._house.shield.seconds()
        return self._house.reputation.reports.report(name, token, subject, opinion, now)
