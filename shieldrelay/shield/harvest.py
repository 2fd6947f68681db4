"""Directory harvest: who guesses addresses, and what he hears (D8, R19 to R21).

Counts distinct unknown recipients, recipients granted without a message, and recipients that the next hop refused; by
source, by network and by protected domain. Past a threshold all RCPTs are answered alike, then with 421, then the
connection is refused; a domain attacked by many makes strangers come back before they hear the truth. Pure: time is an
argument, what is remembered stands in bounded tables that members share. Called by `shield.gate`, which also puts the
mode and the operator's lists in front of it. Cannot fail; a table that is full forgets the least dangerous first.
"""

from __future__ import annotations

from collections.abc import Callable, Collection

from shieldrelay.cluster.table import Row, Table
from shieldrelay.mail.client import Client
from shieldrelay.shield import harvest_ladder as ladder
from shieldrelay.shield.acquaintance import Acquaintance
from shieldrelay.shield.harvest_asked import TRUTH, Answer, Asked, Existence, HarvestSession, Rung
from shieldrelay.shield.harvest_asking import Asking
from shieldrelay.shield.harvest_case import Case
from shieldrelay.shield.harvest_domain import DomainShield, Level, LevelTold
from shieldrelay.shield.harvest_kinds import (
    ABANDONED,
    COMMANDS,
    DAY,
    DOMAINS,
    EVIDENCE,
    FAST,
    NETWORK_EVIDENCE,
    NETWORK_FAST,
    NETWORK_SLOW,
    NETWORKS,
    OFFENDED,
    OPEN,
    PAIRS,
    PROVEN,
    REPEATED,
    RETRIED,
    SILENT,
    SOURCES,
    UNFOLLOWED,
)
from shieldrelay.shield.harvest_names import keyed_hash
from shieldrelay.shield.harvest_patience import Patience
from shieldrelay.shield.harvest_picture import DomainPicture, domain_picture, source_lines
from shieldrelay.shield.harvest_settings import ByAcquaintance, HarvestSettings

__all__ = [
    "TRUTH", "Answer", "Asked", "ByAcquaintance", "DomainPicture", "Existence", "Harvest", "HarvestSession",
    "HarvestSettings", "Level", "Rung", "keyed_hash",
]  # fmt: skip

_SOURCE_EVIDENCE, _NETWORK_EVIDENCE = 2.0, 4.0
"""What one source and one network add to a domain's evidence at most: nobody raises a shield alone."""
_ABANDONED_EVIDENCE = 0.5
_ABANDONED_NETWORK = 0.25
_FORGIVEN = 0.1
"""How much of a recipient without a message each recipient with one makes up for."""
_REPEATS = 2.0


