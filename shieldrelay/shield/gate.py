"""The gate: every judgement over a connection and its transactions, in one order (R17, R18).

Pure judgement over facts that others hold: who is protected, who is listed, what the disk can take, what a next hop
said lately, and what the defences know of the client. Answers at once, never fails. `wire.inbound` asks it about
connections, which is `shield.admission`'s part; `delivery.intake` asks it about MAIL and RCPT and tells the client and
the journal. A permanent refusal comes only from relaying denied, an unknown recipient before suspicion, and a declared
limit.

Once a source or a domain is suspect, nothing that is asked of the list shows in the answer: relaying and the choice of
domains are judged before the harvest, which does not know them, and all else behind it (D8).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from shieldrelay.mail.address import NULL, Mailbox
from shieldrelay.mail.client import Client
from shieldrelay.mail.evidence import Reverse, Sender
from shieldrelay.mail.reply import Reply
from shieldrelay.mail.verdict import GO_ON, Refusal, Verdict
from shieldrelay.mail.violation import ViolationKind
from shieldrelay.ports import RecipientAsked, SenderAsked
from shieldrelay.shield.admission import Admission, Defences, Modes
from shieldrelay.shield.gate_facts import Capacity, DomainLimits, Listing, PastRefusals, Place
from shieldrelay.shield.harvest import Answer, Asked, Existence, Harvest, HarvestSession, Rung
from shieldrelay.shield.mode import Mode
from shieldrelay.shield.reputation_score import Band
from shieldrelay.shield.visit import Visit
from shieldrelay.smtp import replies
from shieldrelay.smtp.content_fault import ContentFault

HELD = Verdict(held=True)


class _Fact:
    """What is known of one recipient that is asked for."""

    __slots__ = ("declared_size", "domain", "past", "place")

    def __init__(self, domain: DomainLimits, place: Place, past: Reply | None, declared_size: int | None) -> None:
        self.domain = domain
        self.place = place
        self.past = past
        self.declared_size = declared_size

    @property
    def exists(self) -> bool:
        """Whether it is listed and its next hop has said nothing else lately."""
        return self.place is Place.LISTED and self.past is None


UNIFORM_SECONDS = 0.01
"""The least for which an answer that does not depend on existence is held back: what blurs its time (D8)."""
_EXISTENCE = {
    Place.LISTED: Existence.LISTED,
    Place.UNKNOWN: Existence.UNKNOWN,
    Place.FORMER: Existence.FORMER,
    Place.TRAP: Existence.TRAP,
    Place.NOT_OURS: Existence.UNKNOWN,  # its list went a moment before these terms do
}
_RELAYING = Verdict(Refusal(replies.RELAYING_DENIED, "the domain is not protected here", "relay"))
_NOTHING = Verdict(Refusal(replies.NOTHING_PROTECTED, "no domain is protected yet", "relay"))
_UNKNOWN = Verdict(Refusal(replies.UNKNOWN_RECIPIENT, "the recipient is not listed", "recipients"))
_ANOTHER = Verdict(Refusal(replies.ANOTHER_TRANSACTION, "the transaction has another domain already", "limits"))


class Gate:
    """Judges connections and what they ask for.

    :param domains: by every name of every protected domain.
    :param domains_per_transaction: how many of them one transaction may have (R3).
    :param hashed: gives the 64-bit hash by which a recipient is remembered, keyed with a secret of the cluster.
    """

    def __init__(
        self,
        domains: Mapping[str, DomainLimits],
        listing: Listing,
        capacity: Capacity,
        past: PastRefusals,
        admission: Admission,
        defences: Defences,
        modes: Modes,
        *,
        domains_per_transaction: int,
        hashed: Callable[[str, bytes], int],
    ) -> None:
        self._domains = domains
        self._listing = listing
        self._capacity = capacity
        self._past = past
        self._admission = admission
        self._defences = defences
        self._modes = modes
        self._domains_per_transaction = domains_per_transaction
        self._hashed = hashed

    # the connection

    def admit(self, client: Client, sessions: int, now: float) -> Visit | Refusal:
        """Judge a connection before anything is made for it."""
        return self._admission.admit(client, sessions, now)

    def talked_early(self, visit: Visit, now: float) -> Refusal | None:
        """Judge a client that talks before the greeting."""
        return self._admission.talked_early(visit, now)

    def greeted(self, visit: Visit, now: float) -> None:
        """Note that the client waited for the greeting."""
        self._admission.greeted(visit, now)

    def handshake(self, visit: Visit, now: float) -> Refusal | None:
        """Judge STARTTLS."""
        return self._admission.handshake(visit, now)

    def violation(self, visit: Visit, kind: ViolationKind, evidence: bytes, now: float) -> Refusal | None:
        """Judge what a lawful client does not do."""
        return self._defences.examination.violation(visit, kind, evidence, now)

    def hello(self, visit: Visit, name: bytes, now: float) -> Refusal | None:
        """Judge the name in EHLO or HELO."""
        return self._defences.examination.hello(visit, name, now)

    def left(self, visit: Visit, octets: int, now: float) -> None:
        """The connection has ended."""
        self._admission.left(visit, octets, now)

    # the transaction

    def mail(self, visit: Visit, asked: SenderAsked, now: float) -> Verdict:
        """Judge MAIL; the receiver has held the declared size against the node's own limit already."""
        examination = self._defences.examination
        if asked.reverse_path is not NULL:
            unlawful = examination.sender(visit, bytes(asked.reverse_path), asked.envid, now)
            if unlawful is not None:
                return Verdict(unlawful)
        full = self._capacity.full()
        if full is not None:
            return Verdict(Refusal(replies.SPOOL_FULL, full, "capacity"))
        limited = examination.pace(visit, now) or self._rate(visit, self._defences.connections.message, now)
        return limited or self._reputed(visit, now) or self._slowed(visit, now) or GO_ON

    def recipient(self, visit: Visit, asked: RecipientAsked, now: float) -> Verdict:
        """Judge one RCPT, cheapest and most general first."""
        unlawful = self._defences.examination.recipient(visit, bytes(asked.mailbox), asked.orcpt, now)
        if unlawful is not None:
            return Verdict(unlawful)
        domain = self._domains.get(asked.mailbox.domain_key)
        if domain is None:
            return _RELAYING if self._domains else _NOTHING
        limited = self._rate(visit, self._defences.connections.recipient, now)
        if limited is not None:
            return limited
        if visit.band is not Band.CLEAN:
            reason = self._admission.reputed.recipient(
                visit.client, visit.acquaintance, visit.band, visit.reference, now
            )
            if reason is not None:
                return Verdict(Refusal(replies.TRY_LATER, reason, "reputation"))
        given = asked.transaction_domains
        if domain.name not in given and len(given) >= self._domains_per_transaction:
            return _ANOTHER
        fact = self._fact(domain, asked)
        visit.asked += 1
        visit.unknown += not fact.exists
        harvest, acts = self._harvest(visit, domain)
        if harvest is None:
            return self._truth(visit, fact, 0.0, now)
        question = self._question(visit, fact, asked, acts=acts)
        harvest.ask(question, now)
        if acts and harvest.wants_exchange(question, now):
            return HELD
        return self._answered(visit, fact, harvest.answer(question, now), now, acts=acts)

    def decide(self, visit: Visit, asked: RecipientAsked, now: float) -> Verdict:
        """Judge a RCPT whose answer was held."""
        fact = self._fact(self._domains[asked.mailbox.domain_key], asked)
        question = self._question(visit, fact, asked, acts=True)
        return self._answered(visit, fact, self._defences.harvest.answer(question, now), now, acts=True)

    def sender(self, visit: Visit, sender: Sender, reverse: Reverse, now: float) -> Refusal | None:
        """Judge a sender, and a client's name, by what DNS says; once a transaction, when all is known that will be."""
        if visit.allowed:
            return None
        self._admission.doubt(visit, sender, reverse, now)
        found = self._defences.lawful.sender(visit.client, sender, ours=sender.domain in self._domains, now=now)
        if found is not None and found.mode is Mode.OBSERVE:
            self._admission.would_refuse(visit.client, visit.reference, "lawful", found.reason, now)
            return None
        return None if found is None else Refusal(found.reply, found.reason, "lawful")

    def header(self, visit: Visit, octets: bytes, now: float) -> None:
        """Look at the beginning of a content."""
        self._defences.examination.header(visit, octets, now)

    def spoiled(self, visit: Visit, fault: str, now: float) -> None:
        """Note that a content broke a declared rule."""
        self._defences.examination.content(visit, ContentFault[fault], now)

    def content_refused(self, visit: Visit, now: float) -> None:
        """Note that a check of the content has refused a message."""
        self._defences.reputation.content_refused(visit.client, now)

    def abandoned(self, visit: Visit, recipients: int, now: float) -> None:
        """Note that recipients were granted and no message followed (R20)."""
        if not visit.allowed:
            for harvest, session in self._harvests(visit):
                harvest.abandoned(visit.client, visit.acquaintance, session, recipients, now)

    def completed(self, visit: Visit, recipients: int, now: float) -> None:
        """Note that a message followed."""
        if not visit.allowed:
            for harvest, session in self._harvests(visit):
                harvest.delivered(visit.client, visit.acquaintance, session, recipients, now)

    # what configuration says

    def domain_of(self, mailbox: Mailbox) -> str:
        """Give the domain under which a recipient's mail is kept; only for recipients that were let in."""
        return self._domains[mailbox.domain_key].name

    def size_limit(self, domain: str) -> int:
        """Give the largest message in octets that a protected domain takes."""
        return self._domains[domain].size

    def harvest_acts(self, domain: str) -> bool:
        """Whether the defence against harvesting acts for a protected domain now, or only observes (R27)."""
        limits = self._domains.get(domain)
        if limits is None or self._modes.harvest is not Mode.ENFORCE or limits.harvest is not Mode.ENFORCE:
            return False
        return self._listing.enforced(domain)

    # its parts

    def _rate(self, visit: Visit, limit: Callable[..., str | None], now: float) -> Verdict | None:
        """Hold MAIL or RCPT against the client's rates."""
        mode = self._modes.connections
        if mode is Mode.OFF or visit.allowed:
            return None
        reason = limit(visit.client, visit.acquaintance, now)
        if reason is None:
            return None
        if mode is Mode.OBSERVE:
            self._admission.would_refuse(visit.client, visit.reference, "connections", reason, now)
            return None
        return Verdict(Refusal(replies.TRY_LATER, reason, "connections"))

    def _reputed(self, visit: Visit, now: float) -> Verdict | None:
        """Hold MAIL against the client's name."""
        if visit.allowed:
            return None
        answer = self._admission.reputed.mail(visit.client, visit.acquaintance, visit.reference, now)
        visit.band = answer.band
        if answer.refused is not None:
            return Verdict(Refusal(replies.TRY_LATER, answer.refused, "reputation"))
        return Verdict(None, answer.pause) if answer.pause and not self._defences.stress.on else None

    def _slowed(self, visit: Visit, now: float) -> Verdict | None:
        """Slow a stranger for what its network does (R16)."""
        connections = self._defences.connections
        if self._modes.connections is not Mode.ENFORCE or visit.allowed or self._defences.stress.on:
            return None
        if connections.slowed(visit.client, visit.acquaintance, now) is None:
            return None
        return Verdict(None, connections.settings.network_pause)

    def _fact(self, domain: DomainLimits, asked: RecipientAsked) -> _Fact:
        place = self._listing.place(asked.mailbox)
        past = self._past.recall(asked.mailbox) if place is Place.LISTED else None
        return _Fact(domain, place, past, asked.declared_size)

    def _harvest(self, visit: Visit, domain: DomainLimits) -> tuple[Harvest | None, bool]:
        """Give the scores that a recipient of a domain counts in, and whether they act."""
        if visit.allowed or self._modes.harvest is Mode.OFF or domain.harvest is Mode.OFF:
            return None, False
        if self.harvest_acts(domain.name):
            return self._defences.harvest, True
        return self._defences.harvest_observed, False

    def _harvests(self, visit: Visit) -> list[tuple[Harvest, HarvestSession]]:
        """Give the scores that this connection has counted in."""
        defences = self._defences
        pairs = ((defences.harvest, visit.harvest), (defences.harvest_observed, visit.harvest_observed))
        return [(harvest, session) for harvest, session in pairs if session is not None]

    def _question(self, visit: Visit, fact: _Fact, asked: RecipientAsked, *, acts: bool) -> Asked:
        session = visit.harvest if acts else visit.harvest_observed
        if session is None:
            session = HarvestSession()
            if acts:
                visit.harvest = session
            else:
                visit.harvest_observed = session
        existence = Existence.UNKNOWN if fact.past is not None else _EXISTENCE[fact.place]
        name = self._hashed(fact.domain.name, asked.mailbox.local_key)
        path, sender = visit.sender
        if path is not asked.reverse_path:
            sender = self._hashed("", bytes(asked.reverse_path))
            visit.sender = asked.reverse_path, sender
        return Asked(
            visit.client, visit.acquaintance, fact.domain.name, name, existence, sender, session, visit.open_least
        )

    def _answered(self, visit: Visit, fact: _Fact, answer: Answer, now: float, *, acts: bool) -> Verdict:
        """Say what the harvest leaves to say."""
        if answer.rung is Rung.TRUTH:
            return self._truth(visit, fact, answer.delay if acts else 0.0, now)
        if answer.crossing and acts:
            self._admission.cut_off(visit, fact.domain.name, answer.reason)
        if not acts:
            self._admission.would_refuse(
                visit.client, visit.reference, "harvest", answer.reason, now, fact.domain.name
            )
            return self._truth(visit, fact, 0.0, now)
        reply = replies.TRY_LATER if answer.rung is Rung.UNIFORM else replies.TRY_LATER_CLOSING
        return Verdict(Refusal(reply, answer.reason, "harvest"), max(answer.delay, UNIFORM_SECONDS))

    def _truth(self, visit: Visit, fact: _Fact, delay: float, now: float) -> Verdict:
        """Answer as things are."""
        refusal = None
        if fact.place is not Place.LISTED:
            if self._listing.enforced(fact.domain.name):
                return _UNKNOWN if not delay else Verdict(_UNKNOWN.refusal, delay)
            reason = f"{fact.domain.name} does not list the recipient"
            self._admission.would_refuse(
                visit.client, visit.reference, "recipients", reason, now, fact.domain.name
            )
        elif fact.past is not None:
            refusal = Refusal(fact.past, "its next hop refused this recipient within the hour", "next_hop")
        refusal = refusal or self._size(fact.domain, fact.declared_size) or self._room(fact.domain)
        return GO_ON if refusal is None and not delay else Verdict(refusal, delay)

    def _size(self, domain: DomainLimits, declared_size: int | None) -> Refusal | None:
        if declared_size is None:
            return None
        announced = domain.next_hop_size()
        limit = domain.size if announced is None else min(domain.size, announced)
        if declared_size <= limit:
            return None
        return Refusal(replies.MESSAGE_TOO_BIG, f"the declared size is over {limit} octets", "limits")

    def _room(self, domain: DomainLimits) -> Refusal | None:
        full = self._capacity.domain_full(domain.name)
        return None if full is None else Refusal(replies.SPOOL_FULL, full, "capacity")
