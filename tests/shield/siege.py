"""A whole gate with its real defences, over facts that a test sets and a time that it makes pass."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import count

from attrs import define, field, frozen

from shieldrelay.mail.address import NULL, Mailbox, ReversePath, parse_mailbox
from shieldrelay.mail.client import Client, client_of
from shieldrelay.mail.reply import Reply
from shieldrelay.mail.verdict import Refusal, Verdict
from shieldrelay.ports import RecipientAsked
from shieldrelay.shield.admission import Admission, Defences, Modes
from shieldrelay.shield.analysis import Analysis
from shieldrelay.shield.analysis_examination import Examination
from shieldrelay.shield.analysis_settings import AnalysisSettings
from shieldrelay.shield.calendar import Calendar
from shieldrelay.shield.connections import Connections
from shieldrelay.shield.connections_settings import ConnectionsSettings
from shieldrelay.shield.gate import Gate
from shieldrelay.shield.gate_facts import DomainLimits, Place
from shieldrelay.shield.greeting import Greeting, GreetingSettings
from shieldrelay.shield.harvest import Harvest, HarvestSettings, keyed_hash
from shieldrelay.shield.history import History
from shieldrelay.shield.lawful import Lawful
from shieldrelay.shield.lawful_settings import LawfulSettings
from shieldrelay.shield.reputation import Reputation
from shieldrelay.shield.reputation_settings import ReputationSettings
from shieldrelay.shield.stress import Stress, StressSettings
from shieldrelay.shield.telling import Telling
from shieldrelay.shield.visit import Visit
from shieldrelay.testing.journal import ListJournal

HASHED = keyed_hash(b"0123456789abcdef")
EPOCH = 1_800_000_000.0


@frozen
class Spoken:
    """What an operator says about a client."""

    allows: bool
    denies: bool = False
    reason: str = "the operator says so"


@define(eq=False)
class Siege:
    """A gate and what it looks at.

    :ivar places: where local-parts belong; others are listed, ``nobody`` and ``ghost...`` are not.
    :ivar unenforced: domains whose lists only observe.
    :ivar words: what the operator says of addresses.
    :ivar disk: why no mail can be taken; ``full_domains`` the domains whose share is used up.
    :ivar remembered: what a next hop said of any listed recipient within the hour.
    :ivar announced: the SIZE that the next hop announced last.
    """

    domains: Mapping[str, DomainLimits] | None = None
    domains_per_transaction: int = 1
    modes: Modes = field(factory=Modes)
    connections: ConnectionsSettings = field(factory=ConnectionsSettings)
    harvest: HarvestSettings = field(factory=HarvestSettings)
    analysis: AnalysisSettings = field(factory=AnalysisSettings)
    reputation: ReputationSettings = field(factory=ReputationSettings)
    members: Callable[[], int] = lambda: 1
    bans: list[tuple[bytes, float, str]] = field(factory=list)
    begun: list[Client] = field(factory=list)
    now: float = 1000.0
    places: dict[bytes, Place] = field(factory=dict)
    unenforced: set[str] = field(factory=set)
    words: dict[str, Spoken] = field(factory=dict)
    disk: str | None = None
    full_domains: set[str] = field(factory=set)
    remembered: Reply | None = None
    announced: int | None = None
    journal: ListJournal = field(factory=ListJournal)
    gate: Gate = field(init=False)
    defences: Defences = field(init=False)

    def __attrs_post_init__(self) -> None:
        numbers = count(1)

        def new_reference() -> str:
            return f"S{next(numbers)}"

        history, connections = History(), Connections(self.connections)
        calendar, telling = Calendar(EPOCH), Telling(new_reference)
        self.defences = Defences(
            lists=self,
            history=history,
            connections=connections,
            greeting=Greeting(GreetingSettings()),
            harvest=Harvest(self.harvest, members=self.members),
            harvest_observed=Harvest(self.harvest),
            calendar=calendar,
            stress=Stress(StressSettings()),
            telling=telling,
            examination=Examination(
                Analysis(self.analysis), history, connections, calendar, telling, self.journal, self.ban
            ),
            reputation=Reputation(self.reputation),
            lawful=Lawful(LawfulSettings()),
            begin=self.begun.append,
        )
        admission = Admission(self.defences, self.modes, new_reference=new_reference, journal=self.journal)
        domains = self.domains
        if domains is None:
            domains = {"example.test": DomainLimits("example.test", 100_000, lambda: self.announced)}
        self.gate = Gate(
            domains, self, self, self, admission, self.defences, self.modes,
            domains_per_transaction=self.domains_per_transaction, hashed=HASHED,
        )  # fmt: skip

    # the facts

    def place(self, mailbox: Mailbox) -> Place:
        """Say where a recipient belongs."""
        local = mailbox.local_key
        unlisted = local == b"nobody" or local.startswith(b"ghost")
        return self.places.get(local, Place.UNKNOWN if unlisted else Place.LISTED)

    def enforced(self, domain: str) -> bool:
        """Whether the list refuses."""
        return domain not in self.unenforced

    def full(self) -> str | None:
        """Say why no mail can be taken."""
        return self.disk

    def domain_full(self, domain: str) -> str | None:
        """Say why a domain's mail cannot be taken."""
        return "its share is used up" if domain in self.full_domains else None

    def recall(self, mailbox: Mailbox) -> Reply | None:
        """Give what is remembered of anybody."""
        return self.remembered

    def ban(self, source: bytes, seconds: float, reason: str) -> None:
        """Note a ban."""
        self.bans.append((source, seconds, reason))

    def word(self, client: Client, wall: float) -> Spoken | None:
        """Give what the operator says."""
        return self.words.get(client.address)

    # what clients do

    def admit(self, address: str = "192.0.2.1", sessions: int = 0) -> Visit:
        """Let a client in."""
        visit = self.gate.admit(client_of(address), sessions, self.now)
        if isinstance(visit, Refusal):
            raise AssertionError(f"{address} was turned away: {visit.reason}")
        return visit

    def turned_away(self, address: str = "192.0.2.1", sessions: int = 0) -> Refusal:
        """Turn a client away."""
        refusal = self.gate.admit(client_of(address), sessions, self.now)
        if not isinstance(refusal, Refusal):
            raise AssertionError(f"{address} was let in")
        return refusal

    def ask(
        self,
        visit: Visit,
        mailbox: bytes,
        *,
        domains: Sequence[str] = (),
        size: int | None = None,
        sender: ReversePath = NULL,
    ) -> Verdict:
        """Ask for a recipient; a held answer is decided at once."""
        asked = RecipientAsked(parse_mailbox(mailbox), sender, domains, size)
        verdict = self.gate.recipient(visit, asked, self.now)
        return self.gate.decide(visit, asked, self.now) if verdict.held else verdict

    def code(self, visit: Visit, mailbox: bytes) -> int:
        """Give the code that a recipient is answered with."""
        refusal = self.ask(visit, mailbox).refusal
        return 250 if refusal is None else refusal.reply.code
