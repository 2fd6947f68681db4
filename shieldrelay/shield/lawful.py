"""Whether a sender and a client are lawful, by what DNS says of them (R16-R18, R26).

Pure judgement over facts that ``wire.lookups`` found; the time is an argument. A sender to whose domain no mail can be
sent is refused; one that uses a protected domain from outside is, where SPF does not pass. All else, SPF results and
reverse names included, is evidence with a weight and never a refusal. What DNS did not say speaks against nobody.

Refusals are transient (R17): DNS answers may lie, lag or be half wrong, and who is lawful comes again to a better one.
A null MX alone is refused for good: it is no lack of an answer but the owner's own word that nobody can be written to
there (RFC 7505 §4.2). Asked by `shield.gate`, which tells the journal. Cannot fail; a full table forgets the sources
that were seen least lately.
"""

from __future__ import annotations

from attrs import frozen

from shieldrelay.cluster.table import Table
from shieldrelay.mail.client import Client
from shieldrelay.mail.evidence import Reach, Reverse, ReverseName, Sender, SpfResult
from shieldrelay.mail.reply import Reply
from shieldrelay.shield.lawful_kinds import COUNTED, IMPOSTOR, SOURCES, SPF_FAIL, UNREACHABLE
from shieldrelay.shield.lawful_names import is_generic
from shieldrelay.shield.lawful_networks import bogon_source
from shieldrelay.shield.lawful_settings import LawfulSettings
from shieldrelay.shield.mode import Mode

NULL_MX = Reply(550, (5, 7, 27), ("Sender address has a null MX",))
"""RFC 7505 §4.2."""
UNREACHABLE_NOW = Reply(450, (4, 1, 8), ("Sender address rejected: its domain cannot receive mail",))
NOT_FROM_HERE = Reply(450, (4, 7, 23), ("Sender address is not accepted from this client",))
"""RFC 7372 §3.1."""

_UNREACHABLE = frozenset((Reach.NULL_MX, Reach.BOGON, Reach.NO_NAME, Reach.NO_ADDRESS, Reach.ONE_LABEL))


@frozen
class Unlawful:
    """What speaks against a sender.

    :ivar check: one of few words, for counting.
    :ivar reason: one clause with the evidence.
    :ivar mode: ENFORCE or OBSERVE.
    :ivar points: what it weighs in a source's score; nothing where it is observed only (R27).
    """

    check: str
    reply: Reply
    reason: str
    mode: Mode
    points: float


@frozen
class Weight:
    """Weak evidence about a source.

    :ivar points: more is worse.
    """

    check: str
    points: float
    reason: str


