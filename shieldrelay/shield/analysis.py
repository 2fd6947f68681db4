"""The analysis of connections: what a client does that no lawful client does, and what that comes to (D6, R17, R18).

Everything has its weight in `shield.analysis_catalogue`; the sum of a source fades. It slows the source, then ends its
sessions and refuses it for a while, then calls for a ban that lasts twice as long each time, a day at most. Refusals by
the score are transient (R17). An exploit string in a command is refused for good, whoever says it: it is a rule of
syntax, narrower than the RFC's, the same for everybody, and no retry can change it.

Pure judgement, asked by `shield.gate` and `shield.admission`; the time is an argument, in reactor seconds. In observe
mode the score is kept apart, is not shared, and only told (R27). Cannot fail; a full table forgets who was quiet for
the longest time.
"""

from __future__ import annotations

from enum import IntEnum

from attrs import frozen

from shieldrelay.cluster.table import Row, Table
from shieldrelay.mail.client import Client
from shieldrelay.mail.violation import ViolationKind
from shieldrelay.shield import analysis_exploits
from shieldrelay.shield.analysis_catalogue import CATALOGUE, Entry
from shieldrelay.shield.analysis_closer import OF_CONTENT, closer
from shieldrelay.shield.analysis_exploits import Signature
from shieldrelay.shield.analysis_hello import lie
from shieldrelay.shield.analysis_kinds import ATTACKS, BANNED, BANS, COUNT, OFFENCES, SLIPS, SOURCES, UNTIL
from shieldrelay.shield.analysis_settings import AnalysisSettings
from shieldrelay.shield.mode import Mode
from shieldrelay.smtp.content_fault import ContentFault

_SCORES = (SLIPS, OFFENCES, ATTACKS)
_LEFT_BY_A_BAN = 0.25
"""The share of the threshold of refusal that is left of our part of a score when it has come to a ban: a slip behind
the ban must not bring the next one."""


class Step(IntEnum):
    """What a score comes to."""

    NOTHING = 0
    SLOW = 1
    REFUSE = 2
    BAN = 3


@frozen
class Finding:
    """What became of one violation.

    :ivar kind: as the closer look has it.
    :ivar weight: the points that it brought, after what limits them.
    :ivar heavy: it costs the source its good name (R19).
    :ivar ends: the session is to end with it, whatever the score.
    :ivar signature: the exploit string, if there was one.
    :ivar score: of the source, with it.
    :ivar step: what the score has come to.
    :ivar seconds: of the ban that is called for, or of the refusals at connect; 0 for neither.
    :ivar reason: for the journal and the ban, with the score and its threshold.
    :ivar acts: whether the analysis is enforced; otherwise all of this is only told.
    """

    kind: ViolationKind
    weight: float
    heavy: bool
    ends: bool
    signature: Signature | None
    score: float
    step: Step
    seconds: float
    reason: str
    acts: bool

    @property
    def ends_session(self) -> bool:
        """Whether the session is to end."""
        return self.acts and (self.ends or self.step >= Step.REFUSE)


