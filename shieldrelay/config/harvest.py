"""Settings of ``[shield.harvest]``: how many unknown recipients are too many. Declarations only."""

from __future__ import annotations

from attrs import frozen

from shieldrelay.config.kinds import Count, ListOf
from shieldrelay.config.mode import Mode, mode
from shieldrelay.config.quantities import Duration, Share
from shieldrelay.config.records import Record
from shieldrelay.config.setting import section, setting

_BOX = Duration("1m", "30d")
_EVIDENCE = Count(1, 1_000_000)
_DEVIATIONS = Count(1, 100)


@frozen(kw_only=True)
class ByAcquaintance:
    """A number for each kind of source (R19)."""

    known_good: int
    neighbour: int
    stranger: int


def _by_acquaintance(help: str, *, known_good: int, neighbour: int, stranger: int) -> ByAcquaintance:
    number = Count(1, 1_000_000)
    return setting(
        Record(
            ByAcquaintance(known_good=known_good, neighbour=neighbour, stranger=stranger),
            {"known_good": number, "neighbour": number, "stranger": number},
        ),
        default={"known_good": known_good, "neighbour": neighbour, "stranger": stranger},
        help=help,
    )


@section
class Harvest:
    """Directory harvest: distinct recipients that do not exist, or that no message follows (D8, R20).

    Counted per source, network and protected domain.
    """

    mode: Mode = mode()
    allowance: ByAcquaintance = _by_acquaintance(
        "Unknown recipients that a source is told of before it is cut off; what counts halves every 10 minutes.",
        known_good=12,
        neighbour=3,
        stranger=2,
    )
    allowance_slow: ByAcquaintance = _by_acquaintance(
        "The same against slow guessing; what counts halves every 24 hours.", known_good=50, neighbour=8, stranger=4
    )
    open_recipients: ByAcquaintance = _by_acquaintance(
        "Recipients that may be granted before a message follows.", known_good=1000, neighbour=50, stranger=15
    )
    open_divisor: int = setting(
        Count(1, 1000), default=5, help="By how much each unknown recipient divides open_recipients, down to 1."
    )
    abandoned_recipients: ByAcquaintance = _by_acquaintance(
        "Granted recipients whose message never came; what counts halves every 24 hours.",
        known_good=60,
        neighbour=24,
        stranger=12,
    )
    network: ByAcquaintance = _by_acquaintance(
        "Unknown recipients of a whole network before its sources have to come again; a network is never cut off "
        "(R16). What counts halves every 10 minutes.",
        known_good=60,
        neighbour=12,
        stranger=6,
    )
    network_slow: ByAcquaintance = _by_acquaintance(
        "The same; what counts halves every 24 hours.", known_good=300, neighbour=40, stranger=16
    )
    good_share: float = setting(
        Share(1, 100),
        default="40%",
        help="Share of unknown recipients above which a known-good source is cut off at a third of its allowance.",
    )
    proven: int = setting(
        Count(0, 1_000_000),
        default=5,
        help="Recipients of messages to a domain before good history earned elsewhere counts there (R19).",
    )
    box: float = setting(
        _BOX, default="30m", help="How long a source is cut off; doubled with each offence, up to box_max."
    )
    box_slow: float = setting(_BOX, default="6h", help="The same when the slow count was exceeded.")
    box_max: float = setting(_BOX, default="24h", help="The longest that a source is cut off.")
    uniform_commands: int = setting(
        Count(0, 1000),
        default=3,
        help="Recipients of a session that a source cut off may ask for, all answered alike, before it is closed.",
    )
    refuse_after: int = setting(
        Count(1, 100_000), default=10, help="Recipients asked for since the cut from which on connections are refused."
    )
    tarpit: float = setting(
        Duration("0s", "30s"),
        default="2s",
        help="How much longer an answer takes with each unknown recipient of a suspect, valid or not; 0s for none.",
    )
    tarpit_most: float = setting(Duration("0s", "60s"), default="10s", help="The longest that an answer takes.")
    shield_floor: int = setting(
        _EVIDENCE,
        default=10,
        help=(
            "Unknown recipients asked of a quiet domain, halved every 10 minutes, from which on it is shielded: "
            "strangers are all answered alike and have to come again."
        ),
    )
    shield_z: int = setting(
        _DEVIATIONS, default=6, help="Standard deviations above its usual noise from which on a domain is shielded."
    )
    wary_floor: int = setting(
        _EVIDENCE, default=5, help="As shield_floor, for the level at which allowances are halved."
    )
    wary_z: int = setting(_DEVIATIONS, default=3, help="As shield_z, for that level.")
    slow_floor: int = setting(
        _EVIDENCE, default=40, help="As shield_floor against slow guessing; halved every 6 hours."
    )
    slow_z: int = setting(_DEVIATIONS, default=4, help="As shield_z against slow guessing.")
    hold: float = setting(
        Duration("1m", "1d"), default="15m", help="How long a domain stays shielded after the last unknown recipient."
    )
    convalescence: float = setting(
        Duration("0s", "7d"), default="6h", help="How long a domain stays wary after it was shielded."
    )
    patience: tuple[float, ...] = setting(
        ListOf(Duration("1s", "2d"), least=1),
        default=["5m", "30m", "2h", "4h"],
        help=(
            "How long a stranger of a shielded domain has to wait before its retry is answered, step by step while "
            "retries are used for guessing."
        ),
    )
    patience_neighbour: float = setting(
        Duration("1s", "2d"), default="60s", help="The same for a source whose network has a clean history."
    )
    step_after: int = setting(
        Count(1, 10_000), default=3, help="Unknown recipients told to retries at one step before the next."
    )
    releases_source: int = setting(
        Count(1, 10_000), default=1, help="Unknown recipients that a source is told of by coming again, in 24 hours."
    )
    releases_network: int = setting(Count(1, 10_000), default=2, help="The same, a network.")
    pending_per_source: int = setting(
        Count(1, 10_000), default=10, help="First asks of a source that are remembered for its retry, in 24 hours."
    )
