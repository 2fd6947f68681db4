"""The defences of one node with what they share and remember, bound to its clocks, its journal and its configuration.

Made by `assembly.bill`; outlives reloads, which give it other settings. It looks at the node once a second: for stress
(D9), for the calendar, and to forget what is over.
"""

from __future__ import annotations

import errno
import os
import random
import resource
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Any

from attrs import frozen
from twisted.internet.interfaces import IDelayedCall

from shieldrelay.assembly import shield_terms
from shieldrelay.assembly.fellowship import RAMPS, Fellowship
from shieldrelay.assembly.hub import hub_of
from shieldrelay.assembly.membership import Membership
from shieldrelay.assembly.reputation import NodeReputation
from shieldrelay.cluster.decisions import Decisions
from shieldrelay.cluster.entry import Entry, source_text
from shieldrelay.cluster.exchange import Exchange, ExchangeSettings, HubState
from shieldrelay.cluster.hub import ChangeKind
from shieldrelay.cluster.register import Register
from shieldrelay.cluster.snapshot import Snapshots
from shieldrelay.cluster.strain import Strain
from shieldrelay.cluster.table import Table
from shieldrelay.cluster.timepiece import Timepiece
from shieldrelay.config.schema import Configuration
from shieldrelay.config.workers import kept_apart
from shieldrelay.delivery.lane import Lane
from shieldrelay.delivery.pauses import Pauses
from shieldrelay.mail.client import Client
from shieldrelay.ports import Journal, ThreadRunner, WallClock
from shieldrelay.recipients.shelf import replace
from shieldrelay.shield.acquaintance import Acquaintance
from shieldrelay.shield.admission import Defences
from shieldrelay.shield.analysis import Analysis
from shieldrelay.shield.analysis_examination import Examination
from shieldrelay.shield.calendar import Calendar
from shieldrelay.shield.connections import Connections
from shieldrelay.shield.greeting import Greeting
from shieldrelay.shield.harvest import Harvest, Level, keyed_hash
from shieldrelay.shield.harvest_domain import DomainShield
from shieldrelay.shield.harvest_picture import domain_picture
from shieldrelay.shield.history import History
from shieldrelay.shield.lawful import Lawful
from shieldrelay.shield.stress import Facts, Stress
from shieldrelay.shield.telling import Telling
from shieldrelay.wire.lookups import Lookups

SECRET_OCTETS = 32
SLEEPERS = 0.2
"""The share of the slots that answers which are held back may take; under stress nobody sleeps."""
LOOK_SECONDS = 1.0
_EXPIRED_AT_ONCE = 1000


@frozen
class NodeFacts:
    """What only the node knows: the rest is measured here.

    :ivar sessions: open now.
    :ivar transactions: those of them with a message under way.
    :ivar content_octets: held in memory.
    :ivar content_cap: what may be.
    """

    sessions: int
    transactions: int
    content_octets: int
    content_cap: int


