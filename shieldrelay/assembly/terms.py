"""What sessions and messages work with under one configuration; a reload makes new terms, whole or not at all.

Built aside, from files that are all read before anything changes. Sessions that run keep the terms that they began
with; new ones get the new.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from attrs import define
from twisted.internet.defer import Deferred

from shieldrelay.assembly import shield_terms, translation
from shieldrelay.assembly.capacity import Capacity
from shieldrelay.assembly.shield import Shield
from shieldrelay.assembly.ways import DomainWay
from shieldrelay.config.delivery import FirstAttempt
from shieldrelay.config.mode import Mode
from shieldrelay.config.networks import SmtpByNetwork
from shieldrelay.config.schema import Configuration
from shieldrelay.content.stage import Stage
from shieldrelay.content.terms import Installed
from shieldrelay.delivery.acceptance import Acceptance, Store, Way
from shieldrelay.delivery.aftermath import Aftermath
from shieldrelay.delivery.holding import Draft, MemoryBudget
from shieldrelay.delivery.intake_tools import IntakeTools
from shieldrelay.delivery.provenance import ProvenanceTools
from shieldrelay.delivery.refusals import RefusedRecipients
from shieldrelay.delivery.settlement import in_our_words
from shieldrelay.mail.address import Mailbox
from shieldrelay.mail.envelope import Message, Origin
from shieldrelay.mail.identity import MessageIds
from shieldrelay.mail.reply import Reply
from shieldrelay.mail.trace import received
from shieldrelay.ports import Clock, Journal, WallClock
from shieldrelay.recipients.lists import Lists
from shieldrelay.recipients.standing import Standing
from shieldrelay.shield.admission import Admission
from shieldrelay.shield.gate import Gate
from shieldrelay.shield.gate_facts import DomainLimits, Place
from shieldrelay.smtp.limits import ContentRules
from shieldrelay.smtp.receiver_settings import ReceiverSettings
from shieldrelay.wire.inbound_timing import ClientPatience, Patience


def acceptance_ways(ways: Mapping[str, DomainWay]) -> dict[str, Way]:
    """Give the ways as the acceptance sees them."""
    return {domain: Way(way.lane, way.queue) for domain, way in ways.items()}


_PLACES = {
    Standing.LISTED: Place.LISTED,
    Standing.UNKNOWN: Place.UNKNOWN,
    Standing.FORMER: Place.FORMER,
    Standing.TRAP: Place.TRAP,
    Standing.NOT_OURS: Place.NOT_OURS,
}


@define(eq=False)
class Surroundings:
    """What terms are made with, and what outlives them.

    :ivar suspicious: says whether a domain's refusals are doubted now (R5): then they are not remembered against
        recipients.
    :ivar next_hop_size: gives the SIZE that a domain's next hop announced last.
    """

    shield: Shield
    lists: Lists
    capacity: Capacity
    memory: RefusedRecipients
    budget: MemoryBudget
    spool: Store
    open_draft: Callable[[Message], Deferred[Draft]]
    aftermath: Aftermath
    ids: MessageIds
    suspicious: Callable[[str], bool]
    next_hop_size: Callable[[str], int | None]
    clock: Clock
    wall: WallClock
    journal: Journal


class Terms:
    """One configuration in force for sessions.

    :param ways: by protected domain.
    :param checks: of complete messages.
    :ivar gate: judges; a session keeps the one that admitted it.
    :ivar balancer: tells whether an address is a declared balancer's; ``None`` when there is none.
    """

    def __init__(
        self,
        configuration: Configuration,
        ways: Mapping[str, Way],
        surroundings: Surroundings,
        checks: Sequence[Installed] = (),
    ) -> None:
        self.configuration = configuration
        self._shield = surroundings.shield
        self.balancer = translation.balancer(configuration)
        self._by_network = SmtpByNetwork(configuration)
        self._content_rules = translation.ContentRulesByDomain(configuration, self._by_network)
        self._names = {name: domain.domain for name, domain in configuration.domains_by_name().items()}
        self._made: dict[int, tuple[ReceiverSettings, Patience]] = {}
        self.acceptance = Acceptance(
            ways,
            surroundings.spool,
            surroundings.aftermath,
            inline=configuration.delivery.first_attempt is FirstAttempt.INLINE,
            wait=configuration.delivery.inline_timeout,
            clock=surroundings.clock,
            wall=surroundings.wall,
            journal=surroundings.journal,
        )
        self.gate = self._gate(configuration, surroundings)
        stage = Stage(checks, surroundings.clock, surroundings.journal) if checks else None
        self.intake = self._intake(configuration, surroundings, stage)

    def receiver_settings(self, address: str) -> ReceiverSettings:
        """Give what the receiver of a client's session is built with."""
        return self._for(address)[0]

    def patience(self, address: str) -> ClientPatience:
        """Give a client's time."""
        return ClientPatience(self._for(address)[1])

    def domain_of(self, mailbox: Mailbox) -> str:
        """Give the domain under which a recipient's mail is kept."""
        return self._names[mailbox.domain_key]

    def content_rules(self, domain: str, address: str) -> ContentRules:
        """Give what a client's content for a domain must be like."""
        return self._content_rules.content_rules(domain, address)

    def _for(self, address: str) -> tuple[ReceiverSettings, Patience]:
        smtp = self._by_network.settings_for(address, under_stress=self._shield.stressed)
        made = self._made.get(id(smtp))  # the same objects for as long as these terms last
        if made is None:
            made = translation.receiver_settings(self.configuration, smtp), translation.patience(smtp)
            self._made[id(smtp)] = made
        return made

    def _intake(
        self, configuration: Configuration, surroundings: Surroundings, stage: Stage | None
    ) -> IntakeTools:
        hostname = configuration.node.hostname
        new_id, wall = surroundings.ids.new, surroundings.wall

        def trace(origin: Origin, message_id: str, arrived: float, recipient: Mailbox | None) -> bytes:
            return received(origin, hostname, message_id, arrived, recipient)

        return IntakeTools(
            gate=self.gate,
            domains=self,
            acceptance=self.acceptance,
            trace=trace,
            new_id=lambda: new_id(wall()),
            postmaster=configuration.postmaster,
            budget=surroundings.budget,
            in_memory=configuration.smtp.memory_per_message,
            open_draft=surroundings.open_draft,
            pauses=surroundings.shield.pauses,
            clock=surroundings.clock,
            wall=wall,
            journal=surroundings.journal,
            stage=stage,
            early=stage.conversation if stage is not None and stage.sees_early else None,
            provenance=self._provenance(configuration, surroundings),
        )

    def _provenance(self, configuration: Configuration, surroundings: Surroundings) -> ProvenanceTools:
        """Give how senders are looked up and told; off asks nobody and tells nothing, renaming holds in any case."""
        settings, hostname = configuration.shield.lawful, configuration.node.hostname
        name = settings.authserv_id or hostname
        asks = settings.mode is not Mode.OFF
        return ProvenanceTools(
            self.gate,
            surroundings.shield.lookups if asks else None,
            name,
            frozenset({name, hostname, *settings.authserv_ids}) if settings.rename else (),
        )

    def _gate(self, configuration: Configuration, surroundings: Surroundings) -> Gate:
        limits = {}
        for domain in configuration.domains:
            size = domain.message_size or configuration.smtp.message_size
            harvest = shield_terms.mode(domain.harvest)
            one = DomainLimits(domain.domain, size, _size_of(domain.domain, surroundings), harvest)
            limits.update(dict.fromkeys(domain.names, one))
        shield, modes = surroundings.shield, shield_terms.modes(configuration)
        return Gate(
            limits,
            _Listed(surroundings.lists),
            surroundings.capacity,
            _Past(surroundings, self._names),
            Admission(shield.defences, modes, new_reference=shield.new_id, journal=surroundings.journal),
            shield.defences,
            modes,
            domains_per_transaction=configuration.smtp.recipient_domains,
            hashed=shield.hashed,
        )


