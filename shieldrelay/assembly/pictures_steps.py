"""What would happen to a connection now: every judgement that it meets, in the order in which it meets them.

The order is that of `shield.admission` and `shield.gate`; words and figures come from the defences themselves. What a
sender, a recipient or a content adds cannot be known before there is one, and is said to be asked. Changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterator

from attrs import frozen

from shieldrelay.admin.picture_sources import JudgementPicture
from shieldrelay.assembly import pictures_defences as defences
from shieldrelay.assembly import shield_terms
from shieldrelay.assembly.house import House
from shieldrelay.cluster.entry import Entry
from shieldrelay.cluster.hub import ChangeKind
from shieldrelay.mail.client import Client
from shieldrelay.shield.acquaintance import Acquaintance
from shieldrelay.shield.connections_kinds import HANDSHAKES, MESSAGES, RECIPIENTS
from shieldrelay.shield.harvest import Level
from shieldrelay.shield.harvest_picture import DomainPicture
from shieldrelay.shield.mode import Mode
from shieldrelay.shield.reputation import Standing
from shieldrelay.shield.reputation_score import Band

PASSES, REFUSES, WOULD_REFUSE, SLOWS, SKIPPED, OFF, ASKS = (
    "passes", "refuses", "would refuse", "slows", "not asked", "off", "asks",
)  # fmt: skip
"""What a step does; `JudgementPicture.does`."""

DOMAINS_MOST = 50
"""Domains that may have steps of their own."""
CONNECT, GREETING, STARTTLS, MAIL, RCPT, CONTENT = "connect", "greeting", "STARTTLS", "MAIL", "RCPT", "content"
_SAYS = {ChangeKind.ALLOW: "allowed", ChangeKind.DENY: "denied", ChangeKind.BAN: "banned"}


@frozen
class Case:
    """Who is judged, and when.

    :ivar said: what an operator or a ban says of it.
    """

    house: House
    client: Client
    acquaintance: Acquaintance
    said: Entry | None
    now: float

    @property
    def allowed(self) -> bool:
        """Whether it is on the allow-list, which beats all but capacity (R18)."""
        return self.said is not None and self.said.kind is ChangeKind.ALLOW

    def wall(self, moment: float) -> float:
        """Give a moment of the reactor's clock in seconds since the epoch."""
        return self.house.shield.defences.calendar.wall(moment)

    def standing(self) -> Standing:
        """Give what its name is worth."""
        return self.house.shield.defences.reputation.standing(self.client, self.acquaintance, self.now)


def steps(case: Case) -> tuple[JudgementPicture, ...]:
    """Give all steps."""
    found = [
        _lists(case), _lawful(case), _analysis(case), _harvest(case), _reputation(case), _capacity(case),
        _connections(case), _greeting(case), _rate(case, STARTTLS, HANDSHAKES), _disk(case), _paced(case),
        _rate(case, MAIL, MESSAGES), _reputed_mail(case), _network(case), _senders(case),
        _rate(case, RCPT, RECIPIENTS), *_recipients(case), _checks(case),
    ]  # fmt: skip
    return tuple(found)


def turned_away(case: Case) -> JudgementPicture | None:
    """Give what refuses a connection for what the client is or did, before the box of a harvester is asked."""
    return next((each for each in (_lawful(case), _analysis(case)) if each.does == REFUSES), None)


def ill_reputed(case: Case) -> JudgementPicture | None:
    """Give the step of the reputation, if it refuses a connection, or puts off every message."""
    return next((each for each in (_reputation(case), _reputed_mail(case)) if each.does == REFUSES), None)


def _step(
    case: Case, stage: str, defence: str, mode: Mode, why: str | None, until: float | None = None
) -> JudgementPicture:
    """Give the step of a defence with a mode.

    :param why: it refuses; ``None``: it does not.
    """
    if mode is Mode.OFF:
        return JudgementPicture(stage, defence, OFF, mode.value)
    if case.allowed:
        return JudgementPicture(stage, defence, SKIPPED, mode.value, "the allow-list comes before it")
    if not why:
        return JudgementPicture(stage, defence, PASSES, mode.value)
    return JudgementPicture(stage, defence, REFUSES if mode is Mode.ENFORCE else WOULD_REFUSE, mode.value, why, until)


