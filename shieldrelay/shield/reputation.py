"""Reputation: what a source did before, here or at other members, decides what it may do now (R16, R17, R19, R27).

Mail that next hops took speaks for a source; mail that they refused by policy, unknown recipients, violations, checks
of the content and reports speak against it; feeds and DNS lists have a word. All of it fades by half in seven days. A
network never refuses: it slows strangers, if several of its sources have a bad name. Who is known-good is
`shield.history`'s to say and stands one step better here. Pure judgement; the time is an argument. Asked by
`shield.gate`, which applies the mode. Cannot fail; a full table forgets first who did little.
"""

from __future__ import annotations

from attrs import evolve, frozen

from shieldrelay.cluster.table import Row, Table
from shieldrelay.mail.client import Client
from shieldrelay.shield.acquaintance import Acquaintance
from shieldrelay.shield.reputation_kinds import (
    BAD,
    CONNECTIONS,
    CONTENT,
    HAM,
    NETWORKS,
    PACE,
    PACED,
    REFUSED,
    SOURCES,
    SPAM,
    TAKEN,
    TURNED_AWAY,
    UNKNOWN,
    VIOLATIONS,
)
from shieldrelay.shield.reputation_learning import Learning
from shieldrelay.shield.reputation_listed import Blocklists, Feed, NoBlocklists, Said
from shieldrelay.shield.reputation_score import Band, band_of, enough, judged, listed_score, room, score, together
from shieldrelay.shield.reputation_settings import ReputationSettings

_HALF = 0.5
RETRY_AFTER, RETRY_WITHIN = 300.0, 4 * 3600.0
"""When a source that was asked to come later is expected, in seconds (RFC 5321 §4.5.4.1: half an hour)."""


@frozen
class Standing:
    """What a client's name is worth now.

    :ivar score: 0 to 100, of its own past and the lists together.
    :ivar reason: in a clause, with values and limits; empty when there is nothing against it.
    :ivar signals: kinds of evidence that speak against it.
    """

    band: Band
    score: float = 0.0
    reason: str = ""
    signals: tuple[str, ...] = ()


@frozen
class Answer:
    """What a MAIL command comes to.

    :ivar refused: why it is to come later; ``None`` when it may go on.
    :ivar pause: seconds by which its answer is held back.
    :ivar band: to be kept for the recipients.
    """

    refused: str | None = None
    pause: float = 0.0
    band: Band = Band.CLEAN


_CLEAN = Standing(Band.CLEAN)
_GO_ON = Answer()