def _size_of(domain: str, surroundings: Surroundings) -> Callable[[], int | None]:
    return lambda: surroundings.next_hop_size(domain)


class _Listed:
    """The lists, as the gate asks them."""

    def __init__(self, lists: Lists) -> None:
        self._lists = lists

    def place(self, mailbox: Mailbox) -> Place:
        """Say where a recipient belongs."""
        return _PLACES[self._lists.lookup(mailbox)]

    def enforced(self, domain: str) -> bool:
        """Whether a domain's list refuses already."""
        return self._lists.enforced(domain)


class _Past:
    """The memory of refusals, as the gate asks it: a domain whose refusals are doubted has none, then and after."""

    def __init__(self, surroundings: Surroundings, names: Mapping[str, str]) -> None:
        self._surroundings = surroundings
        self._names = names

    def recall(self, mailbox: Mailbox) -> Reply | None:
        """Give the reply for a recipient that was refused for good within the hour."""
        surroundings = self._surroundings
        if not len(surroundings.memory):
            return None
        refusal = surroundings.memory.recall(mailbox, surroundings.clock.seconds())
        if refusal is None:
            return None
        if surroundings.suspicious(self._names[mailbox.domain_key]):
            surroundings.memory.forget_domain(mailbox.domain_key)
            return None
        return in_our_words(refusal.code, refusal.status, surroundings.ids.new(surroundings.wall()))
