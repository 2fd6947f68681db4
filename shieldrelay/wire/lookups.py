"""`Lookups`: what DNS says of senders and clients, asked beside the transaction and kept for a while (R26).

`begin` at admission asks for the client's name while its greeting is held back. `sender` at MAIL gives a `Dossier`:
full at once for senders that were seen lately, otherwise filled in while recipients and content come; nobody waits
for it longer than the budget from then on. What is under way is bounded, what is too much or too late is not known
and speaks against nobody, and goes on to be known by the next. Made by assembly, asked by ``wire.doorway`` and
``delivery.intake``. Never fails.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any

from attrs import frozen
from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from shieldrelay.delivery.standing import Evidence, SpfCheck
from shieldrelay.mail.address import AddressFault, Mailbox, ReversePath, parse_mailbox
from shieldrelay.mail.client import Client
from shieldrelay.mail.evidence import NO_REVERSE, Reach, Reverse, SpfResult
from shieldrelay.ports import Journal
from shieldrelay.shield.lawful_networks import bogon_source
from shieldrelay.wire.lookup_dossier import Dossier
from shieldrelay.wire.lookup_memory import Found, Kept, Memory
from shieldrelay.wire.lookup_questions import Questions
from shieldrelay.wire.lookup_rate import Rate
from shieldrelay.wire.lookup_reach import Reached, found_reach, literal_reach
from shieldrelay.wire.lookup_reverse import found_reverse
from shieldrelay.wire.spf import Spf
from shieldrelay.wire.spf_memory import AHEAD_SECONDS, RememberedSpf
from shieldrelay.wire.spf_names import SharedNames

BUDGET_SECONDS = 3.0
"""The longest that anybody waits for a sender's evidence, from MAIL on; also the time box of one question."""
SENDERS = 20_000
"""Domains, clients' names and dossiers that are kept, of each: 1.6 KB a sender with all that is kept of it."""
UNDER_WAY = 200
"""Domains, and clients' names, that are looked up at a time."""
SEARCHES = 100.0
"""Senders a second that are looked up at most, each at a cost of about a millisecond of processor time; a second's
worth at once. Who comes beyond that is let be."""
REVERSE_SECONDS = 1800.0
TROUBLE_SECONDS = 30.0
SHORTEST_SECONDS = 5.0


@frozen
class Load:
    """What the look-ups do, for pictures.

    :ivar kept: senders.
    :ivar questions: asked since the start; ``evaluations``: of SPF.
    :ivar turned_away: evaluations of SPF that were too many at a time; ``skipped``: senders, in a second.
    :ivar late: senders of which not all was known when the budget was over.
    """

    kept: int
    under_way: int
    questions: int
    evaluations: int
    turned_away: int
    skipped: int
    late: int


