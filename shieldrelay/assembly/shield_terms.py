"""From the words of the configuration to the settings of the defences. Pure."""

from __future__ import annotations

from shieldrelay.config import harvest as declared
from shieldrelay.config.limits import ConnectionLimits
from shieldrelay.config.mode import Mode as DeclaredMode
from shieldrelay.config.networks import network_limits
from shieldrelay.config.schema import Configuration
from shieldrelay.importer.feeds import LIMITS, FeedSettings
from shieldrelay.importer.settings import HttpsSettings, SourceSettings
from shieldrelay.shield.admission import Modes
from shieldrelay.shield.analysis_settings import AnalysisSettings
from shieldrelay.shield.calendar import DAY_SECONDS
from shieldrelay.shield.connections_settings import ConnectionsSettings, Limits, LimitsByStanding, SourceClass
from shieldrelay.shield.greeting import GreetingSettings
from shieldrelay.shield.harvest import ByAcquaintance, HarvestSettings
from shieldrelay.shield.lawful_settings import LawfulSettings
from shieldrelay.shield.mode import Mode
from shieldrelay.shield.reputation_settings import ReputationSettings, Weights
from shieldrelay.shield.stress import StressSettings
from shieldrelay.wire.dnsbl_names import ListZone


def mode(declared_mode: DeclaredMode) -> Mode:
    """Give a mode as the shield has it."""
    return Mode(declared_mode.value)


def modes(configuration: Configuration) -> Modes:
    """Say which defences act."""
    shield = configuration.shield
    return Modes(
        connections=mode(shield.connections.mode),
        harvest=mode(shield.harvest.mode),
        reputation=mode(shield.reputation.mode),
    )


def harvest(configuration: Configuration) -> HarvestSettings:
    """Give the limits of the defence against directory harvest."""
    settings = configuration.shield.harvest
    return HarvestSettings(
        allowance=_by_acquaintance(settings.allowance),
        allowance_slow=_by_acquaintance(settings.allowance_slow),
        open_recipients=_by_acquaintance(settings.open_recipients),
        open_divisor=settings.open_divisor,
        abandoned_recipients=_by_acquaintance(settings.abandoned_recipients),
        network=_by_acquaintance(settings.network),
        network_slow=_by_acquaintance(settings.network_slow),
        good_share=settings.good_share,
        proven=settings.proven,
        box=settings.box,
        box_slow=settings.box_slow,
        box_max=settings.box_max,
        uniform_commands=settings.uniform_commands,
        refuse_after=settings.refuse_after,
        tarpit=settings.tarpit,
        tarpit_most=settings.tarpit_most,
        shield_floor=settings.shield_floor,
        shield_z=settings.shield_z,
        wary_floor=settings.wary_floor,
        wary_z=settings.wary_z,
        slow_floor=settings.slow_floor,
        slow_z=settings.slow_z,
        hold=settings.hold,
        convalescence=settings.convalescence,
        patience=settings.patience,
        patience_half=settings.patience_neighbour,
        step_after=settings.step_after,
        releases_source=settings.releases_source,
        releases_network=settings.releases_network,
        pending_per_source=settings.pending_per_source,
    )


def _by_acquaintance(numbers: declared.ByAcquaintance) -> ByAcquaintance:
    return ByAcquaintance(numbers.known_good, numbers.neighbour, numbers.stranger)


def connections(configuration: Configuration) -> ConnectionsSettings:
    """Give the limits of connections, those under stress beside them (D9)."""
    settings, under = configuration.shield.connections, configuration.stress.connections
    normal = LimitsByStanding(
        _limits(settings.known_good), _limits(settings.neighbour), _limits(settings.stranger), _limits(settings.marked)
    )
    stressed = LimitsByStanding(
        normal.known_good,
        _limits(settings.neighbour.bounded(under.neighbour)),
        _limits(settings.stranger.bounded(under.stranger)),
        _limits(settings.marked.bounded(under.marked)),
    )
    return ConnectionsSettings(
        slots=configuration.smtp.max_sessions,
        source_share=settings.source_share,
        network_share=settings.network_share,
        reserve=settings.reserve,
        normal=normal,
        stressed=stressed,
        network=_limits(settings.network),
        network_pause=settings.network_pause,
    )