def _lists(case: Case) -> JudgementPicture:
    said = case.said
    if said is None:
        return JudgementPicture(CONNECT, "lists", PASSES, why="on no list")
    by = "the configuration" if said.configured else said.by
    why = f"{_SAYS[said.kind]} by {by}" + (f": {said.reason}" if said.reason and not said.configured else "")
    return JudgementPicture(CONNECT, "lists", PASSES if case.allowed else REFUSES, why=why, until=said.until)


def _lawful(case: Case) -> JudgementPicture:
    lawful = case.house.shield.defences.lawful
    found = lawful.client(case.client)
    reason, mode = (None, lawful.settings.mode) if found is None else found
    return _step(case, CONNECT, "lawful", mode, reason)


def _analysis(case: Case) -> JudgementPicture:
    analysis = case.house.shield.defences.examination.analysis
    return _step(case, CONNECT, "analysis", analysis.settings.mode, analysis.connect(case.client, case.now))


def _harvest(case: Case) -> JudgementPicture:
    harvest = case.house.shield.defences.harvest
    mode = shield_terms.modes(case.house.configuration).harvest
    box = defences.box_of(harvest, case.client.source, case.now)
    refused = harvest.connect(case.client, case.now) is not None
    if box is not None and not refused and mode is Mode.ENFORCE and not case.allowed:
        words = "cut off, and every recipient is answered alike"
        return JudgementPicture(CONNECT, "harvest", PASSES, mode.value, words, case.wall(box.until))
    why, until = (box.why, case.wall(box.until)) if box is not None and refused else (None, None)
    return _step(case, CONNECT, "harvest", mode, why, until)


def _reputation(case: Case) -> JudgementPicture:
    """Give the step of the reputation at connect; while it learns it refuses nobody."""
    standing = case.standing()
    why = standing.reason if standing.band is Band.REJECT else None
    return _step(case, CONNECT, "reputation", _reputation_mode(case), why)


def _reputation_mode(case: Case) -> Mode:
    """Give the mode that holds: what still learns observes."""
    mode = shield_terms.modes(case.house.configuration).reputation
    reputation = case.house.shield.defences.reputation
    learned = reputation.learning.over(reputation.settings, case.now, case.wall(case.now))
    return Mode.OBSERVE if mode is Mode.ENFORCE and not learned else mode


def _capacity(case: Case) -> JudgementPicture:
    shortage = case.house.shield.defences.stress.shortage(len(case.house.sessions))
    return JudgementPicture(CONNECT, "capacity", PASSES if shortage is None else REFUSES, why=shortage or "")


def _connections(case: Case) -> JudgementPicture:
    house, shield = case.house, case.house.shield.defences
    mode = shield_terms.modes(house.configuration).connections
    exempt = case.allowed or mode is Mode.OFF
    shed = shield.connections.would_shed(
        case.client, case.acquaintance, len(house.sessions), case.now, allowed=exempt
    )
    if shed is not None and shed.capacity:
        return JudgementPicture(CONNECT, "connections", REFUSES, mode.value, shed.reason)
    return _step(case, CONNECT, "connections", mode, None if shed is None else shed.reason)


def _greeting(case: Case) -> JudgementPicture:
    shield = case.house.shield.defences
    mode = shield.greeting.settings.mode
    if case.allowed:
        return JudgementPicture(GREETING, "greeting", SKIPPED, mode.value, "the allow-list comes before it")
    delay = shield.greeting.delay(case.client, case.acquaintance, case.now, stressed=shield.stress.on)
    if not delay:
        does = OFF if mode is Mode.OFF else PASSES
        return JudgementPicture(GREETING, "greeting", does, mode.value, "greeted at once")
    why = f"greeted after {delay:g} s; who talks before is " + ("refused" if mode is Mode.ENFORCE else "noted")
    return JudgementPicture(GREETING, "greeting", SLOWS, mode.value, why)


def _rate(case: Case, stage: str, field: int) -> JudgementPicture:
    """Give the step of a rate: it refuses for now."""
    connections = case.house.shield.defences.connections
    mode = shield_terms.modes(case.house.configuration).connections
    spent = connections.spent(case.client, case.acquaintance, case.now)
    found = next((each for each in spent if each.field == field), None)
    why, until = (None, None) if found is None else (found.reason, case.wall(case.now + found.seconds))
    return _step(case, stage, "connections", mode, why, until)