class Lookups:
    """Looks up.

    :param servers: ``(address, port)`` of name servers; ``None``: those of resolv.conf.
    :param searches: senders a second that are looked up at most; and half as many clients.
    :param kept: domains, clients' names and dossiers that are kept, of each.
    :param client: for tests: what to ask instead of name servers.
    :param spf: for tests: who evaluates SPF instead of the pool.
    :ivar budget: seconds, for senders that are asked for from now on.
    :ivar spf: evaluates SPF in its pool, with the same memory of DNS; for ``delivery.standing`` too.
    """

    def __init__(
        self,
        reactor: Any,
        journal: Journal,
        servers: Sequence[tuple[str, int]] | None = None,
        *,
        budget: float = BUDGET_SECONDS,
        searches: float = SEARCHES,
        kept: int = SENDERS,
        client: Any = None,
        spf: SpfCheck | None = None,
    ) -> None:
        self._reactor = reactor
        self._journal = journal
        self._questions = Questions(reactor, servers, seconds=budget, journal=journal, bug=self._bug, client=client)
        self._pool = Spf(reactor, look_up=SharedNames(self._questions, reactor))
        self.spf: SpfCheck = self._pool if spf is None else spf
        self._spf = RememberedSpf(self.spf, reactor, self._bug)
        unknown: Reached = (Reach.UNKNOWN, "")
        self._reaches: Memory[Reached] = Memory(reactor, kept, UNDER_WAY, (unknown, TROUBLE_SECONDS), self._bug)
        self._reverses: Memory[Reverse] = Memory(reactor, kept, UNDER_WAY, (NO_REVERSE, TROUBLE_SECONDS), self._bug)
        self._dossiers: dict[Hashable, Dossier] = {}
        self._most = kept
        self._senders = Rate(0.0, 0.0)
        self._clients = Rate(0.0, 0.0)
        self.reconfigure(budget, searches)
        self._late = 0

    def reconfigure(self, budget: float, searches: float) -> None:
        """Take other bounds; what is known and under way stays."""
        now = self._reactor.seconds()
        self.budget = budget
        self._senders = Rate(searches, now)
        self._clients = Rate(searches / 2, now)

    # the client

    def begin(self, client: Client) -> None:
        """Have a client's name asked for, unless it is known or its address is none of the internet's."""
        address = client.address
        if self._reverses.known(address) is not None or bogon_source(client.source, address):
            return
        if self._clients.take(self._reactor.seconds()):
            self._reverses.ask(address, lambda: Deferred.fromCoroutine(self._find_reverse(address)))

    def reverse(self, client: Client) -> Reverse:
        """Give what is known of a client's name now."""
        kept = self._reverses.known(client.address)
        return NO_REVERSE if kept is None else kept.value

    async def _find_reverse(self, address: str) -> Found[Reverse]:
        found = await found_reverse(self._questions, address)
        return found, TROUBLE_SECONDS if found is NO_REVERSE else REVERSE_SECONDS

    # the sender

    def sender(self, client: Client, reverse_path: ReversePath, helo: str) -> Dossier:
        """Give what is known of a sender, and have the rest found out."""
        domain = reverse_path.domain_key if isinstance(reverse_path, Mailbox) else ""
        key = (client.address, domain or helo, not domain)
        dossier = self._dossiers.get(key)
        if dossier is not None:
            now = self._reactor.seconds()
            if now >= dossier.spf_until - AHEAD_SECONDS:
                self._refresh(dossier, client, reverse_path, helo)
            if not dossier.complete or now < dossier.until:
                return dossier
        return self._search(key, domain, client, reverse_path, helo)

    def stop(self) -> Deferred[None]:
        """Evaluate no more; fires when the threads have ended."""
        self._questions.stop()
        return self._pool.stop()

    def _refresh(self, dossier: Dossier, client: Client, path: ReversePath, helo: str) -> None:
        """Have SPF found anew, once, before its result is over."""
        if not dossier.complete or dossier.sender.spf is SpfResult.TEMPERROR:
            return
        dossier.spf_until = float("inf")
        sender = path if isinstance(path, Mailbox) else _postmaster(helo)
        if sender is not None and self._senders.take(self._reactor.seconds()):
            self._spf.refresh(Evidence(sender, client.address, helo))

    def load(self) -> Load:
        """Say what the look-ups do."""
        return Load(
            len(self._dossiers), self._questions.under_way + self._spf.under_way, self._questions.asked,
            self._spf.evaluated, self._spf.turned_away, self._senders.refused, self._late,
        )  # fmt: skip

    def _search(
        self, key: Hashable, domain: str, client: Client, reverse_path: ReversePath, helo: str
    ) -> Dossier:
        """Have a sender found out, or let it be."""
        dossier = Dossier(domain)
        if not self._senders.take(self._reactor.seconds()):
            dossier.expect(0, None)
            return dossier
        self._dossiers.pop(key, None)
        if len(self._dossiers) >= self._most:
            del self._dossiers[next(iter(self._dossiers))]
        self._dossiers[key] = dossier
        self._begin(dossier, client, reverse_path, helo)
        return dossier

    def _begin(self, dossier: Dossier, client: Client, reverse_path: ReversePath, helo: str) -> None:
        """Ask what is to be asked."""
        spf = self._spf_of(client, reverse_path, helo)
        reach = self._reach_of(dossier.sender.domain)
        pending = isinstance(spf, Deferred) + isinstance(reach, Deferred)
        if pending:
            timer = self._reactor.callLater(self.budget, self._too_late, dossier)
            dossier.expect(2, timer)
        else:
            dossier.expect(2, None)
        if isinstance(reach, Deferred):
            reach.addCallback(_reached, dossier)
        else:
            _reached(reach, dossier)
        if isinstance(spf, Deferred):
            spf.addCallback(_checked, dossier)
        else:
            _checked(spf, dossier)

    def _reach_of(self, domain: str) -> Kept[Reached] | Deferred[Kept[Reached]]:
        if not domain:
            return Kept((Reach.NULL_PATH, ""), float("inf"))
        if domain.startswith("["):
            return Kept(literal_reach(domain), float("inf"))
        return self._reaches.ask(domain, lambda: Deferred.fromCoroutine(self._find_reach(domain)))

    async def _find_reach(self, domain: str) -> Found[Reached]:
        reached, seconds = await found_reach(self._questions, domain, self._reactor)
        if reached[0] is Reach.UNKNOWN:
            return reached, TROUBLE_SECONDS
        return reached, max(seconds, SHORTEST_SECONDS)

    def _spf_of(self, client: Client, path: ReversePath, helo: str) -> Kept[SpfResult] | Deferred[Kept[SpfResult]]:
        sender = path if isinstance(path, Mailbox) else _postmaster(helo)
        if sender is None:
            return Kept(SpfResult.NONE, float("inf"))
        return self._spf.check(Evidence(sender, client.address, helo))

    def _bug(self, failure: Failure) -> None:
        self._journal.event("bug", where="lookups", error=failure.getErrorMessage(), traceback=failure.getTraceback())

    def _too_late(self, dossier: Dossier) -> None:
        self._late += 1
        dossier.late()


def _reached(kept: Kept[Reached], dossier: Dossier) -> None:
    dossier.reached(*kept.value, kept.until)


def _checked(kept: Kept[SpfResult], dossier: Dossier) -> None:
    dossier.spf(kept.value, kept.until)


def _postmaster(helo: str) -> Mailbox | None:
    """Give the sender that a notice is judged by (RFC 7208 §2.4); ``None`` when the client's name is no domain."""
    if "." not in helo or not helo.isascii():
        return None
    try:
        return parse_mailbox(b"postmaster@" + helo.encode("ascii"))
    except AddressFault:
        return None