def classes(configuration: Configuration) -> tuple[SourceClass, ...]:
    """Give the networks with limits of their own (R23)."""
    return tuple(
        SourceClass(
            each.network,
            _limits(each.limits),
            None if each.stressed is None else _limits(each.stressed),
            each.share,
        )
        for each in network_limits(configuration)
    )


def _limits(limits: ConnectionLimits) -> Limits:
    return Limits(
        limits.sessions, limits.connections, limits.messages, limits.recipients, limits.handshakes, limits.octets
    )


def greeting(configuration: Configuration) -> GreetingSettings:
    """Give the delays before the greeting."""
    settings = configuration.shield.greeting
    return GreetingSettings(
        mode(settings.mode),
        settings.stranger,
        settings.suspect,
        settings.loopback,
        settings.kept,
        configuration.stress.greeting_delay,
    )


def stress(configuration: Configuration) -> StressSettings:
    """Say when the node is under stress."""
    settings = configuration.stress
    return StressSettings(settings.enter, settings.leave, settings.hold, settings.lag, settings.descriptors)


def analysis(configuration: Configuration) -> AnalysisSettings:
    """Give the thresholds of the analysis of connections, and what this node is called."""
    settings = configuration.shield.analysis
    names = {configuration.node.hostname.lower(), *configuration.domains_by_name()}
    return AnalysisSettings(
        mode=mode(settings.mode),
        slow=settings.slow,
        refuse=settings.refuse,
        ban=settings.ban,
        pause=settings.pause,
        pause_most=settings.pause_most,
        refuse_for=settings.refuse_for,
        ban_for=settings.ban_for,
        ban_most=settings.ban_most,
        remembered=settings.remembered,
        own_names=frozenset(names),
        own_addresses=frozenset(each.host for each in configuration.listen.smtp),
    )


def reputation(configuration: Configuration) -> ReputationSettings:
    """Give the bands of the reputation, and what weighs how much."""
    settings = configuration.shield.reputation
    weights = settings.weights
    return ReputationSettings(
        throttle=settings.throttle,
        tempfail=settings.tempfail,
        reject=settings.reject,
        connections=settings.connections,
        messages=settings.messages,
        listed=settings.listed,
        threshold=settings.threshold,
        throttled_messages=settings.throttled_messages,
        throttle_pause=settings.throttle_pause,
        tempfail_messages=settings.tempfail_messages,
        bad_neighbours=settings.bad_neighbours,
        learning_days=settings.learning_days / DAY_SECONDS,
        learning_messages=settings.learning_messages,
        weights=Weights(weights.refused, weights.unknown, weights.content, weights.spam, weights.ham),
    )


def reporters(configuration: Configuration) -> dict[str, str]:
    """Give the hashes of the tokens of those who may report, by protected domain."""
    domains = configuration.domains_by_name()
    declared = configuration.shield.reputation.reporter
    return {domains[name].domain if name in domains else name: each.token_hash for name, each in declared.items()}


def list_zones(configuration: Configuration) -> tuple[ListZone, ...]:
    """Give the DNS lists that are asked."""
    declared = configuration.shield.reputation.dnsbl
    return tuple(ListZone(name, each.weight, each.ipv6, each.answers) for name, each in declared.items())


def feeds(configuration: Configuration) -> tuple[FeedSettings, ...]:
    """Give the feeds of active spammers."""
    return tuple(
        FeedSettings(
            name,
            SourceSettings.parse(str(each.source), https=HttpsSettings(ca=each.ca), limits=LIMITS),
            each.weight,
            each.every,
        )
        for name, each in configuration.shield.reputation.feed.items()
    )


def lawful(configuration: Configuration) -> LawfulSettings:
    """Give how senders and clients are judged by what DNS says."""
    settings = configuration.shield.lawful
    return LawfulSettings(
        mode=mode(settings.mode),
        unreachable=mode(settings.unreachable),
        impostor=mode(settings.impostor),
        bogon_client=mode(settings.bogon_client),
    )
