"""A client's side of `shield.harvest`: ask as the gate would, in one line."""

from __future__ import annotations

from shieldrelay.mail.client import Client, client_of
from shieldrelay.shield.acquaintance import Acquaintance
from shieldrelay.shield.harvest import Answer, Asked, Existence, Harvest, HarvestSession, HarvestSettings, keyed_hash

DOMAIN = "example.com"
GOOD, HALF, STRANGER = Acquaintance.KNOWN_GOOD, Acquaintance.NEIGHBOUR, Acquaintance.STRANGER
LISTED, UNKNOWN = Existence.LISTED, Existence.UNKNOWN
HASHED = keyed_hash(b"0123456789abcdef")


def apart(number: int) -> Client:
    """Give a client in a network of its own."""
    return client_of(f"{20 + (number >> 16)}.{number >> 8 & 255}.{number & 255}.9")


class Caller:
    """One source with its session.

    :ivar now: reactor seconds; tests move it.
    """

    def __init__(
        self, harvest: Harvest, client: Client, kind: Acquaintance = STRANGER, *, now: float = 1000.0, sender: int = 7
    ) -> None:
        self.harvest, self.client, self.kind, self.now, self.sender = harvest, client, kind, now, sender
        self.session = HarvestSession()

    def asked(self, name: str, existence: Existence, domain: str = DOMAIN) -> Asked:
        """Make the question."""
        hashed = HASHED(domain, name.encode())
        return Asked(self.client, self.kind, domain, hashed, existence, self.sender, self.session)

    def rcpt(self, name: str, existence: Existence = UNKNOWN, domain: str = DOMAIN) -> Answer:
        """Ask for one recipient and hear the answer."""
        asked = self.asked(name, existence, domain)
        self.harvest.ask(asked, self.now)
        return self.harvest.answer(asked, self.now)

    def sends(self) -> None:
        """Let a message follow."""
        count = sum(self.session.grants.values())
        self.harvest.delivered(self.client, self.kind, self.session, count, self.now)

    def drops(self) -> None:
        """Let no message follow, and begin a new session."""
        count = sum(self.session.grants.values())
        self.harvest.abandoned(self.client, self.kind, self.session, count, self.now)
        self.session = HarvestSession()

    def again(self) -> None:
        """Begin a new session."""
        self.session = HarvestSession()


def harvest_of(settings: HarvestSettings | None = None) -> Harvest:
    """Make the defence with its defaults."""
    return Harvest(settings or HarvestSettings())


def raise_shield(harvest: Harvest, now: float = 1000.0, domain: str = DOMAIN) -> None:
    """Let enough sources guess to shield a domain."""
    for number in range(12):
        Caller(harvest, apart(60_000 + number), now=now).rcpt(f"nobody{number}", UNKNOWN, domain)