class Shield:
    """The defences.

    :param threads: for the snapshots.
    :param state: the node's state directory.
    :param reputation: what is heard of sources besides what they did here.
    :ivar new_id: makes ids of sessions, references and changes.
    :ivar lookups: finds out about senders and clients.
    :ivar defences: what the gate judges by.
    :ivar decisions: what is decided for all members, by realm.
    :ivar register: bans and the operator's lists.
    :ivar hub: where members meet.
    :ivar exchange: with the other members.
    :ivar membership: what the others see of this member, and who they are.
    :ivar strain: stress that is everybody's.
    :ivar hashed: gives the hash by which a recipient is remembered.
    :ivar pauses: holds answers back.
    :ivar tables: what is shared and snapshotted.
    """

    def __init__(
        self,
        configuration: Configuration,
        reactor: Any,
        wall: WallClock,
        journal: Journal,
        new_id: Callable[[], str],
        threads: ThreadRunner,
        state: Path,
        reputation: NodeReputation,
        lookups: Lookups,
    ) -> None:
        self.new_id = new_id
        self._reactor = reactor
        self._journal = journal
        self._facts: Callable[[], NodeFacts] | None = None
        self._hurry: Callable[[], object] = bool
        self._workers = configuration.workers
        self._call: IDelayedCall | None = None
        self._expected = 0.0
        self._timepiece = Timepiece(reactor, wall)
        self._reputation = reputation
        self.lookups = lookups
        self.hashed = keyed_hash(secret_of(state))
        self._ramps = Table(RAMPS)
        self.decisions = Decisions(self._timepiece, new_id)
        self.register = Register(self.decisions, self._timepiece, journal)
        connections = Connections(shield_terms.connections(configuration), shield_terms.classes(configuration))
        harvest = shield_terms.harvest(configuration)
        history, telling = History(), Telling(new_id)
        calendar = Calendar(self._timepiece() - reactor.seconds())
        analysis = Analysis(shield_terms.analysis(configuration))
        lawful = Lawful(shield_terms.lawful(configuration))
        self.defences = Defences(
            lists=_Words(self.register),
            history=history,
            connections=connections,
            greeting=Greeting(shield_terms.greeting(configuration)),
            harvest=Harvest(harvest, members=lambda: self.exchange.members, level_changed=self._level_changed),
            harvest_observed=Harvest(harvest),
            calendar=calendar,
            stress=Stress(shield_terms.stress(configuration)),
            telling=telling,
            examination=Examination(
                analysis, history, connections, calendar, telling, journal, self._ban, reputation.reputation.violated
            ),
            reputation=reputation.reputation,
            lawful=lawful,
            begin=lookups.begin,
        )
        self.tables: tuple[Table, ...] = (
            *self.defences.history.tables,
            *connections.tables,
            *self.defences.harvest.tables,
            self.defences.greeting.table,
            *analysis.tables,
            *reputation.tables,
            *lawful.tables,
            self._ramps,
        )
        kinds = [table.kind for table in self.tables]
        self.hub, self._leave_hub = hub_of(configuration, kinds, reactor, self._timepiece)
        self.exchange = Exchange(
            self.hub, reactor, self._timepiece, journal, self.decisions, new_id(),
            ExchangeSettings(tick=configuration.cluster.tick),
        )  # fmt: skip
        rnd, member = random.SystemRandom().random, self.exchange.member
        self.membership = Membership(
            configuration, self.hub, reactor, wall, journal, rnd, member, lambda: bool(self.defences.stress.own)
        )
        self.exchange.forgotten = self.membership.roster.show
        self.exchange.telling, self.exchange.heard = self.defences.harvest.telling, self.defences.harvest.exchanged
        self.strain = Strain(self.decisions, member, self._timepiece, lambda: self.exchange.members)
        self.pauses = Pauses(reactor, self.exchange.next, self._sleepers, rnd)
        for table in self.tables:
            self.exchange.add(table)
        kept = state / kept_apart(configuration, "shield")
        kept.mkdir(mode=0o700, exist_ok=True)
        self._snapshots = Snapshots(
            str(kept), reactor, self._timepiece, threads, journal, self.decisions, self.tables, self.exchange.member,
            lambda: self.exchange.members,
        )  # fmt: skip
        self.register.on_release(self._released)
        self.configure(configuration)

    def configure(self, configuration: Configuration) -> None:
        """Put other settings in force; what is remembered stays."""
        defences, shield = self.defences, configuration.shield
        settings = shield_terms.harvest(configuration)
        defences.harvest.settings = defences.harvest_observed.settings = settings
        defences.connections.reconfigure(shield_terms.connections(configuration), shield_terms.classes(configuration))
        defences.greeting.settings = shield_terms.greeting(configuration)
        self._reputation.configure(configuration)
        defences.lawful.reconfigure(shield_terms.lawful(configuration))
        self.lookups.reconfigure(configuration.shield.lawful.budget, configuration.shield.lawful.searches)
        defences.examination.analysis.settings = shield_terms.analysis(configuration)
        defences.stress.settings = shield_terms.stress(configuration)
        self.register.configure(map(str, shield.allow), map(str, shield.deny))
        self.membership.configure(configuration)

    def start(self, facts: Callable[[], NodeFacts], hurry: Callable[[], object]) -> None:
        """Begin to look at the node and to exchange.

        :param facts: asked once a second.
        :param hurry: called when stress begins: open sessions get the stressed times too.
        """
        self._facts = facts
        self._hurry = hurry
        restored = self._snapshots.restore()
        self.exchange.start(restored.member, max(restored.members, self._workers))
        self.membership.roster.start()
        self._snapshots.start()
        self._look_later()

    async def stop(self) -> None:
        """Look no more, keep what is remembered, and tell the other members."""
        if self._call is not None:
            self._call.cancel()
            self._call = None
            await self._snapshots.stop()
        await self.lookups.stop()
        self.membership.roster.stop()
        await self.exchange.stop()
        self._leave_hub()

    def is_good(self, source: bytes) -> bool:
        """Whether a source is known-good now: then nobody is told anything bad of it."""
        defences, now = self.defences, self._reactor.seconds()
        known = defences.history.acquaintance(Client("", source, source[:-1]), defences.calendar.day(now), now)
        return known is Acquaintance.KNOWN_GOOD

    def fellowship(self, name: str, lane_of: Callable[[str], Lane | None]) -> Fellowship | None:
        """Make what binds this node's lanes to the other members'; ``None`` when there can be none.

        :param name: what the others call this member.
        :param lane_of: gives the lane that serves a domain now.
        """
        exchange = self.exchange
        if exchange.state is HubState.LOCAL:
            return None
        return Fellowship(
            self.decisions, exchange.stakes, self._ramps, self._reactor, self._timepiece, name, lane_of
        )  # fmt: skip

    def seconds(self) -> float:
        """Give the reactor's time."""
        return float(self._reactor.seconds())

    @property
    def stressed(self) -> bool:
        """Whether the node is under stress."""
        return self.defences.stress.on

    def _sleepers(self) -> int:
        return 0 if self.stressed else int(SLEEPERS * self.defences.connections.settings.slots)

    def _look_later(self) -> None:
        self._expected = self._reactor.seconds() + LOOK_SECONDS
        self._call = self._reactor.callLater(LOOK_SECONDS, self._look)

    def _look(self) -> None:
        """Look at the node."""
        now = self._reactor.seconds()
        defences = self.defences
        defences.calendar.epoch = self._timepiece() - now
        if defences.stress.watch(self._measured(max(0.0, now - self._expected)), now, self._heed_others()):
            defences.connections.stressed = self.stressed
            self._tell_stress(now)
            if self.stressed:
                self._hurry()
        for table in (*self.tables, *defences.harvest_observed.tables, *defences.examination.analysis.shadows,
            *defences.reputation.shadows,
        ):
            table.expire(now, _EXPIRED_AT_ONCE)
        self.decisions.sweep()
        self._look_later()

    def _heed_others(self) -> str:
        """Go by how far the others can be seen (R30), and say why there is stress everywhere, if there is."""
        exchange = self.exchange
        if exchange.state is HubState.LOCAL:
            return ""
        self.defences.connections.alone_of(exchange.members if exchange.stakes.degraded else 1)
        self.strain.say(self.defences.stress.own)
        return self.strain.common()

    def _measured(self, lag: float) -> Facts:
        if self._facts is None:
            raise RuntimeError("the shield was not started")
        node = self._facts()
        return Facts(
            sessions=node.sessions,
            slots=self.defences.connections.slots_open_to_all,
            transactions=node.transactions,
            lag=lag,
            content_octets=node.content_octets,
            content_cap=node.content_cap,
            descriptors=descriptors_open(),
            descriptors_most=resource.getrlimit(resource.RLIMIT_NOFILE)[0],
        )

    def _tell_stress(self, now: float) -> None:
        stress = self.defences.stress
        state = "stress" if stress.on else "calm"
        self._journal.event("stress", state=state, reason=stress.why or None)

    def _level_changed(self, domain: DomainShield, before: Level, now: float) -> None:
        picture = domain_picture(domain, self.defences.harvest.settings, self.exchange.members, now)
        self._journal.event(
            "harvest_shield",
            domain=domain.name,
            before=before.name.lower(),
            shield=domain.level.name.lower(),
            unknown=round(picture.evidence, 1),
            threshold=round(picture.shield_at, 1),
            slow_unknown=round(picture.lasting, 1),
            slow_threshold=round(picture.lasting_at, 1),
            baseline=round(picture.noise_per_minute, 3),
            patience=picture.patience,
        )

    def _ban(self, source: bytes, seconds: float, reason: str) -> None:
        self.register.ban(source, self._timepiece() + seconds, reason, "analysis")

    def _released(self, source: bytes) -> None:
        """Forget what is held against a source, as an operator wants it, here or on another member."""
        defences, now = self.defences, self._reactor.seconds()
        defences.harvest.release(source, now)
        defences.harvest_observed.release(source, now)
        defences.connections.release(source, now)
        defences.history.release(source, now)
        defences.examination.analysis.release(source, now)
        defences.reputation.release(source, now)
        defences.lawful.release(source, now)
        if len(source) == 4:
            self._reputation.forget(source_text(source))
        defences.greeting.forget(source)


