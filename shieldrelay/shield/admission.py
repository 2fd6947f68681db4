"""The admission: every judgement over a connection before and beside its mail, in one order, cheapest first (D6, R18).

The operator's lists, bans, the box of a harvester, then limits of connections. Pure judgement over facts that others
hold; what is refused is told to the journal here, with the reference that the client gets, and what a defence in
observe mode would have refused too (R27). Part of `shield.gate`. Cannot fail.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from attrs import frozen

from shieldrelay.mail.client import Client
from shieldrelay.mail.evidence import Reverse, Sender
from shieldrelay.mail.verdict import Refusal
from shieldrelay.ports import Journal
from shieldrelay.shield.acquaintance import Acquaintance
from shieldrelay.shield.analysis_examination import Examination
from shieldrelay.shield.calendar import Calendar
from shieldrelay.shield.connections import Connections
from shieldrelay.shield.greeting import Greeting
from shieldrelay.shield.harvest import Harvest
from shieldrelay.shield.history import History
from shieldrelay.shield.lawful import Lawful
from shieldrelay.shield.mode import Mode
from shieldrelay.shield.reputation import Reputation
from shieldrelay.shield.reputation_stages import ReputationStages
from shieldrelay.shield.stress import Stress
from shieldrelay.shield.telling import Telling
from shieldrelay.shield.visit import Visit
from shieldrelay.smtp import replies


class Word(Protocol):
    """What an operator, or a ban, says about a client."""

    @property
    def allows(self) -> bool:
        """Whether it lets pass, whatever the defences say (R18)."""

    @property
    def denies(self) -> bool:
        """Whether it refuses for good: the operator's deny-list (R17). Neither: a ban, which passes with time."""

    @property
    def reason(self) -> str:
        """Why, in a clause."""


class Lists(Protocol):
    """The operator's lists and the bans in force: `cluster.register.Register`."""

    def word(self, client: Client, wall: float) -> Word | None:
        """Give what holds for a client, the allow-list first.

        :param wall: seconds since the epoch.
        """


@frozen
class Defences:
    """What outlives reloads: the defences with what they remember.

    :ivar begin: has the name of a client asked for; never waits.
    :ivar harvest_observed: the same as ``harvest``, for domains where it only observes: scores of its own (R27).
    """

    lists: Lists
    history: History
    connections: Connections
    greeting: Greeting
    harvest: Harvest
    harvest_observed: Harvest
    calendar: Calendar
    stress: Stress
    telling: Telling
    examination: Examination
    reputation: Reputation
    lawful: Lawful
    begin: Callable[[Client], object]


@frozen
class Modes:
    """Which defences act; greeting and harvest of single domains have theirs with them."""

    connections: Mode = Mode.ENFORCE
    harvest: Mode = Mode.ENFORCE
    reputation: Mode = Mode.ENFORCE