class Reputation:
    """Remembers and judges.

    :ivar settings: a reload replaces them.
    :ivar feeds: whoever reads feeds replaces them.
    :ivar learning: whether anything is refused yet.
    :ivar tables: what members share and what is snapshotted.
    :ivar shadows: what is counted while it only observes, and not shared.
    """

    def __init__(self, settings: ReputationSettings, blocklists: Blocklists | None = None) -> None:
        self.settings = settings
        self.feeds: tuple[Feed, ...] = ()
        self.blocklists: Blocklists = blocklists or NoBlocklists()
        self.learning = Learning()
        self.sources = Table(SOURCES)
        self._networks = Table(NETWORKS)
        self._pace = Table(PACE)
        self._pace_observed = Table(PACE)
        self.tables = (self.sources, self._networks, self._pace, self.learning.table)
        self.shadows = (self._pace_observed,)

    # what the gate asks

    def standing(self, client: Client, acquaintance: Acquaintance, now: float) -> Standing:
        """Say what a client's name is worth: at connect, and again at MAIL and RCPT, when lists have answered."""
        said = self._said(client)
        vouched = f"vouched for by {said.vouching[0]}" if said.weight <= -self.settings.threshold else ""
        if acquaintance is Acquaintance.KNOWN_GOOD:
            vouched = "known good"
        standing, known = self._own(self.sources.get(client.source, now), said)
        if vouched:
            return _bettered(standing, vouched)
        if known or standing.band is not Band.CLEAN or acquaintance is not Acquaintance.STRANGER:
            return standing
        return self._among_neighbours(client, now)

    def entered(self, client: Client, acquaintance: Acquaintance, now: float) -> None:
        """Note a connection that was let in, and begin to ask lists about it; a known-good one needs none."""
        row = self.sources.get(client.source, now)
        if row is not None:
            self.sources.add(row, CONNECTIONS, 1.0)
        if acquaintance is not Acquaintance.KNOWN_GOOD:
            self.blocklists.begin(client)

    def message(self, client: Client, acquaintance: Acquaintance, now: float, *, acts: bool) -> Answer:
        """Judge MAIL, and count it against what a source of its band may send in an hour.

        :param acts: false: it is only observed, and counted apart (R27).
        """
        standing = self.standing(client, acquaintance, now)
        band = standing.band
        if band is Band.CLEAN:
            return _GO_ON
        if band is Band.REJECT:
            return Answer(standing.reason, band=band)
        table = self._pace if acts else self._pace_observed
        refused = self._paced(table, table.row(client.source, now), band, now)
        if refused is not None:
            return Answer(f"{refused}: {standing.reason}", band=band)
        return Answer(None, self.settings.throttle_pause, band)

    def recipient(self, client: Client, acquaintance: Acquaintance, band: Band, now: float) -> str | None:
        """Say why there may be no recipients now: a list answered late, after MAIL was let in.

        :param band: as `message` gave it.
        """
        standing = self.standing(client, acquaintance, now)
        return standing.reason if standing.band > max(band, Band.THROTTLE) else None

    # what is told of a client

    def taken(self, client: Client, messages: int, now: float, wall: float) -> None:
        """Note messages that next hops took.

        :param wall: seconds since the epoch, for the learning.
        """
        self._note(client, TAKEN, messages, now)
        self.learning.message(messages, now, wall)

    def refused(self, client: Client, refusals: int, now: float) -> None:
        """Note messages that next hops refused for good by policy: 5.7.x, never an address or a mailbox."""
        self._note(client, REFUSED, refusals, now)

    def unknown(self, client: Client, recipients: int, now: float) -> None:
        """Note recipients that do not exist, once a session has ended."""
        self._note(client, UNKNOWN, recipients, now)

    def violated(self, client: Client, weight: float, now: float) -> None:
        """Note what no lawful client does.

        :param weight: in messages taken: what it takes to outweigh it.
        """
        self._note(client, VIOLATIONS, weight, now)

    def doubted(self, client: Client, weight: float, now: float) -> None:
        """Note weak evidence, such as a failure of SPF, which forwarding breaks, or an address without a name.

        It adds to what speaks against a source, but never so much that it speaks alone: with all other evidence for the
        source it stays in the clean band. Who has no past gets none from this.
        """
        row = self.sources.get(client.source, now)
        if row is not None:
            least = self.settings.throttle
            most = 0.95 * self.settings.doubt * least / (100.0 - least) if least < 100.0 else self.settings.doubt
            self._note(client, VIOLATIONS, min(weight, most - self.sources.total(row, VIOLATIONS)), now)

    def content_refused(self, client: Client, now: float) -> None:
        """Note a message that a check of the content refused."""
        self._note(client, CONTENT, 1.0, now)

    def reported(self, client: Client, weight: float, now: float, *, spam: bool) -> None:
        """Note a report; `shield.reputation_reports` is the door, which counts who reports.

        :param weight: 1, or what is left of it.
        """
        self._note(client, SPAM if spam else HAM, weight, now)

    def release(self, source: bytes, now: float) -> None:
        """Forgive a source what it did; what speaks for it stays. Each member is told by the change log (R30)."""
        row = self.sources.get(source, now)
        if row is not None:
            for field in BAD:
                self.sources.put(row, field, 0.0)
            self.sources.let_go(row)
        for table in (self._pace, self._pace_observed):
            table.forget(source)

    def explain(self, client: Client, acquaintance: Acquaintance, now: float, wall: float) -> tuple[str, ...]:
        """Say in clauses what is known of a client, and what it comes to."""
        standing = self.standing(client, acquaintance, now)
        clauses = [f"{standing.band.name.lower()}, score {standing.score:.0f} of 100"]
        clauses += [standing.reason] if standing.reason else []
        for who, row in (
            ("the source", self.sources.get(client.source, now)),
            ("its network", self._networks.get(client.network, now)),
        ):
            clauses += [] if row is None else [f"{who}: {_told(self.sources.totals(row))}"]
        said = self._said(client)
        if said.vouching:
            clauses.append("vouched for by " + ", ".join(said.vouching))
        return (*clauses, self.learning.explain(self.settings, now, wall))

    # its parts

    def _said(self, client: Client) -> Said:
        said = self.blocklists.said(client)
        for feed in self.feeds:
            if feed.networks.has(client.source):
                said = said.joined(Said(feed.weight, (feed.name,)))
        return said

    def _paced(self, table: Table, row: Row, band: Band, now: float) -> str | None:
        """Count a message against what its band may send, or say why it is to come later.

        Who is asked to come later has to: the few messages that it may send are for servers that try again.
        """
        settings = self.settings
        if band is Band.TEMPFAIL:
            since = table.total(row, TURNED_AWAY)
            if not since or now - since > RETRY_WITHIN:
                table.put(row, TURNED_AWAY, now)
                return "it has to come again"
            if now - since < RETRY_AFTER:
                return f"it came again after {now - since:.0f} s, {RETRY_AFTER:.0f} s are wanted"
        limit = settings.throttled_messages if band is Band.THROTTLE else settings.tempfail_messages
        count = table.total(row, PACED)
        if count > limit - _HALF:
            return f"{count + 1:.0f} messages an hour, limit {limit}"
        table.add(row, PACED, 1.0)
        return None

    def _own(self, row: Row | None, said: Said) -> tuple[Standing, bool]:
        """Judge by the source's own past and by what lists say of it; and whether that past is enough to go by."""
        settings = self.settings
        totals = self.sources.nobody if row is None else row.own
        if row is not None and row.others is not self.sources.nobody:
            totals = self.sources.totals(row)
        known = row is not None and enough(totals, settings)
        past = score(totals, settings) if known else 0.0
        listed = listed_score(said.weight, settings)
        if past < settings.throttle and not listed:
            return _CLEAN, known
        signals = (judged(totals, settings).signals if past else ()) + said.names
        both = together(past, listed)
        band = band_of(both, len(signals), settings)
        return Standing(band, both, self._reason(band, both, signals), signals), known

    def _reason(self, band: Band, both: float, signals: tuple[str, ...]) -> str:
        settings = self.settings
        limit = (0.0, settings.throttle, settings.tempfail, settings.reject)[band]
        return f"score {both:.0f}, limit {limit:.0f}, for {', '.join(signals) or 'many small things'}"

    def _among_neighbours(self, client: Client, now: float) -> Standing:
        """Throttle a stranger whose network has several sources with a bad name (R16)."""
        row = self._networks.get(client.network, now)
        if row is None or len(row.names or ()) < self.settings.bad_neighbours:
            return _CLEAN
        counts = judged(self._networks.totals(row), self.settings)
        if not counts.enough or counts.score < self.settings.tempfail:
            return _CLEAN
        reason = f"its network has score {counts.score:.0f}, limit {self.settings.tempfail:.0f}"
        return Standing(Band.THROTTLE, counts.score, reason, ("its network",))

    def _note(self, client: Client, field: int, amount: float, now: float) -> None:
        if amount <= 0.0:
            return
        sources, bad = self.sources, field in BAD
        row = sources.row(client.source, now)
        if bad:
            amount = min(amount, room(sources.totals(row), field, self.settings))
        network = self._networks.row(client.network, now)
        for table, each in ((sources, row), (self._networks, network)):
            if each.own[CONNECTIONS] + each.others[CONNECTIONS] < _HALF:
                table.add(each, CONNECTIONS, 1.0)
            if amount > 0.0:
                table.add(each, field, amount)
        if bad:
            self._mark(row, network)

    def _mark(self, row: Row, network: Row) -> None:
        """Forget last who has a bad name, and let its network know it."""
        counts = judged(self.sources.totals(row), self.settings)
        if counts.enough and counts.score >= self.settings.throttle:
            self.sources.hold_dear(row)
        if counts.enough and counts.score >= self.settings.tempfail:
            self._networks.name(network, int.from_bytes(row.key, "big"))
            self._networks.hold_dear(network)


def _bettered(standing: Standing, why: str) -> Standing:
    """Give what somebody who has earned it stands at: one step better."""
    if standing.band is Band.CLEAN:
        return standing
    return evolve(standing, band=standing.band.better, reason=f"{standing.reason}; one step better: {why}")


def _told(totals: list[float]) -> str:
    words = (
        "connections", "taken", "reports of ham", "refused by policy", "unknown recipients", "of violations",
        "content refused", "reports of spam",
    )  # fmt: skip
    told = [f"{count:.1f} {word}" for word, count in zip(words, totals, strict=True) if count >= 0.05]
    return ", ".join(told) or "nothing of weight"
