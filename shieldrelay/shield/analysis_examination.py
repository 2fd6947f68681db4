"""The analysis at work in the gate: one call for each stage of a connection, and what follows from what it finds.

Tells the journal (once a minute for each source and matter: `shield.telling`), takes a good name away, calls for bans,
and says what a client hears. Who is allowed has no score (R18); an exploit string in its commands is refused all the
same. Made by `assembly`, asked by `shield.gate` and `shield.admission`. Cannot fail.
"""

from __future__ import annotations

from collections.abc import Callable

from shieldrelay.mail.client import Client
from shieldrelay.mail.reply import Reply
from shieldrelay.mail.verdict import Refusal, Verdict
from shieldrelay.mail.violation import ViolationKind
from shieldrelay.ports import Journal
from shieldrelay.shield.analysis import Analysis, Finding, Step
from shieldrelay.shield.analysis_catalogue import CATALOGUE
from shieldrelay.shield.calendar import Calendar
from shieldrelay.shield.connections import Connections
from shieldrelay.shield.history import History
from shieldrelay.shield.telling import Telling
from shieldrelay.shield.visit import Visit
from shieldrelay.smtp import replies
from shieldrelay.smtp.content_fault import ContentFault

DEFENCE = "analysis"
Ban = Callable[[bytes, float, str], object]
"""Bans a source for so many seconds, for a reason."""
Blame = Callable[[Client, float, float], object]
"""Holds a weight, in messages taken, against a client's name, at a time: `Reputation.violated`."""
BLAME = {Step.SLOW: 1.0, Step.REFUSE: 3.0, Step.BAN: 10.0}
"""What a sentence weighs in the reputation, once a minute."""