class Harvest:
    """The defence of one node.

    :param members: gives the number of live members, this one included.
    :param level_changed: is called when a domain's level has changed.
    :ivar settings: a reload replaces them.
    :ivar tables: to be shared by the exchange.
    """

    def __init__(
        self,
        settings: HarvestSettings,
        *,
        members: Callable[[], int] = lambda: 1,
        level_changed: LevelTold | None = None,
    ) -> None:
        self.settings = settings
        self._members = members
        self._level_changed = level_changed
        self._sources = Table(SOURCES)
        self._pairs = Table(PAIRS)
        self._networks = Table(NETWORKS)
        self._domains_table = Table(DOMAINS)
        self._patience = Patience(self._networks)
        self._asking = Asking()
        self._domains: dict[str, DomainShield] = {}
        self.tables = (
            self._sources, self._pairs, self._networks, self._domains_table, self._patience.pending, self._asking.table
        )  # fmt: skip

    # questions

    def connect(self, client: Client, now: float) -> str | None:
        """Say why a client does not get in: it is cut and kept on asking; else ``None``."""
        row = self._sources.get(client.source, now)
        if row is None:
            return None
        until = ladder.boxed(self._sources, row, now)
        if not until:
            return None
        commands = self._sources.total(row, COMMANDS)
        if commands < self.settings.refuse_after:
            return None
        return f"harvesting: cut for another {until - now:.0f} s, {commands:.0f} RCPTs since"

    def ask(self, asked: Asked, now: float) -> None:
        """Register a RCPT, before it is answered and before the exchange that its answer may wait for."""
        case = self._case(asked, now)
        session = asked.session
        session.fresh = False
        if ladder.boxed(case.table, case.row, now):
            return
        if case.weight:
            session.fresh = case.table.name(case.row, asked.name)
            if not case.good:
                self._count(case)

    def wants_exchange(self, asked: Asked, now: float) -> bool:
        """Whether the answer is to wait for what other members know (R21); never when it is uniform anyway.

        One that waits counts on the other members until it is answered. Takes as long for a recipient that exists as
        for one that does not (D8).
        """
        if self._members() < 2 or asked.acquaintance is Acquaintance.KNOWN_GOOD:
            return False
        case = self._case(asked, now)
        if ladder.boxed(case.table, case.row, now):
            return False
        self._prepare(case)
        truthful = self._suspicion(case) is None and self._wait(case) is None
        waits = truthful and asked.existence is not Existence.LISTED
        if waits and case.weight:
            self._asking.begin(asked.client.source, case.weight, now)
        return waits

    def answer(self, asked: Asked, now: float) -> Answer:
        """Judge a RCPT, and charge the source when it is told the truth."""
        case = self._case(asked, now)
        if case.weight:
            self._asking.end(asked.client.source, case.weight, now)
        until = ladder.boxed(case.table, case.row, now)
        if until:
            return ladder.alike(case, f"cut for another {until - now:.0f} s")
        self._prepare(case)
        answer = self._judged(case)
        if not case.good:
            self._keep(case, answer)
        asked.session.fresh = False
        return answer

    # what became of it

    def delivered(
        self, client: Client, acquaintance: Acquaintance, session: HarvestSession, recipients: int, now: float
    ) -> None:
        """Note that a message followed what was granted in a transaction."""
        for domain, granted in session.grants.items():
            table, row, good = self._standing(client, acquaintance, domain, now)
            _take(table, row, OPEN, granted)
            table.add(row, PROVEN, granted)
            if not good:
                _take(table, row, ABANDONED, _FORGIVEN * granted)
                shield = self._domain(domain)
                _take(shield.table, shield.row(now), UNFOLLOWED, granted)
        session.grants.clear()

    def abandoned(
        self, client: Client, acquaintance: Acquaintance, session: HarvestSession, recipients: int, now: float
    ) -> None:
        """Note that no message followed what was granted in a transaction (R20)."""
        for domain, granted in session.grants.items():
            table, row, good = self._standing(client, acquaintance, domain, now)
            gone = float(min(granted, recipients))
            _take(table, row, OPEN, granted)
            table.add(row, ABANDONED, gone)
            network = self._networks.row(client.network, now)
            self._networks.add(network, NETWORK_FAST, _ABANDONED_NETWORK * gone)
            self._networks.add(network, NETWORK_SLOW, _ABANDONED_NETWORK * gone)
            if not good and self._may_count(table, row, network, _ABANDONED_EVIDENCE * gone):
                self._domain(domain).suspect(min(_SOURCE_EVIDENCE, _ABANDONED_EVIDENCE * gone), now)
        session.grants.clear()

    def refused(
        self, client: Client, acquaintance: Acquaintance, domain: str, names: Collection[int], now: float
    ) -> None:
        """Note recipients that the next hop refused for good: they do not exist, whatever the list says (R20)."""
        session = HarvestSession()
        for name in names:
            case = self._case(Asked(client, acquaintance, domain, name, Existence.UNKNOWN, 0, session), now)
            session.fresh = case.table.name(case.row, name)
            if not case.good:
                self._count(case)
            self._charge(case)
        session.fresh = False

    # the exchange with other members

    def telling(self) -> None:
        """Note that the other members are being told what was counted so far."""
        for domain in self._domains.values():
            domain.telling = domain.unsent

    def exchanged(self) -> None:
        """Note that the other members have heard what they were last being told; nobody says so when they have not."""
        for domain in self._domains.values():
            if domain.telling:
                domain.unsent -= domain.telling
                domain.telling = 0.0

    # for the operator

    def release(self, source: bytes, now: float) -> None:
        """Forget a source: box, offences and scores."""
        self._sources.forget(source)
        for row in self._pairs:
            if _of_source(row.key, source):
                self._pairs.forget(row.key)

    def explain(self, client: Client, now: float) -> list[str]:
        """Say what is known of a client: each counter with its value, and until when it is cut."""
        lines = []
        row = self._sources.get(client.source, now)
        if row is not None:
            lines += source_lines("", self._sources, row, now)
        for pair in self._pairs:
            if _of_source(pair.key, client.source):
                domain = pair.key[len(client.source) + 1 :].decode()
                lines += source_lines(f"at {domain}: ", self._pairs, self._pairs.row(pair.key, now), now)
        return lines

    def domains(self, now: float) -> list[DomainPicture]:
        """Give a picture of each domain that was asked for, by name."""
        pictures = []
        for domain in sorted(self._domains.values(), key=lambda each: each.name):
            domain.judge(self.settings, self._members(), now)
            pictures.append(domain_picture(domain, self.settings, self._members(), now))
        return pictures

    # its parts

    def _domain(self, name: str) -> DomainShield:
        domain = self._domains.get(name)
        if domain is None:
            domain = self._domains[name] = DomainShield(name, self._domains_table, self._level_changed)
        return domain

    def _standing(
        self, client: Client, acquaintance: Acquaintance, domain: str, now: float
    ) -> tuple[Table, Row, bool]:
        """Give the counters that a client's RCPTs for a domain go to, and whether its good name holds."""
        if acquaintance is not Acquaintance.KNOWN_GOOD:
            return self._sources, self._sources.row(client.source, now), False
        row = self._pairs.row(b"%b@%b" % (client.source, domain.encode()), now)
        offended = self._pairs.total(row, OFFENDED)
        return self._pairs, row, not offended or now - offended >= DAY

    def _case(self, asked: Asked, now: float) -> Case:
        client, kind = asked.client, asked.acquaintance
        table, row, good = self._standing(client, kind, asked.domain, now)
        if kind is Acquaintance.KNOWN_GOOD and not good:
            kind = Acquaintance.NEIGHBOUR
        network = self._networks.row(client.network, now)
        elsewhere = 0.0 if good or self._members() < 2 else self._asking.elsewhere(client.source, now)
        return Case(asked, self.settings, table, row, kind, network, self._domain(asked.domain), now, elsewhere)

    def _prepare(self, case: Case) -> None:
        """Bring level and parole up to now."""
        if not case.good or case.total(FAST) >= 0.5:
            case.level = case.domain.judge(self.settings, self._members(), case.now)
        ladder.parole(case)

    def _suspicion(self, case: Case) -> str | None:
        """Say why the source, or its domain, hears nothing that depends on the recipient."""
        cut = ladder.over(case)
        if cut is not None:
            return cut[0]
        return (None if case.good else ladder.guilty(case)) or ladder.unfollowed(case)

    def _wait(self, case: Case) -> str | None:
        """Say why this ask has to come again later."""
        return self._patience.waits(case) if self._patience.needed(case) is not None else None

    def _judged(self, case: Case) -> Answer:
        """Judge a source that is not in its box, in the order of the ladder."""
        cut = ladder.over(case)
        if cut is not None:
            ladder.cut(case, slow=cut[1])
            return ladder.alike(case, cut[0], crossing=True)
        if not case.good:
            reason = ladder.guilty(case)
            if reason is not None:
                return ladder.alike(case, reason)
        reason = ladder.unfollowed(case)
        if reason is not None:
            return Answer(Rung.UNIFORM, ladder.tarpit(case), reason)
        needed = self._patience.needed(case)
        if needed is None:
            return self._truth(case)
        reason = self._patience.waits(case)
        if reason is not None:
            self._patience.note(case)
            return Answer(Rung.UNIFORM, ladder.tarpit(case), f"{needed}; {reason}")
        self._patience.told(case)
        return self._truth(case)

    def _truth(self, case: Case) -> Answer:
        delay = ladder.tarpit(case)
        if case.weight:
            self._charge(case)
        else:
            ladder.grant(case)
        return Answer(Rung.TRUTH, delay) if delay else TRUTH

    def _charge(self, case: Case) -> None:
        if ladder.charge(case):
            self._networks.add(case.network, NETWORK_FAST, case.weight)
            self._networks.add(case.network, NETWORK_SLOW, case.weight)

    def _count(self, case: Case) -> None:
        """Take an unknown recipient as evidence of an attack on its domain, once for each source."""
        if case.asked.session.fresh and self._may_count(case.table, case.row, case.network, case.weight):
            case.domain.count(case.asked.name, case.weight, case.now)

    def _may_count(self, table: Table, row: Row, network: Row, weight: float) -> bool:
        """Add to what a source and its network gave as evidence; true as long as they were below their caps."""
        below = table.total(row, EVIDENCE) < _SOURCE_EVIDENCE - 0.25
        below = below and self._networks.total(network, NETWORK_EVIDENCE) < _NETWORK_EVIDENCE - 0.25
        table.add(row, EVIDENCE, weight)
        self._networks.add(network, NETWORK_EVIDENCE, weight)
        return below

    def _keep(self, case: Case, answer: Answer) -> None:
        """Remember what was asked for, once it is answered: before, it would show in the answer (D8)."""
        if not case.weight:
            ladder.note_listed(case)
        elif answer.rung is Rung.TRUTH:
            return
        elif case.asked.session.fresh:
            case.add(SILENT, 1.0)
        elif case.level is Level.SHIELD and case.total(REPEATED) < _REPEATS:
            case.add(REPEATED, 1.0)
            case.domain.table.add(case.domain.row(case.now), RETRIED, 1.0)


def _take(table: Table, row: Row, field: int, amount: float) -> None:
    """Take from a counter, down to nothing."""
    table.cap(row, field, max(0.0, table.total(row, field) - amount))


def _of_source(key: bytes, source: bytes) -> bool:
    """Whether the key of a pair begins with this very source."""
    return key.startswith(source) and key[len(source) : len(source) + 1] == b"@"