def _disk(case: Case) -> JudgementPicture:
    full = case.house.capacity.full()
    return JudgementPicture(MAIL, "capacity", PASSES if full is None else REFUSES, why=full or "")


def _paced(case: Case) -> JudgementPicture:
    analysis = case.house.shield.defences.examination.analysis
    delay = 0.0 if case.allowed else analysis.delay(case.client, case.now)
    if delay:
        why = f"answered after {delay:.1f} s, for the violations of late"
        return JudgementPicture(MAIL, "analysis", SLOWS, analysis.settings.mode.value, why)
    return _step(case, MAIL, "analysis", analysis.settings.mode, None)


def _reputed_mail(case: Case) -> JudgementPicture:
    """Say what its name costs at MAIL; how many messages it has left this hour is counted when it sends one."""
    standing, mode = case.standing(), _reputation_mode(case)
    settings = case.house.shield.defences.reputation.settings
    if standing.band is Band.TEMPFAIL:
        why = f"has to come again, then {settings.tempfail_messages} messages an hour: {standing.reason}"
        return _step(case, MAIL, "reputation", mode, why)
    if standing.band is Band.THROTTLE and mode is Mode.ENFORCE and not case.allowed:
        why = f"{settings.throttle_pause:g} s a message, {settings.throttled_messages} an hour: {standing.reason}"
        return JudgementPicture(MAIL, "reputation", SLOWS, mode.value, why)
    return _step(case, MAIL, "reputation", mode, standing.reason if standing.band is Band.REJECT else None)


def _network(case: Case) -> JudgementPicture:
    shield = case.house.shield.defences
    mode = shield_terms.modes(case.house.configuration).connections
    reason = shield.connections.slowed(case.client, case.acquaintance, case.now)
    if reason is None or mode is not Mode.ENFORCE or case.allowed or shield.stress.on:
        return _step(case, MAIL, "network", mode, None)
    why = f"by {shield.connections.settings.network_pause:g} s a message: {reason}"
    return JudgementPicture(MAIL, "network", SLOWS, mode.value, why)


def _senders(case: Case) -> JudgementPicture:
    settings = case.house.shield.defences.lawful.settings
    if settings.mode is Mode.OFF or case.allowed:
        return _step(case, MAIL, "lawful", settings.mode, None)
    return JudgementPicture(MAIL, "lawful", ASKS, settings.mode.value, "DNS about each sender")


def _recipients(case: Case) -> Iterator[JudgementPicture]:
    """Give what each protected domain answers, as far as it differs from the truth."""
    house = case.house
    levels = house.shield.defences.harvest.domains(case.now)
    shields = {each.name: each for each in levels if each.level is Level.SHIELD}
    for domain in sorted(house.ways)[:DOMAINS_MOST]:
        if house.terms.gate.harvest_acts(domain) and not case.allowed:
            yield from _alike(case, domain, shields.get(domain))
        if not house.recipients.lists.enforced(domain):
            why = f"{domain} refuses nobody for not being listed"
            yield JudgementPicture(RCPT, "recipients", PASSES, Mode.OBSERVE.value, why)
    if not house.ways:
        yield JudgementPicture(RCPT, "relay", REFUSES, why="no domain is protected yet")
    else:
        why = "whether the domain is protected, and the recipient listed"
        yield JudgementPicture(RCPT, "recipients", ASKS, why=why)


def _alike(case: Case, domain: str, shield: DomainPicture | None) -> Iterator[JudgementPicture]:
    """Say whether a domain answers this client nothing that depends on the recipient."""
    good = case.acquaintance is Acquaintance.KNOWN_GOOD
    harvest = case.house.shield.defences.harvest
    box = defences.box_of(harvest, case.client.source, case.now, domain if good else None)
    if box is not None:
        why = f"{domain} answers all alike: {box.why}"
        yield JudgementPicture(RCPT, "harvest", REFUSES, Mode.ENFORCE.value, why, case.wall(box.until))
    elif shield is not None and not good:
        why = f"{domain} is shielded: answered alike until it asks again after {shield.patience:.0f} s"
        yield JudgementPicture(RCPT, "harvest", SLOWS, Mode.ENFORCE.value, why)


def _checks(case: Case) -> JudgementPicture:
    plugins = case.house.configuration.content.plugins
    return JudgementPicture(CONTENT, "plugins", ASKS if plugins else PASSES, why=", ".join(plugins))