class Examination:
    """Asks the analysis, and acts on it.

    :param ban: called when a score comes to a ban.
    :param blame: called at each sentence.
    :ivar analysis: what it asks.
    """

    def __init__(
        self,
        analysis: Analysis,
        history: History,
        connections: Connections,
        calendar: Calendar,
        telling: Telling,
        journal: Journal,
        ban: Ban,
        blame: Blame = lambda _client, _weight, _now: None,
    ) -> None:
        self.analysis = analysis
        self._history = history
        self._connections = connections
        self._calendar = calendar
        self._telling = telling
        self._journal = journal
        self._ban = ban
        self._blame = blame

    def connect(self, client: Client, now: float) -> str | None:
        """Say why a client that is not on the allow-list is turned away; ``None`` to go on."""
        return self.analysis.connect(client, now)

    def violation(self, visit: Visit, kind: ViolationKind, evidence: bytes, now: float) -> Refusal | None:
        """Judge what the receiver saw; a refusal ends the session."""
        if visit.allowed:
            return None
        found = self.analysis.violation(visit.client, kind, evidence, now, known_good=visit.known_good)
        if found is None:
            self._mark(visit, now, heavy=CATALOGUE[kind].heavy)
            return None
        return self._ending(visit, found, evidence, now)

    def hello(self, visit: Visit, name: bytes, now: float) -> Refusal | None:
        """Judge the name in EHLO or HELO, which is answered already; a refusal ends the session."""
        if visit.allowed:
            return None
        found = self.analysis.hello(visit.client, name, now)
        return None if found is None else self._ending(visit, found, name, now)

    def sender(self, visit: Visit, path: bytes, envid: bytes | None, now: float) -> Refusal | None:
        """Judge the reverse-path of MAIL."""
        return self._path(visit, path, envid, replies.SENDER_SYNTAX, now)

    def recipient(self, visit: Visit, path: bytes, orcpt: bytes | None, now: float) -> Refusal | None:
        """Judge the forward-path of RCPT; before everything that knows who exists."""
        address = None if orcpt is None else orcpt.partition(b";")[2]
        return self._path(visit, path, address, replies.RECIPIENT_SYNTAX, now)

    def pace(self, visit: Visit, now: float) -> Verdict | None:
        """Judge MAIL by the score: to go, to wait, or nothing of both."""
        if visit.allowed:
            return None
        held = self.analysis.connect(visit.client, now)
        if held is not None:
            return Verdict(Refusal(replies.TRY_LATER_CLOSING, held, DEFENCE))
        delay = self.analysis.delay(visit.client, now)
        return Verdict(None, delay) if delay else None

    def content(self, visit: Visit, fault: ContentFault, now: float) -> None:
        """Hold a content that breaks a rule against the client; it is refused anyway."""
        if not visit.allowed:
            found = self.analysis.content(visit.client, fault, now, known_good=visit.known_good)
            if found is not None:
                self._follow(visit, found, b"", now)

    def header(self, visit: Visit, octets: bytes, now: float) -> None:
        """Look for exploit strings at the beginning of a content: evidence (R24)."""
        if not visit.allowed:
            found = self.analysis.header(visit.client, octets, now, known_good=visit.known_good)
            if found is not None:
                self._follow(visit, found, b"", now)

    # its parts

    def _path(
        self, visit: Visit, path: bytes, parameter: bytes | None, reply: Reply, now: float
    ) -> Refusal | None:
        excused = visit.allowed or visit.known_good
        found = self.analysis.path(visit.client, path, now, parameter=parameter, known_good=excused)
        if found is None:
            return None
        self._follow(visit, found, path, now)
        if not found.acts:
            return None
        return Refusal(replies.TRY_LATER_CLOSING if found.ends_session else reply, found.reason, DEFENCE)

    def _ending(self, visit: Visit, found: Finding, evidence: bytes, now: float) -> Refusal | None:
        self._follow(visit, found, evidence, now)
        if not found.ends_session:
            return None
        return Refusal(replies.referenced(replies.TRY_LATER_CLOSING, visit.reference), found.reason, DEFENCE)

    def _follow(self, visit: Visit, found: Finding, evidence: bytes, now: float) -> None:
        """Do what follows from a finding, whatever the client hears."""
        self._mark(visit, now, heavy=found.heavy)
        if found.signature is not None:
            self._tell_exploit(visit, found, evidence, now)
        if not found.acts:
            self._tell_observed(visit, found, now)
            return
        if found.step >= Step.SLOW:
            self._tell_sentence(visit, found, now)
        if found.step is Step.BAN:
            self._ban(visit.client.source, found.seconds, found.reason)

    def _mark(self, visit: Visit, now: float, *, heavy: bool) -> None:
        """Take a client's good name, and its wide limits, for what no lawful client does (R19)."""
        if heavy:
            self._history.heavy_violation(visit.client, self._calendar.day(now), now)
            self._connections.mark(visit.client, now)

    def _tell_exploit(self, visit: Visit, found: Finding, evidence: bytes, now: float) -> None:
        signature = found.signature
        if signature is not None and self._telling.told(visit.client.source, f"exploit {signature.name}", now).first:
            self._journal.event(
                "exploit",
                session=visit.reference,
                peer=visit.client.address,
                kind=found.kind.value,
                signature=signature.name,
                sources=signature.sources,
                evidence=evidence,
            )

    def _tell_sentence(self, visit: Visit, found: Finding, now: float) -> None:
        if self._telling.told(visit.client.source, f"sentence {found.step.name}", now).first:
            self._blame(visit.client, BLAME[found.step], now)
            self._journal.event(
                "sentence",
                session=visit.reference,
                peer=visit.client.address,
                step=found.step.name.lower(),
                kind=found.kind.value,
                score=round(found.score, 1),
                seconds=round(found.seconds),
                reason=found.reason,
            )

    def _tell_observed(self, visit: Visit, found: Finding, now: float) -> None:
        if found.step < Step.SLOW and found.kind is not ViolationKind.EXPLOIT_IN_PATH:
            return
        told = self._telling.told(visit.client.source, f"observed {DEFENCE}", now)
        if told.first:
            self._journal.event(
                "would_refuse",
                peer=visit.client.address,
                session=visit.reference,
                defence=DEFENCE,
                reason=found.reason,
                before=told.before,
            )
        else:
            self._journal.count("would_refuse", DEFENCE)
