"""`Outlets`: the webhooks and the mail of the configuration, for alarms and reports. Used by `assembly.watch`.

What cannot be used (a secret that cannot be read any more) is told to the journal and left out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from shieldrelay.alarms import report
from shieldrelay.alarms.kinds import Level
from shieldrelay.alarms.letter import Letter, Letters
from shieldrelay.alarms.webhook import TreqPoster, Webhook
from shieldrelay.assembly.house import House
from shieldrelay.config.alarms import Webhook as WebhookSettings
from shieldrelay.config.alarms import check_url
from shieldrelay.config.kinds import Unfit
from shieldrelay.config.secret import SecretFault, read_secret
from shieldrelay.mail.address import Mailbox


class Outlets:
    """Who is told.

    :ivar webhooks: with the level from which on.
    """

    def __init__(self, house: House) -> None:
        self._house = house
        self._made: dict[str, tuple[WebhookSettings, Webhook]] = {}
        self.webhooks: list[tuple[Webhook, Level]] = []
        hostname = house.configuration.node.hostname
        self._letters = Letters(
            hostname=hostname,
            sender=lambda: str(house.configuration.alarms.mail_from or f"shieldrelay@{hostname}"),
            protected=self._protected,
            spool=house.spool,
            wall=house.wall,
            new_id=lambda: house.surroundings.ids.new(house.wall()),
            stored=lambda: house.notice_queue.look(),
            journal=house.journal,
        )

    def configure(self) -> None:
        """Go by the configuration in force; a webhook that is as before goes on with what waits for it."""
        before, self._made = self._made, {}
        for name, settings in self._house.configuration.alarms.webhook.items():
            known = before.pop(name, None)
            if known is not None and known[0] == settings:
                self._made[name] = known
                continue
            if known is not None:
                known[1].stop()
            try:
                self._made[name] = settings, self._webhook(name, settings)
            except (OSError, ValueError, Unfit, SecretFault) as fault:
                self._house.journal.event("alarm_undelivered", to=f"webhook {name}", alarm="", reason=str(fault))
        for _, webhook in before.values():
            webhook.stop()
        self.webhooks = [(made, Level(settings.level.value)) for settings, made in self._made.values()]

    def stop(self) -> None:
        """Tell nobody any more."""
        for _, webhook in self._made.values():
            webhook.stop()
        self._made, self.webhooks = {}, []

    def mail_level(self) -> Level | None:
        """Say from which level on somebody is told by mail; ``None``: nobody is."""
        settings = self._house.configuration.alarms
        return Level(settings.mail_level.value) if settings.mail_to else None

    async def mail(self, letter: Letter) -> None:
        """Send a letter to all who are told by mail. Raises OSError or MemoryError of the spool."""
        for to in self._house.configuration.alarms.mail_to:
            await self._letters.send(to, letter)

    async def report(self, to: Sequence[Mailbox], week: Mapping[str, Any]) -> None:
        """Send a domain's week; raises likewise."""
        letter = Letter(report.subject(week), report.text(week), report.html(week))
        for each in to:
            await self._letters.send(each, letter)

    def _webhook(self, name: str, settings: WebhookSettings) -> Webhook:
        house = self._house
        file = settings.url.file
        url = check_url(read_secret(file).reveal().decode("ascii")) if file else settings.url.url
        secret = b"" if settings.secret is None else read_secret(settings.secret).reveal()
        ca = None if settings.ca is None else Path(settings.ca).read_bytes()
        poster = TreqPoster(house.reactor, ca)
        return Webhook(name, url, secret, poster, clock=house.reactor, wall=house.wall, journal=house.journal)

    def _protected(self, to: Mailbox) -> str:
        """Give the domain whose next hops would take a letter, where everything goes through next hops."""
        found = self._house.configuration.domains_by_name().get(to.domain_key)
        if found is not None:
            return found.domain
        domains = self._house.configuration.domains
        return domains[0].domain if domains else ""