@frozen
class _Said:
    """What an entry of the register says, as the admission asks it."""

    entry: Entry

    @property
    def allows(self) -> bool:
        """Whether it lets pass."""
        return self.entry.kind is ChangeKind.ALLOW

    @property
    def denies(self) -> bool:
        """Whether it refuses for good."""
        return self.entry.kind is ChangeKind.DENY

    @property
    def reason(self) -> str:
        """Why."""
        return f"{self.entry.kind.value} of {self.entry.text} by {self.entry.by}: {self.entry.reason}"


class _Words:
    """The register, as the admission asks it."""

    def __init__(self, register: Register) -> None:
        self._register = register

    def word(self, client: Client, wall: float) -> _Said | None:
        """Give what holds for a client."""
        entry = self._register.standing(client, wall)
        return None if entry is None else _Said(entry)


def secret_of(state: Path) -> bytes:
    """Read the secret with which names are hashed, or make it: without it what was remembered means nothing.

    :raises OSError: the state directory refuses.
    """
    file = state / "names.secret"
    state.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        secret = file.read_bytes()
    except FileNotFoundError:
        secret = b""
    if len(secret) == SECRET_OCTETS:
        return secret
    secret = secrets.token_bytes(SECRET_OCTETS)
    replace(file, secret)
    return secret


def descriptors_open() -> int:
    """Count the descriptors of this process; as many as there may be, when there is none left to count them with."""
    try:
        return len(os.listdir("/proc/self/fd"))
    except OSError as fault:
        if fault.errno != errno.EMFILE:
            raise
        return resource.getrlimit(resource.RLIMIT_NOFILE)[0]