class Analysis:
    """The scores of one node.

    :ivar settings: a reload replaces them.
    :ivar tables: what members share and what is snapshotted.
    """

    def __init__(self, settings: AnalysisSettings) -> None:
        self.settings = settings
        self._scores = Table(SOURCES)
        self._shadow = Table(SOURCES)
        self.tables = (self._scores,)
        self.shadows = (self._shadow,)

    # what a client does

    def violation(
        self, client: Client, kind: ViolationKind, evidence: bytes, now: float, *, known_good: bool = False
    ) -> Finding | None:
        """Hold against a client what the receiver saw; ``None`` when the analysis is off.

        :param evidence: what it said, raw.
        :param known_good: whether its past earns it that it is not held to account for what it relays (R19).
        """
        if self.settings.mode is Mode.OFF:
            return None
        kind, signature = closer(kind, evidence)
        return self._judged(client, kind, signature, now, known_good=known_good)

    def hello(self, client: Client, name: bytes, now: float) -> Finding | None:
        """Judge the name in EHLO or HELO; ``None`` when nothing is wrong with it."""
        if self.settings.mode is Mode.OFF:
            return None
        signature = analysis_exploits.find(name)
        if signature is not None:
            return self._judged(client, ViolationKind.EXPLOIT_IN_COMMAND, signature, now, known_good=False)
        kind = lie(name, client, self.settings)
        return None if kind is None else self._judged(client, kind, None, now, known_good=False)

    def path(
        self, client: Client, path: bytes, now: float, *, parameter: bytes | None = None, known_good: bool = False
    ) -> Finding | None:
        """Judge a path that the grammar lets pass; what is found there is to be refused for good.

        :param path: between the brackets.
        :param parameter: ENVID of MAIL, or the address of ORCPT of RCPT, as it came.
        """
        if self.settings.mode is Mode.OFF:
            return None
        signature = analysis_exploits.find(path)
        if signature is None and parameter is not None:
            signature = analysis_exploits.find(parameter) or analysis_exploits.find_in_xtext(parameter)
        if signature is None:
            return None
        return self._judged(client, ViolationKind.EXPLOIT_IN_PATH, signature, now, known_good=known_good)

    def content(self, client: Client, fault: ContentFault, now: float, *, known_good: bool = False) -> Finding | None:
        """Hold a content against the client that broke a declared rule (R25); ``None`` for what is no ill will."""
        kind = OF_CONTENT.get(fault)
        if kind is None or self.settings.mode is Mode.OFF:
            return None
        return self._judged(client, kind, None, now, known_good=known_good)

    def header(self, client: Client, octets: bytes, now: float, *, known_good: bool = False) -> Finding | None:
        """Look for exploit strings in a header: evidence, never a refusal by itself (R24).

        :param octets: the content's beginning.
        """
        if self.settings.mode is Mode.OFF:
            return None
        signature = analysis_exploits.find_in_header(octets)
        if signature is None:
            return None
        return self._judged(client, ViolationKind.EXPLOIT_IN_HEADER, signature, now, known_good=known_good)

    # what it earns

    def connect(self, client: Client, now: float) -> str | None:
        """Say why a client is refused before anything is made for it; ``None`` when it is not."""
        if self.settings.mode is not Mode.ENFORCE:
            return None
        row = self._scores.get(client.source, now)
        if row is None:
            return None
        until = self._scores.total(row, UNTIL)
        if until <= now:
            return None
        score = self._score(self._scores, row)
        return f"the score of its violations is {score:.1f}, refused for {until - now:.0f} s yet"

    def delay(self, client: Client, now: float) -> float:
        """Give the seconds for which an answer to MAIL is to wait; 0 for none."""
        settings = self.settings
        if settings.mode is not Mode.ENFORCE:
            return 0.0
        row = self._scores.get(client.source, now)
        if row is None:
            return 0.0
        score = self._score(self._scores, row)
        return min(settings.pause_most, settings.pause * score / settings.slow) if score >= settings.slow else 0.0

    def score(self, client: Client, now: float) -> float:
        """Give the points of a client's source."""
        table = self._table
        row = table.get(client.source, now)
        return 0.0 if row is None else self._score(table, row)

    # what operators do

    def release(self, source: bytes, now: float) -> None:
        """Forgive a source everything; each member is told by the change log (R30)."""
        for table in (self._scores, self._shadow):
            row = table.get(source, now)
            if row is not None:
                for field in range(table.width):
                    table.put(row, field, 0.0)

    def explain(self, client: Client, now: float) -> tuple[str, ...]:
        """Say in clauses what is held against a client, and what it comes to."""
        table, settings = self._table, self.settings
        row = table.get(client.source, now)
        if row is None or not table.total(row, COUNT):
            return ()
        slips, offences, attacks = (table.total(row, field) for field in _SCORES)
        clauses = [
            f"{table.total(row, COUNT):.1f} violations of late, score {slips + offences + attacks:.1f}",
            f"slips {slips:.1f}, offences {offences:.1f}, attacks {attacks:.1f}",
            f"slowed from {settings.slow:g}, refused from {settings.refuse:g}, banned from {settings.ban:g}",
        ]
        until, banned = table.total(row, UNTIL), table.total(row, BANNED)
        if until > now:
            clauses.append(f"refused for {until - now:.0f} s yet")
        if banned:
            clauses.append(f"{table.total(row, BANS):.0f} bans, the last {(now - banned) / 3600:.1f} hours ago")
        if settings.mode is Mode.OBSERVE:
            clauses.append("observed only")
        return tuple(clauses)

    # its parts

    @property
    def _table(self) -> Table:
        return self._scores if self.settings.mode is Mode.ENFORCE else self._shadow

    def _score(self, table: Table, row: Row) -> float:
        return sum(table.total(row, field) for field in _SCORES)

    def _judged(
        self, client: Client, kind: ViolationKind, signature: Signature | None, now: float, *, known_good: bool
    ) -> Finding:
        """Add what a violation weighs, and say what the score comes to."""
        entry = CATALOGUE[kind]
        excused = known_good and entry.carried
        table = self._table
        row = table.row(client.source, now)
        before = self._score(table, row)
        weight = 0.0 if excused else _bounded(entry, before)
        table.add(row, entry.memory, weight)
        table.add(row, COUNT, 1.0)
        step = self._step(before + weight) if weight else Step.NOTHING
        seconds = self._sentence(table, row, step, now)
        return Finding(
            kind,
            weight,
            entry.heavy and not excused,
            entry.ends,
            signature,
            before + weight,
            step,
            seconds,
            self._reason(kind, signature, before + weight, step),
            self.settings.mode is Mode.ENFORCE,
        )

    def _step(self, score: float) -> Step:
        settings = self.settings
        if score >= settings.ban:
            return Step.BAN
        if score >= settings.refuse:
            return Step.REFUSE
        return Step.SLOW if score >= settings.slow else Step.NOTHING

    def _sentence(self, table: Table, row: Row, step: Step, now: float) -> float:
        """Note what a step brings with it; give how long it lasts."""
        settings = self.settings
        if step is Step.REFUSE:
            table.put(row, UNTIL, now + settings.refuse_for)
            return settings.refuse_for
        if step is not Step.BAN:
            return 0.0
        banned, bans = table.total(row, BANNED), table.total(row, BANS)
        if not banned or now - banned > settings.remembered:
            bans = 0.0
        seconds = min(settings.ban_most, settings.ban_for * float(2 ** min(int(bans), 32)))
        table.put(row, BANS, bans + 1.0)
        table.put(row, BANNED, now)
        table.put(row, UNTIL, now + seconds)
        self._settle(table, row)
        return seconds

    def _settle(self, table: Table, row: Row) -> None:
        """Take off our part of a score what the ban is for."""
        own = sum(row.own[field] for field in _SCORES)
        share = min(1.0, _LEFT_BY_A_BAN * self.settings.refuse / own) if own else 1.0
        for field in _SCORES:
            table.put(row, field, row.own[field] * share)

    def _reason(self, kind: ViolationKind, signature: Signature | None, score: float, step: Step) -> str:
        what = kind.value if signature is None else f"{kind.value} ({signature.name}: {signature.sources})"
        if step is Step.NOTHING:
            return f"{what}; the score is {score:.1f}"
        threshold = (0.0, self.settings.slow, self.settings.refuse, self.settings.ban)[step]
        return f"{what}; the score is {score:.1f}, {step.name.lower()} from {threshold:g}"


def _bounded(entry: Entry, before: float) -> float:
    """Give the points that a violation brings a score that has so many."""
    return max(0.0, min(entry.weight, entry.most - before))