class Lawful:
    """Judges senders and clients.

    :ivar tables: what members share.
    """

    def __init__(self, settings: LawfulSettings) -> None:
        self._sources = Table(SOURCES)
        self.tables = (self._sources,)
        self.reconfigure(settings)

    def reconfigure(self, settings: LawfulSettings) -> None:
        """Take other settings; what is counted stays."""
        self.settings = settings
        self._unreachable = settings.holds(settings.unreachable)
        self._impostor = settings.holds(settings.impostor)
        self._bogon = settings.holds(settings.bogon_client)

    @property
    def asks(self) -> bool:
        """Whether facts are to be looked up at all."""
        return self.settings.mode is not Mode.OFF

    def client(self, client: Client) -> tuple[str, Mode] | None:
        """Judge the address of a connection: the reason against it and the mode."""
        if self._bogon is Mode.OFF:
            return None
        block = bogon_source(client.source, client.address)
        return (f"{client.address} is not in the internet: {block}", self._bogon) if block else None

    def sender(self, client: Client, sender: Sender, *, ours: bool, now: float) -> Unlawful | None:
        """Judge a sender, and count what is against it.

        :param sender: once for each transaction, when all is known that will be.
        :param ours: its domain is a protected one.
        """
        if sender.spf is SpfResult.FAIL:
            self._count(client, SPF_FAIL, now)
        if ours:
            return self._as_ours(client, sender, now)
        if sender.reach not in _UNREACHABLE or self._unreachable is Mode.OFF:
            return None
        self._count(client, UNREACHABLE, now)
        reply = NULL_MX if sender.reach is Reach.NULL_MX else UNREACHABLE_NOW
        detail = f", {sender.detail}" if sender.detail else ""
        reason = f"{sender.domain} cannot receive mail: {sender.reach.value}{detail}"
        return self._unlawful("unreachable", reply, reason, self._unreachable)

    def weights(self, client: Client, sender: Sender | None, reverse: Reverse | None) -> tuple[Weight, ...]:
        """Give the weak evidence about a client, for its reputation.

        :param sender: ``None`` when there is no transaction; ``reverse``: ``None`` when it was not asked for.
        """
        found = [self._reverse(client, reverse)] if reverse is not None else []
        if sender is not None:
            found.append(self._spf(sender))
        return tuple(weight for weight in found if weight is not None and weight.points)

    def release(self, source: bytes, now: float) -> None:
        """Forgive a source what it sent; each member is told by the change log (R30)."""
        row = self._sources.get(source, now)
        if row is not None:
            for field in range(len(COUNTED)):
                self._sources.put(row, field, 0.0)

    def explain(self, client: Client, now: float, reverse: Reverse | None = None) -> tuple[str, ...]:
        """Say in clauses what is known of a client.

        :param reverse: what is known of its name.
        """
        block = bogon_source(client.source, client.address)
        clauses = [f"its address is not in the internet: {block}"] if block else []
        clauses += [weight.reason for weight in self.weights(client, None, reverse)]
        row = self._sources.get(client.source, now)
        if row is not None:
            counts = [own + others for own, others in zip(row.own, row.others, strict=True)]
            clauses += [f"{count:.0f} {what}" for count, what in zip(counts, COUNTED, strict=True) if count >= 0.5]
        return tuple(clauses)

    def _as_ours(self, client: Client, sender: Sender, now: float) -> Unlawful | None:
        """Judge a protected domain as sender: it must pass SPF, where DNS could be asked."""
        if self._impostor is Mode.OFF or sender.spf in (SpfResult.PASS, SpfResult.TEMPERROR):
            return None
        self._count(client, IMPOSTOR, now)
        reason = f"{sender.domain} is protected here and does not let {client.address} send: spf {sender.spf.value}"
        return self._unlawful("impostor", NOT_FROM_HERE, reason, self._impostor)

    def _unlawful(self, check: str, reply: Reply, reason: str, mode: Mode) -> Unlawful:
        return Unlawful(check, reply, reason, mode, self.settings.weights.unlawful if mode is Mode.ENFORCE else 0.0)

    def _reverse(self, client: Client, reverse: Reverse) -> Weight | None:
        weights = self.settings.weights
        if reverse.state is ReverseName.NONE:
            return Weight("no reverse name", weights.no_reverse, f"{client.address} has no name")
        if reverse.state is ReverseName.UNKNOWN:
            return None
        if is_generic(reverse.name, client.address):
            return Weight("generic name", weights.generic, f"its name {reverse.name} is a generic one")
        if reverse.state is ReverseName.UNCONFIRMED:
            reason = f"its name {reverse.name} does not have this address"
            return Weight("unconfirmed name", weights.unconfirmed, reason)
        return None

    def _spf(self, sender: Sender) -> Weight | None:
        weights = self.settings.weights
        points = {SpfResult.FAIL: weights.spf_fail, SpfResult.SOFTFAIL: weights.spf_softfail}.get(sender.spf)
        if points is None:
            return None
        return Weight(f"spf {sender.spf.value}", points, f"spf {sender.spf.value} of {sender.domain or 'its name'}")

    def _count(self, client: Client, field: int, now: float) -> None:
        self._sources.add(self._sources.row(client.source, now), field, 1.0)