class Admission:
    """Judges connections.

    :param new_reference: makes the ids of sessions.
    :ivar reputed: asks the reputation; `shield.gate` does too.
    """

    def __init__(
        self, defences: Defences, modes: Modes, *, new_reference: Callable[[], str], journal: Journal
    ) -> None:
        self._defences = defences
        self._modes = modes
        self._new_reference = new_reference
        self._journal = journal
        self.reputed = ReputationStages(defences.reputation, modes.reputation, defences.calendar, self.would_refuse)

    def admit(self, client: Client, sessions: int, now: float) -> Visit | Refusal:
        """Judge a connection."""
        defences = self._defences
        word = defences.lists.word(client, defences.calendar.wall(now))
        if word is not None and not word.allows:
            return self._turned_away(client, "lists", word.reason, now, permanent=word.denies)
        allowed = word is not None
        acquaintance = defences.history.acquaintance(client, defences.calendar.day(now), now)
        unlawful = None if allowed else self._unlawful(client, now)
        if unlawful is not None:
            return self._turned_away(client, *unlawful, now)
        if not allowed and self._modes.harvest is Mode.ENFORCE:
            boxed = defences.harvest.connect(client, now)
            if boxed is not None:
                return self._turned_away(client, "harvest", boxed, now)
        ill_reputed = None if allowed else self.reputed.admit(client, acquaintance, now)
        if ill_reputed is not None:
            return self._turned_away(client, "reputation", ill_reputed, now)
        return self._counted(client, acquaintance, sessions, now, allowed=allowed)

    def _unlawful(self, client: Client, now: float) -> tuple[str, str] | None:
        """Say which defence refuses a client for what it is or did, and why."""
        bogon = self._defences.lawful.client(client)
        if bogon is not None:
            reason, mode = bogon
            if mode is Mode.ENFORCE:
                return "lawful", reason
            self.would_refuse(client, "", "lawful", reason, now)
        held = self._defences.examination.connect(client, now)
        return None if held is None else ("analysis", held)

    def _counted(
        self, client: Client, acquaintance: Acquaintance, sessions: int, now: float, *, allowed: bool
    ) -> Visit | Refusal:
        """Hold a connection against the limits of connections, and let it in."""
        defences = self._defences
        shortage = defences.stress.shortage(sessions)
        if shortage is not None:
            return self._turned_away(client, "descriptors", shortage, now)
        exempt = allowed or self._modes.connections is Mode.OFF
        shed = defences.connections.admit(client, acquaintance, sessions, now, allowed=exempt)
        if shed is not None:
            if shed.capacity or self._modes.connections is Mode.ENFORCE:
                return self._turned_away(client, "connections", shed.reason, now)
            if not exempt:
                self.would_refuse(client, "", "connections", shed.reason, now)
            defences.connections.enter(client, acquaintance, now)
        visit = Visit(client, acquaintance, self._new_reference())
        visit.allowed = allowed
        visit.open_least = defences.connections.class_recipients(client)
        if not allowed:
            self.reputed.entered(client, acquaintance, now)
            if not (visit.known_good or defences.stress.on) and defences.lawful.asks:
                defences.begin(client)
            visit.greeting_delay = defences.greeting.delay(
                client, acquaintance, now, stressed=defences.stress.on
            )
        return visit

    def _turned_away(
        self, client: Client, defence: str, reason: str, now: float, *, permanent: bool = False
    ) -> Refusal:
        """Refuse a connection; the first of a source and a reason in a minute is told, the others are counted."""
        told = self._defences.telling.told(client.source, defence, now)
        if told.first:
            self._journal.event(
                "connection_refused",
                peer=client.address,
                defence=defence,
                reason=reason,
                reference=told.reference,
                before=told.before,
            )
        else:
            self._journal.count("connection_refused", defence)
        reply = replies.TURNED_AWAY_FOR_GOOD if permanent else replies.TURNED_AWAY
        if told.refusal is None or told.refusal.reply.code != reply.code:
            told.refusal = Refusal(replies.referenced(reply, told.reference), reason, defence)
        return told.refusal

    def would_refuse(
        self, client: Client, reference: str, defence: str, reason: str, now: float, domain: str = ""
    ) -> None:
        """Tell what a defence in observe mode would have refused; likewise bounded."""
        told = self._defences.telling.told(client.source, "observed " + defence, now, domain)
        if told.first:
            self._journal.event(
                "would_refuse",
                peer=client.address,
                session=reference,
                defence=defence,
                reason=reason,
                domain=domain,
                before=told.before,
            )
        else:
            self._journal.count("would_refuse", defence)

    def doubt(self, visit: Visit, sender: Sender, reverse: Reverse, now: float) -> None:
        """Hold what is weak evidence only against a client's name, once a session."""
        defences = self._defences
        if visit.doubted or visit.known_good or defences.lawful.settings.mode is not Mode.ENFORCE:
            return
        visit.doubted = True
        weight = sum(each.points for each in defences.lawful.weights(visit.client, sender, reverse))
        defences.reputation.doubted(visit.client, weight, now)

    def cut_off(self, visit: Visit, domain: str, reason: str) -> None:
        """Tell that a source has used up its unknown recipients."""
        self._journal.event(
            "harvest_box", session=visit.reference, peer=visit.client.address, domain=domain, reason=reason
        )

    def talked_early(self, visit: Visit, now: float) -> Refusal | None:
        """Judge a client that talks before the greeting."""
        defences = self._defences
        defences.greeting.talked(visit.client, now)
        reason = f"talked within the {visit.greeting_delay:g} s before the greeting"
        self._journal.event("early_talk", session=visit.reference, peer=visit.client.address, reason=reason)
        if visit.allowed or defences.greeting.settings.mode is not Mode.ENFORCE:
            return None
        return Refusal(replies.referenced(replies.TALKED_EARLY, visit.reference), reason, "greeting")

    def greeted(self, visit: Visit, now: float) -> None:
        """Note that a client waited for its greeting."""
        if visit.greeting_delay:
            self._defences.greeting.waited(visit.client, now)

    def handshake(self, visit: Visit, now: float) -> Refusal | None:
        """Judge STARTTLS."""
        if self._modes.connections is Mode.OFF or visit.allowed:
            return None
        reason = self._defences.connections.handshake(visit.client, visit.acquaintance, now)
        if reason is None:
            return None
        if self._modes.connections is Mode.OBSERVE:
            self.would_refuse(visit.client, visit.reference, "connections", reason, now)
            return None
        return Refusal(replies.referenced(replies.TLS_UNAVAILABLE, visit.reference), reason, "connections")

    def left(self, visit: Visit, octets: int, now: float) -> None:
        """The connection has ended."""
        defences = self._defences
        defences.connections.left(visit.client, octets, now)
        if visit.unknown:
            defences.reputation.unknown(visit.client, visit.unknown, now)
        if visit.asked:
            defences.history.asked(visit.client, visit.asked, visit.unknown, now)
